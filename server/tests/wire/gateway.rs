//! A gateway that says what the cases want, for as long as the test runs.

use std::{
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

/// What it answers; `Err` is its refusal.
fn answer(method: &str, params: &Value) -> Result<Value, &'static str> {
    Ok(match method {
        "connect" => json!({
            "type": "hello-ok", "protocol": 4, "server": { "version": "2026.9.6" }, "features": { "methods": [] },
            "snapshot": { "sessionDefaults": { "defaultAgentId": "main" } },
        }),
        "sessions.list" => json!({ "totalCount": 2, "sessions": [
            { "key": "agent:main:main", "sessionId": "s-main", "updatedAt": 1_700_000_000_000_i64, "createdAt": 1_600_000_000_000_i64,
              "model": "k2", "modelProvider": "moonshot", "inputTokens": 10, "outputTokens": 2, "totalTokens": 12,
              "estimatedCostUsd": 0.25, "hasActiveRun": true },
            { "key": "agent:main:old", "sessionId": "s-old", "updatedAt": 1_600_000_000_000_i64, "hasActiveRun": false },
        ] }),
        "sessions.preview" if params["keys"][0] == "no-such" => return Err("no such session"),
        "sessions.preview" => json!({ "previews": [{ "key": params["keys"][0], "items": [] }] }),
        "chat.history" => json!({ "messages": [
            { "role": "user", "content": "Hello", "timestamp": 5 },
            { "role": "assistant", "content": [{ "type": "text", "text": "Hi" }], "timestamp": 6, "model": "k2",
              "usage": { "input": 3, "output": 1, "cost": { "total": 0.1 } }, "stopReason": "stop" },
        ] }),
        "chat.send" => json!({ "runId": "run-1", "status": "started" }),
        "config.get" => json!({ "config": { "gateway": { "auth": { "token": "secret" } }, "agents": { "defaults": {
            "models": { "moonshot/kimi": { "alias": "kimi" }, "zai/glm": {} } } } } }),
        "status" => json!({ "sessions": { "defaults": { "model": "fake-1" } } }),
        "usage.cost" => json!({ "totals": { "totalTokens": 30, "totalCost": 0.5, "input": 20, "output": 10 } }),
        "channels.status" => json!({
            "channels": { "clutch": {}, "discord": { "configured": true } }, "channelLabels": { "discord": "Discord" },
        }),
        "cron.list" => json!({ "jobs": [{ "enabled": true }, { "enabled": false }] }),
        _ => json!({ "ok": true }),
    })
}

fn serve(stream: TcpStream) -> tungstenite::Result<()> {
    let Ok(mut socket) = tungstenite::accept(stream) else { return Ok(()) };
    let challenge = json!({ "type": "event", "event": "connect.challenge", "payload": { "nonce": "n", "ts": 1 } });
    socket.send(Message::text(challenge.to_string()))?;
    loop {
        let Message::Text(text) = socket.read()? else { continue };
        let frame: Value = serde_json::from_str(text.as_str()).unwrap();
        let reply = match answer(frame["method"].as_str().unwrap_or_default(), &frame["params"]) {
            Ok(payload) => json!({ "type": "res", "id": frame["id"], "ok": true, "payload": payload }),
            Err(message) => json!({
                "type": "res", "id": frame["id"], "ok": false, "error": { "code": "INVALID_REQUEST", "message": message },
            }),
        };
        socket.send(Message::text(reply.to_string()))?;
    }
}

/// Its address.
pub fn open() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}
