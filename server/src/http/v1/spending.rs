//! What agents of a project use, in v1.

use std::sync::Arc;

use axum::{Json, extract::State};
use clutch_domain::run::LoopState;
use clutch_orchestrator::office::Office;

use super::{
    problem::Refused,
    shapes::{Budget, Spending, usd},
};
use crate::http::compat::{body::Path, error::Failure, projects::find};

/// What its agents used today, and what they may.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/spending", operation_id = "get_spending", tag = "projects",
    params(("project" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = Spending), Refused)
)]
pub async fn spending(
    State(office): State<Arc<Office>>,
    Path(project): Path<String>,
) -> Result<Json<Spending>, Failure> {
    let project = find(&office, &project).await?;
    let state: Option<LoopState> = office.get(project.id).await?;
    let now = office.now();
    let (spent, utc) = (state.map(|state| state.spent).unwrap_or_default().on(now), now.utc());
    Ok(Json(Spending {
        day: format!("{:04}-{:02}-{:02}", utc.year, utc.month, utc.day),
        runs: spent.runs,
        minutes: spent.worked_ms / 60_000,
        tokens: spent.tokens,
        usd: usd(spent.cost_micros),
        budget: Budget::from(&project.budget),
        used_up: project
            .budget
            .used_up(&spent)
            .map(|used_up| format!("Today\u{2019}s budget of {used_up} is used up.")),
    }))
}
