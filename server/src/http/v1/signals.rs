//! Signals of v1: what agents ask and tell, and the answers, for which they may wait.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use clutch_domain::{
    command::{Command, NewSignal},
    doc::{Kind, Scope},
    id::SignalId,
    project::Project,
    query::SIGNALS_MAX,
    range::{Before, Fetch, Order, Range},
    refusal::Refusal,
    talk::{Signal as Inner, SignalKind, SignalSeverity},
    text::{Body, Handle, Options, RunKey, SessionKey},
    time::Millis,
};
use clutch_orchestrator::office::Office;
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    input::Input,
    page::{self, Page, Paging},
    problem::{Refused, Reused},
    runs::{acting, run},
    shapes::Signal,
    words,
};
use crate::{
    http::{
        caller::Caller,
        compat::{
            body::{Path, Query, path_id},
            error::Failure,
            tasks::find,
        },
    },
    state::AppState,
};

/// Longest wait for an answer, in seconds: most clients and proxies give up after a minute.
const WAIT_MAX: u32 = 50;

/// What waits for an answer, in all projects, oldest first: the first 200.
#[utoipa::path(get, path = "/api/v1/signals", operation_id = "list_waiting_signals", tag = "signals", responses((status = 200, body = Page<Signal>), Refused))]
pub async fn waiting(State(office): State<Arc<Office>>) -> Result<Json<Page<Signal>>, Failure> {
    let range = Range::ByStatus {
        kind: Kind::Signal,
        scope: None,
        status: "waits".into(),
        order: Order::Ordered,
        limit: SIGNALS_MAX,
    };
    let found: Vec<Inner> = office.all(range).await?;
    Ok(Json(Page { items: found.iter().map(Signal::from).collect(), next_cursor: None }))
}

/// What was asked and told about a task, newest first.
#[utoipa::path(
    get, path = "/api/v1/tasks/{task}/signals", operation_id = "list_signals", tag = "signals",
    params(("task" = String, Path, description = "`T-12`, `12` or the id."), Paging),
    responses((status = 200, body = Page<Signal>), Refused)
)]
pub async fn of_task(
    State(office): State<Arc<Office>>,
    Path(task): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Signal>>, Failure> {
    let limit = page::limit(paging.limit)?;
    let before = page::place(paging.cursor.as_deref(), page::moment)?;
    let task = find(&office, &task).await?.id;
    let before = before.map(|(at, id)| Before { at: Millis(at), id });
    let range = Range::NewestChildren { kind: Kind::Signal, parent: task.to_string(), before, limit: limit + 1 };
    let found: Vec<Inner> = office.all(range).await?;
    Ok(Json(Page::of(found, limit, |s| page::at(s.created_at, s.id))))
}

async fn signal(office: &Office, id: &str) -> Result<Inner, Failure> {
    let id: SignalId = path_id(id, Refusal::SignalNotFound)?;
    let signal: Inner = office.get(id).await?.ok_or(Refusal::SignalNotFound)?;
    let project: Option<Project> = office.get(signal.project).await?;
    project.filter(|project| project.deleted_at.is_none()).ok_or(Refusal::SignalNotFound)?;
    Ok(signal)
}

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wait {
    /// Waits so long for an answer, where there is none yet.
    #[param(minimum = 0, maximum = 50, default = 0)]
    wait_seconds: Option<u32>,
}

/// The signal as it is once it is answered, or when the time is over. A server that goes answers at once.
async fn waited(state: &AppState, mut asked: Inner, wait: Duration) -> Inner {
    if !asked.waits() || wait.is_zero() {
        return asked;
    }
    let range = Range::doc(Kind::Signal, asked.id);
    let fetch = Fetch { scopes: vec![Scope::Project(asked.project)], ranges: vec![range.clone()] };
    let mut watch = state.office.store().watch(fetch);
    let mut stop = state.stop.clone();
    let answered = async {
        while let Some(read) = watch.next().await {
            match read.ok().map(|read| read.value.first::<Inner>(&range).cloned()) {
                Some(Some(now)) if now.waits() => {}
                Some(Some(now)) => {
                    asked = now;
                    return;
                }
                // Its task was deleted.
                Some(None) => return,
                // Looked at again when the store is back.
                None => {}
            }
        }
    };
    tokio::select! {
        () = answered => {}
        () = tokio::time::sleep(wait) => {}
        _ = stop.wait_for(|stopping| *stopping) => {}
    }
    asked
}

/// The time that somebody wants to wait.
fn patience(seconds: Option<u32>) -> Result<Duration, Failure> {
    match seconds.unwrap_or(0) {
        seconds if seconds <= WAIT_MAX => Ok(Duration::from_secs(seconds.into())),
        _ => Err(Failure::invalid("invalid_field", format!("wait_seconds is at most {WAIT_MAX}."))),
    }
}

/// One signal. Whoever asked may wait for the answer here.
#[utoipa::path(
    get, path = "/api/v1/signals/{signal}", operation_id = "get_signal", tag = "signals",
    params(("signal" = String, Path, description = "Id."), Wait),
    responses((status = 200, body = Signal), Refused)
)]
pub async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<Signal>, Failure> {
    let wait = patience(wait.wait_seconds)?;
    let asked = signal(&state.office, &id).await?;
    Ok(Json(Signal::from(&waited(&state, asked, wait).await)))
}

/// What an agent asks or tells.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSignal)]
pub struct NewWords {
    /// `question`, `blocker` and `alert` wait for a person; `fyi` does not.
    #[schema(value_type = words::SignalKind)]
    kind: SignalKind,
    /// Markdown.
    message: String,
    /// How serious; left out, normal.
    #[schema(value_type = Option<words::SignalSeverity>)]
    severity: Option<SignalSeverity>,
    /// Answers that are offered; a person may give another one.
    #[serde(default)]
    #[schema(max_items = 9)]
    options: Vec<String>,
    /// The run that asks; only `fyi` goes without one, as otherwise nobody is there to be answered.
    run: Option<String>,
    /// Waits so long for the answer. Where none has come, ask for the signal again.
    #[schema(minimum = 0, maximum = 50)]
    wait_seconds: Option<u32>,
}

/// Asks people, or tells them something.
///
/// An agent that took its task by itself keeps it while it waits for the answer, and reads that here. Any other is told
/// in its session.
#[utoipa::path(
    post, path = "/api/v1/tasks/{task}/signals", operation_id = "raise_signal", tag = "signals", request_body = NewWords,
    params(
        ("task" = String, Path, description = "`T-12`, `12` or the id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same call under the same key is done once."),
    ),
    responses((status = 201, body = Signal), Refused, Reused)
)]
pub async fn raise(
    State(state): State<AppState>,
    caller: Caller,
    Path(task): Path<String>,
    headers: HeaderMap,
    input: Input<NewWords>,
) -> Result<(StatusCode, Json<Signal>), Failure> {
    let office = &state.office;
    let task = find(office, &task).await?.id;
    let new = &input.value;
    let wait = patience(new.wait_seconds)?;
    let run = match &new.run {
        Some(id) => Some(run(office, id).await?),
        None if new.kind == SignalKind::Fyi => None,
        None => {
            let sentence = "Name the run that asks: without one nobody is there to be answered. Only fyi goes without.";
            return Err(Failure::invalid("run_missing", sentence));
        }
    };
    let actor = run.as_ref().map_or_else(|| caller.actor(), |run| acting(&caller, run));
    let agent = actor.who.name.as_deref().map(Handle::parse).transpose()?.flatten().unwrap_or_else(Handle::agent);
    let session = run.as_ref().map_or_else(|| format!("api:{agent}"), |run| run.session_key.clone());
    let command = Command::RaiseSignal(NewSignal {
        task,
        session_key: SessionKey::parse(&session)?.ok_or(Refusal::KeyInvalid)?.into(),
        agent_id: agent,
        run_id: run.map(|run| RunKey::parse(&run.key)).transpose()?.flatten(),
        kind: new.kind,
        severity: new.severity.unwrap_or(SignalSeverity::Normal),
        message: Body::parse(&new.message)?.ok_or(Refusal::ContentMissing)?,
        options: Options::parse(new.options.iter().map(String::as_str))?,
    });
    let done = input.run_as(office, &caller, &actor, &headers, &format!("v1:signal:{task}"), &command).await?;
    let raised = done.made::<Inner>().ok_or(Refusal::SignalNotFound)?.clone();
    Ok((StatusCode::CREATED, Json(Signal::from(&waited(&state, raised, wait).await))))
}

/// An answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAnswer)]
pub struct NewAnswer {
    /// Markdown.
    response: String,
}

/// Answers a signal, once.
///
/// The answer is kept and brought to the agent; `delivery` says how far it is. An agent that took its task by itself asks
/// for the answer, and there is no delivery.
#[utoipa::path(
    post, path = "/api/v1/signals/{signal}/answer", operation_id = "answer_signal", tag = "signals", request_body = NewAnswer,
    params(("signal" = String, Path, description = "Id.")),
    responses((status = 200, body = Signal), Refused)
)]
pub async fn answer(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(id): Path<String>,
    Input { value: answer, .. }: Input<NewAnswer>,
) -> Result<Json<Signal>, Failure> {
    let asked = signal(&office, &id).await?;
    let words = Body::parse(&answer.response)?.ok_or(Refusal::ResponseMissing)?;
    let done = office.run(&caller.actor(), &Command::AnswerSignal(asked.id, words)).await?;
    Ok(Json(Signal::from(done.now::<Inner>(asked.id).unwrap_or(&asked))))
}
