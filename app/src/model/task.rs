//! The task panel.
//!
//! Parts: `"task"` ([`TaskHead`]), `"c:<id>"` ([`CommentItem`]), `"s:<id>"` ([`SignalItem`]),
//! `"r:<id>"` ([`RunItem`]), `"a:<id>"` ([`ActivityItem`]), `"d:<id>"` ([`EdgeItem`]).

use clutch_domain::{
    id::{ActivityId, CommentId, DependencyId, ProjectId, RunId, SignalId, TaskId},
    run::{Outcome, RunState},
    talk::{CommentType, Delivery, SignalKind, SignalSeverity},
    task::{Resolution, Role, Status},
    time::Millis,
};
use serde::{Deserialize, Serialize};

use crate::{model::board::Facts, safe::SafeHtml};

/// The task itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskHead {
    /// Id.
    pub id: TaskId,
    /// Project.
    pub project: ProjectId,
    /// Project's address.
    pub slug: String,
    /// Number.
    pub number: u64,
    /// Title.
    pub title: String,
    /// Markdown as it was typed, for the editor.
    pub description: Option<String>,
    /// The same, rendered; absent where the page knows it before the server has rendered it.
    pub description_html: Option<SafeHtml>,
    /// Column.
    pub status: Status,
    /// What people set.
    pub facts: Facts,
    /// Branch.
    pub branch: Option<String>,
    /// `owner/repo`, for links.
    pub github_repo: Option<String>,
    /// How it ended.
    pub resolution: Option<Resolution>,
    /// Why it does not start, or why it is blocked.
    pub why: Option<String>,
    /// It does not start before this moment, as the last attempt failed; then `why` says nothing of it.
    #[serde(default)]
    pub retries_at: Option<Millis>,
    /// Its run, where the gateway refuses what is needed to follow or stop it: a person may treat it as ended.
    pub lost: Option<RunId>,
    /// Failures in a row.
    pub failures: u32,
    /// Made at.
    pub created_at: Millis,
    /// In this column since.
    pub since: Millis,
    /// Done at.
    pub completed_at: Option<Millis>,
    /// There are older comments than the page has.
    #[serde(default)]
    pub more_comments: bool,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommentItem {
    /// Id.
    pub id: CommentId,
    /// Author as pages name them.
    pub author: String,
    /// A person wrote it.
    pub mine: bool,
    /// What it is for.
    pub kind: CommentType,
    /// What was written, rendered.
    pub content: SafeHtml,
    /// When.
    pub at: Millis,
}

/// A signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalItem {
    /// Id.
    pub id: SignalId,
    /// Agent.
    pub agent: String,
    /// Kind.
    pub kind: SignalKind,
    /// Severity.
    pub severity: SignalSeverity,
    /// The words, rendered.
    pub message: SafeHtml,
    /// Answers that it offers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// It waits for an answer.
    pub waits: bool,
    /// The answer, rendered.
    pub response: Option<SafeHtml>,
    /// A program answered, and no person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_program: bool,
    /// The answer's way to the agent.
    pub delivery: Option<Delivery>,
    /// Why the delivery failed.
    pub delivery_error: Option<String>,
    /// What keeps it from being delivered, while it is tried again.
    pub delivery_trouble: Option<String>,
    /// When.
    pub at: Millis,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunItem {
    /// Id.
    pub id: RunId,
    /// Role.
    pub role: Role,
    /// Attempt.
    pub attempt: u32,
    /// State.
    pub state: RunState,
    /// Model.
    pub model: Option<String>,
    /// What its agent was told.
    pub prompt: Prompt,
    /// Session.
    pub session_key: String,
    /// What it used, in words: tokens and dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<String>,
    /// It is being stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopping: bool,
    /// Begun at.
    pub started_at: Millis,
    /// Over at.
    pub ended_at: Option<Millis>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Last words or the reason, rendered.
    pub last_words: Option<SafeHtml>,
}

/// Which version of the role's prompt an agent was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// In a word: "prompt v3".
    pub word: String,
    /// Whose it is, and of when.
    pub about: String,
}

/// A line of the log, in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivityItem {
    /// Id.
    pub id: ActivityId,
    /// Who.
    pub who: String,
    /// `human`, `agent`, `loop`, `program`.
    pub who_kind: String,
    /// What, in words: "moved it from Ready to In progress".
    pub text: String,
    /// Why, if it was said.
    pub reason: Option<String>,
    /// When.
    pub at: Millis,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeItem {
    /// Id.
    pub id: DependencyId,
    /// The other task.
    pub other: TaskId,
    /// `true`: this task waits for the other; `false`: the other waits for this one.
    pub waits: bool,
    /// The other's number; 0 when it is not known yet.
    pub number: u64,
    /// The other's title.
    pub title: String,
    /// The other's status.
    pub status: Status,
}
