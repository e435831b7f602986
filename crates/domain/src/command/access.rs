//! What is asked about tokens.

use crate::{
    access::{Digest, TokenScope},
    text::Label,
    time::Millis,
};

/// A new token, of which only the hash comes here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Hash of its secret.
    pub digest: Digest,
    /// What people call it.
    pub name: Label,
    /// How much it opens.
    pub scope: TokenScope,
    /// From when on it opens nothing; `None` is never.
    pub expires_at: Option<Millis>,
}
