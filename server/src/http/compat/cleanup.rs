//! Tickets in review that nobody has touched for a while (facts §2.20).

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use clutch_domain::{
    command::{Command, MoveTask, Place},
    doc::Kind,
    id::ProjectId,
    project::{Counts, Project},
    query::PROJECTS_MAX,
    range::{Fetch, Range},
    task::{Status, Task},
};
use clutch_orchestrator::office::Office;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::caller::Caller;

use super::{
    body::{Body, Query},
    error::Failure,
    gate::{READ_MAX, columns},
    projects,
    tasks::find,
};

type Answer = Result<Json<Value>, Failure>;

/// So long nobody has touched a stuck one.
const STUCK_MS: i64 = 30 * 60_000;

/// Query of the list.
#[derive(Deserialize)]
pub struct ListQuery {
    #[serde(rename = "projectId", alias = "project_id")]
    project_id: Option<String>,
}

/// `GET /api/cleanup/stuck-tickets`, of one project or of all. What is read is bounded as at the gate.
pub async fn list(State(office): State<Arc<Office>>, Query(query): Query<ListQuery>) -> Answer {
    let wanted = match query.project_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => Some(projects::find(&office, id).await?.id),
        None => None,
    };
    let now = office.now();
    let ranges = [Kind::Project, Kind::Counts].map(|kind| Range::children(kind, "installation", PROJECTS_MAX));
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.to_vec() }).await?.value;
    let counts: BTreeMap<ProjectId, &Counts> = docs.all::<Counts>(&ranges[1]).map(|c| (c.project, c)).collect();
    let mut left = READ_MAX;
    let mut stuck: Vec<Task> = Vec::new();
    for project in docs.all::<Project>(&ranges[0]).filter(|p| wanted.is_none_or(|id| id == p.id)) {
        let Some(counts) = counts.get(&project.id).filter(|_| left > 0) else { continue };
        let ranges: Vec<Range> = columns(project.id, counts, left, &[Status::InReview]).collect();
        let docs = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
        left = left.saturating_sub(u32::try_from(docs.len()).unwrap_or(u32::MAX));
        let found = ranges.iter().flat_map(|range| docs.all::<Task>(range));
        stuck.extend(found.filter(|task| now.since(task.updated_at) > STUCK_MS).cloned());
    }
    stuck.sort_by_key(|task| (task.updated_at, task.id));
    let shown: Vec<Value> = stuck
        .iter()
        .map(|task| {
            json!({
                "id": task.id, "title": task.title, "updated_at": task.updated_at,
                "age_minutes": now.since(task.updated_at) / 60_000,
            })
        })
        .collect();
    Ok(Json(json!({ "stuck_tickets": shown, "count": shown.len() })))
}

/// `POST /api/cleanup/stuck-tickets`.
pub async fn settle(State(office): State<Arc<Office>>, caller: Caller, body: Body) -> Answer {
    let needed = "ticketId and action are required";
    let named = body.needed("ticketId", "field_missing", needed)?;
    let action = body.needed("action", "field_missing", needed)?;
    let to = match action {
        "done" => Status::Done,
        "ready" => Status::Ready,
        _ => return Err(Failure::invalid("invalid_field", "action must be 'done' or 'ready'")),
    };
    let task = find(&office, named).await?;
    let reason = Some("It was stuck in review.".into());
    let to = MoveTask { task: task.id, to, place: Place::End, reason, resolution: None, reopen: false };
    office.run(&caller.actor(), &Command::MoveTask(to)).await?;
    let message = format!("Ticket moved to {action}");
    Ok(Json(json!({ "success": true, "ticketId": task.id, "action": action, "message": message })))
}
