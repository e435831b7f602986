//! The loop for programs (facts §2.20): its settings, and its switch in one project.
//!
//! What the loop counts by itself cannot be set, and is refused rather than taken and forgotten.

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_domain::{
    command::Command,
    doc::{Kind, RUN_WORKING, Scope},
    plan::world::WORKING_MAX,
    range::{Order, Range},
    refusal::Refusal,
    right::Right,
    run::{LoopState, Run},
};
use clutch_orchestrator::{office::Office, store::Fault};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    http::caller::Caller,
    settings::{NotSet, SettingsError},
};

use super::{body::Body, error::Failure, programs::Programs, projects};

type Answer = Result<Json<Value>, Failure>;

/// What the loop itself tells of a project.
const COUNTED: [&str; 6] =
    ["current_phase", "current_cycle", "active_agents", "max_agents", "error_message", "last_cycle_at"];
const NOTE: &str = "Configuration updated. Restart the server for changes to take effect: ./run.sh restart";

/// `GET /api/work-loop/config`.
pub async fn config(State(programs): State<Arc<Programs>>) -> Answer {
    Ok(Json(json!({ "config": now(&programs).await? })))
}

/// `PATCH /api/work-loop/config`. It changes the server itself: for whoever may let others in, and for programs of this
/// machine, which could write the file themselves.
pub async fn configure(State(programs): State<Arc<Programs>>, caller: Caller, body: Body) -> Answer {
    if caller != Caller::Program && !caller.actor().may(Right::Admit) {
        return Err(Right::Admit.refusal().into());
    }
    let mut wanted = Vec::new();
    for (name, value) in &body.0 {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return Err(Failure::invalid("invalid_field", "Values must be strings")),
        };
        wanted.push((name.clone(), value));
    }
    if wanted.is_empty() {
        return Err(Refusal::NothingToChange.into());
    }
    let knobs = programs.knobs.clone();
    let set = tokio::task::spawn_blocking(move || knobs.set(&wanted)).await.map_err(|e| Fault::new(e.to_string()))?;
    set.map_err(|why| match why {
        NotSet::Unknown(name) => {
            let name: String = name.chars().take(60).collect();
            Failure::invalid("invalid_field", format!("Invalid config key: {name}"))
        }
        NotSet::Wrong(sentence) => Failure::invalid("invalid_field", sentence),
        NotSet::Elsewhere(name) => Failure::new(
            StatusCode::CONFLICT,
            "set_in_environment",
            format!("{name} is set in the server's environment, which counts over .env.local. Change it there."),
        ),
        NotSet::File(why) => Fault::new(format!(".env.local cannot be changed: {why}")).into(),
    })?;
    Ok(Json(json!({ "config": now(&programs).await?, "note": NOTE })))
}

/// The values with which the server would start now.
async fn now(programs: &Programs) -> Result<Map<String, Value>, Failure> {
    let knobs = programs.knobs.clone();
    let now = tokio::task::spawn_blocking(move || knobs.now()).await.map_err(|e| Fault::new(e.to_string()))?;
    let now = now.map_err(|SettingsError(why)| Fault::new(why))?;
    Ok(now.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}

/// `PATCH /api/work-loop/state`.
pub async fn set_state(
    State(office): State<Arc<Office>>,
    State(programs): State<Arc<Programs>>,
    caller: Caller,
    body: Body,
) -> Answer {
    let named = body.needed("projectId", "field_missing", "projectId and status are required")?;
    let project = projects::find(&office, named).await?;
    let paused = match body.needed("status", "field_missing", "projectId and status are required")? {
        "running" => false,
        "paused" => true,
        "stopped" | "error" => {
            let sentence = "The loop itself says that it is stopped or in error; set running or paused. \
                            WORK_LOOP_ENABLED turns it off.";
            return Err(Failure::invalid("status_not_settable", sentence));
        }
        _ => {
            let sentence = "Invalid status. Must be one of: running, paused, stopped, error";
            return Err(Failure::invalid("invalid_field", sentence));
        }
    };
    if let Some(counted) = COUNTED.into_iter().find(|name| body.some(name).is_some()) {
        let sentence = format!("{counted} is told by the loop itself and cannot be set. Send projectId and status.");
        return Err(Failure::invalid("not_settable", sentence));
    }
    office.run(&caller.actor(), &Command::PauseLoop(project.id, paused)).await?;
    let state = office.get::<LoopState>(project.id).await?;
    let working = Range::ByStatus {
        kind: Kind::Run,
        scope: Some(Scope::Project(project.id)),
        status: RUN_WORKING.into(),
        order: Order::Newest,
        limit: WORKING_MAX,
    };
    let working = office.all::<Run>(working).await?.len();
    let most = project.work_loop_max_agents.unwrap_or(programs.policy.max_agents_per_project);
    Ok(Json(json!({ "success": true, "state": {
        "id": project.id, "project_id": project.id, "status": if paused { "paused" } else { "running" },
        "current_phase": null, "current_cycle": 0, "active_agents": working, "max_agents": most,
        "last_cycle_at": null, "error_message": state.as_ref().and_then(|state| state.notice.clone()),
        "updated_at": state.map(|state| state.updated_at),
    } })))
}
