//! Agents that come by themselves: they claim, ask, say that they are there, report.

use std::sync::Arc;

use clutch_domain::{
    access::TokenScope,
    actor::Actor,
    command::{Command, Retry},
    id::RunId,
    time::Millis,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{House, NOBODY, task};

async fn ready(house: &House, title: &str, priority: &str) -> Value {
    let new = json!({ "title": title, "status": "ready", "priority": priority });
    house.post("/api/v1/projects/site/tasks", new).await.ok(201)
}

async fn claim(house: &House, ask: Value) -> Value {
    house.post("/api/v1/claims", ask).await.ok(200)["claim"].clone()
}

#[tokio::test]
async fn an_agent_takes_a_ticket_to_review_by_itself() {
    let house = House::on_disk();
    house.project("site").await;
    ready(&house, "Later", "low").await;
    let urgent = ready(&house, "Paint the door", "urgent").await;
    task(&house, "Not ready").await;

    let taken = claim(&house, json!({ "project": "site", "agent": "claude", "role": null })).await;
    assert_eq!((&taken["agent"], &taken["task"]["name"]), (&json!("claude"), &urgent["name"]));
    assert_eq!((&taken["task"]["status"], &taken["run"]["state"]), (&json!("in_progress"), &json!("started")));
    assert_eq!((&taken["run"]["runtime"], &taken["run"]["held_by"]), (&json!("pull"), &json!("claude")));
    let prompt = taken["prompt"].as_str().unwrap();
    assert!(prompt.contains("Title: Paint the door") && prompt.contains("`complete_task`"), "{prompt}");
    let (run, name) = (taken["run"]["id"].as_str().unwrap().to_owned(), urgent["name"].as_str().unwrap());

    // The same agent is given the same again, another one the next.
    assert_eq!(claim(&house, json!({ "agent": "claude" })).await["run"]["id"], run);
    let other = claim(&house, json!({})).await;
    assert_eq!(other["task"]["title"], "Later");
    assert!(other["agent"].as_str().unwrap().starts_with("agent-"), "{other}");
    let nothing = house.post("/api/v1/claims", json!({ "agent": "third" })).await.ok(200);
    assert_eq!(
        (&nothing["claim"], nothing["why"].as_str().unwrap()),
        (&Value::Null, "No task is ready that could be started now.")
    );

    let beat = house.post(&format!("/api/v1/runs/{run}/heartbeat"), json!({})).await.ok(200);
    assert_eq!(beat["held_by"], "claude");
    let summary = json!({ "summary": "Painted.", "run": run });
    let done = house.post(&format!("/api/v1/tasks/{name}/complete"), summary).await.ok(200);
    assert_eq!((&done["status"], &done["open_run"]), (&json!("in_review"), &Value::Null));
    let over = house.get(&format!("/api/v1/runs/{run}")).await.ok(200);
    assert_eq!(
        (&over["state"], &over["outcome"], &over["held_until"]),
        (&json!("ended"), &json!("completed"), &Value::Null)
    );
    house.post(&format!("/api/v1/runs/{run}/heartbeat"), json!({})).await.problem(409, "run_ended");
    let context = house.get(&format!("/api/v1/tasks/{name}/context")).await.ok(200);
    assert_eq!(context["comments"][0]["kind"], "completion");
    assert_eq!(context["comments"][0]["by"], json!({ "kind": "agent", "name": "claude" }));
    assert_eq!((&context["runs"][0]["id"], &context["project"]["slug"]), (&json!(run), &json!("site")));
}

#[tokio::test]
async fn it_asks_with_options_and_waits_for_the_answer() {
    let house = Arc::new(House::on_disk());
    house.project("site").await;
    ready(&house, "Paint", "medium").await;
    let run = claim(&house, json!({})).await["run"]["id"].as_str().unwrap().to_owned();
    let ask = |more: Value| {
        let mut ask = json!({ "kind": "question", "message": "Which colour?", "options": ["Red", "Blue", "Red"] });
        ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ask
    };
    house.post("/api/v1/tasks/1/signals", ask(json!({}))).await.problem(400, "run_missing");
    house.post("/api/v1/tasks/1/signals", ask(json!({ "run": NOBODY }))).await.problem(404, "run_not_found");
    let many: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    house
        .post("/api/v1/tasks/1/signals", ask(json!({ "run": run, "options": many })))
        .await
        .problem(400, "options_invalid");
    house
        .post("/api/v1/tasks/1/signals", ask(json!({ "run": run, "wait_seconds": 51 })))
        .await
        .problem(400, "invalid_field");
    let fyi = json!({ "kind": "fyi", "message": "I begin." });
    house.post("/api/v1/tasks/1/signals", fyi).await.ok(201);

    assert_eq!(house.get("/api/v1/signals").await.ok(200)["items"], json!([]), "what is refused asks nobody");
    let asked = house.post("/api/v1/tasks/1/signals", ask(json!({ "run": run }))).await.ok(201);
    assert_eq!((&asked["options"], &asked["run_id"]), (&json!(["Red", "Blue"]), &json!(run)));
    assert_eq!(house.get(&format!("/api/v1/runs/{run}")).await.ok(200)["state"], "waiting");
    let path = format!("/api/v1/signals/{}", asked["id"].as_str().unwrap());
    assert_eq!(house.get(&format!("{path}?wait_seconds=0")).await.ok(200)["waits"], true);

    let waits = tokio::spawn({
        let (house, path) = (house.clone(), path.clone());
        async move { house.get(&format!("{path}?wait_seconds=50")).await.ok(200) }
    });
    house.post(&format!("{path}/answer"), json!({ "response": "Blue" })).await.ok(200);
    let answered = waits.await.unwrap();
    assert_eq!(
        (&answered["response"], &answered["waits"], &answered["delivery"]),
        (&json!("Blue"), &json!(false), &Value::Null)
    );
    assert_eq!(house.get(&format!("/api/v1/runs/{run}")).await.ok(200)["state"], "started");
}

#[tokio::test]
async fn what_is_given_back_or_lapses_is_ready_again() {
    let house = House::on_disk();
    house.project("site").await;
    ready(&house, "Paint", "medium").await;
    let run = claim(&house, json!({ "agent": "claude" })).await["run"]["id"].as_str().unwrap().to_owned();
    let back = house.post(&format!("/api/v1/runs/{run}/release"), json!({ "reason": "No brush." })).await.ok(200);
    assert_eq!((&back["outcome"], &back["last_words"]), (&json!("failed"), &json!("claude gave it back: No brush.")));
    let now = house.get("/api/v1/tasks/1").await.ok(200);
    assert_eq!(
        (&now["status"], &now["failures"], &now["trouble"]),
        (&json!("ready"), &json!(1), &json!("claude gave it back: No brush."))
    );
    house.clock.set(Millis(super::super::BEGIN + 100_000_000));

    let run: RunId = claim(&house, json!({ "task": "T-1" })).await["run"]["id"].as_str().unwrap().parse().unwrap();
    house.clock.set(Millis(super::super::BEGIN + 200_000_000));
    let retry = Retry { wait_ms: 0, cap: 3 };
    house.office.run(&Actor::work_loop(), &Command::LapseRun(run, retry)).await.unwrap();
    assert_eq!(house.get("/api/v1/tasks/1").await.ok(200)["status"], "ready");
    house.post("/api/v1/claims", json!({ "task": "T-9" })).await.problem(404, "task_not_found");
    house.post("/api/v1/tasks/1/move", json!({ "to": "backlog" })).await.ok(200);
    house.post("/api/v1/claims", json!({ "task": "T-1" })).await.problem(409, "not_ready");
}

#[tokio::test]
async fn an_agents_token_opens_an_agents_day_and_its_own_run_only() {
    let house = House::on_disk();
    house.project("site").await;
    ready(&house, "Paint", "medium").await;
    let (own, _) = house.token("own", TokenScope::Agent, None).await;
    let (other, _) = house.token("other", TokenScope::Agent, None).await;
    let (reads, _) = house.token("reads", TokenScope::Read, None).await;
    let ask = json!({ "agent": "claude" });
    let post = |token: &str, path: &str, body: Value| {
        let (token, path) = (format!("Bearer {token}"), path.to_owned());
        let house = &house;
        async move { house.raw("POST", &path, &[("authorization", &token)], body.to_string()).await }
    };
    post(&reads, "/api/v1/claims", ask.clone()).await.problem(403, "scope_too_small");
    let claimed = post(&own, "/api/v1/claims", ask).await.ok(200);
    let run = claimed["claim"]["run"]["id"].as_str().unwrap();
    let beat = format!("/api/v1/runs/{run}/heartbeat");
    post(&other, &beat, json!({})).await.problem(403, "run_of_another");
    post(&own, &beat, json!({})).await.ok(200);
    post(&own, "/api/v1/tasks/1/comments", json!({ "content": "I see." })).await.ok(201);
    let parts = json!({ "subtasks": [{ "title": "Sand" }, { "title": "Paint" }] });
    let split = post(&own, "/api/v1/tasks/1/split", parts).await.ok(200);
    assert_eq!((&split["items"][0]["title"], &split["items"][1]["status"]), (&json!("Sand"), &json!("ready")));
    post(&own, "/api/v1/projects", json!({ "name": "Mine" })).await.problem(403, "scope_too_small");
    assert_eq!(post(&own, "/api/v1/tasks/1/move", json!({ "to": "done" })).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn tasks_are_found_by_their_words_and_shown_pictures() {
    let house = House::on_disk();
    house.project("site").await;
    for (title, description) in [("Paint the door", "Blue."), ("Paint the wall", "Red."), ("Wash", "The DOOR, too.")] {
        let new = json!({ "title": title, "description": description });
        house.post("/api/v1/projects/site/tasks", new).await.ok(201);
    }
    let found = async |query: &str| {
        let found = house.get(&format!("/api/v1/projects/site/tasks?query={query}")).await.ok(200);
        found["items"].as_array().unwrap().iter().map(|t| t["number"].as_u64().unwrap()).collect::<Vec<u64>>()
    };
    assert_eq!(found("door").await, [3, 1]);
    assert_eq!(found("door+paint").await, [1]);
    assert_eq!(found("t-2").await, [2]);
    assert!(found("window").await.is_empty());

    let dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let shown = house.post("/api/v1/tasks/1/attachments", json!({ "content": dot, "caption": "So." })).await.ok(201);
    let content = shown["content"].as_str().unwrap();
    assert!(content.starts_with("So.\n\n![picture](/uploads/images/") && content.ends_with(".png)"), "{content}");
    for (wrong, code) in [("...", "invalid_field"), ("aGVsbG8=", "file_type"), ("", "file_type")] {
        let refused = house.post("/api/v1/tasks/1/attachments", json!({ "content": wrong })).await;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{wrong}");
    }
}
