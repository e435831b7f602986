//! What the panel holds of a ticket.

use clutch_domain::time::Millis;
use leptos::prelude::*;

use crate::{
    live::{Sink, fill, part, read},
    model::{
        task::{ActivityItem, CommentItem, EdgeItem, RunItem, SignalItem, TaskHead},
        wire::Loaded,
    },
};

/// The panel's state; `Copy`, so every handler can have it.
#[derive(Clone, Copy)]
pub struct TaskState {
    /// The ticket itself.
    pub task: RwSignal<TaskHead>,
    /// It was deleted.
    pub gone: RwSignal<bool>,
    /// Comments, oldest first.
    pub comments: RwSignal<Vec<CommentItem>>,
    /// Signals, oldest first.
    pub signals: RwSignal<Vec<SignalItem>>,
    /// Runs, newest first.
    pub runs: RwSignal<Vec<RunItem>>,
    /// Activity, newest first.
    pub activity: RwSignal<Vec<ActivityItem>>,
    /// Edges in both directions, by number.
    pub edges: RwSignal<Vec<EdgeItem>>,
}

impl TaskState {
    /// The state that shows a first load; `None` when that is not of a ticket.
    pub fn new(load: &Loaded) -> Option<Self> {
        let state = Self {
            task: RwSignal::new(part(load, "task")?),
            gone: RwSignal::new(false),
            comments: RwSignal::new(Vec::new()),
            signals: RwSignal::new(Vec::new()),
            runs: RwSignal::new(Vec::new()),
            activity: RwSignal::new(Vec::new()),
            edges: RwSignal::new(Vec::new()),
        };
        fill(&state, load);
        Some(state)
    }
}

/// An item with a name and a place in its list.
trait Item: Clone + Send + Sync + 'static {
    const PREFIX: &'static str;
    fn id(&self) -> String;
    fn order(&self) -> i64;
}

macro_rules! items {
    ($($item:ty, $prefix:literal, |$i:ident| $order:expr;)+) => {$(
        impl Item for $item {
            const PREFIX: &'static str = $prefix;
            fn id(&self) -> String {
                format!("{}{}", $prefix, self.id)
            }
            fn order(&self) -> i64 {
                let $i = self;
                $order
            }
        }
    )+};
}

items! {
    CommentItem, "c:", |i| i.at.0;
    SignalItem, "s:", |i| i.at.0;
    RunItem, "r:", |i| newest(i.started_at);
    ActivityItem, "a:", |i| newest(i.at);
    EdgeItem, "d:", |i| i.number as i64;
}

const fn newest(at: Millis) -> i64 {
    -at.0
}

fn put<T: Item>(list: RwSignal<Vec<T>>, item: Option<T>) {
    let Some(item) = item else { return };
    list.update(|items| {
        let name = item.id();
        if let Some(at) = items.iter().position(|old| old.id() == name) {
            items.remove(at);
        }
        let at = items.partition_point(|old| old.order() <= item.order());
        items.insert(at, item);
    });
}

fn del<T: Item>(list: RwSignal<Vec<T>>, name: &str) {
    if name.starts_with(T::PREFIX) {
        list.update(|items| items.retain(|old| old.id() != name));
    }
}

fn names<T: Item>(list: RwSignal<Vec<T>>, all: &mut Vec<String>) {
    list.with_untracked(|items| all.extend(items.iter().map(Item::id)));
}

impl Sink for TaskState {
    fn put(&self, name: &str, json: &str) {
        match name.get(..2) {
            Some("ta") => {
                if let Some(task) = read(json) {
                    self.task.set(task);
                }
            }
            Some("c:") => put(self.comments, read(json)),
            Some("s:") => put(self.signals, read(json)),
            Some("r:") => put(self.runs, read(json)),
            Some("a:") => put(self.activity, read(json)),
            Some("d:") => put(self.edges, read(json)),
            _ => {}
        }
    }

    fn del(&self, name: &str) {
        if name == "task" {
            self.gone.set(true);
        }
        del(self.comments, name);
        del(self.signals, name);
        del(self.runs, name);
        del(self.activity, name);
        del(self.edges, name);
    }

    fn names(&self) -> Vec<String> {
        let mut all = vec!["task".to_owned()];
        names(self.comments, &mut all);
        names(self.signals, &mut all);
        names(self.runs, &mut all);
        names(self.activity, &mut all);
        names(self.edges, &mut all);
        all
    }

    fn settled(&self, _version: u64) {}
}
