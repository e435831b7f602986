//! REST for programs, with exactly the shapes that they know (facts §2, ★).
//!
//! Thin: parse, one call of the office, a shape. Pages never come here.

pub mod abort;
pub mod agents;
pub mod body;
pub mod chats;
pub mod cleanup;
pub mod deliveries;
pub mod dependencies;
pub mod dispatch;
pub mod error;
pub mod fields;
pub mod gate;
pub mod gateway;
pub mod github;
mod named;
pub mod not_built;
pub mod notifications;
pub mod once;
pub mod openclaw;
pub mod programs;
pub mod projects;
pub mod prompts;
pub mod rpc;
pub mod sessions;
pub mod shapes;
pub mod signals;
pub mod status;
pub mod tasks;
pub mod transcript;
pub mod triage;
pub mod validate;
pub mod webhooks;
pub mod work_loop;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{any, delete, get, patch, post},
};

use http::{Method, Uri};

use crate::state::AppState;

/// All REST routes; those that plugins call are in [`crate::http::compat::webhooks`].
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/projects", get(projects::list).post(projects::create))
        .route("/api/projects/{id}", get(projects::show).patch(projects::update).delete(projects::remove))
        .route("/api/projects/{id}/context", get(projects::told))
        .route("/api/projects/{id}/restore", post(projects::restore))
        .route("/api/tasks", get(tasks::list).post(tasks::create))
        .route("/api/tasks/reorder", post(tasks::reorder))
        .route("/api/tasks/unanalyzed", get(unknown))
        .route("/api/tasks/{id}", get(tasks::show).patch(tasks::update).delete(tasks::remove))
        .route("/api/tasks/{id}/comments", get(tasks::comments).post(tasks::comment))
        .route(
            "/api/tasks/{id}/dependencies",
            get(dependencies::list).post(dependencies::add).delete(dependencies::remove_by_ends),
        )
        .route("/api/tasks/{id}/dependencies/{edge}", delete(dependencies::remove))
        .route("/api/task-dependencies", post(dependencies::add_by_ends).delete(dependencies::remove_by_id))
        .route("/api/tasks/{id}/abort", post(abort::task))
        .route("/api/tasks/{id}/respond", patch(signals::respond_by_task))
        .route("/api/triage/unblock", post(triage::unblock))
        .route("/api/triage/reassign", post(triage::reassign))
        .route("/api/triage/split", post(triage::split))
        .route("/api/triage/escalate", post(triage::escalate))
        .route("/api/triage/kill", post(triage::kill))
        .route("/api/signal", get(signals::list))
        .route("/api/signal/respond", post(signals::respond_by_body))
        .route("/api/signal/{id}/respond", post(signals::respond))
        .route("/api/notifications", get(notifications::list).post(notifications::create))
        .route("/api/notifications/{id}", patch(notifications::update).delete(notifications::remove))
        .route("/api/chat/abort", post(abort::chat))
        .route("/api/chats", get(chats::list).post(chats::create).patch(chats::update_by_body))
        .route("/api/chats/{id}", get(chats::show).patch(chats::update).delete(chats::remove))
        .route("/api/chats/{id}/messages", get(chats::messages))
        .route("/api/chats/{id}/all-sent-messages", get(deliveries::all_sent))
        .route("/api/chats/{id}/latest-human-message", get(deliveries::latest_human))
        .route("/api/chats/{id}/oldest-sent-message", get(deliveries::oldest_sent))
        .route("/api/chats/{id}/oldest-delivered-message", get(deliveries::oldest_delivered))
        .route("/api/chats/{id}/oldest-processing-message", get(deliveries::oldest_processing))
        .route("/api/chats/{id}/messages/{message}/status", patch(deliveries::patch))
        .route("/api/chats/{id}/messages/{message}/retry", post(deliveries::retry))
        .route("/api/chats/messages/stuck", get(deliveries::stuck))
        .route("/api/chats/messages/recover", post(deliveries::recover))
        .route("/api/dispatch/pending", get(dispatch::pending))
        .route("/api/tasks/{id}/dispatch", get(dispatch::show).post(dispatch::request))
        .route("/api/prompts", get(prompts::list).post(prompts::create))
        .route("/api/prompts/active", get(prompts::active))
        .route("/api/prompts/roles", get(prompts::roles))
        .route("/api/prompts/seed", post(prompts::seed))
        .route("/api/prompts/validate", post(prompts::validate))
        // Not built yet, and no ids either.
        .route("/api/prompts/ab-test", any(unknown))
        .route("/api/prompts/amendments", any(unknown))
        .route("/api/prompts/metrics", any(unknown))
        .route("/api/prompts/{id}", get(prompts::show))
        .route("/api/prompts/{id}/activate", patch(prompts::activate))
        .route("/api/gate", get(gate::show))
        .route("/api/openclaw/status", get(openclaw::status).post(openclaw::reconnect))
        .route(rpc::PATH, post(rpc::call).layer(DefaultBodyLimit::max(rpc::BODY_BYTES_MAX)))
        .route("/api/openclaw/models", get(gateway::models))
        .route("/api/openclaw/dashboard", get(gateway::dashboard))
        .route("/api/agents", get(agents::list))
        .route("/api/agents/{id}", get(agents::show))
        .route("/api/sessions", get(sessions::list))
        .route("/api/sessions/status", get(sessions::status).post(sessions::statuses))
        .route("/api/sessions/{id}", get(sessions::show))
        .route("/api/sessions/{id}/history", get(sessions::history))
        .route("/api/sessions/{id}/cancel", post(sessions::cancel))
        .route("/api/status", get(status::show))
        .route("/api/cleanup/stuck-tickets", get(cleanup::list).post(cleanup::settle))
        .route("/api/validate/github", post(validate::github))
        .route("/api/validate/path", post(validate::path))
        .route("/api/work-loop/config", get(work_loop::config).patch(work_loop::configure))
        .route("/api/work-loop/state", patch(work_loop::set_state))
        .route("/api", any(unknown))
        .route("/api/", any(unknown))
        .route("/api/{*rest}", any(unknown))
        .route_layer(middleware::from_fn(fields::told))
}

/// A route that is there, but not for this method.
pub async fn wrong_method(method: Method, uri: Uri) -> error::Failure {
    not_built::answer(&method, uri.path()).unwrap_or_else(|| {
        error::Failure::new(
            http::StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This address does not take that method.",
        )
    })
}

async fn unknown(method: Method, uri: Uri) -> error::Failure {
    not_built::answer(&method, uri.path()).unwrap_or_else(|| {
        error::Failure::new(http::StatusCode::NOT_FOUND, "route_not_found", "There is no such route.")
    })
}
