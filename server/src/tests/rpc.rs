//! `POST /api/openclaw/rpc` (facts §3.6), against a gateway that says what a test wants and where there is none.

use base64::{Engine, engine::general_purpose::STANDARD};
use clutch_domain::access::TokenScope;
use image::{Rgba, RgbaImage, codecs::png::PngEncoder};
use serde_json::{Value, json};

use super::{
    House, Reply,
    callers::SAME,
    gateways::{Scripted, alone},
};

const PATH: &str = "/api/openclaw/rpc";

fn answer(method: &str, _: &Value) -> Result<Value, &'static str> {
    match method {
        "chat.send" => Ok(json!({ "runId": "r1", "status": "started" })),
        "chat.abort" => Ok(json!({ "ok": true, "aborted": false })),
        "sessions.list" => Ok(json!({ "sessions": [] })),
        "sessions.compact" => Ok(json!({ "compacted": true })),
        "config.get" => Ok(json!({
            "hash": "h", "raw": "secret",
            "config": { "gateway": { "auth": { "token": "secret" } }, "agents": { "defaults": {
                "models": { "moonshot/kimi": { "alias": "kimi", "params": { "key": "secret" } }, "zai/glm": {} },
            } } },
        })),
        "sessions.preview" => Err("It refuses."),
        _ => Err("unknown method"),
    }
}

async fn rpc(house: &House, headers: &[(&str, &str)], method: &str, params: Value) -> Reply {
    let body = json!({ "type": "req", "id": "42", "method": method, "params": params });
    house.raw("POST", PATH, headers, body.to_string()).await
}

#[track_caller]
fn refused(reply: &Reply, status: u16, id: &str, code: &str, sentence: Option<&str>) {
    let shape = reply.json();
    assert_eq!((reply.status.as_u16(), &shape["error"]["code"]), (status, &json!(code)), "{}", reply.text);
    let message = shape["error"]["message"].as_str().unwrap();
    assert!(!message.is_empty() && sentence.is_none_or(|said| said == message), "{message}");
    let error = json!({ "message": message, "code": code });
    assert_eq!(shape, json!({ "type": "res", "id": id, "ok": false, "error": error }));
}

#[tokio::test]
async fn without_a_gateway_callers_are_told_to_come_back() {
    let house = alone().await;
    let reply = rpc(&house, &[], "sessions.list", json!({ "limit": 1 })).await;
    refused(&reply, 503, "42", "gateway_away", Some("OpenClaw gateway not connected"));
    assert_eq!(reply.headers["retry-after"], "5");
}

/// A picture as browsers paste it: with a text that cameras and editors leave in it.
fn picture() -> Value {
    json!({ "type": "image", "mimeType": "image/png", "fileName": "x.png", "content": STANDARD.encode(png()) })
}

fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    RgbaImage::from_pixel(3, 2, Rgba([200, 30, 30, 255])).write_with_encoder(PngEncoder::new(&mut bytes)).unwrap();
    bytes.extend_from_slice(b"somewhere at home");
    bytes
}

fn with(attachments: Value) -> Value {
    json!({ "sessionKey": "main", "message": "Look", "idempotencyKey": "k", "attachments": attachments })
}

#[tokio::test]
async fn pictures_go_with_words_as_a_decoder_saw_them() {
    let gateway = Scripted::open(answer).await;
    let house = gateway.house().await;
    let mut pasted = picture();
    pasted["content"] = json!(format!("data:image/png;base64,{}", STANDARD.encode(png())));
    rpc(&house, &[], "chat.send", with(json!([picture(), pasted]))).await.ok(200);
    rpc(&house, &[], "chat.send", with(json!([]))).await.ok(200);
    let sent = gateway.of("chat.send");
    let pictures = sent[0]["attachments"].as_array().unwrap();
    assert_eq!((pictures.len(), sent[1].get("attachments")), (2, None));
    for picture in pictures {
        let name = (picture["type"].as_str(), picture["mimeType"].as_str(), picture["fileName"].as_str());
        assert_eq!(name, (Some("image"), Some("image/png"), Some("x.png")));
        let bytes = STANDARD.decode(picture["content"].as_str().unwrap()).unwrap();
        assert!(!bytes.windows(9).any(|part| part == b"somewhere"), "nothing goes with it");
        let seen = image::load_from_memory(&bytes).unwrap();
        assert_eq!((seen.width(), seen.height(), seen.to_rgba8()[(0, 0)].0), (3, 2, [200, 30, 30, 255]));
    }
}

/// Each scope may do here what it may do elsewhere: a token that looks may look here too.
#[tokio::test]
async fn what_each_scope_opens_of_the_gateway() {
    let gateway = Scripted::open(answer).await;
    let house = gateway.house().await;
    let send = json!({ "sessionKey": "main", "message": "Hello", "idempotencyKey": "k" });
    for scope in TokenScope::ALL {
        let (secret, _) = house.token(scope.word(), *scope, None).await;
        let bearer = format!("Bearer {secret}");
        let mine = [("authorization", bearer.as_str())];
        rpc(&house, &mine, "sessions.list", json!({})).await.ok(200);
        rpc(&house, &mine, "config.get", json!({})).await.ok(200);
        for (name, params, least) in [
            ("chat.send", send.clone(), TokenScope::Write),
            ("chat.abort", json!({ "sessionKey": "main" }), TokenScope::Write),
            ("sessions.compact", json!({ "key": "main" }), TokenScope::Admin),
        ] {
            let reply = rpc(&house, &mine, name, params).await;
            if *scope >= least {
                reply.ok(200);
            } else {
                let code = if *scope == TokenScope::Write { "humans_only" } else { "scope_too_small" };
                refused(&reply, 403, "42", code, None);
            }
        }
        for name in ["config.set", "agent"] {
            refused(&rpc(&house, &mine, name, json!({})).await, 403, "42", "rpc_method_refused", None);
        }
    }
    assert_eq!(gateway.of("chat.send").len(), 2, "write and admin");
}

#[tokio::test]
async fn what_is_wrong_is_refused_before_anything_is_asked() {
    let gateway = Scripted::open(answer).await;
    let house = gateway.house().await;
    for body in ["", "{", "[]", "null", "\"x\""] {
        refused(&house.raw("POST", PATH, &[], body).await, 400, "unknown", "invalid_json", Some("Invalid JSON body"));
    }
    for body in [json!({ "id": "1" }), json!({ "id": "1", "method": 7 }), json!({ "id": "1", "method": " " })] {
        let missing = Some("Missing 'method' in request body");
        refused(&house.post(PATH, body).await, 400, "1", "method_missing", missing);
    }
    for name in ["config.set", "sessions.delete", "agent", "connect", "exec.approval.resolve", "Chat.send"] {
        refused(&rpc(&house, &[], name, json!({})).await, 403, "42", "rpc_method_refused", None);
    }
    for (name, params) in [
        ("chat.send", json!({ "sessionKey": "main" })),
        ("chat.send", json!({ "message": "m" })),
        ("chat.send", json!({ "sessionKey": "main", "message": ["m"] })),
        ("chat.send", json!({ "sessionKey": "main", "message": "  " })),
        ("chat.send", json!({ "sessionKey": 1, "message": "m" })),
        ("chat.send", json!({ "sessionKey": "a\nb", "message": "m" })),
        ("chat.send", json!({ "sessionKey": "main", "message": "m", "suppressCommandInterpretation": false })),
        ("chat.send", json!({ "sessionKey": "main", "message": "m", "deliver": true })),
        ("chat.abort", json!({})),
        ("chat.history", json!({ "sessionKey": "main", "limit": "all" })),
        ("chat.history", json!({ "sessionKey": "main", "limit": 0 })),
        ("chat.history", json!({ "sessionKey": "main", "limit": 1001 })),
        ("sessions.preview", json!({ "keys": "main" })),
        ("sessions.preview", json!({ "keys": [] })),
        ("sessions.preview", json!({ "keys": ["main", null] })),
        ("sessions.list", json!({ "search": "x" })),
        ("config.get", json!({ "path": "gateway" })),
        ("config.get", json!([])),
        ("chat.history", json!({ "sessionKey": "main", "attachments": [] })),
        ("chat.send", with(json!("x"))),
        ("chat.send", with(json!(vec![picture(); 9]))),
        ("chat.send", with(json!(["x"]))),
        ("chat.send", with(json!([{ "type": "file", "content": "" }]))),
        ("chat.send", with(json!([{ "type": "image", "path": "/etc/passwd" }]))),
        ("chat.send", with(json!([{ "type": "image", "mimeType": "image/png" }]))),
        ("chat.send", with(json!([{ "mimeType": "image/svg+xml", "content": "PHN2Zy8+" }]))),
        ("chat.send", with(json!([{ "content": "data:text/html;base64,PHN2Zy8+" }]))),
        ("chat.send", with(json!([{ "content": "data:image/png,x" }]))),
        ("chat.send", with(json!([{ "content": "no base64!" }]))),
        ("chat.send", with(json!([{ "fileName": "../x.png", "content": "" }]))),
        ("chat.send", with(json!([{ "fileName": "a\nb.png", "content": "" }]))),
        ("chat.send", with(json!([{ "content": "A".repeat(9 * 1024 * 1024) }]))),
        ("chat.send", with(json!(vec![json!({ "content": "A".repeat(6_500_000) }); 4]))),
    ] {
        refused(&rpc(&house, &[], name, params).await, 400, "42", "invalid_params", None);
    }
    // What is no picture is found before anything is sent.
    for (content, code) in [("PHN2Zy8+", "file_type"), ("iVBORw0KGgo=", "picture_unreadable")] {
        let params = with(json!([{ "mimeType": "image/png", "content": content }]));
        refused(&rpc(&house, &[], "chat.send", params).await, 400, "42", code, None);
    }
    let many = format!("{{\"method\":\"sessions.list\",\"params\":[{}0]}}", "0,".repeat(2_000_001));
    refused(&house.raw("POST", PATH, &[], many).await, 400, "unknown", "invalid_json", None);
    for (name, params) in [
        ("sessions.patch", json!({ "key": "main", "model": "gpt" })),
        ("sessions.reset", json!({ "key": "main" })),
        ("sessions.compact", json!({ "key": "main" })),
    ] {
        refused(&rpc(&house, &[], name, params).await, 403, "42", "humans_only", None);
    }
    for name in ["chat.send", "chat.abort", "sessions.patch", "sessions.reset", "sessions.compact", "config.set"] {
        assert_eq!(gateway.of(name), [] as [Value; 0], "{name}");
    }
}

#[tokio::test]
async fn calls_go_through_and_come_back() {
    let gateway = Scripted::open(answer).await;
    let house = gateway.house().await;
    // The header that old callers send names no token of ours; nothing of it goes on.
    let old = [("authorization", "Bearer secret-of-the-gateway")];
    let params = json!({ "sessionKey": "main", "message": "See /exec in the log", "idempotencyKey": "k1" });
    let told = rpc(&house, &old, "chat.send", params).await.ok(200);
    let payload = json!({ "runId": "r1", "status": "started" });
    assert_eq!(told, json!({ "type": "res", "id": "42", "ok": true, "payload": payload }));
    let sent = gateway.of("chat.send");
    assert_eq!((sent.len(), &sent[0]["idempotencyKey"]), (1, &json!("k1")));
    assert_eq!(sent[0]["suppressCommandInterpretation"], true, "no program's words are a command, wherever they stand");
    let listed = house.post(PATH, json!({ "method": "sessions.list" })).await.ok(200);
    assert_eq!(listed, json!({ "type": "res", "id": "unknown", "ok": true, "payload": { "sessions": [] } }));
    let refuses = rpc(&house, &[], "sessions.preview", json!({ "keys": ["main"], "limit": 5 })).await;
    refused(&refuses, 422, "42", "rpc_refused", Some("It refuses."));
    let settings = rpc(&house, &[], "config.get", json!({})).await;
    assert!(!settings.text.contains("secret"), "{}", settings.text);
    let models = json!({ "moonshot/kimi": { "alias": "kimi" }, "zai/glm": {} });
    assert_eq!(settings.ok(200)["payload"]["agents"]["defaults"]["models"], models);
}

#[tokio::test]
async fn commands_and_sessions_are_for_people() {
    let gateway = Scripted::open(answer).await;
    let house = gateway.house().await;
    let cookie = house.cookie().await;
    let person = [("cookie", cookie.as_str()), SAME];
    for words in ["/restart", "  /model gpt", "\u{feff}/approve x", "\u{2003}/new"] {
        let params = json!({ "sessionKey": "main", "message": words, "idempotencyKey": words.trim() });
        for program in [vec![], vec![("cookie", cookie.as_str())], vec![SAME]] {
            refused(&rpc(&house, &program, "chat.send", params.clone()).await, 403, "42", "command_refused", None);
        }
        assert_eq!(gateway.of("chat.send").len(), 0, "{words:?}");
    }
    let params = json!({ "sessionKey": "main", "message": "/model gpt" });
    rpc(&house, &person, "chat.send", params).await.ok(200);
    let sent = gateway.of("chat.send");
    assert_eq!((&sent[0]["message"], sent[0].get("suppressCommandInterpretation")), (&json!("/model gpt"), None));
    assert!(sent[0]["idempotencyKey"].as_str().is_some_and(|key| !key.is_empty()), "gateways demand one");
    let told = rpc(&house, &person, "sessions.compact", json!({ "key": "main" })).await.ok(200);
    assert_eq!(told["payload"], json!({ "compacted": true }));
}
