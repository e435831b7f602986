//! Notifications (facts §2.12): what programs tell people. Pages show none; the gate counts unread escalations.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use clutch_domain::{
    command::{Command, NewNotification},
    doc::Kind,
    id::{NotificationId, ProjectId},
    notification::{Notification, NotificationSeverity, NotificationType, READ, UNREAD},
    project::Project,
    range::{Fetch, Range},
    refusal::Refusal,
    text::{Handle, Title},
};
use clutch_orchestrator::office::Office;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::caller::Caller;

use super::{
    body::{Body, Path, Query, path_id},
    error::Failure,
    once::Call,
    projects, shapes,
    tasks::find,
};

type Answer = Result<Json<Value>, Failure>;

/// Most of each kind, read and unread, that are read for a list, the newest.
const READ_MAX: u32 = 1_000;
const TYPES: &[&str] = &["escalation", "request_input", "completion", "system"];
const SEVERITIES: &[&str] = &["info", "warning", "critical"];

/// The newest that were read, or were not.
pub fn newest(parent: &str, limit: u32) -> Range {
    Range::NewestChildren { kind: Kind::Notification, parent: parent.into(), before: None, limit }
}

/// Query of the list.
#[derive(Deserialize)]
pub struct ListQuery {
    unread: Option<String>,
    limit: Option<String>,
}

/// `GET /api/notifications`: loud ones first, of these the newest.
pub async fn list(State(office): State<Arc<Office>>, Query(query): Query<ListQuery>) -> Answer {
    let limit = query.limit.as_deref().filter(|l| !l.is_empty()).map_or(Ok(50), str::parse::<usize>);
    let limit = limit.map_err(|_| Failure::invalid("invalid_field", "limit must be a whole number"))?;
    let (unread, read) = (newest(UNREAD, READ_MAX), newest(READ, READ_MAX));
    let mut ranges = vec![unread.clone()];
    if query.unread.as_deref() != Some("true") {
        ranges.push(read);
    }
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
    let mut found: Vec<&Notification> = ranges.iter().flat_map(|range| docs.all::<Notification>(range)).collect();
    let here = here(&office, &found).await?;
    found.retain(|notice| notice.project.is_none_or(|project| here.contains(&project)));
    let waiting = found.iter().filter(|notice| !notice.read).count();
    found.sort_by_key(|notice| (Reverse(notice.severity), Reverse(notice.created_at), notice.id));
    let shown: Vec<Value> = found.into_iter().take(limit).map(shapes::notification).collect();
    Ok(Json(json!({ "notifications": shown, "unreadCount": waiting })))
}

/// Of the projects of these the ones that are not deleted.
async fn here(office: &Office, found: &[&Notification]) -> Result<BTreeSet<ProjectId>, Failure> {
    let wanted: BTreeMap<ProjectId, Range> =
        found.iter().filter_map(|notice| notice.project).map(|id| (id, Range::doc(Kind::Project, id))).collect();
    if wanted.is_empty() {
        return Ok(BTreeSet::new());
    }
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges: wanted.values().cloned().collect() }).await?.value;
    let alive = |range: &Range| docs.first::<Project>(range).is_some_and(|project| project.deleted_at.is_none());
    Ok(wanted.into_iter().filter(|(_, range)| alive(range)).map(|(id, _)| id).collect())
}

/// `POST /api/notifications`.
pub async fn create(
    State(office): State<Arc<Office>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let message = body.markdown("message")?;
    let message = message.ok_or_else(|| Failure::invalid("field_missing", "Message is required"))?;
    let named = |name| Ok::<_, Failure>(body.text(name)?.filter(|id| !id.trim().is_empty()));
    let task = match named("taskId")? {
        Some(id) => Some(find(&office, id).await?.id),
        None => None,
    };
    let project = match named("projectId")? {
        Some(id) => Some(projects::find(&office, id).await?.id),
        None => None,
    };
    let new = NewNotification {
        task,
        project,
        kind: body.word::<NotificationType>("type", TYPES)?.unwrap_or(NotificationType::Escalation),
        severity: body.word::<NotificationSeverity>("severity", SEVERITIES)?.unwrap_or(NotificationSeverity::Info),
        title: named("title")?.map(Title::parse).transpose()?,
        message,
        agent: body.parsed("agent", Handle::parse)?,
    };
    let actor = new.agent.as_ref().map_or_else(|| caller.actor(), |agent| caller.claiming(agent.as_str()));
    let call = Call::of(&caller, &headers, "notification", "", &body)?;
    let done = call.run(&office, &actor, &Command::Notify(new)).await?;
    let notice = done.made::<Notification>().ok_or(Refusal::NotificationNotFound)?;
    Ok((StatusCode::CREATED, Json(json!({ "notification": shapes::notification(notice), "success": true }))))
}

/// `PATCH /api/notifications/:id`: whether somebody has seen it.
pub async fn update(State(office): State<Arc<Office>>, caller: Caller, Path(id): Path<String>, body: Body) -> Answer {
    let id: NotificationId = path_id(&id, Refusal::NotificationNotFound)?;
    if let Some(read) = body.switch("read")? {
        office.run(&caller.actor(), &Command::MarkNotification(id, read)).await?;
    }
    let notice: Notification = office.get(id).await?.ok_or(Refusal::NotificationNotFound)?;
    if here(&office, &[&notice]).await?.is_empty() && notice.project.is_some() {
        return Err(Refusal::NotificationNotFound.into());
    }
    Ok(Json(json!({ "notification": shapes::notification(&notice) })))
}

/// `DELETE /api/notifications/:id`.
pub async fn remove(State(office): State<Arc<Office>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let id: NotificationId = path_id(&id, Refusal::NotificationNotFound)?;
    office.run(&caller.actor(), &Command::DeleteNotification(id)).await?;
    Ok(Json(json!({ "success": true })))
}
