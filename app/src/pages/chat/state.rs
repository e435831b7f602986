//! What the open chat holds: its messages, as far as they are near where somebody reads.

mod list;
mod reach;
mod sheets;

use clutch_domain::{
    chat::is_carried_run,
    id::{MessageId, Uuid},
    time::Millis,
};
use leptos::prelude::*;

pub use self::{list::ListState, sheets::Sheet};
use self::{
    reach::{Arrived, Key, PAGE, PAINTED_MAX, Reach},
    sheets::Sheets,
};
use crate::{
    live::{
        Sink, fill, part,
        parts::{Order, Part, Parts},
        read,
    },
    model::{
        chat::{ChatHead, MessageItem, Said, Way},
        wire::Loaded,
    },
    ui::{Clock, listen::Alive},
};

impl Part for MessageItem {
    const PREFIX: &'static str = "m:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    fn order(&self) -> Order {
        Order::by(self.at.0)
    }
}

impl Part for Way {
    const PREFIX: &'static str = "w:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    fn order(&self) -> Order {
        Order::default()
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

/// One open chat. Of a long one only a part is held and painted: the newest messages, and those around where
/// somebody reads ([`Reach`]).
#[derive(Clone, Copy)]
pub struct ChatState {
    /// The chat.
    pub head: RwSignal<ChatHead>,
    /// It was deleted.
    pub gone: RwSignal<bool>,
    /// Messages in order; only those that are new or moved are painted.
    pub places: RwSignal<Vec<Place>>,
    /// The same in sheets.
    pub sheets: RwSignal<Vec<Sheet>>,
    /// There are older ones than those that are painted.
    pub more: RwSignal<bool>,
    /// There are newer ones than those that are painted.
    pub below: RwSignal<bool>,
    /// How many messages the agent has that are not answered.
    pub open: RwSignal<u32>,
    /// The agent has a message of which nothing is answered yet.
    pub waits: RwSignal<bool>,
    /// Answers that came while nobody looked at the end.
    pub news: RwSignal<u32>,
    /// Counts what was asked of the board and the gateway here: the session's figures may be others now.
    pub asked: RwSignal<u32>,
    /// Counts how often the end is to be brought into view.
    pub down: RwSignal<u32>,
    /// The message that the address names.
    pub aim: RwSignal<Option<MessageId>>,
    /// It is older than what is shown, and on its way.
    pub bringing: RwSignal<bool>,
    /// The end is in view.
    pub at_end: StoredValue<bool>,
    /// Somebody reads near the end.
    pub near_end: StoredValue<bool>,
    items: Parts<MessageItem>,
    // Each message that is held has one, though most go nowhere.
    ways: Parts<Way>,
    reach: StoredValue<Reach>,
    laid: StoredValue<Sheets>,
    clock: Option<Clock>,
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
            sheets: RwSignal::new(Vec::new()),
            laid: StoredValue::new(Sheets::default()),
            below: RwSignal::new(false),
            open: RwSignal::new(0),
            waits: RwSignal::new(false),
            news: RwSignal::new(0),
            asked: RwSignal::new(0),
            down: RwSignal::new(0),
            aim: RwSignal::new(None),
            bringing: RwSignal::new(false),
            at_end: StoredValue::new(true),
            near_end: StoredValue::new(true),
            items: Parts::new(),
            ways: Parts::new(),
            reach: StoredValue::new(Reach::default()),
            clock: use_context(),
            went: StoredValue::new(Vec::new()),
            older: StoredValue::new(false),
            painted: StoredValue::new(false),
            alive: Alive::here(),
        };
        fill(&state, load);
        state.painted.set_value(true);
        Some(state)
    }

    /// Lays the days anew whenever the reader's zone is known.
    pub fn follow_days(self) {
        crate::ui::listen::follow(move || {
            if self.clock.is_some_and(Clock::is_local) {
                self.arrange();
            }
        });
    }

    /// A message, to follow.
    pub fn item(self, place: &Place) -> Option<ArcRwSignal<MessageItem>> {
        self.items.get(place.id.0)
    }

    /// How far a message came, to follow.
    pub fn way(self, message: MessageId) -> Option<ArcRwSignal<Way>> {
        self.ways.get(message.0)
    }

    /// Whether the answer to a run is among the messages already. Followed.
    pub fn answered(self, run: &str) -> bool {
        self.items.ids.track();
        self.answer(run).is_some()
    }

    /// The message that answers a run.
    pub fn answer(self, run: &str) -> Option<MessageId> {
        let of_run =
            |id: &&Uuid| self.items.get(**id).is_some_and(|m| m.with_untracked(|m| m.run.as_deref() == Some(run)));
        self.items.ids.with_untracked(|ids| ids.iter().rev().take(10).find(of_run).copied().map(MessageId))
    }

    fn key(self, id: Uuid) -> Key {
        self.items.get(id).map_or((0, id), |item| (item.with_untracked(|m| m.at.0), id))
    }

    fn keys(self) -> Vec<Key> {
        self.items.ids.with_untracked(|ids| ids.iter().map(|id| self.key(*id)).collect())
    }

    /// When the oldest loaded message was written.
    pub fn oldest(self) -> Option<i64> {
        self.items.ids.with_untracked(|ids| ids.first().map(|id| self.key(*id).0))
    }

    /// Whether a message is painted.
    pub fn has(self, message: MessageId) -> bool {
        self.places.with_untracked(|places| places.iter().any(|place| place.id == message))
    }

    /// The messages before those that are loaded; there may be older ones. What gets too many goes at the other
    /// end, unless it is to stay. Nothing is painted before [`Self::arrange`]; nothing is done when the chat was left
    /// meanwhile.
    pub fn add_before(self, found: Vec<Said>, more: bool, stay: bool) {
        if !self.alive.is() {
            return;
        }
        self.more.set(more);
        self.older.set_value(true);
        found.into_iter().for_each(|said| self.take(said));
        self.items.settle();
        if !stay {
            self.let_go_below();
        }
    }

    /// Where the page ends that comes below what is painted, in milliseconds since 1970.
    pub fn next_below(self) -> Option<i64> {
        self.reach.with_value(Reach::next)
    }

    /// The messages of the page below those that are painted. What gets too many above them is to go in another frame
    /// ([`Self::let_go_above`]): a list in which something comes and goes at once moves what is between.
    pub fn add_below(self, found: Vec<Said>) {
        if !self.alive.is() {
            return;
        }
        let newest = found.last().map(|said| (said.message.at.0, said.message.id.0));
        found.into_iter().for_each(|said| self.take(said));
        self.items.settle();
        match self.reach.try_update_value(|reach| reach.go_on(newest)) {
            Some(Arrived::Lost) => self.to_end(),
            Some(Arrived::AtEnd | Arrived::Below) | None => self.arrange(),
        }
    }

    /// Only the newest are held and painted again.
    pub fn to_end(self) {
        if self.below.get_untracked() {
            let keys = self.keys();
            let tail = keys.len().saturating_sub(PAGE);
            keys[..tail].iter().for_each(|(_, id)| self.forget(*id));
            self.items.settle();
            self.reach.set_value(Reach::default());
            self.more.set(tail > 0 || self.head.with_untracked(|head| head.more));
            self.older.set_value(false);
            self.arrange();
        }
        self.news.set(0);
        self.down.update(|n| *n += 1);
    }

    /// What is far below what is read is not held.
    fn let_go_below(self) {
        let keys = self.keys();
        let Some(Some(gone)) = self.reach.try_update_value(|reach| reach.let_go_below(&keys)) else { return };
        gone.iter().for_each(|id| self.forget(*id));
        self.items.settle();
    }

    /// What is far above what is read is not held, and not painted any more after [`Self::arrange`].
    pub fn let_go_above(self) {
        let keys = self.keys();
        let gone = self.reach.with_value(|reach| reach.let_go_above(&keys));
        if !gone.is_empty() {
            gone.iter().for_each(|id| self.forget(*id));
            self.items.settle();
            self.more.set(true);
            self.older.set_value(true);
        }
    }

    /// The newest message of the person at the page that has not left: its id and words. None of which
    /// only the beginning is here: the rest would be lost.
    pub fn last_queued(self) -> Option<(MessageId, String)> {
        self.items.ids.with_untracked(|ids| {
            let queued = |id: &Uuid| self.ways.get(*id).is_some_and(|way| way.with_untracked(|way| way.queued));
            let mut newest = ids.iter().rev().filter(|id| queued(id)).filter_map(|id| self.items.get(*id));
            let found = newest.find(|item| item.with_untracked(|m| m.mine))?;
            found.with_untracked(|m| (!m.cut).then(|| (m.id, m.text.clone())))
        })
    }

    /// A message is gone.
    pub fn remove(self, message: MessageId) {
        self.forget(message.0);
        self.items.settle();
        self.arrange();
    }

    fn forget(self, id: Uuid) {
        self.items.remove(id);
        self.ways.remove(id);
    }

    /// What left the live window because so many newer ones came is still a message of this chat. Where
    /// all of the window left at once, there may be others between it and what came.
    fn let_go(self) {
        let went = self.went.try_update_value(std::mem::take).unwrap_or_default();
        if went.is_empty() {
            return;
        }
        self.items.settle();
        // The newest last. Where one lies among the newest, it was removed; where not, it is only older.
        let mut ids = self.items.ids.get_untracked();
        let mut old = Vec::new();
        for gone in went {
            match ids.iter().rev().position(|id| *id == gone.0) {
                Some(newer) if newer < PAGE => {
                    ids.retain(|id| *id != gone.0);
                    self.forget(gone.0);
                }
                Some(_) => old.push(self.key(gone.0)),
                None => {}
            }
        }
        old.sort_unstable();
        let all = old.len() >= PAGE;
        if self.below.get_untracked() {
            // Behind what is painted, they are found again from there.
            let unseen = self.reach.try_update_value(|reach| reach.pushed_out(&old, all)).unwrap_or_default();
            unseen.iter().for_each(|id| self.forget(*id));
        } else if let Some(last) = old.last().filter(|_| all) {
            let gone = self.keys().into_iter().take_while(|key| key <= last);
            gone.for_each(|(_, id)| self.forget(id));
            self.older.set_value(false);
            self.more.set(true);
        }
    }

    fn take(self, said: Said) {
        let id = said.message.id;
        self.keep(said.message);
        self.ways.keep(said.way.unwrap_or_else(|| Way::none(id)));
    }

    fn keep(self, item: MessageItem) {
        let new = self.items.get(item.id.0).is_none();
        // What is loaded on the way up is not new.
        let newest = || {
            let last = self.items.ids.with_untracked(|ids| ids.last().map(|id| self.key(*id)));
            last.is_none_or(|last| (item.at.0, item.id.0) > last)
        };
        if new && self.painted.get_value() && !self.at_end.get_value() && !item.mine && newest() {
            self.news.update(|n| *n += 1);
        }
        if self.ways.get(item.id.0).is_none() {
            self.ways.keep(Way::none(item.id));
        }
        self.items.keep(item);
    }

    fn day(self, at: Millis) -> i64 {
        self.clock.map_or_else(|| at.day(), |clock| clock.day(at))
    }

    /// Paints what there is now.
    pub fn arrange(self) {
        let end = self.reach.try_with_value(|reach| reach.end()).flatten();
        let mut places = Vec::new();
        let (mut open, mut asked, mut runs) = (0, Vec::new(), Vec::new());
        let mut before: Option<(String, i64, i64)> = None;
        for item in self.items.ids.get_untracked().into_iter().filter_map(|id| self.items.get(id)) {
            item.with_untracked(|m| {
                if self.ways.get(m.id.0).is_some_and(|way| way.with_untracked(|way| way.open && !way.queued)) {
                    open += 1;
                    asked.push(m.id);
                }
                runs.extend(m.run.clone());
                let at = m.at.0;
                if end.is_some_and(|end| (at, m.id.0) > end) {
                    return;
                }
                let day = self.day(m.said_at.unwrap_or(m.at));
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
        // A run that the server carries is named after the message that it answers.
        asked.retain(|id| !runs.iter().any(|run| is_carried_run(run) && run[5..].starts_with(&id.to_string())));
        self.waits.maybe_update(|old| std::mem::replace(old, !asked.is_empty()) == asked.is_empty());
        self.open.maybe_update(|old| std::mem::replace(old, open) != open);
        self.below.maybe_update(|old| std::mem::replace(old, end.is_some()) != end.is_some());
        if self.places.with_untracked(|old| *old != places) {
            let others = self.laid.try_update_value(|sheets| sheets.lay(&places).then(|| sheets.all())).flatten();
            self.places.set(places);
            if let Some(sheets) = others {
                self.sheets.set(sheets);
            }
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
        } else if !self.ways.put(name, json)
            && let Some(item) = read::<MessageItem>(json)
        {
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
        let newest = self.items.ids.with_untracked(|ids| {
            ids.iter().rev().take(PAGE).map(|id| format!("m:{}", MessageId(*id))).collect::<Vec<_>>()
        });
        newest.into_iter().chain(["chat".to_owned()]).collect()
    }

    fn settled(&self, _version: u64) {
        self.let_go();
        self.items.settle();
        if self.places.with_untracked(Vec::len) >= PAINTED_MAX {
            if self.near_end.get_value() {
                self.let_go_above();
            } else {
                self.let_go_below();
            }
        }
        self.arrange();
    }
}

#[cfg(test)]
mod tests;
