//! `GET /api/gate` (facts §2.11), and what `clutch-gate.sh` makes of it (§8.2).

use clutch_domain::time::Millis;
use serde_json::{Value, json};

use super::{BEGIN, House, id, keys};

const HOUR: i64 = 60 * 60 * 1_000;
const NOTHING: &str = "nothing is listed";

async fn gate(house: &House) -> Value {
    house.get("/api/gate").await.ok(200)
}

/// Raises a signal of this kind and severity; answers its id.
async fn signal(house: &House, task: &str, kind: &str, severity: &str) -> String {
    let body = json!({
        "taskId": task, "sessionKey": "s", "agentId": "main", "kind": kind, "severity": severity, "message": kind,
    });
    id(&house.post("/api/signal", body).await.ok(201)["signal"])
}

async fn comment(house: &House, task: &str, author: &str, author_type: &str, kind: &str, words: &str) {
    let body = json!({ "author": author, "author_type": author_type, "type": kind, "content": words });
    house.post(&format!("/api/tasks/{task}/comments"), body).await.ok(201);
}

#[tokio::test]
async fn nothing_waits_in_an_empty_house_nor_where_everything_is_planned_or_done() {
    let house = House::on_disk();
    let empty = gate(&house).await;
    assert_eq!(keys(&empty), ["details", "needsAttention", "reason", "timestamp"], "{NOTHING}");
    assert!(empty["timestamp"].as_i64().unwrap() >= BEGIN);
    let project = house.project("site").await;
    house.task(&project, "planned", "backlog").await;
    house.task(&project, "over", "done").await;
    house.task(&project, "stands", "blocked").await;
    let running = house.task(&project, "runs", "in_progress").await;
    signal(&house, &running, "fyi", "critical").await;
    comment(&house, &running, "ada", "coordinator", "message", "words").await;
    let quiet = gate(&house).await;
    assert_eq!((&quiet["needsAttention"], &quiet["reason"]), (&json!(false), &Value::Null));
    let none = json!({
        "readyTasks": 0, "pendingInputs": 0, "stuckTasks": 0, "reviewTasks": 0, "pendingDispatch": 0,
        "unreadEscalations": 0, "pendingSignals": 0,
    });
    assert_eq!((&quiet["details"], keys(&quiet).len()), (&none, 4));
}

#[tokio::test]
async fn whatever_waits_is_counted_named_and_listed() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let first = house.task(&project, "First", "ready").await;
    let urgent = json!({ "project_id": project, "title": "Urgent", "status": "ready", "priority": "urgent" });
    let second = id(&house.post("/api/tasks", urgent).await.ok(201)["task"]);
    // Neither what somebody has nor what waits for another is there to be taken.
    let taken = json!({ "project_id": project, "title": "Taken", "status": "ready", "assignee": "kimi-coder" });
    house.post("/api/tasks", taken).await.ok(201);
    let waits = house.task(&project, "Waits", "ready").await;
    let edge = json!({ "depends_on_id": first });
    house.post(&format!("/api/tasks/{waits}/dependencies"), edge).await.ok(201);
    let review = house.task(&project, "Look at it", "in_review").await;
    let stuck = json!({ "project_id": project, "title": "Stuck", "status": "in_progress", "assignee": "kimi-coder" });
    let stuck = id(&house.post("/api/tasks", stuck).await.ok(201)["task"]);
    comment(&house, &review, "kimi-coder", "agent", "request_input", "Which colour?").await;
    let normal = signal(&house, &stuck, "question", "normal").await;
    let critical = signal(&house, &stuck, "alert", "critical").await;
    house.clock.set(Millis(BEGIN + 3 * HOUR));
    // Somebody touches it now: it is not stuck.
    house.task(&project, "Fresh", "in_progress").await;

    let gate = gate(&house).await;
    assert_eq!(gate["needsAttention"], true);
    let reason = "2 pending agent signal(s); 1 pending input request(s); 2 task(s) ready for assignment; \
                  1 stuck task(s); 1 task(s) in review";
    assert_eq!(gate["reason"], reason);
    let details = json!({
        "readyTasks": 2, "pendingInputs": 1, "stuckTasks": 1, "reviewTasks": 1, "pendingDispatch": 0,
        "unreadEscalations": 0, "pendingSignals": 2,
    });
    assert_eq!(gate["details"], details);
    assert_eq!(
        gate["tasks"],
        json!({
            "ready": [
                { "id": first, "title": "First", "priority": "medium" },
                { "id": second, "title": "Urgent", "priority": "urgent" },
            ],
            "pendingInput": [
                { "taskId": review, "taskTitle": "Look at it", "author": "kimi-coder", "content": "Which colour?" },
            ],
            "stuck": [{ "id": stuck, "title": "Stuck", "assignee": "kimi-coder", "hours": 2 }],
            "review": [{ "id": review, "title": "Look at it", "assignee": null }],
            "pendingDispatch": [],
        })
    );
    let listed = |id: &str, kind: &str, severity: &str| {
        json!({
            "id": id, "kind": kind, "severity": severity, "message": kind, "agent_id": "main", "task_id": stuck,
        })
    };
    let signals = [listed(&critical, "alert", "critical"), listed(&normal, "question", "normal")];
    assert_eq!(gate["signals"], json!(signals));
    assert_eq!(keys(&gate), ["details", "needsAttention", "reason", "signals", "tasks", "timestamp"]);

    // Answers of people and of the coordinator are answers; another agent's words are none.
    comment(&house, &review, "kimi-coder", "agent", "message", "I wait.").await;
    assert_eq!(self::gate(&house).await["details"]["pendingInputs"], 1);
    comment(&house, &review, "ada", "coordinator", "message", "Blue.").await;
    assert_eq!(self::gate(&house).await["details"]["pendingInputs"], 0);
    comment(&house, &review, "kimi-coder", "agent", "request_input", "Which blue?").await;
    assert_eq!(self::gate(&house).await["details"]["pendingInputs"], 1);
    // What lies in the bin waits for nobody.
    house.delete(&format!("/api/projects/{project}")).await.ok(200);
    let gone = self::gate(&house).await;
    assert_eq!((&gone["needsAttention"], keys(&gone).len()), (&json!(false), 4), "{gone}");
}

#[tokio::test]
async fn lists_end_after_ten_and_reading_ends_at_its_bound_and_says_so() {
    let house = House::on_disk();
    let project = house.project("site").await;
    for n in 0..12 {
        house.task(&project, &format!("r{n}"), "ready").await;
        house.task(&project, &format!("v{n}"), "in_review").await;
    }
    let twelve = gate(&house).await;
    assert_eq!((&twelve["details"]["readyTasks"], &twelve["details"]["reviewTasks"]), (&json!(12), &json!(12)));
    for list in ["ready", "review"] {
        assert_eq!(twelve["tasks"][list].as_array().unwrap().len(), 10, "{list}");
    }
    assert_eq!(twelve["tasks"]["ready"][9]["title"], "r9", "in the order of the column");
    assert_eq!(twelve.get("truncated"), None);
    // In tests thirty of a column are read.
    for n in 12..40 {
        house.task(&project, &format!("r{n}"), "ready").await;
    }
    let many = gate(&house).await;
    assert_eq!((&many["details"]["readyTasks"], &many["truncated"]), (&json!(30), &json!(true)));
}
