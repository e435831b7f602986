//! Chats.
//!
//! Parts of the list: `"head"` ([`ChatsHead`]), `"c:<id>"` ([`ChatRow`]).
//! Parts of a chat: `"chat"` ([`ChatHead`]), `"m:<id>"` ([`MessageItem`]).

use clutch_domain::{
    chat::DeliveryStatus,
    id::{ChatId, MessageId, ProjectId},
    project::ChatLayout,
    time::Millis,
};
use serde::{Deserialize, Serialize};

use crate::safe::SafeHtml;

/// The project around the chats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatsHead {
    /// Project.
    pub project: ProjectId,
    /// Its address.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Its colour.
    pub color: String,
    /// How messages lie.
    pub layout: ChatLayout,
}

/// A chat in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatRow {
    /// Id.
    pub id: ChatId,
    /// Title.
    pub title: String,
    /// Who spoke last: "You", or a name; empty when nobody has.
    pub who: String,
    /// The last words, one line.
    pub words: String,
    /// Last spoken in at.
    pub at: Millis,
}

/// A chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatHead {
    /// Id.
    pub id: ChatId,
    /// Title.
    pub title: String,
    /// The gateway's session, once there is one.
    pub session: Option<String>,
    /// There are older messages than those of the parts.
    pub more: bool,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageItem {
    /// Id.
    pub id: MessageId,
    /// Author as given.
    pub author: String,
    /// Written by the person who owns this installation.
    pub mine: bool,
    /// Written by the system: a notice.
    pub notice: bool,
    /// Made by a machine; folded.
    pub automated: bool,
    /// Rendered words.
    pub html: SafeHtml,
    /// The words as they were written, where they may be sent or copied again.
    pub text: String,
    /// The run that it answers.
    pub run: Option<String>,
    /// How far a person's message came.
    pub status: Option<DeliveryStatus>,
    /// The server carries it, and it is not over.
    pub open: bool,
    /// It waits for its turn or for the next attempt.
    pub queued: bool,
    /// Why it failed, or why the last attempt did.
    pub reason: Option<String>,
    /// When.
    pub at: Millis,
}

/// An answer that is being written. Never stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamView {
    /// The run.
    pub run: String,
    /// It has said something.
    pub said: bool,
    /// Its words so far, where they are not rendered.
    pub text: String,
    /// Its words so far, rendered.
    pub html: Option<SafeHtml>,
    /// The newest tool calls, oldest first.
    pub lines: Vec<String>,
    /// It is over; the message follows.
    pub ended: bool,
}
