//! Projects (facts §2.5).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use clutch_app::site::Site;
use clutch_domain::{
    command::{Command, Force, NewProject, ProjectPatch},
    doc::Kind,
    id::ProjectId,
    project::{ChatLayout, Counts, Project},
    query::PROJECTS_MAX,
    range::{Fetch, Range},
    refusal::Refusal,
    text::{self, Color, Description, GithubRepo, LocalPath, Location, Models, Name, Runtimes, Slug},
};
use clutch_orchestrator::office::Office;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{chat::context, http::caller::Caller};

use super::{
    body::{Body, Path, Query, path_id, whole},
    error::Failure,
    once::Call,
    shapes,
};

type Answer = Result<Json<Value>, Failure>;

/// `GET /api/projects`.
pub async fn list(State(office): State<Arc<Office>>) -> Answer {
    let ranges = vec![
        Range::children(Kind::Project, "installation", PROJECTS_MAX),
        Range::children(Kind::Counts, "installation", PROJECTS_MAX),
    ];
    let docs = office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
    let counts: BTreeMap<ProjectId, u32> = docs.all::<Counts>(&ranges[1]).map(|c| (c.project, c.total())).collect();
    let mut projects: Vec<&Project> = docs.all(&ranges[0]).collect();
    projects.sort_by_key(|p| (p.name.as_str().to_lowercase(), p.id));
    let projects: Vec<Value> =
        projects.into_iter().map(|p| with_count(p, counts.get(&p.id).copied().unwrap_or(0))).collect();
    Ok(Json(json!({ "projects": projects })))
}

fn with_count(project: &Project, count: u32) -> Value {
    let mut shape = shapes::project(project);
    shape["task_count"] = json!(count);
    shape
}

/// The project of a path or a field ([`Office::project`]).
pub async fn find(office: &Office, name: &str) -> Result<Project, Failure> {
    office.project(name).await?.ok_or_else(|| Refusal::ProjectNotFound.into())
}

/// `POST /api/projects`.
pub async fn create(
    State(office): State<Arc<Office>>,
    State(site): State<Site>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let needed = "Name and slug are required";
    let new = NewProject {
        name: Name::parse(body.needed("name", "field_missing", needed)?)?,
        slug: Some(Slug::parse(body.needed("slug", "field_missing", needed)?)?),
        description: body.parsed("description", Description::parse)?,
        color: body.parsed("color", Color::parse)?,
        repo_url: body.parsed("repo_url", Location::parse)?,
        local_path: body.parsed("local_path", LocalPath::parse)?,
        github_repo: body.parsed("github_repo", GithubRepo::parse)?,
        chat_layout: layout(&body)?.unwrap_or_default(),
        work_loop_enabled: body.switch("work_loop_enabled")?.unwrap_or(false),
        work_loop_max_agents: max_agents(&body)?.flatten(),
    };
    let lack = lack(&site, new.local_path.as_ref()).await;
    let call = Call::of(&caller, &headers, "project", "", &body)?;
    let done = call.run(&office, &caller.actor(), &Command::CreateProject(new)).await?;
    let project = done.made::<Project>().ok_or(Refusal::ProjectNotFound)?;
    Ok((StatusCode::CREATED, Json(with_warning(json!({ "project": shapes::project(project) }), lack))))
}

/// `GET /api/projects/:id`, by id or slug.
pub async fn show(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    let project = find(&office, &id).await?;
    let count = office.get::<Counts>(project.id).await?.map_or(0, |counts| counts.total());
    Ok(Json(json!({ "project": with_count(&project, count) })))
}

/// `GET /api/projects/:id/context`: what an agent is told of a project before the first words of a chat.
pub async fn told(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Answer {
    let project = find(&office, &id).await?;
    let files = context::of(&project).await;
    let formatted = context::formatted(&project).await;
    let shown: Vec<Value> = files
        .iter()
        .map(|file| json!({ "path": file.name, "content": file.content, "truncated": file.truncated }))
        .collect();
    Ok(Json(json!({
        "context": {
            "project": {
                "name": project.name, "description": project.description, "slug": project.slug,
                "localPath": project.local_path, "githubRepo": project.github_repo,
            },
            "files": shown, "workingDirectory": project.local_path, "contextSize": formatted.len(),
        },
        "formatted": formatted, "sessionKeyPrefix": format!("clutch:{}", project.slug),
    })))
}

/// `PATCH /api/projects/:id`. `null` clears.
pub async fn update(
    State(office): State<Arc<Office>>,
    State(site): State<Site>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body,
) -> Answer {
    let project = find(&office, &id).await?;
    let patch = ProjectPatch {
        name: body.text("name")?.map(Name::parse).transpose()?,
        slug: body.text("slug")?.map(Slug::parse).transpose()?,
        description: body.patched("description", Description::parse)?,
        color: body.parsed("color", Color::parse)?,
        repo_url: body.patched("repo_url", Location::parse)?,
        context_path: body.patched("context_path", Location::parse)?,
        local_path: body.patched("local_path", LocalPath::parse)?,
        github_repo: body.patched("github_repo", GithubRepo::parse)?,
        chat_layout: layout(&body)?,
        work_loop_enabled: body.switch("work_loop_enabled")?,
        work_loop_max_agents: max_agents(&body)?,
        role_model_overrides: overrides(&body)?,
        runtimes: runtimes(&body)?,
        ..ProjectPatch::default()
    };
    let lack = lack(&site, patch.local_path.as_ref().and_then(Option::as_ref)).await;
    let done = office.run(&caller.actor(), &Command::UpdateProject(project.id, patch)).await?;
    let shape = json!({ "project": shapes::project(done.now(project.id).unwrap_or(&project)) });
    Ok(Json(with_warning(shape, lack)))
}

/// What is wrong with a folder that is set now. A program may make it later, so it is told and not refused.
async fn lack(site: &Site, folder: Option<&LocalPath>) -> Option<String> {
    site.lacks(folder?).await
}

fn with_warning(mut answer: Value, warning: Option<String>) -> Value {
    if let Some(warning) = warning {
        answer["warning"] = json!(warning);
    }
    answer
}

/// Query of a removal.
#[derive(Deserialize)]
pub struct RemoveQuery {
    /// `true`: for good, without a week in the bin.
    now: Option<String>,
}

/// `DELETE /api/projects/:id`, always with its tasks. For a week it can be restored, unless `?now=true`.
pub async fn remove(
    State(office): State<Arc<Office>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<RemoveQuery>,
) -> Answer {
    let now = match query.now.as_deref() {
        None | Some("" | "false") => false,
        Some("true") => true,
        Some(_) => return Err(Failure::invalid("invalid_field", "now must be true or false")),
    };
    // One that lies in the bin can still be given up, by its id.
    let id = match find(&office, &id).await {
        Ok(project) => {
            office.run(&caller.actor(), &Command::DeleteProject(project.id, Force::Yes)).await?;
            project.id
        }
        Err(missing) => id.parse::<ProjectId>().ok().filter(|_| now).ok_or(missing)?,
    };
    if now {
        office.run(&caller.actor(), &Command::DiscardProject(id)).await?;
    }
    Ok(Json(json!({ "success": true })))
}

/// `POST /api/projects/:id/restore`, by id: a deleted project's address is free. It comes back under its old
/// address, or under the next free one.
pub async fn restore(State(office): State<Arc<Office>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let id: ProjectId = path_id(&id, Refusal::ProjectNotFound)?;
    // Its questions come back in parts; the last step has nothing to do.
    while !office.run(&caller.actor(), &Command::RestoreProject(id)).await?.change.is_empty() {}
    let project = find(&office, &id.to_string()).await?;
    Ok(Json(json!({ "project": shapes::project(&project) })))
}

fn layout(body: &Body) -> Result<Option<ChatLayout>, Failure> {
    match body.text("chat_layout")? {
        None => Ok(None),
        Some("slack") => Ok(Some(ChatLayout::Slack)),
        Some("imessage") => Ok(Some(ChatLayout::Imessage)),
        Some(_) => Err(Failure::invalid("invalid_field", "chat_layout must be slack or imessage")),
    }
}

fn max_agents(body: &Body) -> Result<Option<Option<u32>>, Failure> {
    match body.0.get("work_loop_max_agents") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(value @ Value::Number(_)) => match whole(value).and_then(|n| u32::try_from(n).ok()) {
            Some(n) if n > 0 => Ok(Some(Some(n))),
            _ => Err(Refusal::MaxAgentsInvalid.into()),
        },
        Some(_) => Err(Refusal::MaxAgentsInvalid.into()),
    }
}

fn overrides(body: &Body) -> Result<Option<Models>, Failure> {
    match body.0.get("role_model_overrides") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(Models::default())),
        Some(Value::Object(map)) => {
            let mut models = Vec::new();
            for (role, model) in map {
                let wrong = || format!("role_model_overrides.{} must be a string", text::cut(&text::line(role), 60));
                let model = model.as_str().ok_or_else(|| Failure::invalid("invalid_field", wrong()))?;
                models.push((role.as_str(), model));
            }
            Ok(Some(Models::parse(models)?))
        }
        Some(_) => Err(Failure::invalid(
            "invalid_field",
            "role_model_overrides must be an object mapping roles to model strings",
        )),
    }
}

fn runtimes(body: &Body) -> Result<Option<Runtimes>, Failure> {
    let wrong = || Failure::invalid("invalid_field", "runtimes must be an object mapping roles to names of runtimes");
    match body.0.get("runtimes") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(Runtimes::default())),
        Some(Value::Object(map)) => {
            let chosen = map.iter().map(|(whose, name)| Some((whose.as_str(), name.as_str()?)));
            Ok(Some(Runtimes::parse(chosen.collect::<Option<Vec<_>>>().ok_or_else(wrong)?)?))
        }
        Some(_) => Err(wrong()),
    }
}
