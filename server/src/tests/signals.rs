//! `/api/signal` and its answers (facts §2.9, §4.1).

use clutch_domain::{
    actor::Who,
    command::Command,
    doc::{Kind, Scope},
    range::{Fetch, Range},
    talk::Signal,
};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{House, NOBODY, id, keys, known};

fn asks(task: &str) -> Value {
    json!({ "taskId": task, "sessionKey": "main:site:dev:1", "agentId": "kimi", "kind": "question", "message": "Which?" })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

#[tokio::test]
async fn a_signal_has_exactly_these_fields() {
    let house = House::on_disk();
    let task = house.task(&house.project("site").await, "t", "in_progress").await;
    let made = house.post("/api/signal", asks(&task)).await.ok(201);
    assert_eq!(keys(&made), ["blocking", "signal", "signalId"]);
    assert_eq!((&made["blocking"], &made["signalId"]), (&json!(true), &made["signal"]["id"]));
    assert_eq!(
        known(made["signal"].clone(), &["id", "created_at"]),
        json!({
            "id": "known", "task_id": task, "session_key": "main:site:dev:1", "agent_id": "kimi", "kind": "question",
            "severity": "normal", "message": "Which?", "blocking": 1, "responded_at": null, "response": null,
            "delivered_at": null, "notification_status": null, "notification_error": null, "created_at": "known",
        })
    );
    assert_eq!(house.get("/api/signal").await.ok(200), json!({ "signals": [made["signal"]], "pendingCount": 1 }));
    let line = &house.log(&task).await[0];
    assert_eq!((line.what.as_str(), &line.actor), ("signal_raised", &Who::agent("kimi")));
}

#[tokio::test]
async fn each_kind_and_severity_is_taken() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "t", "in_progress").await;
    for (kind, blocking) in [("question", true), ("blocker", true), ("alert", true), ("fyi", false)] {
        for (severity, kept) in
            [("normal", "normal"), ("high", "high"), ("urgent", "high"), ("critical", "critical"), ("", "normal")]
        {
            let body = with(with(asks(&task), "kind", json!(kind)), "severity", json!(severity));
            let made = house.post("/api/signal", body).await.ok(201);
            assert_eq!(made["blocking"], json!(blocking), "{kind}");
            assert_eq!(
                (&made["signal"]["kind"], &made["signal"]["severity"]),
                (&json!(kind), &json!(kept)),
                "{severity}"
            );
            assert_eq!(made["signal"]["blocking"], json!(u8::from(blocking)));
        }
    }
    let all = house.get("/api/signal?limit=100").await.ok(200);
    assert_eq!(
        (all["signals"].as_array().unwrap().len(), &all["pendingCount"]),
        (20, &json!(15)),
        "nobody waits for fyi"
    );
    assert_eq!(
        house.post("/api/signal", with(asks("T-1"), "severity", json!(null))).await.ok(201)["signal"]["task_id"],
        json!(task)
    );
}

#[tokio::test]
async fn what_cannot_be_raised() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "t", "in_progress").await;
    let needed = "taskId, sessionKey, agentId, kind, and message are required";
    for name in ["taskId", "sessionKey", "agentId", "kind", "message"] {
        let mut short = asks(&task);
        short.as_object_mut().unwrap().remove(name);
        house.post("/api/signal", short).await.fails(400, "field_missing", needed);
        house.post("/api/signal", with(asks(&task), name, json!(" "))).await.fails(400, "field_missing", needed);
        house.post("/api/signal", with(asks(&task), name, json!(null))).await.fails(400, "field_missing", needed);
        house.post("/api/signal", with(asks(&task), name, json!([1]))).await.fails(
            400,
            "invalid_field",
            &format!("{name} must be a string"),
        );
    }
    let kinds = "Invalid kind. Must be one of: question, blocker, alert, fyi";
    house.post("/api/signal", with(asks(&task), "kind", json!("cry"))).await.fails(400, "invalid_field", kinds);
    let severities = "Invalid severity. Must be one of: normal, high, critical";
    house.post("/api/signal", with(asks(&task), "severity", json!("low"))).await.fails(
        400,
        "invalid_field",
        severities,
    );
    for nobody in [NOBODY, "nobody", "T-99"] {
        house.post("/api/signal", asks(nobody)).await.fails(404, "task_not_found", "Task not found");
    }
    house
        .post("/api/signal", with(asks(&task), "message", json!("x".repeat(1_000_001))))
        .await
        .fails_with(400, "text_too_long");
    assert_eq!(house.get("/api/signal").await.ok(200), json!({ "signals": [], "pendingCount": 0 }));
}

#[tokio::test]
async fn the_list_is_filtered_and_sorted() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let (t, u) = (house.task(&project, "t", "in_progress").await, house.task(&project, "u", "in_progress").await);
    let raise = async |task: &str, kind: &str, severity: &str, message: &str| {
        let body = json!({ "taskId": task, "sessionKey": "s", "agentId": "a", "kind": kind, "severity": severity, "message": message });
        id(&house.post("/api/signal", body).await.ok(201)["signal"])
    };
    raise(&t, "question", "normal", "old").await;
    raise(&t, "fyi", "critical", "loud").await;
    raise(&u, "blocker", "high", "stuck").await;
    let answered = raise(&u, "question", "normal", "new").await;
    house
        .by_loop(Command::AnswerSignal(
            answered.parse().unwrap(),
            clutch_domain::text::Body::parse("yes").unwrap().unwrap(),
        ))
        .await;
    let list = async |query: &str| -> Vec<String> {
        let list = house.get(&format!("/api/signal?{query}")).await.ok(200);
        assert_eq!(list["pendingCount"], 2, "pending counts everything, whatever is listed");
        list["signals"].as_array().unwrap().iter().map(|s| s["message"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list("").await, ["loud", "stuck", "new", "old"], "by severity, then newest");
    assert_eq!(list(&format!("task_id={t}")).await, ["loud", "old"]);
    assert_eq!(list("task_id=T-2").await, ["stuck", "new"]);
    assert_eq!(list("kind=question").await, ["new", "old"]);
    assert_eq!(list("blocking=true").await, ["stuck", "new", "old"]);
    assert_eq!(list("unresponded=true").await, ["loud", "stuck", "old"]);
    assert_eq!(list(&format!("task_id={u}&blocking=true&unresponded=true&kind=blocker")).await, ["stuck"]);
    assert_eq!(list("limit=1").await, ["loud"]);
    assert_eq!(list("limit=&kind=&task_id=&blocking=false").await.len(), 4);
    house.get("/api/signal?kind=cry").await.fails_with(400, "invalid_field");
    house.get("/api/signal?limit=many").await.fails(400, "invalid_field", "limit must be a whole number");
    house.get(&format!("/api/signal?task_id={NOBODY}")).await.fails(404, "task_not_found", "Task not found");
    house.get("/api/signal?task_id=nobody").await.fails(404, "task_not_found", "Task not found");
}

#[tokio::test]
async fn a_repeated_signal_is_raised_once() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let (task, other) =
        (house.task(&project, "t", "in_progress").await, house.task(&project, "u", "in_progress").await);
    let raise = async |body: Value, key: &str| {
        house.raw("POST", "/api/signal", &[("idempotency-key", key)], body.to_string()).await
    };
    let first = raise(asks(&task), "call-1").await.ok(201);
    assert_eq!(raise(asks(&task), "call-1").await.ok(201), first);
    // Also when much has happened in between: the answer tells how it stands.
    let signal = id(&first["signal"]);
    house
        .by_loop(Command::AnswerSignal(
            signal.parse().unwrap(),
            clutch_domain::text::Body::parse("a").unwrap().unwrap(),
        ))
        .await;
    let again = raise(asks(&task), "call-1").await.ok(201);
    assert_eq!((id(&again["signal"]), &again["signal"]["response"]), (signal, &json!("a")));
    let sentence = "This idempotency-key belongs to another call. Give each call a key of its own.";
    raise(asks(&other), "call-1").await.fails(422, "idempotency_key_reused", sentence);
    raise(with(asks(&task), "message", json!("Other?")), "call-1").await.fails(422, "idempotency_key_reused", sentence);
    raise(asks(&task), "call-2").await.ok(201);
    let all = house.get("/api/signal").await.ok(200);
    assert_eq!((all["signals"].as_array().unwrap().len(), &all["pendingCount"]), (2, &json!(1)));
    assert_eq!(house.log(&other).await.len(), 1, "nothing was written for the refused call");
}

/// Plays the outbox: settles the first answer that is on its way.
pub async fn settles(house: &House, signal: &str, project: &str, how: Result<String, String>) {
    let range = Range::doc(Kind::Signal, signal);
    let scopes = vec![Scope::Project(project.parse().unwrap())];
    let mut watch = house.office.store().watch(Fetch { scopes, ranges: vec![range.clone()] });
    while let Some(read) = watch.next().await {
        if read.unwrap().value.first::<Signal>(&range).is_some_and(|s| s.responded_at.is_some()) {
            break;
        }
    }
    let how = how.map_err(Into::into);
    house.by_loop(Command::SettleAnswer(signal.parse().unwrap(), how)).await;
}

#[tokio::test]
async fn an_answer_says_whether_it_arrived() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "in_progress").await;
    for (how, sent, status, error) in [
        (Ok("run-9".to_owned()), true, "sent", Value::Null),
        (Err("no such session".to_owned()), false, "failed", json!("no such session")),
    ] {
        let signal = id(&house.post("/api/signal", asks(&task)).await.ok(201)["signal"]);
        let path = format!("/api/signal/{signal}/respond");
        let (answer, ()) = tokio::join!(
            house.post(&path, json!({ "response": " The first. " })),
            settles(&house, &signal, &project, how)
        );
        let answer = answer.ok(200);
        assert_eq!(keys(&answer), ["notificationSent", "signal", "success"]);
        assert_eq!((&answer["success"], &answer["notificationSent"]), (&json!(true), &json!(sent)));
        let kept = known(answer["signal"].clone(), &["id", "created_at", "responded_at"]);
        assert_eq!(
            (&kept["response"], &kept["notification_status"], &kept["notification_error"]),
            (&json!("The first."), &json!(status), &error)
        );
        assert_eq!(kept["delivered_at"].is_i64(), sent);
        house.post(&path, json!({ "response": "again" })).await.fails(
            409,
            "signal_answered",
            "Signal has already been responded to",
        );
        let listed = house.get("/api/signal?limit=1").await.ok(200);
        assert_eq!((&listed["signals"][0], &listed["pendingCount"]), (&answer["signal"], &json!(0)));
    }
    let answers: Vec<_> = house.log(&task).await.into_iter().filter(|l| l.what == "signal_answered").collect();
    assert!(answers.len() == 2 && answers.iter().all(|l| l.actor == Who::program(None)), "{answers:?}");
}

/// Takes as long as the caller is kept waiting: five seconds.
#[tokio::test]
async fn an_answer_that_nobody_takes_is_kept() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "t", "in_progress").await;
    let signal = id(&house.post("/api/signal", asks(&task)).await.ok(201)["signal"]);
    let answer = house.post(&format!("/api/signal/{signal}/respond"), json!({ "response": "yes" })).await.ok(200);
    assert_eq!((&answer["success"], &answer["notificationSent"]), (&json!(true), &json!(false)));
    assert_eq!(answer["signal"]["notification_status"], "pending");
}

#[tokio::test]
async fn what_is_no_answer() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "t", "in_progress").await;
    let signal = id(&house.post("/api/signal", asks(&task)).await.ok(201)["signal"]);
    let path = format!("/api/signal/{signal}/respond");
    for body in [
        json!({}),
        json!({ "response": null }),
        json!({ "response": 5 }),
        json!({ "response": ["x"] }),
        json!({ "response": " " }),
    ] {
        house.post(&path, body).await.fails(400, "response_missing", "response is required and must be a string");
    }
    house.post(&path, json!({ "response": "x".repeat(1_000_001) })).await.fails_with(400, "text_too_long");
    for nobody in [NOBODY, "nobody"] {
        house.post(&format!("/api/signal/{nobody}/respond"), json!({ "response": "x" })).await.fails(
            404,
            "signal_not_found",
            "Signal not found",
        );
    }
    assert_eq!(house.get("/api/signal").await.ok(200)["pendingCount"], 1);
}

#[tokio::test]
async fn an_answer_goes_into_no_session_of_another_project() {
    let house = House::new();
    let (here, there) = (house.project("site").await, house.project("shop").await);
    let task = house.task(&here, "t", "in_progress").await;
    let theirs = house.task(&there, "u", "ready").await;
    let run = house.run_of(&theirs, 1).await;
    let mut chats = Vec::new();
    for project in [&here, &there] {
        chats.push(id(&house.get(&format!("/api/chats?projectId={project}")).await.ok(200)["chats"][0]));
    }
    let raise = async |session: &str| {
        let body = json!({ "taskId": task, "sessionKey": session, "agentId": "a", "kind": "question", "message": "?" });
        house.post("/api/signal", body).await
    };
    let short = run.session_key.strip_prefix("agent:main:").unwrap();
    for session in
        [&format!("agent:main:clutch:shop:{}", chats[1]), &format!("clutch:x:{NOBODY}"), &run.session_key, short]
    {
        raise(session).await.fails(400, "session_elsewhere", "This session belongs to another project.");
    }
    // An agent that asks from its own chat, and one that somebody runs by hand.
    for session in [&format!("agent:main:clutch:site:{}", chats[0]), "agent:main:main"] {
        raise(session).await.ok(201);
    }
}
