//! What the board holds in the browser: the cards as the server has them, and on top of them
//! the moves that a person made and the server has not confirmed yet.

use std::collections::BTreeMap;

use clutch_domain::{
    command::Place,
    id::TaskId,
    refusal::Refusal,
    rule::placing::{may_move, place},
    task::Status,
    time::Millis,
};
use leptos::prelude::*;

use crate::{
    api::{Saved, Spot, move_task},
    error::AppError,
    live::{Sink, fill, part, read},
    model::{
        board::{BoardHead, Card},
        wire::Loaded,
    },
    ui::{Act, Toasts, lower, use_clock},
};

/// Columns of the board.
pub const COLUMNS: usize = 6;

/// What a board shows of its cards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only cards that wait for a person.
    pub need: bool,
    /// Only cards with an agent at work.
    pub running: bool,
    /// Only cards with these words in title, number, tag or role; lower case.
    pub words: String,
}

impl Filter {
    fn shows(&self, card: &Card) -> bool {
        (!self.need || needs_you(card))
            && (!self.running || card.agent.is_some())
            && (self.words.is_empty() || {
                let role = card.facts.role.map_or("", |r| r.word());
                let text = lower(&format!("t-{} {} {} {role}", card.number, card.title, card.facts.tags.join(" ")));
                self.words.split_whitespace().all(|word| text.contains(word))
            })
    }
}

/// Whether a card waits for a person.
pub fn needs_you(card: &Card) -> bool {
    card.ask.is_some() || (card.facts.needs_review && card.status == Status::InReview)
}

struct Entry {
    kept: Card,
    shown: ArcRwSignal<Card>,
    /// The last move that the server was asked for, until the held version shows it.
    moved: Option<Moved>,
    /// Where the keyboard holds the card. A layer of its own: the answer to an earlier move may
    /// come while the card is in the hand again.
    lifted: Option<Lies>,
}

/// Where a card is shown.
struct Lies {
    to: Status,
    position: f64,
    since: Millis,
}

/// A move that is shown before it is confirmed.
struct Moved {
    lies: Lies,
    /// Which move of this page it is: an answer settles no other.
    turn: u32,
    /// Version at which the server's answer shows; `None` while it is on its way.
    until: Option<u64>,
}

/// Who moves a card.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The server is asked, in this turn.
    Request(u32),
    /// Nobody is asked before the drop.
    Hand,
}

/// The board's state; `Copy`, so every handler can have it.
#[derive(Clone, Copy)]
pub struct BoardState {
    /// Everything but the cards.
    pub head: RwSignal<BoardHead>,
    /// The project was deleted.
    pub gone: RwSignal<bool>,
    /// Cards per column, in order, as they are shown.
    pub columns: [RwSignal<Vec<TaskId>>; COLUMNS],
    /// Tasks per column, also those that are not loaded.
    pub counts: RwSignal<[u32; COLUMNS]>,
    /// Those that are loaded, whether the filter shows them or not.
    pub loaded: RwSignal<[u32; COLUMNS]>,
    /// What is shown.
    pub filter: RwSignal<Filter>,
    /// The card that the keyboard holds.
    pub lifted: RwSignal<Option<TaskId>>,
    /// A finished ticket that is about to leave `done`: asked first.
    pub reopening: RwSignal<Option<(TaskId, Status, Place)>>,
    /// Said to screen readers.
    pub spoken: RwSignal<String>,
    /// The first cards are painted; cards that come now are news.
    pub up: StoredValue<bool>,
    cards: StoredValue<BTreeMap<TaskId, Entry>>,
    version: StoredValue<u64>,
    // While somebody drags, cards do not jump under the hand; what came meanwhile shows at the drop.
    held: StoredValue<bool>,
    turns: StoredValue<u32>,
    /// Runs changes of this board.
    pub act: Act,
    toasts: Toasts,
}

impl BoardState {
    /// The state that shows a first load; `None` when that is not of a board.
    pub fn new(load: &Loaded) -> Option<Self> {
        let head = part::<BoardHead>(load, "head")?;
        let state = Self {
            counts: RwSignal::new(head.counts),
            loaded: RwSignal::new([0; COLUMNS]),
            head: RwSignal::new(head),
            gone: RwSignal::new(false),
            columns: std::array::from_fn(|_| RwSignal::new(Vec::new())),
            filter: RwSignal::new(Filter::default()),
            lifted: RwSignal::new(None),
            reopening: RwSignal::new(None),
            spoken: RwSignal::new(String::new()),
            up: StoredValue::new(false),
            cards: StoredValue::new(BTreeMap::new()),
            version: StoredValue::new(load.version),
            held: StoredValue::new(false),
            turns: StoredValue::new(0),
            act: crate::ui::use_act(),
            toasts: expect_context::<Toasts>(),
        };
        fill(&state, load);
        Some(state)
    }

    /// A card, to follow.
    pub fn card(self, id: TaskId) -> Option<ArcRwSignal<Card>> {
        self.cards.with_value(|cards| cards.get(&id).map(|e| e.shown.clone()))
    }

    /// A card as it is now.
    pub fn peek(self, id: TaskId) -> Option<Card> {
        self.card(id).map(|c| c.get_untracked())
    }

    /// Cards whose number or title has these words, for pickers.
    pub fn find(self, words: &str, most: usize) -> Vec<Card> {
        let filter = Filter { words: lower(words), ..Filter::default() };
        self.cards.with_value(|cards| {
            // The newest are the likeliest.
            let mut found: Vec<Card> = Vec::new();
            for card in cards.values().map(|e| e.shown.get_untracked()).filter(|c| filter.shows(c)) {
                let at = found.partition_point(|c| c.number > card.number);
                found.insert(at, card);
                found.truncate(most);
            }
            found
        })
    }

    /// Holds the cards still, or lets them go.
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only fingers and mice hold cards"))]
    pub fn hold(self, held: bool) {
        self.held.set_value(held);
        if !held {
            self.arrange();
        }
    }

    /// Moves a card; one that leaves `done` is asked about first.
    pub fn request_move(self, id: TaskId, to: Status, at: Place) {
        let done = self.cards.with_value(|cards| cards.get(&id).is_some_and(|e| e.kept.status == Status::Done));
        if done && to != Status::Done {
            self.reopening.set(Some((id, to, at)));
        } else {
            self.move_card(id, to, at, false);
        }
    }

    /// Whether the hand that lifted a card has moved it.
    pub fn is_moved(self, id: TaskId) -> bool {
        self.cards.with_value(|cards| cards.get(&id).is_some_and(|e| e.lifted.is_some()))
    }

    /// Moves a card: at once on this page, then on the server. A refusal is said and undone.
    pub fn move_card(self, id: TaskId, to: Status, at: Place, reopen: bool) {
        if self.peek(id).is_none() {
            // Not on this board's page: a finished ticket of long ago, moved from its panel.
            return self.act.run(move_task(id, to, None, None, Spot::End, true), |_| {});
        }
        let turn = self.turns.get_value() + 1;
        self.turns.set_value(turn);
        if let Err(refusal) = self.show(id, to, at, reopen, By::Request(turn)) {
            self.toasts.error(refusal.to_string());
            self.arrange();
            return;
        }
        let (before, after, spot) = match at {
            Place::Before(card) => (Some(card), None, Spot::End),
            Place::After(card) => (None, Some(card), Spot::End),
            Place::Top => (None, None, Spot::Top),
            Place::End | Place::Index(_) => (None, None, Spot::End),
        };
        self.act.run(move_task(id, to, before, after, spot, reopen), move |answer| self.settle_move(id, turn, answer));
    }

    /// Shows a lifted card elsewhere without asking the server: the drop follows, or
    /// [`Self::put_back`].
    pub fn show_lifted(self, id: TaskId, to: Status, at: Place) -> Result<(), Refusal> {
        // `done` is asked about at the drop; what waits for other tickets is told at once.
        self.show(id, to, at, true, By::Hand)
    }

    fn show(self, id: TaskId, to: Status, at: Place, reopen: bool, by: By) -> Result<(), Refusal> {
        let card = self.peek(id).ok_or(Refusal::TaskNotFound)?;
        may_move(card.status, to, card.open_dependencies, reopen)?;
        let column: Vec<(TaskId, f64)> = self.columns[to as usize]
            .get_untracked()
            .into_iter()
            .filter_map(|other| self.peek(other).map(|c| (other, c.position)))
            .collect();
        let placed = place(&column, id, at)?;
        let since = if card.status == to { card.since } else { untrack(|| use_clock().now()) };
        self.cards.update_value(|cards| {
            for (other, position) in placed.spread {
                if let Some(entry) = cards.get_mut(&other) {
                    entry.kept.position = position;
                    entry.show();
                }
            }
            if let Some(entry) = cards.get_mut(&id) {
                let lies = Lies { to, position: placed.position, since };
                match by {
                    By::Hand => entry.lifted = Some(lies),
                    By::Request(turn) => entry.moved = Some(Moved { lies, turn, until: None }),
                }
                entry.show();
            }
        });
        self.arrange();
        Ok(())
    }

    /// Shows a lifted card again where it lay.
    pub fn put_back(self, id: TaskId) {
        self.change(id, |entry| entry.lifted = None);
    }

    fn change(self, id: TaskId, change: impl FnOnce(&mut Entry)) {
        self.cards.update_value(|cards| {
            if let Some(entry) = cards.get_mut(&id) {
                change(entry);
                entry.show();
            }
        });
        self.arrange();
    }

    fn settle_move(self, id: TaskId, turn: u32, answer: Result<Saved, AppError>) {
        self.change(id, |entry| match answer {
            _ if entry.moved.as_ref().is_none_or(|moved| moved.turn != turn) => {}
            Ok(saved) => entry.moved.iter_mut().for_each(|moved| moved.until = Some(saved.version)),
            Err(_) => entry.moved = None,
        });
        self.release(self.version.get_value());
    }

    /// Drops the moves that the held version already shows.
    fn release(self, version: u64) {
        self.cards.update_value(|cards| {
            for entry in cards.values_mut() {
                if entry.moved.as_ref().is_some_and(|m| m.until.is_some_and(|until| until <= version)) {
                    entry.moved = None;
                    entry.show();
                }
            }
        });
        self.arrange();
    }

    /// Sorts the cards into columns; only columns that changed are told.
    pub fn arrange(self) {
        if self.held.get_value() {
            return;
        }
        let filter = self.filter.get_untracked();
        let mut columns: [Vec<(f64, TaskId)>; COLUMNS] = Default::default();
        let mut counts = self.head.with_untracked(|h| h.counts);
        let mut loaded = [0; COLUMNS];
        self.cards.with_value(|cards| {
            for entry in cards.values() {
                let card = entry.shown.get_untracked();
                if entry.kept.status != card.status {
                    let from = &mut counts[entry.kept.status as usize];
                    *from = from.saturating_sub(1);
                    counts[card.status as usize] += 1;
                }
                loaded[card.status as usize] += 1;
                if filter.shows(&card) {
                    // Done is newest first.
                    let order = if card.status == Status::Done { -(card.since.0 as f64) } else { card.position };
                    columns[card.status as usize].push((order, card.id));
                }
            }
        });
        for (at, mut cards) in columns.into_iter().enumerate() {
            cards.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            set(self.columns[at], cards.into_iter().map(|(_, id)| id).collect());
        }
        set(self.counts, counts);
        set(self.loaded, loaded);
    }
}

/// Sets a signal only to something new.
fn set<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, new: T) {
    if signal.with_untracked(|old| *old != new) {
        signal.set(new);
    }
}

impl Entry {
    fn new(card: Card) -> Self {
        Self { shown: ArcRwSignal::new(card.clone()), kept: card, moved: None, lifted: None }
    }

    fn show(&self) {
        let mut card = self.kept.clone();
        if let Some(lies) = self.lifted.as_ref().or(self.moved.as_ref().map(|m| &m.lies)) {
            card.status = lies.to;
            card.position = lies.position;
            card.since = lies.since;
        }
        if self.shown.with_untracked(|old| *old != card) {
            self.shown.set(card);
        }
    }
}

impl Sink for BoardState {
    fn put(&self, name: &str, json: &str) {
        if name == "head" {
            if let Some(head) = read::<BoardHead>(json) {
                set(self.head, head);
            }
        } else if let Some(card) = read::<Card>(json) {
            self.cards.update_value(|cards| match cards.get_mut(&card.id) {
                Some(entry) => {
                    entry.kept = card;
                    entry.show();
                }
                None => drop(cards.insert(card.id, Entry::new(card))),
            });
        }
    }

    fn del(&self, name: &str) {
        if name == "head" {
            self.gone.set(true);
        } else if let Some(id) = name.strip_prefix("t:").and_then(|id| id.parse::<TaskId>().ok()) {
            self.cards.update_value(|cards| drop(cards.remove(&id)));
        }
    }

    fn names(&self) -> Vec<String> {
        self.cards.with_value(|cards| cards.keys().map(|id| format!("t:{id}")).chain(["head".to_owned()]).collect())
    }

    fn settled(&self, version: u64) {
        self.version.set_value(version);
        self.release(version);
    }
}
