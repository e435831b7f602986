//! Every route with every kind of nonsense: never our fault, always the shape of errors.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{House, NOBODY, Reply, id};
use crate::http::compat::fields::BODIES;

/// Paths of all routes, read where they are declared, so that none is forgotten.
fn paths() -> BTreeSet<&'static str> {
    let sources = [include_str!("../http/compat/mod.rs"), include_str!("../http/compat/webhooks/mod.rs")];
    let quoted = sources.iter().flat_map(|s| s.split('"')).filter(|s| s.starts_with("/api"));
    let paths: BTreeSet<&str> = quoted.filter(|p| !p.contains('*')).collect();
    assert!(paths.len() >= 16, "{paths:?}");
    paths
}

/// Every field that some route reads, read where it is read.
fn fields() -> BTreeSet<&'static str> {
    let sources = [
        include_str!("../http/compat/chats.rs"),
        include_str!("../http/compat/deliveries.rs"),
        include_str!("../http/compat/dependencies.rs"),
        include_str!("../http/compat/projects.rs"),
        include_str!("../http/compat/signals.rs"),
        include_str!("../http/compat/tasks.rs"),
        include_str!("../http/compat/webhooks/mod.rs"),
    ];
    let calls = sources.iter().flat_map(|s| s.split(['(', '[']).filter_map(|rest| rest.strip_prefix('"')));
    let names = calls.filter_map(|rest| rest.split_once('"').map(|(name, _)| name));
    let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let fields: BTreeSet<&str> = names.filter(is_name).collect();
    for must in [
        "title",
        "project_id",
        "task_id",
        "work_loop_max_agents",
        "retry_count",
        "sessionKey",
        "typing",
        "response",
        "pr_number",
        "failure_reason",
        "age_threshold_minutes",
    ] {
        assert!(fields.contains(must), "{must} is not among {fields:?}");
    }
    fields
}

fn values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!(" \t\n"),
        json!("x"),
        json!("\u{0}\u{202e}\u{feff}💥"),
        json!("../../etc/passwd"),
        json!("'; DROP TABLE docs; --"),
        json!("x".repeat(5_000)),
        json!(NOBODY),
        json!([]),
        json!([null, 1, "x", {}]),
        json!({}),
        json!({ "a": { "b": [] } }),
    ]
}

fn bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "", " ", "{", "}", "nul", "null", "true", "0", "1e999", "\"x\"", "[]", "[{}]", "{}", "{}{}", "{\"a\":}",
        "{'a':1}", "a=b&c=d",
    ]
    .iter()
    .map(|b| b.as_bytes().to_vec())
    .collect();
    bodies.push("[".repeat(100_000).into_bytes());
    bodies.push(format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)).into_bytes());
    bodies.push(b"{\"title\":\"\xff\xfe\",\"content\":\"\xc3\x28\"}".to_vec());
    bodies.push(br#"{"title":"\ud800","content":"\udfff"}"#.to_vec());
    bodies.push(br#"{"title":"a","title":"b"}"#.to_vec());
    bodies.push(b"\xef\xbb\xbf{}".to_vec());
    bodies.push(vec![0; 1000]);
    bodies
}

#[track_caller]
fn judge(reply: &Reply, what: &str) {
    // There is no gateway, and some parts of the original are not here: both are said in words.
    let told = |status: u16, code: &str| reply.status == status && reply.json()["code"] == code;
    if told(503, "gateway_away") || told(501, "not_built_yet") {
        return assert!(reply.json()["error"].is_string(), "{what}: {}", reply.text);
    }
    assert!(!reply.status.is_server_error(), "{what}: {} {}", reply.status, reply.text);
    if reply.status.is_success() {
        assert!(reply.json().is_object(), "{what}: {}", reply.text);
    } else if what.contains("/api/openclaw/rpc") && reply.json()["type"] == "res" {
        let shape = reply.json();
        assert!(shape["error"]["code"].is_string() && shape["error"]["message"].is_string(), "{what}: {}", reply.text);
    } else {
        reply.is_error();
    }
}

/// A house with one of each, and the ids to put into paths.
async fn furnished(house: &House) -> Vec<String> {
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    let raised = json!({ "taskId": task, "sessionKey": "s", "agentId": "a", "kind": "question", "message": "m" });
    let signal = id(&house.post("/api/signal", raised).await.ok(201)["signal"]);
    // Answered already: an answer is waited for, and the sweep is not about that.
    house
        .by_loop(clutch_domain::command::Command::AnswerSignal(
            signal.parse().unwrap(),
            clutch_domain::text::Body::parse("a").unwrap().unwrap(),
        ))
        .await;
    let said = house.post(&format!("/api/chats/{chat}/messages"), json!({ "content": "m" })).await.ok(201);
    vec![project, task, chat, signal, id(&said["message"])]
}

/// Where the message is among those ids.
const MESSAGE: usize = 4;

const NOT_IDS: &[&str] = &[
    NOBODY,
    "site-x",
    "T-999999",
    "T-x",
    "%20",
    "%00",
    "%ff%fe",
    "%2e%2e",
    "%F0%9F%92%A5",
    "-",
    "a%2Fb%3Fc",
    "undefined",
];

fn fill(path: &str, first: &str, ids: &[String]) -> String {
    path.replace("{id}", first).replace("{edge}", NOBODY).replace("{message}", &ids[MESSAGE])
}

#[tokio::test]
async fn nonsense_in_bodies() {
    let house = House::new();
    let ids = furnished(&house).await;
    let mut count = 0;
    for path in paths() {
        for id in ids.iter().map(String::as_str).chain(["T-1", "site", NOBODY]) {
            let path = fill(path, id, &ids);
            for method in ["POST", "PATCH", "PUT"] {
                for body in bodies() {
                    let what = format!("{method} {path} {:?}", String::from_utf8_lossy(&body[..body.len().min(60)]));
                    judge(&house.raw(method, &path, &[], body).await, &what);
                    count += 1;
                }
            }
            if !path.contains(id) {
                break;
            }
        }
    }
    assert!(count > 3_000, "{count}");
    house.get("/health").await.ok(200);
}

#[tokio::test]
async fn nonsense_in_fields() {
    let house = House::new();
    let ids = furnished(&house).await;
    let right = json!({
        "name": "n", "slug": "n", "title": "t", "content": "c", "summary": "s", "message": "m", "response": "r", "typing": true,
        "project_id": ids[0], "task_id": ids[1], "taskId": ids[1], "depends_on_id": ids[1], "id": ids[2], "status": "ready",
        "new_index": 0, "sessionKey": "s", "agentId": "a", "kind": "fyi",
    });
    let mut count = 0;
    for route in paths() {
        for id in &ids {
            let path = fill(route, id, &ids);
            for method in ["POST", "PATCH"] {
                // What a route does not know reaches no handler: of such fields each is tried with one value.
                let row = BODIES.iter().find(|row| (row.0, row.1) == (method, route));
                let reads = |field: &str| row.is_some_and(|row| row.3.contains(&field));
                for field in fields() {
                    for value in values().into_iter().take(if reads(field) { usize::MAX } else { 1 }) {
                        let mut body = right.clone();
                        body[field] = value;
                        let what = format!(
                            "{method} {path} {field}={}",
                            body[field].to_string().chars().take(40).collect::<String>()
                        );
                        judge(&house.raw(method, &path, &[], body.to_string()).await, &what);
                        count += 1;
                    }
                }
            }
            if !path.contains(id) {
                break;
            }
        }
    }
    assert!(count > 30_000, "{count}");
    // Whatever was written by that can be read.
    house.get("/health").await.ok(200);
    let tasks = house.get(&format!("/api/tasks?projectId={}", ids[0])).await.ok(200);
    for task in tasks["tasks"].as_array().unwrap().iter().take(200) {
        house.get(&format!("/api/tasks/{}", task["id"].as_str().unwrap())).await.ok(200);
    }
}

/// The disk has its own opinions about text.
#[tokio::test]
async fn nonsense_on_disk() {
    let house = House::on_disk();
    let ids = furnished(&house).await;
    for path in paths() {
        let id = &ids[if path.contains("chats") { 2 } else { 1 }];
        for value in values() {
            let mut body =
                json!({ "project_id": ids[0], "taskId": ids[1], "id": ids[2], "kind": "fyi", "typing": true });
            for field in fields() {
                if body.get(field).is_none() {
                    body[field] = value.clone();
                }
            }
            for (name, text) in [
                ("title", "\u{0}'\"\\"),
                ("content", "\u{0}'; --"),
                ("name", "\u{0}"),
                ("agentId", "\u{0}"),
                ("summary", "\u{0}"),
            ] {
                if value.is_string() {
                    body[name] = json!(text);
                }
            }
            for method in ["POST", "PATCH"] {
                judge(
                    &house.raw(method, &fill(path, id, &ids), &[], body.to_string()).await,
                    &format!("{method} {path} {value}"),
                );
            }
        }
    }
    house.get(&format!("/api/tasks/{}", ids[1])).await.ok(200);
    house.get(&format!("/api/chats/{}/messages", ids[2])).await.ok(200);
}

#[tokio::test]
async fn nonsense_in_addresses() {
    let house = House::new();
    let ids = furnished(&house).await;
    let queries = [
        "",
        "?",
        "?projectId",
        "?projectId=%ff",
        "?limit=1&limit=2",
        "?projectId=a&project_id=b",
        "?before=x&limit=99999999999999999999",
        "?limit=-1",
        "?limit=1.5",
        "?status=%00",
        "?kind=question&kind=fyi",
        "?blocking=maybe",
        "?%ff=%ff",
        "?depends_on_id=x",
        "?&&==&=",
        "?a[]=1",
        "?task_id=T-99999999999999999999999",
    ];
    for path in paths() {
        for id in NOT_IDS {
            for query in queries {
                for method in ["GET", "DELETE", "POST", "PATCH", "PUT", "OPTIONS", "TRACE", "BREW"] {
                    let path = format!("{}{query}", fill(path, id, &ids));
                    judge(&house.raw(method, &path, &[], "{}").await, &format!("{method} {path}"));
                }
            }
        }
        for id in &ids {
            for query in queries {
                let path = format!("{}{query}", fill(path, id, &ids));
                judge(&house.raw("GET", &path, &[], "").await, &format!("GET {path}"));
            }
        }
    }
    for path in ["/api", "/api/", "/api/nowhere", "/api/tasks/x/y/z/w", "/api//tasks", "/api/projects/", "/api/gates"] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            house.raw(method, path, &[], "{}").await.fails_with(404, "route_not_found");
        }
    }
    house.raw("PUT", "/api/tasks", &[], "{}").await.fails(
        405,
        "method_not_allowed",
        "This address does not take that method.",
    );
    let head = house.raw("HEAD", "/api/projects", &[], "").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn bodies_that_are_too_large() {
    let house = House::new();
    let ids = furnished(&house).await;
    let large = |bytes: usize| format!("{{\"title\":\"{}\"}}", "x".repeat(bytes - 12));
    let sentence = "The body is larger than four megabytes.";
    let mut refused = 0;
    for path in paths() {
        for method in ["POST", "PATCH"] {
            let path = fill(path, &ids[1], &ids);
            // The proxy takes pictures, and its callers know another shape.
            let proxy = path == "/api/openclaw/rpc" && method == "POST";
            let most = if proxy { 26 } else { 4 } * 1024 * 1024;
            let reply = house.raw(method, &path, &[], large(most + 1)).await;
            judge(&reply, &path);
            if reply.status == 413 {
                if proxy {
                    let sentence = "The body is larger than twenty-six megabytes.";
                    assert_eq!(reply.json()["error"], json!({ "message": sentence, "code": "body_too_large" }));
                } else {
                    reply.fails(413, "body_too_large", sentence);
                }
                refused += 1;
            }
        }
    }
    assert!(refused >= 14, "{refused}");
    let most = house.raw("PATCH", &format!("/api/tasks/{}", ids[1]), &[], large(4 * 1024 * 1024)).await;
    most.fails_with(400, "field_too_long");
}

#[tokio::test]
async fn texts_that_are_too_long() {
    let house = House::new();
    let ids = furnished(&house).await;
    let long = "x".repeat(100_001);
    let task = format!("/api/tasks/{}", ids[1]);
    for (method, path, field) in [
        ("POST", "/api/projects", "description"),
        ("PATCH", task.as_str(), "branch"),
        ("POST", "/api/chats", "title"),
        ("POST", "/api/signal", "sessionKey"),
    ] {
        let mut body = json!({ "name": "n", "slug": "n", "project_id": ids[0], "taskId": ids[1], "agentId": "a", "kind": "fyi", "message": "m" });
        body[field] = json!(long);
        let reply = house.raw(method, path, &[], body.to_string()).await;
        reply.fails(400, "field_too_long", &format!("{field} is longer than a hundred kilobytes."));
    }
    // Words of people have their own, larger measure.
    house.post(&format!("{task}/comments"), json!({ "content": long })).await.ok(201);
    house.patch(&task, json!({ "post_merge_steps": "x".repeat(100_000) })).await.ok(200);
}

#[tokio::test]
async fn removals_twice() {
    let house = House::on_disk();
    let ids = furnished(&house).await;
    for (path, code) in [
        (format!("/api/chats/{}", ids[2]), "chat_not_found"),
        (format!("/api/tasks/{}", ids[1]), "task_not_found"),
        (format!("/api/projects/{}", ids[0]), "project_not_found"),
    ] {
        house.delete(&path).await.ok(200);
        house.delete(&path).await.fails_with(404, code);
    }
}
