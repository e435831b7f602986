//! Revisions as HTTP knows them: `ETag` on what is read, `If-None-Match` to be told that nothing changed, `If-Match` to
//! change only what one has seen.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use clutch_domain::{
    actor::Actor,
    command::Command,
    doc::{DocKey, Inside, Rev},
    range::{Fetch, Range},
};
use clutch_orchestrator::office::{Done, Office};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::http::compat::error::Failure;

/// A document with its revision.
pub struct Held<T> {
    /// It.
    pub inside: T,
    rev: Rev,
}

/// Reads a document; `None` where it is not there.
pub async fn held<T: Inside + Clone>(office: &Office, id: impl ToString) -> Result<Option<Held<T>>, Failure> {
    let range = Range::doc(T::KIND, id);
    let read = office.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await?.value;
    if let Some(unread) = read.unread(&range).next() {
        return Err(unread.refusal().into());
    }
    let doc = read.get(&range).and_then(|docs| docs.first().cloned());
    Ok(doc.and_then(|doc| T::of(&doc.body).cloned().map(|inside| Held { inside, rev: doc.rev })))
}

impl<T> Held<T> {
    fn tag(&self) -> HeaderValue {
        // Digits between quotes are always a header's value.
        HeaderValue::try_from(format!("\"{}\"", self.rev)).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
    }

    /// The answer to whoever reads it: 304 where they have it already.
    pub fn answer<S: Serialize>(&self, headers: &HeaderMap, shape: impl FnOnce(&T) -> S) -> Response {
        let tag = self.tag();
        let known = values(headers, header::IF_NONE_MATCH).any(|value| value == "*" || weakly(value) == tag.as_bytes());
        let etag = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
        if known {
            (StatusCode::NOT_MODIFIED, etag).into_response()
        } else {
            (etag, Json(shape(&self.inside))).into_response()
        }
    }
}

/// Runs a command on a document; only on the revision that `If-Match` names, where the caller sends it.
pub async fn run_on<T: Inside>(
    office: &Office,
    actor: &Actor,
    headers: &HeaderMap,
    id: impl ToString,
    command: &Command,
) -> Result<Done, Failure> {
    let mut wanted = Vec::new();
    for value in values(headers, header::IF_MATCH) {
        if value == "*" {
            continue; // whoever is here has found it
        }
        let rev =
            value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|rev| rev.parse::<Rev>().ok());
        wanted
            .push(rev.ok_or_else(|| Failure::invalid("invalid_if_match", "If-Match must be the ETag of an answer."))?);
    }
    match wanted[..] {
        [] => Ok(office.run(actor, command).await?),
        [rev] => Ok(office.run_on(actor, command, &(DocKey::new(T::KIND, id), rev)).await?),
        _ => Err(Failure::invalid("invalid_if_match", "If-Match must name one ETag.")),
    }
}

/// The entity tags of a header, in all its lines.
fn values(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|value| !value.is_empty())
}

/// Without the mark of a weak one: to save reading, both kinds compare alike (RFC 9110, 13.1.2).
fn weakly(value: &str) -> &[u8] {
    value.strip_prefix("W/").unwrap_or(value).as_bytes()
}
