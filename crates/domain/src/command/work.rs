//! What the work loop asks for.

use crate::{
    brake::Used,
    id::{RunId, TaskId},
    phase::Phase,
    run::Ended,
    task::Role,
    text::{Excerpt, Handle},
};

/// The loop takes a task.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimRun {
    /// Which.
    pub task: TaskId,
    /// What for.
    pub phase: Phase,
    /// The agent's role.
    pub role: Role,
    /// The ordinal that the plan saw.
    pub attempt: u32,
    /// In which runtime.
    pub runtime: String,
    /// How that runtime's adapter calls the session of this attempt.
    pub session: String,
    /// Model.
    pub model: Option<String>,
    /// Most agents of the project, as it was set when this was planned.
    pub most: Option<u32>,
    /// Version of the role's prompt.
    pub prompt_version: String,
    /// The lease under which this happens: holder, and the lease document's holder must still be it.
    pub holder: String,
}

/// An agent takes a task by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct PullTask {
    /// Which.
    pub task: TaskId,
    /// What for.
    pub phase: Phase,
    /// The agent's role.
    pub role: Role,
    /// The ordinal that whoever offers the task saw.
    pub attempt: u32,
    /// How its session is called.
    pub session: String,
    /// The agent, by the name that it gives itself.
    pub agent: Handle,
    /// The model that the prompt is for; what the agent runs on nobody here knows.
    pub model: Option<String>,
    /// Version of the role's prompt.
    pub prompt_version: String,
    /// How long a sign of life counts, in milliseconds.
    pub hold_ms: i64,
}

/// An agent gives back what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseRun {
    /// Which.
    pub run: RunId,
    /// Why, for people and for the next agent.
    pub reason: Excerpt,
    /// When another attempt may begin, and how many in a row are the cap.
    pub retry: Retry,
}

impl From<RunId> for RunTaken {
    fn from(run: RunId) -> Self {
        Self { run, boot: None }
    }
}

/// A run is over.
#[derive(Clone, Debug, PartialEq)]
pub struct EndRun {
    /// Which.
    pub run: RunId,
    /// The runtime's id under which it ended. A run that goes on under another id by now
    /// has not ended: then nothing is written. `None` ends it whatever its id.
    pub as_id: Option<String>,
    /// How; `Completed` and `Silent` are told apart by the rule, from what was reported.
    pub how: Ended,
    /// Last words.
    pub last_words: Excerpt,
    /// What it has used by now, all its turns together, as far as its runtime tells.
    pub used: Option<Used>,
    /// When another attempt may begin after a failure, and how many failures in a row are the cap.
    pub retry: Retry,
}

/// The runtime has a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTaken {
    /// Which.
    pub run: RunId,
    /// The runtime's process that took it, where it is known.
    pub boot: Option<String>,
}

/// The runtime goes on with a run under another id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinueRun {
    /// Which.
    pub run: RunId,
    /// The id that was followed when this was seen. Where another one is followed by now (an answer was told
    /// meanwhile), what was seen came before it: then nothing is written, and the next look tells.
    pub from: String,
    /// The runtime's id under which it goes on.
    pub as_id: String,
}

/// What happens after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Milliseconds to wait after the first failure; doubled for each further one.
    pub wait_ms: i64,
    /// Failures in a row after which the task is blocked.
    pub cap: u32,
}

/// A server takes or keeps the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldLease {
    /// Who.
    pub holder: String,
    /// Take it from another holder whose beat ([`crate::run::BEAT`]) was this, and did not change while we watched.
    pub take_over_beat: Option<u64>,
    /// No other process can write: take it at once.
    pub sole_writer: bool,
}
