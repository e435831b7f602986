//! Typed ids. Entities have random UUIDs (version 4, lower case); the first
//! eight characters are a contract: branch names, session keys and the CLI's
//! prefixes use them. Only lines of the log, of which nobody says the id, begin with their time.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
pub use uuid::{Builder, Uuid};

use crate::time::Millis;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The first eight hexadecimal digits.
            #[must_use]
            pub fn id8(self) -> String {
                let mut text = self.0.simple().to_string();
                text.truncate(8);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text.trim()).map(Self)
            }
        }
    )+};
}

ids! {
    /// A project.
    ProjectId,
    /// A task; people see `T-<number>` instead.
    TaskId,
    /// One "waits for" edge between two tasks.
    DependencyId,
    /// A comment on a task.
    CommentId,
    /// A signal of an agent: question, blocker, alert or note.
    SignalId,
    /// One attempt of an agent at a task.
    RunId,
    /// A chat.
    ChatId,
    /// A message in a chat.
    MessageId,
    /// Something that people should know.
    NotificationId,
    /// A version of a role's prompt.
    PromptId,
    /// A line of the activity log.
    ActivityId,
    /// A webhook.
    WebhookId,
    /// What a webhook is told of one line of the log.
    DeliveryId,
}

impl ActivityId {
    /// An id of version 7, which begins with the moment: lines that come one after another lie side by side in an
    /// index, and so on few pages of a disk. Its randomness is the end of `random`.
    #[must_use]
    pub fn of_time(at: Millis, random: Uuid) -> Self {
        let [.., a, b, c, d, e, f, g, h, i, j] = random.into_bytes();
        let since = u64::try_from(at.0).unwrap_or_default();
        Self(Builder::from_unix_timestamp_millis(since, &[a, b, c, d, e, f, g, h, i, j]).into_uuid())
    }
}
