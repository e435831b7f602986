//! The board and its cards.

use clutch_domain::{
    id::{ProjectId, TaskId},
    task::{Priority, Status},
};
use leptos::prelude::*;

use super::Saved;
use crate::{error::AppError, model::wire::Loaded};

/// A project's board.
#[server(prefix = "/fn", endpoint = "load_board", output = crate::codec::Reply)]
pub async fn load_board(slug: String) -> Result<Loaded, AppError> {
    use clutch_domain::{
        query::{Query, answer},
        refusal::Refusal,
    };

    use super::edge;
    use crate::{
        model::{Extra, parts},
        site::site,
    };

    let load = async {
        let site = site()?;
        let query = Query::board(edge::project(&site, &slug).await?.id);
        let read = site.office.read(&query.fetch()).await?;
        let parts = parts(&query, &answer(&query, &read.value), &Extra::default());
        if parts.is_empty() {
            Err(Refusal::ProjectNotFound.into())
        } else {
            Ok(Loaded { version: read.version, parts })
        }
    };
    edge::told(load.await)
}

/// Makes a ticket and shows the board.
#[server(prefix = "/fn", endpoint = "create_task", output = crate::codec::Reply)]
pub async fn create_task(
    project: ProjectId,
    slug: String,
    title: String,
    #[server(default)] description: Option<String>,
    status: Status,
    priority: Priority,
    #[server(default)] role: Option<String>,
    #[server(default)] key: Option<String>,
) -> Result<Saved, AppError> {
    use clutch_domain::{
        command::{Command, NewTask},
        task::{Role, TaskFields},
        text::{Body, Slug, Title},
    };

    use super::edge::{filled, lead_forms_to, save_once, told};

    let (new, slug) = told((|| {
        let new = NewTask {
            project,
            title: Title::parse(&title)?,
            status,
            fields: TaskFields {
                description: Some(Body::parse(&description.unwrap_or_default())?),
                priority: Some(priority),
                role: Some(filled(role).and_then(|r| r.parse::<Role>().ok())),
                ..TaskFields::default()
            },
            dependencies: Vec::new(),
        };
        Ok::<_, AppError>((new, Slug::parse(&slug)?))
    })())?;
    let saved = save_once("create_task", key, Command::CreateTask(new)).await?;
    lead_forms_to(&format!("/projects/{slug}/board"));
    Ok(saved)
}

/// Where a moved card goes within its column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spot {
    /// Below all others.
    #[default]
    End,
    /// Above all others.
    Top,
}

/// Moves a ticket across or within columns: beside a card, or to an end of the column.
#[server(prefix = "/fn", endpoint = "move_task", output = crate::codec::Reply)]
pub async fn move_task(
    task: TaskId,
    to: Status,
    #[server(default)] before: Option<TaskId>,
    #[server(default)] after: Option<TaskId>,
    #[server(default)] spot: Spot,
    #[server(default)] reopen: bool,
) -> Result<Saved, AppError> {
    use clutch_domain::command::{Command, MoveTask, Place};

    let place = match (before, after, spot) {
        (Some(card), _, _) => Place::Before(card),
        (_, Some(card), _) => Place::After(card),
        (_, _, Spot::Top) => Place::Top,
        (_, _, Spot::End) => Place::End,
    };
    super::edge::save(Command::MoveTask(MoveTask { task, to, place, reason: None, resolution: None, reopen })).await
}

/// Removes a ticket, its comments and its edges.
#[server(prefix = "/fn", endpoint = "delete_task", output = crate::codec::Reply)]
pub async fn delete_task(task: TaskId) -> Result<Saved, AppError> {
    super::edge::save(clutch_domain::command::Command::DeleteTask(task)).await
}
