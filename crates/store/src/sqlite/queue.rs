//! What was handed over to the writer and is not committed yet. Decisions see it as done, so that the next one need
//! not wait for the flush of the one before, and many share one flush; nobody else sees any of it.
//!
//! What comes is foreseen, not known. Where something is not applied as foreseen everything that was decided since is
//! a conflict and is decided again, and what did come about is compared anyway: a change tells the revisions that it
//! rests on.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::{
    change::Expect,
    doc::{Body, Doc, DocKey, Index, Kind, Rev, Scope},
    range::{Docs, Fetch, Range, Versioned},
};
use clutch_orchestrator::store::{CommitError, IdempotencyKey, Outlook};
use tokio::sync::watch;

use super::rows::Written;
use crate::ranges;

/// The changes that are handed over, in their order.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Up to which number, exclusive, everything is answered.
    answered: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    next: u64,
    failures: u64,
    docs: BTreeMap<Kind, BTreeMap<String, Coming>>,
    /// By the number of the last change that raises it.
    scopes: BTreeMap<Scope, u64>,
    keys: HashMap<IdempotencyKey, u64>,
}

/// A document as it will be.
struct Coming {
    /// The last change that writes it.
    number: u64,
    rev: Rev,
    /// `None` when it goes.
    doc: Option<There>,
}

#[derive(Clone)]
struct There {
    index: Index,
    doc: Arc<Doc>,
}

/// What a change writes, and under which key.
#[derive(Clone, Copy)]
pub(super) struct Writes<'a> {
    pub(super) expects: &'a [Expect],
    pub(super) deletes: &'a [DocKey],
    pub(super) puts: &'a [Written],
    pub(super) touches: &'a [Scope],
    pub(super) key: &'a IdempotencyKey,
}

impl Default for Queue {
    fn default() -> Self {
        Self { state: Mutex::default(), answered: watch::Sender::new(0) }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a decision begins.
    pub(super) fn outlook(&self) -> Outlook {
        Outlook { failures: self.lock().failures }
    }

    /// Whether nothing failed since.
    pub(super) fn holds(&self, outlook: Outlook) -> bool {
        self.lock().failures == outlook.failures
    }

    /// Takes a job in behind all others; `send` gives it to the writer under its number, in the same order.
    ///
    /// # Errors
    /// A conflict, when something failed since the outlook that it was decided with.
    pub(super) fn take<J>(
        &self,
        outlook: Option<Outlook>,
        job: J,
        writes: impl FnOnce(&J) -> Writes<'_>,
        send: impl FnOnce(u64, J),
    ) -> Result<(), CommitError> {
        let mut guard = self.lock();
        let (state, writes) = (&mut *guard, writes(&job));
        if outlook.is_some_and(|outlook| outlook.failures != state.failures) {
            return Err(overturned());
        }
        let number = state.next;
        state.next += 1;
        let expected: HashMap<&DocKey, Rev> = writes
            .expects
            .iter()
            .filter_map(|expect| if let Expect::Doc(key, rev) = expect { Some((key, *rev)) } else { None })
            .collect();
        let mut come = |key: &DocKey, there: Option<(Index, Doc)>| {
            let docs = state.docs.entry(key.kind).or_default();
            let before = docs.get(&key.id).map(|coming| coming.rev).or_else(|| expected.get(key).copied()).unwrap_or(0);
            let rev = if there.is_some() { before + 1 } else { before };
            let doc = there.map(|(index, doc)| There { index, doc: Arc::new(Doc { rev, ..doc }) });
            docs.insert(key.id.clone(), Coming { number, rev, doc });
        };
        for key in writes.deletes {
            come(key, None);
        }
        for Written { put, .. } in writes.puts {
            let doc = Doc { rev: 0, body: put.body.clone(), kept: put.kept.clone() };
            come(&put.key, Some((put.index.clone(), doc)));
        }
        for scope in writes.touches {
            state.scopes.insert(*scope, number);
        }
        state.keys.insert(writes.key.clone(), number);
        send(number, job);
        drop(guard);
        Ok(())
    }

    /// A change was not applied as foreseen: whatever was decided until now may rest on it.
    pub(super) fn failed(&self) {
        self.lock().failures += 1;
    }

    /// A change is applied, visible to reads, or has failed; the changes before it are answered.
    pub(super) fn answered(&self, number: u64, writes: Writes<'_>) {
        let mut state = self.lock();
        for key in writes.deletes.iter().chain(writes.puts.iter().map(|row| &row.put.key)) {
            if let Some(docs) = state.docs.get_mut(&key.kind)
                && docs.get(&key.id).is_some_and(|coming| coming.number == number)
            {
                docs.remove(&key.id);
                if docs.is_empty() {
                    state.docs.remove(&key.kind);
                }
            }
        }
        for scope in writes.touches {
            if state.scopes.get(scope) == Some(&number) {
                state.scopes.remove(scope);
            }
        }
        if state.keys.get(writes.key) == Some(&number) {
            state.keys.remove(writes.key);
        }
        drop(state);
        self.advance(number + 1);
    }

    /// Nobody knows what became of the changes up to this number.
    pub(super) fn broke_off(&self, last: u64) {
        let mut state = self.lock();
        state.failures += 1;
        state.docs.retain(|_, docs| {
            docs.retain(|_, coming| coming.number > last);
            !docs.is_empty()
        });
        state.scopes.retain(|_, number| *number > last);
        state.keys.retain(|_, number| *number > last);
        drop(state);
        self.advance(last.saturating_add(1));
    }

    fn advance(&self, to: u64) {
        self.answered.send_if_modified(|answered| {
            let more = *answered < to;
            *answered = to.max(*answered);
            more
        });
    }

    /// Waits until all that is here by now is answered.
    pub(super) async fn drained(&self) {
        let all = self.lock().next;
        // The sender is ours: it cannot be gone.
        let _ = self.answered.subscribe().wait_for(|answered| *answered >= all).await;
    }

    /// Whether a change under this key is here.
    pub(super) fn has(&self, key: &IdempotencyKey) -> bool {
        self.lock().keys.contains_key(key)
    }

    /// Whether one of these scopes is going to be raised.
    pub(super) fn raises(&self, scopes: &[Scope]) -> bool {
        let state = self.lock();
        scopes.iter().any(|scope| state.scopes.contains_key(scope))
    }

    /// How to answer a fetch with what comes; `None` where nothing that comes can matter. Take it **before** the
    /// committed state is read: what is committed in between is in both, and the same in both.
    pub(super) fn over(&self, fetch: &Fetch) -> Option<Over> {
        let state = self.lock();
        if state.docs.is_empty() {
            return None;
        }
        let parts = fetch.ranges.iter().map(|range| (range.clone(), state.part(range))).collect();
        Some(Over { scopes: fetch.scopes.clone(), parts })
    }
}

/// The conflict of a change that was decided on what did not come about.
pub(super) fn overturned() -> CommitError {
    CommitError::Conflict("something that was decided before it was not kept".into())
}

impl State {
    fn coming(&self, key: &DocKey) -> Option<&Coming> {
        self.docs.get(&key.kind)?.get(&key.id)
    }

    fn part(&self, range: &Range) -> Part {
        let known = |coming: &Coming| coming.doc.iter().map(|there| there.doc.clone()).collect();
        match range {
            Range::Doc { key } => self.coming(key).map_or(Part::Same, |coming| Part::Known(known(coming))),
            Range::ByUnique { name } => match self.coming(&DocKey::unique(name)).map(|coming| &coming.doc) {
                None => Part::ByName(DocKey::unique(name)),
                Some(None) => Part::Known(Vec::new()),
                Some(Some(There { doc, .. })) => match &doc.body {
                    Body::Unique(unique) => match self.coming(&unique.target) {
                        Some(coming) => Part::Known(known(coming)),
                        None => Part::As(Range::Doc { key: unique.target.clone() }),
                    },
                    _ => Part::Known(Vec::new()),
                },
            },
            _ => match ranges::kind(range).and_then(|kind| self.docs.get(&kind)) {
                None => Part::Same,
                Some(docs) => Part::Changed(
                    docs.iter()
                        .map(|(id, coming)| {
                            let in_it = coming.doc.as_ref().filter(|there| ranges::holds(range, id, &there.index));
                            (id.clone(), in_it.cloned())
                        })
                        .collect(),
                ),
            },
        }
    }
}

/// How to answer a fetch: each range from what is committed, from what comes, or from both.
pub(super) struct Over {
    scopes: Vec<Scope>,
    parts: Vec<(Range, Part)>,
}

enum Part {
    /// As it is committed.
    Same,
    /// As this range finds it.
    As(Range),
    /// Known without asking.
    Known(Vec<Arc<Doc>>),
    /// What the document with this name leads to, which has to be looked at first.
    ByName(DocKey),
    /// All documents of the kind that come, each with its inside where the range holds it.
    Changed(BTreeMap<String, Option<There>>),
}

impl Over {
    /// What has to be read of the committed state.
    pub(super) fn committed(&self) -> Fetch {
        let ranges = self.parts.iter().filter_map(|(range, part)| match part {
            Part::Same => Some(range.clone()),
            Part::As(other) => Some(other.clone()),
            Part::Known(_) => None,
            Part::ByName(name) => Some(Range::Doc { key: name.clone() }),
            // Some of what is found may have left the range, and then others take their places.
            Part::Changed(changed) => Some(ranges::with_more(range, changed.len())),
        });
        Fetch { scopes: self.scopes.clone(), ranges: ranges.collect() }
    }

    /// The answer, and the ranges that are still open: those by a name, each as the document that it leads to.
    pub(super) fn answer(self, read: &Versioned<Docs>) -> (Versioned<Docs>, Vec<(Range, Range)>) {
        let (mut value, mut open) = (Docs::default(), Vec::new());
        let found = |range: &Range| read.value.get(range).unwrap_or_default().to_vec();
        for (range, part) in self.parts {
            let docs = match part {
                Part::Same => found(&range),
                Part::As(other) => found(&other),
                Part::Known(docs) => docs,
                Part::ByName(name) => match found(&Range::Doc { key: name }).first().map(|doc| &doc.body) {
                    Some(Body::Unique(unique)) => {
                        open.push((range, Range::Doc { key: unique.target.clone() }));
                        continue;
                    }
                    _ => Vec::new(),
                },
                Part::Changed(changed) => {
                    let committed = found(&ranges::with_more(&range, changed.len()));
                    merged(&range, committed, changed)
                }
            };
            value.insert(&range, docs);
        }
        (Versioned { version: read.version, scopes: read.scopes.clone(), value }, open)
    }
}

/// A range's documents with those that come in their places.
fn merged(range: &Range, committed: Vec<Arc<Doc>>, changed: BTreeMap<String, Option<There>>) -> Vec<Arc<Doc>> {
    let mut docs = committed;
    docs.retain(|doc| !changed.contains_key(&doc.body.key().id));
    for (id, there) in changed {
        let Some(There { index, doc }) = there else { continue };
        // One that cannot be read tells no place; whoever rests on this order is told so by the writer.
        let place = docs.partition_point(|other| {
            matches!(other.body, Body::Unread(_))
                || ranges::compare(range, (&other.body.index(), &other.body.key().id), (&index, &id)).is_lt()
        });
        docs.insert(place, doc);
    }
    docs.truncate(ranges::limit(range));
    docs
}
