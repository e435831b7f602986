//! What the gateway has, through its methods (facts §2.13, §2.14, §3.8), against one that says what a test wants.

use clutch_domain::access::TokenScope;
use serde_json::{Value, json};

use super::{
    BEGIN, House,
    gateways::{Scripted, alone},
    id, keys,
};

const MINUTE: i64 = 60_000;

fn row(key: &str, session: &str, minutes: i64) -> Value {
    json!({ "key": key, "sessionId": session, "updatedAt": BEGIN - minutes * MINUTE, "createdAt": BEGIN - 90 * MINUTE })
}

fn with(mut row: Value, more: Value) -> Value {
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

fn answers(method: &str, params: &Value) -> Result<Value, &'static str> {
    match method {
        "sessions.list" => Ok(json!({ "totalCount": 7, "sessions": [
            with(row("agent:main:main", "s-main", 1), json!({ "model": "k2", "modelProvider": "moonshot",
                "inputTokens": 10, "outputTokens": 2, "totalTokens": 12, "estimatedCostUsd": 0.25, "hasActiveRun": true })),
            with(row("agent:main:clutch:site:00000000-0000-4000-8000-000000000000", "s-chat", 10), json!({
                "hasActiveRun": false, "model": "k2" })),
            with(row("agent:main:site:dev:aaaaaaaa:r1", "s-run", 40), json!({
                "hasActiveRun": false, "status": "done", "endedAt": BEGIN - 41 * MINUTE, "model": "glm" })),
            with(row("agent:main:cron:job", "s-cron", 60), json!({ "hasActiveRun": false, "status": "failed" })),
            row("agent:main:old", "s-old", 2),
        ] })),
        "chat.history" if params["sessionKey"] == "agent:main:main" => Ok(json!({ "messages": [
            { "role": "user", "content": "Hello", "timestamp": 5 },
            { "role": "assistant", "content": [{ "type": "text", "text": "Hi" }], "timestamp": 6, "model": "k2",
              "usage": { "input": 3, "output": 1, "cost": { "total": 0.1 } }, "stopReason": "stop" },
        ] })),
        "chat.abort" => Ok(json!({ "ok": true })),
        "config.get" => Ok(json!({ "config": { "gateway": { "auth": { "token": "secret" } }, "agents": { "defaults": {
            "models": { "moonshot/kimi": { "alias": "kimi" }, "zai/glm": {} } } } } })),
        "health" => Ok(json!({ "ok": true })),
        "status" => Ok(json!({ "sessions": { "defaults": { "model": "fake-1" } } })),
        "usage.cost" if *params == json!({ "days": 1 }) => Ok(json!({ "totals": {
            "totalTokens": 30, "totalCost": 0.5, "input": 20, "output": 10 } })),
        "channels.status" => Ok(json!({
            "channels": { "clutch": {}, "discord": { "configured": true }, "slack": { "running": true } },
            "channelAccounts": { "slack": [{ "accountId": "a", "connected": false }, { "accountId": "b", "running": true }] },
            "channelDefaultAccountId": { "slack": "a" }, "channelLabels": { "discord": "Discord" },
        })),
        "cron.list" => Err("It refuses."),
        _ => Err("unknown method"),
    }
}

fn named(list: &Value) -> Vec<&str> {
    list["sessions"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn sessions_are_listed_filtered_and_paged() {
    let gateway = Scripted::open(answers).await;
    let house = gateway.house().await;
    let all = house.get("/api/sessions").await.ok(200);
    assert_eq!(named(&all), ["s-main", "s-chat", "s-run", "s-cron", "s-old"]);
    assert_eq!((&all["total"], &all["limit"], &all["offset"]), (&json!(5), &json!(100), &json!(0)));
    let told = |name: &str| -> Vec<String> {
        all["sessions"].as_array().unwrap().iter().map(|s| s[name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(told("session_type"), ["main", "chat", "agent", "cron", "agent"]);
    assert_eq!(told("status"), ["active", "idle", "completed", "stale", "active"]);
    let main = json!({
        "id": "s-main", "session_key": "agent:main:main", "session_id": "s-main", "session_type": "main", "model": "k2",
        "provider": "moonshot", "status": "active", "tokens_input": 10, "tokens_output": 2, "tokens_cache_read": null,
        "tokens_cache_write": null, "tokens_total": 12, "cost_input": null, "cost_output": null,
        "cost_cache_read": null, "cost_cache_write": null, "cost_total": 0.25, "last_active_at": BEGIN - MINUTE,
        "output_preview": null, "stop_reason": null, "task_id": null, "project_slug": null, "file_path": null,
        "created_at": BEGIN - 90 * MINUTE, "updated_at": BEGIN - MINUTE, "completed_at": null,
    });
    assert_eq!(all["sessions"][0], main);
    assert_eq!(all["sessions"][2]["completed_at"], BEGIN - 41 * MINUTE);
    for (query, ids) in [
        ("?status=active", vec!["s-main", "s-old"]),
        ("?type=agent", vec!["s-run", "s-old"]),
        ("?model=k2", vec!["s-main", "s-chat"]),
        ("?model=moonshot/k2", vec!["s-main"]),
        ("?type=agent&status=completed&model=glm", vec!["s-run"]),
        ("?limit=2&offset=1", vec!["s-chat", "s-run"]),
        ("?offset=9", vec![]),
        ("?status=&type=&limit=", vec!["s-main", "s-chat", "s-run", "s-cron", "s-old"]),
    ] {
        assert_eq!(named(&house.get(&format!("/api/sessions{query}")).await.ok(200)), ids, "{query}");
    }
    for query in ["?status=running", "?type=x", "?limit=x", "?limit=-1", "?offset=1.5"] {
        house.get(&format!("/api/sessions{query}")).await.fails_with(400, "invalid_field");
    }
    assert_eq!(gateway.of("sessions.list"), [json!({ "limit": 500 })], "asked once for all of that");
}

#[tokio::test]
async fn a_session_of_a_ticket_says_so() {
    let gateway = Scripted::open(answers).await;
    let house = gateway.house().await;
    let project = house.project("site").await;
    let task = house.task(&project, "t", "ready").await;
    let run = house.run_of(&task, 1).await;
    assert_ne!(run.session_key, "agent:main:site:dev:aaaaaaaa:r1", "the list has another ticket's");
    let all = house.get("/api/sessions?type=agent").await.ok(200);
    assert_eq!(all["sessions"][0]["task_id"], Value::Null);
    let chat = id(&house.post("/api/chats", json!({ "project_id": project })).await.ok(201)["chat"]);
    assert_ne!(chat, super::NOBODY);
}

#[tokio::test]
async fn one_session_its_words_and_its_end() {
    let gateway = Scripted::open(answers).await;
    let house = gateway.house().await;
    for name in ["s-main", "main", "agent:main:main", "AGENT%3Amain%3Amain"] {
        let shown = house.get(&format!("/api/sessions/{name}")).await.ok(200);
        assert_eq!(shown["session"]["id"], "s-main", "{name}");
        let told = house.get(&format!("/api/sessions/{name}/history")).await.ok(200);
        assert_eq!(
            told["messages"],
            json!([
                { "role": "user", "content": "Hello", "timestamp": 5 },
                { "role": "assistant", "content": "Hi", "timestamp": 6, "model": "k2" },
            ])
        );
        assert_eq!(
            (&told["sessionUuid"], &told["tokensIn"], &told["costTotal"]),
            (&json!("s-main"), &json!(3), &json!(0.1))
        );
        let stopped = house.post(&format!("/api/sessions/{name}/cancel"), json!({})).await.ok(200);
        assert_eq!(stopped["success"], true);
        assert_eq!(gateway.of("chat.abort").last().unwrap()["sessionKey"], "agent:main:main");
    }
    for path in ["/api/sessions/nobody", "/api/sessions/nobody/history", "/api/sessions/..%2F..%2Fetc/history"] {
        house.get(path).await.fails(404, "session_not_found", "Session not found");
    }
    house.post("/api/sessions/nobody/cancel", json!({})).await.fails_with(404, "session_not_found");
    assert_eq!(gateway.of("chat.abort").len(), 4);
    // The gateway refuses: its own words.
    house.get("/api/sessions/s-old/history").await.fails(422, "gateway_refused", "unknown method");
}

#[tokio::test]
async fn how_sessions_stand() {
    let gateway = Scripted::open(answers).await;
    let house = gateway.house().await;
    let ids = json!({ "sessionIds": ["s-main", "main", "s-chat", "s-cron", "s-nobody"] });
    let told = house.post("/api/sessions/status", ids).await.ok(200)["sessions"].clone();
    assert_eq!(
        told["s-main"],
        json!({
            "id": "s-main", "status": "running", "updatedAt": BEGIN - MINUTE, "createdAt": BEGIN - 90 * MINUTE,
            "model": "k2", "tokens": { "input": 10, "output": 2, "total": 12 }, "lastActivity": BEGIN - MINUTE,
            "isActive": true, "isIdle": false, "isStuck": false,
        })
    );
    let standing =
        |name: &str| (told[name]["status"].clone(), told[name]["isIdle"].clone(), told[name]["isStuck"].clone());
    assert_eq!(standing("main").0, "running");
    assert_eq!(standing("s-chat"), (json!("idle"), json!(true), json!(false)));
    assert_eq!(standing("s-cron"), (json!("completed"), json!(false), json!(true)));
    let nobody =
        json!({ "id": "s-nobody", "status": "not_found", "isActive": false, "isIdle": false, "isStuck": false });
    assert_eq!(told["s-nobody"], nobody);
    assert_eq!(house.get("/api/sessions/status?sessionId=s-nobody").await.ok(200), json!({ "session": nobody }));
    house.get("/api/sessions/status").await.fails(400, "field_missing", "sessionId is required");
    for wrong in [json!({ "sessionIds": "s-main" }), json!({ "sessionIds": null }), json!({})] {
        house.post("/api/sessions/status", wrong).await.fails(400, "invalid_field", "sessionIds must be an array");
    }
    house.post("/api/sessions/status", json!({ "sessionIds": [1] })).await.fails_with(400, "invalid_field");
}

#[tokio::test]
async fn the_gateways_models_and_how_it_is() {
    let gateway = Scripted::open(answers).await;
    let house = gateway.house().await;
    let told = house.get("/api/openclaw/models").await;
    assert!(!told.text.contains("secret"));
    let told = told.ok(200);
    assert_eq!(told["status"], "connected");
    assert_eq!(
        told["models"],
        json!([
            { "id": "moonshot/kimi", "alias": "kimi", "provider": "moonshot", "name": "kimi" },
            { "id": "zai/glm", "provider": "zai", "name": "glm" },
        ])
    );
    let seen = house.get("/api/openclaw/dashboard").await.ok(200);
    assert_eq!(
        seen,
        json!({
            "gateway": { "ok": true, "version": "2026.9.6", "uptime": 0, "defaultModel": "fake-1" },
            "sessions": { "total": 7, "active": 2, "byAgent": [] },
            "usage24h": { "totalTokens": 30.0, "totalCost": 0.5, "inputTokens": 20.0, "outputTokens": 10.0 },
            "channels": [
                { "id": "clutch", "label": "clutch", "connected": true },
                { "id": "discord", "label": "Discord", "connected": true },
                { "id": "slack", "label": "slack", "connected": false, "accountId": "a" },
            ],
            "cron": { "total": 0, "enabled": 0, "disabled": 0 },
            "errors": [{ "source": "cron", "message": seen["errors"][0]["message"] }],
        })
    );
    let again = (house.get("/api/openclaw/models").await.ok(200), house.get("/api/openclaw/dashboard").await.ok(200));
    assert_eq!(again, (told, seen));
    assert_eq!((gateway.of("config.get").len(), gateway.of("health").len()), (1, 1), "remembered for a while");
}

#[tokio::test]
async fn without_a_gateway_callers_are_told_to_come_back() {
    let house = alone().await;
    for path in
        ["/api/sessions", "/api/sessions/main", "/api/sessions/main/history", "/api/sessions/status?sessionId=x"]
    {
        let reply = house.get(path).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (503, &json!("gateway_away")), "{path}");
        assert_eq!(reply.headers["retry-after"], "5", "{path}");
    }
    let reply = house.post("/api/sessions/main/cancel", json!({})).await;
    assert_eq!(reply.status, 503);
    let models = house.get("/api/openclaw/models").await.ok(200);
    assert_eq!((&models["status"], models["models"].as_array().unwrap().len()), (&json!("disconnected"), 7));
    assert_eq!(
        models["models"][2],
        json!({ "id": "moonshot/kimi-k2-thinking", "provider": "moonshot", "name": "kimi-k2-thinking" })
    );
    let reply = house.get("/api/openclaw/dashboard").await;
    assert_eq!((reply.status.as_u16(), &reply.headers["retry-after"]), (503, &http::HeaderValue::from_static("5")));
    let shape = reply.json();
    assert_eq!(keys(&shape), ["channels", "code", "cron", "error", "errors", "gateway", "sessions", "usage24h"]);
    assert_eq!(shape["errors"], json!([{ "source": "connection", "message": "OpenClaw gateway not connected" }]));
}

#[tokio::test]
async fn what_was_said_is_not_for_whoever_may_only_look_at_the_board() {
    let house = House::locked();
    let (secret, _) = house.token("looks", TokenScope::Read, None).await;
    let bearer = format!("Bearer {secret}");
    for path in
        ["/api/sessions", "/api/sessions/main", "/api/sessions/main/history", "/api/sessions/status?sessionId=x"]
    {
        house.raw("GET", path, &[("authorization", &bearer)], "").await.fails_with(403, "not_allowed");
        house.get(path).await.fails_with(401, "login_required");
    }
    house.raw("GET", "/api/openclaw/models", &[("authorization", &bearer)], "").await.ok(200);
}
