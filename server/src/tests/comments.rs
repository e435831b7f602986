//! `/api/tasks/:id/comments` (facts §2.6).

use axum::http::Request;
use clutch_domain::actor::Who;
use serde_json::{Value, json};

use super::{ADDRESS, House, known};

#[tokio::test]
async fn a_comment_has_exactly_these_fields() {
    let house = House::on_disk();
    let task = house.task(&house.project("site").await, "t", "ready").await;
    let path = format!("/api/tasks/{task}/comments");
    assert_eq!(house.get(&path).await.ok(200), json!({ "comments": [] }));
    // The oldest callers send nothing but the words.
    let made = house.post(&path, json!({ "content": " one " })).await.ok(201);
    let first = made["comment"].clone();
    assert_eq!(made, json!({ "comment": first }));
    assert_eq!(
        known(first.clone(), &["id", "created_at"]),
        json!({
            "id": "known", "task_id": task, "author": "unknown", "author_type": "human", "content": "one", "type": "message",
            "responded_at": null, "created_at": "known", "by": "program",
        })
    );
    let full = json!({ "content": "two", "author": "ada", "author_type": "coordinator", "type": "request_input" });
    let second = house.post(&path, full.clone()).await.ok(201)["comment"].clone();
    for (name, value) in full.as_object().unwrap() {
        assert_eq!(&second[name], value, "{name}");
    }
    assert_eq!(house.get(&path).await.ok(200), json!({ "comments": [first, second] }), "oldest first");
    assert_eq!(house.get(&format!("/api/tasks/{task}")).await.ok(200)["comments"], json!([first, second]));
    assert_eq!(house.get("/api/tasks/T-1/comments").await.ok(200)["comments"], json!([first, second]));
}

#[tokio::test]
async fn every_word_of_the_lists_is_taken_and_no_other() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "t", "ready").await;
    let path = format!("/api/tasks/{task}/comments");
    for word in ["coordinator", "agent", "human"] {
        assert_eq!(
            house.post(&path, json!({ "content": "x", "author_type": word })).await.ok(201)["comment"]["author_type"],
            word
        );
    }
    for word in ["message", "status_change", "request_input", "completion"] {
        assert_eq!(house.post(&path, json!({ "content": "x", "type": word })).await.ok(201)["comment"]["type"], word);
    }
    let kinds = "Invalid type. Must be one of: message, status_change, request_input, completion";
    let cases = [
        (json!({}), "content_missing", "Content is required"),
        (json!({ "content": "  \n" }), "content_missing", "Content is required"),
        (json!({ "content": null }), "content_missing", "Content is required"),
        (json!({ "content": 5 }), "invalid_field", "content must be a string"),
        (
            json!({ "content": "x".repeat(1_000_001) }),
            "text_too_long",
            "The text is longer than one megabyte; attach a file instead.",
        ),
        (json!({ "content": "x", "author": 1 }), "invalid_field", "author must be a string"),
        (
            json!({ "content": "x", "author_type": "robot" }),
            "invalid_field",
            "Invalid author_type. Must be one of: coordinator, agent, human",
        ),
        (json!({ "content": "x", "type": "note" }), "invalid_field", kinds),
    ];
    for (body, code, sentence) in cases {
        house.post(&path, body).await.fails(400, code, sentence);
    }
    assert_eq!(house.get(&path).await.ok(200)["comments"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn whoever_a_comment_names_it_is_recorded_as_a_programs() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "t", "ready").await;
    house
        .post(
            &format!("/api/tasks/{task}/comments"),
            json!({ "content": "I am dan", "author": " dan ", "author_type": "human" }),
        )
        .await
        .ok(201);
    let line = &house.log(&task).await[0];
    assert_eq!((line.what.as_str(), &line.actor), ("comment_added", &Who::program(Some("dan"))));
    assert_eq!(line.data["preview"], "I am dan");
}

#[tokio::test]
async fn a_repeated_comment_is_written_once() {
    let house = House::on_disk();
    let project = house.project("site").await;
    let (task, other) = (house.task(&project, "t", "ready").await, house.task(&project, "u", "ready").await);
    let say = async |task: &str, key: &str, content: &str| {
        let body = json!({ "content": content }).to_string();
        house.raw("POST", &format!("/api/tasks/{task}/comments"), &[("idempotency-key", key)], body).await
    };
    let first = say(&task, "k", "x").await.ok(201);
    assert_eq!(say(&task, "k", "x").await.ok(201), first, "the same call has the same answer");
    assert_ne!(say(&task, "l", "x").await.ok(201), first, "another call is another comment");
    let sentence = "This idempotency-key belongs to another call. Give each call a key of its own.";
    say(&task, "k", "y").await.fails(422, "idempotency_key_reused", sentence);
    say(&other, "k", "x").await.fails(422, "idempotency_key_reused", sentence);
    let count = async |task: &str| {
        house.get(&format!("/api/tasks/{task}/comments")).await.ok(200)["comments"].as_array().map(Vec::len)
    };
    assert_eq!((count(&task).await, count(&other).await), (Some(2), Some(0)));
    for wrong in ["", &"k".repeat(201)] {
        let sentence = "idempotency-key must have 1 to 200 visible characters";
        say(&task, wrong, "x").await.fails(400, "invalid_idempotency_key", sentence);
    }
}

#[tokio::test]
async fn more_than_a_page_is_listed_whole() {
    let house = House::new();
    let task = house.task(&house.project("site").await, "t", "ready").await;
    let path = format!("/api/tasks/{task}/comments");
    for n in 0..502 {
        house.post(&path, json!({ "content": n.to_string() })).await.ok(201);
    }
    let list = house.get(&path).await.ok(200);
    let seen: Vec<&Value> = list["comments"].as_array().unwrap().iter().map(|c| &c["content"]).collect();
    assert_eq!(seen, (0..502).map(|n| json!(n.to_string())).collect::<Vec<_>>().iter().collect::<Vec<_>>());
}

/// What the prompt's command sends: the words as they are, the other fields in the address.
#[tokio::test]
async fn a_comment_may_come_as_plain_text() {
    let house = House::new();
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let path = format!("/api/tasks/{task}/comments");
    let plain = async |path: &str, body: Vec<u8>| {
        let request = Request::post(path).header("host", ADDRESS).header("content-type", "text/plain; charset=utf-8");
        house.send(request.body(body.into()).unwrap(), "127.0.0.1:5000").await
    };
    let words = "It's `done`:\n\n\t$(x) \"y\" {\"content\": 1} \\n 👩‍👩‍👧\n";
    let address = format!("{path}?author=dev%20agent&author_type=agent");
    let made = plain(&address, words.into()).await.ok(201)["comment"].clone();
    assert_eq!(
        (&made["content"], &made["author"], &made["author_type"]),
        (&json!(words.trim()), &json!("dev agent"), &json!("agent"))
    );
    // A client that names no type of its own still sends JSON.
    let made = plain(&path, json!({ "content": "x" }).to_string().into()).await.ok(201);
    assert_eq!(made["comment"]["content"], json!("x"));

    let wrong = format!("{path}?author=a&author_type=nobody");
    plain(&wrong, "x".into()).await.fails_with(400, "invalid_field");
    plain(&address, " \n".into()).await.fails_with(400, "content_missing");
    plain(&address, vec![0xff, 0xfe]).await.fails_with(400, "invalid_text");
}
