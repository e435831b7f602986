//! REST for programs, with exactly the shapes that they know (facts §2, ★).
//!
//! Thin: parse, one call of the office, a shape. Pages never come here.

pub mod body;
pub mod chats;
pub mod deliveries;
pub mod dependencies;
pub mod dispatch;
pub mod error;
pub mod gate;
pub mod once;
pub mod openclaw;
pub mod projects;
pub mod rpc;
pub mod shapes;
pub mod signals;
pub mod tasks;
pub mod triage;
pub mod webhooks;

use axum::{
    Router,
    routing::{any, delete, get, patch, post},
};

use crate::state::AppState;

/// All REST routes; those that plugins call are in [`crate::http::compat::webhooks`].
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/projects", get(projects::list).post(projects::create))
        .route("/api/projects/{id}", get(projects::show).patch(projects::update).delete(projects::remove))
        .route("/api/projects/{id}/restore", post(projects::restore))
        .route("/api/tasks", get(tasks::list).post(tasks::create))
        .route("/api/tasks/reorder", post(tasks::reorder))
        .route("/api/tasks/{id}", get(tasks::show).patch(tasks::update).delete(tasks::remove))
        .route("/api/tasks/{id}/comments", get(tasks::comments).post(tasks::comment))
        .route(
            "/api/tasks/{id}/dependencies",
            get(dependencies::list).post(dependencies::add).delete(dependencies::remove_by_ends),
        )
        .route("/api/tasks/{id}/dependencies/{edge}", delete(dependencies::remove))
        .route("/api/triage/unblock", post(triage::unblock))
        .route("/api/triage/reassign", post(triage::reassign))
        .route("/api/triage/split", post(triage::split))
        .route("/api/triage/escalate", post(triage::escalate))
        .route("/api/triage/kill", post(triage::kill))
        .route("/api/signal", get(signals::list))
        .route("/api/signal/{id}/respond", post(signals::respond))
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
        .route("/api/gate", get(gate::show))
        .route("/api/openclaw/status", get(openclaw::status).post(openclaw::reconnect))
        .route("/api/openclaw/rpc", post(rpc::call))
        .route("/api", any(unknown))
        .route("/api/", any(unknown))
        .route("/api/{*rest}", any(unknown))
}

/// A route that is there, but not for this method.
pub async fn wrong_method() -> error::Failure {
    error::Failure::new(
        http::StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This address does not take that method.",
    )
}

async fn unknown() -> error::Failure {
    error::Failure::new(http::StatusCode::NOT_FOUND, "route_not_found", "There is no such route.")
}
