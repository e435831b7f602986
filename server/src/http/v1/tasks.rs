//! Tasks of v1, their comments and runs.

use std::{cmp::Reverse, sync::Arc};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use clutch_domain::{
    actor::Actor,
    command::{Command, Direction, MoveTask, NewComment, NewTask, Place, TaskPatch},
    doc::{Inside, Kind},
    id::TaskId,
    range::{After, Before, Range},
    refusal::Refusal,
    run::Run as RunDoc,
    talk::{AuthorType, Comment as CommentDoc, CommentType},
    task::{Priority, Resolution, Role, Status, Task as Inner, TaskFields},
    text::{Body, Branch, Excerpt, Handle, Notes, Tags, Title},
    time::Millis,
};
use clutch_orchestrator::office::Office;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    etag::{held, run_on},
    input::{Input, patched},
    page::{self, Page, Paging},
    problem::{Refused, Reused, Stale},
    projects::cleared,
    shapes::{Comment, Run, Task},
    words,
};
use crate::http::{
    caller::Caller,
    compat::{
        body::{Path, Query},
        error::Failure,
        projects,
        tasks::{all_tasks, find},
    },
};

/// Most edges that a new task brings along.
const EDGES_AT_ONCE: usize = 100;

/// Which tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only those in this column.
    #[param(value_type = Option<words::Status>)]
    status: Option<Status>,
    /// Only those with all of these words in name, title, description or tags; case does not matter.
    query: Option<String>,
    /// Most entries of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where it begins: the `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The tasks of a project, the newest number first.
///
/// A task that is moved while you page is met once all the same:
/// the order is that of their numbers, which never change.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/tasks", operation_id = "list_tasks", tag = "tasks",
    params(("project" = String, Path, description = "Slug or id."), ListQuery),
    responses((status = 200, body = Page<Task>), Refused)
)]
pub async fn list(
    State(office): State<Arc<Office>>,
    Path(project): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Task>>, Failure> {
    let limit = page::limit(query.limit)?;
    let below = page::place(query.cursor.as_deref(), |text| text.parse::<u64>().ok())?;
    let project = projects::find(&office, &project).await?.id;
    let found = all_tasks(&office, project).await?;
    let wanted: Vec<String> = query.query.iter().flat_map(|q| q.split_whitespace()).map(str::to_lowercase).collect();
    let mut tasks: Vec<Inner> = found
        .iter()
        .filter_map(|doc| Inner::of(&doc.body))
        .filter(|t| query.status.is_none_or(|s| t.status == s) && below.is_none_or(|below| t.number < below))
        .filter(|t| wanted.is_empty() || has_words(t, &wanted))
        .cloned()
        .collect();
    tasks.sort_unstable_by_key(|t| Reverse(t.number));
    Ok(Json(Page::of(tasks, limit, |t| t.number.to_string())))
}

/// Whether a task has all of these words, which are in small letters.
fn has_words(task: &Inner, wanted: &[String]) -> bool {
    let description = task.description.as_ref().map_or("", |text| text.as_str());
    let text = format!("{} {} {description} {}", task.short(), task.title, task.tags.join(" ")).to_lowercase();
    wanted.iter().all(|word| text.contains(word.as_str()))
}

/// What a new task may say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTask)]
pub struct New {
    /// Title.
    title: String,
    /// Markdown.
    description: Option<String>,
    /// Column; left out, the backlog.
    #[schema(value_type = Option<words::Status>)]
    status: Option<Status>,
    /// How urgent; left out, medium.
    #[schema(value_type = Option<words::Priority>)]
    priority: Option<Priority>,
    /// Kind of agent.
    #[schema(value_type = Option<words::Role>)]
    role: Option<Role>,
    /// Who has it.
    assignee: Option<String>,
    /// Tags.
    #[serde(default)]
    tags: Vec<String>,
    /// A person must look before it is done.
    #[serde(default)]
    requires_human_review: bool,
    /// Branch of the work.
    branch: Option<String>,
    /// Number of the pull request.
    #[schema(minimum = 1)]
    pr_number: Option<i64>,
    /// Markdown of commands to run after the merge.
    post_merge_steps: Option<String>,
    /// Tasks that it waits for.
    #[serde(default)]
    #[schema(max_items = 100)]
    depends_on: Vec<String>,
    /// Tasks that wait for it.
    #[serde(default)]
    #[schema(max_items = 100)]
    blocks: Vec<String>,
}

fn pull_request(number: i64) -> Result<u64, Failure> {
    let wrong = || Failure::invalid("invalid_field", "pr_number must be a number from 1.");
    u64::try_from(number).ok().filter(|number| *number > 0).ok_or_else(wrong)
}

/// Makes a task.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/tasks", operation_id = "create_task", tag = "tasks", request_body = New,
    params(
        ("project" = String, Path, description = "Slug or id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same call under the same key is done once."),
    ),
    responses((status = 201, body = Task), Refused, Reused)
)]
pub async fn create(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(project): Path<String>,
    headers: HeaderMap,
    input: Input<New>,
) -> Result<(StatusCode, Json<Task>), Failure> {
    let project = projects::find(&office, &project).await?.id;
    let new = &input.value;
    if new.depends_on.len() + new.blocks.len() > EDGES_AT_ONCE {
        let sentence = format!("A new task may name at most {EDGES_AT_ONCE} others.");
        return Err(Failure::invalid("invalid_field", sentence));
    }
    let mut dependencies = Vec::new();
    for (names, direction) in [(&new.depends_on, Direction::DependsOn), (&new.blocks, Direction::Blocks)] {
        for name in names {
            dependencies.push((find(&office, name).await?.id, direction));
        }
    }
    let some = |text: &Option<String>| text.as_ref().map(|text| Some(text.clone()));
    let fields = TaskFields {
        description: cleared(&some(&new.description), Body::parse)?,
        priority: new.priority,
        role: new.role.map(Some),
        assignee: cleared(&some(&new.assignee), Handle::parse)?,
        tags: Some(Tags::parse(new.tags.iter().map(String::as_str))?),
        requires_human_review: Some(new.requires_human_review),
        branch: cleared(&some(&new.branch), Branch::parse)?,
        pr_number: new.pr_number.map(pull_request).transpose()?.map(Some),
        post_merge_steps: cleared(&some(&new.post_merge_steps), Notes::parse)?,
        ..TaskFields::default()
    };
    let command = Command::CreateTask(NewTask {
        project,
        title: Title::parse(&new.title)?,
        status: new.status.unwrap_or(Status::Backlog),
        fields,
        dependencies,
    });
    let done = input.run(&office, &caller, &headers, &format!("v1:task:{project}"), &command).await?;
    let task = done.made::<Inner>().ok_or(Refusal::TaskNotFound)?;
    Ok((StatusCode::CREATED, Json(Task::from(task))))
}

/// One task.
#[utoipa::path(
    get, path = "/api/v1/tasks/{task}", operation_id = "get_task", tag = "tasks",
    params(
        ("task" = String, Path, description = "`T-12`, `12` or the id."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that you have."),
    ),
    responses((status = 200, body = Task, headers(("ETag" = String))), (status = 304, description = "You have it."), Refused)
)]
pub async fn show(
    State(office): State<Arc<Office>>,
    Path(task): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id = find(&office, &task).await?.id;
    now(&office, id, &headers).await
}

/// The answer that shows a task as it is now.
async fn now(office: &Office, id: TaskId, headers: &HeaderMap) -> Result<Response, Failure> {
    let task = held::<Inner>(office, id).await?.ok_or(Refusal::TaskNotFound)?;
    Ok(task.answer(headers, |task| Task::from(task)))
}

/// What is to change of a task: a member that is left out stays, `null` clears. To move it, post to its `move`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskPatch)]
pub struct Patch {
    /// Title.
    title: Option<String>,
    /// Markdown.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// How urgent.
    #[schema(value_type = Option<words::Priority>)]
    priority: Option<Priority>,
    /// Kind of agent.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<words::Role>)]
    role: Option<Option<Role>>,
    /// Who has it.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    assignee: Option<Option<String>>,
    /// Tags, all of them.
    tags: Option<Vec<String>>,
    /// A person must look before it is done.
    requires_human_review: Option<bool>,
    /// Branch of the work.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    branch: Option<Option<String>>,
    /// Number of the pull request.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<i64>, minimum = 1)]
    pr_number: Option<Option<i64>>,
    /// Markdown of commands to run after the merge.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    post_merge_steps: Option<Option<String>>,
}

/// Changes a task.
#[utoipa::path(
    patch, path = "/api/v1/tasks/{task}", operation_id = "update_task", tag = "tasks", request_body = Patch,
    params(
        ("task" = String, Path, description = "`T-12`, `12` or the id."),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag."),
    ),
    responses((status = 200, body = Task, headers(("ETag" = String))), Refused, Stale)
)]
pub async fn update(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(task): Path<String>,
    headers: HeaderMap,
    Input { value: patch, .. }: Input<Patch>,
) -> Result<Response, Failure> {
    let id = find(&office, &task).await?.id;
    let tags = patch.tags.as_ref().map(|tags| Tags::parse(tags.iter().map(String::as_str)));
    let fields = TaskFields {
        title: patch.title.as_deref().map(Title::parse).transpose()?,
        description: cleared(&patch.description, Body::parse)?,
        priority: patch.priority,
        role: patch.role,
        assignee: cleared(&patch.assignee, Handle::parse)?,
        tags: tags.transpose()?,
        requires_human_review: patch.requires_human_review,
        branch: cleared(&patch.branch, Branch::parse)?,
        pr_number: patch.pr_number.map(|number| number.map(pull_request).transpose()).transpose()?,
        post_merge_steps: cleared(&patch.post_merge_steps, Notes::parse)?,
        ..TaskFields::default()
    };
    let command = Command::UpdateTask(id, TaskPatch::from(fields));
    run_on::<Inner>(&office, &caller.actor(), &headers, id, &command).await?;
    now(&office, id, &HeaderMap::new()).await
}

/// Deletes a task with its comments and dependencies, for good.
#[utoipa::path(
    delete, path = "/api/v1/tasks/{task}", operation_id = "delete_task", tag = "tasks",
    params(
        ("task" = String, Path, description = "`T-12`, `12` or the id."),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag."),
    ),
    responses((status = 204, description = "It is gone."), Refused, Stale)
)]
pub async fn remove(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(task): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id = find(&office, &task).await?.id;
    run_on::<Inner>(&office, &caller.actor(), &headers, id, &Command::DeleteTask(id)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where a card goes in its column.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Spot {
    /// Below all others.
    #[default]
    End,
    /// Above all others.
    Top,
    /// Right above this task.
    Before(String),
    /// Right below this task.
    After(String),
}

/// A move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Move)]
pub struct Move {
    /// Column; its own one changes its place only.
    #[schema(value_type = words::Status)]
    to: Status,
    /// Place in it; done tasks are always newest first.
    #[serde(default)]
    place: Spot,
    /// Why, for the log.
    reason: Option<String>,
    /// How it ended, for `done`.
    #[schema(value_type = Option<words::Resolution>)]
    resolution: Option<Resolution>,
    /// Leaving `done` is meant.
    #[serde(default)]
    reopen: bool,
}

/// Moves a task to a column, or within its own.
#[utoipa::path(
    post, path = "/api/v1/tasks/{task}/move", operation_id = "move_task", tag = "tasks", request_body = Move,
    params(
        ("task" = String, Path, description = "`T-12`, `12` or the id."),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag."),
    ),
    responses((status = 200, body = Task, headers(("ETag" = String))), Refused, Stale)
)]
pub async fn relocate(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(task): Path<String>,
    headers: HeaderMap,
    Input { value: to, .. }: Input<Move>,
) -> Result<Response, Failure> {
    let id = find(&office, &task).await?.id;
    let place = match to.place {
        Spot::End => Place::End,
        Spot::Top => Place::Top,
        Spot::Before(other) => Place::Before(find(&office, &other).await?.id),
        Spot::After(other) => Place::After(find(&office, &other).await?.id),
    };
    let command = Command::MoveTask(MoveTask {
        task: id,
        to: to.to,
        place,
        reason: to.reason.as_deref().map(Excerpt::from),
        resolution: to.resolution,
        reopen: to.reopen,
    });
    run_on::<Inner>(&office, &caller.actor(), &headers, id, &command).await?;
    now(&office, id, &HeaderMap::new()).await
}

/// The comments of a task, oldest first.
#[utoipa::path(
    get, path = "/api/v1/tasks/{task}/comments", operation_id = "list_comments", tag = "tasks",
    params(("task" = String, Path, description = "`T-12`, `12` or the id."), Paging),
    responses((status = 200, body = Page<Comment>), Refused)
)]
pub async fn comments(
    State(office): State<Arc<Office>>,
    Path(task): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Comment>>, Failure> {
    let limit = page::limit(paging.limit)?;
    let after = page::place(paging.cursor.as_deref(), page::moment)?;
    let task = find(&office, &task).await?.id;
    let after = after.map(|(at, id)| After { order: at as f64, id });
    let range = Range::Children { kind: Kind::Comment, parent: task.to_string(), after, limit: limit + 1 };
    let found: Vec<CommentDoc> = office.all(range).await?;
    Ok(Json(Page::of(found, limit, |c| page::at(c.created_at, c.id))))
}

/// What a new comment may say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewComment)]
pub struct NewWords {
    /// Markdown.
    content: String,
    /// In whose name; left out, in the caller's own.
    author: Option<String>,
    /// What it is for; left out, plain words.
    #[schema(value_type = Option<words::CommentType>)]
    kind: Option<CommentType>,
}

/// Writes a comment.
#[utoipa::path(
    post, path = "/api/v1/tasks/{task}/comments", operation_id = "create_comment", tag = "tasks", request_body = NewWords,
    params(
        ("task" = String, Path, description = "`T-12`, `12` or the id."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same call under the same key is done once."),
    ),
    responses((status = 201, body = Comment), Refused, Reused)
)]
pub async fn comment(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(task): Path<String>,
    headers: HeaderMap,
    input: Input<NewWords>,
) -> Result<(StatusCode, Json<Comment>), Failure> {
    let task = find(&office, &task).await?.id;
    let new = &input.value;
    let (author, actor) = author(&caller, new.author.as_deref())?;
    let command = Command::AddComment(NewComment {
        task,
        author_type: if caller.actor().is_human() { AuthorType::Human } else { AuthorType::Agent },
        content: Body::parse(&new.content)?.ok_or(Refusal::ContentMissing)?,
        kind: new.kind.unwrap_or(CommentType::Message),
        author,
    });
    let done = input.run_as(&office, &caller, &actor, &headers, &format!("v1:comment:{task}"), &command).await?;
    let comment = done.made::<CommentDoc>().ok_or(Refusal::CommentNotFound)?;
    Ok((StatusCode::CREATED, Json(Comment::from(comment))))
}

/// In whose name words stand: the one that was given, else the caller's own; and who acts.
pub(super) fn author(caller: &Caller, given: Option<&str>) -> Result<(Handle, Actor), Failure> {
    if let Some(given) = given.map(Handle::parse).transpose()?.flatten() {
        let actor = caller.claiming(given.as_str());
        return Ok((given, actor));
    }
    let actor = caller.actor();
    let own = actor.who.name.as_deref().map(Handle::parse).transpose()?.flatten();
    Ok((own.unwrap_or_else(Handle::program), actor))
}

/// The runs of a task, newest first.
#[utoipa::path(
    get, path = "/api/v1/tasks/{task}/runs", operation_id = "list_runs", tag = "tasks",
    params(("task" = String, Path, description = "`T-12`, `12` or the id."), Paging),
    responses((status = 200, body = Page<Run>), Refused)
)]
pub async fn runs(
    State(office): State<Arc<Office>>,
    Path(task): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Run>>, Failure> {
    let limit = page::limit(paging.limit)?;
    let before = page::place(paging.cursor.as_deref(), page::moment)?;
    let task = find(&office, &task).await?.id;
    let before = before.map(|(at, id)| Before { at: Millis(at), id });
    let range = Range::NewestChildren { kind: Kind::Run, parent: task.to_string(), before, limit: limit + 1 };
    let found: Vec<RunDoc> = office.all(range).await?;
    Ok(Json(Page::of(found, limit, |r| page::at(r.claimed_at, r.id))))
}
