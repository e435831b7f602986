//! The bridge: what an agent answers in a chat's session becomes a message of that chat, once per run.
//!
//! It listens and brings side by side, with a bounded queue between, so a slow gateway makes it miss
//! nothing. What it missed all the same, or could not bring, is looked for in the sessions
//! ([`crate::chat::missed`]).

use std::sync::Arc;

use clutch_domain::{
    actor::{Actor, COORDINATOR},
    chat::Call,
    command::{Command, NewMessage},
    id::ChatId,
    refusal::Refusal,
    speech,
    text::{BODY_MAX, Body, Handle, RunKey, SessionKey},
};
use clutch_orchestrator::{
    office::{Error, Office},
    runtime::{RunEndKind, RunEvent, RunSign, Runtime, RuntimeError, Runtimes},
    store::{Fault, IdempotencyKey},
};
use futures_util::future::select_all;
use tokio::sync::{broadcast::error::RecvError, watch};

use crate::{
    chat::{
        ephemeral::Ephemeral,
        settling::{Ended, Settling},
        streams::Streams,
    },
    http::uploads::Uploads,
};

/// Words of this length, in bytes, may have been cut by the gateway.
const MAYBE_CUT: usize = 4_000;
/// How the gateway ends words that it has cut.
const CUT_BY_GATEWAY: [&str; 2] = ["...(truncated)...", "\u{2026}"];
/// What stands at the end of an answer that is longer than a message may be.
const CUT: &str = "\n\n_The rest is cut: a message has at most a megabyte. The agent's session has all of it._";
/// What stands at the end of an answer of which only a part came.
const PART: &str = "\n\n_The rest may be missing: the gateway did not give all of it. The agent's session has it._";
/// The code with which a gateway refuses what it could do a moment later.
pub const UNAVAILABLE: &str = "UNAVAILABLE";

/// Brings agents' answers into chats.
pub struct Bridge {
    /// Use-cases.
    pub office: Arc<Office>,
    /// The runtimes in whose sessions agents answer.
    pub runtimes: Runtimes,
    /// What is being said, and done on the way.
    pub streams: Arc<Streams>,
    /// Pictures that answers name.
    pub uploads: Arc<Uploads>,
    /// Who is said to think or type.
    pub ephemeral: Arc<Ephemeral>,
    /// Answers that wait to be brought.
    pub settling: Settling,
    /// Counts the reasons to look into sessions for answers that nobody brought.
    pub looks: watch::Sender<u64>,
}

impl Bridge {
    /// Listens to the runtimes and brings what it hears, for ever.
    pub async fn follow(self: Arc<Self>) {
        tokio::select! {
            () = self.listen_to_all() => {}
            () = self.settle() => {}
        }
    }

    /// Until one of them can be heard no more.
    async fn listen_to_all(&self) {
        let listens: Vec<_> = self.runtimes.iter().map(|runtime| Box::pin(self.listen(runtime))).collect();
        if listens.is_empty() {
            return std::future::pending().await;
        }
        select_all(listens).await;
    }

    async fn listen(&self, runtime: &Arc<Runtime>) {
        let mut events = runtime.agents.events();
        // Nobody listened before, and what was in hand when this part broke off is in nobody's hand.
        self.look_needed();
        loop {
            match events.recv().await {
                Ok(event) => self.hear(runtime, &event),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "the bridge missed events; answers among them are looked for");
                    self.look_needed();
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Never waits: who listens must not.
    fn hear(&self, runtime: &Arc<Runtime>, event: &RunEvent) {
        let RunSign::Ended(end) = &event.what else { return };
        let Some(chat) = runtime.names.chat_of(&event.session) else { return };
        if end.how != RunEndKind::Finished {
            self.ephemeral.set(chat, COORDINATOR, None);
            return;
        }
        let waits = self.settling.put(Ended {
            chat,
            runtime: runtime.name.clone(),
            session: event.session.clone(),
            run: event.run_id.clone(),
            words: end.last_words.clone(),
            calls: self.streams.calls(chat, &event.run_id),
            tries: 0,
        });
        if !waits {
            tracing::warn!(%chat, run = %event.run_id, "too many answers wait; this one is looked for later");
            self.look_needed();
        }
    }

    /// Something may have been said that nobody brought.
    fn look_needed(&self) {
        self.looks.send_modify(|n| *n += 1);
    }

    /// Brings what waits, one after the other.
    async fn settle(&self) {
        loop {
            let ended = self.settling.next().await;
            let Err(trouble) = self.bring(&ended).await else { continue };
            tracing::info!(chat = %ended.chat, run = %ended.run, %trouble, "an answer could not be brought yet");
            // While the gateway is away nothing was tried, only waited.
            let tried = !matches!(trouble, Trouble::Runtime(RuntimeError::Away(_)));
            if let Err(ended) = self.settling.again(ended, tried) {
                self.give_up(*ended, &trouble).await;
            }
        }
    }

    async fn bring(&self, ended: &Ended) -> Result<(), Trouble> {
        let words = match self.runtimes.get(&ended.runtime) {
            Some(runtime) => self.whole(runtime, &ended.session, &ended.run, &ended.words).await?,
            None => ended.words.clone(),
        };
        self.keep(ended.chat, &ended.session, &ended.run, &words, ended.calls.clone()).await?;
        Ok(())
    }

    /// What was tried often enough is kept as far as it came, and says so; what cannot even be kept is
    /// looked for again.
    async fn give_up(&self, ended: Ended, trouble: &Trouble) {
        tracing::error!(chat = %ended.chat, run = %ended.run, %trouble, "an answer could not be brought whole");
        let words = ended.words.trim();
        if words.is_empty()
            || self.keep(ended.chat, &ended.session, &ended.run, &part(words), ended.calls).await.is_err()
        {
            self.look_needed();
        }
    }

    /// The words of a run's end, whole: the gateway's events cut long ones and leave out some. Where it
    /// does not give all of them for good, they say so themselves.
    ///
    /// # Errors
    /// The session could not be read now; trying again may help.
    pub async fn whole(&self, from: &Runtime, session: &str, run: &str, words: &str) -> Result<String, RuntimeError> {
        let words = words.trim();
        if !words.is_empty() && words.len() < MAYBE_CUT {
            return Ok(words.to_owned());
        }
        let Some(talk) = &from.talk else { return Ok(words.to_owned()) };
        let found = match talk.answer(session, run).await {
            Ok(found) => found,
            Err(RuntimeError::Refused { code, sentence }) if code != UNAVAILABLE => {
                tracing::warn!(session, run, sentence, "the session does not show an answer");
                return Ok(if words.is_empty() { String::new() } else { part(words) });
            }
            Err(error) => return Err(error),
        };
        let best = found.as_deref().map(str::trim).filter(|found| found.len() >= words.len()).unwrap_or(words);
        Ok(if best.len() >= MAYBE_CUT && CUT_BY_GATEWAY.iter().any(|cut| best.ends_with(cut)) {
            part(best)
        } else {
            best.to_owned()
        })
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
        let mut words = speech::to_people(words);
        let short;
        if words.len() > BODY_MAX {
            short = format!("{}{CUT}", &words[..words.floor_char_boundary(BODY_MAX - CUT.len())]);
            words = &short;
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

/// Words of which the rest is missing, and that say so.
fn part(words: &str) -> String {
    let room = BODY_MAX - PART.len();
    format!("{}{PART}", &words[..words.floor_char_boundary(room)])
}

/// Why an answer could not be brought now.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The store's.
    #[error(transparent)]
    Store(#[from] Error),
    /// The gateway's.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.into())
    }
}
