//! What agents ask, tell and report.

use super::FromSession;
use crate::{
    id::TaskId,
    talk::{SignalKind, SignalSeverity},
    text::{Body, Handle, Location, Notes, Options, RunKey},
};

/// A new signal (facts §2.9).
#[derive(Clone, Debug, PartialEq)]
pub struct NewSignal {
    /// About which task.
    pub task: TaskId,
    /// Session.
    pub session_key: FromSession,
    /// Agent, as given.
    pub agent_id: Handle,
    /// Run id of the gateway, where the plugin knows it.
    pub run_id: Option<RunKey>,
    /// Kind.
    pub kind: SignalKind,
    /// Severity.
    pub severity: SignalSeverity,
    /// Words.
    pub message: Body,
    /// Answers that it offers.
    pub options: Options,
}

/// What `mark_complete` reports (facts §2.6).
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Which task.
    pub task: TaskId,
    /// What was done.
    pub summary: Body,
    /// Pull request.
    pub pr_url: Option<Location>,
    /// More.
    pub notes: Option<Notes>,
    /// Agent, as given.
    pub agent: Option<Handle>,
    /// Session, where the plugin gives it.
    pub session_key: Option<FromSession>,
    /// Run id of the gateway, where the plugin gives it.
    pub run_id: Option<RunKey>,
    /// Work without a pull request needs no review (`CLUTCH_COMPLETE_WITHOUT_PR`).
    pub finishes: bool,
}
