//! `AgentRuntime`: what the work loop needs of whatever runs agents.
//!
//! The OpenClaw client implements it. The port speaks of runs, sessions and
//! sightings, never of one gateway's frames, so that a second runtime (command
//! line agents run directly) can stand in its place.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{speech::Speech, time::Millis};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};

/// How many run events may wait for a slow reader before it is told that it missed some.
pub const RUN_EVENTS_WAITING: usize = 1024;

/// What starts one attempt of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRun {
    /// The claim's key: the runtime uses it as idempotency key, and as the id of the run.
    pub key: String,
    /// Session of this attempt, in our form (`agent:main:<slug>:<role>:<id8>:r<n>`).
    pub session: String,
    /// The whole prompt.
    pub message: String,
    /// Model to use; `None` leaves the runtime's default.
    pub model: Option<String>,
    /// How long the runtime may let the agent work, in seconds.
    pub timeout_seconds: u32,
}

/// The runtime took the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The runtime's id of the run.
    pub run_id: String,
}

/// Why a call did not give an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// The runtime answered, and the answer was no. The sentence is for people.
    #[error("{sentence}")]
    Refused {
        /// The runtime's own stable code, for example `INVALID_REQUEST`.
        code: String,
        /// What it said.
        sentence: String,
    },
    /// The request left, the answer is lost: it may have happened or not.
    #[error("the answer was lost: {0}")]
    Unknown(String),
    /// Not connected; nothing was sent.
    #[error("{0}")]
    Away(String),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// Whether the agent reached its end by itself, was stopped, or failed.
    pub how: RunEndKind,
    /// The agent's last visible words, whole; empty when there were none.
    pub last_words: String,
    /// For a failure: the runtime's reason, in a sentence.
    pub reason: Option<String>,
}

/// The three ways in which a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEndKind {
    /// The agent finished its turn.
    Finished,
    /// Somebody stopped it.
    Aborted,
    /// The model, a tool or the runtime failed.
    Failed,
}

/// One run seen while looking into a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRun {
    /// The runtime's id of the run.
    pub run_id: String,
    /// `Some` when it is known to have ended.
    pub end: Option<RunEnd>,
    /// When it last said something, where the session shows it.
    pub said_at: Option<Millis>,
    /// Made by the runtime itself to continue a run that its own restart cut off.
    pub resumed: bool,
}

/// Whether words that were sent under a key reached their session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begun {
    /// They are there.
    Yes,
    /// They are not, and the runtime would show them.
    #[default]
    No,
    /// There are words in the session, and the runtime does not tell under which keys they came. This is
    /// never taken for an arrival, and never a reason to send again without being told to.
    CannotTell,
}

/// What a session shows of an attempt (rules 2 to 4 of ARCHITECTURE.md, "Five rules").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Whether the prompt (or the message with this key) reached the session.
    pub begun: Begun,
    /// Whether something runs in the session now; `None` where the runtime cannot tell.
    pub active: Option<bool>,
    /// The session's runs, oldest first, as far as the runtime still knows them.
    pub runs: Vec<SeenRun>,
    /// The newest words of the agent in the session, if any.
    pub last_words: Option<String>,
}

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

/// A state of the connection, with the words that pages show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RuntimeState {
    /// Not tried yet, or trying now. `attempt` counts from 1.
    Connecting {
        /// Address that is tried.
        address: String,
        /// Which try this is.
        attempt: u32,
    },
    /// No connection. `why` is one of the kinds that a person can act on.
    Down {
        /// Address that was tried.
        address: String,
        /// Since when there is no connection.
        since: Millis,
        /// The kind of trouble.
        why: DownReason,
        /// A sentence that says what to do.
        sentence: String,
        /// When the next try starts.
        retry_at: Millis,
    },
    /// Connected.
    Connected {
        /// Address.
        address: String,
        /// Since when, by the clock of this process; for people, never to be compared with another clock's moments.
        since: Millis,
        /// Which connection of this process it is: another number after each loss.
        connection: u64,
        /// Names the runtime's process: another one after its restart. `None` where the runtime tells none
        /// (OpenClaw 2026.2.17); then only the same `connection` means the same process.
        boot: Option<String>,
        /// The runtime's version, for example `2026.9.6`.
        version: String,
        /// Troubles of the plugin, each a sentence; empty when it is loaded, may hear conversations and its tools can be seen.
        plugin: Vec<PluginTrouble>,
    },
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownReason {
    /// Nothing answers at the address.
    NothingAnswers,
    /// The token was refused or is missing.
    TokenRefused,
    /// This device must be approved on the runtime's machine.
    PairingNeeded,
    /// The runtime is too old or too new for our protocol range.
    Version,
    /// The connection ended or fell silent.
    Lost,
    /// Anything else that the runtime said while connecting.
    Other,
}

/// What is wrong with our plugin inside the runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginTrouble {
    /// Stable code: `not_loaded`, `not_allowed_to_hear`, `tools_hidden`.
    pub code: String,
    /// What to do, for people.
    pub sentence: String,
}

/// A model that the runtime offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Id to send, for example `fake/fake-1`.
    pub id: String,
    /// Name for people.
    pub name: String,
}

/// What a session is and has used, as far as the runtime tells. All counts are tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Model that answers, for example `fake/fake-1`.
    pub model: Option<String>,
    /// What the last call of the model read: how full its window is.
    pub used: Option<u64>,
    /// How much the model can read at once.
    pub window: Option<u64>,
    /// Read so far, all calls together.
    pub input: Option<u64>,
    /// Written so far.
    pub output: Option<u64>,
    /// Estimated cost so far, in millionths of a US dollar.
    pub cost_micros: Option<u64>,
}

/// A picture that goes with words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// File name.
    pub name: String,
    /// For example `image/png`.
    pub mime: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Runs agents. All calls have a time-out of their own and never wait for ever.
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
    /// Sends a message into a session, also while a run is at work. Answers the id of the run that takes it.
    /// Of [`Speech::Words`] the runtime must find no command in the message, whatever stands in it;
    /// the message may be changed for that, visibly, where the runtime cannot be told.
    async fn steer(
        &self,
        session: &str,
        speech: Speech,
        message: &str,
        pictures: &[Picture],
        key: &str,
    ) -> Result<Accepted, RuntimeError>;
    /// The whole words with which a run ended, as the session keeps them; events may bring them cut.
    /// `None` where the session does not know the run, or the run said nothing.
    async fn answer(&self, session: &str, run_id: &str) -> Result<Option<String>, RuntimeError>;
    /// What a session is and has used; `None` where the runtime does not know it (yet).
    async fn session(&self, session: &str) -> Result<Option<SessionInfo>, RuntimeError>;
    /// Lets another model answer in a session from the next words on; makes the session where there is none.
    async fn use_model(&self, session: &str, model: &str) -> Result<(), RuntimeError>;
    /// Empties a session: the agent forgets what was said. Nothing there is not an error.
    async fn reset(&self, session: &str) -> Result<(), RuntimeError>;
    /// Shortens what a session remembers to a summary; calls the model, so it takes its time.
    /// `Refused` with the reason where nothing was shortened.
    async fn compact(&self, session: &str) -> Result<(), RuntimeError>;
    /// Models that may be used, newest answer of the runtime.
    async fn models(&self) -> Result<Vec<Model>, RuntimeError>;
    /// The connection's state; changes are news for people and for the loop.
    fn state(&self) -> watch::Receiver<RuntimeState>;
    /// Live signs from now on. A reader that falls behind is told and looks instead.
    fn events(&self) -> broadcast::Receiver<Arc<RunEvent>>;
}
