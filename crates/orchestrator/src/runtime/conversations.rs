//! What people need of a runtime beyond running agents: speaking with them.

use async_trait::async_trait;
use clutch_domain::{brake::Used, speech::Speech};
use serde::{Deserialize, Serialize};

use super::{Accepted, RuntimeError};

/// A model that the runtime offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Id to send, for example `fake/fake-1`.
    pub id: String,
    /// Name for people.
    pub name: String,
}

/// What a session is and what its newest run used, as far as the runtime tells. All counts are tokens. What all its runs
/// used together is [`Sessions::used`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Model that answers, for example `fake/fake-1`.
    pub model: Option<String>,
    /// What the last call of the model read: how full its window is.
    pub used: Option<u64>,
    /// How much the model can read at once.
    pub window: Option<u64>,
    /// Read by the newest run, all its calls together.
    pub input: Option<u64>,
    /// Written by it.
    pub output: Option<u64>,
    /// What it is estimated to cost, in millionths of a US dollar.
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

/// Speaks with agents in their sessions. All calls have a time-out of their own and never wait for ever.
#[async_trait]
pub trait Conversations: Send + Sync + 'static {
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
}

/// Looks after what sessions remember and which model answers in them. All calls have a time-out of their own.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    /// What a session is and has used; `None` where the runtime does not know it (yet).
    async fn session(&self, session: &str) -> Result<Option<SessionInfo>, RuntimeError>;
    /// What all runs of a session used together, as far as it still knows them; `None` where the runtime does not know.
    /// Soon after the end of a run that is among them.
    async fn used(&self, session: &str) -> Result<Option<Used>, RuntimeError>;
    /// Lets another model answer in a session from the next words on; makes the session where there is none.
    async fn use_model(&self, session: &str, model: &str) -> Result<(), RuntimeError>;
    /// Empties a session: the agent forgets what was said. Nothing there is not an error.
    async fn reset(&self, session: &str) -> Result<(), RuntimeError>;
    /// Shortens what a session remembers to a summary; calls the model, so it takes its time.
    /// `Refused` with the reason where nothing was shortened.
    async fn compact(&self, session: &str) -> Result<(), RuntimeError>;
    /// Models that may be used, newest answer of the runtime.
    async fn models(&self) -> Result<Vec<Model>, RuntimeError>;
}
