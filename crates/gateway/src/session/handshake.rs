//! The `connect` request.

use serde_json::{Value, json};

use super::Settings;
use crate::identity::SignedParts;
use crate::wire::text;
use crate::words::PROTOCOLS;

/// `client.id`: one of the gateway's closed list; this one keeps the scopes it asks for.
pub const CLIENT_ID: &str = "gateway-client";
/// `client.mode`, likewise.
pub const CLIENT_MODE: &str = "backend";
/// `role`.
pub const ROLE: &str = "operator";
/// What the work needs and no more: resetting, shortening and deleting sessions, and words that are never
/// read as commands, want admin.
pub const SCOPES: [&str; 3] = ["operator.admin", "operator.read", "operator.write"];
/// The same with what people need to answer what waits for them: commands that an agent may not run by itself, and its
/// questions. A gateway that knows this device with fewer rights asks a person before it gives more, and lets nobody in
/// meanwhile; the work does not wait for that.
pub const SCOPES_TO_DECIDE: [&str; 5] =
    ["operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.questions"];
/// Without `tool-events` the gateway sends no live tool calls.
pub const CAPS: [&str; 1] = ["tool-events"];
/// The same where people can answer here. Without a client that says so the gateway denies at once what would wait; and
/// one that says so and may not answer would let agents wait for nobody.
pub const CAPS_TO_DECIDE: [&str; 3] = ["tool-events", "exec-approvals", "plugin-approvals"];

/// Parameters that answer this challenge.
///
/// # Errors
/// With a few words when the challenge is not one.
pub(super) fn connect_params(settings: &Settings, modest: bool, challenge: &Value) -> Result<Value, &'static str> {
    let (scopes, caps): (&[&str], &[&str]) =
        if modest { (&SCOPES, &CAPS) } else { (&SCOPES_TO_DECIDE, &CAPS_TO_DECIDE) };
    let nonce = text(challenge, "nonce");
    let signed_at = challenge.get("ts").and_then(Value::as_i64).filter(|ts| *ts >= 0);
    let (false, Some(signed_at_ms)) = (nonce.is_empty(), signed_at) else {
        return Err("its challenge has no nonce or no time");
    };
    let token = settings.token.as_deref().unwrap_or_default();
    let mut params = json!({
        "minProtocol": PROTOCOLS.start(),
        "maxProtocol": PROTOCOLS.end(),
        "client": {
            "id": CLIENT_ID,
            "mode": CLIENT_MODE,
            "version": settings.version,
            "platform": std::env::consts::OS,
        },
        "role": ROLE,
        "scopes": scopes,
        "caps": caps,
    });
    if !token.is_empty() {
        params["auth"] = json!({ "token": token });
    }
    if let Some(identity) = &settings.identity {
        let parts = SignedParts {
            client_id: CLIENT_ID,
            client_mode: CLIENT_MODE,
            role: ROLE,
            scopes,
            signed_at_ms,
            token,
            nonce,
        };
        params["device"] = json!({
            "id": identity.device_id(),
            "publicKey": identity.public_key(),
            "signature": identity.sign(&parts),
            "signedAt": signed_at_ms,
            "nonce": nonce,
        });
    }
    Ok(params)
}
