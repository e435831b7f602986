//! Tasks and their comments (facts §2.6).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use clutch_domain::{
    command::{Command, Direction, MoveTask, NewComment, NewTask, Place, TaskPatch},
    doc::{Doc, Inside, Kind, Scope},
    id::{ProjectId, TaskId},
    range::{After, Fetch, Range},
    refusal::Refusal,
    talk::{AuthorType, Comment, CommentType},
    task::{Priority, Role, Status, Task, TaskFields},
    text::{Branch, Handle, Notes, PromptVersion, SessionKey, Tags, Title},
};
use clutch_orchestrator::{office::Office, store::Fault};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::caller::Caller;

use super::{
    body::{Body, Content, Path, Query, whole},
    error::Failure,
    once::Call,
    projects, shapes,
};

type Answer = Result<Json<Value>, Failure>;
type Created = Result<(StatusCode, Json<Value>), Failure>;

/// Documents read at once while a whole list is put together; in tests fewer, so that lists have several pages.
const PAGE: u32 = if cfg!(test) { 500 } else { 2_000 };

const STATUSES: &[&str] = &["backlog", "ready", "in_progress", "in_review", "blocked", "done"];
/// Words of a priority.
pub const PRIORITIES: &[&str] = &["low", "medium", "high", "urgent"];
/// Words of a role.
pub const ROLES: &[&str] = &["pm", "dev", "research", "reviewer", "conflict_resolver"];

/// The task of a path or a field ([`Office::task`]).
pub async fn find(office: &Office, name: &str) -> Result<Task, Failure> {
    office.task(name).await?.ok_or_else(|| Refusal::TaskNotFound.into())
}

/// All comments of a task, oldest first.
pub async fn all_comments(office: &Office, task: TaskId) -> Result<Vec<Comment>, Failure> {
    all(office, Kind::Comment, task, |c: &Comment| After { order: c.created_at.0 as f64, id: c.id.to_string() }).await
}

/// Everything that hangs on a parent, page by page.
pub async fn all<T: clutch_domain::doc::Inside + Clone>(
    office: &Office,
    kind: Kind,
    parent: impl ToString,
    after: impl Fn(&T) -> After,
) -> Result<Vec<T>, Failure> {
    let mut found: Vec<T> = Vec::new();
    loop {
        let range = Range::Children { kind, parent: parent.to_string(), after: found.last().map(&after), limit: PAGE };
        let before = found.len();
        found.extend(office.all::<T>(range).await?);
        if found.len() - before < PAGE as usize {
            return Ok(found);
        }
    }
}

/// How often a list that changed while it was read is read anew.
const TRIES: usize = 4;

/// All tasks of a project, each once. They lie in the order of their columns, so one that is moved between
/// two pages may be met twice or not at all: such a list is read again, and if people never rest, what one
/// reading met and another did not is looked up by itself.
pub async fn all_tasks(office: &Office, project: ProjectId) -> Result<Vec<Arc<Doc>>, Failure> {
    let mut met: BTreeMap<TaskId, Arc<Doc>> = BTreeMap::new();
    for _ in 0..TRIES {
        let (mut found, mut versions): (Vec<Arc<Doc>>, BTreeSet<u64>) = (Vec::new(), BTreeSet::new());
        let mut after = None;
        loop {
            let range = Range::Children { kind: Kind::Task, parent: project.to_string(), after, limit: PAGE };
            let fetch = Fetch { scopes: vec![Scope::Project(project)], ranges: vec![range.clone()] };
            let read = office.read(&fetch).await?;
            versions.insert(read.version);
            let page = read.value.get(&range).unwrap_or_default();
            let last = page.iter().rev().find_map(|doc| Task::of(&doc.body));
            after = last.map(|t| After { order: t.position, id: t.id.to_string() });
            found.extend(page.iter().cloned());
            if page.len() < PAGE as usize || after.is_none() {
                break;
            }
        }
        if versions.len() == 1 {
            return Ok(found);
        }
        let now: BTreeMap<TaskId, Arc<Doc>> =
            found.into_iter().filter_map(|doc| Task::of(&doc.body).map(|t| t.id).map(|id| (id, doc))).collect();
        let missed: Vec<TaskId> = met.keys().filter(|id| !now.contains_key(id)).copied().collect();
        met = now;
        for id in missed {
            let range = Range::doc(Kind::Task, id);
            let read = office.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await?.value;
            let there = read.get(&range).unwrap_or_default().first();
            let ours = there.filter(|doc| Task::of(&doc.body).is_some_and(|t| t.project == project));
            met.extend(ours.map(|doc| (id, doc.clone())));
        }
    }
    Ok(met.into_values().collect())
}

/// Query of the list.
#[derive(Deserialize)]
pub struct ListQuery {
    #[serde(rename = "projectId", alias = "project_id")]
    project_id: Option<String>,
    status: Option<String>,
    limit: Option<String>,
}

/// `GET /api/tasks?projectId=`.
pub async fn list(State(office): State<Arc<Office>>, Query(query): Query<ListQuery>) -> Result<Response, Failure> {
    let project = query.project_id.filter(|p| !p.is_empty());
    let project = project.ok_or_else(|| Failure::invalid("field_missing", "projectId is required"))?;
    let status = query.status.filter(|s| !s.is_empty()).map(|s| status_word(&s)).transpose()?;
    let limit = query
        .limit
        .as_deref()
        .filter(|l| !l.is_empty())
        .map(|l| l.parse::<usize>().map_err(|_| Failure::invalid("invalid_field", "limit must be a whole number")));
    let limit = limit.transpose()?.unwrap_or(usize::MAX);
    let project = projects::find(&office, &project).await?.id;
    let found = all_tasks(&office, project).await?;
    let mut tasks: Vec<&Task> = found.iter().filter_map(|doc| Task::of(&doc.body)).collect();
    tasks.retain(|t| status.is_none_or(|s| t.status == s));
    tasks.sort_by(|a, b| {
        let done = |t: &Task| std::cmp::Reverse(t.completed_at.unwrap_or(t.updated_at));
        let column = a.status.cmp(&b.status);
        if a.status == Status::Done && b.status == Status::Done {
            column.then(done(a).cmp(&done(b)))
        } else {
            column.then(a.position.total_cmp(&b.position)).then(a.id.cmp(&b.id))
        }
    });
    let tasks: Vec<shapes::TaskShape<'_>> = tasks.into_iter().take(limit).map(shapes::task).collect();
    // A megabyte: into one piece of memory of about its size it is written several times as fast as bit by bit.
    let mut json = Vec::with_capacity(tasks.iter().map(|task| task.about_bytes()).sum());
    serde_json::to_writer(&mut json, &BTreeMap::from([("tasks", tasks)])).map_err(|e| Fault::new(e.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

/// `POST /api/tasks`.
pub async fn create(State(office): State<Arc<Office>>, caller: Caller, headers: HeaderMap, body: Body) -> Created {
    let needed = "project_id and title are required";
    let new = NewTask {
        project: body.id("project_id", needed, Refusal::ProjectNotFound)?,
        title: Title::parse(body.needed("title", "field_missing", needed)?)?,
        status: body.text("status")?.filter(|s| !s.is_empty()).map(status_word).transpose()?.unwrap_or(Status::Backlog),
        fields: fields(&body)?,
        dependencies: dependencies(&office, &body).await?,
    };
    let call = Call::of(&caller, &headers, "task", "", &body)?;
    let done = call.run(&office, &caller.actor(), &Command::CreateTask(new)).await?;
    let task = done.made::<Task>().ok_or(Refusal::TaskNotFound)?;
    Ok((StatusCode::CREATED, Json(json!({ "task": shapes::task(task) }))))
}

/// `GET /api/tasks/:id`.
pub async fn show(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    let task = find(&office, &id).await?;
    let comments: Vec<Value> = all_comments(&office, task.id).await?.iter().map(shapes::comment).collect();
    Ok(Json(json!({ "task": shapes::task(&task), "comments": comments })))
}

/// `PATCH /api/tasks/:id`. `null` and empty text clear; absent fields stay.
pub async fn update(State(office): State<Arc<Office>>, caller: Caller, Path(id): Path<String>, body: Body) -> Answer {
    let task = find(&office, &id).await?;
    let status = body.text("status")?.filter(|s| !s.is_empty()).map(status_word).transpose()?;
    let patch = TaskPatch {
        fields: fields(&body)?,
        status: status.map(|s| (s, Some(format!("Status changed via HTTP API to {}", s.word()).into()))),
        reopen: body.switch("reopen")?.unwrap_or(false) || body.switch("force")?.unwrap_or(false),
        instead_of: None,
    };
    let done = office.run(&caller.actor(), &Command::UpdateTask(task.id, patch)).await?;
    Ok(Json(json!({ "task": shapes::task(done.now(task.id).unwrap_or(&task)) })))
}

/// The fields that a body sets: an absent one stays, `null` and empty text clear.
fn fields(body: &Body) -> Result<TaskFields, Failure> {
    Ok(TaskFields {
        title: body.text("title")?.map(Title::parse).transpose()?,
        description: body.has("description").then(|| body.markdown("description")).transpose()?,
        priority: body.word::<Priority>("priority", PRIORITIES)?,
        role: body.has("role").then(|| body.word::<Role>("role", ROLES)).transpose()?,
        assignee: body.patched("assignee", Handle::parse)?,
        // `null` clears it, as it clears other fields.
        requires_human_review: match body.switch("requires_human_review")? {
            None => body.has("requires_human_review").then_some(false),
            told => told,
        },
        tags: tags(body)?,
        session_id: body.patched("session_id", SessionKey::parse)?,
        prompt_version_id: body.patched("prompt_version_id", PromptVersion::parse)?,
        branch: body.patched("branch", Branch::parse)?,
        pr_number: pr_number(body)?,
        agent_session_key: body.patched("agent_session_key", SessionKey::parse)?,
        post_merge_steps: body.patched("post_merge_steps", Notes::parse)?,
    })
}

/// A pull request's number; `null`, empty text and 0 clear it.
fn pr_number(body: &Body) -> Result<Option<Option<u64>>, Failure> {
    match body.0.get("pr_number") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Some(None)),
        Some(value) => match whole(value) {
            Some(n) => Ok(Some((n > 0).then_some(n))),
            None => Err(Failure::invalid("invalid_field", "pr_number must be a whole number")),
        },
    }
}

/// `DELETE /api/tasks/:id`.
pub async fn remove(State(office): State<Arc<Office>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let task = find(&office, &id).await?;
    office.run(&caller.actor(), &Command::DeleteTask(task.id)).await?;
    Ok(Json(json!({ "success": true })))
}

/// `POST /api/tasks/reorder`: `new_index` counts the column without the moved task.
pub async fn reorder(State(office): State<Arc<Office>>, caller: Caller, body: Body) -> Answer {
    let needed = "project_id, status, task_id and new_index are required";
    let project: ProjectId = body.id("project_id", needed, Refusal::ProjectNotFound)?;
    let task = body.needed("task_id", "field_missing", needed)?;
    let status = status_word(body.needed("status", "field_missing", needed)?)?;
    let index = body.number("new_index")?.ok_or_else(|| Failure::invalid("field_missing", needed))?;
    let task = find(&office, task).await?;
    if task.project != project {
        return Err(Refusal::TaskNotFound.into());
    }
    let id = task.id;
    let place = Place::Index(u32::try_from(index).unwrap_or(u32::MAX));
    let to = MoveTask { task: id, to: status, place, reason: None, resolution: None, reopen: false };
    office.run(&caller.actor(), &Command::MoveTask(to)).await?;
    let task = find(&office, &id.to_string()).await?;
    Ok(Json(json!({ "success": true, "task": shapes::task(&task) })))
}

/// `GET /api/tasks/:id/comments`.
pub async fn comments(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    let task = find(&office, &id).await?;
    let comments: Vec<Value> = all_comments(&office, task.id).await?.iter().map(shapes::comment).collect();
    Ok(Json(json!({ "comments": comments })))
}

/// `POST /api/tasks/:id/comments`, as JSON or as plain text.
pub async fn comment(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Content(body): Content,
) -> Created {
    let task = find(&office, &id).await?;
    let author = body.parsed("author", Handle::parse)?.unwrap_or_else(Handle::unknown);
    let new = NewComment {
        task: task.id,
        author_type: body.word("author_type", &["coordinator", "agent", "human"])?.unwrap_or(AuthorType::Human),
        content: body.markdown("content")?.ok_or(Refusal::ContentMissing)?,
        kind: body
            .word("type", &["message", "status_change", "request_input", "completion"])?
            .unwrap_or(CommentType::Message),
        author: author.clone(),
    };
    let call = Call::of(&caller, &headers, "comment", &id, &body)?;
    let done = call.run(&office, &caller.claiming(author.as_str()), &Command::AddComment(new)).await?;
    let comment = done.made::<Comment>().ok_or(Refusal::CommentNotFound)?;
    Ok((StatusCode::CREATED, Json(json!({ "comment": shapes::comment(comment) }))))
}

/// A status, with the aliases that programs use.
pub fn status_word(text: &str) -> Result<Status, Failure> {
    let word = match text.trim().to_lowercase().as_str() {
        "review" | "in-review" => "in_review".to_owned(),
        "in-progress" | "progress" => "in_progress".to_owned(),
        other => other.to_owned(),
    };
    word.parse().map_err(|()| {
        Failure::invalid("invalid_field", format!("Invalid status. Must be one of: {}", STATUSES.join(", ")))
    })
}

/// Tags: an array, a JSON array in a string, or a comma list in a string.
fn tags(body: &Body) -> Result<Option<Tags>, Failure> {
    let list = body.texts("tags")?;
    Ok(match (list, body.0.get("tags")) {
        (_, None) => None,
        (_, Some(Value::Null)) => Some(Tags::default()),
        (Some(list), _) => Some(Tags::parse(list.iter().filter_map(Value::as_str))?),
        (None, Some(Value::String(text))) => Some(Tags::parse(text.split(','))?),
        (None, Some(_)) => return Err(Failure::invalid("invalid_field", "tags must be an array of strings")),
    })
}

async fn dependencies(office: &Office, body: &Body) -> Result<Vec<(TaskId, Direction)>, Failure> {
    let Some(list) = body.some("dependencies") else { return Ok(Vec::new()) };
    let shape = || Failure::invalid("invalid_field", "Each dependency must have task_id and direction");
    let list = list.as_array().ok_or_else(shape)?;
    let mut edges = Vec::new();
    for item in list {
        let id = item.get("task_id").and_then(Value::as_str).ok_or_else(shape)?;
        let direction = match item.get("direction").and_then(Value::as_str) {
            Some("depends_on") => Direction::DependsOn,
            Some("blocks") => Direction::Blocks,
            Some(_) => return Err(Failure::invalid("invalid_field", "direction must be 'depends_on' or 'blocks'")),
            None => return Err(shape()),
        };
        edges.push((find(office, id).await?.id, direction));
    }
    Ok(edges)
}
