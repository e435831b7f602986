//! What a tab is told of the chats that it has open and that is never stored: what the agent
//! says right now, and who else is there.

use std::collections::{BTreeSet, HashMap};

use clutch_app::model::{chat::People, wire::Down};
use clutch_domain::id::ChatId;

use super::{Out, Sent, send};
use crate::chat::{
    ephemeral::Seat,
    streams::{Streams, Told},
};

/// What one tab was told.
pub struct ChatFeed {
    /// Where the tab is.
    pub seat: Seat,
    open: BTreeSet<ChatId>,
    streamed: HashMap<ChatId, Told>,
    peopled: HashMap<ChatId, People>,
}

impl ChatFeed {
    /// A tab that has no chat open.
    pub fn new(seat: Seat) -> Self {
        Self { seat, open: BTreeSet::new(), streamed: HashMap::new(), peopled: HashMap::new() }
    }

    /// The tab has these chats open from now on.
    pub fn opens(&mut self, open: BTreeSet<ChatId>) {
        self.seat.opens(&open);
        self.streamed.retain(|chat, _| open.contains(chat));
        self.peopled.retain(|chat, _| open.contains(chat));
        self.open = open;
    }

    /// Sends what is being said, where it changed.
    pub async fn send_streams(&mut self, out: &mut Out, streams: &Streams) -> Sent {
        for &chat in &self.open {
            let Some((stream, told)) = streams.beyond(chat, self.streamed.get(&chat)) else { continue };
            match told {
                Some(told) => drop(self.streamed.insert(chat, told)),
                None => drop(self.streamed.remove(&chat)),
            }
            send(out, &Down::Stream { chat, stream }).await?;
        }
        Ok(())
    }

    /// Sends who is there, where it changed.
    pub async fn send_people(&mut self, out: &mut Out) -> Sent {
        for &chat in &self.open {
            let people = self.seat.sees(chat);
            if self.peopled.get(&chat) != Some(&people) {
                self.peopled.insert(chat, people.clone());
                send(out, &Down::People { chat, people }).await?;
            }
        }
        Ok(())
    }
}
