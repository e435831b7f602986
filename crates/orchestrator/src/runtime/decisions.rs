//! What agents of a runtime may not do before a person has decided, and what they ask people by the runtime's own way.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use clutch_domain::{
    decision::{AskKind, Verdict},
    time::Millis,
};
use tokio::sync::watch;

use super::RuntimeError;

/// Most that is told of at once: what expires first.
pub const DECISIONS_MAX: usize = 100;
/// Longest text of a command or a question, in characters.
pub const DECISION_WORDS_MAX: usize = 4_000;
/// Longest name, label or path, in characters.
pub const DECISION_LINE_MAX: usize = 300;
/// Most questions that are asked in one go, and most answers that are offered to one.
pub const DECISION_PARTS_MAX: usize = 12;

/// Something that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The runtime's id of it; ids of two kinds may be the same.
    pub id: String,
    /// What is to be decided.
    pub asks: Asks,
    /// The session from which it is asked, in our form; `None` where the runtime does not say.
    pub session: Option<String>,
    /// The runtime's id of the run.
    pub run: Option<String>,
    /// The runtime's name of the agent.
    pub agent: Option<String>,
    /// Since when it waits, by the runtime's clock.
    pub created: Option<Millis>,
    /// When the runtime stops waiting, by its clock.
    pub expires: Option<Millis>,
}

/// What is to be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asks {
    /// May this command be run?
    Command {
        /// The command, cut at [`DECISION_WORDS_MAX`].
        command: String,
        /// It was longer.
        cut: bool,
        /// Where it would run.
        folder: Option<String>,
        /// What may be said.
        allowed: Vec<Verdict>,
    },
    /// May a plugin of the runtime do this?
    Plugin {
        /// What it is, in a line.
        title: String,
        /// More of it.
        detail: String,
        /// What may be said.
        allowed: Vec<Verdict>,
    },
    /// Questions that are answered together.
    Questions(Vec<Question>),
}

impl Asks {
    /// What may be said to it; nothing where it is answered by words.
    #[must_use]
    pub fn allowed(&self) -> &[Verdict] {
        match self {
            Self::Command { allowed, .. } | Self::Plugin { allowed, .. } => allowed,
            Self::Questions(_) => &[],
        }
    }

    /// Which kind it is.
    #[must_use]
    pub const fn kind(&self) -> AskKind {
        match self {
            Self::Command { .. } => AskKind::Command,
            Self::Plugin { .. } => AskKind::Plugin,
            Self::Questions(_) => AskKind::Questions,
        }
    }
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its id among those that are asked together.
    pub id: String,
    /// A word or two.
    pub header: String,
    /// The question.
    pub text: String,
    /// Answers that are offered.
    pub options: Vec<Choice>,
    /// Several of them may be given.
    pub several: bool,
    /// Own words are taken, too.
    pub words: bool,
}

/// An answer that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is answered.
    pub label: String,
    /// What it means.
    pub about: String,
}

/// What somebody says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a command or a plugin.
    Verdict(Verdict),
    /// To questions: by the question's id, one answer or several.
    Answers(BTreeMap<String, Vec<String>>),
    /// No answer will come.
    Cancel,
}

/// What waits, as the runtime last said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The runtime tells of such things, and has been asked. While it is away nobody knows what waits.
    pub known: bool,
    /// At most [`DECISIONS_MAX`], in the order in which they expire.
    pub all: Arc<[Decision]>,
    /// There is more than that.
    pub more: bool,
}

impl Waiting {
    /// One of them.
    #[must_use]
    pub fn find(&self, kind: AskKind, id: &str) -> Option<&Decision> {
        self.all.iter().find(|one| one.asks.kind() == kind && one.id == id)
    }
}

/// Tells what waits for a person, and brings what they say. All calls have a time-out of their own.
#[async_trait]
pub trait Decisions: Send + Sync + 'static {
    /// What waits, kept true: what comes, is decided by anybody or expires is a change of it.
    fn waiting(&self) -> watch::Receiver<Waiting>;
    /// Brings a reply. `Refused` where the runtime does not take it, for example as somebody else was quicker;
    /// `Unknown` where nobody knows whether it was taken: what waits tells.
    async fn decide(&self, kind: AskKind, id: &str, reply: Reply) -> Result<(), RuntimeError>;
}
