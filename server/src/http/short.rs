//! Short addresses that words name: `/t/12` leads to ticket T-12 on its board.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use clutch_domain::project::Project;
use clutch_orchestrator::office::{Error, Office};

use crate::http::compat::error::Failure;

/// `GET /t/:number`.
pub async fn ticket(State(office): State<Arc<Office>>, Path(number): Path<String>) -> Response {
    match found(&office, &number).await {
        Ok(Some(address)) => Redirect::to(&address).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "There is no such ticket; it may have been deleted.\n").into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}

async fn found(office: &Office, number: &str) -> Result<Option<String>, Error> {
    let Some(task) = office.task(number).await? else { return Ok(None) };
    let project: Option<Project> = office.get(task.project).await?;
    Ok(project.map(|p| format!("/projects/{}/board?task={}", p.slug, task.short())))
}
