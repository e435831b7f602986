//! Projects: make, change, remove, and the loop's switches.

use clutch_domain::id::ProjectId;
use leptos::prelude::*;

use super::Saved;
use crate::{error::AppError, model::settings::Checked};

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
    #[server(default)] key: Option<String>,
) -> Result<Saved, AppError> {
    use clutch_domain::{
        command::{Command, NewProject},
        project::{ChatLayout, Project},
        text::{Color, Description, GithubRepo, LocalPath, Name, Slug},
    };

    use super::edge::{filled, lead_to, parsed, run_once, there, told};
    use crate::site::site;

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
    let done = run_once("create_project", key, Command::CreateProject(new)).await?;
    if let Some(made) = done.made::<Project>() {
        // Asked for again, it lies where it was put the first time.
        let kept: Option<Project> = told(async { Ok(site()?.office.get(made.id).await?) }.await)?;
        let project = kept.as_ref().unwrap_or(made);
        lead_to(&format!("/projects/{}/board", project.slug));
    }
    Ok(Saved::default())
}

/// Changes a project's settings. An absent field stays; an empty one clears. `was` is what the form was
/// painted from ([`crate::model::settings`], as JSON): with it only fields that were changed are written,
/// and one that somebody else changed meanwhile is refused with both values (`changed_meanwhile`).
#[server(prefix = "/fn", endpoint = "update_project", output = crate::codec::Reply)]
pub async fn update_project(
    project: ProjectId,
    #[server(default)] name: Option<String>,
    #[server(default)] description: Option<String>,
    #[server(default)] color: Option<String>,
    #[server(default)] local_path: Option<String>,
    #[server(default)] github_repo: Option<String>,
    #[server(default)] loop_on: Option<String>,
    #[server(default)] max_agents: Option<String>,
    #[server(default)] chat_layout: Option<String>,
    #[server(default)] was: Option<String>,
) -> Result<Saved, AppError> {
    use clutch_domain::{
        command::{Command, ProjectPatch},
        project::Project,
        refusal::Refusal,
    };

    use super::edge::{save, there, told};
    use crate::{
        error::Class,
        model::settings::{FIELDS, Merged, Settings, in_words, merge},
        site::site,
    };

    let patch = async {
        let was: Settings = match was.as_deref() {
            Some(json) => serde_json::from_str(json).map_err(|_| {
                AppError::new(Class::Invalid, "bad_request", "What the form was painted from makes no sense.")
            })?,
            None => Settings::new(),
        };
        // A form without our code says nothing of a switch that is off.
        let loop_on = loop_on.or_else(|| was.contains_key("loop_on").then(String::new));
        let sent = [name, description, color, local_path, github_repo, loop_on, max_agents, chat_layout];
        let now: Project = site()?.office.get(project).await?.ok_or(Refusal::ProjectNotFound)?;
        let now = settings(&now);
        let (mut patch, mut met) = (ProjectPatch::default(), Vec::new());
        for ((field, label), mine) in FIELDS.into_iter().zip(sent) {
            let is = now.get(field).map(String::as_str).unwrap_or_default();
            match merge(was.get(field).map(String::as_str), mine.as_deref(), is) {
                Merged::Kept => {}
                Merged::Changed => change(&mut patch, field, mine.unwrap_or_default())?,
                Merged::Met => {
                    let mine = in_words(field, mine.as_deref().unwrap_or_default());
                    met.push(format!(
                        "Somebody changed {label} to {} meanwhile; here it is {mine}.",
                        in_words(field, is)
                    ));
                }
            }
        }
        if met.is_empty() {
            there(patch.local_path.as_ref().and_then(Option::as_ref), Some(project)).await?;
            return Ok(patch);
        }
        let sentence = format!("{} Nothing was saved; saving again keeps yours.", met.join(" "));
        Err(AppError::new(Class::Conflict, "changed_meanwhile", sentence))
    };
    let patch = told(patch.await)?;
    if patch == ProjectPatch::default() {
        return Ok(Saved::default());
    }
    save(Command::UpdateProject(project, patch)).await
}

#[cfg(feature = "ssr")]
fn settings(project: &clutch_domain::project::Project) -> crate::model::settings::Settings {
    crate::model::settings::settings(
        project.name.as_str(),
        project.description.as_deref(),
        &project.color,
        project.local_path.as_deref(),
        project.github_repo.as_deref(),
        project.work_loop_enabled,
        project.work_loop_max_agents,
        project.chat_layout,
    )
}

/// Puts what a field says into the change.
#[cfg(feature = "ssr")]
fn change(patch: &mut clutch_domain::command::ProjectPatch, field: &str, says: String) -> Result<(), AppError> {
    use clutch_domain::{
        project::ChatLayout,
        refusal::Refusal,
        text::{Color, Description, GithubRepo, LocalPath, Name},
    };

    use super::edge::{filled, parsed};
    use crate::error::Class;

    let says = filled(Some(says));
    match field {
        "name" => patch.name = Some(Name::parse(says.as_deref().unwrap_or_default())?),
        "description" => patch.description = Some(parsed(says, Description::parse)?),
        "color" => patch.color = parsed(says, Color::parse)?,
        "local_path" => patch.local_path = Some(parsed(says, LocalPath::parse)?),
        "github_repo" => patch.github_repo = Some(parsed(says, GithubRepo::parse)?),
        "loop_on" => patch.work_loop_enabled = Some(says.as_deref() == Some("true")),
        "max_agents" => {
            let most = says.map(|n| n.parse::<u32>().map_err(|_| Refusal::MaxAgentsInvalid)).transpose()?;
            patch.work_loop_max_agents = Some(most);
        }
        _ => {
            patch.chat_layout = Some(match says.as_deref() {
                Some("slack") => ChatLayout::Slack,
                Some("imessage") => ChatLayout::Imessage,
                _ => return Err(AppError::new(Class::Invalid, "value_unknown", "Messages lie in no such way.")),
            });
        }
    }
    Ok(())
}

/// Brings a deleted project back, under its old address or the next free one, and leads there.
#[server(prefix = "/fn", endpoint = "restore_project", output = crate::codec::Reply)]
pub async fn restore_project(project: ProjectId) -> Result<Saved, AppError> {
    use clutch_domain::{command::Command, project::Project};

    let mut back = None;
    // Its questions come back in parts; the last step has nothing to do.
    loop {
        let done = super::edge::run(Command::RestoreProject(project)).await?;
        if done.change.is_empty() {
            break;
        }
        back = done.now::<Project>(project).map(|project| project.slug.clone()).or(back);
    }
    if let Some(slug) = back {
        super::edge::lead_to(&format!("/projects/{slug}/board"));
    }
    Ok(Saved::default())
}

/// Takes a project away with everything in it and goes home; for a week it can be brought back.
#[server(prefix = "/fn", endpoint = "delete_project", output = crate::codec::Reply)]
pub async fn delete_project(project: ProjectId) -> Result<Saved, AppError> {
    use clutch_domain::command::{Command, Force};

    let saved = super::edge::save(Command::DeleteProject(project, Force::Yes)).await?;
    super::edge::lead_to("/");
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

/// What is there where a field of the settings leads, before it is saved: `local_path` or `github_repo`.
#[server(prefix = "/fn", endpoint = "check_setting", output = crate::codec::Reply)]
pub async fn check_setting(field: String, value: String) -> Result<Checked, AppError> {
    use clutch_domain::{
        refusal::Refusal,
        right::Right,
        text::{GithubRepo, LocalPath},
    };
    use clutch_orchestrator::store::Fault;

    use super::edge::told;
    use crate::site::{Inspector, who};

    let look = async {
        // It asks of other places what only whoever may write them down needs to know.
        if !who().may(Right::Write) {
            return Err(Refusal::NotAllowed.into());
        }
        let inspector = use_context::<std::sync::Arc<dyn Inspector>>()
            .ok_or_else(|| Fault::new("no Inspector in the context of a server function"))?;
        match field.as_str() {
            "local_path" => match LocalPath::parse(&value)? {
                Some(path) => Ok(inspector.folder(&path).await),
                None => Err(Refusal::PathInvalid.into()),
            },
            "github_repo" => match GithubRepo::parse(&value)? {
                Some(repo) => Ok(inspector.repository(&repo).await),
                None => Err(Refusal::GithubRepoInvalid.into()),
            },
            _ => Err(Refusal::ChoiceUnknown.into()),
        }
    };
    told(look.await)
}
