//! The post office of the simulation: letters are the bare words, and what the agent answers becomes a message of the
//! chat, once per run, as in the program.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{
    actor::{Actor, COORDINATOR},
    chat::Message,
    command::{Command, NewMessage},
    id::ChatId,
    project::Project,
    refusal::Refusal,
    task::Task,
    text::{Body, Handle, RunKey},
};
use clutch_orchestrator::{
    jobs::mail::{Letter, Mail},
    office::{Error, Office},
    runtime::{RunEnd, Runtime},
};

/// One server's post office.
pub struct SimMail {
    /// Its use-cases.
    pub office: Arc<Office>,
}

#[async_trait]
impl Mail for SimMail {
    async fn letter(&self, message: &Message, _project: &Project, _ticket: Option<&Task>) -> Letter {
        let speech = message.outbox.as_ref().map(|outbox| outbox.speech).unwrap_or_default();
        Letter { speech, text: message.content.to_string(), pictures: Vec::new() }
    }

    async fn keep(
        &self,
        _from: &Arc<Runtime>,
        chat: ChatId,
        _session: &str,
        run: &str,
        end: &RunEnd,
    ) -> Result<(), String> {
        let (Ok(Some(words)), Ok(Some(author))) = (Body::parse(&end.last_words), Handle::parse(COORDINATOR)) else {
            return Ok(());
        };
        let mut new = NewMessage::new(chat, author, words);
        new.run_id = RunKey::parse(run).ok().flatten();
        new.heard = true;
        match self.office.run(&Actor::agent(COORDINATOR), &Command::PostMessage(new)).await {
            Ok(_) | Err(Error::Refused(Refusal::MessageExists | Refusal::ChatNotFound)) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}
