//! What messages to agents need of the program around them.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{chat::Message, id::ChatId, project::Project, speech::Speech, task::Task};

use crate::runtime::{Picture, RunEnd, Runtime};

/// A message as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// How the runtime may read the text.
    pub speech: Speech,
    /// Words.
    pub text: String,
    /// Pictures.
    pub pictures: Vec<Picture>,
}

/// Puts letters together, and keeps the answers to them.
#[async_trait]
pub trait Mail: Send + Sync + 'static {
    /// What the agent reads of a message, in a chat about `ticket`. The same message always gives the same
    /// letter, as far as the project and the ticket stay the same.
    async fn letter(&self, message: &Message, project: &Project, ticket: Option<&Task>) -> Letter;

    /// Makes what the agent said, and did on the way, a message of the chat, once per run. `from` is
    /// the runtime of the session, and `end` how the run ended: it finished or was stopped.
    ///
    /// # Errors
    /// What kept the answer from being kept, for the log; it is tried again.
    async fn keep(
        &self,
        from: &Arc<Runtime>,
        chat: ChatId,
        session: &str,
        run: &str,
        end: &RunEnd,
    ) -> Result<(), String>;
}
