//! Dependencies (facts §2.7). Answers carry the key sets of both generations of callers.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use clutch_domain::{
    command::{Command, EdgeRef},
    doc::{Dependency, Kind},
    id::{DependencyId, TaskId},
    range::{Fetch, Range},
    refusal::Refusal,
    task::{EDGES_MAX, Status, Task},
};
use clutch_orchestrator::office::Office;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::caller::Caller;

use super::{
    body::{Body, Path, Query, path_id},
    error::Failure,
    once::Call,
    shapes,
    tasks::find,
};

type Created = Result<(StatusCode, Json<Value>), Failure>;

/// `GET /api/tasks/:id/dependencies`.
pub async fn list(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Result<Json<Value>, Failure> {
    let task = find(&office, &id).await?.id;
    let down = Range::children(Kind::Dependency, task, EDGES_MAX);
    let up = Range::Linked { kind: Kind::Dependency, link: task.to_string(), limit: EDGES_MAX };
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges: vec![down.clone(), up.clone()] }).await?.value;
    let below: Vec<Dependency> = docs.all(&down).cloned().collect();
    let above: Vec<Dependency> = docs.all(&up).cloned().collect();
    let ids = below.iter().map(|d| d.depends_on).chain(above.iter().map(|d| d.task));
    let ranges: Vec<Range> = ids.map(|id| Range::doc(Kind::Task, id)).collect();
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    let get = |id: TaskId| docs.first::<Task>(&Range::doc(Kind::Task, id));
    let mut dependencies = Vec::new();
    let mut incomplete = Vec::new();
    for (edge, other) in below.iter().filter_map(|d| get(d.depends_on).map(|t| (d, t))) {
        let mut shape = shapes::task_summary(other);
        if other.status != Status::Done {
            incomplete.push(shape.clone());
        }
        shape["dependency_id"] = json!(edge.id);
        dependencies.push(shape);
    }
    let blocked: Vec<Value> = above.iter().filter_map(|d| get(d.task)).map(shapes::task_summary).collect();
    Ok(Json(json!({
        "task_id": task, "dependencies": dependencies, "blocked_by": blocked, "incomplete": incomplete,
        "depends_on": dependencies, "blocks": blocked,
    })))
}

/// `POST /api/tasks/:id/dependencies`.
pub async fn add(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Created {
    let task = find(&office, &id).await?.id;
    let other = find(&office, body.needed("depends_on_id", "field_missing", "depends_on_id is required")?).await?.id;
    let call = Call::of(&caller, &headers, "dependency", &id, &body)?;
    link(&office, &caller, &call, task, other).await
}

/// `POST /api/task-dependencies`: the same with both ends in the body. A circle is refused here too.
pub async fn add_by_ends(State(office): State<Arc<Office>>, caller: Caller, headers: HeaderMap, body: Body) -> Created {
    let needed = "task_id and depends_on_id are required";
    let task = find(&office, body.needed("task_id", "field_missing", needed)?).await?.id;
    let other = find(&office, body.needed("depends_on_id", "field_missing", needed)?).await?.id;
    let call = Call::of(&caller, &headers, "dependency", "", &body)?;
    link(&office, &caller, &call, task, other).await
}

async fn link(office: &Office, caller: &Caller, call: &Call, task: TaskId, other: TaskId) -> Created {
    let done = call.run(office, &caller.actor(), &Command::AddDependency(task, other)).await?;
    let edge = done.made::<Dependency>().ok_or(Refusal::DependencyNotFound)?;
    // Newer callers read `dependency`, older ones the bare object.
    let mut shape = shapes::dependency(edge);
    let inner = shape.clone();
    shape["dependency"] = inner;
    Ok((StatusCode::CREATED, Json(shape)))
}

/// Query of a removal by ends.
#[derive(Deserialize)]
pub struct Ends {
    depends_on_id: Option<String>,
}

/// `DELETE /api/tasks/:id/dependencies?depends_on_id=`.
pub async fn remove_by_ends(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(ends): Query<Ends>,
) -> Result<Json<Value>, Failure> {
    let other = ends.depends_on_id.filter(|d| !d.is_empty());
    let other = other.ok_or_else(|| Failure::invalid("field_missing", "depends_on_id is required"))?;
    let task = find(&office, &id).await?.id;
    let missing =
        |failure: Failure| if failure.is(Refusal::TaskNotFound) { Refusal::DependencyNotFound.into() } else { failure };
    let other = find(&office, &other).await.map_err(missing)?.id;
    office.run(&caller.actor(), &Command::RemoveDependency(EdgeRef::Ends(task, other))).await?;
    Ok(Json(json!({ "success": true })))
}

/// `DELETE /api/tasks/:id/dependencies/:depId`, at either end.
pub async fn remove(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path((id, edge)): Path<(String, String)>,
) -> Result<Json<Value>, Failure> {
    let task = find(&office, &id).await?.id;
    let edge: DependencyId = path_id(&edge, Refusal::DependencyNotFound)?;
    let found: Option<Dependency> = office.get(edge).await?;
    found.filter(|d| d.task == task || d.depends_on == task).ok_or(Refusal::DependencyNotFound)?;
    office.run(&caller.actor(), &Command::RemoveDependency(EdgeRef::Id(edge))).await?;
    Ok(Json(json!({ "success": true })))
}

/// Query of a removal by id.
#[derive(Deserialize)]
pub struct ById {
    id: Option<String>,
}

/// `DELETE /api/task-dependencies?id=`.
pub async fn remove_by_id(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Query(query): Query<ById>,
) -> Result<Json<Value>, Failure> {
    let id = query.id.filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Failure::invalid("field_missing", "id is required"))?;
    let edge: DependencyId = path_id(&id, Refusal::DependencyNotFound)?;
    office.run(&caller.actor(), &Command::RemoveDependency(EdgeRef::Id(edge))).await?;
    Ok(Json(json!({ "success": true })))
}
