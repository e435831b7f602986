//! What the chat page holds: the list of chats, and of the open one the messages.

use std::collections::BTreeMap;

use clutch_domain::{id::MessageId, query::MESSAGES_SHOWN};
use leptos::prelude::*;

use crate::{
    live::{Sink, fill, part, read},
    model::{
        chat::{ChatHead, ChatRow, ChatsHead, MessageItem},
        wire::Loaded,
    },
};

/// The chats of a project.
#[derive(Clone, Copy)]
pub struct ListState {
    /// The project.
    pub head: RwSignal<ChatsHead>,
    /// Last spoken in first.
    pub rows: RwSignal<Vec<ChatRow>>,
}

impl ListState {
    /// The state that shows a first load; `None` when that is not of chats.
    pub fn new(load: &Loaded) -> Option<Self> {
        let state = Self { head: RwSignal::new(part(load, "head")?), rows: RwSignal::new(Vec::new()) };
        fill(&state, load);
        Some(state)
    }
}

impl Sink for ListState {
    fn put(&self, name: &str, json: &str) {
        if name == "head" {
            if let Some(head) = read(json) {
                self.head.set(head);
            }
        } else if let Some(row) = read::<ChatRow>(json) {
            self.rows.update(|rows| {
                rows.retain(|r| r.id != row.id);
                let at = rows.partition_point(|r| r.at > row.at);
                rows.insert(at, row);
            });
        }
    }

    fn del(&self, name: &str) {
        self.rows.update(|rows| rows.retain(|r| format!("c:{}", r.id) != name));
    }

    fn names(&self) -> Vec<String> {
        self.rows.with_untracked(|rows| rows.iter().map(|r| format!("c:{}", r.id)).chain(["head".to_owned()]).collect())
    }

    fn settled(&self, _version: u64) {}
}

/// A message in its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which.
    pub id: MessageId,
    /// When it was written.
    pub at: i64,
    /// The first of its author's in a row.
    pub leads: bool,
    /// The first of its day: days since 1970.
    pub day: Option<i64>,
}

/// One open chat.
#[derive(Clone, Copy)]
pub struct ChatState {
    /// The chat.
    pub head: RwSignal<ChatHead>,
    /// It was deleted.
    pub gone: RwSignal<bool>,
    /// Messages in order; only those that are new or moved are painted.
    pub places: RwSignal<Vec<Place>>,
    /// There are older ones than those that are loaded.
    pub more: RwSignal<bool>,
    /// How many messages the agent has that are not answered.
    pub open: RwSignal<u32>,
    /// Answers that came while nobody looked at the end.
    pub news: RwSignal<u32>,
    /// Counts what was asked of the board and the gateway here: the session's figures may be others now.
    pub asked: RwSignal<u32>,
    /// The message that the address names.
    pub aim: RwSignal<Option<MessageId>>,
    /// It is older than what is shown, and on its way.
    pub bringing: RwSignal<bool>,
    /// The end is in view.
    pub at_end: StoredValue<bool>,
    items: StoredValue<BTreeMap<(i64, MessageId), ArcRwSignal<MessageItem>>>,
    // Went from the live window: removed, or only older than it reaches.
    went: StoredValue<Vec<MessageId>>,
    // Loaded on the way up: what the live window lets go stays.
    older: StoredValue<bool>,
    painted: StoredValue<bool>,
}

impl ChatState {
    /// The state that shows a first load; `None` when that is not of a chat.
    pub fn new(load: &Loaded) -> Option<Self> {
        let head = part::<ChatHead>(load, "chat")?;
        let state = Self {
            more: RwSignal::new(head.more),
            head: RwSignal::new(head),
            gone: RwSignal::new(false),
            places: RwSignal::new(Vec::new()),
            open: RwSignal::new(0),
            news: RwSignal::new(0),
            asked: RwSignal::new(0),
            aim: RwSignal::new(None),
            bringing: RwSignal::new(false),
            at_end: StoredValue::new(true),
            items: StoredValue::new(BTreeMap::new()),
            went: StoredValue::new(Vec::new()),
            older: StoredValue::new(false),
            painted: StoredValue::new(false),
        };
        fill(&state, load);
        state.painted.set_value(true);
        Some(state)
    }

    /// A message, to follow.
    pub fn item(self, place: &Place) -> Option<ArcRwSignal<MessageItem>> {
        self.items.with_value(|items| items.get(&(place.at, place.id)).cloned())
    }

    /// Whether the answer to a run is among the messages already.
    pub fn answered(self, run: &str) -> bool {
        self.places.track();
        self.items.with_value(|items| {
            items.values().rev().take(10).any(|item| item.with_untracked(|m| m.run.as_deref() == Some(run)))
        })
    }

    /// When the oldest loaded message was written.
    pub fn oldest(self) -> Option<i64> {
        self.items.with_value(|items| items.keys().next().map(|(at, _)| *at))
    }

    /// Whether a message is loaded.
    pub fn has(self, message: MessageId) -> bool {
        self.items.with_value(|items| items.keys().any(|(_, id)| *id == message))
    }

    /// Older messages, loaded on the way up.
    pub fn add_older(self, found: Vec<MessageItem>, full: usize) {
        let more = found.len() >= full;
        self.add_before(found, more);
    }

    /// The messages before those that are loaded; there may be older ones. Does nothing when the
    /// chat was left meanwhile.
    pub fn add_before(self, found: Vec<MessageItem>, more: bool) {
        if self.more.try_set(more).is_some() {
            return;
        }
        self.older.set_value(true);
        found.into_iter().for_each(|item| self.keep(item));
        self.arrange();
    }

    /// The newest message of the person at the page that has not left: its id and words. None of which
    /// only the beginning is here: the rest would be lost.
    pub fn last_queued(self) -> Option<(MessageId, String)> {
        self.items.with_value(|items| {
            let mut newest = items.values().rev();
            let found = newest.find(|item| item.with_untracked(|m| m.mine && m.queued))?;
            found.with_untracked(|m| (!m.cut).then(|| (m.id, m.text.clone())))
        })
    }

    /// A message is gone.
    pub fn remove(self, message: MessageId) {
        self.items.update_value(|items| items.retain(|(_, id), _| *id != message));
        self.arrange();
    }

    /// What left the live window because so many newer ones came is still a message of this chat. Where
    /// all of the window left at once, there may be others between it and what came.
    fn let_go(self) {
        let went = self.went.try_update_value(std::mem::take).unwrap_or_default();
        let window = MESSAGES_SHOWN as usize;
        let mut newest_old = None;
        self.items.update_value(|items| {
            let mut old = Vec::new();
            for gone in went {
                match items.keys().rev().position(|(_, id)| *id == gone) {
                    Some(newer) if newer < window => items.retain(|(_, id), _| *id != gone),
                    Some(newer) => old.extend(items.keys().rev().nth(newer).copied()),
                    None => {}
                }
            }
            newest_old = old.iter().max().copied().filter(|_| old.len() >= window);
            if let Some(last) = newest_old {
                items.retain(|key, _| *key > last);
            }
        });
        if newest_old.is_some() {
            self.older.set_value(false);
            self.more.set(true);
        }
    }

    fn keep(self, item: MessageItem) {
        let key = (item.at.0, item.id);
        self.items.update_value(|items| match items.get(&key) {
            Some(kept) => {
                if kept.with_untracked(|old| *old != item) {
                    kept.set(item);
                }
            }
            None => {
                // What is loaded on the way up is not new.
                let newest = items.last_key_value().is_none_or(|(last, _)| key > *last);
                if newest && self.painted.get_value() && !self.at_end.get_value() && !item.mine {
                    self.news.update(|n| *n += 1);
                }
                items.insert(key, ArcRwSignal::new(item));
            }
        });
    }

    fn arrange(self) {
        let mut places = Vec::new();
        let mut open = 0;
        self.items.with_value(|items| {
            let mut before: Option<(String, i64, i64)> = None;
            for ((at, id), item) in items {
                let (author, is_open, said) =
                    item.with_untracked(|m| (m.author.clone(), m.open && !m.queued, m.said_at.unwrap_or(m.at)));
                open += u32::from(is_open);
                let day = said.day();
                let new_day = before.as_ref().is_none_or(|(_, d, _)| *d != day);
                let leads = new_day || before.as_ref().is_none_or(|(a, _, t)| *a != author || at - t > GROUP_MS);
                places.push(Place { id: *id, at: *at, leads, day: new_day.then_some(day) });
                before = Some((author, day, *at));
            }
        });
        if self.places.with_untracked(|old| *old != places) {
            self.places.set(places);
        }
        if self.open.get_untracked() != open {
            self.open.set(open);
        }
    }
}

/// Words of one author within this time stand under one name.
const GROUP_MS: i64 = 5 * 60_000;

impl Sink for ChatState {
    fn put(&self, name: &str, json: &str) {
        if name == "chat" {
            if let Some(head) = read::<ChatHead>(json) {
                if !self.older.get_value() {
                    self.more.set(head.more);
                }
                self.head.set(head);
            }
        } else if let Some(item) = read::<MessageItem>(json) {
            self.keep(item);
        }
    }

    fn del(&self, name: &str) {
        if name == "chat" {
            self.gone.set(true);
        }
        if let Some(id) = name.strip_prefix("m:").and_then(|id| id.parse().ok()) {
            self.went.update_value(|went| went.push(id));
        }
    }

    fn names(&self) -> Vec<String> {
        let newest = self.items.with_value(|items| {
            items.keys().rev().take(MESSAGES_SHOWN as usize).map(|(_, id)| format!("m:{id}")).collect::<Vec<_>>()
        });
        newest.into_iter().chain(["chat".to_owned()]).collect()
    }

    fn settled(&self, _version: u64) {
        self.let_go();
        self.arrange();
    }
}
