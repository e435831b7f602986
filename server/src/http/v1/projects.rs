//! Projects of v1.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use clutch_domain::{
    brake,
    command::{Command, Force, NewProject, ProjectPatch},
    doc::Kind,
    id::ProjectId,
    project::{ChatLayout, Counts, Project as Inner},
    query::PROJECTS_MAX,
    range::Range,
    refusal::Refusal,
    text::{Color, Description, GithubRepo, LocalPath, Models, Name, Runtimes, Slug},
};
use clutch_orchestrator::office::Office;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    etag::{held, run_on},
    input::{Input, Object, patched},
    page::Page,
    problem::{Refused, Reused, Stale},
    shapes::{Budget, Project},
};
use crate::http::{
    caller::Caller,
    compat::{
        body::{Path, path_id},
        error::Failure,
        projects::find,
    },
};

/// What a new project may say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewProject)]
pub struct New {
    /// Name.
    name: String,
    /// Its address; left out, one is made of the name.
    slug: Option<String>,
    /// What it is about.
    description: Option<String>,
    /// `#rrggbb`.
    color: Option<String>,
    /// Folder of its repository on the server.
    local_path: Option<String>,
    /// `owner/repo`.
    github_repo: Option<String>,
    /// Whether the work loop takes its tasks.
    #[serde(default)]
    work_loop_enabled: bool,
    /// Most agents at once.
    #[schema(minimum = 1)]
    work_loop_max_agents: Option<i32>,
}

/// What is to change of a project: a member that is left out stays, `null` clears.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProjectPatch)]
pub struct Patch {
    /// Name.
    name: Option<String>,
    /// Its address.
    slug: Option<String>,
    /// What it is about.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// `#rrggbb`.
    color: Option<String>,
    /// Folder of its repository on the server.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    local_path: Option<Option<String>>,
    /// `owner/repo`.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<String>)]
    github_repo: Option<Option<String>>,
    /// Whether the work loop takes its tasks.
    work_loop_enabled: Option<bool>,
    /// Most agents at once.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<i32>, minimum = 1)]
    work_loop_max_agents: Option<Option<i32>>,
    /// What its agents may use up on a day; the whole of it, what is left out has no bound.
    #[serde(default, deserialize_with = "patched")]
    #[schema(value_type = Option<Budget>)]
    budget: Option<Option<Object<Budget>>>,
    /// The work loop only says what it would do.
    dry_run: Option<bool>,
    /// An attempt whose model's usage window runs out counts as failed.
    limits_fail: Option<bool>,
    /// Model by role; the whole table.
    models: Option<BTreeMap<String, String>>,
    /// Runtime by role; the whole table.
    runtimes: Option<BTreeMap<String, String>>,
}

/// A field as the domain takes it.
fn parsed<T>(text: Option<&String>, parse: fn(&str) -> Result<Option<T>, Refusal>) -> Result<Option<T>, Failure> {
    Ok(text.map(|text| parse(text)).transpose()?.flatten())
}

/// A field of a patch: absent stays, `null` and blank clear.
#[expect(clippy::ref_option, reason = "it is the member as it is")]
pub(super) fn cleared<T>(
    text: &Option<Option<String>>,
    parse: fn(&str) -> Result<Option<T>, Refusal>,
) -> Result<Option<Option<T>>, Failure> {
    Ok(match text {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) => Some(parse(text)?),
    })
}

fn agents(most: Option<i32>) -> Result<Option<u32>, Failure> {
    let number = |most: i32| u32::try_from(most).ok().filter(|most| *most > 0).ok_or(Refusal::MaxAgentsInvalid);
    Ok(most.map(number).transpose()?)
}

/// All projects, by name.
#[utoipa::path(get, path = "/api/v1/projects", operation_id = "list_projects", tag = "projects", responses((status = 200, body = Page<Project>), Refused))]
pub async fn list(State(office): State<Arc<Office>>) -> Result<Json<Page<Project>>, Failure> {
    let mut all: Vec<Inner> = office.all(Range::children(Kind::Project, "installation", PROJECTS_MAX)).await?;
    all.sort_by_key(|p| (p.name.as_str().to_lowercase(), p.id));
    Ok(Json(Page { items: all.iter().map(Project::from).collect(), next_cursor: None }))
}

/// Makes a project, with a chat.
#[utoipa::path(
    post, path = "/api/v1/projects", operation_id = "create_project", tag = "projects", request_body = New,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same call under the same key is done once.")),
    responses((status = 201, body = Project), Refused, Reused)
)]
pub async fn create(
    State(office): State<Arc<Office>>,
    caller: Caller,
    headers: HeaderMap,
    input: Input<New>,
) -> Result<(StatusCode, Json<Project>), Failure> {
    let new = &input.value;
    let command = Command::CreateProject(NewProject {
        name: Name::parse(&new.name)?,
        slug: new.slug.as_deref().map(Slug::parse).transpose()?,
        description: parsed(new.description.as_ref(), Description::parse)?,
        color: parsed(new.color.as_ref(), Color::parse)?,
        repo_url: None,
        local_path: parsed(new.local_path.as_ref(), LocalPath::parse)?,
        github_repo: parsed(new.github_repo.as_ref(), GithubRepo::parse)?,
        chat_layout: ChatLayout::default(),
        work_loop_enabled: new.work_loop_enabled,
        work_loop_max_agents: agents(new.work_loop_max_agents)?,
    });
    let done = input.run(&office, &caller, &headers, "v1:project", &command).await?;
    let project = done.made::<Inner>().ok_or(Refusal::ProjectNotFound)?;
    Ok((StatusCode::CREATED, Json(Project::from(project))))
}

/// One project.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}", operation_id = "get_project", tag = "projects",
    params(
        ("project" = String, Path, description = "Slug or id."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that you have."),
    ),
    responses((status = 200, body = Project, headers(("ETag" = String))), (status = 304, description = "You have it."), Refused)
)]
pub async fn show(
    State(office): State<Arc<Office>>,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id = find(&office, &project).await?.id;
    let project = held::<Inner>(&office, id).await?.ok_or(Refusal::ProjectNotFound)?;
    Ok(project.answer(&headers, |project| Project::from(project)))
}

/// Changes a project.
#[utoipa::path(
    patch, path = "/api/v1/projects/{project}", operation_id = "update_project", tag = "projects", request_body = Patch,
    params(
        ("project" = String, Path, description = "Slug or id."),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag."),
    ),
    responses((status = 200, body = Project, headers(("ETag" = String))), Refused, Stale)
)]
pub async fn update(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(project): Path<String>,
    headers: HeaderMap,
    Input { value: patch, .. }: Input<Patch>,
) -> Result<Response, Failure> {
    let id = find(&office, &project).await?.id;
    let table = |table: &BTreeMap<String, String>| -> Vec<(String, String)> { table.clone().into_iter().collect() };
    let models = patch.models.as_ref().map(table).map(|all| Models::parse(pairs(&all)));
    let runtimes = patch.runtimes.as_ref().map(table).map(|all| Runtimes::parse(pairs(&all)));
    let change = ProjectPatch {
        name: patch.name.as_deref().map(Name::parse).transpose()?,
        slug: patch.slug.as_deref().map(Slug::parse).transpose()?,
        description: cleared(&patch.description, Description::parse)?,
        color: parsed(patch.color.as_ref(), Color::parse)?,
        local_path: cleared(&patch.local_path, LocalPath::parse)?,
        github_repo: cleared(&patch.github_repo, GithubRepo::parse)?,
        work_loop_enabled: patch.work_loop_enabled,
        work_loop_max_agents: patch.work_loop_max_agents.map(agents).transpose()?,
        budget: patch.budget.as_ref().map(budget).transpose()?,
        dry_run: patch.dry_run,
        limits_fail: patch.limits_fail,
        role_model_overrides: models.transpose()?,
        runtimes: runtimes.transpose()?,
        ..ProjectPatch::default()
    };
    run_on::<Inner>(&office, &caller.actor(), &headers, id, &Command::UpdateProject(id, change)).await?;
    let project = held::<Inner>(&office, id).await?.ok_or(Refusal::ProjectNotFound)?;
    Ok(project.answer(&HeaderMap::new(), |project| Project::from(project)))
}

/// `null` has no bound at all.
#[expect(clippy::ref_option, reason = "it is the member as it is")]
fn budget(budget: &Option<Object<Budget>>) -> Result<brake::Budget, Refusal> {
    budget.as_ref().map_or_else(|| Ok(brake::Budget::default()), |budget| brake::Budget::try_from(&budget.0))
}

fn pairs(all: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    all.iter().map(|(whose, name)| (whose.as_str(), name.as_str()))
}

/// Deletes a project with everything in it.
///
/// For a week it can be restored.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}", operation_id = "delete_project", tag = "projects",
    params(
        ("project" = String, Path, description = "Slug or id."),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this ETag."),
    ),
    responses((status = 204, description = "It lies in the bin."), Refused, Stale)
)]
pub async fn remove(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let id = find(&office, &project).await?.id;
    run_on::<Inner>(&office, &caller.actor(), &headers, id, &Command::DeleteProject(id, Force::Yes)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Brings a deleted project back, under its old address or the next free one.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/restore", operation_id = "restore_project", tag = "projects",
    params(("project" = String, Path, description = "Id: the address of a deleted project is free.")),
    responses((status = 200, body = Project), Refused)
)]
pub async fn restore(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<Project>, Failure> {
    let id: ProjectId = path_id(&project, Refusal::ProjectNotFound)?;
    // Its questions come back in parts; the last step has nothing to do.
    while !office.run(&caller.actor(), &Command::RestoreProject(id)).await?.change.is_empty() {}
    Ok(Json(Project::from(&find(&office, &id.to_string()).await?)))
}

/// How many tasks a project has in each column; a column without any is left out.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/counts", operation_id = "count_tasks", tag = "projects",
    params(("project" = String, Path, description = "Slug or id.")),
    responses((status = 200, body = BTreeMap<String, u32>), Refused)
)]
pub async fn counts(
    State(office): State<Arc<Office>>,
    Path(project): Path<String>,
) -> Result<Json<BTreeMap<String, u32>>, Failure> {
    let id = find(&office, &project).await?.id;
    let mut counts = office.get::<Counts>(id).await?.map(|counts| counts.by_status).unwrap_or_default();
    counts.retain(|_, count| *count > 0);
    Ok(Json(counts))
}
