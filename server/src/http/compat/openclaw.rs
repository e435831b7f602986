//! The gateway's state for programs (facts §2.13).

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_app::site::Site;
use clutch_gateway::{OpenClaw, status_word};
use clutch_orchestrator::runtime::{AgentRuntime, RuntimeState};
use serde_json::{Value, json};

/// `GET /api/openclaw/status`.
pub async fn status(State(gateway): State<Arc<OpenClaw>>, State(site): State<Site>) -> Json<Value> {
    let state = gateway.state().borrow().clone();
    let mut shape = json!({
        "status": status_word(&state),
        "connected": matches!(state, RuntimeState::Connected { .. }),
        "wsUrl": site.settings.gateway_url,
    });
    if let RuntimeState::Down { sentence, .. } = &state {
        shape["error"] = json!(sentence);
    }
    Json(shape)
}

/// `POST /api/openclaw/status`: tries at once instead of after the pause.
pub async fn reconnect(State(gateway): State<Arc<OpenClaw>>) -> Json<Value> {
    let state = gateway.state().borrow().clone();
    match state {
        RuntimeState::Down { .. } => {
            gateway.reconnect_now();
            Json(json!({ "message": "Reconnection initiated", "previousStatus": status_word(&state) }))
        }
        _ => Json(json!({ "message": "Already connected or connecting", "status": status_word(&state) })),
    }
}
