//! Whether a runtime is there, in words of its adapter.

use clutch_domain::time::Millis;
use serde::{Deserialize, Serialize};

/// Whether a runtime is there, with the words that pages show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RuntimeState {
    /// It takes calls.
    Ready {
        /// What it is, in words: `OpenClaw 2026.9.6 at ws://127.0.0.1:18789`.
        what: String,
        /// Since when, by the clock of this process; for people, never to be compared with another clock's moments.
        since: Millis,
        /// Whom calls reach.
        link: Link,
        /// What is wrong with it all the same; empty when nothing is.
        troubles: Vec<Trouble>,
    },
    /// Nothing can be asked of it now.
    Away(Away),
}

/// A connection to a runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Which connection of this process it is: another number after each loss.
    pub connection: u64,
    /// Names the runtime's process: another one after its restart. `None` where the runtime tells none
    /// (OpenClaw 2026.2.17); then only the same `connection` means the same process.
    pub boot: Option<String>,
}

/// Why nothing can be asked of a runtime now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Away {
    /// One or two words for a chip: `Token refused`.
    pub word: String,
    /// Since when; `None` before anybody knows, while it is tried for the first time.
    pub since: Option<Millis>,
    /// What is the matter and what to do, for people.
    pub sentence: String,
    /// A command that a person may type to mend it.
    pub command: Option<String>,
    /// When it is tried again; `None` while it is being tried.
    pub retry_at: Option<Millis>,
    /// It does not come back before a person has done something.
    pub needs_person: bool,
}

/// Something that is wrong with a runtime that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Stable code, the adapter's: `not_loaded`.
    pub code: String,
    /// What to do, for people.
    pub sentence: String,
}

impl RuntimeState {
    /// Whether it takes calls.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }

    /// The connection, where there is one.
    #[must_use]
    pub const fn link(&self) -> Option<&Link> {
        match self {
            Self::Ready { link, .. } => Some(link),
            Self::Away(_) => None,
        }
    }

    /// Why it is away.
    #[must_use]
    pub const fn away(&self) -> Option<&Away> {
        match self {
            Self::Ready { .. } => None,
            Self::Away(away) => Some(away),
        }
    }
}
