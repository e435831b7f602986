//! What tasks wait for, in v1: each edge is a place that is put and deleted, however often.

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_domain::{
    command::{Command, EdgeRef},
    doc::{Dependency as Inner, Kind},
    id::TaskId,
    range::{Fetch, Range},
    refusal::Refusal,
    task::{EDGES_MAX, Task as TaskDoc},
};
use clutch_orchestrator::office::Office;
use http::StatusCode;

use super::{
    problem::Refused,
    shapes::{Dependencies, Dependency, TaskRef},
};
use crate::http::{
    caller::Caller,
    compat::{body::Path, error::Failure, tasks::find},
};

/// What a task waits for, and what waits for it.
#[utoipa::path(
    get, path = "/api/v1/tasks/{task}/dependencies", operation_id = "list_dependencies", tag = "tasks",
    params(("task" = String, Path, description = "`T-12`, `12` or the id.")),
    responses((status = 200, body = Dependencies), Refused)
)]
pub async fn list(State(office): State<Arc<Office>>, Path(task): Path<String>) -> Result<Json<Dependencies>, Failure> {
    Ok(Json(of(&office, find(&office, &task).await?.id).await?))
}

pub(super) async fn of(office: &Office, task: TaskId) -> Result<Dependencies, Failure> {
    let below = Range::children(Kind::Dependency, task, EDGES_MAX);
    let above = Range::Linked { kind: Kind::Dependency, link: task.to_string(), limit: EDGES_MAX };
    let edges = office.read(&Fetch { scopes: Vec::new(), ranges: vec![below.clone(), above.clone()] }).await?.value;
    let below: Vec<TaskId> = edges.all::<Inner>(&below).map(|edge| edge.depends_on).collect();
    let above: Vec<TaskId> = edges.all::<Inner>(&above).map(|edge| edge.task).collect();
    let ranges = below.iter().chain(&above).map(|id| Range::doc(Kind::Task, id)).collect();
    let tasks = office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    let shown = |ids: &[TaskId]| {
        ids.iter().filter_map(|id| tasks.first::<TaskDoc>(&Range::doc(Kind::Task, id))).map(TaskRef::from).collect()
    };
    Ok(Dependencies { depends_on: shown(&below), blocks: shown(&above) })
}

async fn edge(office: &Office, task: TaskId, other: TaskId) -> Result<Option<Inner>, Failure> {
    let range = Range::unique(clutch_domain::doc::edge_name(task, other));
    Ok(office.first(range).await?)
}

/// The task waits for the other from now on.
///
/// Said again, it changes nothing.
#[utoipa::path(
    put, path = "/api/v1/tasks/{task}/dependencies/{other}", operation_id = "add_dependency", tag = "tasks",
    params(
        ("task" = String, Path, description = "The task that waits: `T-12`, `12` or the id."),
        ("other" = String, Path, description = "The one that it waits for."),
    ),
    responses((status = 201, body = Dependency), (status = 200, body = Dependency, description = "It does already."), Refused)
)]
pub async fn add(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path((task, other)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Dependency>), Failure> {
    let (task, other) = (find(&office, &task).await?.id, find(&office, &other).await?.id);
    match office.run(&caller.actor(), &Command::AddDependency(task, other)).await.map_err(Failure::from) {
        Ok(done) => {
            let made = done.made::<Inner>().ok_or(Refusal::DependencyNotFound)?;
            Ok((StatusCode::CREATED, Json(Dependency::from(made))))
        }
        Err(failure) if failure.is(Refusal::DependencyExists) => {
            let there = edge(&office, task, other).await?.ok_or(failure)?;
            Ok((StatusCode::OK, Json(Dependency::from(&there))))
        }
        Err(failure) => Err(failure),
    }
}

/// The task does not wait for the other any more.
///
/// Where it did not, nothing changes.
#[utoipa::path(
    delete, path = "/api/v1/tasks/{task}/dependencies/{other}", operation_id = "remove_dependency", tag = "tasks",
    params(
        ("task" = String, Path, description = "The task that waits: `T-12`, `12` or the id."),
        ("other" = String, Path, description = "The one that it waits for."),
    ),
    responses((status = 204, description = "It does not wait."), Refused)
)]
pub async fn remove(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path((task, other)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let (task, other) = (find(&office, &task).await?.id, find(&office, &other).await?.id);
    let command = Command::RemoveDependency(EdgeRef::Ends(task, other));
    match office.run(&caller.actor(), &command).await.map_err(Failure::from) {
        Err(failure) if !failure.is(Refusal::DependencyNotFound) => Err(failure),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
