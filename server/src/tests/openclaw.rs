//! `/api/openclaw/status` and `/health` (facts §2.13).

use std::time::Duration;

use clutch_gateway::GatewayState;
use serde_json::json;

use super::House;

#[tokio::test]
async fn a_gateway_that_is_not_there_is_told_in_words() {
    let house = House::new();
    let first = house.get("/api/openclaw/status").await.ok(200);
    assert_eq!((&first["connected"], &first["wsUrl"]), (&json!(false), &json!("ws://127.0.0.1:1")));
    let mut state = house.state.gateway.connection();
    let down = state.wait_for(|s| matches!(s, GatewayState::Down { .. }));
    tokio::time::timeout(Duration::from_secs(20), down).await.unwrap().unwrap();
    let GatewayState::Down { sentence, .. } = state.borrow().clone() else { unreachable!("it was down") };
    let now = house.get("/api/openclaw/status").await.ok(200);
    assert_eq!(
        now,
        json!({ "status": "reconnecting", "connected": false, "wsUrl": "ws://127.0.0.1:1", "error": sentence })
    );
    assert!(sentence.contains("ws://127.0.0.1:1") && sentence.contains("openclaw gateway run"), "{sentence}");
    let again = house.post("/api/openclaw/status", json!({})).await.ok(200);
    assert_eq!(again, json!({ "message": "Reconnection initiated", "previousStatus": "reconnecting" }));
}

#[tokio::test]
async fn reconnecting_twice_is_said() {
    let house = House::new();
    // Just begun: it is connecting already. The body does not matter.
    let answer = house.raw("POST", "/api/openclaw/status", &[], "no json").await.ok(200);
    assert_eq!(answer, json!({ "message": "Already connected or connecting", "status": "connecting" }));
}

#[tokio::test]
async fn health_is_the_stores() {
    let house = House::on_disk();
    let mut health = house.get("/health").await.ok(200);
    // The server is well without its runtimes, and says which one is away.
    let away = health.as_object_mut().unwrap().remove("away").unwrap();
    assert_eq!((away.as_array().unwrap().len(), &away[0]["runtime"]), (1, &json!("openclaw")), "{away}");
    assert_eq!((&away[0]["needs_person"], away[0]["sentence"].is_string()), (&json!(false), true), "{away}");
    assert_eq!(health, json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }));
}

/// A part that has ended is named until it has worked for a while again; what the store can answer is answered.
#[tokio::test]
async fn health_names_the_parts_that_do_not_work() {
    let house = House::new();
    house.state.supervisor.keep("carrier pigeons", || std::future::ready(()));
    let mut health = loop {
        let health = house.get("/health").await.ok(200);
        if health["status"] != "ok" {
            break health;
        }
        tokio::task::yield_now().await;
    };
    health.as_object_mut().unwrap().remove("away");
    let since = &health["down"][0]["since"];
    assert!(since.as_i64().is_some_and(|since| since > 1_700_000_000_000), "{health}");
    let down = json!([{ "part": "carrier pigeons", "since": since, "times": 1 }]);
    assert_eq!(health, json!({ "status": "degraded", "version": env!("CARGO_PKG_VERSION"), "down": down }));
    house.state.supervisor.stop().await;
}
