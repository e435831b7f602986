//! What is asked about tokens and log-in.

use crate::{
    access::{Digest, TokenScope},
    text::{Excerpt, Handle, Label},
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

/// A browser that has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBrowserSession {
    /// Hash of what its cookie says.
    pub digest: Digest,
    /// Whose it is.
    pub account: Handle,
    /// Which browser, in words.
    pub browser: Excerpt,
    /// The address from which it logged in.
    pub from: Excerpt,
}
