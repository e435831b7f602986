//! What a card says of its agent is what the agent does now.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use clutch_domain::{
    change::Change,
    range::{Docs, Fetch, Versioned},
    run::Run,
};
use clutch_orchestrator::{
    runtime::RunSign,
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};
use clutch_store::MemoryStore;

use super::{
    House,
    agents::{Agents, finished},
};
use crate::worker::lines::Lines;

/// Longest wait for anything.
const LONG: Duration = Duration::from_secs(60);

/// A store that sometimes does not answer.
struct Shaky {
    store: MemoryStore,
    away: Arc<AtomicBool>,
}

#[async_trait]
impl Store for Shaky {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        if self.away.load(Ordering::SeqCst) { Err(Fault::new("away")) } else { self.store.read(fetch).await }
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        self.store.known(key).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        self.store.commit(change, key).await
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        self.store.watch(fetch)
    }

    fn sole_writer(&self) -> bool {
        self.store.sole_writer()
    }

    fn describe(&self) -> String {
        self.store.describe()
    }
}

struct Cards {
    house: House,
    agents: Arc<Agents>,
    lines: Arc<Lines>,
    away: Arc<AtomicBool>,
    task: String,
}

impl Cards {
    async fn new() -> Self {
        let away = Arc::new(AtomicBool::new(false));
        let house = House::over(|_| Arc::new(Shaky { store: MemoryStore::new(), away: away.clone() }));
        let project = house.project("feeder").await;
        let task = house.task(&project, "Fill it", "ready").await;
        let agents = Agents::new(8);
        let lines = Arc::new(Lines::default());
        tokio::spawn(lines.clone().follow(house.office.clone(), Arc::new(agents.runtime())));
        while agents.listeners() == 0 {
            tokio::task::yield_now().await;
        }
        Self { house, agents, lines, away, task }
    }

    /// Tells a sign, and waits until it was heard: nobody knows the session behind it.
    async fn tell(&self, run: &Run, id: &str, what: RunSign) {
        self.agents.tell(&run.session_key, id, what);
        self.agents.heard().await;
    }

    /// Waits until the card says this.
    async fn shows(&self, run: &Run, words: Option<&str>) {
        let mut news = self.lines.subscribe();
        let wait = async {
            while self.lines.of(run.project).get(&run.task).map(String::as_str) != words {
                news.changed().await.unwrap();
            }
        };
        let now = || self.lines.of(run.project);
        assert!(tokio::time::timeout(LONG, wait).await.is_ok(), "never {words:?}; now {:?}", now());
    }
}

fn line(words: &str) -> RunSign {
    RunSign::Line(words.to_owned())
}

#[tokio::test]
async fn a_line_goes_with_its_run() {
    let cards = Cards::new().await;
    let first = cards.house.run_of(&cards.task, 1).await;
    cards.tell(&first, "r-1", line("reads the README")).await;
    cards.shows(&first, Some("reads the README")).await;
    // Words from a person end by themselves, in the middle of the run.
    cards.tell(&first, "signal-1", finished("")).await;
    cards.tell(&first, "r-1", line("writes")).await;
    cards.shows(&first, Some("writes")).await;
    cards.tell(&first, "signal-1", finished("")).await;
    cards.tell(&first, "r-1", RunSign::Started).await;
    cards.tell(&first, "r-1", line("writes more")).await;
    cards.shows(&first, Some("writes more")).await;
    // The end of this attempt is never heard. What it did is not what the next one does.
    cards.house.fails(&first).await;
    let second = cards.house.run_of(&cards.task, 2).await;
    cards.tell(&second, "r-2", RunSign::Started).await;
    cards.shows(&second, None).await;
    cards.tell(&second, "r-2", line("begins anew")).await;
    cards.shows(&second, Some("begins anew")).await;
    cards.tell(&second, "r-2", finished("done")).await;
    cards.shows(&second, None).await;
}

#[tokio::test]
async fn no_line_outlives_what_was_not_heard() {
    let cards = Cards::new().await;
    let run = cards.house.run_of(&cards.task, 1).await;
    // A gateway that dies says nothing any more.
    cards.tell(&run, "r-1", line("one")).await;
    cards.shows(&run, Some("one")).await;
    cards.agents.disconnect();
    cards.shows(&run, None).await;
    cards.agents.connect(2);
    // Signs that came too fast may have been ends.
    cards.tell(&run, "r-1", line("two")).await;
    cards.shows(&run, Some("two")).await;
    for _ in 0..40 {
        cards.agents.tell(&run.session_key, "r-1", RunSign::Text("on and on".into()));
    }
    cards.shows(&run, None).await;
}

#[tokio::test]
async fn trouble_of_the_store_is_not_remembered() {
    let cards = Cards::new().await;
    let run = cards.house.run_of(&cards.task, 1).await;
    cards.away.store(true, Ordering::SeqCst);
    cards.tell(&run, "r-1", line("one")).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(cards.lines.of(run.project).is_empty());
    cards.away.store(false, Ordering::SeqCst);
    cards.tell(&run, "r-1", line("two")).await;
    cards.shows(&run, Some("two")).await;
}
