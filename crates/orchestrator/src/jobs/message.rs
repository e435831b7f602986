//! A person's message to an agent: carried to its session, followed, answered or said to have failed.
//!
//! A message waits in the store ([`clutch_domain::chat::Outbox`]); nothing is remembered here that a restart
//! would lose. One message of a chat is under way at a time, so each finds its own answer.
//!
//! How it may be repeated: an attempt that the runtime refused, or of which nothing is in the session, is made
//! again by itself. What has begun, or may have, is never sent again except by a person.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{
    actor::Actor,
    chat::{Chat, DeliveryStatus, Message as Words, Step},
    command::{Carry, Command},
    doc::{Kind, Scope},
    id::{ChatId, MessageId},
    project::Project,
    range::{Fetch, Order, Range},
    sabotage::{Switch, removed},
    task::Task,
    time::Millis,
};

use super::{
    Desk, Effect, GivenUp, Hitch, Seen, Stage, Stop,
    judge::words::{Clues, Verdict, judge},
    line::{Line, Sent},
    sent_once,
    signs::{Ear, Whose},
    written,
};
use crate::runtime::{Begun, Link, RunEnd, RunEndKind, RunEvent, Runtime, RuntimeError};

/// Most chats of which a message is looked at in one go; the next follow as these settle. Of each chat one
/// message is among them, the others stand behind it ([`clutch_domain::chat::Outbox::behind`]).
const OPEN_MAX: u32 = 500;
/// A run without a sign for this long is looked for, in milliseconds.
const LOOK_EVERY_MS: i64 = 30_000;
/// An attempt to which the runtime gives no answer is sent so often at most, under one key.
const SENDINGS_MOST: u32 = 5;
/// After a look that found nothing, and where nothing can be told, the next comes after so long, in milliseconds.
const UNSURE_MS: i64 = 2_000;

/// The messages that are under way or are next.
pub(crate) fn outbox() -> Fetch {
    Fetch { scopes: vec![Scope::Outbox], ranges: vec![open_messages()] }
}

/// The range of [`outbox`].
pub(crate) fn open_messages() -> Range {
    Range::ByStatus { kind: Kind::Message, scope: None, status: "open".into(), order: Order::Ordered, limit: OPEN_MAX }
}

/// When a message may be carried on: `None` is at once.
pub(crate) fn due(message: &Words) -> Option<Millis> {
    message.outbox.as_ref().filter(|o| o.step == Step::Queued).and_then(|o| o.not_before)
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Its run is over.
    Over(RunEnd),
    /// The runtime refused to take it, in these words.
    Refused(String),
    /// Its runtime lets nobody speak to an agent.
    Deaf,
    /// It was sent again and again, the runtime gave no answer, and nothing of it is in the session.
    Unanswered,
    /// It was taken, and nothing of it is in the session.
    Vanished,
    /// It reached the agent; nothing runs, and no end of it is known.
    NoAnswer,
    /// It may be with the agent, which has given no sign for so many minutes.
    Silent(i64),
}

/// One message.
pub(crate) struct Message {
    desk: Arc<Desk>,
    id: MessageId,
    of: ChatId,
    ear: Ear,
    words: Option<Words>,
    session: Option<String>,
    chat: Option<Chat>,
    /// As it was when the chat was found, for the first sending.
    project: Option<Project>,
    /// The run that is followed: of the attempt's key, or the one that took it or went on with it.
    run: String,
    /// The connection over which this process saw it taken.
    taken_over: Option<Link>,
    /// The newest sending by this process.
    sent: Option<Sent>,
    /// How often this attempt was sent without an answer.
    sendings: u32,
    /// Looks in a row that found nothing of it.
    in_vain: u32,
    verdict: Verdict,
}

impl Message {
    /// A message of a chat.
    pub fn new(desk: Arc<Desk>, id: MessageId, of: ChatId) -> Self {
        let ear = Ear::new(desk.clone());
        Self {
            desk,
            id,
            of,
            ear,
            words: None,
            session: None,
            chat: None,
            project: None,
            run: String::new(),
            taken_over: None,
            sent: None,
            sendings: 0,
            in_vain: 0,
            verdict: Verdict::CannotTell,
        }
    }

    async fn step(&self, step: Carry) -> Result<bool, Hitch> {
        match self.desk.write_as(Actor::courier(), &Command::CarryMessage(self.id, step)).await? {
            None => Ok(true),
            Some(refusal) => written(Some(refusal)).map(|()| false),
        }
    }

    /// The chat and its session, once; `false` where the message has nowhere to go, which is written down.
    async fn address(&mut self, chat: Option<Chat>) -> Result<bool, Hitch> {
        let Some(chat) = chat.filter(|chat| chat.deleted_at.is_none()) else {
            return self.step(Carry::GaveUp("The chat was deleted.".into())).await.map(|_| false);
        };
        let project = self.desk.find::<Project>(chat.project).await?.filter(|p| p.deleted_at.is_none());
        let Some(project) = project else {
            return self.step(Carry::GaveUp("The project was deleted.".into())).await.map(|_| false);
        };
        let Some(line) = self.desk.line(&chat.runtime) else {
            let why = format!("This server has no runtime called \u{201c}{}\u{201d}.", chat.runtime);
            return self.step(Carry::GaveUp(why.into())).await.map(|_| false);
        };
        let session = match line.of.session_of(&chat) {
            Some(session) => session.to_owned(),
            None => self.name(&line.of, &chat, &project).await?,
        };
        self.ear.tune(line);
        self.session = Some(session);
        self.project = Some(project);
        self.chat = Some(chat);
        Ok(true)
    }

    /// The first words of a chat are about to leave: its session is called so from now on.
    async fn name(&self, runtime: &Runtime, chat: &Chat, project: &Project) -> Result<String, Hitch> {
        let name = runtime.names.of_chat(&project.slug, chat.id);
        let named = Command::NameSession(chat.id, name, chat.session_key.clone());
        written(self.desk.write_as(Actor::courier(), &named).await?)?;
        // Somebody else may have been faster.
        let chat = self.desk.find::<Chat>(chat.id).await?;
        let name = chat.as_ref().and_then(|chat| runtime.session_of(chat)).map(str::to_owned);
        name.ok_or_else(|| Hitch::Unclear("its chat has no session".into()))
    }

    fn taken(&self) -> bool {
        self.words.as_ref().and_then(|w| w.outbox.as_ref()).is_some_and(|o| o.step == Step::Taken)
    }

    fn unbroken(&self) -> bool {
        let (Some(took), Some(now)) = (&self.taken_over, self.ear.line().and_then(|line| line.link())) else {
            return false;
        };
        match (&took.boot, &now.boot) {
            (Some(took), Some(now)) => took == now,
            _ => took.connection == now.connection,
        }
    }

    fn whose(run: &str) -> impl Fn(&RunEvent) -> Whose + Sync + use<> {
        let run = run.to_owned();
        move |event: &RunEvent| if event.run_id == run { Whose::Ours } else { Whose::Nobodys }
    }

    async fn at_work(&mut self) -> Result<(), Hitch> {
        let Some(words) = self.words.as_mut().filter(|w| w.delivery_status == Some(DeliveryStatus::Delivered)) else {
            return Ok(());
        };
        words.delivery_status = Some(DeliveryStatus::Processing);
        self.step(Carry::AtWork).await.map(drop)
    }
}

#[async_trait]
impl Effect for Message {
    type Result = Came;

    async fn stage(&mut self, _: bool) -> Result<Stage, Hitch> {
        // The chat is read with it the first time.
        let (itself, chat) = (Range::doc(Kind::Message, self.id), Range::doc(Kind::Chat, self.of));
        let ranges = [&itself].into_iter().chain(self.session.is_none().then_some(&chat)).cloned().collect();
        let docs = self.desk.read(ranges).await?;
        let Some(words) = docs.first::<Words>(&itself).cloned() else { return Ok(Stage::Over) };
        let Some(outbox) = words.outbox.clone().filter(|o| o.step != Step::Settled) else { return Ok(Stage::Over) };
        if outbox.behind || due(&words).is_some_and(|at| self.desk.office.now() < at) {
            return Ok(Stage::Over);
        }
        if self.session.is_none() && !self.address(docs.first::<Chat>(&chat).cloned()).await? {
            return Ok(Stage::Over);
        }
        let run = match outbox.step {
            Step::Queued => words.key(outbox.attempt + 1),
            Step::Sending | Step::Taken | Step::Settled => outbox.run_id.unwrap_or_else(|| words.key(outbox.attempt)),
        };
        if run != self.run {
            self.run = run;
            self.in_vain = 0;
            self.sendings = 0;
        }
        self.words = Some(words);
        Ok(if outbox.step == Step::Queued { Stage::New } else { Stage::Open })
    }

    async fn look(&mut self) -> Result<Seen<Came>, Hitch> {
        let Some(session) = self.session.clone() else { return Ok(Seen::No) };
        self.verdict = Verdict::CannotTell;
        let taken = self.taken();
        if let Some(end) = self.ear.heard.get(&self.run).filter(|_| taken) {
            return Ok(Seen::Done(Came::Over(end.clone())));
        }
        let line = self.ear.heard_line()?;
        let sighting = line.agents().sight(&session, &self.run).await?;
        self.ear.looked(&Self::whose(&self.run));
        let mut asked = false;
        loop {
            self.verdict = judge(&Clues {
                run: &self.run,
                taken,
                sighting: &sighting,
                heard: self.ear.heard.get(&self.run),
                sign: self.ear.ours,
                unbroken: self.unbroken(),
                repeatable: line.may_repeat(self.sent),
                quiet_ms: self.quiet_ms(),
                in_vain: self.in_vain,
            });
            // A runtime that shows nothing of it may still know its end.
            let blind =
                self.verdict == Verdict::CannotTell || self.verdict == Verdict::Working && sighting.active.is_none();
            if !blind || std::mem::replace(&mut asked, true) {
                break;
            }
            if let Some(end) = line.agents().wait(&self.run, 0).await? {
                self.ear.sign();
                self.ear.heard.insert(self.run.clone(), end);
            }
        }
        if removed(Switch::MessageInDoubt) && self.verdict == Verdict::CannotTell {
            let end = RunEnd { how: RunEndKind::Finished, last_words: String::new(), reason: None };
            self.verdict = if taken { Verdict::Over(end) } else { Verdict::Taken };
        }
        tracing::trace!(message = %self.id, verdict = ?self.verdict, "looked");
        if sighting.begun == Begun::Yes && taken {
            self.at_work().await?;
        }
        self.in_vain = if self.verdict == Verdict::InVain { self.in_vain + 1 } else { 0 };
        let most = self.desk.policy.stale_ms;
        Ok(match &self.verdict {
            Verdict::Send => Seen::No,
            Verdict::Over(end) => Seen::Done(Came::Over(end.clone())),
            Verdict::Vanished => Seen::Done(Came::Vanished),
            Verdict::NoAnswer => Seen::Done(Came::NoAnswer),
            // Where the runtime cannot say that it is at work, silence has an end.
            Verdict::Working if sighting.active.is_none() && self.quiet_ms() >= most => {
                Seen::Done(Came::Silent(most / 60_000))
            }
            Verdict::Taken | Verdict::GoesOn(_) | Verdict::Working | Verdict::Unsure | Verdict::InVain => Seen::Begun,
            Verdict::CannotTell => Seen::CannotTell,
        })
    }

    async fn act(&mut self) -> Result<Seen<Came>, Hitch> {
        let (Some(words), Some(chat), Some(session)) = (self.words.clone(), self.chat.clone(), self.session.clone())
        else {
            return Ok(Seen::No);
        };
        let first = words.outbox.as_ref().is_some_and(|o| o.step == Step::Queued);
        let line = self.ear.heard_line()?;
        let Some(talk) = line.talk() else { return Ok(Seen::Done(Came::Deaf)) };
        let Some(link) = line.link() else { return Err(Hitch::Away("no connection".into())) };
        let project = match self.project.take() {
            Some(project) => Some(project),
            None => self.desk.find::<Project>(chat.project).await?,
        };
        let Some(project) = project else { return Ok(Seen::No) };
        let ticket: Option<Task> = match chat.about {
            Some(about) => self.desk.find(about.task).await?,
            None => None,
        };
        if self.sendings >= SENDINGS_MOST {
            return Ok(Seen::Done(Came::Unanswered));
        }
        let letter = self.desk.mail.letter(&words, &project, ticket.as_ref()).await;
        if first && !self.step(Carry::Send).await? {
            return Ok(Seen::No); // it was withdrawn, or somebody else has it
        }
        self.desk.lawful()?;
        self.sent = Some(line.sending(&link));
        self.sendings += 1;
        self.ear.sign();
        match talk.steer(&session, letter.speech, &letter.text, &letter.pictures, &self.run).await {
            Ok(accepted) => {
                self.taken_over = Some(link);
                self.run.clone_from(&accepted.run_id);
                self.step(Carry::Taken(accepted.run_id)).await?;
                self.words = Some(Words { delivery_status: Some(DeliveryStatus::Delivered), ..words });
                self.verdict = Verdict::Working;
                Ok(Seen::Begun)
            }
            Err(RuntimeError::Refused { sentence, .. }) => {
                let ends = sent_once(first || removed(Switch::RefusedAgain), sentence);
                if ends.is_err() {
                    self.sendings -= 1;
                }
                ends.map(|sentence| Seen::Done(Came::Refused(sentence)))
            }
            Err(RuntimeError::Away(why)) => {
                self.sendings -= 1;
                // Of an attempt that is repeated an earlier sending may have arrived.
                if first {
                    self.step(Carry::NotSent).await?;
                }
                Err(Hitch::Away(why))
            }
            // It stays "sending": whoever takes it up looks first.
            Err(error) => Err(error.into()),
        }
    }

    async fn follow(&mut self, stop: &mut Stop) -> Result<(), Hitch> {
        if self.words.as_ref().and_then(|w| w.outbox.as_ref()).is_some_and(|o| o.trouble.is_some()) {
            self.step(Carry::Trouble(None)).await?;
        }
        let within = match self.verdict.clone() {
            Verdict::Taken => return self.step(Carry::Taken(self.run.clone())).await.map(drop),
            Verdict::GoesOn(run) => {
                self.ear.sign();
                return self.step(Carry::GoesOn(run)).await.map(drop);
            }
            Verdict::Working => LOOK_EVERY_MS,
            _ => UNSURE_MS,
        };
        let until = self.desk.reactor.steady().plus(within);
        let whose = Self::whose(&self.run);
        // The first sign is written down at once; then only the end is news.
        let mut any = !self.ear.ours;
        loop {
            let left = until.since(self.desk.reactor.steady());
            self.ear.wait(&whose, left.max(0), None, any, stop).await;
            let first = any && self.ear.ours;
            if first {
                self.at_work().await?;
            }
            if !first || self.ear.heard.contains_key(&self.run) {
                return Ok(());
            }
            any = false;
        }
    }

    async fn record(&mut self, came: Came) -> Result<(), Hitch> {
        let line = self.ear.heard_line()?;
        let step = match came {
            Came::Over(RunEnd { how: RunEndKind::Failed, reason, .. }) => {
                let why = reason.unwrap_or_else(|| line.says("gave no reason."));
                Carry::GaveUp(why.into())
            }
            Came::Over(end) => {
                let (Some(words), Some(session)) = (&self.words, &self.session) else { return Ok(()) };
                self.desk.mail.keep(&line.of, words.chat, session, &self.run, &end).await.map_err(Hitch::Unclear)?;
                Carry::Answered
            }
            Came::Refused(sentence) => Carry::Failed(line.says(&format!("refused it: {sentence}")).into()),
            Came::Unanswered => Carry::GaveUp(line.says("gives no answer when it is sent.").into()),
            Came::Deaf => Carry::GaveUp(line.says("lets nobody speak to its agents.").into()),
            Came::Vanished => Carry::Failed(line.says("lost it before it reached the agent.").into()),
            Came::NoAnswer => Carry::GaveUp(
                "It reached the agent, and no answer is known: neither one nor an agent at work is shown.".into(),
            ),
            Came::Silent(minutes) => Carry::GaveUp(
                line.says(&format!("does not tell whether the agent works, which gave no sign for {minutes} minutes."))
                    .into(),
            ),
        };
        self.step(step).await.map(drop)
    }

    /// Nobody asks for it: what a person stops is stopped in the session, and seen there.
    async fn undo(&mut self) -> Result<(), Hitch> {
        Ok(())
    }

    async fn give_up(&mut self, why: GivenUp) -> Result<(), Hitch> {
        let line = self.ear.heard_line()?;
        let why = match why {
            GivenUp::Refused(sentence) if self.verdict == Verdict::Send => {
                line.says(&format!("refused it: {sentence}"))
            }
            GivenUp::Refused(sentence) => line.says(&format!("refuses to show what became of it: {sentence}")),
            GivenUp::Unclear => line.says("does not tell whether it reached the agent."),
        };
        self.step(Carry::GaveUp(why.into())).await.map(drop)
    }

    async fn tell(&mut self, trouble: String) -> Result<(), Hitch> {
        self.step(Carry::Trouble(Some(trouble.into()))).await.map(drop)
    }

    fn line(&self) -> Option<Arc<Line>> {
        self.ear.line().cloned()
    }

    fn quiet_ms(&self) -> i64 {
        self.ear.quiet_ms()
    }
}
