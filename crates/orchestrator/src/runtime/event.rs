//! Live signs of runs.

use clutch_domain::time::Millis;

use super::RunEnd;

/// How many run events may wait for a slow reader before it is told that it missed some.
pub const RUN_EVENTS_WAITING: usize = 1024;

/// One live sign of a run. Never stored; the board shows the newest line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// Session in **our** form: keys that we sent are mapped back, others are as the runtime gives them.
    pub session: String,
    /// The runtime's run id.
    pub run_id: String,
    /// When we heard it.
    pub at: Millis,
    /// What happened.
    pub what: RunSign,
}

/// Kinds of live signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunSign {
    /// The run began to work.
    Started,
    /// A line for people: a tool call ("read src/main.rs") or a phase ("starting the model").
    Line(String),
    /// A tool call began or ended.
    Tool(ToolSign),
    /// The agent's text so far, whole.
    Text(String),
    /// The run ended.
    Ended(RunEnd),
}

/// The beginning or the end of a tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSign {
    /// The runtime's id of the call; the same at its beginning and its end.
    pub call: String,
    /// What is done, for people: `read src/main.rs`. Empty at the end, where the runtime does not say it again.
    pub line: String,
    /// Where it ended: whether it went well.
    pub ended: Option<bool>,
}
