//! `/api/tasks/:id/complete`, and which attempt a report belongs to (facts §2.6, §4.1).

use clutch_domain::actor::Who;
use serde_json::{Value, json};

use super::{House, id, keys, known};
use crate::settings::WithoutPr;

async fn comments(house: &House, task: &str) -> Vec<Value> {
    house.get(&format!("/api/tasks/{task}/comments")).await.ok(200)["comments"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_report_brings_the_task_to_review() {
    let house = House::on_disk();
    let project = house.project("site").await;
    for (from, body, pr, words) in [
        ("in_progress", json!({ "summary": " Did it. " }), Value::Null, "## Task Completed\n\nDid it."),
        (
            "ready",
            json!({ "summary": "S", "prUrl": "https://github.com/o/r/pull/12/files", "notes": "N" }),
            json!(12),
            "## Task Completed\n\nS\n\n**Pull Request:** https://github.com/o/r/pull/12/files\n\n**Notes:** N",
        ),
        ("in_review", json!({ "summary": "S", "prUrl": " ", "notes": "" }), Value::Null, "## Task Completed\n\nS"),
        (
            "blocked",
            json!({ "summary": "S", "prUrl": "somewhere", "notes": null }),
            Value::Null,
            "## Task Completed\n\nS\n\n**Pull Request:** somewhere",
        ),
    ] {
        let task = house.task(&project, from, from).await;
        let answer = house.post(&format!("/api/tasks/{task}/complete"), body).await.ok(200);
        let comment = comments(&house, &task).await[0].clone();
        assert_eq!(
            answer,
            json!({
                "success": true, "task": { "id": task, "status": "in_review", "completed_at": null },
                "comment": { "id": comment["id"], "type": "completion" },
            })
        );
        assert_eq!(
            known(comment, &["id", "created_at"]),
            json!({
                "id": "known", "task_id": task, "author": "agent", "author_type": "agent", "content": words, "type": "completion",
                "responded_at": null, "created_at": "known", "by": "agent",
            })
        );
        let now = house.look(&task).await;
        assert_eq!((&now["status"], &now["pr_number"]), (&json!("in_review"), &pr));
    }
}

/// As the oldest versions of the original did, where somebody has set it so.
#[tokio::test]
async fn without_a_pull_request_it_can_be_done_at_once() {
    let house = House::on_disk().with_programs(|programs, _| programs.without_pr = WithoutPr::Done);
    let project = house.project("site").await;
    for (reserved, body, status) in [
        (false, json!({ "summary": "S" }), "done"),
        (false, json!({ "summary": "S", "prUrl": " " }), "done"),
        (false, json!({ "summary": "S", "prUrl": "https://github.com/o/r/pull/3" }), "in_review"),
        (true, json!({ "summary": "S" }), "in_review"),
    ] {
        let new = json!({
            "project_id": project, "title": "t", "status": "in_progress", "requires_human_review": reserved,
        });
        let task = id(&house.post("/api/tasks", new).await.ok(201)["task"]);
        let answer = house.post(&format!("/api/tasks/{task}/complete"), body.clone()).await.ok(200);
        assert_eq!(answer["task"]["status"], status, "{body}");
        assert_eq!(answer["task"]["completed_at"].is_number(), status == "done");
        assert_eq!(house.look(&task).await["status"], status);
    }
    // The agent that reported may say its last words: its run is not given up by the report.
    let task = house.task(&project, "run", "ready").await;
    let run = house.run_of(&task, 1).await;
    let report = json!({ "summary": "S", "sessionKey": run.session_key });
    house.post(&format!("/api/tasks/{task}/complete"), report).await.ok(200);
    let now = house.look(&task).await;
    assert_eq!((&now["status"], &now["agent_session_key"]), (&json!("done"), &json!(run.session_key)));
}

#[tokio::test]
async fn the_author_is_the_agent_else_the_assignee() {
    let house = House::new();
    let project = house.project("site").await;
    let body = json!({ "project_id": project, "title": "t", "assignee": "kimi" });
    house.post("/api/tasks", body).await.ok(201);
    house.post("/api/tasks/T-1/complete", json!({ "summary": "S" })).await.ok(200);
    house.post("/api/tasks/T-1/complete", json!({ "summary": "S", "agent": "ada" })).await.ok(200);
    house.post("/api/tasks/T-1/complete", json!({ "summary": "S", "agent": " " })).await.ok(200);
    let authors: Vec<Value> = comments(&house, "T-1").await.iter().map(|c| c["author"].clone()).collect();
    assert_eq!(authors, [json!("kimi"), json!("ada"), json!("kimi")]);
    let task = house.look("T-1").await["id"].as_str().unwrap().to_owned();
    let log = house.log(&task).await;
    assert_eq!((log[1].what.as_str(), &log[1].actor), ("task_completed", &Who::agent("ada")));
}

#[tokio::test]
async fn what_is_no_report() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "t", "in_progress").await;
    let path = format!("/api/tasks/{task}/complete");
    let required = ("summary_missing", "Summary is required");
    let cases = [
        (json!({}), required),
        (json!({ "summary": "" }), required),
        (json!({ "summary": null, "prUrl": "x" }), required),
        (json!({ "summary": 5 }), ("invalid_field", "summary must be a string")),
        (json!({ "summary": "s", "prUrl": 12 }), ("invalid_field", "prUrl must be a string")),
        (json!({ "summary": "s", "notes": [] }), ("invalid_field", "notes must be a string")),
        (json!({ "summary": "s", "agent": {} }), ("invalid_field", "agent must be a string")),
        (json!({ "summary": "s", "sessionKey": 1 }), ("invalid_field", "sessionKey must be a string")),
        (json!({ "summary": "s", "run_id": 1 }), ("invalid_field", "run_id must be a string")),
        (
            json!({ "summary": "s".repeat(999_999) }),
            ("text_too_long", "The text is longer than one megabyte; attach a file instead."),
        ),
    ];
    for (body, (code, sentence)) in cases {
        house.post(&path, body).await.fails(400, code, sentence);
    }
    assert_eq!(house.look(&task).await["status"], "in_progress");
    assert!(comments(&house, &task).await.is_empty());
}

#[tokio::test]
async fn a_finished_task_takes_the_words_and_stays() {
    let house = House::on_disk();
    let task = house.task(&house.project("site").await, "t", "done").await;
    let done = house.look(&task).await;
    let answer = house.post(&format!("/api/tasks/{task}/complete"), json!({ "summary": "late" })).await.ok(200);
    assert_eq!(answer["task"], json!({ "id": task, "status": "done", "completed_at": done["completed_at"] }));
    assert_eq!(comments(&house, &task).await.len(), 1);
    assert_eq!(house.look(&task).await, done);
}

#[tokio::test]
async fn a_repeated_report_is_recorded_once() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let (task, other) =
        (house.task(&project, "t", "in_progress").await, house.task(&project, "u", "in_progress").await);
    let report = async |task: &str, key: &str, summary: &str| {
        let body = json!({ "summary": summary }).to_string();
        house.raw("POST", &format!("/api/tasks/{task}/complete"), &[("idempotency-key", key)], body).await
    };
    let first = report(&task, "call-1", "S").await.ok(200);
    assert_eq!(report(&task, "call-1", "S").await.ok(200), first);
    assert_eq!(comments(&house, &task).await.len(), 1);
    // Somebody sent it back in between: the repetition does not move it again, and says how it stands.
    house.patch(&format!("/api/tasks/{task}"), json!({ "status": "ready" })).await.ok(200);
    let again = report(&task, "call-1", "S").await.ok(200);
    assert_eq!((&again["comment"], &again["task"]["status"]), (&first["comment"], &json!("ready")));
    assert_eq!(house.look(&task).await["status"], "ready");
    let sentence = "This idempotency-key belongs to another call. Give each call a key of its own.";
    report(&other, "call-1", "S").await.fails(422, "idempotency_key_reused", sentence);
    report(&task, "call-1", "T").await.fails(422, "idempotency_key_reused", sentence);
    assert_eq!(house.look(&other).await["status"], "in_progress", "the refused call moved nothing");
    // The same word for another kind of call is another key.
    let signal =
        json!({ "taskId": task, "sessionKey": "s", "agentId": "a", "kind": "fyi", "message": "m" }).to_string();
    house.raw("POST", "/api/signal", &[("idempotency-key", "call-1")], signal).await.ok(201);
}

/// The plugin takes `agent:main:` off; older ones name nothing at all.
fn names(session: &str) -> Vec<Value> {
    let short = session.strip_prefix("agent:main:").unwrap().to_owned();
    vec![
        json!({ "summary": "S", "sessionKey": session }),
        json!({ "summary": "S", "sessionKey": short }),
        json!({ "summary": "S", "sessionKey": short, "run_id": "unknown" }),
    ]
}

#[tokio::test]
async fn the_report_of_an_older_attempt_is_recorded_and_not_obeyed() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let first = house.run_of(&task, 1).await;
    house.fails(&first).await;
    let second = house.run_of(&task, 2).await;
    assert_ne!(first.session_key, second.session_key);
    let path = format!("/api/tasks/{task}/complete");
    let mut stale = names(&first.session_key);
    stale.push(json!({ "summary": "S", "run_id": first.key }));
    stale.push(json!({ "summary": "S", "runId": first.key, "sessionKey": "" }));
    let (before, count) = (house.look(&task).await, stale.len());
    for body in stale {
        let answer = house.post(&path, body.clone()).await.ok(200);
        assert_eq!(answer["task"], json!({ "id": task, "status": "in_progress", "completed_at": null }), "{body}");
        let line = &house.log(&task).await[0];
        assert_eq!((line.what.as_str(), line.data["recorded_only"].as_str()), ("task_completed", "yes"), "{body}");
    }
    assert_eq!(house.look(&task).await, before, "the task is as it was");
    assert_eq!(comments(&house, &task).await.len(), count, "what was said is kept");
    let now = house.post(&path, names(&second.session_key).remove(1)).await.ok(200);
    assert_eq!(now["task"]["status"], "in_review");
}

#[tokio::test]
async fn a_report_without_a_name_counts_for_the_current_run() {
    let house = House::new();
    let project = house.project("site").await;
    for (n, body) in
        [json!({ "summary": "S" }), json!({ "summary": "S", "sessionKey": "somebody:else" })].into_iter().enumerate()
    {
        let task = house.task(&project, &n.to_string(), "ready").await;
        let first = house.run_of(&task, 1).await;
        house.fails(&first).await;
        house.run_of(&task, 2).await;
        let answer = house.post(&format!("/api/tasks/{task}/complete"), body).await.ok(200);
        assert_eq!(keys(&answer), ["comment", "success", "task"]);
        assert_eq!(answer["task"]["status"], "in_review");
    }
}

#[tokio::test]
async fn a_session_of_another_task_finishes_nothing() {
    let house = House::new();
    let project = house.project("site").await;
    let (a, b) = (house.task(&project, "a", "ready").await, house.task(&project, "b", "ready").await);
    let of_a = house.run_of(&a, 1).await;
    house.fails(&of_a).await;
    house.run_of(&b, 1).await;
    // The session of a's run says that b is complete: it is written down, and b's own agent works on.
    let answer = house
        .post(&format!("/api/tasks/{b}/complete"), json!({ "summary": "S", "sessionKey": of_a.session_key }))
        .await
        .ok(200);
    assert_eq!(answer["task"]["status"], "in_progress");
    assert_eq!(house.look(&b).await["status"], "in_progress");
    let comments = house.get(&format!("/api/tasks/{b}/comments")).await.ok(200);
    assert!(comments["comments"][0]["content"].as_str().unwrap().contains("## Task Completed"));
    assert_eq!(house.look(&a).await["status"], "ready", "a is not touched");
}
