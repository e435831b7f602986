//! Who does something. Every accepted command is recorded with its true actor.

use serde::{Deserialize, Serialize};

/// Name of the person who owns this installation, as outside programs know it (facts §0.4).
pub const OWNER: &str = "dan";
/// Name of the coordinating agent, as outside programs know it (facts §0.4).
pub const COORDINATOR: &str = "ada";

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Actor {
    /// A person in the browser.
    Human {
        /// Name to show.
        name: String,
    },
    /// An agent that reports through the plugin.
    Agent {
        /// Agent or session name to show.
        name: String,
    },
    /// The work loop.
    Loop,
    /// A program without a token; `claim` is the author that its body names, shown as a claim and never believed.
    Program {
        /// Author named by the request.
        claim: Option<String>,
    },
}

impl Actor {
    /// The name that pages and REST answers show.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Human { name } | Self::Agent { name } => name,
            Self::Loop => "work-loop",
            Self::Program { claim } => claim.as_deref().unwrap_or("program"),
        }
    }

    /// Whether a person acts.
    #[must_use]
    pub const fn is_human(&self) -> bool {
        matches!(self, Self::Human { .. })
    }
}
