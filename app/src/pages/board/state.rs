//! What the board holds in the browser: the cards as the server has them, and on top of them
//! what people did here and the server has not shown yet.

mod more;
mod undo;

use std::sync::Arc;

use clutch_domain::{
    command::Place,
    id::{TaskId, Uuid},
    query::More,
    refusal::Refusal,
    rule::placing::{may_move, place},
    task::{Status, TaskField},
};
use leptos::prelude::*;

use undo::Inverse;

use crate::{
    api::{Saved, Spot, edit_task, move_task, pause_loop, set_loop},
    live::{
        Sink, fill,
        layered::{HELD, Layered, Turn, Until},
        part,
        parts::{Order, Part, Parts, id_in},
        read,
        verbs::{self, Outcome},
    },
    model::{
        board::{BoardHead, Card},
        filter::Filter,
        wire::Loaded,
    },
    ui::{Act, Clock, Toasts, listen::Alive},
};

/// Columns of the board.
pub const COLUMNS: usize = 6;
impl Part for Card {
    const PREFIX: &'static str = "t:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    fn order(&self) -> Order {
        Order::by(self.number as i64)
    }
}

/// What became of a move that a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The card lies there on this page, and the server is asked.
    Shown,
    /// The person is asked first.
    First,
    /// It cannot go there; why.
    Refused(String),
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
    /// Those that this board holds, whether the filter shows them or not.
    pub loaded: RwSignal<[u32; COLUMNS]>,
    /// How much more than at first the board holds.
    pub more: RwSignal<More>,
    /// More was asked for and has not come.
    pub waits: RwSignal<bool>,
    /// The version that is shown.
    pub news: RwSignal<u64>,
    /// What is shown.
    pub filter: RwSignal<Filter>,
    /// The card that the keyboard holds.
    pub lifted: StoredValue<Option<TaskId>>,
    /// The card that the Tab key stops at.
    pub stop: StoredValue<Option<TaskId>>,
    /// A finished ticket that is about to leave `done`: asked first.
    pub reopening: RwSignal<Option<(TaskId, Status, Place)>>,
    /// Said to screen readers.
    pub spoken: RwSignal<String>,
    /// The first cards are painted; cards that come now are news.
    pub up: StoredValue<bool>,
    heads: StoredValue<Layered<BoardHead>>,
    cards: Parts<Card>,
    // Cards that this board does not hold and that were found behind it: the feed does not tell of them.
    found: StoredValue<Vec<Uuid>>,
    // While somebody drags, cards do not jump under the hand; what came meanwhile shows at the drop.
    held: StoredValue<bool>,
    undo: StoredValue<Vec<(Turn, Inverse)>>,
    // The move that a message offers to take back, and the message.
    offered: StoredValue<Option<(Turn, u32)>>,
    alive: Alive,
    clock: Clock,
    /// Runs changes of this board.
    pub act: Act,
    /// Messages.
    pub toasts: Toasts,
}

impl BoardState {
    /// The state that shows a first load; `None` when that is not of a board.
    pub fn new(load: &Loaded) -> Option<Self> {
        let head = part::<BoardHead>(load, "head")?;
        let counts = head.counts;
        let heads = Layered::new(head);
        let state = Self {
            counts: RwSignal::new(counts),
            loaded: RwSignal::new([0; COLUMNS]),
            more: RwSignal::new(More::default()),
            waits: RwSignal::new(false),
            news: RwSignal::new(load.version),
            head: RwSignal::from(heads.shown().clone()),
            heads: StoredValue::new(heads),
            gone: RwSignal::new(false),
            columns: std::array::from_fn(|_| RwSignal::new(Vec::new())),
            filter: RwSignal::new(Filter::default()),
            lifted: StoredValue::new(None),
            stop: StoredValue::new(None),
            reopening: RwSignal::new(None),
            spoken: RwSignal::new(String::new()),
            up: StoredValue::new(false),
            cards: Parts::new(),
            found: StoredValue::new(Vec::new()),
            held: StoredValue::new(false),
            undo: StoredValue::new(Vec::new()),
            offered: StoredValue::new(None),
            alive: Alive::here(),
            clock: expect_context::<Clock>(),
            act: crate::ui::use_act(),
            toasts: expect_context::<Toasts>(),
        };
        fill(&state, load);
        Some(state)
    }

    /// A card, to follow.
    pub fn card(self, id: TaskId) -> Option<ArcRwSignal<Card>> {
        self.cards.get(id.0)
    }

    /// A card as it is now.
    pub fn peek(self, id: TaskId) -> Option<Card> {
        self.cards.peek(id.0)
    }

    /// Cards whose number or title has these words, for pickers; the newest are the likeliest.
    pub fn find(self, words: &str, most: usize) -> Vec<Card> {
        let filter = Filter::default().with_words(words);
        let mut found: Vec<Card> = Vec::new();
        self.cards.each(|_, card| {
            if filter.shows(card) {
                let at = found.partition_point(|c| c.number > card.number);
                if at < most {
                    found.insert(at, card.clone());
                    found.truncate(most);
                }
            }
        });
        found
    }

    /// Shows only some of the cards.
    pub fn show_only(self, filter: Filter) {
        if self.filter.with_untracked(|old| *old != filter) {
            self.filter.set(filter);
            self.arrange();
        }
    }

    /// Holds the cards still, or lets them go.
    #[cfg_attr(not(any(feature = "hydrate", test)), expect(dead_code, reason = "only fingers and mice hold cards"))]
    pub fn hold(self, held: bool) {
        self.held.set_value(held);
        if !held {
            self.arrange();
        }
    }

    /// Moves a card; one that leaves `done` is asked about first.
    pub fn request_move(self, id: TaskId, to: Status, at: Place) -> Asked {
        let done = self.cards.kept(id.0, |card| card.status == Status::Done).unwrap_or_default();
        if done && to != Status::Done {
            self.reopening.set(Some((id, to, at)));
            Asked::First
        } else {
            self.move_card(id, to, at, false)
        }
    }

    /// Whether the hand that lifted a card has moved it.
    pub fn is_moved(self, id: TaskId) -> bool {
        self.cards.has(id.0, HELD)
    }

    /// Moves a card: at once on this page, then on the server. A refusal is said and undone.
    pub fn move_card(self, id: TaskId, to: Status, at: Place, reopen: bool) -> Asked {
        let Some(was) = self.peek(id) else {
            // Not on this board's page: a finished ticket of long ago, moved from its panel.
            self.act.run(move_task(id, to, None, None, Spot::End, true), |_| {});
            return Asked::Shown;
        };
        let inverse = Inverse::Move { task: id, to: was.status, before: self.below(id, was.status) };
        let turn = verbs::turn();
        if let Err(refusal) = self.show(id, to, at, reopen, turn) {
            self.toasts.error(refusal.to_string());
            self.arrange();
            return Asked::Refused(refusal.to_string());
        }
        self.remember(turn, inverse);
        let (before, after, spot) = match at {
            Place::Before(card) => (Some(card), None, Spot::End),
            Place::After(card) => (None, Some(card), Spot::End),
            Place::Top => (None, None, Spot::Top),
            Place::End | Place::Index(_) => (None, None, Spot::End),
        };
        let ask = move || move_task(id, to, before, after, spot, reopen);
        verbs::ask(self.act, id.0, "move", ask, move |outcome| {
            let refused = matches!(outcome, Outcome::Refused(_));
            // Where no answer came the move may have arrived, and can be taken back.
            let unsure = matches!(&outcome, Outcome::Refused(error) if error.unsure());
            self.settle(id.0, turn, outcome);
            if refused && !unsure {
                self.forget(turn);
            }
            // It was said to be dropped there.
            if let Some(card) = self.peek(id).filter(|_| refused) {
                self.say(format!("{} is back in {}.", card.title, card.status.label()));
            }
        });
        Asked::Shown
    }

    /// Says something to screen readers. What is said again is read again only where something about it is another.
    pub fn say(self, words: String) {
        self.spoken.update(|old| *old = if *old == words { format!("{words}\u{a0}") } else { words });
    }

    /// The card that lies below this one in a column.
    fn below(self, id: TaskId, column: Status) -> Option<TaskId> {
        self.columns[column as usize].with_untracked(|ids| {
            let at = ids.iter().position(|other| *other == id)?;
            ids.get(at + 1).copied()
        })
    }

    /// Sets a field of a card that is on this board: it shows it at once. `then` hears what became of it.
    pub fn edit(self, turn: Turn, id: TaskId, field: TaskField, value: String, then: impl FnOnce(&Outcome) + 'static) {
        if let Some(was) = self.peek(id).and_then(|card| card.facts.text(field)) {
            self.remember(turn, Inverse::Field { task: id, field, value: was });
        }
        let shown = value.clone();
        self.cards.lay(id.0, turn, Arc::new(move |card: &mut Card| card.facts.set(field, &shown)));
        self.arrange();
        let ask = move || edit_task(id, field, value, false, String::new());
        verbs::ask(self.act, id.0, crate::model::board::kind(field), ask, move |outcome| {
            then(&outcome);
            self.settle(id.0, turn, outcome);
        });
    }

    /// Lets the loop take this project's tickets, or not.
    pub fn switch_loop(self, on: bool) {
        let project = self.head.with_untracked(|h| h.project);
        self.do_to_head("loop", Arc::new(move |head| head.loop_on = on), move || set_loop(project, on));
    }

    /// Pauses the loop, or lets it go on.
    pub fn pause_loop(self, paused: bool) {
        let project = self.head.with_untracked(|h| h.project);
        self.do_to_head("pause", Arc::new(move |head| head.paused = paused), move || pause_loop(project, paused));
    }

    fn do_to_head<F>(
        self,
        kind: &'static str,
        patch: crate::live::layered::Patch<BoardHead>,
        ask: impl FnOnce() -> F + 'static,
    ) where
        F: Future<Output = Result<Saved, crate::error::AppError>> + 'static,
    {
        let turn = verbs::turn();
        self.on_head(&|head| head.lay(turn, patch.clone()));
        let project = self.head.with_untracked(|h| h.project);
        verbs::ask(self.act, project.0, kind, ask, move |outcome| self.settle(project.0, turn, outcome));
    }

    fn on_head(self, change: &dyn Fn(&mut Layered<BoardHead>)) {
        self.heads.update_value(|head| change(head));
    }

    /// Shows a lifted card elsewhere without asking the server: the drop follows, or
    /// [`Self::put_back`].
    pub fn show_lifted(self, id: TaskId, to: Status, at: Place) -> Result<(), Refusal> {
        // `done` is asked about at the drop; what waits for other tickets is told at once.
        self.show(id, to, at, true, HELD)
    }

    fn show(self, id: TaskId, to: Status, at: Place, reopen: bool, turn: Turn) -> Result<(), Refusal> {
        let card = self.peek(id).ok_or(Refusal::TaskNotFound)?;
        may_move(card.status, to, card.open_dependencies, reopen)?;
        let column: Vec<(TaskId, f64)> = self.columns[to as usize].with_untracked(|ids| {
            let lies = |other: &TaskId| self.card(*other).map(|c| (*other, c.with_untracked(|c| c.position)));
            ids.iter().filter_map(lies).collect()
        });
        let placed = place(&column, id, at)?;
        let since = if card.status == to { card.since } else { untrack(|| self.clock.now()) };
        for (other, position) in placed.spread {
            self.cards.lay(other.0, turn, Arc::new(move |card: &mut Card| card.position = position));
        }
        let position = placed.position;
        let lies = move |card: &mut Card| {
            card.status = to;
            card.position = position;
            card.since = since;
        };
        self.cards.lay(id.0, turn, Arc::new(lies));
        self.arrange();
        Ok(())
    }

    /// Shows a lifted card, and those that made room for it, again where they lay.
    pub fn put_back(self) {
        self.cards.take_away(HELD);
        self.arrange();
    }

    /// What was done to a thing was answered.
    fn settle(self, thing: Uuid, turn: Turn, outcome: Outcome) {
        if !self.alive.is() {
            return; // the board was left before the answer came
        }
        match outcome {
            Outcome::Done(saved) => {
                // The feed brings no card that this board does not hold: that is found again.
                let until = if self.was_found(thing) { Until::Next } else { Until::Version(saved.version) };
                self.cards.confirm(turn, until);
                self.on_head(&|head| head.change(&|layers| layers.confirm(turn, until)));
            }
            Outcome::Refused(_) | Outcome::Replaced => {
                self.cards.take_away(turn);
                self.on_head(&|head| head.change(&|layers| layers.take_away(turn)));
            }
        }
        self.release();
    }

    /// Drops what the held version already shows.
    fn release(self) {
        let version = self.news.get_untracked();
        self.cards.reach(version);
        self.on_head(&|head| head.change(&|layers| layers.reach(version)));
        self.arrange();
    }

    /// Sorts the cards into columns; only columns that changed are told.
    pub fn arrange(self) {
        if self.held.get_value() {
            return;
        }
        #[cfg(feature = "hydrate")]
        let focused = super::stop::focused(self);
        let filter = self.filter.get_untracked();
        let mut columns: [Vec<(f64, TaskId)>; COLUMNS] = Default::default();
        let mut counts = self.head.with_untracked(|h| h.counts);
        let mut loaded = [0; COLUMNS];
        let going = self.toasts.going.get_untracked();
        self.cards.each(|kept, card| {
            if going.contains(&card.id.0) {
                let here = &mut counts[kept.status as usize];
                *here = here.saturating_sub(1);
                return;
            }
            if kept.status != card.status {
                let from = &mut counts[kept.status as usize];
                *from = from.saturating_sub(1);
                counts[card.status as usize] += 1;
            }
            if !self.was_found(card.id.0) {
                loaded[card.status as usize] += 1;
            }
            if filter.shows(card) {
                // Done is newest first.
                let order = if card.status == Status::Done { -(card.since.0 as f64) } else { card.position };
                columns[card.status as usize].push((order, card.id));
            }
        });
        for (at, mut cards) in columns.into_iter().enumerate() {
            cards.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            set(self.columns[at], cards.into_iter().map(|(_, id)| id).collect());
        }
        set(self.counts, counts);
        set(self.loaded, loaded);
        #[cfg(feature = "hydrate")]
        super::stop::keep(self, focused);
    }
}

/// Sets a signal only to something new.
fn set<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, new: T) {
    if signal.with_untracked(|old| *old != new) {
        signal.set(new);
    }
}

impl Sink for BoardState {
    fn put(&self, name: &str, json: &str) {
        if name != "head" {
            self.holds(name);
            self.cards.put(name, json);
        } else if let Some(head) = read::<BoardHead>(json) {
            self.on_head(&|kept| kept.keep(head.clone()));
        }
    }

    fn del(&self, name: &str) {
        if name == "head" {
            self.gone.set(true);
        } else {
            self.holds(name);
            self.cards.del(name);
        }
    }

    fn names(&self) -> Vec<String> {
        let mut all = vec!["head".to_owned()];
        self.cards.names(&mut all);
        // What was found is not the feed's to take away.
        all.retain(|name| id_in(name, Card::PREFIX).is_none_or(|id| !self.was_found(id)));
        all
    }

    fn settled(&self, version: u64) {
        self.news.set(version);
        self.waits.set(false);
        self.release();
    }
}

#[cfg(test)]
mod tests;
