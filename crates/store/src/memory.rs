//! `MemoryStore`: documents in memory, gone with the process.
//!
//! It is deterministic: no threads, no timers, no clock, no randomness. Every future is ready at
//! its first poll, except a watch that waits for a commit, so one thread can poll everything in an
//! order of its own. It is also the plainest statement of what a store does; the property tests
//! hold `sqlite` against it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use clutch_domain::{
    change::{Change, Expect},
    doc::{Body, Doc, DocKey, Index, Kind, Rev, Scope},
    range::{Docs, Fetch, Range, Versioned},
    sabotage::{Switch, removed},
};
use clutch_orchestrator::store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store};
use futures_util::stream;

use crate::{
    faults::{CommitFault, Faults},
    prepare::{Prepared, changed, conflict, prepare},
    ranges,
    wakes::{Wake, Wakes},
};

/// Keys of commits that are remembered; the oldest are forgotten first (there is no clock for "24 hours").
pub const LEDGER_KEPT: usize = 65_536;

/// Keeps documents in memory. Share it as `Arc<MemoryStore>`; it lives as long as the last handle.
#[derive(Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    wakes: Wakes,
    faults: Faults,
    shared: AtomicBool,
}

#[derive(Clone, Default)]
struct State {
    docs: BTreeMap<Kind, BTreeMap<String, Entry>>,
    scopes: BTreeMap<Scope, u64>,
    ledger: HashMap<IdempotencyKey, Committed>,
    ledger_order: VecDeque<IdempotencyKey>,
    // Last revisions of documents that are gone.
    gone: HashMap<DocKey, Rev>,
    gone_order: VecDeque<DocKey>,
}

#[derive(Clone)]
struct Entry {
    index: Index,
    doc: Arc<Doc>,
}

impl MemoryStore {
    /// An empty store that says it is the sole writer and has no faults planned.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what [`Store::sole_writer`] answers: `false` makes the loop behave as on a shared engine.
    #[must_use]
    pub fn with_sole_writer(self, sole: bool) -> Self {
        self.shared.store(!sole, Ordering::Relaxed);
        self
    }

    /// The handle through which a test plans faults.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// Everything that is kept, for tests that look at all of it at once.
    #[must_use]
    pub fn everything(&self) -> Vec<Arc<Doc>> {
        self.lock().docs.values().flat_map(|docs| docs.values()).map(|entry| entry.doc.clone()).collect()
    }

    /// A second store that holds the same and goes its own way from here: for tests that try several ends of one
    /// beginning. Faults and watches stay with the first.
    #[must_use]
    pub fn fork(&self) -> Self {
        let state = Arc::new(Mutex::new(self.lock().clone()));
        Self { state, ..Self::default() }.with_sole_writer(self.sole_writer())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn apply(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        let mut state = self.lock();
        if let Some(known) = state.ledger.get(&key).filter(|_| !removed(Switch::Ledger)) {
            return Ok(known.clone());
        }
        let committed = state.apply(prepare(change)?)?;
        state.remember(key, committed.clone());
        drop(state);
        self.wakes.publish(committed.scopes.iter().map(|(scope, _)| scope));
        Ok(committed)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        ranges::served(fetch)?;
        match self.faults.take_read() {
            Some(what) => Err(Fault::new(what)),
            None => Ok(self.lock().read(fetch)),
        }
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        match self.faults.take_read() {
            Some(what) => Err(Fault::new(what)),
            None => Ok(self.lock().ledger.get(key).cloned()),
        }
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        let known = self.lock().ledger.contains_key(&key);
        match self.faults.take_commit(known) {
            None => self.apply(change, key),
            Some(CommitFault::Conflict) => Err(CommitError::Conflict("a planned conflict".into())),
            Some(CommitFault::Fault(what)) => Err(Fault::new(what).into()),
            Some(CommitFault::UnknownLost) => Err(CommitError::Unknown("the request was lost as planned".into())),
            Some(CommitFault::UnknownApplied) => {
                // A change that does not hold is answered as such: only a good answer can get lost here.
                self.apply(change, key)?;
                Err(CommitError::Unknown("the answer was lost as planned".into()))
            }
        }
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        if let Some(refused) = ranges::refused(&fetch) {
            return refused;
        }
        let wake = self.wakes.register(&fetch.scopes);
        let live = Live { state: self.state.clone(), fetch, wake, last: None };
        Box::pin(stream::unfold(live, |mut live| async move {
            let docs = live.next().await;
            Some((Ok(docs), live))
        }))
    }

    fn sole_writer(&self) -> bool {
        !self.shared.load(Ordering::Relaxed)
    }

    fn describe(&self) -> String {
        "memory, nothing is kept when the program ends".into()
    }
}

struct Live {
    state: Arc<Mutex<State>>,
    fetch: Fetch,
    wake: Wake,
    last: Option<Arc<Versioned<Docs>>>,
}

impl Live {
    async fn next(&mut self) -> Arc<Versioned<Docs>> {
        loop {
            if self.last.is_some() {
                self.wake.woken().await;
            }
            let docs = lock(&self.state).read(&self.fetch);
            if self.last.as_ref().is_none_or(|last| last.value != docs.value) {
                let docs = Arc::new(docs);
                self.last = Some(docs.clone());
                return docs;
            }
        }
    }
}

impl State {
    fn entry(&self, key: &DocKey) -> Option<&Entry> {
        self.docs.get(&key.kind)?.get(&key.id)
    }

    fn doc(&self, key: &DocKey) -> Option<Arc<Doc>> {
        self.entry(key).map(|entry| entry.doc.clone())
    }

    fn scope(&self, scope: Scope) -> u64 {
        self.scopes.get(&scope).copied().unwrap_or(0)
    }

    fn apply(&mut self, prepared: Prepared) -> Result<Committed, CommitError> {
        for expect in &prepared.expects {
            let (found, wanted) = match expect {
                Expect::Doc(key, rev) => (self.doc(key).map_or(0, |doc| doc.rev), *rev),
                Expect::Scope(scope, rev) => (self.scope(*scope), *rev),
            };
            if found != wanted {
                return Err(CommitError::Conflict(conflict(expect, found)));
            }
        }
        for guard in &prepared.guards {
            let found = self.range(&guard.range);
            if !found.iter().map(|doc| (doc.body.key(), doc.rev)).eq(guard.seen.iter().cloned()) {
                return Err(CommitError::Conflict(changed(guard)));
            }
        }
        for key in &prepared.deletes {
            if let Some(old) = self.docs.get_mut(&key.kind).and_then(|docs| docs.remove(&key.id)) {
                self.bury(key.clone(), old.doc.rev);
            }
        }
        for put in prepared.puts {
            let gone = self.gone.get(&put.key).copied().unwrap_or(0);
            let docs = self.docs.entry(put.key.kind).or_default();
            let rev = docs.get(&put.key.id).map_or(gone, |old| old.doc.rev) + 1;
            docs.insert(
                put.key.id,
                Entry { index: put.index, doc: Arc::new(Doc { rev, body: put.body, kept: put.kept }) },
            );
        }
        let scopes = prepared.touches.into_iter().map(|scope| {
            let rev = self.scopes.entry(scope).or_insert(0);
            *rev += 1;
            (scope, *rev)
        });
        Ok(Committed { scopes: scopes.collect(), made: prepared.made, request: prepared.request })
    }

    /// Remembers the last revision of a document that goes, so that it is never given again.
    fn bury(&mut self, key: DocKey, rev: Rev) {
        if self.gone.insert(key.clone(), rev).is_none() {
            self.gone_order.push_back(key);
        }
        if self.gone_order.len() > LEDGER_KEPT
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
    }

    fn remember(&mut self, key: IdempotencyKey, committed: Committed) {
        self.ledger_order.push_back(key.clone());
        self.ledger.insert(key, committed);
        if self.ledger_order.len() > LEDGER_KEPT
            && let Some(oldest) = self.ledger_order.pop_front()
        {
            self.ledger.remove(&oldest);
        }
    }

    fn read(&self, fetch: &Fetch) -> Versioned<Docs> {
        let scopes: Vec<(Scope, u64)> = fetch.scopes.iter().map(|scope| (*scope, self.scope(*scope))).collect();
        let mut value = Docs::default();
        for range in &fetch.ranges {
            value.insert(range, self.range(range));
        }
        Versioned { version: scopes.iter().map(|(_, rev)| rev).sum(), scopes, value }
    }

    fn range(&self, range: &Range) -> Vec<Arc<Doc>> {
        match range {
            Range::Doc { key } => self.doc(key).into_iter().collect(),
            Range::ByUnique { name } => self
                .entry(&DocKey::unique(name))
                .and_then(|entry| match &entry.doc.body {
                    Body::Unique(unique) => self.doc(&unique.target),
                    _ => None,
                })
                .into_iter()
                .collect(),
            Range::All { kind, after, limit } => self.docs.get(kind).map_or_else(Vec::new, |docs| {
                let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                docs.range::<String, _>((from, Bound::Unbounded))
                    .take(*limit as usize)
                    .map(|(_, e)| e.doc.clone())
                    .collect()
            }),
            _ => ranges::kind(range).map_or_else(Vec::new, |kind| self.find(kind, range)),
        }
    }

    fn find(&self, kind: Kind, range: &Range) -> Vec<Arc<Doc>> {
        let Some(docs) = self.docs.get(&kind) else { return Vec::new() };
        let mut found: Vec<_> = docs.iter().filter(|(id, entry)| ranges::holds(range, id, &entry.index)).collect();
        found.sort_by(|(a_id, a), (b_id, b)| ranges::compare(range, (&a.index, a_id), (&b.index, b_id)));
        found.into_iter().take(ranges::limit(range)).map(|(_, entry)| entry.doc.clone()).collect()
    }
}
