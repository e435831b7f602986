//! A call that may be repeated: the header `idempotency-key` names it, and the same call is done once.

use clutch_domain::doc::Inside;
use clutch_orchestrator::{office::Office, store::IdempotencyKey};
use http::{HeaderMap, StatusCode};

use crate::caller::Caller;

use super::error::Failure;

/// Longest key that is taken, in bytes.
const KEY_MAX: usize = 200;

/// One call of a program.
#[derive(Debug)]
pub struct Call {
    /// Under which its change is committed.
    pub key: IdempotencyKey,
    named: bool,
}

impl Call {
    /// By the key that the caller gave, which counts for this caller and route; else by a fresh one.
    pub fn of(office: &Office, caller: &Caller, headers: &HeaderMap, route: &str) -> Result<Self, Failure> {
        match headers.get("idempotency-key").map(|v| v.to_str().unwrap_or("")) {
            None => Ok(Self { key: IdempotencyKey(office.fresh_id().to_string()), named: false }),
            Some(key) if !key.is_empty() && key.len() <= KEY_MAX => {
                Ok(Self { key: IdempotencyKey(format!("{route}:{}:{key}", caller.keys())), named: true })
            }
            Some(_) => Err(Failure::invalid(
                "invalid_idempotency_key",
                "idempotency-key must have 1 to 200 visible characters",
            )),
        }
    }

    /// Whether the caller may have made this call before.
    pub fn may_repeat(&self) -> bool {
        self.named
    }

    /// What is kept under the id of `made`. A repeated call decides the same ids and writes nothing,
    /// so the store knows better than the decision. Another call under the same key would be told of
    /// a document that it never wrote: it is refused, which `same` finds out.
    pub async fn kept<T: Inside + Clone>(
        &self,
        office: &Office,
        id: impl ToString,
        made: &T,
        same: impl Fn(&T, &T) -> bool,
    ) -> Result<T, Failure> {
        if !self.named {
            return Ok(made.clone());
        }
        match office.get::<T>(id).await? {
            Some(kept) if !same(&kept, made) => Err(Failure::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "This idempotency-key belongs to another call. Give each call a key of its own.",
            )),
            Some(kept) => Ok(kept.clone()),
            None => Ok(made.clone()),
        }
    }
}
