//! A store in which somebody else is faster.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use clutch_domain::{
    actor::Actor,
    change::Change,
    command::Command,
    range::{Docs, Fetch, Versioned},
};
use clutch_orchestrator::{
    office::{Error, Office},
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};

use crate::house::{Counting, Ticking};

/// A store where others write too: at one of its calls, reads and commits counted, somebody else is faster.
pub struct Overtaken {
    pub inner: Arc<dyn Store>,
    pub calls: AtomicUsize,
    pub at: usize,
    pub other: Mutex<Option<(Actor, Command)>>,
}

impl Overtaken {
    async fn step(&self) {
        if self.calls.fetch_add(1, Ordering::Relaxed) != self.at {
            return;
        }
        let Some((actor, other)) = self.other.lock().unwrap().take() else { return };
        let ids = Arc::new(Counting::starting_at(5_000));
        let office = Office::new(self.inner.clone(), Arc::new(Ticking::default()), ids);
        match office.run(&actor, &other).await {
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[async_trait]
impl Store for Overtaken {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.step().await;
        self.inner.read(fetch).await
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        self.inner.known(key).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        self.step().await;
        self.inner.commit(change, key).await
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        self.inner.watch(fetch)
    }

    fn sole_writer(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "overtaken".into()
    }
}
