//! Projects: make, change, remove, and the loop's switches.

use clutch_domain::id::ProjectId;
use leptos::prelude::*;

use super::Saved;
use crate::error::AppError;

/// Makes a project and goes to its board.
#[server(prefix = "/fn", endpoint = "create_project", output = crate::codec::Reply)]
pub async fn create_project(
    name: String,
    #[server(default)] slug: Option<String>,
    #[server(default)] description: Option<String>,
    #[server(default)] color: Option<String>,
    #[server(default)] local_path: Option<String>,
    #[server(default)] github_repo: Option<String>,
    #[server(default)] loop_on: bool,
) -> Result<Saved, AppError> {
    use clutch_domain::{
        command::{Command, NewProject},
        project::{ChatLayout, Project},
        text::{Color, Description, GithubRepo, LocalPath, Name, Slug},
    };

    use super::edge::{filled, parsed, run, there, told};

    let new = told((|| {
        Ok::<_, AppError>(NewProject {
            name: Name::parse(&name)?,
            slug: filled(slug).map(|s| Slug::parse(&s)).transpose()?,
            description: parsed(description, Description::parse)?,
            color: parsed(color, Color::parse)?,
            repo_url: None,
            local_path: parsed(local_path, LocalPath::parse)?,
            github_repo: parsed(github_repo, GithubRepo::parse)?,
            chat_layout: ChatLayout::default(),
            work_loop_enabled: loop_on,
            work_loop_max_agents: None,
        })
    })())?;
    told(there(new.local_path.as_ref(), None).await)?;
    let done = run(Command::CreateProject(new)).await?;
    if let Some(project) = done.made::<Project>() {
        leptos_axum::redirect(&format!("/projects/{}/board", project.slug));
    }
    Ok(Saved::default())
}

/// Changes a project's settings; the form sends all of them, an empty field clears.
#[server(prefix = "/fn", endpoint = "update_project", output = crate::codec::Reply)]
pub async fn update_project(
    project: ProjectId,
    name: String,
    #[server(default)] description: Option<String>,
    #[server(default)] color: Option<String>,
    #[server(default)] local_path: Option<String>,
    #[server(default)] github_repo: Option<String>,
    #[server(default)] loop_on: bool,
    #[server(default)] max_agents: Option<String>,
    #[server(default)] chat_layout: Option<String>,
) -> Result<Saved, AppError> {
    use clutch_domain::{
        command::{Command, ProjectPatch},
        project::ChatLayout,
        refusal::Refusal,
        text::{Color, Description, GithubRepo, LocalPath, Name},
    };

    use super::edge::{filled, parsed, save, there, told};

    let patch = told((|| {
        let most = filled(max_agents).map(|n| n.parse::<u32>().map_err(|_| Refusal::MaxAgentsInvalid)).transpose()?;
        Ok::<_, AppError>(ProjectPatch {
            name: Some(Name::parse(&name)?),
            description: Some(parsed(description, Description::parse)?),
            color: parsed(color, Color::parse)?,
            local_path: Some(parsed(local_path, LocalPath::parse)?),
            github_repo: Some(parsed(github_repo, GithubRepo::parse)?),
            work_loop_enabled: Some(loop_on),
            work_loop_max_agents: Some(most),
            // A form of before this field, or a word that is none, keeps what is.
            chat_layout: chat_layout.as_deref().and_then(|word| match word {
                "slack" => Some(ChatLayout::Slack),
                "imessage" => Some(ChatLayout::Imessage),
                _ => None,
            }),
            ..ProjectPatch::default()
        })
    })())?;
    told(there(patch.local_path.as_ref().and_then(Option::as_ref), Some(project)).await)?;
    save(Command::UpdateProject(project, patch)).await
}

/// Removes a project with everything in it and goes home.
#[server(prefix = "/fn", endpoint = "delete_project", output = crate::codec::Reply)]
pub async fn delete_project(project: ProjectId) -> Result<Saved, AppError> {
    use clutch_domain::command::{Command, Force};

    let saved = super::edge::save(Command::DeleteProject(project, Force::Yes)).await?;
    leptos_axum::redirect("/");
    Ok(saved)
}

/// Lets the loop take this project's tasks, or not.
#[server(prefix = "/fn", endpoint = "set_loop", output = crate::codec::Reply)]
pub async fn set_loop(project: ProjectId, on: bool) -> Result<Saved, AppError> {
    use clutch_domain::command::{Command, ProjectPatch};

    let patch = ProjectPatch { work_loop_enabled: Some(on), ..ProjectPatch::default() };
    super::edge::save(Command::UpdateProject(project, patch)).await
}

/// Pauses or resumes the loop in a project: running agents go on, nothing new starts.
#[server(prefix = "/fn", endpoint = "pause_loop", output = crate::codec::Reply)]
pub async fn pause_loop(project: ProjectId, paused: bool) -> Result<Saved, AppError> {
    super::edge::save(clutch_domain::command::Command::PauseLoop(project, paused)).await
}
