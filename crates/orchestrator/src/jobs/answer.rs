//! The answer to an agent's question: a person's words on their way into the session that asked.
//!
//! How it may be repeated: never, except under rule 1. Where the runtime cannot tell whether it arrived, it
//! is given up after a while, and the next attempt at the ticket is told it.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{
    command::Command,
    id::SignalId,
    run::Run,
    sabotage::{Switch, removed},
    speech::Speech,
    talk::{Delivery, Signal},
    text::Excerpt,
};

use super::{
    Desk, Effect, GivenUp, Hitch, Seen, Stage, Stop,
    line::{Line, Sent},
    sent_once,
    signs::{Ear, Whose},
    written,
};
use crate::runtime::{Begun, RunEvent, RuntimeError, Sighting};

/// Why an answer does not go into the session of a run that is over.
const OVER: &str = "The agent that asked has ended. The next attempt is told the answer with its ticket.";
/// Why an answer is given up that may have arrived.
const UNCLEAR: &str = "does not tell whether the answer reached the agent.";
/// Why an answer is given up to whose sending the runtime says nothing, so often.
const UNANSWERED: &str = "gives no answer when it is sent.";
/// Why nothing is sent to an agent that is at work.
const DEAF: &str = "lets nobody speak to an agent at work. The next attempt is told the answer with its ticket.";
/// So often it is sent at most, under its one key, while nothing of it is there.
const SENDINGS_MOST: u32 = 5;
/// Something unclear is looked at again after so long, in milliseconds.
const UNSURE_MS: i64 = 5_000;

/// One answer.
pub(crate) struct Answer {
    desk: Arc<Desk>,
    id: SignalId,
    key: String,
    ear: Ear,
    signal: Option<Signal>,
    run: Option<Run>,
    /// The newest sending by this process.
    sent: Option<Sent>,
    /// How often it was sent without an answer.
    sendings: u32,
    /// That sending did not leave this machine, and there was none before it.
    unsent: bool,
}

impl Answer {
    pub fn new(desk: Arc<Desk>, id: SignalId) -> Self {
        let ear = Ear::new(desk.clone());
        Self {
            desk,
            id,
            key: format!("signal-{id}"),
            ear,
            signal: None,
            run: None,
            sent: None,
            sendings: 0,
            unsent: false,
        }
    }

    fn whose(key: &str) -> impl Fn(&RunEvent) -> Whose + Sync + use<> {
        let key = key.to_owned();
        move |event: &RunEvent| if event.run_id == key { Whose::Ours } else { Whose::Nobodys }
    }

    fn session(&self) -> Option<String> {
        let signal = self.signal.as_ref()?;
        // Plugins shorten session keys; ours is the whole one.
        Some(self.run.as_ref().map_or(&signal.session_key, |r| &r.session_key).clone())
    }

    async fn settle(&mut self, settled: Result<String, Excerpt>) -> Result<(), Hitch> {
        written(self.desk.write(&Command::SettleAnswer(self.id, settled)).await?)
    }
}

#[async_trait]
impl Effect for Answer {
    type Result = Result<String, Excerpt>;

    async fn stage(&mut self, _: bool) -> Result<Stage, Hitch> {
        let Some(signal) = self.desk.find::<Signal>(self.id).await? else { return Ok(Stage::Over) };
        if signal.delivery != Some(Delivery::Pending) || signal.response.is_none() {
            return Ok(Stage::Over);
        }
        self.run = match signal.run {
            Some(run) => self.desk.find::<Run>(run).await?,
            None => None,
        };
        // The agent of nobody's run is one that somebody runs by hand.
        let line = self.run.as_ref().map_or_else(|| self.desk.usual_line(), |run| self.desk.line(&run.runtime));
        let Some(line) = line else { return Ok(Stage::Over) };
        self.ear.tune(line);
        let fresh = signal.delivery_begun == Some(false);
        self.signal = Some(signal);
        Ok(if fresh { Stage::New } else { Stage::Open })
    }

    async fn look(&mut self) -> Result<Seen<Self::Result>, Hitch> {
        let (Some(session), Some(signal)) = (self.session(), self.signal.as_ref()) else { return Ok(Seen::No) };
        let line = self.ear.heard_line()?;
        let sighting = line.agents().sight(&session, &self.key).await?;
        self.ear.looked(&Self::whose(&self.key));
        if removed(Switch::AnswerOnce) {
            return Ok(Seen::No);
        }
        if let Some(run_id) = arrived(&sighting, &self.key) {
            return Ok(Seen::Done(Ok(run_id)));
        }
        if self.ear.ours {
            return Ok(Seen::Done(Ok(self.key.clone())));
        }
        if sighting.begun != Begun::CannotTell || self.unsent || line.may_repeat(self.sent) {
            return Ok(Seen::No);
        }
        let ended = line.agents().wait(&self.key, 0).await?.is_some();
        tracing::debug!(signal = %signal.id, ended, "the session does not tell whether the answer arrived");
        let ended = ended || removed(Switch::AnswerInDoubt);
        Ok(if ended { Seen::Done(Ok(self.key.clone())) } else { Seen::CannotTell })
    }

    async fn act(&mut self) -> Result<Seen<Self::Result>, Hitch> {
        let Some(signal) = self.signal.clone() else { return Ok(Seen::No) };
        let Some(answer) = signal.response.as_ref() else { return Ok(Seen::No) };
        let line = self.ear.heard_line()?;
        let Some(talk) = line.talk() else { return Ok(Seen::Done(Err(line.says(DEAF).into()))) };
        let Some(link) = line.link() else { return Err(Hitch::Away("no connection".into())) };
        if let Some(run) = signal.run {
            self.run = self.desk.find::<Run>(run).await?;
            let stops = |run: &Run| run.stopping.is_some() && !removed(Switch::NothingToStopped);
            if !self.run.as_ref().is_some_and(|run| run.open() && !stops(run)) {
                // What another process sent, or this one without an answer, may be on its way yet; until that is
                // out of the question the run is not over.
                let sent = signal.is_under_way() && !self.unsent;
                return Ok(if sent { Seen::CannotTell } else { Seen::Done(Err(OVER.into())) });
            }
        }
        let Some(session) = self.session() else { return Ok(Seen::No) };
        if self.sendings >= SENDINGS_MOST {
            return Ok(Seen::Done(Err(line.says(UNANSWERED).into())));
        }
        let first = signal.delivery_begun == Some(false) || self.unsent;
        if let Some(refusal) = self.desk.write(&Command::BeginAnswer(self.id)).await? {
            written(Some(refusal))?;
            return Ok(Seen::No); // somebody has settled it
        }
        self.desk.lawful()?;
        self.unsent = false;
        self.sendings += 1;
        self.sent = Some(line.sending(&link));
        self.ear.sign();
        let words = signal.answer_text(answer.as_str());
        match talk.steer(&session, Speech::Words, &words, &[], &self.key).await {
            Ok(accepted) => Ok(Seen::Done(Ok(accepted.run_id))),
            Err(RuntimeError::Refused { sentence, .. }) => {
                let ends = sent_once(first, sentence);
                if ends.is_err() {
                    self.sendings -= 1;
                }
                ends.map(|sentence| Seen::Done(Err(sentence.into())))
            }
            Err(error) => {
                if matches!(error, RuntimeError::Away(_)) {
                    self.unsent = first;
                    self.sendings -= 1;
                }
                Err(error.into())
            }
        }
    }

    async fn follow(&mut self, stop: &mut Stop) -> Result<(), Hitch> {
        if self.signal.as_ref().is_some_and(|signal| signal.delivery_trouble.is_some()) {
            written(self.desk.write(&Command::TellAnswerTrouble(self.id, None)).await?)?;
        }
        let whose = Self::whose(&self.key);
        self.ear.wait(&whose, UNSURE_MS, None, true, stop).await;
        Ok(())
    }

    async fn record(&mut self, settled: Self::Result) -> Result<(), Hitch> {
        self.settle(settled).await
    }

    /// Nobody asks for it: an answer cannot be taken back.
    async fn undo(&mut self) -> Result<(), Hitch> {
        Ok(())
    }

    async fn give_up(&mut self, why: GivenUp) -> Result<(), Hitch> {
        let why = match why {
            GivenUp::Refused(sentence) => sentence,
            GivenUp::Unclear => self.ear.heard_line()?.says(UNCLEAR),
        };
        self.settle(Err(why.into())).await
    }

    async fn tell(&mut self, trouble: String) -> Result<(), Hitch> {
        written(self.desk.write(&Command::TellAnswerTrouble(self.id, Some(trouble.into()))).await?)
    }

    fn line(&self) -> Option<Arc<Line>> {
        self.ear.line().cloned()
    }

    fn quiet_ms(&self) -> i64 {
        self.ear.quiet_ms()
    }
}

/// The run that took the words, if they are there.
fn arrived(sighting: &Sighting, key: &str) -> Option<String> {
    let named = sighting.runs.iter().find(|r| r.run_id == key);
    match named {
        Some(run) => Some(run.run_id.clone()),
        None if sighting.begun == Begun::Yes => {
            Some(sighting.runs.last().map_or_else(|| key.to_owned(), |r| r.run_id.clone()))
        }
        None => None,
    }
}
