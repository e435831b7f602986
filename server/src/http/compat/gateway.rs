//! What the gateway has: its models, and how it is (facts §2.13). Asked by its methods, and remembered for a while.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use clutch_domain::time::Millis;
use clutch_gateway::{GatewayState, OpenClaw};
use clutch_orchestrator::{office::Office, runtime::RuntimeError};
use serde_json::{Value, json};

use super::{
    programs::{Programs, Remembered},
    rpc,
    sessions::is_working,
};

/// Longest wait for an answer.
pub const QUICK: Duration = Duration::from_secs(15);
/// Models are remembered for so long, those that we know by ourselves for less.
const MODELS_HOLD: Duration = Duration::from_secs(300);
const FALLBACK_HOLDS: Duration = Duration::from_secs(30);
/// How long an answer of how it is holds.
const DASHBOARD_HOLDS: Duration = Duration::from_secs(30);
/// Most sessions that are counted and listed: the gateway's newest.
pub const SESSIONS_MAX: u32 = 500;
/// A list of sessions holds only so long that somebody who asks of many asks once.
const SESSIONS_HOLD: Duration = Duration::from_secs(2);
/// Our own channel, which is connected when we are.
const OURS: &str = "clutch";

/// Models that are told of while nobody can be asked.
const FALLBACK: [(&str, Option<&str>); 7] = [
    ("moonshot/kimi-for-coding", Some("kimi")),
    ("moonshot/kimi-k2-0905-preview", Some("kimi-k2")),
    ("moonshot/kimi-k2-thinking", None),
    ("anthropic/claude-sonnet-4-20250514", Some("sonnet")),
    ("anthropic/claude-opus-4-6", Some("opus")),
    ("anthropic/claude-haiku-4-5", Some("haiku")),
    ("zai/glm-4.7", Some("glm")),
];

fn is_connected(gateway: &OpenClaw) -> bool {
    matches!(*gateway.connection().borrow(), GatewayState::Connected { .. })
}

async fn asked(gateway: &OpenClaw, method: &str, params: Value) -> Result<Value, RuntimeError> {
    gateway.request(method, params, QUICK).await
}

/// The gateway's sessions, newest first.
pub async fn sessions(gateway: &OpenClaw, kept: &Remembered<RuntimeError>) -> Result<Arc<Value>, RuntimeError> {
    kept.or(async {
        let answer = asked(gateway, "sessions.list", json!({ "limit": SESSIONS_MAX })).await?;
        Ok((answer, SESSIONS_HOLD))
    })
    .await
}

/// `GET /api/openclaw/models`.
pub async fn models(
    State(gateway): State<Arc<OpenClaw>>,
    State(office): State<Arc<Office>>,
    State(programs): State<Arc<Programs>>,
) -> Json<Value> {
    let answer = programs.models.or(async {
        let told = asked(&gateway, "config.get", json!({})).await.map(|settings| rpc::models_of(&settings));
        let named = told.as_ref().ok().and_then(|told| told["agents"]["defaults"]["models"].as_object());
        let known: Vec<Value> =
            named.into_iter().flatten().map(|(id, about)| model(id, about["alias"].as_str())).collect();
        let (status, models, holds) = match (&told, known.is_empty()) {
            (Ok(_), false) => ("connected", known, MODELS_HOLD),
            (Err(RuntimeError::Away(_)), _) => ("disconnected", fallback(), FALLBACK_HOLDS),
            _ => ("fallback", fallback(), FALLBACK_HOLDS),
        };
        Ok::<_, std::convert::Infallible>((
            json!({ "models": models, "status": status, "cachedAt": office.now() }),
            holds,
        ))
    });
    let Ok(answer) = answer.await;
    Json(Value::clone(&answer))
}

fn fallback() -> Vec<Value> {
    FALLBACK.iter().map(|(id, alias)| model(id, *alias)).collect()
}

fn model(id: &str, alias: Option<&str>) -> Value {
    let (provider, name) = id.split_once('/').unwrap_or(("unknown", id));
    let mut shape = json!({ "id": id, "provider": provider, "name": alias.unwrap_or(name) });
    if let Some(alias) = alias {
        shape["alias"] = json!(alias);
    }
    shape
}

/// `GET /api/openclaw/dashboard`.
pub async fn dashboard(
    State(gateway): State<Arc<OpenClaw>>,
    State(office): State<Arc<Office>>,
    State(programs): State<Arc<Programs>>,
) -> Response {
    let answer = programs.dashboard.or(async {
        if !is_connected(&gateway) {
            return Err(());
        }
        Ok((look(&gateway, &programs.sessions, office.now()).await, DASHBOARD_HOLDS))
    });
    match answer.await {
        Ok(answer) => Json(Value::clone(&answer)).into_response(),
        Err(()) => {
            let mut shape = nothing();
            let sentence = "OpenClaw gateway not connected";
            shape["errors"] = json!([{ "source": "connection", "message": sentence }]);
            // As every other answer that the gateway is missed for.
            shape["error"] = json!(sentence);
            shape["code"] = json!("gateway_away");
            let again = [(http::header::RETRY_AFTER, super::error::AGAIN)];
            (StatusCode::SERVICE_UNAVAILABLE, again, Json(shape)).into_response()
        }
    }
}

fn nothing() -> Value {
    json!({
        "gateway": { "ok": false, "version": "unknown", "uptime": 0, "defaultModel": "unknown" },
        "sessions": { "total": 0, "active": 0, "byAgent": [] },
        "usage24h": { "totalTokens": 0, "totalCost": 0, "inputTokens": 0, "outputTokens": 0 },
        "channels": [], "cron": { "total": 0, "enabled": 0, "disabled": 0 },
    })
}

/// Whatever is not told stays at zero, and is named.
async fn look(gateway: &OpenClaw, kept: &Remembered<RuntimeError>, now: Millis) -> Value {
    let mut shape = nothing();
    let mut errors = Vec::new();
    let (health, status, sessions, usage, channels, cron) = futures_util::join!(
        asked(gateway, "health", json!({})),
        asked(gateway, "status", json!({})),
        sessions(gateway, kept),
        asked(gateway, "usage.cost", json!({ "days": 1 })),
        asked(gateway, "channels.status", json!({})),
        asked(gateway, "cron.list", json!({})),
    );
    let mut said = |source: &str, error: &RuntimeError| {
        errors.push(json!({ "source": source, "message": error.to_string() }));
    };
    if let GatewayState::Connected { version, .. } = &*gateway.connection().borrow() {
        shape["gateway"]["version"] = json!(version);
    }
    match &health {
        Ok(health) => shape["gateway"]["ok"] = json!(health["ok"] == true),
        Err(error) => said("health", error),
    }
    match &status {
        Ok(status) => {
            if let Some(model) = status["sessions"]["defaults"]["model"].as_str() {
                shape["gateway"]["defaultModel"] = json!(model);
            }
            if let Some(uptime) = status["uptimeMs"].as_u64() {
                shape["gateway"]["uptime"] = json!(uptime);
            }
        }
        Err(error) => said("status", error),
    }
    match &sessions {
        Ok(list) => {
            let rows = list["sessions"].as_array().map(Vec::as_slice).unwrap_or_default();
            let total = list["totalCount"].as_u64().unwrap_or(rows.len() as u64);
            shape["sessions"]["total"] = json!(total);
            shape["sessions"]["active"] = json!(rows.iter().filter(|row| is_working(row, now)).count());
        }
        Err(error) => said("sessions", error),
    }
    match &usage {
        Ok(usage) => {
            let totals = if usage["totals"].is_object() { &usage["totals"] } else { usage };
            let first = |names: [&str; 2]| names.iter().find_map(|name| totals[*name].as_f64()).map(|n| json!(n));
            for (ours, theirs) in [
                ("totalTokens", ["totalTokens", "totalTokens"]),
                ("totalCost", ["totalCost", "totalCost"]),
                ("inputTokens", ["inputTokens", "input"]),
                ("outputTokens", ["outputTokens", "output"]),
            ] {
                if let Some(number) = first(theirs) {
                    shape["usage24h"][ours] = number;
                }
            }
        }
        Err(error) => said("usage", error),
    }
    match &channels {
        Ok(told) => shape["channels"] = channels_of(told),
        Err(error) => said("channels", error),
    }
    match &cron {
        Ok(told) => {
            let jobs = told["jobs"].as_array().map(Vec::as_slice).unwrap_or_default();
            let enabled = jobs.iter().filter(|job| job["enabled"] != false).count();
            shape["cron"] = json!({ "total": jobs.len(), "enabled": enabled, "disabled": jobs.len() - enabled });
        }
        Err(error) => said("cron", error),
    }
    if !errors.is_empty() {
        shape["errors"] = json!(errors);
    }
    shape
}

/// A channel is connected when its usual account is, else when its summary says so.
fn channels_of(told: &Value) -> Value {
    let yes = |value: &Value, names: &[&str]| names.iter().any(|name| value[*name] == true);
    let all = told["channels"].as_object();
    let shapes = all.into_iter().flatten().map(|(id, summary)| {
        let accounts = told["channelAccounts"][id].as_array().map(Vec::as_slice).unwrap_or_default();
        let usual = told["channelDefaultAccountId"][id].as_str();
        let account = accounts.iter().find(|account| account["accountId"].as_str() == usual && usual.is_some());
        let connected = id == OURS
            || match account {
                Some(account) => yes(account, &["connected", "running"]),
                None => yes(summary, &["connected", "running", "configured"]),
            };
        let label = told["channelLabels"][id].as_str().unwrap_or(id);
        let mut shape = json!({ "id": id, "label": label, "connected": connected });
        if let Some(usual) = usual {
            shape["accountId"] = json!(usual);
        }
        shape
    });
    shapes.collect()
}
