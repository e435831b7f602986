//! The post office of the simulation.

use async_trait::async_trait;
use clutch_domain::{chat::Message, id::ChatId, project::Project, task::Task};
use clutch_orchestrator::{
    jobs::mail::{Letter, Mail},
    runtime::RunEnd,
};

/// Letters are the bare words; answers are thrown away, since nobody writes in chats yet.
pub struct NoMail;

#[async_trait]
impl Mail for NoMail {
    async fn letter(&self, message: &Message, _project: &Project, _ticket: Option<&Task>) -> Letter {
        let speech = message.outbox.as_ref().map(|outbox| outbox.speech).unwrap_or_default();
        Letter { speech, text: message.content.to_string(), pictures: Vec::new() }
    }

    async fn keep(&self, _chat: ChatId, _session: &str, _run: &str, _end: &RunEnd) -> Result<(), String> {
        Ok(())
    }
}
