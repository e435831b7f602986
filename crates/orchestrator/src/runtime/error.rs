//! Why a call did not give an answer.

/// Why a call did not give an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// The runtime answered, and the answer was no. The sentence is for people.
    #[error("{sentence}")]
    Refused {
        /// The runtime's own stable code, for example `INVALID_REQUEST`.
        code: String,
        /// What it said.
        sentence: String,
    },
    /// The request left, the answer is lost: it may have happened or not.
    #[error("the answer was lost: {0}")]
    Unknown(String),
    /// Not connected; nothing was sent.
    #[error("{0}")]
    Away(String),
}
