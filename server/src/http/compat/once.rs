//! A call that may be repeated: the header `idempotency-key` names it, and the same call is done once. A repeated
//! one is answered with what the first made; another call under the same key is refused with 422.

use clutch_domain::{actor::Actor, command::Command};
use clutch_orchestrator::{
    office::{Done, Office},
    store::IdempotencyKey,
};
use http::HeaderMap;
use serde_json::Value;

use crate::http::caller::Caller;

use super::{body::Body, error::Failure};

/// Longest key that is taken, in bytes.
const KEY_MAX: usize = 200;

/// One call of a program.
#[derive(Debug)]
pub struct Call {
    /// The key that the caller gave, for this route, and what was asked.
    named: Option<(IdempotencyKey, String)>,
}

impl Call {
    /// By the key that the caller gave, which counts for this caller and route; `of` is what the path names.
    pub fn of(caller: &Caller, headers: &HeaderMap, route: &str, of: &str, body: &Body) -> Result<Self, Failure> {
        Self::named(caller, headers, route, || format!("{of} {}", Value::Object(body.0.clone())))
    }

    /// By the key that the caller gave, which counts for this caller and route; `asked` is what makes two calls the same.
    pub fn named(
        caller: &Caller,
        headers: &HeaderMap,
        route: &str,
        asked: impl FnOnce() -> String,
    ) -> Result<Self, Failure> {
        match headers.get("idempotency-key").map(|v| v.to_str().unwrap_or("")) {
            None => Ok(Self { named: None }),
            Some(key) if !key.is_empty() && key.len() <= KEY_MAX => {
                Ok(Self { named: Some((IdempotencyKey(format!("{route}:{}:{key}", caller.keys())), asked())) })
            }
            Some(_) => Err(Failure::invalid(
                "invalid_idempotency_key",
                "idempotency-key must have 1 to 200 visible characters",
            )),
        }
    }

    /// Whether the caller may have made this call before.
    pub fn may_repeat(&self) -> bool {
        self.named.is_some()
    }

    /// Runs the call's command, once for its key.
    pub async fn run(&self, office: &Office, actor: &Actor, command: &Command) -> Result<Done, Failure> {
        Ok(match &self.named {
            None => office.run(actor, command).await?,
            Some((key, asked)) => office.run_for(actor, command, key, asked).await?,
        })
    }
}
