//! A live page that fell away comes back by itself.

#![allow(clippy::unwrap_used)]
// The ban is for the loop, which the simulator drives; the hub is given what starts its tasks.
#![allow(clippy::disallowed_methods)]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use clutch_domain::{query::Query, range::Docs};
use clutch_orchestrator::{
    live::{BROKEN, Hub, Pages, Parts, Topic, Update},
    store::Fault,
};
use clutch_store::MemoryStore;
use tokio::sync::Notify;

/// Pages that cannot be put together for a while: their neighbours cannot be read, or they break off.
struct Hiccup {
    left: AtomicU32,
    breaks: bool,
}

#[async_trait]
impl Pages for Hiccup {
    async fn parts(&self, _: &Query, _: &Docs) -> Result<Parts, Fault> {
        let left = self.left.load(Ordering::Relaxed);
        if left > 0 {
            self.left.store(left - 1, Ordering::Relaxed);
            assert!(!self.breaks, "broken off as the test wants it");
            return Err(Fault::new("the secret address of the engine"));
        }
        Ok(Parts::new())
    }
}

/// Waits for the topic to say something else than `not`.
async fn next(topic: &Topic, not: &Update) -> Update {
    let mut woken = topic.subscribe();
    loop {
        let update = topic.since(None);
        if update != *not {
            return update;
        }
        woken.changed().await.unwrap();
    }
}

#[tokio::test]
async fn a_page_that_fell_away_heals_without_a_commit() {
    heals(false).await;
}

#[tokio::test]
async fn a_page_that_broke_off_heals_too() {
    heals(true).await;
}

async fn heals(breaks: bool) {
    let time = Arc::new(Notify::new());
    let passes = time.clone();
    let hub = Hub::new(
        Arc::new(MemoryStore::new()),
        Arc::new(Hiccup { left: AtomicU32::new(2), breaks }),
        Arc::new(|task| drop(tokio::spawn(task))),
        Arc::new(move |_| {
            let passes = passes.clone();
            Box::pin(async move { passes.notified().await })
        }),
    );
    let topic = hub.open(Query::Home);
    let away = next(&topic, &Update::NotYet).await;
    assert_eq!(away, Update::Away(BROKEN.into()), "in words that tell nothing of the engine");
    // Each pause waits for a permit of its own.
    let waking = tokio::spawn(async move {
        loop {
            time.notify_one();
            tokio::task::yield_now().await;
        }
    });
    assert!(matches!(next(&topic, &away).await, Update::Snapshot(..)));
    waking.abort();
}
