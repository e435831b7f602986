//! `POST /api/tasks/:id/abort` (facts §2.6) and `POST /api/chat/abort` (§2.4).

use clutch_domain::{command::Command, run::Run};
use serde_json::{Value, json};

use super::{
    House, NOBODY,
    gateways::{Scripted, alone},
    id,
};

fn answers(method: &str, _: &Value) -> Result<Value, &'static str> {
    match method {
        "chat.abort" => Ok(json!({ "ok": true, "aborted": true, "runIds": ["r"] })),
        "sessions.list" => Ok(json!({ "sessions": [] })),
        _ => Err("unknown method"),
    }
}

fn result(killed: bool, errors: &[&str]) -> Value {
    json!({ "success": true, "result": {
        "success": true, "sessionKilled": killed, "worktreeRemoved": false, "branchDeleted": false, "errors": errors,
    } })
}

#[tokio::test]
async fn what_an_agent_did_is_discarded_and_whoever_works_is_stopped() {
    let gateway = Scripted::open(answers).await;
    let house = gateway.house().await;
    let project = house.project("site").await;
    // One that somebody runs by hand, with a session of its own.
    let by_hand = json!({
        "project_id": project, "title": "t", "status": "in_progress", "agent_session_key": "agent:main:by-hand",
    });
    let task = id(&house.post("/api/tasks", by_hand).await.ok(201)["task"]);
    let path = format!("/api/tasks/{task}/abort");
    assert_eq!(house.raw("POST", &path, &[], "").await.ok(200), result(true, &[]));
    assert_eq!(gateway.of("chat.abort")[0]["sessionKey"], "agent:main:by-hand");
    let now = house.look(&task).await;
    let shown = ["status", "resolution", "agent_session_key", "triage_acked_at"].map(|name| now[name].clone());
    assert_eq!(shown, [json!("done"), json!("discarded"), Value::Null, Value::Null]);
    let comments = house.get(&format!("/api/tasks/{task}/comments")).await.ok(200)["comments"].clone();
    let said = ["author", "author_type", "type"].map(|name| comments[0][name].clone());
    assert_eq!(said, [json!("user"), json!("human"), json!("message")]);
    let over = "Task is not in_progress (current status: done)";
    house.raw("POST", &path, &[], "").await.fails(400, "not_in_progress", over);
    // Nobody works on it.
    let alone = house.task(&project, "alone", "in_progress").await;
    let told = house.post(&format!("/api/tasks/{alone}/abort"), json!({ "triggeredBy": "dan" })).await;
    assert_eq!(told.ok(200), result(false, &[]));
    let comments = house.get(&format!("/api/tasks/{alone}/comments")).await.ok(200)["comments"].clone();
    assert_eq!(comments[0]["author"], "dan");
}

#[tokio::test]
async fn the_loops_own_agent_is_the_loops_to_stop() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let run = house.run_of(&task, 1).await;
    let told = house.post(&format!("/api/tasks/{task}/abort"), json!({})).await.ok(200);
    // No loop runs in this house, so nobody has stopped it when the answer is given.
    assert_eq!(told, result(false, &["The agent is being stopped; it was still at work when this was answered."]));
    let now = house.look(&task).await;
    assert_eq!((&now["status"], &now["agent_session_key"]), (&json!("done"), &json!(run.session_key)));

    let other = house.task(&project, "other", "ready").await;
    let run = house.run_of(&other, 1).await;
    let end = clutch_domain::command::EndRun {
        run: run.id,
        as_id: None,
        how: clutch_domain::run::Ended::Aborted,
        last_words: "Stopped.".into(),
        used: None,
        retry: clutch_domain::command::Retry { wait_ms: 0, cap: 9 },
    };
    let path = format!("/api/tasks/{other}/abort");
    let (told, _) = tokio::join!(house.post(&path, json!({})), async {
        // As the loop would, once it sees the task gone.
        while house.look(&other).await["status"] != "done" {
            tokio::task::yield_now().await;
        }
        house.by_loop(Command::RunEnded(end)).await
    });
    assert_eq!(told.ok(200), result(true, &[]));
    assert!(!house.office.get::<Run>(run.id).await.unwrap().unwrap().open());
}

#[tokio::test]
async fn a_wrong_abort_changes_nothing() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let ready = house.task(&project, "t", "ready").await;
    let path = format!("/api/tasks/{ready}/abort");
    let before = house.look(&ready).await;
    let sentence = "Task is not in_progress (current status: ready)";
    house.post(&path, json!({})).await.fails(400, "not_in_progress", sentence);
    house.post(&path, json!({ "triggeredBy": 7 })).await.fails_with(400, "invalid_field");
    house.raw("POST", &path, &[], "{").await.fails_with(400, "invalid_json");
    house.post(&format!("/api/tasks/{NOBODY}/abort"), json!({})).await.fails_with(404, "task_not_found");
    assert_eq!(house.look(&ready).await, before);
    // What a person must look at is thrown away by a person only.
    let new = json!({
        "project_id": project, "title": "r", "status": "in_progress", "requires_human_review": true,
    });
    let reserved = id(&house.post("/api/tasks", new).await.ok(201)["task"]);
    house.post(&format!("/api/tasks/{reserved}/abort"), json!({})).await.fails_with(403, "humans_only");
    assert_eq!(house.look(&reserved).await["status"], "in_progress");
}

#[tokio::test]
async fn an_answer_is_stopped_in_its_session() {
    let gateway = Scripted::open(answers).await;
    let house = gateway.house().await;
    let project = house.project("site").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    let session = format!("clutch:site:{chat}");
    let done = json!({ "success": true, "message": "Chat abort request processed" });
    for (body, key) in [("", "main"), ("{}", "main"), (&json!({ "sessionKey": session }).to_string(), session.as_str())]
    {
        assert_eq!(house.raw("POST", "/api/chat/abort", &[], body.to_owned()).await.ok(200), done, "{body}");
        assert_eq!(gateway.of("chat.abort").last().unwrap()["sessionKey"], key);
    }
    house.post("/api/chat/abort", json!({ "sessionKey": ["main"] })).await.fails_with(400, "invalid_field");
    house.raw("POST", "/api/chat/abort", &[], "[").await.fails_with(400, "invalid_json");

    let house = alone().await;
    let away = house.post("/api/chat/abort", json!({})).await;
    assert_eq!((away.status.as_u16(), away.headers["retry-after"].to_str().unwrap()), (503, "5"));
    assert_eq!(away.json(), json!({ "error": "OpenClaw gateway not connected", "code": "gateway_away" }));
}
