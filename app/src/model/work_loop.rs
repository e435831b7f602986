//! The page of the work loop, of one project.
//!
//! Parts: `"head"` ([`LoopHead`]), `"r:<run id>"` ([`RunRow`]), `"w:<task id>"` ([`WaitRow`]), `"b:<task id>"`
//! ([`StuckRow`]), `"d:<activity id>"` ([`Decision`]). The page of all projects has one such page for each.

use clutch_domain::{
    id::{ActivityId, ProjectId, RunId, TaskId},
    plan::explain::Fix,
    task::Role,
    time::Millis,
};
use serde::{Deserialize, Serialize};

/// How the loop stands in a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoopHead {
    /// Project.
    pub project: ProjectId,
    /// Address.
    pub slug: String,
    /// Name.
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
    /// The server's switch.
    pub enabled: bool,
    /// The project's switch.
    pub loop_on: bool,
    /// A person paused it.
    pub paused: bool,
    /// It knows its repository.
    pub has_path: bool,
    /// A sentence about the whole project.
    pub notice: Option<String>,
    /// Agents at work.
    pub running: u32,
    /// Most of them in this project.
    pub most: u32,
    /// Agents that wait for an answer.
    pub waiting: u32,
    /// Ready tickets, also those not shown.
    pub ready: u32,
    /// Blocked ones.
    pub blocked: u32,
    /// The first moment at which something is tried again.
    pub wakes: Option<Millis>,
}

impl LoopHead {
    /// Of a project of which nothing is known yet.
    #[must_use]
    pub const fn unknown(project: ProjectId) -> Self {
        Self {
            project,
            slug: String::new(),
            name: String::new(),
            color: String::new(),
            enabled: true,
            loop_on: true,
            paused: false,
            has_path: true,
            notice: None,
            running: 0,
            most: 0,
            waiting: 0,
            ready: 0,
            blocked: 0,
            wakes: None,
        }
    }
}

/// A ticket as lines name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Number.
    pub number: u64,
    /// Title; empty where the ticket is gone.
    pub title: String,
}

/// An agent at work, or one that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    /// Id.
    pub id: RunId,
    /// What it works on.
    pub task: TaskId,
    /// The same for people.
    pub ticket: Ticket,
    /// Role.
    pub role: Role,
    /// Model, where one was asked for.
    pub model: Option<String>,
    /// Attempt.
    pub attempt: u32,
    /// How it stands.
    pub state: String,
    /// The agent that took the ticket by itself.
    pub agent: Option<String>,
    /// At work since.
    pub since: Millis,
    /// The question that it waits with.
    pub asks: Option<String>,
    /// What keeps it from being followed.
    pub trouble: Option<String>,
}

/// A ready ticket that is not taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitRow {
    /// Id.
    pub id: TaskId,
    /// The same for people.
    pub ticket: Ticket,
    /// Place in the column.
    pub place: u32,
    /// Whose agent would take it.
    pub role: Role,
    /// Why it is not taken; nothing where that is the sentence about the whole project, or a moment.
    pub why: Option<String>,
    /// The moment at which it is tried again.
    pub retries_at: Option<Millis>,
    /// What would bring it on.
    pub fix: Option<Fix>,
    /// What it waits for and is not done.
    pub others: Vec<Ticket>,
    /// What went wrong last time, where it is tried again.
    pub trouble: Option<String>,
}

/// A ticket that does not go on without somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StuckRow {
    /// Id.
    pub id: TaskId,
    /// The same for people.
    pub ticket: Ticket,
    /// Whose agent worked on it.
    pub role: Role,
    /// What went wrong.
    pub trouble: Option<String>,
    /// Who asked for a person, where somebody did.
    pub escalated_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Blocked since.
    pub since: Millis,
}

/// Something that the loop, an agent or somebody decided: a sentence around a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Id.
    pub id: ActivityId,
    /// What stands before the ticket.
    pub before: String,
    /// The ticket.
    pub ticket: Option<Ticket>,
    /// What stands behind it.
    pub after: String,
    /// What was said with it.
    pub reason: Option<String>,
    /// When.
    pub at: Millis,
}

/// Older decisions, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Older {
    /// The newest first.
    pub decisions: Vec<Decision>,
    /// Behind this line of the log there may be more.
    pub next: Option<ActivityId>,
}
