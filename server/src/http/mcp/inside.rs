//! The protocol at `/mcp`: calls of API v1 in this process.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::any_service,
};
use http::{HeaderMap, Method, header, request::Parts};
use rmcp::{
    RoleServer,
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::local::{LocalSessionManager, SessionConfig},
    },
};
use tower::ServiceExt;

use super::{Answer, Asks, Call, PATH, Server};
use crate::{
    http::{
        caller::Caller,
        compat::{body::BODY_BYTES_MAX, error::Failure},
        scopes, v1,
    },
    state::AppState,
};

/// Most sessions of clients of before 2026-07-28.
const SESSIONS_MAX: usize = 200;
/// A session of which nothing was heard for so long ends.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// Longest answer of the API, in bytes: a page of two hundred long tasks.
const ANSWER_MAX: usize = 64 * 1024 * 1024;
/// Longest sentence of a refusal, in bytes.
const REFUSAL_MAX: usize = 16 * 1024;
/// How a session is named.
const SESSION: &str = "mcp-session-id";
/// What clients without sessions say.
const VERSION: &str = "mcp-protocol-version";

/// API v1 in this process.
#[derive(Clone)]
struct Inside {
    api: Router,
}

impl Asks for Inside {
    async fn ask(&self, call: Call, context: &RequestContext<RoleServer>) -> Result<Answer, String> {
        // Whoever sent this very request, whoever began its session.
        let caller = context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Caller>()).cloned();
        let caller = caller.unwrap_or(Caller::Stranger);
        let path = call.target.split('?').next().unwrap_or_default();
        let response = match scopes::admits(&caller, &call.method, path) {
            Err(refused) => refused.into_response(),
            Ok(()) => {
                let request = Request::builder().method(call.method).uri(&call.target).extension(caller);
                let request = match call.body {
                    Some(body) => request
                        .header(header::CONTENT_TYPE, "application/json")
                        .body(Body::from(serde_json::to_vec(&body).map_err(|e| e.to_string())?)),
                    None => request.body(Body::empty()),
                };
                let request = request.map_err(|_| "These arguments make no address of the API.".to_owned())?;
                self.api.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
            }
        };
        let response = v1::problem::problem(response, "mcp");
        let status = response.status();
        let words = to_bytes(response.into_body(), ANSWER_MAX).await.map_err(|e| e.to_string())?;
        Ok(Answer { status, body: serde_json::from_slice(&words).unwrap_or_default() })
    }
}

/// The route. Must run within tokio.
pub fn routes(state: &AppState) -> Router<AppState> {
    let asks = Inside { api: v1::routes().with_state(state.clone()) };
    let mut kept = SessionConfig::default();
    kept.keep_alive = Some(IDLE);
    let mut sessions = LocalSessionManager::default();
    sessions.session_config = kept;
    let sessions = Arc::new(sessions);
    // The door looks at names and origins, for all routes alike.
    let config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_max_request_body_bytes(BODY_BYTES_MAX);
    let going = config.cancellation_token.clone();
    let mut stop = state.stop.clone();
    state.supervisor.spawn("mcp", async move {
        // A server whose switch is gone is going, too.
        let _ = stop.wait_for(|stopping| *stopping).await;
        going.cancel();
    });
    let service = StreamableHttpService::new(move || Ok(Server::new(asks.clone())), sessions.clone(), config);
    let room = middleware::from_fn(move |request: Request, next: Next| {
        let sessions = sessions.clone();
        async move {
            if begins_a_session(request.method(), request.headers())
                && sessions.sessions.read().await.len() >= SESSIONS_MAX
            {
                let sentence = "Too many clients have a session here. Close some, or try again later.";
                return Failure::away("too_many_sessions", sentence).into_response();
            }
            coded(next.run(request).await).await
        }
    });
    Router::new().route(PATH, any_service(service).layer(room))
}

/// What the protocol's library refuses in plain words gets a code, as every refusal here has one.
async fn coded(response: Response) -> Response {
    let kind =
        response.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().starts_with(b"application/json"));
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if !refused || kind == Some(true) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let words = to_bytes(body, REFUSAL_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&words).trim().to_owned();
    let said = if said.is_empty() { parts.status.to_string() } else { said };
    let mut response = Failure::new(parts.status, "mcp_refused", said).into_response();
    response.headers_mut().extend(parts.headers.get(header::ALLOW).map(|allow| (header::ALLOW, allow.clone())));
    response
}

/// Whether a request may begin a session: one without any, of a client that may have some.
fn begins_a_session(method: &Method, headers: &HeaderMap) -> bool {
    let newer = headers.get(VERSION).is_some_and(|version| version.as_bytes() >= b"2026-07-28".as_slice());
    method == Method::POST && !headers.contains_key(SESSION) && !newer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_older_clients_begin_sessions() {
        for (method, headers, begins) in [
            (Method::POST, vec![], true),
            (Method::POST, vec![(VERSION, "2025-11-25")], true),
            (Method::POST, vec![(VERSION, "2026-07-28")], false),
            (Method::POST, vec![(SESSION, "x")], false),
            (Method::GET, vec![], false),
            (Method::DELETE, vec![(SESSION, "x")], false),
        ] {
            let named: HeaderMap = headers.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect();
            assert_eq!(begins_a_session(&method, &named), begins, "{method} {headers:?}");
        }
    }
}
