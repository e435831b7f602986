//! What the engine needs of this program to carry people's messages to agents: the letter, and the
//! keeping of the answer.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{chat::Message, id::ChatId, project::Project, task::Task};
use clutch_orchestrator::{
    jobs::mail::{Letter, Mail},
    runtime::{RunEnd, RunEndKind, Runtime},
};

use crate::chat::{bridge::Bridge, letter::letter};

/// The mail of this server.
pub struct ServerMail {
    /// Keeps the answers, and what goes with them.
    pub bridge: Arc<Bridge>,
    /// Address at which programs reach the board.
    pub board: String,
}

#[async_trait]
impl Mail for ServerMail {
    async fn letter(&self, message: &Message, project: &Project, ticket: Option<&Task>) -> Letter {
        letter(message, project, ticket, &self.bridge.uploads, &self.board).await
    }

    async fn keep(
        &self,
        from: &Arc<Runtime>,
        chat: ChatId,
        session: &str,
        run: &str,
        end: &RunEnd,
    ) -> Result<(), String> {
        let mut words = end.last_words.trim().to_owned();
        let calls = self.bridge.streams.calls(chat, run);
        match end.how {
            RunEndKind::Finished => {
                words = self.bridge.whole(from, session, run, &words).await.map_err(|error| error.to_string())?;
            }
            RunEndKind::Aborted | RunEndKind::Failed if words.is_empty() => {
                "_Stopped before the first word._".clone_into(&mut words);
            }
            RunEndKind::Aborted | RunEndKind::Failed => words.push_str("\n\n_Stopped here._"),
        }
        self.bridge.keep(chat, session, run, &words, calls).await.map_err(|error| error.to_string())
    }
}
