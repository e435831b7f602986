//! What is there for rules: a deleted project is not, nor is anything in it, though its documents
//! lie in the bin and are removed for good step by step.

use crate::{
    chat::Chat,
    id::{ChatId, ProjectId, TaskId},
    project::Project,
    refusal::Refusal,
    task::Task,
    view::{Seen, Stop, View},
};

/// A project that is not deleted.
pub(crate) fn project(view: &View, id: ProjectId) -> Result<Seen<Project>, Stop> {
    within(view, id, Refusal::ProjectNotFound)
}

/// A task of such a project.
pub(crate) fn task(view: &View, id: TaskId) -> Result<Seen<Task>, Stop> {
    let task = view.must::<Task>(id, Refusal::TaskNotFound)?;
    within(view, task.is.project, Refusal::TaskNotFound)?;
    Ok(task)
}

/// A chat of such a project that is not deleted itself.
pub(crate) fn chat(view: &View, id: ChatId) -> Result<Seen<Chat>, Stop> {
    let chat = view.must::<Chat>(id, Refusal::ChatNotFound)?;
    if chat.is.deleted_at.is_some() {
        return Err(Refusal::ChatNotFound.into());
    }
    within(view, chat.is.project, Refusal::ChatNotFound)?;
    Ok(chat)
}

/// The project of something; where it is not there, neither is the thing.
pub(crate) fn within(view: &View, project: ProjectId, missing: Refusal) -> Result<Seen<Project>, Stop> {
    let found = view.must::<Project>(project, missing)?;
    if found.is.deleted_at.is_some() { Err(missing.into()) } else { Ok(found) }
}
