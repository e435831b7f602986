//! What the work loop needs of whatever runs agents.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use super::{RunEnd, RunEvent, RuntimeError, RuntimeState, Sighting};

/// What starts one attempt of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRun {
    /// The claim's key: the same key is the same attempt. It is an id of the run only where the runtime says so.
    pub key: String,
    /// Session of this attempt, by the name that the runtime's [`Names`](super::Names) gave it.
    pub session: String,
    /// The whole prompt.
    pub message: String,
    /// Model to use; `None` leaves the runtime's default.
    pub model: Option<String>,
    /// The project's repository, where the agent works; an absolute path on the machine of this server.
    pub folder: Option<String>,
    /// What the agent's own programs find in their environment: where and as whom they report.
    pub environment: Vec<(&'static str, String)>,
    /// How long the runtime may let the agent work, in seconds.
    pub timeout_seconds: u32,
}

/// The runtime took the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The runtime's id of the run, and the only one: whoever asks for the run asks for this.
    pub run_id: String,
}

/// How agents of a runtime report what they did and ask what they need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reporting {
    /// By tools of our plugin inside the runtime.
    Plugin,
    /// By tools of an MCP server of ours.
    Mcp,
    /// The same, of agents that took their task themselves: nothing can be said to them, so they ask for answers.
    Pull,
    /// By commands in a shell, to the board's address in their environment.
    Cli,
}

/// Runs agents. All calls have a time-out of their own and never wait for ever.
///
/// | Call | What must hold |
/// |---|---|
/// | `start` | one key begins one attempt at most as long as the process lives; a model that cannot be set is `Refused` |
/// | `sight` | changes nothing; says `CannotTell` rather than guess |
/// | `wait` | `None` is "unknown", never "over" |
/// | `abort` | afterwards nothing of the session works on, or a look says that it does |
/// | `state` | another `connection` after each loss, another `boot` after each restart of the runtime |
/// | `events` | may be lost: whatever they tell a look tells too, as long as the runtime can |
#[async_trait]
pub trait AgentRuntime: Send + Sync + 'static {
    /// Starts an attempt. The same key within the same connection answers `Accepted` again
    /// and starts nothing; across a restart of the runtime the key protects nothing.
    async fn start(&self, run: StartRun) -> Result<Accepted, RuntimeError>;
    /// Waits for a run up to `timeout_ms`. `None` means unknown: still running, never heard of, or ended long ago.
    async fn wait(&self, run_id: &str, timeout_ms: u32) -> Result<Option<RunEnd>, RuntimeError>;
    /// Looks into a session for signs of the message that was sent with `key`.
    async fn sight(&self, session: &str, key: &str) -> Result<Sighting, RuntimeError>;
    /// Stops whatever runs in the session; `forget` removes the session too. Nothing there is not an error.
    async fn abort(&self, session: &str, forget: bool) -> Result<(), RuntimeError>;
    /// The connection's state; changes are news for people and for the loop.
    fn state(&self) -> watch::Receiver<RuntimeState>;
    /// Live signs from now on. A reader that falls behind is told and looks instead.
    fn events(&self) -> broadcast::Receiver<Arc<RunEvent>>;
}
