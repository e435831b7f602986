//! The store as a server sees it: calls are counted, documents may be unreadable, the disk may be full, and the server
//! may die at any commit.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use clutch_domain::{
    change::Change,
    doc::{Body, Doc, DocKey, Unread},
    range::{Docs, Fetch, Versioned},
};
use clutch_orchestrator::store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store};
use clutch_store::MemoryStore;
use futures_util::StreamExt;
use tokio::time::Instant;

/// When a server dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dies {
    /// Before its commit is applied.
    Before,
    /// Once it is applied, before the server hears of it.
    After,
}

#[derive(Default)]
struct Inner {
    calls: Vec<Instant>,
    blurred: BTreeMap<DocKey, Unread>,
    fuse: Option<(u32, Dies)>,
}

/// One server's view of a store in memory.
pub struct Glass {
    store: Arc<MemoryStore>,
    full: AtomicBool,
    inner: Arc<Mutex<Inner>>,
}

impl Glass {
    pub fn new(store: Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { store, full: AtomicBool::new(false), inner: Arc::default() })
    }

    /// From now on nothing can be written, or it can again.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// This program cannot read a document: a newer one wrote it, or it is damaged.
    pub fn blur(&self, key: DocKey, newer: bool) {
        self.inner.lock().unwrap().blurred.insert(key.clone(), Unread { key, newer });
    }

    /// The server dies at its commit after so many others.
    pub fn die_at(&self, commit: u32, dies: Dies) {
        self.inner.lock().unwrap().fuse = Some((commit, dies));
    }

    /// Whether it has died there. Nothing of it comes through any more, until another one starts.
    pub fn has_died(&self) -> bool {
        self.inner.lock().unwrap().fuse.is_some_and(|(left, _)| left == 0)
    }

    /// Another server starts, and lives.
    pub fn rise(&self) {
        self.inner.lock().unwrap().fuse = None;
    }

    /// Most calls within one minute, of those since a moment.
    pub fn most_in_a_minute(&self, since: Instant) -> usize {
        let calls: Vec<Instant> = self.inner.lock().unwrap().calls.iter().copied().filter(|at| *at >= since).collect();
        busiest_minute(&calls)
    }

    fn called(&self) {
        self.inner.lock().unwrap().calls.push(Instant::now());
    }

    /// Whether the server dies with this commit, and how.
    fn burns(&self) -> Option<Dies> {
        let mut inner = self.inner.lock().unwrap();
        let (left, dies) = inner.fuse.as_mut()?;
        *left -= 1;
        (*left == 0).then_some(*dies)
    }
}

/// Most of these moments, which are in order, within one minute.
pub fn busiest_minute(moments: &[Instant]) -> usize {
    let within = |(nth, from): (usize, &Instant)| {
        moments[nth..].iter().take_while(|at| at.duration_since(*from).as_secs() < 60).count()
    };
    moments.iter().enumerate().map(within).max().unwrap_or(0)
}

fn seen_through(inner: &Mutex<Inner>, read: Versioned<Docs>) -> Versioned<Docs> {
    let blurred = inner.lock().unwrap().blurred.clone();
    if blurred.is_empty() {
        return read;
    }
    let mut value = Docs::default();
    for (range, docs) in read.value.iter() {
        let docs = docs.iter().map(|doc| match blurred.get(&doc.body.key()) {
            Some(unread) => Arc::new(Doc { rev: doc.rev, body: Body::Unread(unread.clone()), kept: None }),
            None => doc.clone(),
        });
        value.insert(range, docs.collect());
    }
    Versioned { value, ..read }
}

#[async_trait]
impl Store for Glass {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.called();
        if self.has_died() {
            return std::future::pending().await;
        }
        Ok(seen_through(&self.inner, self.store.read(fetch).await?))
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        self.store.known(key).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        self.called();
        if self.full.load(Ordering::Relaxed) {
            return Err(Fault::new("The disk that holds clutch.db is full.").into());
        }
        if self.has_died() {
            return std::future::pending().await;
        }
        match self.burns() {
            None => self.store.commit(change, key).await,
            Some(Dies::Before) => std::future::pending().await,
            Some(Dies::After) => {
                let _ = self.store.commit(change, key).await; // whatever the answer is, nobody hears it
                std::future::pending().await
            }
        }
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        let inner = self.inner.clone();
        let news = self.store.watch(fetch);
        Box::pin(news.map(move |seen| seen.map(|seen| Arc::new(seen_through(&inner, (*seen).clone())))))
    }

    fn sole_writer(&self) -> bool {
        self.store.sole_writer()
    }

    fn describe(&self) -> String {
        self.store.describe()
    }
}
