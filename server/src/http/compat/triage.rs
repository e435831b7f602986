//! Triage, as the coordinator's curl lines ask for it (facts §2.10).

use std::sync::Arc;

use axum::{Json, extract::State, http::HeaderMap};
use clutch_domain::{
    command::{Command, Subtask, Triage, TriageStep},
    doc::{Doc, Inside, number_name},
    range::{Fetch, Range},
    refusal::Refusal,
    task::{Priority, Role, SUBTASKS_MAX, Task},
    text::{Excerpt, Handle, ModelName, Title},
};
use clutch_orchestrator::office::{Done, Office};
use serde_json::{Value, json};

use crate::http::caller::Caller;

use super::{
    body::Body,
    error::Failure,
    once::Call,
    shapes,
    tasks::{PRIORITIES, ROLES, find},
};

type Answer = Result<Json<Value>, Failure>;

/// `POST /api/triage/unblock`.
pub async fn unblock(State(office): State<Arc<Office>>, caller: Caller, headers: HeaderMap, body: Body) -> Answer {
    let (task, _) = run(&office, &caller, &headers, &body, "unblock", TriageStep::Unblock).await?;
    Ok(Json(json!({ "task": shapes::task(&task), "success": true })))
}

/// `POST /api/triage/reassign`. A task has no model of its own: the one that is wished for stands in the comment.
pub async fn reassign(State(office): State<Arc<Office>>, caller: Caller, headers: HeaderMap, body: Body) -> Answer {
    let step = TriageStep::Reassign {
        role: body.word::<Role>("role", ROLES)?,
        model: body.parsed("agent_model", ModelName::parse)?,
    };
    let (task, _) = run(&office, &caller, &headers, &body, "reassign", step).await?;
    Ok(Json(json!({ "task": shapes::task(&task), "success": true })))
}

/// `POST /api/triage/kill`.
pub async fn kill(State(office): State<Arc<Office>>, caller: Caller, headers: HeaderMap, body: Body) -> Answer {
    let step = TriageStep::Kill(body.text("reason")?.map(Excerpt::from));
    let (task, _) = run(&office, &caller, &headers, &body, "kill", step).await?;
    Ok(Json(json!({ "task": shapes::task(&task), "success": true })))
}

/// `POST /api/triage/escalate`.
pub async fn escalate(State(office): State<Arc<Office>>, caller: Caller, headers: HeaderMap, body: Body) -> Answer {
    let step = TriageStep::Escalate(body.text("reason")?.map(Excerpt::from));
    run(&office, &caller, &headers, &body, "escalate", step).await?;
    Ok(Json(json!({ "success": true })))
}

/// `POST /api/triage/split`.
pub async fn split(State(office): State<Arc<Office>>, caller: Caller, headers: HeaderMap, body: Body) -> Answer {
    named(&body)?;
    let parts = subtasks(&body)?;
    let count = parts.len() as u64;
    let (parent, done) = run(&office, &caller, &headers, &body, "split", TriageStep::Split(parts)).await?;
    // Their numbers follow each other, so a repeated call finds what the first one made.
    let mut made = Vec::new();
    if let Some(first) = done.made::<Task>().map(|task| task.number) {
        let ranges: Vec<Range> = (first..first + count).map(|n| Range::unique(number_name(n))).collect();
        let docs = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
        let found = ranges.iter().filter_map(|range| docs.get(range)?.first().cloned());
        made = found.collect::<Vec<Arc<Doc>>>();
    }
    let subtasks: Vec<_> = made.iter().filter_map(|doc| Task::of(&doc.body)).map(shapes::task).collect();
    Ok(Json(json!({ "success": true, "parent_task_id": parent.id, "subtasks": subtasks })))
}

fn named(body: &Body) -> Result<&str, Failure> {
    body.needed("task_id", "field_missing", "task_id is required")
}

/// Takes the step; answers the task as it is now.
async fn run(
    office: &Office,
    caller: &Caller,
    headers: &HeaderMap,
    body: &Body,
    route: &str,
    step: TriageStep,
) -> Result<(Task, Done), Failure> {
    let task = find(office, named(body)?).await?;
    let author = body.parsed("actor", Handle::parse)?.unwrap_or_else(Handle::coordinator);
    let call = Call::of(caller, headers, &format!("triage-{route}"), "", body)?;
    let actor = caller.claiming(author.as_str());
    let done = call.run(office, &actor, &Command::Triage(Triage { task: task.id, author, step })).await?;
    let task = match done.now::<Task>(task.id) {
        Some(now) => now.clone(),
        None => find(office, &task.id.to_string()).await?,
    };
    Ok((task, done))
}

fn subtasks(body: &Body) -> Result<Vec<Subtask>, Failure> {
    let Some(Value::Array(items)) = body.some("subtasks") else { return Err(Refusal::SubtasksMissing.into()) };
    if items.len() > SUBTASKS_MAX {
        return Err(Refusal::SubtasksTooMany.into());
    }
    let mut parts = Vec::new();
    for item in items {
        let Value::Object(item) = item else {
            return Err(Failure::invalid("invalid_field", "Each subtask must be an object with a title"));
        };
        let item = Body(item.clone());
        parts.push(Subtask {
            title: Title::parse(item.needed("title", "field_missing", "Each subtask must have a title")?)?,
            description: item.markdown("description")?,
            priority: item.word::<Priority>("priority", PRIORITIES)?,
            role: item.word::<Role>("role", ROLES)?,
        });
    }
    Ok(parts)
}
