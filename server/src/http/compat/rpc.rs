//! The proxy to the gateway for programs that have no connection of their own (facts §3.6).
//!
//! One table says which methods go through, with which parameters, and which right each needs ([`METHODS`]). Nothing
//! else does: our connection may do more than any caller of this route. What is said to an agent goes through
//! [`speech`], as it does in chats: text that no person typed is never read as an operator's command.

mod attached;

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use clutch_domain::{actor::Actor, refusal::Refusal, right::Right, speech, text::KEY_MAX};
use clutch_gateway::{GatewayState, OpenClaw};
use clutch_orchestrator::runtime::{Conversations, RuntimeError};
use http::{StatusCode, header::RETRY_AFTER};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::http::{caller::Caller, scopes, uploads::Uploads};

/// Where it is.
pub const PATH: &str = "/api/openclaw/rpc";
/// Largest body, in bytes: as many pictures as go with a message, in base64, and the words.
pub const BODY_BYTES_MAX: usize = 26 * 1024 * 1024;
/// Most parts of a body. Read, each takes a multiple of its bytes; no body of other routes could have more.
const PARTS_MAX: usize = 2_000_000;
/// How long a call waits for a connection that is not there yet.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// What whoever met no gateway is told to wait, in seconds.
const RETRY_SECONDS: &str = "5";
/// What the gateway answers from memory.
const QUICK: Duration = Duration::from_secs(15);
/// To shorten a session calls the model with all of it.
const SLOW: Duration = Duration::from_secs(300);
/// Longest words to an agent, in bytes.
const MESSAGE_MAX: usize = 1_000_000;
/// Most sessions that are looked into at once, and most rows of anything.
const KEYS_MAX: usize = 50;
const ROWS_MAX: u64 = 1_000;
/// The parameter for pictures.
const ATTACHMENTS: &str = "attachments";
/// Longest `id` that is given back, in bytes.
const ID_MAX: usize = 200;

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A line of visible characters.
    Line,
    /// A list of such.
    Lines,
    /// Words to an agent.
    Words,
    /// A number of rows, from 1.
    Rows,
    /// Pictures that go with the words.
    Pictures,
}

/// A parameter: its name, what it may be, and whether it must be there.
type Parameter = (&'static str, Kind, bool);

/// A method that goes through.
#[derive(Debug)]
struct Method {
    name: &'static str,
    parameters: &'static [Parameter],
    /// What the caller must be allowed besides looking.
    right: Option<Right>,
    most: Duration,
}

const fn method(name: &'static str, right: Option<Right>, most: Duration, parameters: &'static [Parameter]) -> Method {
    Method { name, parameters, right, most }
}

/// To look.
const READS: Option<Right> = None;
/// To say words, and to stop what they began.
const WRITES: Option<Right> = Some(Right::Write);
/// What is kept for people.
const DECIDES: Option<Right> = Some(Right::Decide);

/// All of them. What changes a session of somebody's chat, or empties it, is for people and for whoever has an admin's
/// token, as it is on the page.
const METHODS: &[Method] = &[
    method(
        "chat.send",
        WRITES,
        QUICK,
        &[
            ("sessionKey", Kind::Line, true),
            ("message", Kind::Words, true),
            ("idempotencyKey", Kind::Line, false),
            (ATTACHMENTS, Kind::Pictures, false),
        ],
    ),
    method("chat.abort", WRITES, QUICK, &[("sessionKey", Kind::Line, true), ("runId", Kind::Line, false)]),
    method("chat.history", READS, QUICK, &[("sessionKey", Kind::Line, true), ("limit", Kind::Rows, false)]),
    method("sessions.preview", READS, QUICK, &[("keys", Kind::Lines, true), ("limit", Kind::Rows, false)]),
    method("sessions.list", READS, QUICK, &[("limit", Kind::Rows, false)]),
    method(
        "sessions.patch",
        DECIDES,
        QUICK,
        &[("key", Kind::Line, true), ("model", Kind::Line, false), ("label", Kind::Line, false)],
    ),
    method("sessions.reset", DECIDES, QUICK, &[("key", Kind::Line, true)]),
    method("sessions.compact", DECIDES, SLOW, &[("key", Kind::Line, true)]),
    method("config.get", READS, QUICK, &[]),
];

/// An answer that is no success: its status, code and sentence.
#[derive(Debug, PartialEq, Eq)]
struct Refused(StatusCode, &'static str, String);

impl Refused {
    fn wrong(code: &'static str, sentence: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, code, sentence.into())
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        // Whoever may not is told so, whatever class the refusal has elsewhere.
        Self(StatusCode::FORBIDDEN, refusal.code(), refusal.to_string())
    }
}

/// `POST /api/openclaw/rpc`.
pub async fn call(
    State(gateway): State<Arc<OpenClaw>>,
    State(uploads): State<Arc<Uploads>>,
    caller: Caller,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (id, asked) = match body {
        Ok(bytes) => read(&bytes),
        Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let too_large = "The body is larger than twenty-six megabytes.".to_owned();
            (unknown(), Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", too_large)))
        }
        Err(_) => (unknown(), Err(Refused::wrong("body_unreadable", "The body could not be read."))),
    };
    let answer = match asked.and_then(|(name, params)| checked(&caller, &name, params)) {
        Ok((method, params)) => pass(&gateway, &uploads, &caller.actor(), method, params).await,
        Err(refused) => Err(refused),
    };
    match answer {
        Ok(payload) => Json(json!({ "type": "res", "id": id, "ok": true, "payload": payload })).into_response(),
        Err(Refused(status, code, sentence)) => {
            let error = json!({ "message": sentence, "code": code });
            let mut response =
                (status, Json(json!({ "type": "res", "id": id, "ok": false, "error": error }))).into_response();
            if status == StatusCode::SERVICE_UNAVAILABLE {
                response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static(RETRY_SECONDS));
            }
            response
        }
    }
}

fn unknown() -> Value {
    json!("unknown")
}

/// A method's name and its parameters.
type Asked = (String, Map<String, Value>);

/// The call's id, and what is asked.
fn read(bytes: &[u8]) -> (Value, Result<Asked, Refused>) {
    if bytes.iter().filter(|byte| **byte == b',').count() > PARTS_MAX {
        return (unknown(), Err(Refused::wrong("invalid_json", "The body has too many parts")));
    }
    let Ok(Value::Object(mut body)) = serde_json::from_slice(bytes) else {
        return (unknown(), Err(Refused::wrong("invalid_json", "Invalid JSON body")));
    };
    let id = match body.remove("id") {
        Some(Value::String(id)) if !id.is_empty() && id.len() <= ID_MAX => Value::String(id),
        _ => unknown(),
    };
    let name = match body.remove("method") {
        Some(Value::String(name)) if !name.trim().is_empty() => name,
        _ => return (id, Err(Refused::wrong("method_missing", "Missing 'method' in request body"))),
    };
    match body.remove("params") {
        None | Some(Value::Null) => (id, Ok((name, Map::new()))),
        Some(Value::Object(params)) => (id, Ok((name, params))),
        Some(_) => (id, Err(Refused::wrong("invalid_params", "params must be an object"))),
    }
}

/// The method and its parameters, if they are in the table and the caller may.
fn checked(
    caller: &Caller,
    name: &str,
    params: Map<String, Value>,
) -> Result<(&'static Method, Map<String, Value>), Refused> {
    let Some(method) = METHODS.iter().find(|method| method.name == name) else {
        let known: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
        let sentence = format!("This method does not go through. Those that do are: {}.", known.join(", "));
        return Err(Refused(StatusCode::FORBIDDEN, "rpc_method_refused", sentence));
    };
    if let Some(right) = method.right {
        if let Caller::Token(token) = caller
            && let Some(sentence) = scopes::too_small(token.scope)
        {
            return Err(Refused(StatusCode::FORBIDDEN, scopes::TOO_SMALL, sentence.into()));
        }
        let actor = caller.actor();
        if !actor.may(right) {
            let looks = actor.is_human() && !actor.may(Right::Write);
            return Err(if looks { Refusal::ViewersLook } else { right.refusal() }.into());
        }
    }
    let wrong = |sentence: String| Refused::wrong("invalid_params", sentence);
    if let Some(other) = params.keys().find(|key| method.parameters.iter().all(|(name, ..)| name != key)) {
        let other: String = other.chars().take(60).collect();
        return Err(wrong(format!("{} takes no parameter {other:?}", method.name)));
    }
    for (parameter, kind, needed) in method.parameters {
        match params.get(*parameter) {
            None if *needed => return Err(wrong(format!("{} needs {parameter}", method.name))),
            None => {}
            Some(value) if *kind == Kind::Pictures => drop(attached::read(value).map_err(wrong)?),
            Some(value) if kind.takes(value) => {}
            Some(_) => return Err(wrong(format!("{parameter} must be {}", kind.words()))),
        }
    }
    Ok((method, params))
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        let line = |value: &Value| {
            value.as_str().is_some_and(|text| {
                !text.trim().is_empty() && text.len() <= KEY_MAX && !text.chars().any(char::is_control)
            })
        };
        match self {
            Self::Line => line(value),
            Self::Lines => {
                value.as_array().is_some_and(|all| (1..=KEYS_MAX).contains(&all.len()) && all.iter().all(line))
            }
            Self::Words => value.as_str().is_some_and(|text| !text.trim().is_empty() && text.len() <= MESSAGE_MAX),
            Self::Pictures => attached::read(value).is_ok(),
            Self::Rows => value.as_u64().is_some_and(|rows| (1..=ROWS_MAX).contains(&rows)),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Line => "one line of at most 500 visible characters",
            Self::Lines => "a list of 1 to 50 lines",
            Self::Words => "text of at most a megabyte",
            Self::Pictures => "a list of pictures",
            Self::Rows => "a whole number from 1 to 1000",
        }
    }
}

/// Asks the gateway, once there is one.
async fn pass(
    gateway: &OpenClaw,
    uploads: &Arc<Uploads>,
    actor: &Actor,
    method: &Method,
    params: Map<String, Value>,
) -> Result<Value, Refused> {
    let text = |name: &str| params.get(name).and_then(Value::as_str).unwrap_or_default();
    let speech = match method.name {
        "chat.send" => Some(speech::may_send(actor, actor.who.name.as_deref().unwrap_or_default(), text("message"))?),
        _ => None,
    };
    let pictures = match params.get(ATTACHMENTS).map(attached::read) {
        Some(Ok(sent)) => attached::cleaned(uploads, sent).await?,
        _ => Vec::new(),
    };
    connected(gateway).await?;
    let answer = match speech {
        Some(speech) => {
            let key = match text("idempotencyKey") {
                "" => Uuid::new_v4().to_string(),
                key => key.to_owned(),
            };
            let sent = gateway.steer(text("sessionKey"), speech, text("message"), &pictures, &key).await;
            sent.map(|accepted| json!({ "runId": accepted.run_id, "status": "started" }))
        }
        None => gateway.request(method.name, Value::Object(params), method.most).await,
    };
    match answer {
        Ok(payload) if method.name == "config.get" => Ok(models_of(&payload)),
        Ok(payload) => Ok(payload),
        Err(RuntimeError::Away(_)) => Err(away()),
        Err(RuntimeError::Refused { sentence, .. }) => {
            Err(Refused(StatusCode::UNPROCESSABLE_ENTITY, "rpc_refused", sentence))
        }
        Err(error @ RuntimeError::Unknown(_)) => {
            Err(Refused(StatusCode::UNPROCESSABLE_ENTITY, "rpc_unanswered", error.to_string()))
        }
    }
}

fn away() -> Refused {
    Refused(StatusCode::SERVICE_UNAVAILABLE, "gateway_away", "OpenClaw gateway not connected".into())
}

/// Waits for the connection; one that is down is dialled at once, and what comes of that is the answer.
async fn connected(gateway: &OpenClaw) -> Result<(), Refused> {
    let mut state = gateway.connection();
    let before = state.borrow_and_update().clone();
    match &before {
        GatewayState::Connected { .. } => return Ok(()),
        // Nothing gets better before a person has done something.
        GatewayState::Down { why, .. } if why.needs_person() => return Err(away()),
        GatewayState::Down { .. } => gateway.reconnect_now(),
        GatewayState::Connecting { .. } => {}
    }
    let settled = state.wait_for(|now| match now {
        GatewayState::Connected { .. } => true,
        GatewayState::Down { .. } => *now != before,
        GatewayState::Connecting { .. } => false,
    });
    match tokio::time::timeout(CONNECT_WAIT, settled).await {
        Ok(Ok(now)) if matches!(*now, GatewayState::Connected { .. }) => Ok(()),
        _ => Err(away()),
    }
}

/// Of the gateway's settings the names of its models, where old callers look for them and where new gateways have them.
pub(super) fn models_of(settings: &Value) -> Value {
    let places = [&settings["config"], &settings["parsed"], settings];
    let models = places.iter().find_map(|place| place["agents"]["defaults"]["models"].as_object());
    let models: Map<String, Value> = models
        .into_iter()
        .flatten()
        .map(|(id, model)| match model["alias"].as_str() {
            Some(alias) => (id.clone(), json!({ "alias": alias })),
            None => (id.clone(), json!({})),
        })
        .collect();
    let agents = json!({ "defaults": { "models": models } });
    json!({ "config": { "agents": agents }, "agents": agents })
}
