//! What is asked about messages on their way.

use crate::{chat::DeliveryStatus, text::Excerpt};

/// A step of a message on its way to the agent; only the courier takes them.
#[derive(Clone, Debug, PartialEq)]
pub enum Carry {
    /// An attempt begins. Written before anything is sent, so that whoever comes after a crash looks first.
    Send,
    /// The attempt did not leave this machine.
    NotSent,
    /// The gateway took it, as this run.
    Taken(String),
    /// The agent reads it.
    AtWork,
    /// The gateway goes on with it under another run id.
    GoesOn(String),
    /// What keeps it from being carried or followed, for people; `None` when nothing does any more.
    Trouble(Option<Excerpt>),
    /// Its run is over and was answered, or had nothing to say.
    Answered,
    /// The attempt failed, for this reason, and nothing of it has begun: another may follow.
    Failed(Excerpt),
    /// It is given up for this reason: it began, or may have, or can never be sent. Only a person sends it again.
    GaveUp(Excerpt),
}

/// What a program says of a message's delivery (facts §2.3).
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryPatch {
    /// How far it came.
    pub status: DeliveryStatus,
    /// As given.
    pub retry_count: Option<u32>,
    /// As given.
    pub cooldown_until: Option<i64>,
    /// As given.
    pub failure_reason: Option<Excerpt>,
}
