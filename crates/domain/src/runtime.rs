//! Which runtime an agent runs in, by its name. What a runtime is only its adapter knows.

use std::collections::BTreeMap;

use crate::{project::Project, task::Role};

/// The runtime of what was stored before runtimes had names, and of projects that choose none.
pub const USUAL: &str = "openclaw";
/// The runtime of agents that come by themselves and take a task ([`crate::run::Hold`]). No server starts anything in
/// it: a project that chooses it waits for them.
pub const PULL: &str = "pull";
/// The key under which a project chooses the runtime of its chats.
pub const CHATS: &str = "chats";
/// The key under which a project chooses the runtime of whatever it names no other for.
pub const ALL: &str = "all";

/// The runtimes that a server has, by name, each with why nothing can be asked of it now.
pub type Standing = BTreeMap<String, Option<String>>;

/// The one that is meant where none is named, of those that there are.
#[must_use]
pub fn usual_of<T>(all: &BTreeMap<String, T>) -> Option<&T> {
    all.get(USUAL).or_else(|| all.values().next())
}

/// [`USUAL`], for what is read from a store.
#[must_use]
pub fn usual() -> String {
    USUAL.to_owned()
}

/// What people are told of an agent whose runtime this server has not.
#[must_use]
pub fn unknown(name: &str) -> String {
    format!(
        "This server has no runtime called \u{201c}{name}\u{201d}, so the agent there is neither followed nor stopped."
    )
}

impl Project {
    /// The runtime in which agents of a role work.
    #[must_use]
    pub fn runtime_of(&self, role: Role) -> &str {
        self.chosen(role.word())
    }

    /// The runtime of chats that begin now.
    #[must_use]
    pub fn runtime_of_chats(&self) -> &str {
        self.chosen(CHATS)
    }

    fn chosen(&self, key: &str) -> &str {
        self.runtimes.get(key).or_else(|| self.runtimes.get(ALL)).map_or(USUAL, String::as_str)
    }
}
