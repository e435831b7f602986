//! The gateway's state for programs (facts §2.13).

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_app::site::Site;
use clutch_gateway::{GatewayState, OpenClaw};
use serde_json::{Value, json};

/// `GET /api/openclaw/status`.
pub async fn status(State(gateway): State<Arc<OpenClaw>>, State(site): State<Site>) -> Json<Value> {
    let state = gateway.connection().borrow().clone();
    let mut shape = json!({
        "status": state.word(),
        "connected": matches!(state, GatewayState::Connected { .. }),
        "wsUrl": site.settings.gateway_url,
    });
    if let GatewayState::Down { sentence, .. } = &state {
        shape["error"] = json!(sentence);
    }
    Json(shape)
}

/// `POST /api/openclaw/status`: tries at once instead of after the pause.
pub async fn reconnect(State(gateway): State<Arc<OpenClaw>>) -> Json<Value> {
    let state = gateway.connection().borrow().clone();
    match state {
        GatewayState::Down { .. } => {
            gateway.reconnect_now();
            Json(json!({ "message": "Reconnection initiated", "previousStatus": state.word() }))
        }
        _ => Json(json!({ "message": "Already connected or connecting", "status": state.word() })),
    }
}
