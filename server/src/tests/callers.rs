//! Who is taken for whom: a person at a page, and programs whatever they claim.

use axum::{body::Body, http::Request};
use clutch_app::model::{Extra, parts};
use clutch_domain::{
    actor::Who,
    chat::Message,
    doc::Kind,
    query::{Query, answer},
    range::Range,
    talk::{Comment, Signal},
};
use serde_json::{Value, json};

use super::{ADDRESS, House, Reply, id};

const FORM: &str = "application/x-www-form-urlencoded";
pub const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");

impl House {
    /// The cookie of a browser that has opened a page.
    pub async fn cookie(&self) -> String {
        let page = self.raw("GET", "/nowhere", &[("accept", "text/html")], "").await;
        page.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    /// A server function, with these headers.
    pub async fn function(&self, name: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Reply {
        let form: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
        let mut request = Request::post(format!("/fn/{name}"))
            .header("host", ADDRESS)
            .header("content-type", FORM)
            .header("accept", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(form.join("&"))).unwrap(), "127.0.0.1:5000").await
    }

    /// The parts of a page with this prefix.
    async fn shown(&self, query: Query, prefix: &str) -> Vec<Value> {
        let read = self.office.read(&query.fetch()).await.unwrap();
        let parts = parts(&query, &answer(&query, &read.value), &Extra::default());
        let ours = parts.iter().filter(|(name, _)| name.starts_with(prefix));
        ours.map(|(_, part)| serde_json::from_str(part.get()).unwrap()).collect()
    }
}

fn question(task: &str) -> Value {
    json!({ "taskId": task, "sessionKey": "agent:main:x", "agentId": "kimi", "kind": "question", "message": "Which?" })
}

/// Every way to ask without being a person: no cookie, or a cookie without a browser at our page.
async fn programs(house: &House) -> Vec<Vec<(&'static str, String)>> {
    let cookie = house.cookie().await;
    let name = cookie.split_once('=').unwrap().0.to_owned();
    vec![
        vec![],
        vec![SAME].into_iter().map(|(k, v)| (k, v.to_owned())).collect(),
        vec![("cookie", cookie.clone())],
        vec![("cookie", cookie.clone()), ("sec-fetch-site", "none".into())],
        vec![("cookie", format!("{name}=00.1.00")), (SAME.0, SAME.1.into())],
        vec![("authorization", "Bearer gateway-token".into())],
    ]
}

/// What changes a chat's session at the gateway is a person's to do, as a command with a slash is.
#[tokio::test]
async fn only_a_person_changes_a_chats_session() {
    let house = House::new();
    let project = house.project("site").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    let cookie = house.cookie().await;
    for (function, fields, past_it) in [
        ("reset_chat", vec![("chat", chat.as_str())], "gateway_away"),
        ("compact_chat", vec![("chat", chat.as_str())], "nothing_to_compact"),
        ("use_model", vec![("chat", chat.as_str()), ("model", "mock/echo")], "gateway_away"),
    ] {
        for headers in programs(&house).await {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let reply = house.function(function, &headers, &fields).await;
            assert_eq!(reply.status, 400, "{function} {headers:?}: {}", reply.text);
            assert_eq!(reply.json()["code"], "command_refused", "{function} {headers:?}: {}", reply.text);
        }
        // A person comes past that: nothing was said here yet, and the gateway is not there.
        let reply = house.function(function, &[("cookie", &cookie), SAME], &fields).await;
        assert_eq!(reply.json()["code"], past_it, "{function}: {}", reply.text);
    }
    let said = house.get(&format!("/api/chats/{chat}/messages")).await.ok(200);
    assert_eq!(said["messages"], json!([]), "nothing was done, and no notice says so");
}

#[tokio::test]
async fn a_person_has_a_cookie_and_a_browser_at_our_page() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let cookie = house.cookie().await;
    let origin = format!("http://{ADDRESS}");
    for headers in [[("cookie", cookie.as_str()), SAME], [("cookie", &cookie), ("origin", &origin)]] {
        let reply = house.function("add_comment", &headers, &[("task", &task), ("content", "Mine.")]).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    for headers in programs(&house).await {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let reply = house.function("add_comment", &headers, &[("task", &task), ("content", "Not mine.")]).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    let said: Vec<Comment> = house.list(Range::children(Kind::Comment, &task, 20)).await;
    assert_eq!(said.len(), 8);
    for comment in &said {
        let mine = comment.content.as_str() == "Mine.";
        let by = comment.by.clone().unwrap();
        assert_eq!((by.is_human(), by.id.is_some()), (mine, mine), "{comment:?}");
        assert_eq!(comment.author, if mine { "dan" } else { "program" });
    }
    assert!(house.log(&task).await[..8].iter().all(|line| line.actor.is_human() == (line.data["preview"] == "Mine.")));
    let query = Query::Task { project: project.parse().unwrap(), task: task.parse().unwrap() };
    for shown in house.shown(query, "c:").await {
        let mine = shown["content"].to_string().contains(">Mine.");
        assert_eq!((&shown["author"], &shown["mine"]), (&json!(if mine { "You" } else { "A program" }), &json!(mine)));
    }
}

#[tokio::test]
async fn a_programs_words_are_kept_and_shown_as_a_programs() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "in_progress").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project, "title": "c" })).await.ok(201)["chat"]);
    for (author, kind, name) in [
        ("dan", "human", "A program, as dan"),
        ("ada", "coordinator", "A program, as ada"),
        ("dan", "agent", "A program, as dan"),
        ("dev agent", "agent", "dev agent"),
    ] {
        let body = json!({ "content": format!("{author} {kind}"), "author": author, "author_type": kind });
        let made = house.post(&format!("/api/tasks/{task}/comments"), body).await.ok(201)["comment"].clone();
        assert_eq!(
            (&made["author"], &made["author_type"], &made["by"]),
            (&json!(author), &json!(kind), &json!("program"))
        );
        let query = Query::Task { project: project.parse().unwrap(), task: task.parse().unwrap() };
        let shown = house.shown(query, &format!("c:{}", id(&made))).await.remove(0);
        assert_eq!((&shown["author"], &shown["mine"]), (&json!(name), &json!(false)));
    }
    for (author, name, notice) in
        [("dan", "A program, as dan", false), ("system", "A program, as system", false), ("ada", "Ada", false)]
    {
        let body = json!({ "content": format!("by {author}"), "author": author });
        let made = house.post(&format!("/api/chats/{chat}/messages"), body).await.ok(201)["message"].clone();
        let by = if author == "ada" { "agent" } else { "program" };
        assert_eq!((&made["author"], &made["by"]), (&json!(author), &json!(by)));
        let kept: Message = house.list(Range::doc(Kind::Message, id(&made))).await.remove(0);
        assert_eq!(kept.by, Some(if by == "agent" { Who::agent("ada") } else { Who::program(Some(author)) }));
        let shown = house.shown(Query::Chat { chat: chat.parse().unwrap() }, &format!("m:{}", kept.id)).await.remove(0);
        assert_eq!((&shown["author"], &shown["mine"], &shown["notice"]), (&json!(name), &json!(false), &json!(notice)));
        let list = house.shown(Query::Chats { project: project.parse().unwrap() }, &format!("c:{chat}")).await;
        assert_eq!(list[0]["who"], name);
    }
}

#[tokio::test]
async fn an_answer_is_told_to_the_agent_as_whose_it_is() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "in_progress").await;
    let cookie = house.cookie().await;
    let person = [("cookie", cookie.as_str()), SAME];
    for (headers, human) in [(&person[..], true), (&[][..], false)] {
        let signal = id(&house.post("/api/signal", question(&task)).await.ok(201)["signal"]);
        let reply = house.function("answer_signal", headers, &[("signal", &signal), ("response", "Blue.")]).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let kept: Signal = house.list(Range::doc(Kind::Signal, &signal)).await.remove(0);
        assert_eq!(kept.answered_by_program(), !human);
        let from = if human { "Human" } else { "Program" };
        assert_eq!(
            kept.answer_text("Blue."),
            format!("[Question Response from {from}]\n\nOriginal question:\nWhich?\n\nResponse:\nBlue.")
        );
        let query = Query::Task { project: project.parse().unwrap(), task: task.parse().unwrap() };
        let shown = house.shown(query, &format!("s:{signal}")).await.remove(0);
        assert_eq!(shown["by_program"].as_bool().unwrap_or(false), !human);
    }
}

#[tokio::test]
async fn what_a_person_must_look_at_waits_for_one() {
    let house = House::new();
    let project = house.project("site").await;
    let body = json!({ "project_id": project, "title": "t", "status": "in_review", "requires_human_review": true });
    let task = id(&house.post("/api/tasks", body.clone()).await.ok(201)["task"]);
    let path = format!("/api/tasks/{task}");
    let only = ("humans_only", "Only a person in the browser may do this; if you are one, reload the page.");
    for body in [
        json!({ "status": "done" }),
        json!({ "requires_human_review": false }),
        json!({ "requires_human_review": null }),
        json!({ "status": "done", "requires_human_review": false }),
    ] {
        house.patch(&path, body).await.fails(403, only.0, only.1);
    }
    let first = json!({ "project_id": project, "task_id": task, "status": "done", "new_index": 0 });
    house.post("/api/tasks/reorder", first).await.fails(403, only.0, only.1);
    house.delete(&path).await.fails(403, only.0, only.1);
    house.delete("/api/projects/site").await.fails(403, only.0, only.1);
    house
        .post(
            "/api/tasks",
            json!({ "project_id": project, "title": "u", "status": "done", "requires_human_review": true }),
        )
        .await
        .fails(403, only.0, only.1);
    house.post(&format!("{path}/complete"), json!({ "summary": "Done." })).await.ok(200);
    for headers in programs(&house).await {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
        for (name, fields) in [
            ("move_task", vec![("task", task.as_str()), ("to", "done")]),
            ("edit_task", vec![("task", &task), ("field", "needs_review"), ("value", "false")]),
            ("delete_task", vec![("task", &task)]),
            ("delete_project", vec![("project", &project)]),
        ] {
            let reply = house.function(name, &headers, &fields).await;
            assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (403, &json!("humans_only")), "{name}");
        }
    }
    let now = house.look(&task).await;
    assert_eq!((&now["status"], &now["requires_human_review"]), (&json!("in_review"), &json!(1)));
    // What is not that stays open to programs.
    house.patch(&path, json!({ "title": "Other", "status": "ready" })).await.ok(200);
    let cookie = house.cookie().await;
    let person = [("cookie", cookie.as_str()), SAME];
    let reply = house.function("move_task", &person, &[("task", &task), ("to", "done")]).await;
    assert_eq!(
        (reply.status.as_u16(), house.look(&task).await["status"].clone()),
        (200, json!("done")),
        "{}",
        reply.text
    );
    let reply = house.function("delete_task", &person, &[("task", &task)]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
async fn a_report_for_a_ticket_that_was_taken_away_is_recorded_and_the_ticket_stays() {
    let house = House::new();
    let project = house.project("site").await;
    for away in ["backlog", "ready", "blocked"] {
        let task = house.task(&project, away, "in_progress").await;
        house.patch(&format!("/api/tasks/{task}"), json!({ "status": away })).await.ok(200);
        let answer = house.post(&format!("/api/tasks/{task}/complete"), json!({ "summary": "Late." })).await.ok(200);
        assert_eq!(answer["task"]["status"], away);
        assert_eq!(answer["comment"]["type"], "completion");
        assert_eq!(house.look(&task).await["status"], away);
    }
}

/// Keys are words that each caller chooses for itself.
#[tokio::test]
async fn two_callers_may_choose_the_same_idempotency_key() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "t", "ready").await;
    let cookie = house.cookie().await;
    let path = format!("/api/tasks/{task}/comments");
    let key = ("idempotency-key", "one");
    let program = house.raw("POST", &path, &[key], r#"{"content":"x"}"#).await.ok(201);
    let person = house.raw("POST", &path, &[key, ("cookie", &cookie), SAME], r#"{"content":"y"}"#).await.ok(201);
    assert_eq!((&program["comment"]["by"], &person["comment"]["by"]), (&json!("program"), &json!("human")));
    assert_eq!(house.raw("POST", &path, &[key], r#"{"content":"x"}"#).await.ok(201), program);
}

#[tokio::test]
async fn a_ticket_and_a_project_have_the_same_names_everywhere() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    for name in ["T-1", "t-1", "1", &task, &task.to_uppercase()] {
        assert_eq!(house.look(name).await["id"], task, "{name}");
        let short = house.get(&format!("/t/{name}")).await;
        assert_eq!(short.headers["location"], "/projects/site/board?task=T-1", "{name}");
        let reply = house.function("load_task", &[], &[("slug", "site"), ("task", name)]).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text);
    }
    for nobody in ["T-", "T-2", "%2B1", "-1", "x"] {
        house.get(&format!("/api/tasks/{nobody}")).await.fails(404, "task_not_found", "Task not found");
        assert_eq!(house.get(&format!("/t/{nobody}")).await.status, 404);
        let reply = house.function("load_task", &[], &[("slug", "site"), ("task", nobody)]).await;
        assert_eq!(reply.status, 404, "{nobody}: {}", reply.text);
    }
    for name in ["site", "SITE", &project] {
        assert_eq!(house.get(&format!("/api/projects/{name}")).await.ok(200)["project"]["id"], project);
        let reply = house.function("load_board", &[], &[("slug", name)]).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text);
    }
}
