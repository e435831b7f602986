//! Who may come in besides people at this machine: programs with a token, and browsers that have logged in.
//!
//! Of a token the store has only the hash: whoever reads the store cannot use it. The secret itself is shown once,
//! when it is made.

use serde::{Deserialize, Serialize};

use crate::{
    actor::{COORDINATOR, OWNER, PROGRAM, SYSTEM, Who},
    refusal::Refusal,
    right::{Right, Rights},
    task::words,
    time::{DAY_MS, Millis},
};

/// Most tokens that are in force.
pub const TOKENS_MAX: u32 = 200;

/// Most people who may log in.
pub const USERS_MAX: u32 = 100;
/// Longest name of somebody who may log in, in characters.
pub const USER_NAME_MAX: usize = 40;
/// Shortest password, in characters.
pub const PASSWORD_MIN: usize = 10;

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
        /// What a person has kept for people, the keys to the house (tokens), and what leaves it (webhooks).
        Admin = "admin", "Admin";
    }
}

impl TokenScope {
    /// What it may ask the office for. That an agent's token opens the plugins' routes only is the edge's to see.
    #[must_use]
    pub const fn rights(self) -> Rights {
        match self {
            Self::Read => Rights::of(&[]),
            Self::Agent => Rights::of(&[Right::Write, Right::Report, Right::Spend]),
            Self::Write => Rights::of(&[Right::Write, Right::Report, Right::Brief, Right::Spend]),
            Self::Admin => Rights::of(&[
                Right::Write,
                Right::Report,
                Right::Brief,
                Right::Spend,
                Right::Decide,
                Right::Admit,
                Right::Leave,
                Right::Publish,
            ]),
        }
    }
}

words! {
    /// What somebody who logs in may do; each includes those before it.
    UserRole {
        /// To look, and to log out.
        Viewer = "viewer", "Viewer";
        /// All work on the board.
        Member = "member", "Member";
        /// Also tokens, people, webhooks, what the work loop may spend, and other people's sessions.
        Owner = "owner", "Owner";
    }
}

impl UserRole {
    /// What it may ask the office for.
    #[must_use]
    pub const fn rights(self) -> Rights {
        match self {
            Self::Viewer => Rights::of(&[Right::Leave]),
            Self::Member => {
                Rights::of(&[Right::Leave, Right::Write, Right::Report, Right::Brief, Right::Decide, Right::Instruct])
            }
            Self::Owner => Rights::of(&[
                Right::Leave,
                Right::Write,
                Right::Report,
                Right::Brief,
                Right::Decide,
                Right::Instruct,
                Right::Spend,
                Right::Admit,
                Right::Publish,
            ]),
        }
    }

    /// Whose accounts were made before there were roles.
    const fn of_before() -> Self {
        Self::Owner
    }
}

/// How somebody is called who may log in: small letters, digits and inner `.`, `-`, `_`, at most [`USER_NAME_MAX`].
/// The owner whom `CLUTCH_PASSWORD` makes is called `owner` by people, and [`OWNER`] on the wire and in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserName(String);

impl UserName {
    /// Cleans and checks.
    ///
    /// # Errors
    /// [`Refusal::UserNameInvalid`], also for names under which others write.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let name = text.trim().to_ascii_lowercase();
        if name == OWNERS_NAME || name == OWNER {
            return Ok(Self::owner());
        }
        let inner = |c: char| matches!(c, '.' | '-' | '_');
        let fits = (1..=USER_NAME_MAX).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || inner(c))
            && !name.starts_with(inner)
            && !name.ends_with(inner);
        let others = [COORDINATOR, SYSTEM, PROGRAM, "agent", "you", "unknown", "clutch", "openclutch"];
        if fits && !others.contains(&name.as_str()) { Ok(Self(name)) } else { Err(Refusal::UserNameInvalid) }
    }

    /// The owner whom `CLUTCH_PASSWORD` makes.
    #[must_use]
    pub fn owner() -> Self {
        Self(OWNER.to_owned())
    }

    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What people call the owner whom `CLUTCH_PASSWORD` makes.
const OWNERS_NAME: &str = "owner";

/// What people call whoever has this account.
#[must_use]
pub fn called(account: &str) -> &str {
    if account == OWNER { OWNERS_NAME } else { account }
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
    /// What they may do.
    #[serde(default = "UserRole::of_before")]
    pub role: UserRole,
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
    /// What they may do: said here too, so that one look tells who asks.
    #[serde(default = "UserRole::of_before")]
    pub role: UserRole,
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
