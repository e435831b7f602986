//! How a run ended.

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// Whether the agent reached its end by itself, was stopped, or failed.
    pub how: RunEndKind,
    /// The agent's last visible words, whole; empty when there were none.
    pub last_words: String,
    /// For a failure: the runtime's reason, in a sentence.
    pub reason: Option<String>,
}

/// The three ways in which a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEndKind {
    /// The agent finished its turn.
    Finished,
    /// Somebody stopped it.
    Aborted,
    /// The model, a tool or the runtime failed.
    Failed,
}
