//! What the chat page holds: the list of chats, and of the open one the messages.

use clutch_domain::{
    id::{MessageId, Uuid},
    query::MESSAGES_SHOWN,
};
use leptos::prelude::*;

use crate::{
    live::{
        Sink, fill, part,
        parts::{Order, Part, Parts},
        read,
    },
    model::{
        chat::{ChatHead, ChatRow, ChatsHead, MessageItem},
        wire::Loaded,
    },
    ui::listen::Alive,
};

/// The chats of a project.
#[derive(Clone, Copy)]
pub struct ListState {
    /// The project.
    pub head: RwSignal<ChatsHead>,
    /// Last spoken in first.
    pub rows: Parts<ChatRow>,
}

impl ListState {
    /// The state that shows a first load; `None` when that is not of chats.
    pub fn new(load: &Loaded) -> Option<Self> {
        let state = Self { head: RwSignal::new(part(load, "head")?), rows: Parts::new() };
        fill(&state, load);
        Some(state)
    }
}

impl Part for ChatRow {
    const PREFIX: &'static str = "c:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    fn order(&self) -> Order {
        Order::newest(self.at)
    }
}

impl Sink for ListState {
    fn put(&self, name: &str, json: &str) {
        if !self.rows.put(name, json)
            && name == "head"
            && let Some(head) = read(json)
        {
            self.head.set(head);
        }
    }

    fn del(&self, name: &str) {
        self.rows.del(name);
    }

    fn names(&self) -> Vec<String> {
        let mut all = vec!["head".to_owned()];
        self.rows.names(&mut all);
        all
    }

    fn settled(&self, _version: u64) {
        self.rows.settle();
    }
}

impl Part for MessageItem {
    const PREFIX: &'static str = "m:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    fn order(&self) -> Order {
        Order::by(self.at.0)
    }
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
    items: Parts<MessageItem>,
    // Went from the live window: removed, or only older than it reaches.
    went: StoredValue<Vec<MessageId>>,
    // Loaded on the way up: what the live window lets go stays.
    older: StoredValue<bool>,
    painted: StoredValue<bool>,
    alive: Alive,
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
            items: Parts::new(),
            went: StoredValue::new(Vec::new()),
            older: StoredValue::new(false),
            painted: StoredValue::new(false),
            alive: Alive::here(),
        };
        fill(&state, load);
        state.painted.set_value(true);
        Some(state)
    }

    /// A message, to follow.
    pub fn item(self, place: &Place) -> Option<ArcRwSignal<MessageItem>> {
        self.items.get(place.id.0)
    }

    /// Whether the answer to a run is among the messages already.
    pub fn answered(self, run: &str) -> bool {
        self.places.with(|places| {
            let newest = places.iter().rev().take(10);
            newest
                .filter_map(|place| self.item(place))
                .any(|item| item.with_untracked(|m| m.run.as_deref() == Some(run)))
        })
    }

    /// When the oldest loaded message was written.
    pub fn oldest(self) -> Option<i64> {
        self.places.with_untracked(|places| places.first().map(|place| place.at))
    }

    /// Whether a message is loaded.
    pub fn has(self, message: MessageId) -> bool {
        self.items.get(message.0).is_some()
    }

    /// Older messages, loaded on the way up.
    pub fn add_older(self, found: Vec<MessageItem>, full: usize) {
        let more = found.len() >= full;
        self.add_before(found, more);
    }

    /// The messages before those that are loaded; there may be older ones. Does nothing when the
    /// chat was left meanwhile.
    pub fn add_before(self, found: Vec<MessageItem>, more: bool) {
        if !self.alive.is() {
            return;
        }
        self.more.set(more);
        self.older.set_value(true);
        found.into_iter().for_each(|item| self.keep(item));
        self.items.settle();
        self.arrange();
    }

    /// The newest message of the person at the page that has not left: its id and words. None of which
    /// only the beginning is here: the rest would be lost.
    pub fn last_queued(self) -> Option<(MessageId, String)> {
        self.places.with_untracked(|places| {
            let mut newest = places.iter().rev().filter_map(|place| self.item(place));
            let found = newest.find(|item| item.with_untracked(|m| m.mine && m.queued))?;
            found.with_untracked(|m| (!m.cut).then(|| (m.id, m.text.clone())))
        })
    }

    /// A message is gone.
    pub fn remove(self, message: MessageId) {
        self.items.remove(message.0);
        self.items.settle();
        self.arrange();
    }

    /// What left the live window because so many newer ones came is still a message of this chat. Where
    /// all of the window left at once, there may be others between it and what came.
    fn let_go(self) {
        let went = self.went.try_update_value(std::mem::take).unwrap_or_default();
        if went.is_empty() {
            return;
        }
        let window = MESSAGES_SHOWN as usize;
        self.items.settle();
        // The newest last. Where one lies among the newest, it was removed; where not, it is only older.
        let mut ids = self.items.ids.get_untracked();
        let mut old = Vec::new();
        for gone in went {
            match ids.iter().rev().position(|id| *id == gone.0) {
                Some(newer) if newer < window => {
                    ids.retain(|id| *id != gone.0);
                    self.items.remove(gone.0);
                }
                Some(newer) => old.extend(ids.len().checked_sub(newer + 1)),
                None => {}
            }
        }
        if let Some(last) = old.iter().max().filter(|_| old.len() >= window) {
            ids.iter().take(last + 1).for_each(|id| self.items.remove(*id));
            self.older.set_value(false);
            self.more.set(true);
        }
    }

    fn keep(self, item: MessageItem) {
        let new = self.items.get(item.id.0).is_none();
        // What is loaded on the way up is not new.
        let newest = || {
            let last = self.items.ids.with_untracked(|ids| ids.last().and_then(|id| self.items.get(*id)));
            last.is_none_or(|last| last.with_untracked(|m| (item.at, item.id) > (m.at, m.id)))
        };
        if new && self.painted.get_value() && !self.at_end.get_value() && !item.mine && newest() {
            self.news.update(|n| *n += 1);
        }
        self.items.keep(item);
    }

    fn arrange(self) {
        let mut places = Vec::new();
        let mut open = 0;
        let mut before: Option<(String, i64, i64)> = None;
        for item in self.items.ids.get_untracked().into_iter().filter_map(|id| self.items.get(id)) {
            item.with_untracked(|m| {
                open += u32::from(m.open && !m.queued);
                let at = m.at.0;
                let day = m.said_at.unwrap_or(m.at).day();
                let new_day = before.as_ref().is_none_or(|(_, d, _)| *d != day);
                let same = before.as_ref().is_some_and(|(author, _, _)| *author == m.author);
                let leads = new_day || !same || before.as_ref().is_none_or(|(_, _, then)| at - then > GROUP_MS);
                places.push(Place { id: m.id, at, leads, day: new_day.then_some(day) });
                match &mut before {
                    Some(before) if same => (before.1, before.2) = (day, at),
                    before => *before = Some((m.author.clone(), day, at)),
                }
            });
        }
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
        let newest = self.places.with_untracked(|places| {
            places.iter().rev().take(MESSAGES_SHOWN as usize).map(|place| format!("m:{}", place.id)).collect::<Vec<_>>()
        });
        newest.into_iter().chain(["chat".to_owned()]).collect()
    }

    fn settled(&self, _version: u64) {
        self.let_go();
        self.items.settle();
        self.arrange();
    }
}

#[cfg(test)]
mod tests;
