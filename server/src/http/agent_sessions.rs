//! The pages of the gateway's sessions: all of them with filters and sums, and one with what was said in it and the ways
//! to shorten, empty or remove it. The same source as `/api/sessions`, remembered as long.

mod list;
mod one;
mod talk;

use std::time::Duration;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use clutch_domain::right::Right;
use clutch_gateway::wire::text;
use clutch_orchestrator::runtime::RuntimeError;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use self::one::Stands;
use crate::{
    http::{
        caller::Caller,
        compat::{
            error::Failure,
            gateway::{QUICK, SESSIONS_MAX, sessions},
            sessions::{is_working, kind, row_of},
        },
        desk::{self, Frame, Here, in_address},
        door::escaped,
        needs::{Needs, gather},
        whose::whose,
    },
    state::AppState,
};

/// Where the list is.
pub const PATH: &str = "/sessions";
/// To remove a session takes the gateway seconds.
const DELETE: Duration = Duration::from_secs(60);
/// Rows of a session's history on a page.
const ROWS: usize = 60;

/// Their routes.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route(PATH, get(all))
        .route("/sessions/{key}", get(show))
        .route("/sessions/{key}/compact", post(compact))
        .route("/sessions/{key}/reset", post(reset))
        .route("/sessions/{key}/delete", post(delete))
}

/// What was done before a page was led to.
const DONE: &[(&str, &str)] = &[
    ("compact", "Shortened: the agent goes on with a summary."),
    ("reset", "Emptied: the agent remembers nothing of it."),
    ("delete", "The session is deleted, and what was said in it."),
];

fn done(word: &str) -> &'static str {
    DONE.iter().find(|(known, _)| *known == word).map_or("", |(_, says)| says)
}

/// A page around what is shown; where the gateway is away, why.
async fn page(state: &AppState, status: StatusCode, title: &str, inner: &str) -> Response {
    let needs: Needs = match gather(state).await {
        Ok(needs) => needs,
        Err(fault) => return Failure::from(fault).into_response(),
    };
    let frame = Frame { projects: &needs.projects, needs: needs.cards.len() };
    desk::page(status, Here::Sessions, title, &frame, inner, "")
}

/// A page that says what is the matter.
async fn trouble(state: &AppState, failure: Failure) -> Response {
    let html = format!(
        "<div class=\"head\"><h1>Sessions</h1></div><p class=\"wrong\" role=\"alert\">{}</p>\
         <p class=\"lead\"><a href=\"{PATH}\">All sessions</a></p>",
        escaped(failure.sentence())
    );
    // The page itself is well: what is away is the gateway.
    let status = if failure.status().is_server_error() { StatusCode::OK } else { failure.status() };
    page(state, status, "Sessions", &html).await
}

async fn all(State(state): State<AppState>, Query(asked): Query<list::Asked>) -> Response {
    let rows = match sessions(&state.gateway, &state.programs.sessions).await {
        Ok(rows) => rows,
        Err(error) => return trouble(&state, error.into()).await,
    };
    let rows = rows["sessions"].as_array().map(Vec::as_slice).unwrap_or_default();
    match list::html(&state, rows, &asked).await {
        Ok(html) => page(&state, StatusCode::OK, "Sessions", &html).await,
        Err(fault) => Failure::from(fault).into_response(),
    }
}

#[derive(Debug, Default, Deserialize)]
struct Shown {
    #[serde(default)]
    offset: String,
    #[serde(default)]
    done: String,
}

async fn show(State(state): State<AppState>, Path(key): Path<String>, Query(asked): Query<Shown>) -> Response {
    let offset = asked.offset.parse().unwrap_or(0);
    whole(&state, &key, offset, StatusCode::OK, done(&asked.done), None).await
}

/// The page of one session, with what was done or what is wrong above it.
async fn whole(
    state: &AppState,
    named: &str,
    offset: usize,
    status: StatusCode,
    said: &str,
    wrong: Option<&str>,
) -> Response {
    let stands = match find(state, named).await {
        Ok(stands) => stands,
        Err(failure) => return trouble(state, failure).await,
    };
    let mut params = json!({ "sessionKey": stands.key, "limit": ROWS });
    if offset > 0 {
        // Old gateways know no offset, and their schemas are closed.
        params["offset"] = json!(offset);
    }
    let history = state.gateway.request("chat.history", params, QUICK).await;
    let html = one::html(&stands, &history, offset, said, wrong, state.office.now());
    page(state, status, &stands.title(), &html).await
}

/// How a session stands: its row, and whose it is. 404 where the gateway has none of that name.
async fn find(state: &AppState, named: &str) -> Result<Stands, Failure> {
    let list = sessions(&state.gateway, &state.programs.sessions).await?;
    let row = match row_of(&state.gateway, &list, named) {
        Some(row) => row.clone(),
        // One that is older than those of the list.
        None => described(state, named).await?.ok_or_else(missing)?,
    };
    let key = state.gateway.ours(text(&row, "key"));
    let mut known = whose(&state.office, &state.runtimes, [key.as_str()]).await?;
    let now = state.office.now();
    Ok(Stands {
        whose: known.remove(&key),
        kind: kind(&key, &state.runtimes),
        working: is_working(&row, now),
        key,
        row,
    })
}

fn missing() -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        "session_not_found",
        "The gateway has no session of this name. It was deleted, or never was.",
    )
}

async fn described(state: &AppState, named: &str) -> Result<Option<Value>, RuntimeError> {
    if !state.gateway.offers("sessions.describe") {
        return Ok(None);
    }
    match state.gateway.request("sessions.describe", json!({ "key": named }), QUICK).await {
        Ok(answer) => Ok(Some(&answer["session"]).filter(|row| row["key"].is_string()).cloned()),
        Err(RuntimeError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What somebody wants done with a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Compact,
    Reset,
    Delete,
}

impl Act {
    const fn word(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Reset => "reset",
            Self::Delete => "delete",
        }
    }
}

async fn compact(State(state): State<AppState>, caller: Caller, Path(key): Path<String>, _: Bytes) -> Response {
    act(&state, &caller, &key, Act::Compact).await
}

async fn reset(State(state): State<AppState>, caller: Caller, Path(key): Path<String>, _: Bytes) -> Response {
    act(&state, &caller, &key, Act::Reset).await
}

async fn delete(State(state): State<AppState>, caller: Caller, Path(key): Path<String>, _: Bytes) -> Response {
    act(&state, &caller, &key, Act::Delete).await
}

async fn act(state: &AppState, caller: &Caller, named: &str, what: Act) -> Response {
    match acted(state, caller, named, what).await {
        Ok(key) => {
            state.programs.sessions.forget().await;
            let to = if what == Act::Delete { PATH.to_owned() } else { format!("{PATH}/{}", in_address(&key)) };
            Redirect::to(&format!("{to}?done={}", what.word())).into_response()
        }
        Err(failure) if failure.status() == StatusCode::NOT_FOUND => trouble(state, failure).await,
        Err(failure) => {
            let away = failure.status().is_server_error();
            let status = if away { StatusCode::CONFLICT } else { failure.status() };
            whole(state, named, 0, status, "", Some(failure.sentence())).await
        }
    }
}

/// Does it, if its agent is not at work on a ticket.
async fn acted(state: &AppState, caller: &Caller, named: &str, what: Act) -> Result<String, Failure> {
    // As on the page of a chat and through the proxy: for people, and for whoever has an admin's token.
    if !caller.actor().may(Right::Decide) {
        return Err(Right::Decide.refusal().into());
    }
    state.programs.sessions.forget().await;
    let stands = find(state, named).await?;
    if what != Act::Compact
        && let Some(name) = stands.open_run()
    {
        let sentence = format!(
            "An agent works on {name} in this session: it would stop in the middle and lose what it knows. \
             Open the ticket and stop it there first."
        );
        return Err(Failure::new(StatusCode::CONFLICT, "session_at_work", sentence));
    }
    let port = state.runtimes.usual().and_then(|runtime| runtime.sessions.clone());
    let port = port.ok_or_else(|| Failure::away("gateway_away", "This server runs no agents."))?;
    let key = stands.key;
    let came = match what {
        Act::Compact => port.compact(&key).await,
        Act::Reset => port.reset(&key).await,
        Act::Delete => {
            let params = json!({ "key": key, "deleteTranscript": true });
            state.gateway.request("sessions.delete", params, DELETE).await.and_then(|answer| {
                match answer["deleted"].as_bool() {
                    Some(false) => Err(RuntimeError::Refused {
                        code: "NOT_DELETED".into(),
                        sentence: "it has no such session any more.".into(),
                    }),
                    _ => Ok(()),
                }
            })
        }
    };
    match came {
        Ok(()) => Ok(key),
        Err(RuntimeError::Refused { code, sentence }) => {
            let scope = code == "FORBIDDEN" || sentence.contains("missing scope");
            let sentence = if scope {
                format!(
                    "The gateway does not let OpenClutch do that ({sentence}). It gave this connection fewer rights: look \
                     at `openclaw devices list` on the gateway\u{2019}s machine, and approve the wider request."
                )
            } else {
                format!("The gateway refuses: {sentence}")
            };
            Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "gateway_refused", sentence))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the list may lack sessions, as the gateway has more than are asked for.
fn is_cut(rows: &[Value]) -> bool {
    rows.len() >= SESSIONS_MAX as usize
}
