//! The routes by which plugins follow messages (facts §2.3, "Delivery-queue helpers").

use serde_json::{Value, json};

use super::{House, id};

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

async fn general(house: &House) -> String {
    let project = house.project("site").await;
    id(&house.get(&format!("/api/chats?projectId={project}")).await.ok(200)["chats"][0])
}

async fn post(house: &House, chat: &str, body: Value) -> Value {
    house.post(&format!("/api/chats/{chat}/messages"), body).await.ok(201)["message"].clone()
}

#[tokio::test]
async fn helpers_answer_from_the_same_state() {
    let house = House::new();
    let chat = general(&house).await;
    let first = post(&house, &chat, json!({ "content": "one" })).await;
    let second = post(&house, &chat, json!({ "content": "two" })).await;
    post(&house, &chat, json!({ "content": "answer", "author": "ada" })).await;
    let at = |what: &str| format!("/api/chats/{chat}/{what}");
    let sent = house.get(&at("all-sent-messages")).await.ok(200);
    assert_eq!(sent["messages"], json!([first, second]));
    assert_eq!(sent["chat_id"], json!(chat));
    assert_eq!(house.get(&at("latest-human-message")).await.ok(200)["message"], second);
    assert_eq!(house.get(&at("oldest-sent-message")).await.ok(200)["message"], first);
    assert_eq!(house.get(&at("oldest-delivered-message")).await.ok(200)["message"], Value::Null);

    let status = at(&format!("messages/{}/status", id(&first)));
    let patched = house.patch(&status, json!({ "delivery_status": "delivered" })).await.ok(200);
    assert_eq!((&patched["success"], &patched["message"]["delivery_status"]), (&json!(true), &json!("delivered")));
    assert_eq!(id(&house.get(&at("oldest-delivered-message")).await.ok(200)["message"]), id(&first));
    house.patch(&status, json!({})).await.fails(400, "field_missing", "delivery_status is required");
    let words = "Invalid delivery_status. Must be one of: sent, delivered, processing, responded, failed";
    house.patch(&status, json!({ "delivery_status": "lost" })).await.fails(400, "invalid_field", words);
    // A message of another chat is not this chat's.
    let other =
        id(&house.post("/api/chats", json!({ "project_id": house.project("two").await, "title": "t" })).await.ok(201)
            ["chat"]);
    let foreign = format!("/api/chats/{other}/messages/{}/status", id(&first));
    house.patch(&foreign, json!({ "delivery_status": "failed" })).await.fails(
        404,
        "message_not_found",
        "Message not found",
    );
}

/// What its author carries: the route only resets how far it is said to be, and nothing is sent.
#[tokio::test]
async fn a_programs_retry_resets_the_status_and_sends_nothing() {
    let house = House::new();
    let chat = general(&house).await;
    let message = id(&post(&house, &chat, json!({ "content": "one" })).await);
    let (status, retry) =
        (format!("/api/chats/{chat}/messages/{message}/status"), format!("/api/chats/{chat}/messages/{message}/retry"));
    for n in 1..=2 {
        house.patch(&status, json!({ "delivery_status": "failed", "failure_reason": "why" })).await.ok(200);
        let again = house.post(&retry, json!({})).await.ok(200);
        assert_eq!(again["message"]["delivery_status"], json!("sent"));
        assert_eq!(again["message"]["retry_count"], json!(n));
        assert_eq!(again["message"].get("failure_reason"), None);
    }
    let all = house.post("/api/chats/messages/recover", json!({ "action": "retry", "age_threshold_minutes": 0 })).await;
    assert_eq!(all.ok(200)["processed"], json!(1));
    // It is still its author's to carry, and nobody has spoken to the agent.
    assert_eq!(house.get("/api/chats/messages/stuck?age_minutes=0").await.ok(200)["messages"][0]["id"], json!(message));
    assert_eq!(house.get(&format!("/api/chats/{chat}")).await.ok(200)["chat"].get("session_key"), None);
    house.post(&retry, json!({})).await.fails(
        400,
        "retries_used_up",
        "Maximum retry attempts exceeded. Please create a new message.",
    );
}

#[tokio::test]
async fn stuck_messages_are_those_that_somebody_else_carries() {
    let house = House::new();
    let chat = general(&house).await;
    post(&house, &chat, json!({ "content": "theirs" })).await;
    post(&house, &chat, json!({ "content": "ours", "send": true })).await;
    let stuck = house.get("/api/chats/messages/stuck?age_minutes=0").await.ok(200);
    assert_eq!(stuck["total"], json!(1));
    assert_eq!(stuck["messages"][0]["content"], json!("theirs"));
    assert!(stuck["messages"][0]["age_ms"].is_number());
    assert_eq!(house.get("/api/chats/messages/stuck").await.ok(200)["total"], json!(0));

    let nothing = house.post("/api/chats/messages/recover", json!({})).await.ok(200);
    assert_eq!(nothing["message"], json!("No stuck messages found"));
    house.post("/api/chats/messages/recover", json!({ "action": "x" })).await.fails(
        400,
        "invalid_field",
        "action must be 'mark_failed' or 'retry'",
    );
    let done = house.post("/api/chats/messages/recover", json!({ "age_threshold_minutes": 0 })).await.ok(200);
    assert_eq!((&done["processed"], &done["failed"], &done["total_found"]), (&json!(1), &json!(0), &json!(1)));
    assert_eq!(done["results"][0]["system_messages_added"], json!(1));
    let all = house.get(&format!("/api/chats/{chat}/messages")).await.ok(200)["messages"].clone();
    assert_eq!(all[0]["delivery_status"], json!("failed"));
    assert_eq!(all[2]["author"], json!("system"));
}

#[tokio::test]
async fn a_program_sends_words_and_no_commands() {
    let house = House::new();
    let chat = general(&house).await;
    let sentence = "Commands (text that begins with /) are for people at the page.";
    for content in ["/reset", "  /think high", "/issue", "\u{feff}/restart", "/model: x"] {
        let body = json!({ "content": content, "send": true });
        house.post(&format!("/api/chats/{chat}/messages"), body).await.fails(400, "command_refused", sentence);
    }
    // What is only stored is never run, and an issue is spelled out in words.
    post(&house, &chat, json!({ "content": "/reset" })).await;
    post(&house, &chat, json!({ "content": "/issue a bell", "send": true })).await;
    assert_eq!(
        house.get(&format!("/api/chats/{chat}/messages")).await.ok(200)["messages"].as_array().unwrap().len(),
        2
    );
    // The page's own door is no other door.
    for words in ["/restart", "/reset", "/model x", "/status"] {
        let form = format!("chat={chat}&content={}", words.replace('/', "%2F").replace(' ', "+"));
        let answer = house.raw("POST", "/fn/send_message", &FORM, form).await;
        assert_eq!(answer.status, 400, "{words}: {}", answer.text);
        assert!(answer.text.contains("command_refused"), "{words}: {}", answer.text);
    }
}
