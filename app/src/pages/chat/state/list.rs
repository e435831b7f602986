//! What the list of a project's chats holds: those that were spoken in last, and the older ones that somebody
//! asked for.

use clutch_domain::{
    id::{ChatId, Uuid},
    query::CHATS_SHOWN,
    time::Millis,
};
use leptos::prelude::*;

use crate::{
    live::{
        Sink, fill, part,
        parts::{Order, Part, Parts, id_in},
        read,
    },
    model::{
        chat::{ChatRow, ChatsHead},
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
    /// There are older ones.
    pub more: RwSignal<bool>,
    // Older ones are there that the feed does not tell of.
    older: StoredValue<bool>,
    went: StoredValue<Vec<ChatId>>,
    alive: Alive,
}

impl ListState {
    /// The state that shows a first load; `None` when that is not of chats.
    pub fn new(load: &Loaded) -> Option<Self> {
        let head: ChatsHead = part(load, "head")?;
        let state = Self {
            more: RwSignal::new(head.more),
            head: RwSignal::new(head),
            rows: Parts::new(),
            older: StoredValue::new(false),
            went: StoredValue::new(Vec::new()),
            alive: Alive::here(),
        };
        fill(&state, load);
        Some(state)
    }

    /// When the last one of the list was spoken in, and which it is.
    pub fn last(self) -> Option<(Millis, ChatId)> {
        let id = self.rows.ids.with_untracked(|ids| ids.last().copied())?;
        self.rows.peek(id).map(|row| (row.at, row.id))
    }

    /// Older chats than those of the list.
    pub fn add_older(self, found: Vec<ChatRow>, more: bool) {
        if self.alive.is() {
            self.older.set_value(true);
            self.more.set(more);
            found.into_iter().for_each(|row| self.rows.keep(row));
            self.rows.settle();
        }
    }

    /// A chat was deleted here.
    pub fn remove(self, chat: ChatId) {
        self.rows.remove(chat.0);
        self.rows.settle();
    }

    /// One that others have pushed out of the newest is only older, where older ones are shown; another was deleted.
    fn let_go(self) {
        let went = self.went.try_update_value(std::mem::take).unwrap_or_default();
        if !went.is_empty() {
            self.rows.settle();
        }
        for chat in went {
            let place = self.rows.ids.with_untracked(|ids| ids.iter().position(|id| *id == chat.0));
            if !self.older.get_value() || place.is_some_and(|place| place < CHATS_SHOWN as usize) {
                self.rows.remove(chat.0);
                self.rows.settle();
            }
        }
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
            && let Some(head) = read::<ChatsHead>(json)
        {
            if !self.older.get_value() {
                self.more.set(head.more);
            }
            self.head.set(head);
        }
    }

    fn del(&self, name: &str) {
        self.went.update_value(|went| went.extend(id_in(name, ChatRow::PREFIX).map(ChatId)));
    }

    fn names(&self) -> Vec<String> {
        let newest = self.rows.ids.with_untracked(|ids| {
            ids.iter().take(CHATS_SHOWN as usize).map(|id| format!("c:{}", ChatId(*id))).collect::<Vec<_>>()
        });
        newest.into_iter().chain(["head".to_owned()]).collect()
    }

    fn settled(&self, _version: u64) {
        self.let_go();
        self.rows.settle();
    }
}
