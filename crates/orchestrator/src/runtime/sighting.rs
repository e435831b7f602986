//! What a look into a session shows.

use clutch_domain::time::Millis;

use super::RunEnd;

/// One run seen while looking into a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRun {
    /// The runtime's id of the run.
    pub run_id: String,
    /// `Some` when it is known to have ended.
    pub end: Option<RunEnd>,
    /// When it last said something, where the session shows it.
    pub said_at: Option<Millis>,
    /// Made by the runtime itself to continue a run that its own restart cut off.
    pub resumed: bool,
}

/// Whether words that were sent under a key reached their session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begun {
    /// They are there.
    Yes,
    /// They are not, and the runtime would show them.
    #[default]
    No,
    /// There are words in the session, and the runtime does not tell under which keys they came. This is
    /// never taken for an arrival, and never a reason to send again without being told to.
    CannotTell,
}

/// What a session shows of an attempt (rules 2 to 4 of ARCHITECTURE.md, "Five rules").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Whether the prompt (or the message with this key) reached the session.
    pub begun: Begun,
    /// Whether something runs in the session now; `None` where the runtime cannot tell.
    pub active: Option<bool>,
    /// The session's runs, oldest first, as far as the runtime still knows them.
    pub runs: Vec<SeenRun>,
    /// The newest words of the agent in the session, if any.
    pub last_words: Option<String>,
}

impl Sighting {
    /// Whether anything is in the session. Of one that is an attempt's alone it is the attempt's own, also where the
    /// runtime marks nothing (rule 4).
    #[must_use]
    pub fn shows_something(&self) -> bool {
        self.begun != Begun::No || !self.runs.is_empty() || self.active == Some(true)
    }
}
