//! Agents that come by themselves, in v1: they take a task, say that they are there, give it back. What they ask and
//! report is in `signals.rs` and `reports.rs`.

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_domain::{
    command::{Command, ReleaseRun},
    id::RunId,
    project::Project as ProjectDoc,
    refusal::Refusal,
    run::Run as Inner,
    task::Role,
    text::{Excerpt, Handle, ModelName},
};
use clutch_orchestrator::{
    office::Office,
    pull::{Ask, Offer, Pull, Pulled},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    input::Input,
    problem::Refused,
    shapes::{Project, Run, Task},
    words,
};
use crate::http::{
    caller::Caller,
    compat::{
        body::{Path, path_id},
        error::Failure,
        projects,
        tasks::find,
    },
};

/// What an agent wants to work on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewClaim)]
pub struct NewClaim {
    /// This task and no other: `T-12`, `12` or its id. Left out, the most urgent one that can be started.
    task: Option<String>,
    /// Only a task of this project: its slug or id.
    project: Option<String>,
    /// Only a task for this role.
    #[schema(value_type = Option<words::Role>)]
    role: Option<Role>,
    /// A name of your own for yourself. Whoever claims again under the name, with the same token, is given the task that
    /// it holds already. Left out, one is made.
    agent: Option<String>,
    /// The model that you run on, where the project has a prompt for it.
    model: Option<String>,
}

/// A task that an agent holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Claim {
    /// Your name: claim under it again after a break.
    agent: String,
    /// The run: name it where you signal, say that you are there, or report.
    run: Run,
    /// The task.
    task: Task,
    /// Its project.
    project: Project,
    /// All that you have to know, and what to do.
    prompt: String,
}

/// What came of a claim.
#[derive(Debug, Serialize, ToSchema)]
pub struct Claimed {
    /// What you have now; `null` where there is nothing for you.
    claim: Option<Claim>,
    /// Why there is nothing.
    why: Option<String>,
}

impl From<Pulled> for Claim {
    fn from(pulled: Pulled) -> Self {
        Self {
            agent: pulled.run.hold.as_ref().map(|hold| hold.agent.clone()).unwrap_or_default(),
            run: Run::from(&pulled.run),
            task: Task::from(&pulled.task),
            project: Project::from(&pulled.project),
            prompt: pulled.prompt,
        }
    }
}

/// Takes a task for an agent that comes by itself.
///
/// The task is yours as long as you give signs of life (`heartbeat`, signals) before `run.held_until`, or wait for an
/// answer; then it goes back to Ready.
#[utoipa::path(
    post, path = "/api/v1/claims", operation_id = "claim_task", tag = "runs", request_body = NewClaim,
    responses((status = 200, body = Claimed), Refused)
)]
pub async fn claim(
    State(office): State<Arc<Office>>,
    State(pull): State<Arc<Pull>>,
    caller: Caller,
    Input { value: new, .. }: Input<NewClaim>,
) -> Result<Json<Claimed>, Failure> {
    let agent = match new.agent.as_deref().map(Handle::parse).transpose()?.flatten() {
        Some(agent) => agent,
        None => made_up(&office)?,
    };
    let ask = Ask {
        task: match &new.task {
            Some(task) => Some(find(&office, task).await?.id),
            None => None,
        },
        project: match &new.project {
            Some(project) => Some(projects::find(&office, project).await?.id),
            None => None,
        },
        role: new.role,
        agent,
        model: new.model.as_deref().map(ModelName::parse).transpose()?.flatten().map(String::from),
    };
    let offer = pull.next(&caller.agent(ask.agent.as_str()), &ask).await?;
    Ok(Json(match offer {
        Offer::Taken(pulled) => Claimed { claim: Some((*pulled).into()), why: None },
        Offer::Nothing(why) => Claimed { claim: None, why: Some(why) },
    }))
}

/// A name for an agent that has none.
fn made_up(office: &Office) -> Result<Handle, Failure> {
    // The end of an id that begins with the time is what is random in it.
    let id = office.fresh_id().simple().to_string();
    let name = format!("agent-{}", &id[id.len() - 6..]);
    Ok(Handle::parse(&name)?.unwrap_or_else(Handle::agent))
}

/// An open or ended run of a project that is there.
pub(super) async fn run(office: &Office, id: &str) -> Result<Inner, Failure> {
    let id: RunId = path_id(id, Refusal::RunNotFound)?;
    let run: Inner = office.get(id).await?.ok_or(Refusal::RunNotFound)?;
    let project: Option<ProjectDoc> = office.get(run.project).await?;
    project.filter(|project| project.deleted_at.is_none()).ok_or(Refusal::RunNotFound)?;
    Ok(run)
}

/// One run.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}", operation_id = "get_run", tag = "runs",
    params(("run" = String, Path, description = "Id.")),
    responses((status = 200, body = Run), Refused)
)]
pub async fn show(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Result<Json<Run>, Failure> {
    Ok(Json(Run::from(&run(&office, &id).await?)))
}

/// Stops the agent of a run.
///
/// What it has done so far stays, and its task waits in Blocked for somebody's word. The answer does not wait for its
/// end: look at the run again. Said of a run that is being stopped it changes nothing.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/stop", operation_id = "stop_run", tag = "runs",
    params(("run" = String, Path, description = "Id.")),
    responses((status = 200, body = Run), Refused)
)]
pub async fn stop(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Run>, Failure> {
    let before = run(&office, &id).await?;
    let done = office.run(&caller.actor(), &Command::StopAgent(before.id)).await?;
    Ok(Json(Run::from(done.now::<Inner>(before.id).unwrap_or(&before))))
}

/// Says that the agent is there, and keeps its task for another while.
///
/// 409 `run_ended`: the task was taken from you, or your signs came too late. Stop working on it.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/heartbeat", operation_id = "heartbeat", tag = "runs",
    params(("run" = String, Path, description = "Id.")),
    responses((status = 200, body = Run), Refused)
)]
pub async fn heartbeat(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Run>, Failure> {
    let before = run(&office, &id).await?;
    let done = office.run(&acting(&caller, &before), &Command::Heartbeat(before.id)).await?;
    Ok(Json(Run::from(done.now::<Inner>(before.id).unwrap_or(&before))))
}

/// Why an agent gives its task back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRelease)]
pub struct NewRelease {
    /// For people, and for whoever takes it next.
    reason: Option<String>,
}

/// Gives the task back that the agent holds.
///
/// It counts as an attempt that failed: a task that nobody can do is blocked in the end.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/release", operation_id = "release_task", tag = "runs", request_body = NewRelease,
    params(("run" = String, Path, description = "Id.")),
    responses((status = 200, body = Run), Refused)
)]
pub async fn release(
    State(office): State<Arc<Office>>,
    State(pull): State<Arc<Pull>>,
    caller: Caller,
    Path(id): Path<String>,
    Input { value: new, .. }: Input<NewRelease>,
) -> Result<Json<Run>, Failure> {
    let before = run(&office, &id).await?;
    let reason = new.reason.as_deref().map(Excerpt::from).unwrap_or_default();
    let command = Command::ReleaseRun(ReleaseRun { run: before.id, reason, retry: pull.policy().retry });
    let done = office.run(&acting(&caller, &before), &command).await?;
    Ok(Json(Run::from(done.now::<Inner>(before.id).unwrap_or(&before))))
}

/// The caller, for the agent of a run.
pub(super) fn acting(caller: &Caller, run: &Inner) -> clutch_domain::actor::Actor {
    caller.agent(run.hold.as_ref().map_or("agent", |hold| &hold.agent))
}
