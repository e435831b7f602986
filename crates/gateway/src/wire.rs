//! Frames of the gateway protocol, versions 3 and 4: text frames, one JSON object each.
//!
//! Only the envelope is typed. Payloads stay JSON values, because they differ between
//! versions and the reader of each payload knows what it needs of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A call to the gateway.
#[derive(Debug, Serialize)]
pub struct Request<'a> {
    /// Always `req`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Ours, unique for the life of the process.
    pub id: &'a str,
    /// For example `chat.send`.
    pub method: &'a str,
    /// Closed schemas: an unknown property is an error.
    pub params: &'a Value,
}

/// Writes a call as the text of one frame.
#[must_use]
pub fn request_text(id: &str, method: &str, params: &Value) -> String {
    // A `Value` always serialises, so the empty text is never sent.
    serde_json::to_string(&Request { kind: "req", id, method, params }).unwrap_or_default()
}

/// A frame from the gateway.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
pub enum Frame {
    /// The answer to a call. `agent` answers twice under one id.
    #[serde(rename = "res")]
    Response(Response),
    /// News that nobody asked for.
    #[serde(rename = "event")]
    Event(Event),
    /// A kind that we do not know; a newer gateway may send such.
    #[serde(other)]
    Other,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Response {
    /// The call's id.
    pub id: String,
    /// Whether it worked.
    #[serde(default)]
    pub ok: bool,
    /// Present when it worked, sometimes also when it failed.
    #[serde(default)]
    pub payload: Value,
    /// Present when it failed.
    #[serde(default)]
    pub error: Option<Fault>,
}

/// What the gateway says when a call failed. Branch on `code` and `details.code`; messages change.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// `INVALID_REQUEST`, `FORBIDDEN`, `NOT_PAIRED`, `UNAVAILABLE`, …
    #[serde(default)]
    pub code: String,
    /// A sentence.
    #[serde(default)]
    pub message: String,
    /// Structured; `details.code` is finer than `code`. Old gateways leave it out.
    #[serde(default)]
    pub details: Value,
    /// How long to wait before trying again, in milliseconds.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
}

impl Fault {
    /// `details.code`, or the empty text.
    #[must_use]
    pub fn detail_code(&self) -> &str {
        text(&self.details, "code")
    }
}

/// News from the gateway.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Event {
    /// For example `agent`, `chat`, `tick`.
    pub event: String,
    /// What happened.
    #[serde(default)]
    pub payload: Value,
    /// Counts from 1 per connection; some events carry none. A jump means missed events.
    #[serde(default)]
    pub seq: Option<u64>,
}

/// What we use of the answer to `connect`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hello {
    /// The protocol that the gateway chose.
    pub protocol: u32,
    /// Who answers.
    pub server: Server,
    /// What it can do.
    pub features: Features,
    /// Limits of this connection.
    pub policy: Policy,
    /// Facts at the moment of connecting.
    pub snapshot: Snapshot,
    /// What we were granted; old gateways leave it out.
    pub auth: Option<Granted>,
}

impl Hello {
    /// Whether the gateway says that it knows a method.
    #[must_use]
    pub fn offers(&self, method: &str) -> bool {
        self.features.methods.iter().any(|known| known == method)
    }

    /// The agent whose name stands in the canonical form of a bare session key.
    #[must_use]
    pub fn default_agent(&self) -> &str {
        match self.snapshot.session_defaults.default_agent_id.as_str() {
            "" => "main",
            agent => agent,
        }
    }
}

/// The gateway's own description.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Server {
    /// For example `2026.9.6`. Some old packages say `dev`.
    pub version: String,
    /// Changes with every start of the gateway; old gateways leave it out.
    pub boot_id: Option<String>,
}

/// Names of what the gateway offers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Features {
    /// Methods.
    pub methods: Vec<String>,
    /// Events.
    pub events: Vec<String>,
}

/// Limits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// Bytes of the largest frame that the gateway takes.
    pub max_payload: usize,
    /// Milliseconds between two `tick` events.
    pub tick_interval_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { max_payload: 25 * 1024 * 1024, tick_interval_ms: 30_000 }
    }
}

/// Facts at the moment of connecting.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Snapshot {
    /// How the gateway fills in session keys.
    pub session_defaults: SessionDefaults,
}

/// How the gateway fills in session keys.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionDefaults {
    /// Usually `main`.
    pub default_agent_id: String,
}

/// What the gateway granted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Granted {
    /// Scopes of this connection. Fewer than asked for means that calls will be refused.
    pub scopes: Option<Vec<String>>,
}

/// A text property, or the empty text.
#[must_use]
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The visible text of a message's `content`: a string, or an array of parts of which the text parts count.
#[must_use]
pub fn content_text(content: &Value) -> String {
    match content {
        Value::String(words) => words.clone(),
        Value::Array(parts) => {
            let mut words = String::new();
            for part in parts {
                if text(part, "type") == "text" {
                    words.push_str(text(part, "text"));
                }
            }
            words
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_and_extra_fields_are_no_errors() {
        let frame: Frame = serde_json::from_str(r#"{"type":"novel","x":1}"#).unwrap();
        assert_eq!(frame, Frame::Other);
        let frame: Frame =
            serde_json::from_str(r#"{"type":"event","event":"tick","payload":{"ts":1},"seq":null,"new":true}"#)
                .unwrap();
        let Frame::Event(event) = frame else { panic!("an event") };
        assert_eq!((event.event.as_str(), event.seq), ("tick", None));
    }

    #[test]
    fn a_bare_hello_gets_the_documented_limits() {
        let hello: Hello = serde_json::from_str(r#"{"type":"hello-ok","protocol":3}"#).unwrap();
        assert_eq!(hello.policy.tick_interval_ms, 30_000);
        assert_eq!(hello.default_agent(), "main");
        assert!(!hello.offers("tasks.list"));
    }
}
