//! Manual dispatch (facts §2.8).

use serde_json::{Value, json};

use super::{House, NOBODY, id, keys};

async fn assigned(house: &House, project: &str, title: &str, priority: &str, assignee: &str) -> String {
    let body = json!({
        "project_id": project, "title": title, "status": "ready", "priority": priority, "assignee": assignee,
        "description": format!("About {title}."),
    });
    id(&house.post("/api/tasks", body).await.ok(201)["task"])
}

async fn pending(house: &House, query: &str) -> Value {
    house.get(&format!("/api/dispatch/pending{query}")).await.ok(200)
}

#[tokio::test]
async fn a_dispatch_waits_for_the_coordinator_until_its_task_is_taken() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = assigned(&house, &project, "Paint", "low", "kimi-coder").await;
    let path = format!("/api/tasks/{task}/dispatch");
    let before = house.get(&path).await.ok(200);
    let kimi = json!({ "id": "kimi-coder", "name": "Kimi", "model": "moonshot/kimi-for-coding", "role": "executor" });
    assert_eq!(
        keys(&before),
        [
            "agent",
            "assignee",
            "contextPreview",
            "dispatch_requested_at",
            "dispatch_requested_by",
            "dispatch_status",
            "session_id",
            "taskId",
        ]
    );
    assert_eq!((&before["agent"], &before["dispatch_status"], &before["taskId"]), (&kimi, &Value::Null, &json!(task)));
    assert!(before["contextPreview"].as_str().unwrap().starts_with("# Task Assignment"), "{before}");
    assert_eq!(pending(&house, "").await, json!({ "count": 0, "pending": [] }));

    let asked = house.post(&path, json!({})).await.ok(200);
    let now = house.look(&task).await;
    let dispatch = json!({
        "taskId": task, "agentId": "kimi-coder", "status": "pending", "label": format!("clutch-task-{}", &task[..8]),
        "requestedAt": now["dispatch_requested_at"], "requestedBy": "api",
    });
    assert_eq!(asked, json!({ "success": true, "dispatch": dispatch, "context": {} }));
    assert_eq!((&now["dispatch_status"], &now["dispatch_requested_by"]), (&json!("pending"), &json!("api")));
    assert!(now["dispatch_requested_at"].is_i64(), "{now}");
    let again = house.post(&path, json!({})).await;
    assert_eq!(again.status, 409);
    let sentence = "Task already has active dispatch";
    assert_eq!(again.json(), json!({ "error": sentence, "code": "dispatch_active", "dispatch_status": "pending" }));

    house.post(&format!("/api/tasks/{task}/comments"), json!({ "content": "In blue.", "author": "dan" })).await.ok(201);
    let listed = pending(&house, "").await;
    assert_eq!(
        (&listed["count"], keys(&listed["pending"][0])),
        (&json!(1), vec!["agent", "context", "label", "project", "task"])
    );
    let first = &listed["pending"][0];
    assert_eq!((&first["task"], &first["agent"], &first["project"]["slug"]), (&now, &kimi, &json!("site")));
    let context = first["context"].as_str().unwrap();
    let id8 = format!("- ID: {}", &task[..8]);
    for part in [
        "# Task Assignment",
        &id8,
        "- Title: Paint",
        "- Priority: Low",
        "- Status: ready",
        "About Paint.",
        "- dan: In blue.",
        "/srv/repo",
        "## Your role: executor",
    ] {
        assert!(context.contains(part), "{part} is not in {context}");
    }
    let gate = house.get("/api/gate").await.ok(200);
    assert_eq!((&gate["reason"], &gate["details"]["pendingDispatch"]), (&json!("1 pending dispatch(es)"), &json!(1)));
    assert_eq!(gate["tasks"]["pendingDispatch"], json!([{ "id": task, "title": "Paint", "assignee": "kimi-coder" }]));

    house.patch(&format!("/api/tasks/{task}"), json!({ "status": "in_progress" })).await.ok(200);
    assert_eq!(pending(&house, "").await["count"], 0, "it was taken");
    assert_eq!(house.look(&task).await["dispatch_status"], Value::Null);
}

#[tokio::test]
async fn the_most_urgent_stands_first_and_a_project_can_be_asked_alone() {
    let house = House::on_disk();
    let (one, two) = (house.project("one").await, house.project("two").await);
    let mut tasks = Vec::new();
    for (project, title, priority) in [(&one, "a", "medium"), (&two, "b", "urgent"), (&one, "c", "medium")] {
        let task = assigned(&house, project, title, priority, "").await;
        let body = json!({ "agentId": "sonnet-reviewer", "requestedBy": "dan" });
        let call = async || {
            let key = [("idempotency-key", title)];
            house.raw("POST", &format!("/api/tasks/{task}/dispatch"), &key, body.to_string()).await.ok(200)
        };
        assert_eq!(call().await, call().await, "once for its key");
        assert_eq!(house.look(&task).await["assignee"], "sonnet-reviewer");
        tasks.push(task);
    }
    let titles = |listed: &Value| -> Vec<String> {
        let all = listed["pending"].as_array().unwrap();
        all.iter().map(|entry| entry["task"]["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles(&pending(&house, "").await), ["b", "a", "c"]);
    assert_eq!(titles(&pending(&house, &format!("?projectId={one}")).await), ["a", "c"]);
    assert_eq!(titles(&pending(&house, "?projectId=two").await), ["b"]);
    // An agent that nobody knows is nobody to hand it to.
    house.patch(&format!("/api/tasks/{}", tasks[0]), json!({ "assignee": "somebody" })).await.ok(200);
    assert_eq!(titles(&pending(&house, "").await), ["b", "c"]);
    house.get("/api/dispatch/pending?projectId=nowhere").await.fails_with(404, "project_not_found");
}

#[tokio::test]
async fn a_wrong_dispatch_changes_nothing() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let done = house.task(&project, "d", "done").await;
    let before = house.look(&task).await;
    let path = format!("/api/tasks/{task}/dispatch");
    let sentence = "No agent specified: name one in agentId, or assign the task to one";
    house.post(&path, json!({})).await.fails(400, "agent_missing", sentence);
    house.post(&path, json!({ "agentId": "eve" })).await.fails(400, "agent_unknown", "Unknown agent: eve");
    house.post(&path, json!({ "agentId": 7 })).await.fails_with(400, "invalid_field");
    house.post(&path, json!({ "agentId": "ada", "requestedBy": {} })).await.fails_with(400, "invalid_field");
    house.raw("POST", &path, &[], "").await.fails_with(400, "invalid_json");
    let nobody = format!("/api/tasks/{NOBODY}/dispatch");
    house.post(&nobody, json!({ "agentId": "ada" })).await.fails_with(404, "task_not_found");
    house.get(&nobody).await.fails_with(404, "task_not_found");
    house
        .post(&format!("/api/tasks/{done}/dispatch"), json!({ "agentId": "ada" }))
        .await
        .fails_with(409, "done_is_final");
    assert_eq!(house.look(&task).await, before);
}
