//! What the original had and this program has not (yet): asked for, it says so in a way that a program can tell from a
//! mistyped address. Routes that are there come first, so a line here that somebody builds does no harm, and a test asks
//! for its removal.

use http::{Method, StatusCode};

use super::error::Failure;

/// Method and path; `*` is one part of it.
pub const NOT_BUILT: &[(&str, &str)] = &[
    ("GET", "/api/metrics"),
    ("POST", "/api/task-analyses"),
    ("GET", "/api/tasks/unanalyzed"),
    ("GET", "/api/prompts/ab-test"),
    ("POST", "/api/prompts/ab-test"),
    ("DELETE", "/api/prompts/ab-test"),
    ("GET", "/api/prompts/amendments"),
    ("PATCH", "/api/prompts/amendments"),
    ("GET", "/api/prompts/metrics"),
    ("POST", "/api/prompts/metrics"),
    ("GET", "/api/prompts/metrics/compare"),
    ("POST", "/api/prompts/migrate-dev-v2"),
    ("POST", "/api/prompts/migrate-pm-research-v2"),
    ("POST", "/api/prompts/migrate-reviewer-conflict"),
    ("GET", "/api/roadmap"),
    ("GET", "/api/roadmap/export"),
    ("GET", "/api/roadmap/features"),
    ("POST", "/api/roadmap/features"),
    ("PATCH", "/api/roadmap/features"),
    ("DELETE", "/api/roadmap/features"),
    ("GET", "/api/roadmap/phases"),
    ("POST", "/api/roadmap/phases"),
    ("PATCH", "/api/roadmap/phases"),
    ("DELETE", "/api/roadmap/phases"),
    ("GET", "/api/roadmap/requirements"),
    ("POST", "/api/roadmap/requirements"),
    ("PATCH", "/api/roadmap/requirements"),
    ("DELETE", "/api/roadmap/requirements"),
    ("POST", "/api/roadmap/generate"),
    ("POST", "/api/roadmap/phase-requirements"),
    ("DELETE", "/api/roadmap/phase-requirements"),
    ("POST", "/api/roadmap/reorder"),
    ("GET", "/api/roadmap/validate"),
    ("POST", "/api/feature-builder/create"),
    ("POST", "/api/feature-builder/generate"),
    ("POST", "/api/feature-builder/question"),
    ("GET", "/api/feature-builder/research"),
    ("POST", "/api/feature-builder/research"),
    ("POST", "/api/feature-builder/session"),
    ("PATCH", "/api/feature-builder/session"),
    ("DELETE", "/api/feature-builder/session"),
    ("POST", "/api/inbox/webhook"),
    ("POST", "/api/inbox/process"),
    ("POST", "/api/voice"),
];

/// The code of all of them.
pub const CODE: &str = "not_built_yet";

/// 501 for one of these.
pub fn answer(method: &Method, path: &str) -> Option<Failure> {
    let fits = |pattern: &str| {
        let (mut ours, mut theirs) = (pattern.split('/'), path.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some("*"), Some(part)) if !part.is_empty() => {}
                (Some(ours), Some(theirs)) if ours == theirs => {}
                _ => return false,
            }
        }
    };
    let known = NOT_BUILT.iter().any(|(of, pattern)| *of == method.as_str() && fits(pattern));
    known.then(|| {
        let sentence =
            "OpenClutch does not have this part of the original yet; docs/wire-compatibility.md lists what it has.";
        Failure::new(StatusCode::NOT_IMPLEMENTED, CODE, sentence)
    })
}
