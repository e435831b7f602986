//! Chats and their messages, as far as webhooks and REST need them (facts §1.5, §1.6).

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChatId, MessageId, ProjectId},
    task::words,
    text::Body,
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
    pub title: String,
    /// Who takes part besides the owner.
    #[serde(default)]
    pub participants: Vec<String>,
    /// Gateway session, `clutch:{slug}:{chatId}`.
    #[serde(default)]
    pub session_key: Option<String>,
    /// The newest message, for lists.
    #[serde(default)]
    pub last: Option<LastMessage>,
    /// Made at.
    pub created_at: Millis,
    /// Last spoken in at.
    pub updated_at: Millis,
}

/// The newest message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMessage {
    /// Words, cut for a preview.
    pub content: String,
    /// Author.
    pub author: String,
    /// When.
    pub created_at: Millis,
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

/// A message in a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Id.
    pub id: MessageId,
    /// Chat.
    pub chat: ChatId,
    /// Author, as given.
    pub author: String,
    /// Markdown.
    pub content: Body,
    /// The gateway's run that it answers; unique.
    #[serde(default)]
    pub run_id: Option<String>,
    /// Session.
    #[serde(default)]
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
    #[serde(default)]
    pub failure_reason: Option<String>,
    /// Written at.
    pub created_at: Millis,
}
