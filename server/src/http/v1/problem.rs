//! Errors as v1 tells them: `application/problem+json` (RFC 9457), with the code and the sentence of the refusal.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, RefOr, Response as Described, ResponseBuilder, schema::Ref},
};

use crate::http::compat::error::Told;

/// What an error says.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A name of this kind of problem: `urn:openclutch:problem:` and the code.
    #[schema(example = "urn:openclutch:problem:task_not_found")]
    r#type: String,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: &'static str,
    /// The status.
    #[schema(example = 404, minimum = 400, maximum = 599)]
    status: u16,
    /// A sentence that says what to do; it may change.
    #[schema(example = "There is no such task.")]
    detail: String,
    /// What programs go by; it never changes.
    #[schema(example = "task_not_found")]
    code: &'static str,
    /// The name under which the server's log knows the request (`X-Request-Id`).
    request_id: String,
}

/// Statuses with which routes refuse, and when.
const STATUSES: [(StatusCode, &str); 14] = [
    (StatusCode::BAD_REQUEST, "The request makes no sense; the sentence says what does."),
    (StatusCode::UNAUTHORIZED, "Log-in is on, and there is no token in force."),
    (StatusCode::FORBIDDEN, "This caller may not."),
    (StatusCode::NOT_FOUND, "It is not there (any more)."),
    (StatusCode::METHOD_NOT_ALLOWED, "The address does not take this method."),
    (StatusCode::CONFLICT, "It does not go with what is there now."),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than four megabytes."),
    (StatusCode::URI_TOO_LONG, "The address is too long."),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON."),
    (StatusCode::TOO_MANY_REQUESTS, "Too many requests; `Retry-After` says how many seconds to wait."),
    (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on the server; its log says what, by the request's id."),
    (StatusCode::SERVICE_UNAVAILABLE, "The server has no room now; `Retry-After` says how many seconds to wait."),
    (STALE, "It is another by now than the one that `If-Match` names: nothing was changed."),
    (REUSED, "Another call was made under this `Idempotency-Key`: nothing was done."),
];
const STALE: StatusCode = StatusCode::PRECONDITION_FAILED;
const REUSED: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

type Answers = BTreeMap<String, RefOr<Described>>;

/// The answers themselves, which routes point at.
pub fn answers() -> Answers {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let described = |when: &str| {
        ResponseBuilder::new().description(when).content("application/problem+json", content.clone()).build().into()
    };
    STATUSES.iter().map(|(status, when)| (name(*status), described(when))).collect()
}

fn name(status: StatusCode) -> String {
    format!("Problem{}", status.as_u16())
}

fn pointing(statuses: impl Iterator<Item = StatusCode>) -> Answers {
    statuses.map(|s| (s.as_str().to_owned(), RefOr::Ref(Ref::from_response_name(name(s))))).collect()
}

/// What every route may refuse.
pub struct Refused;

impl IntoResponses for Refused {
    fn responses() -> Answers {
        pointing(STATUSES.iter().map(|(status, _)| *status).filter(|status| ![STALE, REUSED].contains(status)))
    }
}

/// What routes refuse whose request may carry `If-Match`.
pub struct Stale;

impl IntoResponses for Stale {
    fn responses() -> Answers {
        pointing(std::iter::once(STALE))
    }
}

/// What routes refuse whose request may carry `Idempotency-Key`.
pub struct Reused;

impl IntoResponses for Reused {
    fn responses() -> Answers {
        pointing(std::iter::once(REUSED))
    }
}

/// Makes an error a problem, wherever on the way it was refused; anything else stays as it is.
pub fn problem(response: Response, request_id: &str) -> Response {
    let status = response.status();
    let Some(Told { code, sentence }) = response.extensions().get::<Told>().cloned() else { return response };
    let told = Problem {
        r#type: format!("urn:openclutch:problem:{code}"),
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: sentence,
        code,
        request_id: request_id.to_owned(),
    };
    let (mut parts, _) = response.into_parts();
    // What was said of the words that are replaced.
    for of_the_body in [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::TRANSFER_ENCODING] {
        parts.headers.remove(of_the_body);
    }
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let Ok(words) = serde_json::to_vec(&told) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    Response::from_parts(parts, Body::from(words))
}
