//! Effects: whatever the server does outside its store, and the one way in which all of it is done.
//!
//! An effect is written down before it is begun, looked for before it is repeated, followed until
//! its end is known, and recorded ([`Effect`], [`drive`]). A restart needs no special case: it is a
//! look like any other. The five rules of ARCHITECTURE.md are told here in code once; what differs
//! between an agent's run ([`run`]), the answer to a question ([`answer`]), a person's message
//! ([`message`]) and what a webhook is told ([`webhook`]) is what each of them writes and how it reads a look ([`judge`]).
//!
//! Time, spawning and waiting come from [`Reactor`](crate::work::Reactor); the simulator runs this
//! very code on one thread in virtual time.

pub(crate) mod answer;
pub(crate) mod desk;
mod drive;
pub(crate) mod hands;
pub mod judge;
pub(crate) mod line;
pub mod mail;
pub(crate) mod message;
pub mod post;
pub(crate) mod run;
mod signs;
pub(crate) mod webhook;

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{id::RunId, refusal::Refusal};

pub(crate) use desk::{Deposed, Desk};
pub(crate) use drive::{Stop, drive};
use line::Line;

use crate::runtime::RuntimeError;

/// Where an effect stands, by what is stored of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nobody can have begun it: do it without looking.
    New,
    /// It may have been begun: look first.
    Open,
    /// It is to be undone, and that is written down.
    Stopping,
    /// There is nothing to do, or not by this effect, or not yet.
    Over,
}

/// What a look shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen<Result> {
    /// It was not begun.
    No,
    /// It was begun and is not over.
    Begun,
    /// It is over.
    Done(Result),
    /// The runtime does not tell. This is never taken for "begun", and the effect is not repeated:
    /// it is given up, in words, after [`judge::LOST_AFTER_MS`] without a sign of it.
    CannotTell,
}

/// Why a step of an effect did not come about. Whatever it is, the step is tried again after a pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hitch {
    /// The lease is lost: it is somebody else's to do.
    Deposed,
    /// The answer was no, in the words of who refused.
    Refused(String),
    /// No answer: it may have happened.
    Unclear(String),
    /// Nothing was sent: there is no connection.
    Away(String),
}

impl From<Deposed> for Hitch {
    fn from(_: Deposed) -> Self {
        Self::Deposed
    }
}

impl From<RuntimeError> for Hitch {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Refused { sentence, .. } => Self::Refused(sentence),
            RuntimeError::Unknown(why) => Self::Unclear(why),
            RuntimeError::Away(why) => Self::Away(why),
        }
    }
}

/// Why an effect is given up before its end is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// A step of it was refused again and again; the words of who refused.
    Refused(String),
    /// Nobody can tell whether it was begun, and it gives no sign.
    Unclear,
}

/// One effect, in the steps that [`drive`] takes.
///
/// Every step may be taken again after a crash at any point, by another process. Whatever an
/// effect remembers beyond its document may only make it quicker, never right.
#[async_trait]
pub(crate) trait Effect: Send {
    /// What comes of it.
    type Result: Send;

    /// Reads what is stored of it. `stop` says that somebody wants it undone.
    async fn stage(&mut self, stop: bool) -> Result<Stage, Hitch>;
    /// Looks outside whether it was begun and what became of it; changes nothing there.
    async fn look(&mut self) -> Result<Seen<Self::Result>, Hitch>;
    /// Writes down that it begins, and does it. A refusal of the effect itself is a result.
    async fn act(&mut self) -> Result<Seen<Self::Result>, Hitch>;
    /// Writes down what the last look has shown of its progress, and waits until another look is
    /// worth while, or `stop` changes.
    async fn follow(&mut self, stop: &mut Stop) -> Result<(), Hitch>;
    /// Writes down what came of it.
    async fn record(&mut self, result: Self::Result) -> Result<(), Hitch>;
    /// Undoes it, and writes down that it is undone.
    async fn undo(&mut self) -> Result<(), Hitch>;
    /// Writes down, for people, that it is given up.
    async fn give_up(&mut self, why: GivenUp) -> Result<(), Hitch>;
    /// Shows a trouble that lasts where people see it. Whoever follows it again takes that away.
    async fn tell(&mut self, trouble: String) -> Result<(), Hitch>;
    /// The line to the runtime that it is about; `None` before that is known.
    fn line(&self) -> Option<Arc<Line>>;
    /// Milliseconds since the last sign of it, or since it was first listened for.
    fn quiet_ms(&self) -> i64;
}

/// What a refusal of the store's rules means to an effect: that what it wanted to write is so already,
/// or that it cannot be written.
pub(crate) fn written(refusal: Option<Refusal>) -> Result<(), Hitch> {
    match refusal {
        None => Ok(()),
        // Said twice after a lost answer, or somebody else was faster: the next stage reads what is.
        Some(Refusal::RunEnded | Refusal::RunNotFound | Refusal::SignalNotFound | Refusal::DeliveryMoved) => Ok(()),
        Some(Refusal::MessageNotFound | Refusal::DeliveryNotFound | Refusal::WebhookNotFound) => Ok(()),
        Some(Refusal::LeaseLost) => Err(Hitch::Deposed),
        Some(refusal @ Refusal::AnswerUnderWay) => Err(Hitch::Unclear(refusal.to_string())),
        Some(refusal) => Err(Hitch::Refused(refusal.to_string())),
    }
}

/// What a refusal of the runtime means to a sending: its end, where it was the only one; else the one before may be
/// on its way yet, and it is looked for before the same is sent again.
pub(crate) fn sent_once(only: bool, sentence: String) -> Result<String, Hitch> {
    if only { Ok(sentence) } else { Err(Hitch::Refused(sentence)) }
}

/// Names the document that an effect is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JobId {
    /// The run of an agent.
    Run(RunId),
    /// The answer to a question.
    Answer(clutch_domain::id::SignalId),
    /// A person's message; of each chat one is under way.
    Message(clutch_domain::id::ChatId),
    /// What a webhook is told.
    Delivery(clutch_domain::id::DeliveryId),
}
