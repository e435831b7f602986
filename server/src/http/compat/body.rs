//! Reading JSON bodies field by field, so that each mistake gets its own sentence.

use std::{borrow::Cow, str::FromStr};

use axum::{
    body::Bytes,
    extract::{
        self, FromRequest, FromRequestParts, Request,
        rejection::{PathRejection, QueryRejection},
    },
};
use clutch_domain::{refusal::Refusal, text};
use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value};

use super::{
    error::Failure,
    fields::{self, Route},
};

/// Largest body that is read, in bytes.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest text of a field that is no markdown, in bytes.
pub const TEXT_BYTES_MAX: usize = 100_000;

/// The parts of a path; a wrong one is answered in the shape of all errors.
#[derive(FromRequestParts)]
#[from_request(via(extract::Path), rejection(Failure))]
pub struct Path<T>(pub T);

impl From<PathRejection> for Failure {
    fn from(_: PathRejection) -> Self {
        Self::invalid("invalid_path", "The address is not valid text.")
    }
}

/// A query string; a wrong one is answered in the shape of all errors.
#[derive(FromRequestParts)]
#[from_request(via(extract::Query), rejection(Failure))]
pub struct Query<T>(pub T);

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid("invalid_query", format!("The address's query was not understood: {}.", rejection.body_text()))
    }
}

/// A JSON object.
#[derive(Debug, Default)]
pub struct Body(pub Map<String, Value>);

/// The whole body, within its bound: 413 `body_too_large`, 400 `body_unreadable`.
pub async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state).await.map_err(|error| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is larger than four megabytes.")
        } else {
            Failure::invalid("body_unreadable", "The body could not be read.")
        }
    })
}

/// A [`Body`] whose `content` may come as it is: with `content-type: text/plain` and the other fields in the
/// query, the request's body is the content. A shell can send that without quoting anything.
pub struct Content(pub Body);

impl<S: Send + Sync> FromRequest<S> for Content {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let plain = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/plain"));
        // Without fields it is JSON from a client that names no other type, as browsers' `fetch` does.
        if !plain || request.uri().query().is_none_or(str::is_empty) {
            return Body::from_request(request, state).await.map(Self);
        }
        let route = Route::of(&request);
        let (mut parts, body) = request.into_parts();
        let Query(fields) = Query::<Map<String, Value>>::from_request_parts(&mut parts, state).await?;
        let bytes = read(Request::from_parts(parts, body), state).await?;
        let content = std::str::from_utf8(&bytes)
            .map_err(|_| Failure::invalid("invalid_text", "The body is not valid UTF-8 text."))?;
        let mut map = fields;
        map.insert("content".into(), content.into());
        route.looks_at(&map)?;
        Ok(Self(Body(map)))
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let route = Route::of(&request);
        let bytes = read(request, state).await?;
        Self::of(&bytes, &route)
    }
}

/// A [`Body`] that may be left out.
#[derive(Debug, Default)]
pub struct MaybeBody(pub Body);

impl<S: Send + Sync> FromRequest<S> for MaybeBody {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let route = Route::of(&request);
        let bytes = read(request, state).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        Body::of(&bytes, &route).map(Self)
    }
}

impl Body {
    fn of(bytes: &[u8], route: &Route) -> Result<Self, Failure> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => {
                route.looks_at(&map)?;
                Ok(Self(map))
            }
            Ok(_) => Err(Failure::invalid("invalid_json", "The body must be a JSON object.")),
            Err(error) => Err(Failure::invalid("invalid_json", format!("The body is not valid JSON: {error}."))),
        }
    }

    /// A field that is there, `null` included.
    pub fn has(&self, name: &'static str) -> bool {
        fields::asked(name);
        self.0.contains_key(name)
    }

    /// A field that is there and not `null`.
    pub fn some(&self, name: &'static str) -> Option<&Value> {
        fields::asked(name);
        self.0.get(name).filter(|v| !v.is_null())
    }

    /// Text of at most [`TEXT_BYTES_MAX`]; absent and `null` are `None`, other kinds are refused.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, Failure> {
        match self.string(name)? {
            Some(text) if text.len() > TEXT_BYTES_MAX => {
                Err(Failure::invalid("field_too_long", format!("{name} is longer than a hundred kilobytes.")))
            }
            text => Ok(text),
        }
    }

    fn string(&self, name: &'static str) -> Result<Option<&str>, Failure> {
        match self.some(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Failure::invalid("invalid_field", format!("{name} must be a string"))),
        }
    }

    /// Text with something in it, else `sentence` and 400.
    pub fn needed(&self, name: &'static str, code: &'static str, sentence: &str) -> Result<&str, Failure> {
        self.text(name)?.filter(|t| !t.trim().is_empty()).ok_or_else(|| Failure::invalid(code, sentence))
    }

    /// A field as the domain takes it; absent, `null` and empty are `None`.
    pub fn parsed<T>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Result<Option<T>, Refusal>,
    ) -> Result<Option<T>, Failure> {
        match self.text(name)? {
            None => Ok(None),
            Some(text) => Ok(parse(text)?),
        }
    }

    /// `None`: absent. `Some(None)`: `null` or empty, which clears. `Some(Some)`: the field as the domain takes it.
    pub fn patched<T>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Result<Option<T>, Refusal>,
    ) -> Result<Option<Option<T>>, Failure> {
        if self.has(name) { self.parsed(name, parse).map(Some) } else { Ok(None) }
    }

    /// A field as the domain takes it with something in it, else `sentence` and 400.
    pub fn filled<T>(
        &self,
        name: &'static str,
        parse: fn(&str) -> Result<Option<T>, Refusal>,
        sentence: &str,
    ) -> Result<T, Failure> {
        self.parsed(name, parse)?.ok_or_else(|| Failure::invalid("field_missing", sentence))
    }

    /// A list of texts: an array, or a JSON array in a string; `None` for any other string. What is no text in
    /// a list is refused, not turned into some.
    pub fn texts<'a>(&'a self, name: &'static str) -> Result<Option<Cow<'a, [Value]>>, Failure> {
        let list = match self.some(name) {
            Some(Value::Array(items)) => Cow::Borrowed(&items[..]),
            Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
                Ok(Value::Array(items)) => Cow::Owned(items),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        if list.iter().all(Value::is_string) {
            Ok(Some(list))
        } else {
            Err(Failure::invalid("invalid_field", format!("{name} must be an array of strings")))
        }
    }

    /// A word of a closed list.
    pub fn word<T: FromStr>(&self, name: &'static str, all: &[&str]) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(name)?.filter(|t| !t.is_empty()) else { return Ok(None) };
        let wrong = || Failure::invalid("invalid_field", format!("Invalid {name}. Must be one of: {}", all.join(", ")));
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// Yes or no: a boolean, 0 or 1 as our own answers have it, or one of these as text. Anything else is refused:
    /// whoever writes `"false"` does not mean yes. Absent and `null` are `None`.
    pub fn switch(&self, name: &'static str) -> Result<Option<bool>, Failure> {
        let on = match self.some(name) {
            None => return Ok(None),
            Some(Value::Bool(on)) => Some(*on),
            Some(Value::Number(n)) if n.as_u64() == Some(0) => Some(false),
            Some(Value::Number(n)) if n.as_u64() == Some(1) => Some(true),
            Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "" | "false" | "0" => Some(false),
                "true" | "1" => Some(true),
                _ => None,
            },
            Some(_) => None,
        };
        on.map(Some).ok_or_else(|| Failure::invalid("invalid_field", format!("{name} must be a boolean")))
    }

    /// A whole number from 0; absent and `null` are `None`.
    pub fn number(&self, name: &'static str) -> Result<Option<u64>, Failure> {
        match self.some(name) {
            None => Ok(None),
            Some(value) => whole(value)
                .map(Some)
                .ok_or_else(|| Failure::invalid("invalid_field", format!("{name} must be a whole number"))),
        }
    }

    /// An id.
    pub fn id<T: FromStr>(&self, name: &'static str, sentence: &str, missing: Refusal) -> Result<T, Failure> {
        self.needed(name, "field_missing", sentence)?.parse().map_err(|_| missing.into())
    }

    /// Markdown that may be absent or empty.
    pub fn markdown(&self, name: &'static str) -> Result<Option<text::Body>, Failure> {
        match self.string(name)? {
            None => Ok(None),
            Some(text) => Ok(text::Body::parse(text)?),
        }
    }
}

/// A whole number, also one that came as a float or as text.
pub fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(n) => {
            n.as_u64().or_else(|| n.as_f64().filter(|f| f.fract() == 0.0 && *f >= 0.0 && *f < 9e15).map(|f| f as u64))
        }
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

/// Parses an id of a path; what is no id is not there.
pub fn path_id<T: FromStr>(text: &str, missing: Refusal) -> Result<T, Failure> {
    text.parse().map_err(|_| missing.into())
}
