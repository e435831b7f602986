//! Manual dispatch (facts §2.8): a list for a coordinator outside, who hands tasks to agents of the registry (§2.2).
//!
//! A dispatch is pending until its task leaves its column. What is read for the list is bounded as at the
//! [`gate`](super::gate), and so is what an agent is told of a task.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, btree_map::Entry},
    fmt::Write,
    sync::Arc,
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use clutch_domain::{
    command::{Command, NewDispatch},
    doc::Kind,
    id::ProjectId,
    project::{Counts, Project},
    query::PROJECTS_MAX,
    range::{Fetch, Range},
    refusal::Refusal,
    talk::Comment,
    task::{Status, Task},
    text::Handle,
};
use clutch_orchestrator::office::Office;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{chat::context, http::caller::Caller};

use super::{
    agents::{Agent, agent},
    body::{Body, Path, Query},
    error::Failure,
    gate::{READ_MAX, columns},
    once::Call,
    projects, shapes,
    tasks::find,
};

type Answer = Result<Json<Value>, Failure>;

/// Most tasks that are listed with all that their agents are told.
const LISTED: usize = 20;
/// Comments that are told of a task, and the most of each.
const COMMENTS: u32 = 10;
const COMMENT_MAX: usize = 4_000;
const DESCRIPTION_MAX: usize = 20_000;
/// Characters of what an agent would be told, beside one task.
const PREVIEW: usize = 500;
/// Columns in which a dispatched task may stand.
const OPEN: [Status; 5] = [Status::Backlog, Status::Ready, Status::InProgress, Status::InReview, Status::Blocked];

fn label(task: &Task) -> String {
    format!("clutch-task-{}", task.id.id8())
}

/// `POST /api/tasks/:id/dispatch`.
pub async fn request(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let task = find(&office, &id).await?;
    let by = body.parsed("requestedBy", Handle::parse)?.unwrap_or_else(Handle::api);
    let named = match body.parsed("agentId", Handle::parse)? {
        Some(named) => Some(named),
        None => task.assignee.as_deref().map(Handle::parse).transpose()?.flatten(),
    };
    let named = named.ok_or_else(|| {
        Failure::invalid("agent_missing", "No agent specified: name one in agentId, or assign the task to one")
    })?;
    if agent(named.as_str()).is_none() {
        return Err(Failure::invalid("agent_unknown", format!("Unknown agent: {named}")));
    }
    let call = Call::of(&caller, &headers, "dispatch", &id, &body)?;
    let actor = caller.claiming(by.as_str());
    let new = NewDispatch { task: task.id, agent: named.clone(), by: by.clone() };
    let done = match call.run(&office, &actor, &Command::Dispatch(new)).await {
        Err(refused) if refused.is(Refusal::DispatchActive) => {
            let shape = json!({
                "error": Refusal::DispatchActive.to_string(), "code": Refusal::DispatchActive.code(),
                "dispatch_status": "pending",
            });
            return Ok((StatusCode::CONFLICT, Json(shape)).into_response());
        }
        answer => answer?,
    };
    let task = done.made::<Task>().ok_or(Refusal::TaskNotFound)?;
    let dispatch = json!({
        "taskId": task.id, "agentId": named, "status": "pending", "label": label(task),
        "requestedAt": task.dispatch.as_ref().map(|d| d.at), "requestedBy": by,
    });
    // The original never waited for what it meant to put into the context.
    Ok(Json(json!({ "success": true, "dispatch": dispatch, "context": {} })).into_response())
}

/// `GET /api/tasks/:id/dispatch`.
pub async fn show(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    let task = find(&office, &id).await?;
    let project = office.get::<Project>(task.project).await?.ok_or(Refusal::TaskNotFound)?;
    let agent = task.assignee.as_deref().and_then(agent);
    let told = told(&office, &task, &project, agent, &context::formatted(&project).await).await?;
    let preview: String = told.chars().take(PREVIEW).collect();
    let dispatch = task.dispatch.as_ref();
    Ok(Json(json!({
        "taskId": task.id, "assignee": task.assignee, "agent": agent.map(Agent::named),
        "dispatch_status": dispatch.map(|_| "pending"), "dispatch_requested_at": dispatch.map(|d| d.at),
        "dispatch_requested_by": dispatch.map(|d| &d.by), "session_id": task.session_id, "contextPreview": preview,
    })))
}

/// Query of the list.
#[derive(Deserialize)]
pub struct ListQuery {
    #[serde(rename = "projectId", alias = "project_id")]
    project_id: Option<String>,
}

/// `GET /api/dispatch/pending`.
pub async fn pending(State(office): State<Arc<Office>>, Query(query): Query<ListQuery>) -> Answer {
    let wanted = match query.project_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => Some(projects::find(&office, id).await?.id),
        None => None,
    };
    let ranges = [Kind::Project, Kind::Counts].map(|kind| Range::children(kind, "installation", PROJECTS_MAX));
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.to_vec() }).await?.value;
    let counts: BTreeMap<ProjectId, &Counts> = docs.all::<Counts>(&ranges[1]).map(|c| (c.project, c)).collect();
    let mut left = READ_MAX;
    let mut waiting: Vec<(Task, &Project, &'static Agent)> = Vec::new();
    for project in docs.all::<Project>(&ranges[0]).filter(|p| wanted.is_none_or(|id| id == p.id)) {
        let Some(counts) = counts.get(&project.id).filter(|_| left > 0) else { continue };
        let ranges: Vec<Range> = columns(project.id, counts, left, &OPEN).collect();
        let docs = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
        left = left.saturating_sub(u32::try_from(docs.len()).unwrap_or(u32::MAX));
        let found = ranges.iter().flat_map(|range| docs.all::<Task>(range)).filter(|task| task.dispatch.is_some());
        let known = found.filter_map(|task| Some((task.clone(), project, agent(task.assignee.as_deref()?)?)));
        waiting.extend(known);
    }
    waiting.sort_by_key(|(task, ..)| (Reverse(task.priority), task.dispatch.as_ref().map(|d| d.at), task.id));
    let count = waiting.len();
    let mut about: BTreeMap<ProjectId, String> = BTreeMap::new();
    let mut shown = Vec::new();
    for (task, project, agent) in waiting.into_iter().take(LISTED) {
        // Its files are read once, however many of its tasks wait.
        let about: &str = match about.entry(project.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(context::formatted(project).await),
        };
        let told = told(&office, &task, project, Some(agent), about).await?;
        shown.push(json!({
            "task": shapes::task(&task), "project": shapes::project(project), "agent": agent.named(),
            "context": told, "label": label(&task),
        }));
    }
    Ok(Json(json!({ "count": count, "pending": shown })))
}

/// What an agent is told of its task.
async fn told(
    office: &Office,
    task: &Task,
    project: &Project,
    agent: Option<&Agent>,
    about: &str,
) -> Result<String, Failure> {
    let newest =
        Range::NewestChildren { kind: Kind::Comment, parent: task.id.to_string(), before: None, limit: COMMENTS };
    let comments = office.all::<Comment>(newest).await?;
    let mut text = format!(
        "# Task Assignment\n\n- ID: {}\n- Title: {}\n- Priority: {}\n- Status: {}\n- Project: {}",
        task.id.id8(),
        task.title,
        task.priority.label(),
        task.status.word(),
        project.name,
    );
    for (name, value) in [("Repository", &project.github_repo), ("Working directory", &project.local_path)] {
        if let Some(value) = value {
            let _ = write!(text, "\n- {name}: {value}");
        }
    }
    if let Some(description) = &task.description {
        let _ = write!(text, "\n\n## Description\n\n{}", cut(description.as_str(), DESCRIPTION_MAX));
    }
    if !comments.is_empty() {
        text.push_str("\n\n## Comments\n");
    }
    for comment in comments.iter().rev() {
        let _ = write!(text, "\n- {}: {}", comment.author, cut(comment.content.as_str(), COMMENT_MAX));
    }
    let _ = write!(text, "\n\n{about}");
    if let Some(agent) = agent {
        let _ = write!(text, "\n\n## Your role: {}\n\n{}\n", agent.role, agent.told);
    }
    Ok(text)
}

/// At most so many bytes of a text.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most { text.to_owned() } else { format!("{}...", &text[..text.floor_char_boundary(most)]) }
}
