//! Who may come in besides people at this machine: programs with a token, and browsers that have logged in.
//!
//! Of a token the store has only the hash: whoever reads the store cannot use it. The secret itself is shown once,
//! when it is made.

use serde::{Deserialize, Serialize};

use crate::{
    actor::Who,
    right::{Right, Rights},
    task::words,
    time::{DAY_MS, Millis},
};

/// Most tokens that are in force.
pub const TOKENS_MAX: u32 = 200;

/// Most browsers that are logged in.
pub const SESSIONS_MAX: u32 = 200;
/// A session ends so long after its browser was last here: thirty days.
pub const SESSION_MS: i64 = 30 * DAY_MS;

/// What tokens, accounts and sessions hang on.
pub const INSTALLATION: &str = "installation";

/// The SHA-256 of a secret, in hexadecimal digits. It names the secret and does not give it away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Of the hash's bytes.
    #[must_use]
    pub fn new(hash: [u8; 32]) -> Self {
        Self(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits: enough for people to tell two apart.
    #[must_use]
    pub fn id8(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl From<String> for Digest {
    fn from(digits: String) -> Self {
        Self(digits)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

words! {
    /// How much a token opens; each includes those before it.
    TokenScope {
        /// To look.
        Read = "read", "Read";
        /// What plugins of agents do: reports, signals, answers in chats.
        Agent = "agent", "Agent";
        /// Whatever a program on this machine may do where nobody logs in.
        Write = "write", "Write";
        /// What a person has kept for people, and the keys to the house: tokens.
        Admin = "admin", "Admin";
    }
}

impl TokenScope {
    /// What it may ask the office for. That an agent's token opens the plugins' routes only is the edge's to see.
    #[must_use]
    pub const fn rights(self) -> Rights {
        match self {
            Self::Read => Rights::of(&[]),
            Self::Agent => Rights::of(&[Right::Write, Right::Report]),
            Self::Write => Rights::of(&[Right::Write, Right::Report, Right::Brief]),
            Self::Admin => Rights::of(&[Right::Write, Right::Report, Right::Brief, Right::Decide, Right::Admit]),
        }
    }
}

/// A program's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Hash of the secret; its id.
    pub digest: Digest,
    /// What people call it.
    #[serde(deserialize_with = "crate::text::stored::title")]
    pub name: String,
    /// How much it opens.
    pub scope: TokenScope,
    /// Who made it.
    pub made_by: Who,
    /// When.
    pub created_at: Millis,
    /// From when on it opens nothing.
    #[serde(default)]
    pub expires_at: Option<Millis>,
    /// When it was last used, to the minute.
    #[serde(default)]
    pub used_at: Option<Millis>,
    /// When somebody took it back.
    #[serde(default)]
    pub revoked_at: Option<Millis>,
}

/// Whether a token opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    InForce,
    /// Its time is over.
    Expired,
    /// Somebody took it back.
    Revoked,
}

impl Token {
    /// Whether it opens anything now.
    #[must_use]
    pub fn standing(&self, now: Millis) -> Standing {
        if self.revoked_at.is_some() {
            Standing::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            Standing::Expired
        } else {
            Standing::InForce
        }
    }
}

/// The hash of a password, as whoever made it writes it; never shown, never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// For whoever compares it with a password.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for PasswordHash {
    fn from(hash: String) -> Self {
        Self(hash)
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Name.
    #[serde(deserialize_with = "crate::text::stored::title")]
    pub name: String,
    /// Hash of the password.
    pub password: PasswordHash,
    /// When it was made.
    pub created_at: Millis,
    /// When the password was set.
    pub password_set_at: Millis,
}

/// A browser that is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserSession {
    /// Hash of what its cookie says; its id.
    pub digest: Digest,
    /// Whose it is.
    #[serde(deserialize_with = "crate::text::stored::title")]
    pub account: String,
    /// Which browser, in words.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub browser: String,
    /// The address from which it logged in.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub from: String,
    /// When it logged in.
    pub created_at: Millis,
    /// When it was last here, to the minute.
    pub seen_at: Millis,
}
