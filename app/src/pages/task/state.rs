//! What the panel holds of a ticket.

use std::sync::Arc;

use clutch_domain::{id::Uuid, task::TaskField};
use leptos::prelude::*;

use crate::{
    live::{
        Sink, fill,
        layered::{Layered, Patch, Until},
        part,
        parts::{Order, Part, Parts},
        read,
        verbs::{self, Outcome},
    },
    model::{
        task::{ActivityItem, CommentItem, EdgeItem, RunItem, SignalItem, TaskHead},
        wire::Loaded,
    },
    pages::board::BoardState,
    ui::listen::Alive,
};

/// The panel's state; `Copy`, so every handler can have it.
#[derive(Clone, Copy)]
pub struct TaskState {
    /// The ticket itself, as it is shown.
    pub task: RwSignal<TaskHead>,
    /// It was deleted.
    pub gone: RwSignal<bool>,
    /// Comments, oldest first.
    pub comments: Parts<CommentItem>,
    /// Signals, oldest first.
    pub signals: Parts<SignalItem>,
    /// Runs, newest first.
    pub runs: Parts<RunItem>,
    /// Activity, newest first.
    pub activity: Parts<ActivityItem>,
    /// Edges in both directions, by number.
    pub edges: Parts<EdgeItem>,
    heads: StoredValue<Layered<TaskHead>>,
    alive: Alive,
}

impl TaskState {
    /// The state that shows a first load; `None` when that is not of a ticket.
    pub fn new(load: &Loaded) -> Option<Self> {
        let heads = Layered::new(part::<TaskHead>(load, "task")?);
        let state = Self {
            task: RwSignal::from(heads.shown().clone()),
            gone: RwSignal::new(false),
            comments: Parts::new(),
            signals: Parts::new(),
            runs: Parts::new(),
            activity: Parts::new(),
            edges: Parts::new(),
            heads: StoredValue::new(heads),
            alive: Alive::here(),
        };
        fill(&state, load);
        Some(state)
    }

    /// Sets a field: at once here and on the board, then on the server. What is refused goes back by itself.
    pub fn edit(self, board: BoardState, field: TaskField, value: String) {
        let turn = verbs::turn();
        let shown = value.clone();
        self.lay(turn, Arc::new(move |task: &mut TaskHead| task.facts.set(field, &shown)));
        let id = self.task.with_untracked(|t| t.id);
        board.edit(turn, id, field, value, move |outcome| self.settle(turn, outcome));
    }

    /// A text of the ticket was saved; it is shown until the feed brings it.
    pub fn wrote(self, patch: Patch<TaskHead>) {
        if self.alive.is() {
            let turn = verbs::turn();
            self.lay(turn, patch);
            self.heads.update_value(|heads| heads.change(&|layers| layers.confirm(turn, Until::Next)));
        }
    }

    fn lay(self, turn: u32, patch: Patch<TaskHead>) {
        self.heads.update_value(|heads| heads.lay(turn, patch));
    }

    fn settle(self, turn: u32, outcome: &Outcome) {
        if !self.alive.is() {
            return; // the panel was closed before the answer came
        }
        self.heads.update_value(|heads| {
            heads.change(&|layers| match outcome {
                Outcome::Done(_) => layers.confirm(turn, Until::Next),
                Outcome::Refused(_) | Outcome::Replaced => layers.take_away(turn),
            });
        });
    }
}

macro_rules! parts {
    ($($item:ty, $prefix:literal, |$i:ident| $order:expr;)+) => {$(
        impl Part for $item {
            const PREFIX: &'static str = $prefix;
            fn id(&self) -> Uuid {
                self.id.0
            }
            fn order(&self) -> Order {
                let $i = self;
                $order
            }
        }
    )+};
}

parts! {
    CommentItem, "c:", |i| Order::by(i.at.0);
    SignalItem, "s:", |i| Order::by(i.at.0);
    RunItem, "r:", |i| Order::newest(i.started_at);
    ActivityItem, "a:", |i| Order::newest(i.at);
    EdgeItem, "d:", |i| Order::by(i.number as i64);
}

impl Sink for TaskState {
    fn put(&self, name: &str, json: &str) {
        if name != "task" {
            let _ = self.comments.put(name, json)
                || self.signals.put(name, json)
                || self.runs.put(name, json)
                || self.activity.put(name, json)
                || self.edges.put(name, json);
        } else if let Some(task) = read(json) {
            self.heads.update_value(|heads| heads.keep(task));
        }
    }

    fn del(&self, name: &str) {
        if name == "task" {
            self.gone.set(true);
        } else {
            let _ = self.comments.del(name)
                || self.signals.del(name)
                || self.runs.del(name)
                || self.activity.del(name)
                || self.edges.del(name);
        }
    }

    fn names(&self) -> Vec<String> {
        let mut all = vec!["task".to_owned()];
        self.comments.names(&mut all);
        self.signals.names(&mut all);
        self.runs.names(&mut all);
        self.activity.names(&mut all);
        self.edges.names(&mut all);
        all
    }

    fn settled(&self, _version: u64) {
        self.comments.settle();
        self.signals.settle();
        self.runs.settle();
        self.activity.settle();
        self.edges.settle();
    }
}

#[cfg(test)]
mod tests;
