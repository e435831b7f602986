//! The board.
//!
//! Parts: `"head"` ([`BoardHead`]), `"t:<task id>"` ([`Card`]) in no order: a column sorts
//! by `position`, then id; done by `since`, newest first.

use clutch_domain::{
    id::{ProjectId, SignalId, TaskId},
    task::{Priority, Role, Status, Task, TaskField},
    time::Millis,
};
use serde::{Deserialize, Serialize};

/// Everything but the cards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardHead {
    /// Project.
    pub project: ProjectId,
    /// Address.
    pub slug: String,
    /// Name.
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
    /// `owner/repo`.
    pub github_repo: Option<String>,
    /// Path of the repository.
    pub local_path: Option<String>,
    /// Tasks per status, also those not shown.
    pub counts: [u32; 6],
    /// The project's switch.
    pub loop_on: bool,
    /// A person paused it.
    pub paused: bool,
    /// A sentence about the whole project, for example that the gateway does not answer.
    pub notice: Option<String>,
    /// Agents at work.
    pub running: u32,
    /// Questions that wait for an answer.
    pub waiting: u32,
}

/// One card. What is not there is not written: a board has hundreds of them, each with little of all this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Id.
    pub id: TaskId,
    /// Number; people see `T-<number>`.
    pub number: u64,
    /// Title.
    pub title: String,
    /// Column.
    pub status: Status,
    /// Order in the column.
    pub position: f64,
    /// What people set.
    pub facts: Facts,
    /// In this column since.
    pub since: Millis,
    /// Tasks that it waits for and that are not done.
    pub open_dependencies: u32,
    /// Tasks that it waits for.
    pub dependencies: u32,
    /// Tasks that wait for it.
    pub dependents: u32,
    /// Why it does not start, or why it is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// It does not start before this moment, as the last attempt failed; then `why` says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries_at: Option<Millis>,
    /// The question that waits for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    /// The agent at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<CardAgent>,
}

/// What cards and panels show alike of a ticket's fields. Whoever shows them takes all of them apart, so the
/// compiler names the places that a new one is missing at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Priority.
    pub priority: Priority,
    /// Kind of agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Assignee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// A person must look.
    pub needs_review: bool,
    /// Pull request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pr_number: Option<u64>,
}

impl Facts {
    /// A field as forms write it; `None` for one that is no fact.
    #[must_use]
    pub fn text(&self, field: TaskField) -> Option<String> {
        Some(match field {
            TaskField::Priority => self.priority.word().to_owned(),
            TaskField::Role => self.role.map_or("", |role| role.word()).to_owned(),
            TaskField::Assignee => self.assignee.clone().unwrap_or_default(),
            TaskField::NeedsReview => self.needs_review.to_string(),
            TaskField::Tags => self.tags.join(", "),
            TaskField::Title | TaskField::Description => return None,
        })
    }

    /// Sets a field to what a form says, as long as the server has not said what it makes of it. What makes no
    /// sense changes nothing.
    pub fn set(&mut self, field: TaskField, text: &str) {
        let text = text.trim();
        match field {
            TaskField::Priority => self.priority = text.parse().unwrap_or(self.priority),
            TaskField::Role => self.role = text.parse().ok(),
            TaskField::Assignee => self.assignee = Some(text.to_owned()).filter(|text| !text.is_empty()),
            TaskField::NeedsReview => self.needs_review = text == "true",
            TaskField::Tags => {
                self.tags = text.split(',').map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
            }
            TaskField::Title | TaskField::Description => {}
        }
    }
}

/// The name of a field among the things that are done to a ticket.
#[must_use]
pub const fn kind(field: TaskField) -> &'static str {
    match field {
        TaskField::Title => "title",
        TaskField::Description => "description",
        TaskField::Priority => "priority",
        TaskField::Role => "role",
        TaskField::Assignee => "assignee",
        TaskField::NeedsReview => "review",
        TaskField::Tags => "tags",
    }
}

impl From<&Task> for Facts {
    fn from(task: &Task) -> Self {
        Self {
            priority: task.priority,
            role: task.role,
            assignee: task.assignee.clone(),
            tags: task.tags.clone(),
            needs_review: task.requires_human_review,
            pr_number: task.pr_number,
        }
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Signal to answer.
    pub signal: SignalId,
    /// The words, cut for a card.
    pub text: String,
}

/// The agent at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAgent {
    /// Its role.
    pub role: Role,
    /// Model, if one was asked for.
    pub model: Option<String>,
    /// Attempt, from 1.
    pub attempt: u32,
    /// "Starting", "Working", "Waits for an answer".
    pub state: String,
    /// What keeps it from being followed or stopped, in a sentence.
    pub trouble: Option<String>,
    /// At work since.
    pub since: Millis,
}
