//! The courier: carries people's messages to the agent, and sees to it that each is answered or
//! said to have failed.
//!
//! A message of a person waits in the store ([`clutch_domain::chat::Outbox`]); nothing is remembered
//! here that a restart would lose. One message of a chat is under way at a time, so each finds its
//! own answer. Before a message whose fate is unknown is sent again, the session is asked whether it
//! arrived (rules 1, 2, 3 and 5 of ARCHITECTURE.md, "Five rules").

use std::{collections::HashSet, sync::Arc, time::Duration};

use clutch_domain::{
    actor::Actor,
    chat::{Chat, Message, Step},
    command::{Carry, Command},
    doc::{Inside, Kind, Scope},
    id::{ChatId, MessageId},
    project::Project,
    range::{Fetch, Order, Range},
    task::Task,
};
use clutch_orchestrator::{
    office::{Error, Office},
    runtime::{AgentRuntime, Begun, RunEnd, RunEndKind, RunEvent, RunSign, RuntimeError, RuntimeState},
    store::Fault,
    work::Leading,
};
use futures_util::StreamExt;
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        mpsc,
    },
    time::{Instant, sleep, sleep_until},
};

use crate::{bridge::Bridge, letter::letter};

/// Most messages that are looked at in one go; the next follow as these settle.
const OPEN_MAX: u32 = 500;
/// A run without a sign for this long is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Pause after trouble that has no time of its own.
const PAUSE: Duration = Duration::from_secs(2);
/// Looks in a row that find nothing before a run counts as lost.
const LOOKS_IN_VAIN: u32 = 3;

/// What the courier needs.
pub struct Courier {
    /// Use-cases.
    pub office: Arc<Office>,
    /// The gateway.
    pub runtime: Arc<dyn AgentRuntime>,
    /// Whether this server leads: of several only one carries messages.
    pub leading: Leading,
    /// Keeps the answers, and what goes with them.
    pub bridge: Arc<Bridge>,
    /// Address at which programs reach the board.
    pub board: String,
}

/// Why a message is put down for now.
enum Halt {
    /// Somebody else has it, or it is gone.
    NotOurs,
    /// The store or the gateway is in trouble; it is taken up again in a moment.
    Trouble(String),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(_) => Self::NotOurs,
            other => Self::Trouble(other.to_string()),
        }
    }
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Trouble(fault.what)
    }
}

impl From<RuntimeError> for Halt {
    fn from(error: RuntimeError) -> Self {
        Self::Trouble(error.to_string())
    }
}

fn outbox() -> Fetch {
    Fetch { scopes: vec![Scope::Outbox], ranges: vec![open_messages()] }
}

fn open_messages() -> Range {
    Range::ByStatus { kind: Kind::Message, scope: None, status: "open".into(), order: Order::Ordered, limit: OPEN_MAX }
}

/// Who the courier acts as in the log.
fn courier() -> Actor {
    Actor::courier()
}

impl Courier {
    /// Carries messages for ever.
    pub async fn run(self: Arc<Self>) {
        let mut open: Vec<Message> = Vec::new();
        let mut watch = self.office.store().watch(outbox());
        let mut state = self.runtime.state();
        let (put_down, mut back) = mpsc::channel::<ChatId>(OPEN_MAX as usize);
        let mut busy: HashSet<ChatId> = HashSet::new();
        loop {
            let mut wake = None;
            let connected = matches!(*state.borrow_and_update(), RuntimeState::Connected { .. });
            if connected && !open.is_empty() && !self.leading.holds() {
                wake = Some(PAUSE);
            } else if connected {
                let now = self.office.now();
                let mut seen = HashSet::new();
                for message in open.iter().filter(|m| seen.insert(m.chat)) {
                    if busy.contains(&message.chat) {
                        continue;
                    }
                    let due = message.outbox.as_ref().and_then(|o| o.not_before).filter(|at| *at > now);
                    if let Some(at) = due {
                        let left = Duration::from_millis(at.since(now).unsigned_abs());
                        wake = Some(wake.map_or(left, |w: Duration| w.min(left)));
                        continue;
                    }
                    busy.insert(message.chat);
                    let (this, message, put_down) = (self.clone(), message.clone(), put_down.clone());
                    tokio::spawn(async move {
                        let chat = message.chat;
                        if let Err(Halt::Trouble(why)) = this.carry(message).await {
                            tracing::info!(%chat, why, "a message is taken up again in a moment");
                            sleep(PAUSE).await;
                        }
                        let _ = put_down.send(chat).await; // the receiver lives as long as this server
                    });
                }
            }
            tokio::select! {
                item = watch.next() => match item {
                    Some(Ok(read)) => open = read.value.all::<Message>(&open_messages()).cloned().collect(),
                    Some(Err(_)) => {}
                    None => return,
                },
                Ok(()) = state.changed() => {}
                Some(chat) = back.recv() => {
                    busy.remove(&chat);
                    // What the watch last said may be older than what was just committed.
                    if let Ok(read) = self.office.all(open_messages()).await {
                        open = read;
                    }
                }
                () = sleep(wake.unwrap_or_default()), if wake.is_some() => {}
            }
        }
    }

    async fn doc<T: Inside + Clone>(&self, id: impl ToString) -> Result<T, Halt> {
        self.office.get(id).await?.ok_or(Halt::NotOurs)
    }

    async fn step(&self, id: MessageId, step: Carry) -> Result<(), Halt> {
        self.office.run(&courier(), &Command::CarryMessage(id, step)).await?;
        Ok(())
    }

    /// Brings one message as far as it can be brought.
    async fn carry(&self, message: Message) -> Result<(), Halt> {
        let Some(outbox) = message.outbox.clone() else { return Err(Halt::NotOurs) };
        let chat: Chat = self.doc(message.chat).await?;
        let Some(session) = chat.session().map(str::to_owned) else { return Err(Halt::NotOurs) };
        // Heard from here on, so that no answer is missed between the sending and the listening.
        let events = self.runtime.events();
        let run = match outbox.step {
            Step::Settled => return Ok(()),
            Step::Taken => outbox.run_id.unwrap_or_else(|| message.key(outbox.attempt)),
            Step::Sending => {
                let key = message.key(outbox.attempt);
                if self.runtime.sight(&session, &key).await?.begun == Begun::Yes {
                    self.step(message.id, Carry::Taken(key.clone())).await?;
                    key
                } else {
                    match self.send(&chat, &message, &session, &key).await? {
                        Some(run) => run,
                        None => return Ok(()),
                    }
                }
            }
            Step::Queued => {
                self.step(message.id, Carry::Send).await?;
                match self.send(&chat, &message, &session, &message.key(outbox.attempt + 1)).await? {
                    Some(run) => run,
                    None => return Ok(()),
                }
            }
        };
        let fresh = outbox.step == Step::Queued;
        self.follow(&message, &session, run, events, fresh).await
    }

    /// Sends an attempt; `None` when it was refused, and that is written down.
    async fn send(&self, chat: &Chat, message: &Message, session: &str, key: &str) -> Result<Option<String>, Halt> {
        let project: Project = self.doc(chat.project).await?;
        let ticket: Option<Task> = match chat.about {
            Some(about) => self.office.get(about.task).await?,
            None => None,
        };
        let letter = letter(message, &project, ticket.as_ref(), &self.bridge.uploads, &self.board).await;
        if !self.leading.holds() {
            return Err(Halt::NotOurs);
        }
        match self.runtime.steer(session, letter.speech, &letter.text, &letter.pictures, key).await {
            Ok(accepted) => {
                self.step(message.id, Carry::Taken(accepted.run_id.clone())).await?;
                Ok(Some(accepted.run_id))
            }
            Err(RuntimeError::Refused { sentence, .. }) => {
                self.step(message.id, Carry::Failed(format!("The gateway refused it: {sentence}").into())).await?;
                Ok(None)
            }
            Err(RuntimeError::Away(why)) => {
                self.step(message.id, Carry::NotSent).await?;
                Err(Halt::Trouble(why))
            }
            // It stays "sending": whoever takes it up looks first.
            Err(RuntimeError::Unknown(why)) => Err(Halt::Trouble(why)),
        }
    }

    /// Waits for the end of a run, by the gateway's events and, where they may be missing, by looking.
    async fn follow(
        &self,
        message: &Message,
        session: &str,
        mut run: String,
        mut events: broadcast::Receiver<Arc<RunEvent>>,
        fresh: bool,
    ) -> Result<(), Halt> {
        let mut state = self.runtime.state();
        let mut at_work = false;
        let mut in_vain = 0;
        let mut look = Instant::now() + if fresh { LOOK_EVERY } else { Duration::ZERO };
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) if event.run_id == run => {
                        in_vain = 0;
                        look = Instant::now() + LOOK_EVERY;
                        if let RunSign::Ended(end) = &event.what {
                            return self.settle(message, session, &run, end.clone()).await;
                        }
                        if !at_work {
                            at_work = true;
                            self.step(message.id, Carry::AtWork).await?;
                        }
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => look = Instant::now(),
                    Err(RecvError::Closed) => return Ok(()),
                },
                Ok(()) = state.changed() => {
                    if matches!(*state.borrow_and_update(), RuntimeState::Connected { .. }) {
                        look = Instant::now();
                    }
                }
                () = sleep_until(look) => {
                    look = Instant::now() + LOOK_EVERY;
                    if !matches!(*state.borrow(), RuntimeState::Connected { .. }) {
                        continue;
                    }
                    let Ok(seen) = self.runtime.sight(session, &run).await else { continue };
                    let ours = seen.runs.iter().position(|r| r.run_id == run);
                    if let Some(next) = seen.runs.iter().skip(ours.map_or(0, |at| at + 1)).rfind(|r| r.resumed) {
                        self.step(message.id, Carry::GoesOn(next.run_id.clone())).await?;
                        run.clone_from(&next.run_id);
                        if let Some(end) = next.end.clone() {
                            return self.settle(message, session, &run, end).await;
                        }
                    } else if let Some(end) = ours.and_then(|at| seen.runs[at].end.clone()) {
                        return self.settle(message, session, &run, end).await;
                    } else if seen.active == Some(false) {
                        in_vain += 1;
                        look = Instant::now() + PAUSE;
                        if in_vain >= LOOKS_IN_VAIN {
                            let why = "The gateway ended without an answer to it.".to_owned();
                            return self.step(message.id, Carry::Failed(why.into())).await;
                        }
                    }
                }
            }
        }
    }

    async fn settle(&self, message: &Message, session: &str, run: &str, end: RunEnd) -> Result<(), Halt> {
        let mut words = end.last_words.trim().to_owned();
        let calls = self.bridge.streams.calls(message.chat, run);
        match end.how {
            RunEndKind::Failed => {
                let why = end.reason.unwrap_or_else(|| "The gateway gave no reason.".to_owned());
                return self.step(message.id, Carry::Failed(why.into())).await;
            }
            RunEndKind::Finished => words = self.bridge.whole(session, run, &words).await,
            RunEndKind::Aborted if words.is_empty() => "_Stopped before the first word._".clone_into(&mut words),
            RunEndKind::Aborted => words.push_str("\n\n_Stopped here._"),
        }
        self.bridge.keep(message.chat, session, run, &words, calls).await?;
        self.step(message.id, Carry::Answered).await
    }
}
