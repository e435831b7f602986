//! What waits for a person, in all projects: questions of agents, commands that they may not run by themselves, what the
//! gateway asks, and tickets that were handed up. Plain forms, each answered in its place; a script keeps the list true
//! and lets keys answer.

mod card;
mod list;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use clutch_domain::{
    command::Command,
    decision::{AskKind, Verdict},
    id::SignalId,
    refusal::Refusal,
    text::Body,
};
use clutch_orchestrator::{
    decide::{Undecided, decide},
    office::Error,
    runtime::{Asks, Reply, RuntimeError},
};
use http::StatusCode;
use serde::Deserialize;

pub use self::list::{Needs, gather};
use crate::{
    http::{
        access::field,
        caller::Caller,
        compat::error::Failure,
        desk::{self, Frame, Here},
        door::escaped,
    },
    state::AppState,
};

/// Where it is.
pub const PATH: &str = "/needs-you";
/// Where what waits at the gateway is decided.
pub const DECIDE: &str = "/needs-you/decide";
/// Keeps the list true, lets keys answer, and answers without leaving the page.
const SCRIPT: &str = include_str!("needs/needs.js");

/// Its routes.
pub fn routes() -> Router<AppState> {
    Router::new().route(PATH, get(show)).route("/needs-you/signals/{signal}", post(answer)).route(DECIDE, post(say))
}

/// What was done before the page was led to.
const DONE: &[(&str, &str)] = &[
    ("answered", "Answered. The agent hears it next."),
    ("allow-once", "Allowed this once. The agent goes on."),
    ("allow-always", "Allowed from now on. The agent goes on."),
    ("deny", "Denied. The agent is told."),
    ("no-answer", "The agent is told that no answer will come."),
];

#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    done: String,
}

async fn show(State(state): State<AppState>, Query(asked): Query<Asked>) -> Response {
    let done = DONE.iter().find(|(word, _)| *word == asked.done).map_or("", |(_, says)| says);
    whole(&state, StatusCode::OK, Some(done), None).await
}

/// The page, with what was done or what is wrong above the list.
async fn whole(state: &AppState, status: StatusCode, done: Option<&str>, wrong: Option<&str>) -> Response {
    let needs = match gather(state).await {
        Ok(needs) => needs,
        Err(fault) => return Failure::from(fault).into_response(),
    };
    let count = needs.cards.len();
    let mut html = String::from("<div class=\"head\"><h1>Needs you</h1>");
    html.push_str(&match count {
        0 => "<p class=\"mut\" id=\"count\">nothing at the moment</p></div>".to_owned(),
        _ => format!("<p class=\"mut\" id=\"count\">{count} in all projects, what ends or is critical first</p></div>"),
    });
    if let Some(wrong) = wrong {
        html.push_str(&format!("<p class=\"wrong\" role=\"alert\">{}</p>", escaped(wrong)));
    }
    html.push_str(&format!("<p class=\"said\" role=\"status\" id=\"said\">{}</p>", escaped(done.unwrap_or_default())));
    html.push_str("<div class=\"list\" id=\"list\">");
    if needs.cards.is_empty() {
        html.push_str(&nothing());
    }
    for card in &needs.cards {
        html.push_str(&card::html(card, needs.now));
    }
    html.push_str("</div>");
    let remarks = [
        (needs.more, "There is more than this page shows: answer some of it, and the rest comes up."),
        (
            needs.away,
            "The gateway cannot be asked now: what its agents wait for there is not in this list until it is back.",
        ),
    ];
    for (_, remark) in remarks.iter().filter(|(so, _)| *so) {
        html.push_str(&format!("<p class=\"mut foot\">{remark}</p>"));
    }
    let frame = Frame { projects: &needs.projects, needs: count };
    desk::page(status, Here::Needs, "Needs you", &frame, &html, SCRIPT)
}

fn nothing() -> String {
    let done = desk::icon("M5 12.500l4.500 4.500L19 7.500");
    format!(
        "<div class=\"empty\" id=\"empty\">{done}<b>Nobody waits for you</b>\
         <p>Agents ask here when they cannot go on without a person. This page tells by itself.</p></div>"
    )
}

/// `POST /needs-you/signals/:id`: the answer to an agent's question, by the same command as in its panel.
async fn answer(State(state): State<AppState>, caller: Caller, Path(id): Path<String>, body: Bytes) -> Response {
    let said = async {
        let id: SignalId = id.parse().map_err(|_| Refusal::SignalNotFound)?;
        let words = Body::parse(&field(&body, "answer"))?.ok_or(Refusal::ResponseMissing)?;
        state.office.run(&caller.actor(), &Command::AnswerSignal(id, words)).await?;
        Ok::<_, Error>(())
    };
    match said.await {
        Ok(()) => led("answered"),
        Err(error) => {
            let failure = Failure::from(error);
            whole(&state, failure.status(), None, Some(failure.sentence())).await
        }
    }
}

fn led(done: &str) -> Response {
    Redirect::to(&format!("{PATH}?done={done}")).into_response()
}

/// `POST /needs-you/decide`: what a person says to something that waits at the gateway.
async fn say(State(state): State<AppState>, caller: Caller, body: Bytes) -> Response {
    let (runtime, id, say) = (field(&body, "runtime"), field(&body, "id"), field(&body, "say"));
    let Ok(kind) = field(&body, "kind").parse::<AskKind>() else {
        return wrong(&state, StatusCode::BAD_REQUEST, "This is nothing that could be decided.").await;
    };
    let reply = match (kind, say.parse::<Verdict>()) {
        (AskKind::Questions, _) if say == "no-answer" => Some(Reply::Cancel),
        (AskKind::Questions, _) => Some(answers(&state, &runtime, &id, &body)),
        (_, Ok(verdict)) => Some(Reply::Verdict(verdict)),
        (_, Err(())) => None,
    };
    let Some(reply) = reply else {
        return wrong(&state, StatusCode::BAD_REQUEST, "The gateway does not take this decision here.").await;
    };
    let done = match &reply {
        Reply::Verdict(verdict) => verdict.word(),
        Reply::Answers(_) => "answered",
        Reply::Cancel => "no-answer",
    };
    match decide(&state.office, &state.runtimes, &caller.actor(), (&runtime, kind, &id), reply).await {
        Ok(()) => led(done),
        Err(error) => {
            let (status, sentence) = told(error);
            wrong(&state, status, &sentence).await
        }
    }
}

async fn wrong(state: &AppState, status: StatusCode, sentence: &str) -> Response {
    whole(state, status, None, Some(sentence)).await
}

fn told(error: Undecided) -> (StatusCode, String) {
    match error {
        Undecided::Gone => (StatusCode::CONFLICT, error.to_string()),
        Undecided::Unfit(_) => (StatusCode::BAD_REQUEST, error.to_string()),
        Undecided::Office(error) => {
            let failure = Failure::from(error);
            (failure.status(), failure.sentence().to_owned())
        }
        Undecided::Runtime(RuntimeError::Refused { sentence, .. }) => {
            let sentence = format!("The gateway did not take it, and nothing was decided here: {sentence}");
            (StatusCode::UNPROCESSABLE_ENTITY, sentence)
        }
        Undecided::Runtime(RuntimeError::Away(why)) => (StatusCode::CONFLICT, why),
        Undecided::Runtime(error @ RuntimeError::Unknown(_)) => {
            let sentence = format!("Nobody knows whether it was heard: {error}. If it still waits, it is below.");
            (StatusCode::CONFLICT, sentence)
        }
    }
}

/// The answers of a form: `o.<n>` what was chosen of the nth question, `w.<n>` own words, which count where nothing was.
fn answers(state: &AppState, runtime: &str, id: &str, body: &[u8]) -> Reply {
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let port = state.runtimes.get(runtime).and_then(|runtime| runtime.decisions.as_ref().map(Arc::clone));
    let waiting = port.map(|port| port.waiting().borrow().clone()).unwrap_or_default();
    let Some(Asks::Questions(all)) = waiting.find(AskKind::Questions, id).map(|one| &one.asks) else {
        return Reply::Answers(given);
    };
    for (n, question) in all.iter().enumerate() {
        let of = |letter: char| {
            let name = format!("{letter}.{n}");
            form_urlencoded::parse(body).filter(move |(known, _)| *known == name).map(|(_, value)| value.into_owned())
        };
        let chosen: Vec<String> = of('o').filter(|value| !value.is_empty()).collect();
        let words = of('w').map(|words| clutch_domain::text::lines(&words)).filter(|words| !words.is_empty());
        let both = question.several || chosen.is_empty();
        let one: Vec<String> = chosen.into_iter().chain(words.filter(|_| both)).collect();
        if !one.is_empty() {
            given.insert(question.id.clone(), one);
        }
    }
    Reply::Answers(given)
}
