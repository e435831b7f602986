//! Runs (one attempt of an agent at a task), the loop's state, and its lease.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    brake::{Spent, Used, Window},
    id::{ProjectId, RunId, SignalId, TaskId},
    phase::Phase,
    task::{Role, words},
    time::Millis,
};

words! {
    /// Where a run stands.
    RunState {
        /// Claimed in the store; the runtime may or may not have heard of it.
        Claimed = "claimed", "Starting";
        /// The runtime took it.
        Started = "started", "Working";
        /// Its turn ended with an open question; the answer continues it.
        Waiting = "waiting", "Waits for an answer";
        /// Over.
        Ended = "ended", "Ended";
    }
}

words! {
    /// How a run ended.
    Outcome {
        /// It reported its work as complete, or opened a pull request.
        Completed = "completed", "Completed";
        /// It ended without reporting anything.
        Silent = "silent", "Ended without a report";
        /// The model, a tool or the runtime failed.
        Failed = "failed", "Failed";
        /// Somebody stopped it, or moved its task away.
        Aborted = "aborted", "Stopped";
        /// A usage window of its model ran out; the task goes on once that opens again.
        Limited = "limited", "Usage window ran out";
    }
}

impl Outcome {
    /// The stable word that activity lines use.
    #[must_use]
    pub const fn activity(self) -> &'static str {
        match self {
            Self::Completed | Self::Silent => "agent_completed",
            Self::Failed | Self::Aborted | Self::Limited => "agent_reaped",
        }
    }
}

/// How a run ends, as far as the runtime or the loop can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The agent finished its turn.
    Finished,
    /// It failed.
    Failed,
    /// It was stopped.
    Aborted,
    /// A usage window of its model ran out, and opens again at this moment.
    Limited(Millis),
    /// Nobody knows: the runtime neither shows nor stops it. Its agent may still be at work.
    OutOfReach,
}

/// A run is to be stopped. It is written down before anything is stopped, so that whoever comes after a crash
/// goes on with it, for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// How the run will have ended.
    pub how: Ended,
    /// Why, in a sentence; or the agent's last words.
    #[serde(deserialize_with = "crate::text::stored::lines")]
    pub why: String,
    /// Its session is removed too: the runtime might go on with it by itself.
    pub forget: bool,
    /// What it had used by then, as far as its runtime told; a session that is removed tells nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// Who stopped it, by the name of whoever asked; nobody where it is the loop's doing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::text::stored::some_line")]
    pub by: Option<String>,
}

/// An agent has a task that it took itself, for as long as it gives signs of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The agent, by the name that it gives itself.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub agent: String,
    /// The token with which it was taken ([`Who::id`](crate::actor::Who::id)); nobody without it speaks for the agent.
    /// `None` where it was taken without one.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub token: Option<String>,
    /// Without another sign the task goes back at this moment.
    pub until: Millis,
    /// How long a sign counts, in milliseconds.
    pub ms: i64,
}

/// One attempt of an agent at a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Id.
    pub id: RunId,
    /// The task.
    pub task: TaskId,
    /// Its project.
    pub project: ProjectId,
    /// The **agent's** role; the task's may change later.
    pub role: Role,
    /// What the agent was started for.
    #[serde(default)]
    pub phase: Phase,
    /// The ordinal among this task's runs of this role, from 1.
    pub attempt: u32,
    /// `<task>:<role>:<ordinal>`; unique.
    pub action_id: String,
    /// Key under which it is dispatched.
    pub key: String,
    /// The runtime in which it runs, for life.
    #[serde(default = "crate::runtime::usual", deserialize_with = "crate::text::stored::line")]
    pub runtime: String,
    /// Its session, as its runtime's adapter called it. Nobody else takes the name apart; it is found whole.
    pub session_key: String,
    /// Model asked for; `None` is the runtime's default.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub model: Option<String>,
    /// Version of the role's prompt: the first 12 characters of its hash, or a version's id.
    pub prompt_version: String,
    /// State.
    pub state: RunState,
    /// Run ids under which the runtime continued it, oldest first (its own restart, or an answer that started a new turn).
    #[serde(default)]
    pub successors: Vec<String>,
    /// The question it waits for.
    #[serde(default)]
    pub waits_for: Option<SignalId>,
    /// Of an agent that took the task itself: until when it has it. The loop starts and follows no such agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The agent called `mark_complete` in it.
    #[serde(default)]
    pub reported: bool,
    /// Whether a pull request was opened in it; not known of one that a program of before claimed.
    #[serde(default)]
    pub opened_pr: Option<bool>,
    /// The process of the runtime that took it, by the name that it gives itself; not known where it gives none,
    /// and where nobody saw which one took it.
    #[serde(default)]
    pub boot: Option<String>,
    /// The question whose answer was sent to its agent, while nobody knows whether that has arrived. It stays with the
    /// run when its ticket goes, and the question with that.
    #[serde(default)]
    pub hears: Option<SignalId>,
    /// It is being stopped.
    #[serde(default)]
    pub stopping: Option<Stopping>,
    /// What keeps it from being followed, in a sentence of who refuses; for people.
    #[serde(default, deserialize_with = "crate::text::stored::some_lines")]
    pub trouble: Option<String>,
    /// Claimed at.
    pub claimed_at: Millis,
    /// Taken by the runtime at.
    #[serde(default)]
    pub started_at: Option<Millis>,
    /// What it has used, as far as its runtime told; told when a turn of it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// How long it worked in turns that are over, in milliseconds: waiting for an answer is no work.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub worked_ms: i64,
    /// The turn that is under way began at; not known of the first one, which began with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_at: Option<Millis>,
    /// Over at.
    #[serde(default)]
    pub ended_at: Option<Millis>,
    /// How it ended.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// The agent's last words (at most 4,000 characters), or the reason of the failure.
    #[serde(default, deserialize_with = "crate::text::stored::some_lines")]
    pub last_words: Option<String>,
}

/// What the key of a run begins with.
const KEY: &str = "clutch-";

impl Run {
    /// The key under which a run is dispatched.
    #[must_use]
    pub fn key_of(id: RunId) -> String {
        format!("{KEY}{id}")
    }

    /// The run of such a key.
    #[must_use]
    pub fn id_of_key(key: &str) -> Option<RunId> {
        key.strip_prefix(KEY)?.parse().ok()
    }

    /// The run id to follow now: the newest successor, else the key.
    #[must_use]
    pub fn current_id(&self) -> &str {
        self.successors.last().map_or(&self.key, String::as_str)
    }

    /// Whether `run_id` names this run.
    #[must_use]
    pub fn is_known_as(&self, run_id: &str) -> bool {
        self.key == run_id || self.successors.iter().any(|s| s == run_id)
    }

    /// All run ids that name it.
    #[must_use]
    pub fn known_ids(&self) -> Vec<String> {
        std::iter::once(&self.key).chain(&self.successors).cloned().collect()
    }

    /// Not over.
    #[must_use]
    pub const fn open(&self) -> bool {
        !matches!(self.state, RunState::Ended)
    }

    /// How long it has worked so far, in milliseconds.
    #[must_use]
    pub fn worked(&self, now: Millis) -> i64 {
        let turn = self.turn_at.or(self.started_at).unwrap_or(self.claimed_at);
        if self.takes_a_place() { self.worked_ms.saturating_add(now.since(turn)) } else { self.worked_ms }
    }

    /// Uses up one of the limits: claimed or at work. One that waits for a person does not.
    #[must_use]
    pub const fn takes_a_place(&self) -> bool {
        matches!(self.state, RunState::Claimed | RunState::Started)
    }
}

/// The loop's view of one project, written when it changes (facts §1.12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopState {
    /// Which project.
    pub project: ProjectId,
    /// A person paused it.
    #[serde(default)]
    pub paused: bool,
    /// Why each ready task does not start, by task.
    #[serde(default, deserialize_with = "crate::text::stored::each_value")]
    pub notes: BTreeMap<TaskId, String>,
    /// A sentence about the whole project, for example that the gateway does not answer.
    #[serde(default, deserialize_with = "crate::text::stored::some_lines")]
    pub notice: Option<String>,
    /// What its agents used on the last day on which they used something.
    #[serde(default)]
    pub spent: Spent,
    /// Usage windows that ran out, as its agents met them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Changed at.
    pub updated_at: Millis,
}

impl LoopState {
    /// Nothing was said of the project yet.
    #[must_use]
    pub fn new(project: ProjectId, now: Millis) -> Self {
        Self {
            project,
            paused: false,
            notes: BTreeMap::new(),
            notice: None,
            spent: Spent::default(),
            windows: Vec::new(),
            updated_at: now,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(ms: &i64) -> bool {
    *ms == 0
}

/// Name of the [`Counter`](crate::doc::Counter) that the lease's holder raises every few seconds.
///
/// It is a document of its own, so that a claim can expect the lease's revision
/// without meeting every beat.
pub const BEAT: &str = "loop-beat";

/// Who leads the work loop when several servers share a store. Written only when the holder changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The server that leads.
    pub holder: String,
}
