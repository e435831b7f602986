//! Chats.
//!
//! Parts of the list: `"head"` ([`ChatsHead`]), `"c:<id>"` ([`ChatRow`]).
//! Parts of a chat: `"chat"` ([`ChatHead`]), `"m:<id>"` ([`MessageItem`]), and of those that are or were under way
//! `"w:<id>"` ([`Way`]).

use clutch_domain::{
    chat::{Call, DeliveryStatus, Message, Step},
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
    /// There are older chats than those of the parts.
    pub more: bool,
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

/// Chats that follow those of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OlderChats {
    /// Last spoken in first.
    pub rows: Vec<ChatRow>,
    /// There are older ones.
    pub more: bool,
}

/// A chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatHead {
    /// Id.
    pub id: ChatId,
    /// Its project.
    pub project: ProjectId,
    /// Title.
    pub title: String,
    /// The gateway's session, once there is one.
    pub session: Option<String>,
    /// There are older messages than those of the parts.
    pub more: bool,
    /// Number of the ticket that it is about.
    pub ticket: Option<u64>,
    /// It was deleted, and can be brought back.
    pub deleted: bool,
}

/// What came of words that were sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// An answer of the board itself, for whoever asked only.
    pub note: Option<SafeHtml>,
}

/// The agent's session behind a chat. Counts are tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    /// Model that answers.
    pub model: Option<String>,
    /// What the model read last.
    pub used: Option<u64>,
    /// What it can read at once.
    pub window: Option<u64>,
    /// Read so far.
    pub input: Option<u64>,
    /// Written so far.
    pub output: Option<u64>,
    /// Estimated cost so far, in millionths of a US dollar.
    pub cost_micros: Option<u64>,
}

impl SessionView {
    /// How full the model's window is, in percent.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        match (self.used, self.window) {
            (Some(used), Some(window)) if window > 0 => Some((used * 100 / window).min(100)),
            _ => None,
        }
    }

    /// The cost in words: `$0.06`, `under $0.01`.
    #[must_use]
    pub fn cost(&self) -> Option<String> {
        let cents = self.cost_micros? / 10_000;
        Some(if cents == 0 { "under $0.01".into() } else { format!("${}.{:02}", cents / 100, cents % 100) })
    }
}

/// Somebody or something to name in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// As it stands in the text: `T-12`, `@ada`.
    pub name: String,
    /// What it is: a ticket's title, or "agent".
    pub what: String,
}

/// A model to choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelChoice {
    /// What the gateway calls it.
    pub id: String,
    /// Name for people.
    pub name: String,
}

/// A message: what was said, which stays as it is. How far it came is a part of its own ([`Way`]), as its words may be
/// a megabyte and it changes five times.
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
    /// Both are only the beginning of a message that is too long for this page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// What the agent did before it said this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
    /// The run that it answers.
    pub run: Option<String>,
    /// Its place in the thread, and when it was written unless `said_at` tells.
    pub at: Millis,
    /// When it was written, where that is not its place.
    #[serde(default)]
    pub said_at: Option<Millis>,
}

/// How far a message came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Which message.
    pub id: MessageId,
    /// How far a person's message came.
    pub status: Option<DeliveryStatus>,
    /// The server carries it, and it is not over.
    pub open: bool,
    /// It waits for its turn or for the next attempt.
    pub queued: bool,
    /// What keeps it from being carried or followed, while that is tried again.
    pub trouble: Option<String>,
    /// Why it failed, or why the last attempt did.
    pub reason: Option<String>,
}

impl Way {
    /// Of this message, where it goes somewhere.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        let outbox = message.outbox.as_ref();
        let way = Self {
            id: message.id,
            status: message.delivery_status,
            open: message.open(),
            queued: outbox.is_some_and(|o| o.step == Step::Queued),
            trouble: outbox.filter(|_| message.open()).and_then(|o| o.trouble.clone()),
            reason: message.failure_reason.clone(),
        };
        Some(way).filter(|way| *way != Self::none(message.id))
    }

    /// Of a message that goes nowhere.
    #[must_use]
    pub const fn none(id: MessageId) -> Self {
        Self { id, status: None, open: false, queued: false, trouble: None, reason: None }
    }
}

/// A message as it is loaded: its words, and its way where it has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Words.
    pub message: MessageItem,
    /// Way.
    pub way: Option<Way>,
}

/// An answer that is being written. Never stored. Its words come in blocks: those that are settled once, the last
/// one at each piece.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamView {
    /// The run.
    pub run: String,
    /// Who writes, as pages name them.
    pub who: String,
    /// It has said something.
    pub said: bool,
    /// So many blocks of this run stay as they are; those of this frame follow them.
    pub from: usize,
    /// Settled blocks, rendered.
    pub blocks: Vec<SafeHtml>,
    /// The block that is being written, rendered.
    pub open: SafeHtml,
    /// What the runtime is about: "starting the model".
    pub phase: String,
    /// The newest tool calls, oldest first.
    pub calls: Vec<Call>,
    /// It is over; the message follows.
    pub ended: bool,
    /// How often its blocks began anew at this page.
    #[serde(skip)]
    pub turn: u32,
}

impl StreamView {
    /// Takes what came next; what is settled stays.
    pub fn go_on(&mut self, mut next: Self) {
        let settled = std::mem::take(&mut self.blocks);
        if next.run == self.run {
            let new = std::mem::take(&mut next.blocks);
            next.turn = self.turn + u32::from(next.from < settled.len());
            next.blocks = settled;
            next.blocks.truncate(next.from);
            next.blocks.extend(new);
        }
        *self = next;
    }
}

/// Who is in a chat right now. Never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Tabs that have the chat open, this one among them.
    pub here: u32,
    /// Who thinks or types; not the person at this tab.
    pub typing: Vec<Typer>,
}

/// Somebody who thinks or types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typer {
    /// As pages name them; `None` is the person at another tab.
    pub name: Option<String>,
    /// Thinks rather than types.
    pub thinks: bool,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Messages, newest first.
    pub hits: Vec<Hit>,
    /// How many messages were looked at.
    pub looked: u32,
    /// Where to go on, in milliseconds since 1970; `None` when all were looked at.
    pub older: Option<i64>,
}

/// A message that a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// Its chat.
    pub chat: ChatId,
    /// The chat's title.
    pub title: String,
    /// Which.
    pub message: MessageId,
    /// Author as pages name them.
    pub author: String,
    /// When.
    pub at: Millis,
    /// Its words around what was found, on one line.
    pub pieces: Vec<Piece>,
}

/// Some words of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// As they were written.
    pub text: String,
    /// They were looked for.
    pub hit: bool,
}

/// Messages on the way back to an older one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Back {
    /// The message is in this chat; without it all else is empty.
    pub there: bool,
    /// Messages, oldest first.
    pub items: Vec<Said>,
    /// They go back to the message.
    pub reached: bool,
    /// There are older ones.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(run: &str, from: usize, blocks: &[&str]) -> StreamView {
        serde_json::from_value(serde_json::json!({ "run": run, "from": from, "blocks": blocks })).unwrap()
    }

    #[test]
    fn blocks_follow_those_that_are_there() {
        let mut held = frame("a", 0, &["1", "2"]);
        let blocks = |held: &StreamView| held.blocks.iter().map(SafeHtml::as_str).collect::<Vec<_>>().join(" ");
        for (next, shown, turn) in [
            (frame("a", 2, &["3"]), "1 2 3", 0),
            (frame("a", 3, &[]), "1 2 3", 0),
            (frame("a", 0, &["x"]), "x", 1),
            (frame("b", 0, &["y"]), "y", 0),
        ] {
            held.go_on(next);
            assert_eq!((blocks(&held).as_str(), held.turn), (shown, turn));
        }
    }
}
