//! A press on a page that is repeated under its key is done once: the server functions as pages call them.

use axum::http::Request;
use clutch_app::error::AppError;
use serde_json::{Value, json};

use super::{ADDRESS, House, Reply};

const KEY: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "ffeeddccbbaa99887766554433221100";

/// A cookie of a page view.
async fn person(house: &House) -> String {
    let request = Request::get("/").header("host", ADDRESS).header("accept", "text/html").body("".into()).unwrap();
    let reply = house.send(request, "127.0.0.1:5000").await;
    let cookie = reply.headers.get("set-cookie").and_then(|v| v.to_str().ok()).unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn press(house: &House, cookie: Option<&str>, name: &str, fields: &[(&str, &str)]) -> Reply {
    let form: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    let mut request = Request::post(format!("/fn/{name}"))
        .header("host", ADDRESS)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .header("accept", "application/json");
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    house.send(request.body(form.join("&").into()).unwrap(), "127.0.0.1:5000").await
}

async fn comments(house: &House, task: &str) -> Vec<Value> {
    house.get(&format!("/api/tasks/{task}/comments")).await.ok(200)["comments"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_same_key_is_done_once_and_keys_of_others_are_others() {
    let house = House::new();
    let project = house.project("once").await;
    let task = house.task(&project, "Look twice", "backlog").await;
    let me = person(&house).await;
    let comment = |cookie, key| {
        let (house, task) = (&house, task.clone());
        async move {
            let fields = [("task", task.as_str()), ("content", "Once"), ("key", key)];
            let fields = if key.is_empty() { &fields[..2] } else { &fields[..] };
            press(house, cookie, "add_comment", fields).await.ok(200)
        }
    };
    for _ in 0..3 {
        comment(Some(&me), KEY).await;
    }
    assert_eq!(comments(&house, &task).await.len(), 1);
    comment(Some(&me), OTHER).await;
    assert_eq!(comments(&house, &task).await.len(), 2);
    // A program under the same key is somebody else.
    comment(None, KEY).await;
    comment(None, KEY).await;
    assert_eq!(comments(&house, &task).await.len(), 3);
    // Without a key (a form without our code) each press is its own.
    comment(Some(&me), "").await;
    comment(Some(&me), "").await;
    assert_eq!(comments(&house, &task).await.len(), 5);
}

#[tokio::test]
async fn a_project_that_is_asked_for_again_leads_to_itself() {
    let house = House::new();
    let me = person(&house).await;
    let fields = [("name", "Twice asked"), ("key", KEY)];
    for _ in 0..2 {
        let reply = press(&house, Some(&me), "create_project", &fields).await;
        assert_eq!(reply.headers.get("location").unwrap(), "/projects/twice-asked/board", "{}", reply.text);
    }
    let projects = house.get("/api/projects").await.ok(200)["projects"].as_array().unwrap().len();
    assert_eq!(projects, 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let house = House::new();
    let project = house.project("keys").await;
    let task = house.task(&project, "Look twice", "backlog").await;
    let long = "0".repeat(33);
    for key in ["x", "00112233445566778899AABBCCDDEEFF", &long, "00112233-4556-6778-899a-abbccddeeff"] {
        let fields = [("task", task.as_str()), ("content", "No"), ("key", key)];
        let reply = press(&house, None, "add_comment", &fields).await;
        assert_eq!(reply.status, 400, "{key}: {}", reply.text);
        let error: AppError = serde_json::from_str(&reply.text).unwrap();
        assert_eq!(error.code, "key_invalid");
    }
    assert_eq!(comments(&house, &task).await, Vec::<Value>::new());
}

#[tokio::test]
async fn settings_write_only_what_was_changed_since_they_were_painted() {
    let house = House::new();
    let project = house.project("set").await;
    let me = person(&house).await;
    let now = || async { house.get("/api/projects").await.ok(200)["projects"][0].clone() };
    let was = json!({
        "name": "set", "description": "", "color": "#3b82f6", "local_path": "/srv/repo",
        "github_repo": "", "loop_on": "true", "max_agents": "", "chat_layout": "slack",
    })
    .to_string();
    house.patch(&format!("/api/projects/{project}"), json!({ "work_loop_enabled": false, "name": "theirs" })).await;
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().to_str().unwrap();
    // As a form without our code sends it: all fields, the switch on.
    let form = |name, path| {
        vec![
            ("project", project.as_str()),
            ("name", name),
            ("description", ""),
            ("local_path", path),
            ("github_repo", ""),
            ("loop_on", "true"),
            ("max_agents", ""),
            ("chat_layout", "slack"),
            ("was", was.as_str()),
        ]
    };
    press(&house, Some(&me), "update_project", &form("set", other)).await.ok(200);
    let kept = now().await;
    assert_eq!((&kept["name"], &kept["local_path"]), (&json!("theirs"), &json!(other)));
    assert_eq!(kept["work_loop_enabled"], json!(0), "{kept}");
    let met = press(&house, Some(&me), "update_project", &form("mine", other)).await;
    assert_eq!(met.status, 409, "{}", met.text);
    let error: AppError = serde_json::from_str(&met.text).unwrap();
    assert_eq!(error.code, "changed_meanwhile");
    assert!(error.sentence.contains("the name to \u{201c}theirs\u{201d}"), "{}", error.sentence);
    assert!(error.sentence.contains("\u{201c}mine\u{201d}"), "{}", error.sentence);
    assert_eq!(now().await["name"], json!("theirs"));
    // What is not sent stays.
    press(&house, Some(&me), "update_project", &[("project", &project), ("description", "words")]).await.ok(200);
    let kept = now().await;
    assert_eq!((&kept["description"], &kept["local_path"]), (&json!("words"), &json!(other)));
}
