//! Which fields the body of a route has: the one table, held before any handler looks.
//!
//! A body of which no field is known is refused, and the refusal names those that look most alike; a patch that names
//! nothing is refused too. Unknown fields beside known ones do no harm: the answer names them in `ignored`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::{Body, to_bytes},
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Method, header};
use serde_json::{Map, Value};

use super::error::Failure;

/// What the route does about a body without any field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// It says by itself what it needs, or needs nothing.
    Taken,
    /// Nothing would be changed.
    Refused,
}
use Empty::{Refused, Taken};

/// A route with a body: method, path, what an empty one means, and its fields. `*` takes any name, and the handler looks
/// by itself; a name after a dot is one of what lies in a field.
pub type Row = (&'static str, &'static str, Empty, &'static [&'static str]);

/// All of them. The proxy to the gateway reads its own frames.
pub const BODIES: &[Row] = &[
    (
        "POST",
        "/api/projects",
        Taken,
        &[
            "name",
            "slug",
            "description",
            "color",
            "repo_url",
            "local_path",
            "github_repo",
            "chat_layout",
            "work_loop_enabled",
            "work_loop_max_agents",
        ],
    ),
    (
        "PATCH",
        "/api/projects/{id}",
        Taken,
        &[
            "name",
            "slug",
            "description",
            "color",
            "repo_url",
            "context_path",
            "local_path",
            "github_repo",
            "chat_layout",
            "work_loop_enabled",
            "work_loop_max_agents",
            "role_model_overrides",
            "runtimes",
        ],
    ),
    (
        "POST",
        "/api/tasks",
        Taken,
        &[
            "project_id",
            "title",
            "status",
            "description",
            "priority",
            "role",
            "assignee",
            "requires_human_review",
            "tags",
            "dependencies",
            "session_id",
            "prompt_version_id",
            "branch",
            "pr_number",
            "agent_session_key",
            "post_merge_steps",
        ],
    ),
    (
        "PATCH",
        "/api/tasks/{id}",
        Refused,
        &[
            "title",
            "description",
            "status",
            "priority",
            "role",
            "assignee",
            "requires_human_review",
            "tags",
            "session_id",
            "prompt_version_id",
            "branch",
            "pr_number",
            "agent_session_key",
            "post_merge_steps",
            "force",
            "reopen",
        ],
    ),
    ("POST", "/api/tasks/reorder", Taken, &["project_id", "status", "task_id", "new_index"]),
    ("POST", "/api/tasks/{id}/comments", Taken, &["content", "author", "author_type", "type"]),
    (
        "POST",
        "/api/tasks/{id}/complete",
        Taken,
        &["summary", "prUrl", "notes", "agent", "sessionKey", "run_id", "runId"],
    ),
    ("POST", "/api/tasks/{id}/abort", Taken, &["triggeredBy"]),
    ("POST", "/api/tasks/{id}/dispatch", Taken, &["agentId", "requestedBy"]),
    ("PATCH", "/api/tasks/{id}/respond", Taken, &["response", "message", "answer", "content"]),
    ("POST", "/api/tasks/{id}/dependencies", Taken, &["depends_on_id"]),
    ("POST", "/api/task-dependencies", Taken, &["task_id", "depends_on_id"]),
    ("POST", "/api/triage/unblock", Taken, &["task_id", "actor"]),
    ("POST", "/api/triage/reassign", Taken, &["task_id", "actor", "role", "agent_model"]),
    (
        "POST",
        "/api/triage/split",
        Taken,
        &[
            "task_id",
            "actor",
            "subtasks",
            "subtasks.title",
            "subtasks.description",
            "subtasks.priority",
            "subtasks.role",
        ],
    ),
    ("POST", "/api/triage/escalate", Taken, &["task_id", "actor", "reason"]),
    ("POST", "/api/triage/kill", Taken, &["task_id", "actor", "reason"]),
    (
        "POST",
        "/api/signal",
        Taken,
        &["taskId", "sessionKey", "agentId", "kind", "severity", "message", "run_id", "runId"],
    ),
    ("POST", "/api/signal/{id}/respond", Taken, &["response"]),
    (
        "POST",
        "/api/signal/respond",
        Taken,
        &["signalId", "signal_id", "id", "response", "message", "answer", "content"],
    ),
    ("POST", "/api/notifications", Taken, &["message", "taskId", "projectId", "type", "severity", "title", "agent"]),
    ("PATCH", "/api/notifications/{id}", Taken, &["read"]),
    ("POST", "/api/chats", Taken, &["project_id", "title", "participants"]),
    ("PATCH", "/api/chats", Taken, &["id", "title", "session_key"]),
    ("PATCH", "/api/chats/{id}", Taken, &["title", "session_key"]),
    (
        "POST",
        "/api/chats/{id}/messages",
        Taken,
        &[
            "content",
            "author",
            "run_id",
            "session_key",
            "is_automated",
            "delivery_status",
            "retry_count",
            "cooldown_until",
            "failure_reason",
            "send",
        ],
    ),
    ("POST", "/api/chats/{id}/typing", Taken, &["typing", "author", "state"]),
    (
        "PATCH",
        "/api/chats/{id}/messages/{message}/status",
        Taken,
        &["delivery_status", "retry_count", "cooldown_until", "failure_reason"],
    ),
    ("POST", "/api/chats/messages/recover", Taken, &["age_threshold_minutes", "action"]),
    ("POST", "/api/chat/abort", Taken, &["sessionKey"]),
    ("POST", "/api/cleanup/stuck-tickets", Taken, &["ticketId", "action"]),
    ("POST", "/api/sessions/status", Taken, &["sessionIds"]),
    ("POST", "/api/validate/github", Taken, &["repo"]),
    ("POST", "/api/validate/path", Taken, &["path"]),
    (
        "POST",
        "/api/prompts",
        Taken,
        &["role", "content", "model", "change_summary", "parent_version_id", "created_by", "skip_validation"],
    ),
    ("POST", "/api/prompts/validate", Taken, &["role", "content"]),
    ("PATCH", "/api/work-loop/config", Taken, &["*"]),
    (
        "PATCH",
        "/api/work-loop/state",
        Taken,
        &[
            "projectId",
            "status",
            "current_phase",
            "current_cycle",
            "active_agents",
            "max_agents",
            "error_message",
            "last_cycle_at",
        ],
    ),
];

/// Most unknown fields that are named, and most characters of one.
const NAMED: usize = 20;
const NAME_MAX: usize = 60;
/// Most known fields that a refusal names.
const NEAREST: usize = 3;
/// Largest answer to which something is added, in bytes.
const ANSWER_MAX: usize = 16 << 20;

/// What one request told of its fields.
#[derive(Default)]
struct Seen {
    ignored: Mutex<Vec<String>>,
    /// What the handler has asked for; a test build holds it against the table.
    asked: Mutex<BTreeSet<&'static str>>,
}

tokio::task_local! {
    static SEEN: Arc<Seen>;
}

/// A handler asks for a field.
pub fn asked(name: &'static str) {
    if cfg!(debug_assertions) {
        let _ = SEEN.try_with(|seen| lock(&seen.asked).insert(name));
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The row of a request's route, where it has one.
pub struct Route(Option<&'static Row>);

impl Route {
    /// By what the router has found.
    pub fn of(request: &Request) -> Self {
        let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        Self(path.and_then(|path| row(request.method(), path)))
    }

    /// Refuses a body that says nothing to this route; what it says besides is noted.
    pub fn looks_at(&self, body: &Map<String, Value>) -> Result<(), Failure> {
        let Some((_, _, empty, fields)) = self.0 else { return Ok(()) };
        let known: Vec<&str> = fields.iter().copied().filter(|name| !name.contains('.')).collect();
        if known.contains(&"*") {
            return Ok(());
        }
        let unknown: Vec<&String> = body.keys().filter(|name| !known.contains(&name.as_str())).collect();
        if body.is_empty() && *empty == Refused {
            let sentence = format!("The body names nothing to change. It may have: {}.", known.join(", "));
            return Err(Failure::invalid("nothing_to_change", sentence));
        }
        if !body.is_empty() && unknown.len() == body.len() {
            let named: Vec<String> = unknown.iter().take(NAMED).map(|name| short(name)).collect();
            let sentence = format!(
                "No field of this body is known here: {}. Nearest to it: {}.",
                named.join(", "),
                nearest(&unknown, &known).join(", ")
            );
            return Err(Failure::invalid("unknown_fields", sentence));
        }
        let _ = SEEN.try_with(|seen| {
            *lock(&seen.ignored) = unknown.iter().take(NAMED).map(|name| short(name)).collect();
        });
        Ok(())
    }
}

fn row(method: &Method, path: &str) -> Option<&'static Row> {
    BODIES.iter().find(|(of, at, ..)| *of == method.as_str() && *at == path)
}

fn short(name: &str) -> String {
    clutch_domain::text::preview(name, NAME_MAX)
}

/// The known names that are most like the unknown ones.
fn nearest<'a>(unknown: &[&String], known: &[&'a str]) -> Vec<&'a str> {
    let apart = |name: &str| unknown.iter().take(NAMED).map(|other| distance(name, &short(other))).min();
    let mut by_distance: Vec<&str> = known.to_vec();
    by_distance.sort_by_key(|name| apart(name));
    by_distance.truncate(NEAREST);
    by_distance
}

/// How many letters have to change, whatever the case and the hyphens are.
fn distance(one: &str, other: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        text.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
    };
    let (one, other) = (letters(one), letters(other));
    let mut before: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.iter().enumerate() {
        let mut now = vec![at + 1];
        for (n, b) in other.iter().enumerate() {
            let changed = before[n] + usize::from(a != b);
            now.push(changed.min(before[n + 1] + 1).min(now[n] + 1));
        }
        before = now;
    }
    before[other.len()]
}

/// The layer around these routes: names in a successful answer what was ignored.
pub async fn told(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let seen = Arc::new(Seen::default());
    let response = SEEN.scope(seen.clone(), next.run(request)).await;
    if let Some((_, _, _, fields)) = path.as_deref().and_then(|path| row(&method, path)) {
        let known = |name: &str| fields.iter().any(|field| *field == "*" || field.rsplit('.').next() == Some(name));
        debug_assert!(lock(&seen.asked).iter().all(|name| known(name)), "{method} {path:?}: {:?}", lock(&seen.asked));
    }
    let ignored = std::mem::take(&mut *lock(&seen.ignored));
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if ignored.is_empty() || !response.status().is_success() || !json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = match to_bytes(body, ANSWER_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return Failure::from(clutch_orchestrator::store::Fault::new(error.to_string())).into_response(),
    };
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    answer.insert("ignored".into(), ignored.into());
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(Value::Object(answer).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike() {
        let fields = |method: &Method, path| row(method, path).unwrap().3;
        for (path, wrong, right) in [
            ("/api/tasks/{id}", "state", "status"),
            ("/api/tasks/{id}", "prNumber", "pr_number"),
            ("/api/tasks/{id}", "Title", "title"),
            ("/api/projects/{id}", "localPath", "local_path"),
            ("/api/projects/{id}", "repo", "repo_url"),
        ] {
            let wrong = wrong.to_owned();
            let found = nearest(&[&wrong], fields(&Method::PATCH, path));
            assert!(found.contains(&right), "{wrong}: {found:?}");
        }
    }

    #[test]
    fn each_route_stands_there_once() {
        let mut seen = BTreeSet::new();
        for (method, path, _, fields) in BODIES {
            assert!(seen.insert((method, path)), "{method} {path}");
            assert_eq!(fields.iter().collect::<BTreeSet<_>>().len(), fields.len(), "{method} {path}");
        }
    }
}
