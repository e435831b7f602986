//! What calls say and what their answers mean, without doing anything.

use base64::{Engine, engine::general_purpose::STANDARD};
use clutch_domain::brake::Used;
use clutch_orchestrator::runtime::{Accepted, Model, Picture, RuntimeError, SessionInfo};
use serde_json::{Value, json};

use crate::wire::text;

/// `accepted`, `started`, `in_flight` and `ok` all mean that the gateway has the run.
pub(super) fn accepted(answer: &Value, key: &str) -> Result<Accepted, RuntimeError> {
    if text(answer, "status") == "error" {
        let sentence = match text(answer, "summary") {
            "" => "The gateway did not take the run.",
            summary => summary,
        };
        return Err(RuntimeError::Refused { code: "UNAVAILABLE".into(), sentence: sentence.to_owned() });
    }
    let run_id = match text(answer, "runId") {
        "" => key,
        id => id,
    };
    Ok(Accepted { run_id: run_id.to_owned() })
}

/// The parameters of `chat.send`.
pub(super) fn said(session: &str, message: &str, pictures: &[Picture], key: &str) -> Value {
    let mut params = json!({ "sessionKey": session, "message": message, "idempotencyKey": key });
    if !pictures.is_empty() {
        params["attachments"] = pictures.iter().map(attachment).collect();
    }
    params
}

fn attachment(picture: &Picture) -> Value {
    let content = STANDARD.encode(&picture.bytes);
    json!({ "type": "image", "mimeType": picture.mime, "fileName": picture.name, "content": content })
}

/// A row of `sessions.describe` or `sessions.list`.
pub(super) fn session_info(row: &Value) -> SessionInfo {
    let count = |name: &str| row[name].as_u64().filter(|n| *n > 0);
    let model = match (text(row, "modelProvider"), text(row, "model")) {
        (_, "") => None,
        ("", model) => Some(model.to_owned()),
        (provider, model) => Some(format!("{provider}/{model}")),
    };
    SessionInfo {
        model,
        used: count("totalTokens"),
        window: count("contextTokens"),
        input: count("inputTokens"),
        output: count("outputTokens"),
        cost_micros: micros(&row["estimatedCostUsd"]),
    }
}

/// Dollars as the gateway estimates them, in millionths, which are finer than any price. None of them is "not known":
/// a model without a price costs nothing there.
fn micros(dollars: &Value) -> Option<u64> {
    dollars.as_f64().filter(|cost| *cost > 0.0).map(|cost| (cost * 1e6).round() as u64)
}

/// `usage` of an answer in a history: one call of a model.
pub(super) fn of_a_call(usage: &Value) -> Option<Used> {
    let count = |name: &str| usage[name].as_u64();
    let output = count("output").unwrap_or(0);
    // What came out of a cache was read, too.
    let read = count("totalTokens").map(|total| total.saturating_sub(output)).or_else(|| count("input"))?;
    Some(Used { input: read, output, cost_micros: micros(&usage["cost"]["total"]) })
}

/// `totals` of `sessions.usage`.
pub(super) fn summed(totals: &Value) -> Option<Used> {
    let count = |name: &str| totals[name].as_u64();
    let output = count("output").unwrap_or(0);
    let read = count("totalTokens").map(|total| total.saturating_sub(output)).or_else(|| count("input"))?;
    (read > 0 || output > 0).then(|| Used { input: read, output, cost_micros: micros(&totals["totalCost"]) })
}

pub(super) fn model(row: &Value) -> Model {
    let (id, provider) = (text(row, "id"), text(row, "provider"));
    let whole = if provider.is_empty() { id.to_owned() } else { format!("{provider}/{id}") };
    let name = match text(row, "name") {
        "" => id,
        name => name,
    };
    Model { id: whole, name: name.to_owned() }
}
