//! What is asked about tokens and log-in.

use crate::{
    access::{Digest, PasswordHash, TokenScope, UserName, UserRole},
    text::{Excerpt, Label},
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
    pub account: UserName,
    /// When the password was set that was given.
    pub password_of: Millis,
    /// Which browser, in words.
    pub browser: Excerpt,
    /// The address from which it logged in.
    pub from: Excerpt,
}

/// Log-ins that were refused, of one account and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLogIns {
    /// Whose; nobody's, where nobody has the name. What was typed is not kept: it may be a password.
    pub account: Option<UserName>,
    /// The address from which they came.
    pub from: Excerpt,
    /// How many.
    pub times: u32,
}

/// Another password for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassword {
    /// Hash of the new one.
    pub hash: PasswordHash,
    /// When the password was set that was given.
    pub password_of: Millis,
    /// The session that asks; all others of the same person end.
    pub session: Digest,
}

/// What is to become of somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeUser {
    /// Who.
    pub name: UserName,
    /// What.
    pub step: UserStep,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserStep {
    /// They may log in from now on.
    Add(UserRole, PasswordHash),
    /// They may do this from now on.
    Become(UserRole),
    /// Their password is another one; their sessions end.
    Password(PasswordHash),
    /// They may not log in any more; their sessions end.
    Remove,
}
