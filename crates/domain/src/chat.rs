//! Chats and their messages, as far as webhooks and REST need them (facts §1.5, §1.6).

use serde::{Deserialize, Serialize};

use crate::{
    actor::Who,
    id::{ChatId, MessageId, ProjectId, TaskId},
    speech::Speech,
    task::words,
    text::{Body, preview},
    time::Millis,
};

/// A chat about a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Id.
    pub id: ChatId,
    /// Project.
    pub project: ProjectId,
    /// Title.
    #[serde(deserialize_with = "crate::text::stored::title")]
    pub title: String,
    /// Who takes part besides the owner.
    #[serde(default, deserialize_with = "crate::text::stored::each_line")]
    pub participants: Vec<String>,
    /// The runtime of its agent, from its first words on.
    #[serde(default = "crate::runtime::usual", deserialize_with = "crate::text::stored::line")]
    pub runtime: String,
    /// Its agent's session, as its runtime's adapter called it.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub session_key: Option<String>,
    /// The ticket that it is about; each ticket has one such chat at most.
    #[serde(default)]
    pub about: Option<About>,
    /// The agent's session was told what the project is; not so in the beginning and after a reset.
    #[serde(default)]
    pub introduced: bool,
    /// Deleted at; it can be brought back until it is removed for good.
    #[serde(default)]
    pub deleted_at: Option<Millis>,
    /// The newest message, for lists.
    #[serde(default)]
    pub last: Option<LastMessage>,
    /// Made at.
    pub created_at: Millis,
    /// Last spoken in at.
    pub updated_at: Millis,
}

/// Whether a run id is one under which the server carries a message ([`Message::key`]): its answer is the
/// server's to bring.
#[must_use]
pub fn is_carried_run(run: &str) -> bool {
    let attempt = run.strip_prefix("chat-").and_then(|rest| rest.rsplit_once('-'));
    attempt.is_some_and(|(id, n)| id.parse::<MessageId>().is_ok() && n.parse::<u32>().is_ok())
}

/// The ticket that a chat is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The ticket.
    pub task: TaskId,
    /// Its number, which never changes.
    pub number: u64,
}

/// The newest message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMessage {
    /// Words, cut for a preview.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub content: String,
    /// Author, as given.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub author: String,
    /// Who wrote it; not known of messages from before it was recorded.
    #[serde(default)]
    pub by: Option<Who>,
    /// Its place in the thread ([`Message::created_at`]).
    pub created_at: Millis,
    /// When it was written, where that is not its place ([`Message::said_at`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at: Option<Millis>,
}

impl LastMessage {
    /// When it was written.
    #[must_use]
    pub fn said(&self) -> Millis {
        self.said_at.unwrap_or(self.created_at)
    }
}

words! {
    /// How far a person's message came.
    DeliveryStatus {
        /// Stored.
        Sent = "sent", "Sent";
        /// The gateway has it.
        Delivered = "delivered", "Delivered";
        /// The agent works on it.
        Processing = "processing", "Being read";
        /// Answered.
        Responded = "responded", "Answered";
        /// Gave up; the reason is kept.
        Failed = "failed", "Failed";
    }
}

/// How far the server is with carrying a message to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Waits: for the message before it, for the gateway, or for the time of the next attempt.
    Queued,
    /// On its way: it may have arrived or not.
    Sending,
    /// The gateway has taken it.
    Taken,
    /// Over: answered, stopped, or given up.
    Settled,
}

/// How long a deleted chat can be brought back, in milliseconds: a week.
pub const KEPT_DELETED_MS: i64 = 7 * crate::time::DAY_MS;

/// Attempts that a message gets before it counts as failed.
pub const ATTEMPTS: u32 = 3;
/// Times that a person may ask for more attempts (facts §1.6).
pub const RETRIES: u32 = 3;

/// What the server knows of a message that it carries itself. The promise: a message that was
/// confirmed reaches the gateway, or is said to have failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// How far it is.
    pub step: Step,
    /// Number of the newest attempt; 0 before the first. Only grows.
    pub attempt: u32,
    /// Attempts that are left, the newest not counted.
    pub left: u32,
    /// The gateway's run that took it.
    #[serde(default)]
    pub run_id: Option<String>,
    /// The next attempt is not made before.
    #[serde(default)]
    pub not_before: Option<Millis>,
    /// The project's context goes before its words.
    #[serde(default)]
    pub introduces: bool,
    /// It stands behind another one of its chat, which is on its way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub behind: bool,
    /// What keeps it from being carried or followed, in a sentence of who refuses; for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::text::stored::some_lines")]
    pub trouble: Option<String>,
    /// How the gateway may read it: decided when it was queued, by who asked for it then.
    #[serde(default)]
    pub speech: Speech,
}

impl Outbox {
    /// A message that waits for its first attempt.
    #[must_use]
    pub const fn queued() -> Self {
        Self {
            step: Step::Queued,
            attempt: 0,
            left: ATTEMPTS,
            run_id: None,
            not_before: None,
            introduces: false,
            behind: false,
            trouble: None,
            speech: Speech::Words,
        }
    }
}

/// Longest line of a tool call, in characters.
const CALL_MAX: usize = 300;

/// A tool call of an agent on the way to its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// What was done: `read src/main.rs`.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub line: String,
    /// How long it took, in milliseconds; `None` while it lasts, and where its end was not heard.
    #[serde(default)]
    pub ms: Option<u32>,
    /// It went wrong.
    #[serde(default)]
    pub failed: bool,
}

impl Call {
    /// A call that begins now, as the gateway names it.
    #[must_use]
    pub fn begun(line: &str) -> Self {
        Self { line: preview(line, CALL_MAX), ms: None, failed: false }
    }
}

/// A message in a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Id.
    pub id: MessageId,
    /// Chat.
    pub chat: ChatId,
    /// Author, as given.
    #[serde(deserialize_with = "crate::text::stored::line")]
    pub author: String,
    /// Who wrote it, whatever author was given; not known of messages from before it was recorded.
    #[serde(default)]
    pub by: Option<Who>,
    /// Markdown.
    pub content: Body,
    /// The gateway's run that it answers; unique.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub run_id: Option<String>,
    /// Session.
    #[serde(default, deserialize_with = "crate::text::stored::some_line")]
    pub session_key: Option<String>,
    /// Made by a machine, folded in the page.
    #[serde(default)]
    pub is_automated: bool,
    /// Delivery of a person's message.
    #[serde(default)]
    pub delivery_status: Option<DeliveryStatus>,
    /// Deliveries tried again.
    #[serde(default)]
    pub retry_count: Option<u32>,
    /// Not before.
    #[serde(default)]
    pub cooldown_until: Option<Millis>,
    /// Why it failed.
    #[serde(default, deserialize_with = "crate::text::stored::some_lines")]
    pub failure_reason: Option<String>,
    /// What the agent did before it said this, as far as it was heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
    /// The server carries it to the agent; `None` where the author does that alone.
    #[serde(default)]
    pub outbox: Option<Outbox>,
    /// Its place in the thread: when it was written, or right after the message before it where the clock
    /// had been ahead. No two messages of a chat share one.
    pub created_at: Millis,
    /// When it was written, where the clock had been ahead before and the place tells a later moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at: Option<Millis>,
}

impl Message {
    /// When it was written.
    #[must_use]
    pub fn said(&self) -> Millis {
        self.said_at.unwrap_or(self.created_at)
    }

    /// Whether its way to the agent and the answer to it are not over.
    #[must_use]
    pub fn open(&self) -> bool {
        self.outbox.as_ref().is_some_and(|o| o.step != Step::Settled)
    }

    /// Whether somebody else carries it, and has not said that it was answered or failed.
    #[must_use]
    pub fn waits_elsewhere(&self) -> bool {
        use DeliveryStatus::{Delivered, Processing, Sent};
        self.outbox.is_none()
            && self.author != crate::actor::COORDINATOR
            && matches!(self.delivery_status, Some(Sent | Delivered | Processing))
    }

    /// The idempotency key of an attempt, which is also the id of its run.
    #[must_use]
    pub fn key(&self, attempt: u32) -> String {
        format!("chat-{}-{attempt}", self.id)
    }
}
