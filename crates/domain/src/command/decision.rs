//! What people decide for agents that wait at their runtime.

use super::FromSession;
use crate::{
    decision::{AskKind, Verdict},
    text::Excerpt,
};

/// A decision, as the log keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionMade {
    /// What waited.
    pub asked: AskKind,
    /// What was said to it.
    pub said: Said,
    /// The beginning of the command, of what the plugin wants or of the question.
    pub about: Excerpt,
    /// The session from which it was asked, where the runtime says so.
    pub session: Option<FromSession>,
    /// Why it did not count: written after it was said, where the runtime did not take it.
    pub not_taken: Option<Excerpt>,
}

/// What was said. The words of an answer are not kept: they may be a secret that an agent needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Yes or no.
    Verdict(Verdict),
    /// Answers.
    Answered,
    /// That no answer will come.
    Cancelled,
}

impl Said {
    /// In a word, for the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Verdict(verdict) => verdict.word(),
            Self::Answered => "answered",
            Self::Cancelled => "no-answer",
        }
    }
}
