//! Long words: a page shows what it can, and leads to the rest.

use axum::body::Body;
use clutch_app::model::wire::Loaded;
use serde_json::{Value, json};

use super::{House, Reply, id};

/// The largest text that is taken.
fn megabyte(n: usize) -> String {
    format!("# Log {n}\n\n{}", "all work and no play\n".repeat(47_000))
}

async fn page(house: &House, path: &str) -> Reply {
    house.raw("GET", path, &[("accept", "text/html")], Body::empty()).await
}

/// What a server function loads.
async fn load(house: &House, path: &str, form: String) -> Loaded {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let mut request = axum::http::Request::post(path).header("host", super::ADDRESS);
    for (name, value) in kind {
        request = request.header(name, value);
    }
    let reply = house.send(request.body(Body::from(form)).unwrap(), "127.0.0.1:5000").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_str(&reply.text).unwrap()
}

fn part(loaded: &Loaded, name: &str) -> Value {
    serde_json::from_str(loaded.parts[name].get()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_long_messages_are_a_page_and_each_can_be_read_whole() {
    let house = House::new();
    let project = house.project("site").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    let mut said = Vec::new();
    for n in 0..8 {
        let body = json!({ "content": megabyte(n), "author": "kimi" });
        said.push(id(&house.post(&format!("/api/chats/{chat}/messages"), body).await.ok(201)["message"]));
    }
    let body = json!({ "content": "short and **new**", "author": "kimi" });
    let newest = id(&house.post(&format!("/api/chats/{chat}/messages"), body).await.ok(201)["message"]);
    let loaded = load(&house, "/fn/load_chat", format!("chat={chat}")).await;
    assert_eq!(part(&loaded, &format!("m:{newest}"))["text"], "short and **new**");
    for (n, message) in said.iter().enumerate() {
        let item = part(&loaded, &format!("m:{message}"));
        let (html, text) = (item["html"].as_str().unwrap(), item["text"].as_str().unwrap());
        assert_eq!(item["cut"], true);
        assert!(megabyte(n).starts_with(text) && text.len() > 500 && text.len() <= 8 * 1024, "{}", text.len());
        let whole = format!("/words/message/{message}");
        assert!(html.contains(&format!("href=\"{whole}\"")) && html.contains(" kB)</a>"), "{html}");
        let reply = page(&house, &whole).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, megabyte(n).trim()));
        assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
        assert!(reply.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    }
    let all = page(&house, &format!("/projects/site/chat?chat={chat}")).await;
    assert_eq!(all.status, 200);
    assert!(all.text.len() < 1_000_000, "{} bytes", all.text.len());
    // Older pages have the same measure.
    let older = house
        .raw("POST", "/fn/load_older", &[("content-type", "application/x-www-form-urlencoded")], Body::empty())
        .await;
    assert_eq!(older.status, 400, "without arguments");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_with_long_words_is_a_page_too() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    house.patch(&format!("/api/tasks/{task}"), json!({ "description": megabyte(0) })).await.ok(200);
    let mut comments = Vec::new();
    for n in 0..4 {
        let body = json!({ "content": megabyte(n) });
        comments.push(id(&house.post(&format!("/api/tasks/{task}/comments"), body).await.ok(201)["comment"]));
    }
    let loaded = load(&house, "/fn/load_task", "slug=site&task=T-1".into()).await;
    let head = part(&loaded, "task");
    assert_eq!(head["description"].as_str().unwrap().len(), megabyte(0).trim().len(), "an editor has all of it");
    assert!(head["description_html"].as_str().unwrap().len() < 100_000);
    assert_eq!(page(&house, &format!("/words/description/{task}")).await.text, megabyte(0).trim());
    for (n, comment) in comments.iter().enumerate() {
        let shown = part(&loaded, &format!("c:{comment}"));
        assert!(shown["content"].as_str().unwrap().contains(&format!("/words/comment/{comment}")));
        assert_eq!(page(&house, &format!("/words/comment/{comment}")).await.text, megabyte(n).trim());
    }
    let whole = page(&house, &format!("/words/comments/{task}")).await;
    assert_eq!(whole.status, 200);
    for (n, _) in comments.iter().enumerate() {
        assert!(whole.text.contains(megabyte(n).trim()), "comment {n}");
    }
    for path in [
        "/words/comments/x",
        &format!("/words/comments/{}", comments[0]),
        "/words/message/x",
        "/words/nothing/1",
        "/words/comment/%00",
        &format!("/words/answer/{task}"),
    ] {
        assert_eq!(page(&house, path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_words_of_a_deleted_project_are_gone_with_it() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    house.patch(&format!("/api/tasks/{task}"), json!({ "description": "described" })).await.ok(200);
    let said = json!({ "content": "said" });
    let comment = id(&house.post(&format!("/api/tasks/{task}/comments"), said.clone()).await.ok(201)["comment"]);
    let signal = json!({ "taskId": task, "kind": "question", "message": "asked", "sessionKey": "s", "agentId": "a" });
    let signal = id(&house.post("/api/signal", signal).await.ok(201)["signal"]);
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    let message = id(&house.post(&format!("/api/chats/{chat}/messages"), said).await.ok(201)["message"]);
    let ways = [
        format!("/words/description/{task}"),
        format!("/words/comment/{comment}"),
        format!("/words/comments/{task}"),
        format!("/words/signal/{signal}"),
        format!("/words/message/{message}"),
    ];
    for way in &ways {
        assert_eq!(page(&house, way).await.status, 200, "{way}");
    }
    house.delete("/api/projects/site").await.ok(200);
    for way in &ways {
        assert_eq!(page(&house, way).await.status, 404, "{way}");
    }
}

/// A panel has the newest comments; it says that there are others, and leads to all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_long_thread_the_panel_says_that_there_is_more_and_leads_to_all() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let comment = async |n: usize| {
        house.post(&format!("/api/tasks/{task}/comments"), json!({ "content": format!("word {n}.") })).await.ok(201);
    };
    for n in 0..500 {
        comment(n).await;
    }
    let panel = "/projects/site/board?task=T-1";
    assert!(!page(&house, panel).await.text.contains("Older comments"), "all of 500 are there");
    comment(500).await;
    let loaded = load(&house, "/fn/load_task", "slug=site&task=T-1".into()).await;
    assert_eq!(part(&loaded, "task")["more_comments"], true);
    assert_eq!(loaded.parts.keys().filter(|name| name.starts_with("c:")).count(), 500);
    let shown = page(&house, panel).await.text;
    let way = format!("/words/comments/{task}");
    assert!(shown.contains("Older comments are not shown here") && shown.contains(&way), "the page leads to them");
    let all = page(&house, &way).await;
    assert!(all.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    assert!(all.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    let places: Vec<usize> = (0..=500).map(|n| all.text.find(&format!("word {n}.")).unwrap()).collect();
    assert!(places.is_sorted(), "oldest first");
    assert_eq!(all.text.matches("word ").count(), 501, "each once");
}
