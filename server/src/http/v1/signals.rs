//! Signals of v1: what agents ask and tell. Agents raise them through their runtime.

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_domain::{
    command::Command,
    doc::Kind,
    id::SignalId,
    project::Project,
    query::SIGNALS_MAX,
    range::{Before, Order, Range},
    refusal::Refusal,
    talk::Signal as Inner,
    text::Body,
    time::Millis,
};
use clutch_orchestrator::office::Office;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    input::Input,
    page::{self, Page, Paging},
    problem::Refused,
    shapes::Signal,
};
use crate::http::{
    caller::Caller,
    compat::{
        body::{Path, Query, path_id},
        error::Failure,
        tasks::find,
    },
};

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

/// One signal.
#[utoipa::path(
    get, path = "/api/v1/signals/{signal}", operation_id = "get_signal", tag = "signals",
    params(("signal" = String, Path, description = "Id.")),
    responses((status = 200, body = Signal), Refused)
)]
pub async fn show(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Result<Json<Signal>, Failure> {
    Ok(Json(Signal::from(&signal(&office, &id).await?)))
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
/// The answer is kept and brought to the agent; `delivery` says how far it is.
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
