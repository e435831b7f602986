//! One ticket: its panel, its fields, and what is said about it.

use clutch_domain::{
    id::{DependencyId, RunId, SignalId, TaskId},
    task::TaskField,
};
use leptos::prelude::*;

use super::Saved;
use crate::{error::AppError, model::wire::Loaded};

/// A ticket with all that hangs on it. `task` is `T-12`, `12` or the id.
#[server(prefix = "/fn", endpoint = "load_task", output = crate::codec::Reply)]
pub async fn load_task(slug: String, task: String) -> Result<Loaded, AppError> {
    use clutch_domain::{
        query::{Query, answer},
        range::Fetch,
        refusal::Refusal,
    };

    use super::edge;
    use crate::{
        model::{Extra, painted},
        site::site,
    };

    let load = async {
        let site = site()?;
        let project = edge::project(&site, &slug).await?.id;
        let task = edge::task(&site, &task).await?.id;
        let query = Query::Task { project, task };
        let read = site.office.read(&query.fetch()).await?;
        let snapshot = answer(&query, &read.value);
        let ranges = Extra::ranges(&snapshot);
        let more = site.office.read(&Fetch { scopes: Vec::new(), ranges: ranges.clone() }).await?.value;
        let extra = Extra::of(ranges.iter().filter_map(|range| more.get(range)).flatten());
        let parts = painted(query, snapshot, extra).await?;
        if parts.is_empty() { Err(Refusal::TaskNotFound.into()) } else { Ok(Loaded { version: read.version, parts }) }
    };
    edge::told(load.await)
}

/// Changes one field of a ticket. `was` is the text that the writer had before them, where they have `seen` one
/// (a form cannot tell no text from an empty one): where somebody else has changed it since, the answer is the
/// conflict `text_changed`.
#[server(prefix = "/fn", endpoint = "edit_task", output = crate::codec::Reply)]
pub async fn edit_task(
    task: TaskId,
    field: TaskField,
    #[server(default)] value: String,
    #[server(default)] seen: bool,
    #[server(default)] was: String,
) -> Result<Saved, AppError> {
    use clutch_domain::{
        command::{Command, TaskPatch},
        task::TaskFields,
    };

    use super::edge::{save, told};

    let fields = told(TaskFields::parse(field, &value).map_err(AppError::from))?;
    let instead_of = seen.then_some((field, was));
    save(Command::UpdateTask(task, TaskPatch { instead_of, ..TaskPatch::from(fields) })).await
}

/// A person says that a run is over which the gateway neither shows nor stops.
#[server(prefix = "/fn", endpoint = "treat_as_ended", output = crate::codec::Reply)]
pub async fn treat_as_ended(run: RunId) -> Result<Saved, AppError> {
    super::edge::save(clutch_domain::command::Command::TreatAsEnded(run)).await
}

/// Stops the agent of a run; what it has done so far stays.
#[server(prefix = "/fn", endpoint = "stop_agent", output = crate::codec::Reply)]
pub async fn stop_agent(run: RunId) -> Result<Saved, AppError> {
    super::edge::save(clutch_domain::command::Command::StopAgent(run)).await
}

/// Writes a comment as whoever calls.
#[server(prefix = "/fn", endpoint = "add_comment", output = crate::codec::Reply)]
pub async fn add_comment(
    task: TaskId,
    content: String,
    #[server(default)] key: Option<String>,
) -> Result<Saved, AppError> {
    use clutch_domain::{
        command::{Command, NewComment},
        refusal::Refusal,
        talk::CommentType,
        text::Body,
    };

    use super::edge::{save_once, told};
    use crate::site::{author, who};

    let content = told(Body::parse(&content).and_then(|b| b.ok_or(Refusal::ContentMissing)).map_err(AppError::from))?;
    let (author, author_type) = author(&who());
    let comment = NewComment { task, author, author_type, content, kind: CommentType::Message };
    save_once("add_comment", key, Command::AddComment(comment)).await
}

/// Answers an agent's question; the loop carries the answer into its session.
#[server(prefix = "/fn", endpoint = "answer_signal", output = crate::codec::Reply)]
pub async fn answer_signal(
    signal: SignalId,
    response: String,
    #[server(default)] key: Option<String>,
) -> Result<Saved, AppError> {
    use clutch_domain::{command::Command, refusal::Refusal, text::Body};

    use super::edge::{save_once, told};

    let body = told(Body::parse(&response).and_then(|b| b.ok_or(Refusal::ResponseMissing)).map_err(AppError::from))?;
    save_once("answer_signal", key, Command::AnswerSignal(signal, body)).await
}

/// `task` waits for `other` (`T-12`, `12` or an id) from now on.
#[server(prefix = "/fn", endpoint = "add_dependency", output = crate::codec::Reply)]
pub async fn add_dependency(
    task: TaskId,
    other: String,
    #[server(default)] key: Option<String>,
) -> Result<Saved, AppError> {
    use super::edge;

    let other = edge::told(async { edge::task(&crate::site::site()?, &other).await }.await)?;
    edge::save_once("add_dependency", key, clutch_domain::command::Command::AddDependency(task, other.id)).await
}

/// It does not wait any more.
#[server(prefix = "/fn", endpoint = "remove_dependency", output = crate::codec::Reply)]
pub async fn remove_dependency(edge: DependencyId) -> Result<Saved, AppError> {
    use clutch_domain::command::{Command, EdgeRef};

    super::edge::save(Command::RemoveDependency(EdgeRef::Id(edge))).await
}
