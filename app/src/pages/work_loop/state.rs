//! What the loop does in a project, as its page holds it.

use clutch_domain::id::{ProjectId, Uuid};
use leptos::prelude::*;

use crate::{
    live::{
        Sink, fill, part,
        parts::{Order, Part, Parts},
        read,
    },
    model::{
        wire::Loaded,
        work_loop::{Decision, LoopHead, RunRow, StuckRow, WaitRow},
    },
    ui::listen::Alive,
};

/// So many decisions stay when newer ones come.
const KEPT: usize = 400;

/// The loop of one project.
#[derive(Clone, Copy)]
pub struct Looping {
    /// How it stands.
    pub head: RwSignal<LoopHead>,
    /// Agents at work, the oldest first.
    pub runs: Parts<RunRow>,
    /// What waits, from the top of the column.
    pub waits: Parts<WaitRow>,
    /// What needs somebody.
    pub stuck: Parts<StuckRow>,
    /// What was decided, the newest first. What the feed has let go of stays: it is only older.
    pub decided: Parts<Decision>,
    alive: Alive,
}

impl Looping {
    /// The state that shows a first load; `None` when that is of something else.
    pub fn new(load: &Loaded) -> Option<Self> {
        let state = Self::with(part(load, "head")?);
        fill(&state, load);
        Some(state)
    }

    /// A state that waits for the feed.
    pub fn of(project: ProjectId) -> Self {
        Self::with(LoopHead::unknown(project))
    }

    fn with(head: LoopHead) -> Self {
        Self {
            head: RwSignal::new(head),
            runs: Parts::new(),
            waits: Parts::new(),
            stuck: Parts::new(),
            decided: Parts::new(),
            alive: Alive::here(),
        }
    }

    /// Whose it is.
    pub fn project(self) -> ProjectId {
        self.head.with_untracked(|head| head.project)
    }

    /// Older decisions than those that it holds.
    pub fn add_older(self, decisions: Vec<Decision>) {
        if self.alive.is() {
            decisions.into_iter().for_each(|decision| self.decided.keep(decision));
            self.decided.settle();
        }
    }

    fn forget_the_oldest(self) {
        let over = self.decided.ids.with_untracked(|ids| ids.get(KEPT..).unwrap_or_default().to_vec());
        if !over.is_empty() {
            over.into_iter().for_each(|id| self.decided.remove(id));
            self.decided.settle();
        }
    }
}

impl Part for RunRow {
    const PREFIX: &'static str = "r:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    fn order(&self) -> Order {
        Order::by(self.since.0)
    }
}

impl Part for WaitRow {
    const PREFIX: &'static str = "w:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    fn order(&self) -> Order {
        Order::by(i64::from(self.place))
    }
}

impl Part for StuckRow {
    const PREFIX: &'static str = "b:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    // What somebody asked a person for comes first.
    fn order(&self) -> Order {
        Order::by(if self.escalated_by.is_some() { self.since.0 - (1 << 50) } else { self.since.0 })
    }
}

impl Part for Decision {
    const PREFIX: &'static str = "d:";
    fn id(&self) -> Uuid {
        self.id.0
    }
    fn order(&self) -> Order {
        Order::newest(self.at)
    }
}

impl Sink for Looping {
    fn put(&self, name: &str, json: &str) {
        let taken = self.runs.put(name, json)
            || self.waits.put(name, json)
            || self.stuck.put(name, json)
            || self.decided.put(name, json);
        if !taken
            && name == "head"
            && let Some(head) = read::<LoopHead>(json)
        {
            self.head.set(head);
        }
    }

    fn del(&self, name: &str) {
        let _ = self.runs.del(name) || self.waits.del(name) || self.stuck.del(name);
    }

    fn names(&self) -> Vec<String> {
        let mut all = vec!["head".to_owned()];
        self.runs.names(&mut all);
        self.waits.names(&mut all);
        self.stuck.names(&mut all);
        all
    }

    fn settled(&self, _version: u64) {
        self.runs.settle();
        self.waits.settle();
        self.stuck.settle();
        self.decided.settle();
        self.forget_the_oldest();
    }
}
