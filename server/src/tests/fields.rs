//! Fields that a route does not know (case 36 of the public reports): named, never silently passed over.

use axum::http::Request;
use serde_json::{Value, json};

use super::{ADDRESS, House, NOBODY, wire::routes};
use crate::http::compat::fields::{BODIES, Empty};

fn filled(path: &str) -> String {
    path.replace("{id}", NOBODY).replace("{message}", NOBODY).replace("{edge}", NOBODY)
}

#[tokio::test]
async fn a_body_of_which_nothing_is_known_is_refused_by_every_route() {
    let house = House::new();
    for (method, path, empty, fields) in BODIES {
        let reply = house.raw(method, &filled(path), &[], json!({ "zzz": 1, "zzy": 2 }).to_string()).await;
        if fields.contains(&"*") {
            reply.fails_with(400, "invalid_field");
            continue;
        }
        reply.fails_with(400, "unknown_fields");
        let sentence = reply.json()["error"].as_str().unwrap().to_owned();
        assert!(sentence.contains("zzz, zzy") && fields.iter().any(|field| sentence.contains(field)), "{sentence}");
        if *empty == Empty::Refused {
            house.raw(method, &filled(path), &[], "{}").await.fails_with(400, "nothing_to_change");
        }
    }
}

/// Whoever adds a route says which fields its body has.
#[test]
fn every_route_that_takes_a_body_has_its_row() {
    // The proxy reads its own frames, pictures come as forms, and these take no body.
    const WITHOUT: &[(&str, &str)] = &[
        ("POST", "/api/openclaw/rpc"),
        ("POST", "/api/openclaw/status"),
        ("POST", "/api/projects/{id}/restore"),
        ("POST", "/api/chats/{id}/messages/{message}/retry"),
        ("POST", "/api/sessions/{id}/cancel"),
        ("POST", "/api/upload/image"),
        ("POST", "/api/prompts/seed"),
        ("PATCH", "/api/prompts/{id}/activate"),
    ];
    let there: Vec<(String, String)> =
        routes().into_iter().filter(|(method, _)| matches!(method.as_str(), "POST" | "PATCH" | "PUT")).collect();
    let is = |row: &(&str, &str), (method, path): &(String, String)| row.0 == method && row.1 == path;
    let rows: Vec<(&str, &str)> = BODIES.iter().map(|row| (row.0, row.1)).collect();
    for route in &there {
        let known = rows.iter().chain(WITHOUT).any(|row| is(row, route));
        assert!(known, "{route:?} has no row in BODIES");
    }
    for row in rows.iter().chain(WITHOUT) {
        assert!(there.iter().any(|route| is(row, route)), "{row:?} is no route");
    }
}

#[tokio::test]
async fn what_is_misspelt_is_named_with_what_was_meant() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let path = format!("/api/tasks/{task}");
    let before = house.look(&task).await;
    let reply = house.patch(&path, json!({ "state": "done" })).await;
    reply.fails_with(400, "unknown_fields");
    let sentence = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(sentence.starts_with("No field of this body is known here: state. Nearest to it: status"), "{sentence}");
    house.patch(&path, json!({})).await.fails_with(400, "nothing_to_change");
    assert_eq!(house.look(&task).await, before);
    let long = house.patch(&path, json!({ "x".repeat(10_000): 1, "\u{202e}\n": 2 })).await;
    long.fails_with(400, "unknown_fields");
    assert!(long.text.len() < 400, "{}", long.text);
}

#[tokio::test]
async fn what_is_not_known_beside_something_known_is_ignored_and_named() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let plain = json!({ "project_id": project, "title": "t" });
    let mut more = plain.clone();
    more["colour"] = json!("red");
    more["state"] = Value::Null;
    let made = house.post("/api/tasks", more).await.ok(201);
    assert_eq!(made["ignored"], json!(["colour", "state"]));
    assert_eq!(house.post("/api/tasks", plain).await.ok(201).get("ignored"), None);
    let task = made["task"]["id"].as_str().unwrap();
    let told = house.patch(&format!("/api/tasks/{task}"), json!({ "branch": "b", "pr": 3 })).await.ok(200);
    assert_eq!((&told["task"]["branch"], &told["ignored"]), (&json!("b"), &json!(["pr"])));
    // Words as they are, with the other fields in the address.
    let path = format!("/api/tasks/{task}/comments?author=dan&mood=good");
    let words = Request::post(path).header("host", ADDRESS).header("content-type", "text/plain");
    let said = house.send(words.body("Nice.".into()).unwrap(), "127.0.0.1:5000").await.ok(201);
    assert_eq!((&said["comment"]["content"], &said["ignored"]), (&json!("Nice."), &json!(["mood"])));
    // A refusal keeps its shape.
    house.post("/api/tasks", json!({ "title": "t", "colour": "red" })).await.fails(
        400,
        "field_missing",
        "project_id and title are required",
    );
    let many: serde_json::Map<String, Value> = (0..50).map(|n| (format!("field{n}"), json!(n))).collect();
    let mut body = json!(many);
    body["content"] = json!("c");
    let said = house.post(&format!("/api/tasks/{task}/comments"), body).await.ok(201);
    assert_eq!(said["ignored"].as_array().unwrap().len(), 20);
}
