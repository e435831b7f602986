//! Why a task is where it is, in v1: the same sentences as on the loop's page, and those of `clutch why`.

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_domain::{
    doc::{Dependency, Kind, id8_name},
    id::TaskId,
    plan::explain::{Case, Fix, explain},
    project::Project as ProjectDoc,
    query::{EDGES_SHOWN, PROJECTS_MAX, SIGNALS_MAX},
    range::{Fetch, Range},
    refusal::Refusal,
    run::{LoopState, Run as RunDoc},
    talk::Signal as SignalDoc,
    task::{Status, Task as Inner},
};
use clutch_orchestrator::office::Office;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{problem::Refused, words};
use crate::http::compat::{body::Path, error::Failure, programs::Programs};

/// Digits of an id that name a task of a project.
const PREFIX: usize = 8;

/// Why a task is where it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Why {
    /// Its id.
    id: Uuid,
    /// `T-12`.
    name: String,
    /// Its column.
    #[schema(value_type = words::Status)]
    status: Status,
    /// Where it stands, in a sentence.
    state: String,
    /// Why, each a sentence.
    because: Vec<String>,
    /// What would bring it on, each a sentence; empty where nothing is left to do.
    next: Vec<String>,
    /// What keeps a ready task waiting, in a word, where somebody or some time can mend it.
    #[schema(value_type = Option<words::Fix>)]
    fix: Option<Fix>,
}

/// Why a task is where it is, and what would bring it on.
#[utoipa::path(
    get, path = "/api/v1/tasks/{task}/why", operation_id = "explain_task", tag = "tasks",
    params(("task" = String, Path, description = "`T-12`, `12`, the id, or its first eight digits.")),
    responses((status = 200, body = Why), Refused)
)]
pub async fn explained(
    State(office): State<Arc<Office>>,
    State(programs): State<Arc<Programs>>,
    Path(task): Path<String>,
) -> Result<Json<Why>, Failure> {
    let task = match office.task(&task).await? {
        Some(task) => task,
        None => begun(&office, task.trim()).await?.ok_or(Refusal::TaskNotFound)?,
    };
    let (project, state) = (Range::doc(Kind::Project, task.project), Range::doc(Kind::LoopState, task.project));
    let edges = Range::children(Kind::Dependency, task.id, EDGES_SHOWN);
    let signals =
        Range::NewestChildren { kind: Kind::Signal, parent: task.id.to_string(), before: None, limit: SIGNALS_MAX };
    let run = task.open_run.map(|run| Range::doc(Kind::Run, run));
    let ranges = [&project, &state, &edges, &signals].into_iter().chain(&run).cloned().collect();
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges }).await?.value;
    let others: Vec<Range> =
        docs.all::<Dependency>(&edges).map(|edge| Range::doc(Kind::Task, edge.depends_on)).collect();
    let read = office.read(&Fetch { scopes: Vec::new(), ranges: others.clone() }).await?.value;
    let others = others.iter().filter_map(|range| read.first::<Inner>(range));
    let others: Vec<&Inner> = others.filter(|other| other.status != Status::Done).collect();
    let run = run.as_ref().and_then(|range| docs.first::<RunDoc>(range));
    let waits_with = run.and_then(|run| run.waits_for);
    let told = explain(&Case {
        task: &task,
        project: docs.first::<ProjectDoc>(&project).ok_or(Refusal::TaskNotFound)?,
        state: docs.first::<LoopState>(&state),
        run,
        question: docs.all::<SignalDoc>(&signals).find(|signal| Some(signal.id) == waits_with),
        others: &others,
        policy: &programs.policy,
    });
    Ok(Json(Why {
        id: task.id.0,
        name: task.short(),
        status: task.status,
        state: told.state,
        because: told.because,
        next: told.next,
        fix: told.fix,
    }))
}

/// The one task whose id begins so, in whatever project.
async fn begun(office: &Office, digits: &str) -> Result<Option<Inner>, Failure> {
    if digits.len() != PREFIX {
        return Ok(None);
    }
    let Ok(begins) = format!("{digits}-0000-0000-0000-000000000000").parse::<TaskId>() else { return Ok(None) };
    let projects: Vec<ProjectDoc> = office.all(Range::children(Kind::Project, "installation", PROJECTS_MAX)).await?;
    let names: Vec<Range> = projects.iter().map(|project| Range::unique(id8_name(project.id, begins))).collect();
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges: names.clone() }).await?.value;
    let mut found = names.iter().filter_map(|range| docs.first::<Inner>(range)).cloned();
    Ok(found.next().filter(|_| found.next().is_none()))
}
