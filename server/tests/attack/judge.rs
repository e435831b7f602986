//! Whether an answer is one that we give on purpose.

use crate::{program::Answer, request::Request};

/// Statuses above 499 that are documented, with their codes: the gateway is away, room is bounded, and some of what the
/// original had is not here.
const SAID: [(u16, &str); 8] = [
    (501, "not_built_yet"),
    (503, "gateway_away"),
    (503, "gateway_silent"),
    (503, "not_stopped"),
    (503, "too_busy"),
    (503, "too_many_streams"),
    (503, "too_many_tabs"),
    (507, "uploads_full"),
];

/// What is wrong with it.
pub fn wrong(request: &Request, answer: Option<&Answer>) -> Option<String> {
    let Some(answer) = answer else {
        return request.sound.then(|| "the connection was closed without an answer".into());
    };
    let status = answer.status;
    let told = answer.json();
    // Answers of the proxy have their own shape.
    let code = told["code"].as_str().or(told["error"]["code"].as_str()).unwrap_or_default();
    // An answer to HEAD has no body, so no code.
    if status >= 500 && !SAID.iter().any(|(of, said)| *of == status && (request.head || *said == code)) {
        return Some(format!("{status} is nobody's but ours"));
    }
    if status < 400 || request.head || !request.sound || answer.header("content-encoding").is_some() {
        return None;
    }
    let path = request.path.split(['?', '#']).next().unwrap_or_default();
    let stable = !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let with_code = path.starts_with("/api/") && path != "/api/docs" || path.starts_with("/fn/");
    if with_code && !stable {
        return Some(format!("{status} without a stable code"));
    }
    let problem = answer.header("content-type").is_some_and(|kind| kind.starts_with("application/problem+json"));
    if path.starts_with("/api/v1/") && (!problem || told["status"] != status) {
        return Some(format!("{status} that is no problem+json"));
    }
    None
}
