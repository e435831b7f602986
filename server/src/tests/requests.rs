//! Requests that are odd as requests: their target, the arguments of server functions, links that others
//! make up; and what is answered where something of ours breaks.

use axum::{body::Body, http::Request};
use leptos::server_fn::axum::server_fn_paths;
use serde_json::json;

use super::{ADDRESS, House, Reply, id};
use crate::{compose, http::door::Door};

/// A form as a browser without our code posts it.
async fn form(house: &House, path: &str, body: impl Into<Body>, headers: &[(&str, &str)]) -> Reply {
    let mut request =
        Request::post(path).header("host", ADDRESS).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    house.send(request.body(body.into()).unwrap(), "127.0.0.1:5000").await
}

#[track_caller]
fn is_safe(reply: &Reply, what: &str) {
    for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")] {
        assert_eq!(reply.headers.get(name).and_then(|v| v.to_str().ok()), Some(value), "{what}: {name}");
    }
}

#[tokio::test]
async fn a_target_is_a_path() {
    let house = House::new();
    for (method, target) in [
        ("CONNECT", "example.org:443"),
        ("CONNECT", "127.0.0.1:3002"),
        ("CONNECT", "/"),
        ("GET", "127.0.0.1:3002"),
        ("GET", "http://127.0.0.1:3002/"),
        ("GET", "http://127.0.0.1:3002/api/projects"),
        ("POST", "https://evil.example/fn/load_home"),
        ("GET", "http://127.0.0.1:3002"),
        ("OPTIONS", "*"),
    ] {
        let reply = house.raw(method, target, &[], Body::empty()).await;
        reply.fails_with(400, "invalid_target");
        is_safe(&reply, target);
    }
}

#[tokio::test]
async fn what_the_door_and_a_panic_answer_is_safe_too() {
    let mut house = House::new();
    let refused = house.raw("GET", "/", &[("x-forwarded-for", "1")], Body::empty()).await;
    assert_eq!(refused.status, 403);
    is_safe(&refused, "the door");
    house.router = compose::tests::panicking(house.state.clone(), Door::new(ADDRESS.parse().unwrap()));
    let reply = house.get("/panics").await;
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (500, Some("internal")));
    is_safe(&reply, "a panic");
}

#[tokio::test]
async fn what_is_neither_yes_nor_no_is_refused() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "backlog").await;
    for field in ["force", "reopen", "requires_human_review"] {
        for odd in [json!("no"), json!("on"), json!(2), json!(-1), json!(0.5), json!([]), json!([false]), json!({})] {
            let reply = house.patch(&format!("/api/tasks/{task}"), json!({ "status": "ready", field: odd })).await;
            reply.fails(400, "invalid_field", &format!("{field} must be a boolean"));
        }
    }
    assert_eq!(house.get(&format!("/api/tasks/{task}")).await.ok(200)["task"]["status"], json!("backlog"));
}

/// All server functions with arguments that are none.
#[tokio::test]
async fn arguments_that_are_not_understood_are_the_callers_fault() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    let mut bodies: Vec<Vec<u8>> = ["", "&", "=", "x", "%", "%ff=%fe", "[]=1", "{}", "task[a]=b", "project=1&slug=%00"]
        .iter()
        .map(|body| body.as_bytes().to_vec())
        .collect();
    bodies.push(b"slug=\xff\xfe".to_vec());
    bodies.push(vec![b'a'; 5 * 1024 * 1024]);
    bodies.push(format!("project={project}&chat={chat}&slug=a%0Ab").into_bytes());
    let (mut refused, mut functions) = (0, 0);
    for (path, _) in server_fn_paths() {
        functions += 1;
        for (n, body) in bodies.iter().enumerate() {
            let reply = form(&house, path, body.clone(), &[]).await;
            let what = format!("{path} {n}: {} {}", reply.status, reply.text);
            // The gateway is away here, and a function that needs it says so.
            assert!(!reply.status.is_server_error() || reply.status == 503, "{what}");
            if reply.status.is_client_error() {
                let code = reply.json()["code"].as_str().unwrap_or_else(|| panic!("{what}")).to_owned();
                assert!(!code.is_empty() && code != "no_sense", "{what}");
                refused += 1;
            }
        }
        for method in ["GET", "PUT", "DELETE", "HEAD"] {
            let reply = house.raw(method, path, &[], Body::empty()).await;
            assert!(reply.status.is_client_error(), "{method} {path}: {}", reply.status);
        }
    }
    assert!(functions > 25 && refused > functions * 8, "{functions} functions, {refused} refusals");
}

#[tokio::test]
async fn an_address_is_made_of_nothing_unchecked() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    let chats = async || {
        let list = house.get(&format!("/api/chats?projectId={project}")).await.ok(200);
        list["chats"].as_array().unwrap().len()
    };
    let before = chats().await;
    for slug in ["a%0Ab", "a%0D%0AX-Evil:+1", "%00", "%7F", "b%C3%A4h", "", "..%2F..", "%2F%2Fevil.example"] {
        for body in [format!("project={project}&slug={slug}"), format!("chat={chat}&slug={slug}")] {
            let path = if body.starts_with("project") { "/fn/create_chat" } else { "/fn/delete_chat" };
            let reply = form(&house, path, body, &[]).await;
            assert_eq!(reply.status, 400, "{path} {slug}: {}", reply.text);
        }
        let reply = house.raw("GET", &format!("/projects/{slug}"), &[("accept", "text/html")], Body::empty()).await;
        assert_eq!(reply.status, 404, "{slug}");
    }
    assert_eq!(chats().await, before, "nothing was done before the address was looked at");
    let reply = form(&house, "/fn/create_chat", format!("project={project}&slug=site"), &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.headers["location"].to_str().unwrap().starts_with("/projects/site/chat?chat="));
}

#[tokio::test]
async fn a_form_says_what_was_wrong_and_a_made_up_link_says_nothing() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let page = format!("http://{ADDRESS}/projects/site/board?task=T-1");
    let as_browser = [("accept", "text/html"), ("referer", page.as_str())];
    let reply = form(&house, "/fn/add_comment", format!("task={task}&content="), &as_browser).await;
    assert_eq!(reply.status, 302, "{}", reply.text);
    let back =
        reply.headers["location"].to_str().unwrap().strip_prefix(&format!("http://{ADDRESS}")).unwrap().to_owned();
    let look = async |path: &str| house.raw("GET", path, &[("accept", "text/html")], Body::empty()).await;
    let shown = look(&back).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains("class=\"form-error\""), "the page says what was wrong: {back}");
    // The same words without our seal, and other words with it.
    let (unsealed, _) = back.split_once("&__seal=").unwrap();
    let forged = "eyJjb2RlIjoieCIsInNlbnRlbmNlIjoiQ2FsbCAwODAwIDY2NiIsImNsYXNzIjoiaW52YWxpZCJ9";
    let (before, rest) = back.split_once("__err=").unwrap();
    let other = format!("{before}__err={forged}&{}", rest.split_once('&').unwrap().1);
    for link in
        [unsealed.to_owned(), other, format!("/projects/site/board?__path=%2Ffn%2Fcreate_task&__err={forged}&new")]
    {
        let reply = look(&link).await;
        assert_eq!(reply.status, 303, "{link}");
        let plain = reply.headers["location"].to_str().unwrap();
        assert!(plain.starts_with("/projects/site/board") && !plain.contains("__"), "{plain}");
        assert!(!look(plain).await.text.contains("Call 0800"));
    }
}
