//! API v1: what new programs write against. Typed requests and answers over the same calls of the office as pages and
//! the original's routes, and one document that is made of those types (`/api/v1/openapi.json`, readable at `/api/docs`).
//!
//! Within v1 members, routes and words only join; docs/api.md says what that means for a client. Errors are
//! problem+json (RFC 9457) with stable codes; a member that a request must not have is refused.

mod chats;
mod deliveries;
mod dependencies;
mod docs;
mod etag;
mod events;
mod input;
mod page;
pub mod problem;
mod projects;
mod reports;
mod runs;
mod shapes;
mod signals;
mod spending;
mod tasks;
mod webhooks;
mod why;
mod words;

use std::sync::LazyLock;

use axum::{Json, Router, routing::get};
use http::header;
use serde::Serialize;
use utoipa::{
    OpenApi, ToSchema,
    openapi::{
        OpenApi as Document,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub use self::{events::Streams as EventStreams, shapes::payload};

/// What the pages of webhooks share with their routes.
pub mod owned {
    pub use super::{
        deliveries::{find as find_delivery, place_of},
        webhooks::{admitted, find, owners, secret_of},
    };
}

/// Where it is.
pub const ROOT: &str = "/api/v1";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "OpenClutch",
        description = "The board that people and agents share, for programs.\n\n\
            **Who asks.** Where people log in, each request carries a token (`Authorization: Bearer …`, made by \
            `clutch token create` or at `/access`). Without log-in a program on the same machine needs none.\n\n\
            **Names.** A task is named by its number (`T-12` or `12`) or its id, a project by its slug or its id.\n\n\
            **What may change.** Within v1 members of answers, optional members of requests, routes, and words of closed \
            lists only join. Pass over members and words that you do not know.",
        license(name = "MIT", identifier = "MIT")
    ),
    components(schemas(problem::Problem, shapes::WebhookPayload)),
    tags(
        (name = "projects", description = "Boards."),
        (name = "tasks", description = "Tickets, what they wait for, and what is said about them."),
        (name = "runs", description = "Agents at work. Those that come by themselves take a task here."),
        (name = "signals", description = "What agents ask and tell, and the answers."),
        (name = "chats", description = "Words with agents."),
        (name = "events", description = "What happens, as it happens."),
        (name = "webhooks", description = "What happens, told to programs elsewhere. For owners, and tokens with the scope admin."),
    )
)]
struct Api;

/// Where to go on.
#[derive(Serialize, ToSchema)]
struct Discovery {
    /// Always `OpenClutch`.
    name: &'static str,
    /// Version of the program.
    version: &'static str,
    /// The OpenAPI document.
    openapi: &'static str,
    /// The same for people.
    documentation: &'static str,
    /// Server-Sent Events.
    events: &'static str,
}

/// What this is, and where the rest is.
#[utoipa::path(get, path = "/api/v1", operation_id = "discover", tag = "projects", responses((status = 200, body = Discovery), problem::Refused))]
async fn discovery() -> Json<Discovery> {
    Json(Discovery {
        name: "OpenClutch",
        version: env!("CARGO_PKG_VERSION"),
        openapi: "/api/v1/openapi.json",
        documentation: "/api/docs",
        events: "/api/events",
    })
}

fn parts() -> (Router<AppState>, Document) {
    let (router, mut document) = OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(discovery))
        .routes(routes!(projects::list, projects::create))
        .routes(routes!(projects::show, projects::update, projects::remove))
        .routes(routes!(projects::restore))
        .routes(routes!(projects::counts))
        .routes(routes!(spending::spending))
        .routes(routes!(tasks::list, tasks::create))
        .routes(routes!(tasks::show, tasks::update, tasks::remove))
        .routes(routes!(tasks::relocate))
        .routes(routes!(tasks::comments, tasks::comment))
        .routes(routes!(tasks::runs))
        .routes(routes!(why::explained))
        .routes(routes!(reports::context))
        .routes(routes!(reports::complete))
        .routes(routes!(reports::split))
        .routes(routes!(reports::attach))
        .routes(routes!(runs::claim))
        .routes(routes!(runs::show))
        .routes(routes!(runs::stop))
        .routes(routes!(runs::heartbeat))
        .routes(routes!(runs::release))
        .routes(routes!(dependencies::list))
        .routes(routes!(dependencies::add, dependencies::remove))
        .routes(routes!(signals::waiting))
        .routes(routes!(signals::of_task, signals::raise))
        .routes(routes!(signals::show))
        .routes(routes!(signals::answer))
        .routes(routes!(chats::list, chats::create))
        .routes(routes!(chats::show, chats::update, chats::remove))
        .routes(routes!(chats::messages, chats::post))
        .routes(routes!(events::stream))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::show, webhooks::update, webhooks::remove))
        .routes(routes!(webhooks::secret))
        .routes(routes!(webhooks::rotate))
        .routes(routes!(webhooks::try_out))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::redeliver))
        .split_for_parts();
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    let parts = document.components.get_or_insert_default();
    parts.responses.extend(problem::answers());
    parts.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description("clutch", "The session of somebody at a page."));
    parts.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    (router, document)
}

/// The document.
static DOCUMENT: LazyLock<Document> = LazyLock::new(|| parts().1);
/// It as JSON, made once.
static JSON: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_pretty_json().unwrap_or_default());
/// It as the page reads it.
static AS_VALUE: LazyLock<serde_json::Value> = LazyLock::new(|| serde_json::from_str(&JSON).unwrap_or_default());

/// The document as JSON, for those who make something of it.
pub fn document() -> &'static serde_json::Value {
    &AS_VALUE
}

/// Its routes, the document, and the page that shows it.
pub fn routes() -> Router<AppState> {
    parts().0.route("/api/v1/openapi.json", get(openapi)).route("/api/docs", get(docs::page_of_the_document))
}

async fn openapi() -> impl axum::response::IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], JSON.as_str())
}

/// Whether it is a route of v1, whose errors are problems.
pub fn is_ours(path: &str) -> bool {
    path == "/api/events" || path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
