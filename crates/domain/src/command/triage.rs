//! What is asked about a task that does not go on, or is to be handed to somebody.

use crate::{
    id::TaskId,
    task::{Priority, Role},
    text::{Body, Excerpt, Handle, ModelName, Title},
};

/// A step of triage (facts §2.10).
#[derive(Clone, Debug, PartialEq)]
pub struct Triage {
    /// About which task.
    pub task: TaskId,
    /// Who decides, as given.
    pub author: Handle,
    /// What is done.
    pub step: TriageStep,
}

/// What is done about a task.
#[derive(Clone, Debug, PartialEq)]
pub enum TriageStep {
    /// It may go on.
    Unblock,
    /// Another kind of agent tries it.
    Reassign {
        /// Which; its own where none is named.
        role: Option<Role>,
        /// The model that is wished for, which the comment tells.
        model: Option<ModelName>,
    },
    /// Smaller tasks take its place.
    Split(Vec<Subtask>),
    /// A person must look, for this reason.
    Escalate(Option<Excerpt>),
    /// It is given up for now, for this reason.
    Kill(Option<Excerpt>),
    /// Work on it is thrown away, by whoever looks after it; whoever works on it is stopped.
    Abort,
}

/// A wish that a task be handed to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDispatch {
    /// Which task.
    pub task: TaskId,
    /// To whom.
    pub agent: Handle,
    /// Who asks, as given.
    pub by: Handle,
}

/// A task that takes the place of part of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Subtask {
    /// One line.
    pub title: Title,
    /// Markdown.
    pub description: Option<Body>,
    /// Otherwise as its parent's.
    pub priority: Option<Priority>,
    /// Otherwise as its parent's.
    pub role: Option<Role>,
}
