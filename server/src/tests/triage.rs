//! `POST /api/triage/*` (facts §2.10), as the coordinator's curl lines send it.

use serde_json::{Value, json};

use super::{House, NOBODY, Reply, id, keys, known};

const STEPS: [&str; 5] = ["unblock", "reassign", "split", "escalate", "kill"];

async fn triage(house: &House, step: &str, body: Value) -> Reply {
    house.post(&format!("/api/triage/{step}"), body).await
}

/// The newest comment without what no test can know.
async fn said(house: &House, task: &str) -> Value {
    let comments = house.get(&format!("/api/tasks/{task}/comments")).await.ok(200)["comments"].clone();
    known(comments.as_array().unwrap().last().unwrap().clone(), &["id", "task_id", "created_at"])
}

fn comment(author: &str, words: &str) -> Value {
    json!({
        "id": "known", "task_id": "known", "author": author, "author_type": "agent", "content": words,
        "type": "message", "responded_at": null, "created_at": "known", "by": "program",
    })
}

#[tokio::test]
async fn an_escalated_task_waits_for_a_person_until_it_is_unblocked() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "Broken", "blocked").await;
    let answer = triage(&house, "escalate", json!({ "task_id": task, "reason": "It needs a key." })).await.ok(200);
    assert_eq!(answer, json!({ "success": true }));
    let now = house.look(&task).await;
    assert_eq!((&now["status"], &now["escalated"]), (&json!("blocked"), &json!(1)));
    let at = &now["escalated_at"];
    assert!(at.is_i64() && *at == now["triage_acked_at"] && *at == now["updated_at"], "{now}");
    let words = "Task escalated: a person must look at it. Reason: It needs a key.";
    assert_eq!(said(&house, &task).await, comment("ada", words));
    let gate = house.get("/api/gate").await.ok(200);
    assert_eq!(gate["reason"], "1 unread escalation(s)");
    assert_eq!(gate["details"]["unreadEscalations"], 1);
    // Under the id of what people were told of it, which they mark as read.
    let told = house.get("/api/notifications").await.ok(200)["notifications"][0]["id"].clone();
    let escalation = json!({
        "id": told, "severity": "critical", "message": "🚨 Escalated: Broken: It needs a key.", "agent": "ada",
    });
    assert_eq!(gate["escalations"], json!([escalation]));

    let answer = triage(&house, "unblock", json!({ "task_id": task, "actor": "haiku-triage" })).await.ok(200);
    assert_eq!(keys(&answer), ["success", "task"]);
    let now = house.look(&task).await;
    assert_eq!(answer, json!({ "success": true, "task": now }));
    assert_eq!((&now["status"], &now["escalated"], &now["escalated_at"]), (&json!("ready"), &json!(0), &Value::Null));
    assert!(now["triage_acked_at"].is_i64(), "{now}");
    assert_eq!(said(&house, &task).await, comment("haiku-triage", "Task unblocked and moved to ready."));
    assert!(house.get("/api/gate").await.ok(200).get("escalations").is_none());
    let log = house.log(&task).await;
    assert_eq!((log[0].what.as_str(), log[0].data["action"].as_str()), ("status_changed", "unblock"));
    // Whoever moves it to ready by another way has dealt with it, too.
    house.patch(&format!("/api/tasks/{task}"), json!({ "status": "blocked" })).await.ok(200);
    triage(&house, "escalate", json!({ "task_id": task })).await.ok(200);
    assert_eq!(said(&house, &task).await["content"], "Task escalated: a person must look at it.");
    house.patch(&format!("/api/tasks/{task}"), json!({ "status": "ready" })).await.ok(200);
    let now = house.look(&task).await;
    assert_eq!((&now["escalated"], &now["triage_acked_at"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn a_task_is_reassigned_and_killed() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "Broken", "blocked").await;
    let body = json!({ "task_id": task, "role": "research", "agent_model": "gpt" });
    let answer = triage(&house, "reassign", body).await.ok(200);
    let now = house.look(&task).await;
    assert_eq!(answer, json!({ "success": true, "task": now }));
    assert_eq!((&now["status"], &now["role"]), (&json!("ready"), &json!("research")));
    let words = "Task reassigned and moved to ready (role: research, model: gpt).";
    assert_eq!(said(&house, &task).await, comment("ada", words));
    // It is ready already, and keeps its role.
    triage(&house, "reassign", json!({ "task_id": task })).await.ok(200);
    assert_eq!(said(&house, &task).await["content"], "Task reassigned and moved to ready.");
    assert_eq!(house.look(&task).await["role"], "research");

    let answer = triage(&house, "kill", json!({ "task_id": task, "reason": "Nobody wants it." })).await.ok(200);
    let now = house.look(&task).await;
    assert_eq!(answer, json!({ "success": true, "task": now }));
    assert_eq!((&now["status"], now["triage_acked_at"].is_i64()), (&json!("backlog"), true));
    let words = "Task moved to backlog (killed). Reason: Nobody wants it.";
    assert_eq!(said(&house, &task).await, comment("ada", words));
}

#[tokio::test]
async fn a_task_is_split_into_ready_ones() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let other = house.task(&project, "Other", "ready").await;
    let body = json!({
        "project_id": project, "title": "Large", "status": "blocked", "priority": "high", "role": "research",
    });
    let parent = id(&house.post("/api/tasks", body).await.ok(201)["task"]);
    let body = json!({
        "task_id": parent,
        "subtasks": [
            { "title": "One", "description": "First **this**.", "priority": "urgent", "role": "dev" },
            { "title": "Two" },
        ],
    });
    let call =
        async || house.raw("POST", "/api/triage/split", &[("idempotency-key", "k")], body.to_string()).await.ok(200);
    let answer = call().await;
    assert_eq!(keys(&answer), ["parent_task_id", "subtasks", "success"]);
    assert_eq!((&answer["success"], &answer["parent_task_id"]), (&json!(true), &json!(parent)));
    let [one, two] = [0, 1].map(|n| answer["subtasks"][n].clone());
    assert_eq!((&one, &two), (&house.look(&id(&one)).await, &house.look(&id(&two)).await));
    let told = |task: &Value| ["title", "description", "status", "priority", "role"].map(|name| task[name].clone());
    assert_eq!(told(&one), ["One", "First **this**.", "ready", "urgent", "dev"]);
    assert_eq!(told(&two), [json!("Two"), Value::Null, json!("ready"), json!("high"), json!("research")]);
    let now = house.look(&parent).await;
    assert_eq!(
        (&now["status"], &now["resolution"], now["triage_acked_at"].is_i64()),
        (&json!("done"), &json!("discarded"), true)
    );
    assert_eq!(said(&house, &parent).await, comment("ada", "Task split into 2 subtasks:\n\n- One\n- Two"));
    // A repeated call is answered alike, and makes nothing.
    assert_eq!(call().await, answer);
    let list = house.get(&format!("/api/tasks?projectId={project}&status=ready")).await.ok(200)["tasks"].clone();
    let order: Vec<&Value> = list.as_array().unwrap().iter().map(|task| &task["id"]).collect();
    assert_eq!(order, [&json!(other), &one["id"], &two["id"]]);
    let shown = house.get(&format!("/api/projects/{project}")).await.ok(200)["project"]["task_count"].clone();
    assert_eq!(shown, 4);
}

#[tokio::test]
async fn a_wrong_step_changes_nothing() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "blocked").await;
    let done = house.task(&project, "d", "done").await;
    let ready = house.task(&project, "r", "ready").await;
    let before = house.get(&format!("/api/tasks?projectId={project}")).await.text;
    let parts = json!([{ "title": "One" }]);
    for step in STEPS {
        let call = async |mut body: Value| {
            if step == "split" && body.get("subtasks").is_none() {
                body["subtasks"] = parts.clone();
            }
            triage(&house, step, body).await
        };
        call(json!({})).await.fails(400, "field_missing", "task_id is required");
        call(json!({ "task_id": " " })).await.fails(400, "field_missing", "task_id is required");
        call(json!({ "task_id": 1 })).await.fails_with(400, "invalid_field");
        call(json!({ "task_id": task, "actor": ["ada"] })).await.fails_with(400, "invalid_field");
        call(json!({ "task_id": NOBODY })).await.fails_with(404, "task_not_found");
        call(json!({ "task_id": done })).await.fails_with(409, "done_is_final");
        house.raw("POST", &format!("/api/triage/{step}"), &[], "{").await.fails_with(400, "invalid_json");
        house.get(&format!("/api/triage/{step}")).await.fails_with(405, "method_not_allowed");
    }
    triage(&house, "unblock", json!({ "task_id": ready })).await.fails_with(409, "not_blocked");
    triage(&house, "escalate", json!({ "task_id": ready })).await.fails_with(409, "not_under_way");
    for (step, field, value, sentence) in [
        (
            "reassign",
            "role",
            json!("cook"),
            "Invalid role. Must be one of: pm, dev, research, reviewer, conflict_resolver",
        ),
        ("reassign", "role", json!(7), "role must be a string"),
        ("reassign", "agent_model", json!({}), "agent_model must be a string"),
        ("escalate", "reason", json!([]), "reason must be a string"),
        ("kill", "reason", json!(true), "reason must be a string"),
        (
            "split",
            "subtasks",
            json!([{ "title": "One", "priority": "vip" }]),
            "Invalid priority. Must be one of: low, medium, high, urgent",
        ),
        ("split", "subtasks", json!([{ "title": "One", "description": 1 }]), "description must be a string"),
        ("split", "subtasks", json!(["One"]), "Each subtask must be an object with a title"),
    ] {
        let mut body = json!({ "task_id": task });
        body[field] = value;
        triage(&house, step, body).await.fails(400, "invalid_field", sentence);
    }
    for missing in [Value::Null, json!([]), json!("One"), json!({ "title": "One" })] {
        let body = json!({ "task_id": task, "subtasks": missing });
        triage(&house, "split", body).await.fails(400, "subtasks_missing", "subtasks array is required");
    }
    triage(&house, "split", json!({ "task_id": task, "subtasks": [{}] })).await.fails(
        400,
        "field_missing",
        "Each subtask must have a title",
    );
    let many = vec![json!({ "title": "One" }); 51];
    triage(&house, "split", json!({ "task_id": task, "subtasks": many })).await.fails(
        400,
        "subtasks_too_many",
        "A task is split into at most 50 subtasks.",
    );
    // One whose second part is wrong makes not even the first.
    let half = json!([{ "title": "One" }, { "title": "x".repeat(201) }]);
    triage(&house, "split", json!({ "task_id": task, "subtasks": half })).await.fails_with(400, "title_too_long");
    assert_eq!(house.get(&format!("/api/tasks?projectId={project}")).await.text, before);
    for task in [task, done, ready] {
        assert_eq!(house.get(&format!("/api/tasks/{task}/comments")).await.ok(200)["comments"], json!([]));
    }
}

/// What a person must look at is finished by a person only, also by being split.
#[tokio::test]
async fn a_program_does_not_split_what_a_person_must_look_at() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let body = json!({ "project_id": project, "title": "t", "status": "blocked", "requires_human_review": true });
    let task = id(&house.post("/api/tasks", body).await.ok(201)["task"]);
    let before = house.get(&format!("/api/tasks?projectId={project}")).await.text;
    let body = json!({ "task_id": task, "subtasks": [{ "title": "One" }] });
    triage(&house, "split", body).await.fails_with(403, "humans_only");
    assert_eq!(house.get(&format!("/api/tasks?projectId={project}")).await.text, before);
    // To let it go on finishes nothing.
    triage(&house, "unblock", json!({ "task_id": task })).await.ok(200);
}

#[tokio::test]
async fn triage_is_counted_once_for_its_key() {
    let house = House::on_disk();
    let project = house.project("site").await;
    for step in ["unblock", "reassign", "escalate", "kill"] {
        let task = house.task(&project, step, "blocked").await;
        let path = format!("/api/triage/{step}");
        let call = async |actor: &str| {
            let body = json!({ "task_id": task, "actor": actor }).to_string();
            house.raw("POST", &path, &[("idempotency-key", "k")], body).await
        };
        let first = call("ada").await.ok(200);
        assert_eq!(call("ada").await.ok(200), first, "{step}");
        call("eve").await.fails_with(422, "idempotency_key_reused");
        let comments = house.get(&format!("/api/tasks/{task}/comments")).await.ok(200)["comments"].clone();
        assert_eq!(comments.as_array().unwrap().len(), 1, "{step}");
    }
}
