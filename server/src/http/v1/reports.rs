//! What agents do about a task in v1: read all of it, report it as complete, split it, show a picture.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::STANDARD};
use clutch_domain::{
    command::{Command, Completion, NewComment, Subtask, Triage, TriageStep},
    doc::{Inside, Kind, number_name},
    project::Project as ProjectDoc,
    range::{Fetch, Range},
    refusal::Refusal,
    run::Run as RunDoc,
    talk::{AuthorType, Comment as CommentDoc, CommentType, Signal as SignalDoc},
    task::{Priority, Role, SUBTASKS_MAX, Task as Inner},
    text::{Body, Handle, Location, Notes, RunKey, Title},
};
use clutch_orchestrator::office::Office;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    dependencies,
    input::{Input, Object},
    page::Page,
    problem::{Refused, Reused},
    runs::{acting, run},
    shapes::{Comment, Dependencies, Project, Run, Signal, Task},
    tasks::author,
    words,
};
use crate::{
    http::{
        caller::Caller,
        compat::{body::Path, error::Failure, programs::Programs, tasks::find},
        uploads::Uploads,
    },
    settings::WithoutPr,
};

/// Newest comments and signals that are told.
const TOLD: u32 = 30;
/// Newest runs that are told.
const RUNS_TOLD: u32 = 10;

/// A task with all that an agent has to know of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Context {
    /// The task.
    task: Task,
    /// Its project.
    project: Project,
    /// What it waits for, and what waits for it.
    dependencies: Dependencies,
    /// The newest thirty comments, oldest first.
    comments: Vec<Comment>,
    /// The newest thirty signals, oldest first.
    signals: Vec<Signal>,
    /// The newest ten runs, oldest first.
    runs: Vec<Run>,
}

/// A task with its project, dependencies, comments, signals and runs.
#[utoipa::path(
    get, path = "/api/v1/tasks/{task}/context", operation_id = "get_task_context", tag = "tasks",
    params(("task" = String, Path, description = "`T-12`, `12` or the id.")),
    responses((status = 200, body = Context), Refused)
)]
pub async fn context(State(office): State<Arc<Office>>, Path(task): Path<String>) -> Result<Json<Context>, Failure> {
    let task = find(&office, &task).await?;
    let newest = |kind, limit| Range::NewestChildren { kind, parent: task.id.to_string(), before: None, limit };
    let project = Range::doc(Kind::Project, task.project);
    let (comments, signals, runs) =
        (newest(Kind::Comment, TOLD), newest(Kind::Signal, TOLD), newest(Kind::Run, RUNS_TOLD));
    let ranges = vec![project.clone(), comments.clone(), signals.clone(), runs.clone()];
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    fn oldest_first<'a, D: 'a, T: From<&'a D>>(newest: impl Iterator<Item = &'a D>) -> Vec<T> {
        let mut all: Vec<T> = newest.map(T::from).collect();
        all.reverse();
        all
    }
    Ok(Json(Context {
        project: Project::from(docs.first::<ProjectDoc>(&project).ok_or(Refusal::TaskNotFound)?),
        dependencies: dependencies::of(&office, task.id).await?,
        comments: oldest_first(docs.all::<CommentDoc>(&comments)),
        signals: oldest_first(docs.all::<SignalDoc>(&signals)),
        runs: oldest_first(docs.all::<RunDoc>(&runs)),
        task: Task::from(&task),
    }))
}

/// What was done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCompletion)]
pub struct NewCompletion {
    /// Markdown: what was done, what was not, what could not be checked.
    summary: String,
    /// The run in which it was done; left out, the one that is open.
    run: Option<String>,
    /// Address of the pull request.
    pr_url: Option<String>,
    /// Markdown: more.
    notes: Option<String>,
}

/// Reports a task as complete: it goes to review, and the run of an agent that took it by itself is over.
///
/// The report of an older run is kept as a comment and moves nothing.
#[utoipa::path(
    post, path = "/api/v1/tasks/{task}/complete", operation_id = "complete_task", tag = "runs", request_body = NewCompletion,
    params(
        ("task" = String, Path, description = "`T-12`, `12` or the id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same call under the same key is done once."),
    ),
    responses((status = 200, body = Task), Refused, Reused)
)]
pub async fn complete(
    State(office): State<Arc<Office>>,
    State(programs): State<Arc<Programs>>,
    caller: Caller,
    Path(task): Path<String>,
    headers: HeaderMap,
    input: Input<NewCompletion>,
) -> Result<Json<Task>, Failure> {
    let task = find(&office, &task).await?;
    let new = &input.value;
    let run = match &new.run {
        Some(id) => Some(run(&office, id).await?),
        None => None,
    };
    let actor = run.as_ref().map_or_else(|| caller.actor(), |run| acting(&caller, run));
    let report = Completion {
        task: task.id,
        summary: Body::parse(&new.summary)?.ok_or(Refusal::SummaryMissing)?,
        pr_url: new.pr_url.as_deref().map(Location::parse).transpose()?.flatten(),
        notes: new.notes.as_deref().map(Notes::parse).transpose()?.flatten(),
        agent: actor.who.name.as_deref().map(Handle::parse).transpose()?.flatten(),
        session_key: None,
        run_id: run.map(|run| RunKey::parse(&run.key)).transpose()?.flatten(),
        finishes: programs.without_pr == WithoutPr::Done,
    };
    let route = format!("v1:complete:{}", task.id);
    input.run_as(&office, &caller, &actor, &headers, &route, &Command::CompleteTask(report)).await?;
    Ok(Json(Task::from(&find(&office, &task.id.to_string()).await?)))
}

/// A part of a task.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSubtask)]
pub struct NewSubtask {
    /// Title.
    title: String,
    /// Markdown.
    description: Option<String>,
    /// How urgent; left out, as the task.
    #[schema(value_type = Option<words::Priority>)]
    priority: Option<Priority>,
    /// Kind of agent; left out, as the task.
    #[schema(value_type = Option<words::Role>)]
    role: Option<Role>,
}

/// The parts into which a task is split.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSplit)]
pub struct NewSplit {
    /// The parts, in their order.
    #[schema(min_items = 1, max_items = 50, value_type = Vec<NewSubtask>)]
    subtasks: Vec<Object<NewSubtask>>,
}

/// Splits a task into parts, which are ready; the task itself is done with that.
#[utoipa::path(
    post, path = "/api/v1/tasks/{task}/split", operation_id = "split_task", tag = "tasks", request_body = NewSplit,
    params(
        ("task" = String, Path, description = "`T-12`, `12` or the id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same call under the same key is done once."),
    ),
    responses((status = 200, body = Page<Task>), Refused, Reused)
)]
pub async fn split(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(task): Path<String>,
    headers: HeaderMap,
    input: Input<NewSplit>,
) -> Result<Json<Page<Task>>, Failure> {
    let task = find(&office, &task).await?.id;
    let parts = &input.value.subtasks;
    if parts.len() > SUBTASKS_MAX {
        return Err(Refusal::SubtasksTooMany.into());
    }
    let (count, mut subtasks) = (parts.len() as u64, Vec::new());
    for Object(part) in parts {
        subtasks.push(Subtask {
            title: Title::parse(&part.title)?,
            description: part.description.as_deref().map(Body::parse).transpose()?.flatten(),
            priority: part.priority,
            role: part.role,
        });
    }
    let (by, actor) = author(&caller, None)?;
    let command = Command::Triage(Triage { task, author: by, step: TriageStep::Split(subtasks) });
    let done = input.run_as(&office, &caller, &actor, &headers, &format!("v1:split:{task}"), &command).await?;
    // Their numbers follow each other, so a repeated call finds what the first one made.
    let first = done.made::<Inner>().map(|task| task.number).ok_or(Refusal::TaskNotFound)?;
    let ranges: Vec<Range> = (first..first + count).map(|n| Range::unique(number_name(n))).collect();
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
    let made = ranges.iter().filter_map(|range| docs.get(range)?.first()).filter_map(|doc| Inner::of(&doc.body));
    Ok(Json(Page { items: made.map(Task::from).collect(), next_cursor: None }))
}

/// A picture.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAttachment)]
pub struct NewAttachment {
    /// The picture's bytes in base64: JPEG, PNG, GIF or WebP, about three megabytes at most.
    content: String,
    /// Markdown that stands above it.
    caption: Option<String>,
}

/// Shows a picture in a comment, for example what a page looks like now.
#[utoipa::path(
    post, path = "/api/v1/tasks/{task}/attachments", operation_id = "attach_picture", tag = "tasks",
    request_body = NewAttachment,
    params(("task" = String, Path, description = "`T-12`, `12` or the id.")),
    responses((status = 201, body = Comment), (status = 507, description = "There is no room for more pictures."), Refused)
)]
pub async fn attach(
    State(office): State<Arc<Office>>,
    State(uploads): State<Arc<Uploads>>,
    caller: Caller,
    Path(task): Path<String>,
    Input { value: new, .. }: Input<NewAttachment>,
) -> Result<(StatusCode, Json<Comment>), Failure> {
    let task = find(&office, &task).await?.id;
    let (author, actor) = author(&caller, None)?;
    if !actor.may(clutch_domain::right::Right::Write) {
        return Err(clutch_domain::right::Right::Write.refusal().into());
    }
    let wrong = |_| Failure::invalid("invalid_field", "content must be a picture's bytes in base64.");
    let bytes = STANDARD.decode(new.content.trim()).map_err(wrong)?;
    let kept = uploads.keep(bytes).await?;
    let caption = new.caption.as_deref().map(str::trim).filter(|words| !words.is_empty());
    let picture = format!("![picture](/uploads/images/{})", kept.name);
    let words = caption.map_or_else(|| picture.clone(), |caption| format!("{caption}\n\n{picture}"));
    let command = Command::AddComment(NewComment {
        task,
        author_type: if actor.is_human() { AuthorType::Human } else { AuthorType::Agent },
        content: Body::parse(&words)?.ok_or(Refusal::ContentMissing)?,
        kind: CommentType::Message,
        author,
    });
    let done = office.run(&actor, &command).await?;
    let comment = done.made::<CommentDoc>().ok_or(Refusal::CommentNotFound)?;
    Ok((StatusCode::CREATED, Json(Comment::from(comment))))
}
