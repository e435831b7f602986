//! The bridge: what an agent answers in a chat's session becomes a message of that chat, once per run.

use std::sync::Arc;

use clutch_domain::{
    actor::{Actor, COORDINATOR},
    chat::{Call, chat_of_session},
    command::{Command, NewMessage},
    id::ChatId,
    refusal::Refusal,
    text::{BODY_MAX, Body, Handle, RunKey, SessionKey},
};
use clutch_orchestrator::{
    office::{Error, Office},
    runtime::{AgentRuntime, RunEndKind, RunEvent, RunSign},
    store::IdempotencyKey,
};
use tokio::sync::broadcast::error::RecvError;

use crate::{ephemeral::Ephemeral, streams::Streams, uploads::Uploads};

/// Words that an agent says when it has nothing to say (facts §4.2).
const SILENT_WORDS: [&str; 2] = ["NO_REPLY", "HEARTBEAT_OK"];

/// Words of this length, in bytes, may have been cut by the gateway.
const MAYBE_CUT: usize = 4_000;
/// What stands at the end of an answer that is longer than a message may be.
const CUT: &str = "\n\n_The rest is cut: a message has at most a megabyte. The agent's session has all of it._";

/// Brings agents' answers into chats.
pub struct Bridge {
    /// Use-cases.
    pub office: Arc<Office>,
    /// The gateway.
    pub runtime: Arc<dyn AgentRuntime>,
    /// What is being said, and done on the way.
    pub streams: Arc<Streams>,
    /// Pictures that answers name.
    pub uploads: Arc<Uploads>,
    /// Who is said to think or type.
    pub ephemeral: Arc<Ephemeral>,
}

impl Bridge {
    /// Listens to the gateway for ever.
    pub async fn follow(self: Arc<Self>) {
        let mut events = self.runtime.events();
        loop {
            match events.recv().await {
                Ok(event) => self.bring(&event).await,
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "the bridge missed events; answers among them are not brought")
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn bring(&self, event: &RunEvent) {
        let RunSign::Ended(end) = &event.what else { return };
        let Some(chat) = chat_of_session(&event.session) else { return };
        if end.how != RunEndKind::Finished {
            self.ephemeral.set(chat, COORDINATOR, None);
            return;
        }
        let calls = self.streams.calls(chat, &event.run_id);
        let words = self.whole(&event.session, &event.run_id, &end.last_words).await;
        if let Err(error) = self.keep(chat, &event.session, &event.run_id, &words, calls).await {
            tracing::error!(%chat, run = %event.run_id, %error, "an answer could not be kept");
        }
    }

    /// The words of a run's end, whole: the gateway's events cut long ones and leave out some.
    pub async fn whole(&self, session: &str, run: &str, words: &str) -> String {
        let words = words.trim();
        if !words.is_empty() && words.len() < MAYBE_CUT {
            return words.to_owned();
        }
        match self.runtime.answer(session, run).await {
            Ok(Some(found)) if found.trim().len() >= words.len() => found.trim().to_owned(),
            Ok(_) => words.to_owned(),
            Err(error) => {
                tracing::warn!(session, run, %error, "an answer may be cut: the session could not be read");
                words.to_owned()
            }
        }
    }

    /// Makes an agent's words a message of a chat, once per run, with the pictures that they name. Words
    /// that mean silence are none. Whoever has spoken does not think or type any more.
    pub async fn keep(
        &self,
        chat: ChatId,
        session: &str,
        run: &str,
        words: &str,
        calls: Vec<Call>,
    ) -> Result<(), Error> {
        let taken = self.uploads.taken(words.trim()).await;
        let kept = self.keep_as(chat, session, run, &taken.words, calls).await;
        self.ephemeral.set(chat, COORDINATOR, None);
        self.streams.ended(chat, run);
        kept
    }

    async fn keep_as(
        &self,
        chat: ChatId,
        session: &str,
        run: &str,
        words: &str,
        calls: Vec<Call>,
    ) -> Result<(), Error> {
        let mut words = words.trim();
        let short;
        if words.len() > BODY_MAX {
            short = format!("{}{CUT}", &words[..words.floor_char_boundary(BODY_MAX - CUT.len())]);
            words = &short;
        }
        if SILENT_WORDS.contains(&words) {
            return Ok(());
        }
        let Some(content) = Body::parse(words)? else { return Ok(()) };
        let message = NewMessage {
            run_id: RunKey::parse(run)?,
            session_key: SessionKey::parse(session)?,
            heard: true,
            calls,
            ..NewMessage::new(chat, Handle::coordinator(), content)
        };
        let who = Actor::agent(COORDINATOR);
        let key = IdempotencyKey(format!("answer:{run}"));
        match self.office.run_as(&who, &Command::PostMessage(message), &key).await {
            Ok(_) => {
                tracing::info!(%chat, run, "brought an answer");
                Ok(())
            }
            // Somebody has brought it already, perhaps with other words.
            Err(Error::Refused(Refusal::MessageExists) | Error::KeyReused) => Ok(()),
            Err(Error::Refused(refusal)) => {
                tracing::info!(%chat, run, %refusal, "an answer was not kept");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
