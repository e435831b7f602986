//! A real chat on the oldest gateway that we know, through the server's public face. That gateway marks
//! nothing in its histories, so what began there can only be known by having heard it.
//! Needs it installed: `./run.sh test` does that and turns the feature on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod board;
#[expect(dead_code, reason = "the gateway client's tests use more of it")]
#[path = "../../../crates/gateway/tests/real_gateway/gateway.rs"]
mod gateway;

use board::{Board, Wire, until};
use gateway::{Gateway, OLD, free_port};
use serde_json::{Value, json};

/// How often words were heard by an agent.
fn heard(gateway: &Gateway, words: &str) -> usize {
    gateway.asked().iter().filter(|asked| asked.contains(words)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_on_the_old_gateway() {
    let port = free_port();
    let gateway = Gateway::start(OLD, port, &[("SCRIPT_PACE", "0.3")]).await;
    let wire = Wire::to(port).await;
    let board = Board::start(wire.port).await;
    let chat = board.chat();

    // Said, answered, and the answer is there once.
    let first = board.say(&chat, "Who comes to the feeder in the morning");
    board.reaches(&chat, &first, &["responded"]).await;
    let answers = board.answers(&chat);
    assert!(answers.len() == 1 && answers[0].contains("Sparrows come first"), "{answers:?}");

    // A Stop that comes too late takes nothing away: the agent counts on.
    board.stop(&chat);
    let second = board.say(&chat, "What would help the people who look at it");
    board.reaches(&chat, &second, &["responded"]).await;
    let answers = board.answers(&chat);
    assert!(answers.len() == 2 && answers[1].contains("busiest day"), "{answers:?}");

    // The line is cut in the middle of an answer, and comes back.
    let slow = "Tell me of it, and be slow please, as long as it takes";
    let cut = board.say(&chat, slow);
    board.reaches(&chat, &cut, &["processing"]).await;
    wire.cut();
    board.reaches(&chat, &cut, &["responded"]).await;
    assert_eq!(heard(&gateway, slow), 1, "sent once");
    let answers = board.answers(&chat);
    assert!(answers.len() == 3 && answers[2].contains("Minute 60"), "{answers:?}");

    // Stopped in the middle: what was said stays.
    let stopped = "Once more and be slow please, until somebody says no";
    let message = board.say(&chat, stopped);
    until("heard", || (heard(&gateway, stopped) == 1).then_some(())).await;
    board.reaches(&chat, &message, &["processing"]).await;
    board.stop(&chat);
    board.reaches(&chat, &message, &["responded"]).await;
    let answers = board.answers(&chat);
    assert!(answers.len() == 4 && answers[3].contains("Stopped"), "{answers:?}");
    let last = board.say(&chat, "What comes after that");
    board.reaches(&chat, &last, &["responded"]).await;
    assert_eq!(heard(&gateway, stopped), 1, "sent once");
    assert_eq!(board.answers(&chat).len(), 5);

    // A program comes through the proxy: its words reach the agent, and nothing in them is a command.
    let through = |method: &str, params: Value| {
        board.call("POST", "/api/openclaw/rpc", &json!({ "method": method, "params": params }))["payload"].clone()
    };
    let words = "Somebody must look, /restart did not help the feeder";
    let sent = through("chat.send", json!({ "sessionKey": "main", "message": words }));
    assert!(sent["runId"].is_string() && sent["status"] == "started", "{sent}");
    until("heard", || (heard(&gateway, "did not help the feeder") >= 1).then_some(())).await;
    assert!(through("sessions.list", json!({ "limit": 50 }))["sessions"].is_array());
    let settings = through("config.get", json!({}));
    assert!(settings["agents"]["defaults"]["models"].is_object(), "{settings}");
    assert_eq!(settings.as_object().unwrap().len(), 2, "{settings}");

    // What the gateway has, by its own methods.
    let sessions = board.call("GET", "/api/sessions?type=chat", &Value::Null)["sessions"].clone();
    let session = sessions[0]["session_key"].as_str().unwrap_or_else(|| panic!("{sessions}"));
    assert!(session.ends_with(&chat) && sessions[0]["project_slug"] == "feeder", "{sessions}");
    let history = board.call("GET", &format!("/api/sessions/{session}/history"), &Value::Null);
    let words = history["messages"].to_string();
    assert!(words.contains("comes to the feeder") && words.contains("Sparrows come first"), "{history}");
    assert_eq!(
        board.call("GET", &format!("/api/sessions/status?sessionId={session}"), &Value::Null)["session"]["id"],
        session
    );
    board.call("POST", &format!("/api/sessions/{session}/cancel"), &json!({}));
    assert!(
        board.call("GET", "/api/openclaw/models", &Value::Null)["models"].as_array().is_some_and(|m| !m.is_empty())
    );
    let dashboard = board.call("GET", "/api/openclaw/dashboard", &Value::Null);
    assert!(dashboard["gateway"]["ok"] == true && dashboard["sessions"]["total"].as_u64() > Some(0), "{dashboard}");
}

/// The server dies in the middle of an answer. Nobody can tell then whether it was ever given, so it is
/// never asked for again by itself; and whatever was said after it gets through.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_the_middle_says_nothing_twice_and_blocks_nothing() {
    let port = free_port();
    let gateway = Gateway::start(OLD, port, &[("SCRIPT_PACE", "0.3")]).await;
    let mut board = Board::start(port).await;
    let chat = board.chat();
    let slow = "Tell me of it, and be slow please, as long as it takes";
    let cut = board.say(&chat, slow);
    board.reaches(&chat, &cut, &["processing"]).await;
    let next = board.say(&chat, "What would help the people who look at it");
    board.dies_and_comes_back().await;
    board.reaches(&chat, &cut, &["responded", "failed"]).await;
    board.reaches(&chat, &next, &["responded"]).await;
    assert_eq!((heard(&gateway, slow), heard(&gateway, "What would help")), (1, 1), "each was sent once");
    let slowly = board.answers(&chat).iter().filter(|answer| answer.contains("Minute 1:")).count();
    assert!(slowly <= 1, "{:?}", board.answers(&chat));
}
