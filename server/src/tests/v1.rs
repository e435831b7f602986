//! API v1 through the real router.

mod document;
mod events;
mod pull;
mod why;

use axum::body::Body;
use http::StatusCode;
use serde_json::{Value, json};

use super::{House, NOBODY, Reply, id, keys};
use crate::http::door::Door;

impl Reply {
    /// A problem with this status and code, and nothing else than a problem has.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let body = self.json();
        assert_eq!(keys(&body), ["code", "detail", "request_id", "status", "title", "type"]);
        assert_eq!((&body["status"], &body["code"]), (&json!(status), &json!(code)), "{body}");
        assert_eq!(body["type"], format!("urn:openclutch:problem:{code}"));
        assert_eq!(body["request_id"], self.headers["x-request-id"].to_str().unwrap());
        assert!(body["detail"].as_str().is_some_and(|words| !words.is_empty()), "{body}");
        body
    }

    fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }
}

async fn with(house: &House, method: &str, path: &str, header: (&str, &str), body: Value) -> Reply {
    house.raw(method, path, &[header], body.to_string()).await
}

async fn project(house: &House) -> String {
    id(&house.post("/api/v1/projects", json!({ "name": "Site", "slug": "site" })).await.ok(201))
}

async fn task(house: &House, title: &str) -> Value {
    house.post("/api/v1/projects/site/tasks", json!({ "title": title })).await.ok(201)
}

#[tokio::test]
async fn a_program_works_on_a_board() {
    let house = House::on_disk();
    let site = project(&house).await;
    assert_eq!(house.get("/api/v1/projects").await.ok(200)["items"][0]["slug"], "site");
    let patch = json!({ "description": "All of it.", "models": { "dev": "sonnet" }, "work_loop_max_agents": 2 });
    let changed = house.patch("/api/v1/projects/site", patch).await.ok(200);
    assert_eq!(
        (&changed["description"], &changed["models"], &changed["work_loop_max_agents"], &changed["id"]),
        (&json!("All of it."), &json!({ "dev": "sonnet" }), &json!(2), &json!(site))
    );
    let cleared = house.patch("/api/v1/projects/site", json!({ "description": null })).await.ok(200);
    assert_eq!((&cleared["description"], &cleared["work_loop_max_agents"]), (&Value::Null, &json!(2)));

    let first = task(&house, "Paint").await;
    assert_eq!((&first["name"], &first["status"], &first["tags"]), (&json!("T-1"), &json!("backlog"), &json!([])));
    assert!(first["created_at"].as_str().unwrap().starts_with("2023-11-14T22:13:2"), "{first}");
    let more = json!({
        "title": "Hang", "status": "ready", "priority": "high", "role": "dev", "tags": ["wall", "wall"],
        "assignee": "kim", "depends_on": ["T-1"],
    });
    let second = house.post("/api/v1/projects/site/tasks", more).await.ok(201);
    assert_eq!(
        (&second["dependencies"], &second["open_dependencies"], &second["tags"], &second["assignee"]),
        (&json!(1), &json!(1), &json!(["wall"]), &json!("kim"))
    );
    let patch = json!({ "title": "Hang it", "role": null, "assignee": " ", "pr_number": 7 });
    let patched = house.patch("/api/v1/tasks/2", patch).await.ok(200);
    assert_eq!(
        (&patched["title"], &patched["role"], &patched["assignee"], &patched["pr_number"], &patched["priority"]),
        (&json!("Hang it"), &Value::Null, &Value::Null, &json!(7), &json!("high"))
    );

    let edges = house.get("/api/v1/tasks/T-2/dependencies").await.ok(200);
    assert_eq!((&edges["depends_on"][0]["title"], edges["blocks"].as_array().unwrap().len()), (&json!("Paint"), 0));
    let edge = "/api/v1/tasks/T-2/dependencies/T-1";
    assert_eq!(house.raw("PUT", edge, &[], Body::empty()).await.ok(200)["task_id"], second["id"], "it is there");
    for _ in 0..2 {
        assert_eq!(house.delete(edge).await.status, StatusCode::NO_CONTENT);
    }
    house.raw("PUT", edge, &[], Body::empty()).await.ok(201);
    house.raw("PUT", "/api/v1/tasks/1/dependencies/2", &[], Body::empty()).await.problem(400, "dependency_cycle");

    house.delete(edge).await;
    let moved = house.post("/api/v1/tasks/T-2/move", json!({ "to": "backlog", "place": "top" })).await.ok(200);
    assert!(moved["position"].as_f64() < first["position"].as_f64(), "{moved}");
    let behind = json!({ "to": "backlog", "place": { "after": "T-1" } });
    let moved = house.post("/api/v1/tasks/T-2/move", behind).await.ok(200);
    assert!(moved["position"].as_f64() > first["position"].as_f64(), "{moved}");
    let done = json!({ "to": "done", "resolution": "discarded", "reason": "not now" });
    house.post("/api/v1/tasks/1/move", done).await.ok(200);
    house.post("/api/v1/tasks/1/move", json!({ "to": "ready" })).await.problem(409, "done_is_final");
    house.post("/api/v1/tasks/1/move", json!({ "to": "ready", "reopen": true })).await.ok(200);
    assert_eq!(house.get("/api/v1/projects/site/counts").await.ok(200), json!({ "backlog": 1, "ready": 1 }));

    let words = json!({ "content": "In **blue**.", "author": "ada" });
    let comment = house.post("/api/v1/tasks/1/comments", words).await.ok(201);
    assert_eq!(comment["by"], json!({ "kind": "program", "name": "ada" }), "{comment}");
    assert_eq!(comment["author_type"], "agent");
    assert_eq!(house.get("/api/v1/tasks/1/comments").await.ok(200)["items"], json!([comment]));

    assert_eq!(house.delete("/api/v1/tasks/2").await.status, StatusCode::NO_CONTENT);
    house.get("/api/v1/tasks/2").await.problem(404, "task_not_found");
    assert_eq!(house.delete("/api/v1/projects/site").await.status, StatusCode::NO_CONTENT);
    house.get("/api/v1/tasks/1").await.problem(404, "task_not_found");
    house.get("/api/v1/projects/site").await.problem(404, "project_not_found");
    let back = house.raw("POST", &format!("/api/v1/projects/{site}/restore"), &[], Body::empty()).await.ok(200);
    assert_eq!(back["slug"], "site");
    assert_eq!(house.get("/api/v1/tasks/1").await.ok(200)["title"], "Paint");
}

#[tokio::test]
async fn what_agents_ask_is_read_and_answered() {
    let house = House::on_disk();
    house.project("site").await;
    let task = id(&task(&house, "Paint").await);
    house.patch(&format!("/api/tasks/{task}"), json!({ "status": "ready" })).await.ok(200);
    let run = house.run_of(&task, 1).await;
    let runs = house.get("/api/v1/tasks/1/runs").await.ok(200);
    assert_eq!((&runs["items"][0]["id"], &runs["items"][0]["state"]), (&json!(run.id), &json!("started")));
    let signal = json!({
        "taskId": task, "task_id": task, "sessionKey": run.session_key, "session_key": run.session_key,
        "agentId": "kim", "agent_id": "kim", "kind": "question", "message": "Which blue?",
    });
    let asked = id(&house.post("/api/signal", signal).await.ok(201)["signal"]);
    for list in ["/api/v1/signals", "/api/v1/tasks/1/signals"] {
        let found = house.get(list).await.ok(200)["items"][0].clone();
        assert_eq!(
            (&found["id"], &found["waits"], &found["agent"]),
            (&json!(asked), &json!(true), &json!("kim")),
            "{list}"
        );
    }
    let answer = format!("/api/v1/signals/{asked}/answer");
    house.post(&answer, json!({ "response": "  " })).await.problem(400, "response_missing");
    let answered = house.post(&answer, json!({ "response": "Navy." })).await.ok(200);
    assert_eq!(
        (&answered["response"], &answered["waits"], &answered["answered_by"]["kind"], &answered["delivery"]),
        (&json!("Navy."), &json!(false), &json!("program"), &json!("pending"))
    );
    house.post(&answer, json!({ "response": "Sky." })).await.problem(409, "signal_answered");
    assert_eq!(house.get("/api/v1/signals").await.ok(200)["items"], json!([]));
    assert_eq!(house.get(&format!("/api/v1/signals/{asked}")).await.ok(200)["response"], "Navy.");
    house.get(&format!("/api/v1/signals/{NOBODY}")).await.problem(404, "signal_not_found");
}

#[tokio::test]
async fn chats_and_their_messages() {
    let house = House::on_disk();
    project(&house).await;
    let chat = house.post("/api/v1/projects/site/chats", json!({ "title": "Colours" })).await.ok(201);
    let path = format!("/api/v1/chats/{}", chat["id"].as_str().unwrap());
    assert_eq!(house.patch(&path, json!({ "title": "Blues" })).await.ok(200)["title"], "Blues");
    let messages = format!("{path}/messages");
    for n in 0..5 {
        let sent = house.post(&messages, json!({ "content": format!("word {n}") })).await.ok(201);
        assert_eq!((&sent["author"], &sent["carried"]), (&json!("program"), &json!(false)));
    }
    let sent = house.post(&messages, json!({ "content": "to the agent", "send": true })).await.ok(201);
    assert_eq!((&sent["delivery"], &sent["carried"]), (&json!("sent"), &json!(true)));
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("{messages}?limit=4{cursor}")).await.ok(200);
        read.extend(page["items"].as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(read, ["to the agent", "word 4", "word 3", "word 2", "word 1", "word 0"]);
    assert_eq!(house.get("/api/v1/projects/site/chats").await.ok(200)["items"].as_array().unwrap().len(), 2);
    assert_eq!(house.delete(&path).await.status, StatusCode::NO_CONTENT);
    house.get(&messages).await.problem(404, "chat_not_found");
}

#[tokio::test]
async fn only_what_one_has_seen_is_changed() {
    let house = House::on_disk();
    project(&house).await;
    task(&house, "Paint").await;
    let path = "/api/v1/tasks/1";
    let seen = house.get(path).await;
    let etag = seen.etag();
    let known = house.raw("GET", path, &[("if-none-match", &format!("\"0\", W/{etag}"))], Body::empty()).await;
    assert_eq!((known.status, known.etag(), known.text.as_str()), (StatusCode::NOT_MODIFIED, etag.clone(), ""));
    let patch = |title: &str| json!({ "title": title });
    let changed = with(&house, "PATCH", path, ("if-match", &etag), patch("Paint it")).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_ne!(changed.etag(), etag);
    assert_eq!(house.get(path).await.etag(), changed.etag());
    assert_eq!(house.raw("GET", path, &[("if-none-match", &etag)], Body::empty()).await.ok(200)["title"], "Paint it");
    for (method, path, body) in [
        ("PATCH", path, patch("Mine")),
        ("DELETE", path, Value::Null),
        ("POST", "/api/v1/tasks/1/move", json!({ "to": "ready" })),
    ] {
        with(&house, method, path, ("if-match", &etag), body).await.problem(412, "changed_meanwhile");
    }
    with(&house, "PATCH", path, ("if-match", "yesterday's"), patch("Mine")).await.problem(400, "invalid_if_match");
    with(&house, "PATCH", path, ("if-match", "\"1\", \"2\""), patch("Mine")).await.problem(400, "invalid_if_match");
    assert_eq!(house.get(path).await.ok(200)["title"], "Paint it", "nothing of that was done");
    with(&house, "PATCH", path, ("if-match", "*"), patch("Any")).await.ok(200);

    // Of many who have seen the same, one is first.
    let etag = house.get(path).await.etag();
    let all = (0..8).map(|n| {
        let (house, etag) = (&house, &etag);
        async move { with(house, "PATCH", path, ("if-match", etag), json!({ "title": format!("By {n}") })).await }
    });
    let all = futures_util::future::join_all(all).await;
    let done: Vec<&Reply> = all.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(done.len(), 1, "{all:?}");
    all.iter().filter(|reply| reply.status != 200).for_each(|reply| _ = reply.problem(412, "changed_meanwhile"));
    assert_eq!(house.get(path).await.ok(200)["title"], done[0].json()["title"]);
}

#[tokio::test]
async fn a_call_that_is_repeated_is_done_once() {
    let house = House::on_disk();
    project(&house).await;
    let path = "/api/v1/projects/site/tasks";
    let (key, body) = (("idempotency-key", "monday"), json!({ "title": "Paint" }));
    let first = with(&house, "POST", path, key, body.clone()).await.ok(201);
    assert_eq!(with(&house, "POST", path, key, body).await.ok(201), first);
    with(&house, "POST", path, key, json!({ "title": "Hang" })).await.problem(422, "idempotency_key_reused");
    with(&house, "POST", path, ("idempotency-key", ""), json!({ "title": "x" }))
        .await
        .problem(400, "invalid_idempotency_key");
    assert_eq!(house.get(path).await.ok(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn no_task_is_lost_or_doubled_while_it_moves() {
    let house = House::on_disk();
    project(&house).await;
    for n in 0..25 {
        task(&house, &format!("Task {n}")).await;
    }
    let (mut met, mut cursor, mut round) = (Vec::new(), String::new(), 0);
    loop {
        let page = house.get(&format!("/api/v1/projects/site/tasks?limit=4{cursor}")).await.ok(200);
        met.extend(page["items"].as_array().unwrap().iter().map(|t| t["number"].as_u64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        round += 1;
        // What was met goes where it was not, and the other way round.
        let (old, new) = (25 - round, round);
        house.post(&format!("/api/v1/tasks/{old}/move"), json!({ "to": "done" })).await.ok(200);
        house.post(&format!("/api/v1/tasks/{new}/move"), json!({ "to": "backlog", "place": "top" })).await.ok(200);
    }
    assert_eq!(met, (1..=25).rev().collect::<Vec<u64>>());
    let done = house.get("/api/v1/projects/site/tasks?status=done").await.ok(200);
    assert_eq!(done["items"].as_array().unwrap().len(), round);
}

#[tokio::test]
async fn no_chat_is_lost_or_doubled_while_somebody_speaks_in_it() {
    let house = House::on_disk();
    project(&house).await;
    let path = "/api/v1/projects/site/chats";
    let mut made = vec![id(&house.get(path).await.ok(200)["items"][0])];
    for n in 0..12 {
        made.push(id(&house.post(path, json!({ "title": format!("Chat {n}") })).await.ok(201)));
    }
    let (mut met, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("{path}?limit=3{cursor}")).await.ok(200);
        met.extend(page["items"].as_array().unwrap().iter().map(id));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        // What was met goes to the front, and so does what was not.
        for chat in [met.last().unwrap(), &made[met.len() % made.len()]] {
            let words = json!({ "content": "A word." });
            house.post(&format!("/api/v1/chats/{chat}/messages"), words).await.ok(201);
        }
    }
    made.reverse();
    assert_eq!(met, made);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_place() {
    let house = House::on_disk();
    project(&house).await;
    task(&house, "Paint").await;
    let tasks = "/api/v1/projects/site/tasks";
    for (method, path, body, code, place) in [
        ("POST", tasks, json!({ "title": "x", "titel": "y" }), "unknown_field", "titel"),
        (
            "POST",
            tasks,
            json!({ "title": "x", "requires_human_review": "false" }),
            "invalid_field",
            "requires_human_review",
        ),
        ("POST", tasks, json!({ "title": "x", "priority": "asap" }), "invalid_field", "priority"),
        ("POST", tasks, json!({ "title": "x", "tags": [1] }), "invalid_field", "tags[0]"),
        ("POST", tasks, json!({ "title": "x", "tags": null }), "invalid_field", "tags"),
        ("POST", tasks, json!({ "title": 7 }), "invalid_field", "title"),
        ("POST", tasks, json!({}), "invalid_field", "title"),
        ("POST", tasks, json!(["x"]), "invalid_json", "object"),
        ("POST", tasks, json!({ "title": " " }), "title_missing", ""),
        ("PATCH", "/api/v1/tasks/1", json!({ "status": "done" }), "unknown_field", "status"),
        ("PATCH", "/api/v1/tasks/1", json!({ "pr_number": -1 }), "invalid_field", "pr_number"),
        ("POST", "/api/v1/tasks/1/move", json!({ "to": "away" }), "invalid_field", "to"),
        ("POST", "/api/v1/tasks/1/move", json!({ "to": "ready", "place": "left" }), "invalid_field", "place"),
        ("PATCH", "/api/v1/projects/site", json!({ "work_loop_max_agents": 0 }), "max_agents_invalid", ""),
        ("POST", "/api/v1/projects", json!({ "name": "Other", "slug": "No slug!" }), "slug_invalid", ""),
    ] {
        let problem = with(&house, method, path, ("accept", "*/*"), body.clone()).await.problem(400, code);
        assert!(problem["detail"].as_str().unwrap().contains(place), "{body}: {problem}");
    }
    house.raw("POST", tasks, &[], "{").await.problem(400, "invalid_json");
    house.raw("POST", tasks, &[], "{\"title\":\"a\"} {}").await.problem(400, "invalid_json");
    house.raw("POST", tasks, &[], "\u{feff}{}").await.problem(400, "invalid_json");
    house.raw("POST", tasks, &[], vec![b'{', 0xff]).await.problem(400, "invalid_json");
    house
        .raw("POST", tasks, &[], format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)))
        .await
        .problem(400, "invalid_json");
    house
        .raw("POST", tasks, &[], format!("{{\"title\":\"{}\"}}", "a".repeat(5 << 20)))
        .await
        .problem(413, "body_too_large");
    for query in ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "status=away", "page=2"] {
        let reply = house.get(&format!("{tasks}?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text);
        assert_eq!(reply.headers["content-type"], "application/problem+json", "{query}");
    }
    for cursor in ["x", "!", "MQ%3D%3D", "LTE"] {
        house.get(&format!("{tasks}?cursor={cursor}")).await.problem(400, "invalid_cursor");
    }
    let reserved = json!({ "title": "Judge", "requires_human_review": true });
    house.post(tasks, reserved).await.ok(201);
    house.delete("/api/v1/tasks/2").await.problem(403, "humans_only");
    house.get("/api/v1/tasks/none").await.problem(404, "task_not_found");
    house.get("/api/v1/none").await.problem(404, "route_not_found");
    house.delete("/api/v1/projects").await.problem(405, "method_not_allowed");
    assert_eq!(
        house.get("/api/tasks/none").await.headers["content-type"],
        "application/json",
        "others stay as they are"
    );
    assert_eq!(house.get(tasks).await.ok(200)["items"].as_array().unwrap().len(), 2, "nothing of that was done");
}

#[tokio::test]
async fn a_body_that_is_no_json_says_so() {
    let house = House::on_disk();
    project(&house).await;
    let path = "/api/v1/projects/site/tasks";
    let send = async |kind: &str| {
        let request = http::Request::builder().method("POST").uri(path).header("host", super::ADDRESS);
        let request = request.header("content-type", kind).body(Body::from("{\"title\":\"x\"}")).unwrap();
        house.send(request, "127.0.0.1:5000").await
    };
    send("application/json; charset=utf-8").await.ok(201);
    send("application/merge-patch+json").await.ok(201);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        send(kind).await.problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn where_people_log_in_refusals_are_problems_too() {
    let house = House::with_door("correct horse battery", Door::new(super::ADDRESS.parse().unwrap()));
    house.get("/api/v1/projects").await.problem(401, "login_required");
    house.get("/api/events").await.problem(401, "login_required");
    let unknown = format!("Bearer clutch_{}", "0".repeat(64));
    let refused = house.raw("GET", "/api/v1/projects", &[("authorization", &unknown)], Body::empty()).await;
    refused.problem(401, "token_unknown");
    assert!(refused.headers.contains_key("www-authenticate"));
}
