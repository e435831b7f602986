//! The store of the simulation: the real memory store, made slow and unreliable, with a
//! mirror of what is truly kept. Every applied change is checked against the invariants.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use clutch_domain::{
    change::Change,
    doc::{Body, DocKey, Inside},
    invariant::Everything,
    range::{Docs, Fetch, Versioned},
};
use clutch_orchestrator::store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store};
use clutch_store::MemoryStore;

use crate::exec::Exec;

/// The store.
pub struct SimStore {
    exec: Exec,
    inner: MemoryStore,
    truth: Mutex<BTreeMap<DocKey, Body>>,
    // Faults in a hundred calls of each kind.
    faults: AtomicU32,
    cap: u32,
}

impl SimStore {
    /// A store; `sole` is what it says about other writers, `cap` the most failures in a row.
    #[must_use]
    pub fn new(exec: Exec, sole: bool, cap: u32) -> Arc<Self> {
        Arc::new(Self {
            exec,
            inner: MemoryStore::new().with_sole_writer(sole),
            truth: Mutex::default(),
            faults: AtomicU32::new(0),
            cap,
        })
    }

    /// How many calls in a hundred go wrong, per kind of fault.
    pub fn set_faults(&self, percent: u32) {
        self.faults.store(percent, Ordering::Relaxed);
    }

    fn truth(&self) -> MutexGuard<'_, BTreeMap<DocKey, Body>> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything of one kind that is truly kept.
    pub fn all<T: Inside + Clone>(&self) -> Vec<T> {
        self.truth().values().filter_map(T::of).cloned().collect()
    }

    /// Looks at everything.
    pub fn look<T>(&self, with: impl FnOnce(&Everything<'_>) -> T) -> T {
        with(&Everything::of(self.truth().values()))
    }

    async fn pause(&self) {
        let ms = self.exec.rng(|r| if r.chance(70) { 0 } else { r.between(1, 40) });
        self.exec.sleep(ms).await;
    }

    fn goes_wrong(&self, kind: &'static str) -> bool {
        let percent = self.faults.load(Ordering::Relaxed);
        let is = percent > 0 && self.exec.rng(|r| r.chance(percent));
        if is {
            self.exec.count(kind);
        }
        is
    }

    fn mirror(&self, change: &Change) {
        let wrong = {
            let mut truth = self.truth();
            for key in change.deletes() {
                truth.remove(key);
            }
            for body in change.puts() {
                truth.insert(body.key(), body.clone());
            }
            let all = Everything::of(truth.values());
            let mut wrong = all.broken();
            wrong.extend(all.over_cap(self.cap));
            wrong
        };
        for line in &change.activity {
            self.exec.say(|| format!("log {} {:?} {:?}", line.what, line.task, line.data));
        }
        for what in wrong {
            self.exec.wrong(what);
        }
    }

    async fn apply(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        let known = self.inner.known(&key).await?.is_some();
        let done = self.inner.commit(change.clone(), key).await?;
        if !known {
            self.mirror(&change);
        }
        Ok(done)
    }
}

#[async_trait]
impl Store for SimStore {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.pause().await;
        if self.goes_wrong("read failed") {
            return Err(Fault::new("the disk did not answer"));
        }
        let read = self.inner.read(fetch).await;
        self.pause().await;
        read
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        self.pause().await;
        if self.goes_wrong("read failed") {
            return Err(Fault::new("the disk did not answer"));
        }
        self.inner.known(key).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        self.pause().await;
        if self.goes_wrong("commit met a conflict") {
            return Err(CommitError::Conflict("somebody was faster".into()));
        }
        if self.goes_wrong("commit was lost") {
            return Err(CommitError::Unknown("no answer".into()));
        }
        let silent = self.goes_wrong("commit's answer was lost");
        let done = self.apply(change, key).await?;
        self.pause().await;
        if silent { Err(CommitError::Unknown("no answer".into())) } else { Ok(done) }
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        self.inner.watch(fetch)
    }

    fn sole_writer(&self) -> bool {
        self.inner.sole_writer()
    }

    fn describe(&self) -> String {
        "the simulation's memory".into()
    }
}
