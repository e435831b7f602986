//! What every answer carries, refusals too: a name by which the log knows the request, and what browsers are told about
//! safety.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderValue, header};
use tracing::Instrument;
use uuid::Uuid;

use crate::http::v1;

/// The name of a request.
const REQUEST_ID: &str = "x-request-id";
/// Longest name that a caller may give, in bytes.
const ID_MAX: usize = 64;
/// What of a path the log repeats, in bytes.
const PATH_SHOWN: usize = 200;
/// What a page of ours never asks its browser for.
const NEVER: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
                     microphone=(), midi=(), payment=(), usb=()";

/// The layer, outermost. Whatever is logged on the way of a request says its name.
pub async fn answers(request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| Uuid::now_v7().simple().to_string());
    let path = request.uri().path();
    let path = &path[..path.floor_char_boundary(PATH_SHOWN)];
    let span = tracing::info_span!("request", %id, method = %request.method(), path);
    let v1 = v1::is_ours(path);
    let mut response = next.run(request).instrument(span).await;
    if v1 {
        response = v1::problem::problem(response, &id);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static(NEVER));
    // Pages bring their own, with a nonce; nothing else needs anything.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

/// The name that the caller gave, if it is one: a log is no place for anything else.
fn given(headers: &HeaderMap) -> Option<String> {
    let mut names = headers.get_all(REQUEST_ID).iter();
    let name = names.next()?.to_str().ok().filter(|_| names.next().is_none())?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    ((1..=ID_MAX).contains(&name.len()) && name.bytes().all(plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_if_it_is_one() {
        for (name, taken) in [
            ("a-B_3.f", true),
            ("018f4d2e7c5a7b6e8d9c0a1b2c3d4e5f", true),
            ("", false),
            ("two words", false),
            ("a=1", false),
            ("\"quoted\"", false),
            (&*"x".repeat(64), true),
            (&*"x".repeat(65), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, name.parse().unwrap());
            assert_eq!(given(&headers).is_some(), taken, "{name}");
            headers.append(REQUEST_ID, "second".parse().unwrap());
            assert_eq!(given(&headers), None, "one request has one name");
        }
        assert_eq!(given(&HeaderMap::new()), None);
    }
}
