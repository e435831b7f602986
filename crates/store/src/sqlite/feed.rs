//! What was committed lately, in order: live reads take it from here instead of reading again.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::{
    doc::{Body, Doc, DocKey, Index, Rev, Scope},
    range::{Docs, Range, Versioned},
};

use crate::{cache::Sight, ranges};

/// Commits that are kept for live reads that come late.
const COMMITS_KEPT: usize = 256;
/// Bytes of texts that are kept in them.
const BYTES_KEPT: usize = 1 << 20;

/// One commit, for those who watch.
pub(super) struct Commit {
    /// Commits are numbered one after another.
    pub(super) number: u64,
    /// What it wrote, and what it removed.
    pub(super) docs: Vec<Changed>,
    /// The scopes that it raised, with their new revisions.
    pub(super) scopes: Vec<(Scope, u64)>,
}

/// One document of a commit.
pub(super) struct Changed {
    pub(super) key: DocKey,
    /// As it is now; `None` where it is gone.
    pub(super) now: Option<Now>,
}

/// A document as it was committed.
pub(super) struct Now {
    pub(super) rev: Rev,
    pub(super) index: Index,
    pub(super) text: String,
}

impl Commit {
    fn bytes(&self) -> usize {
        self.docs.iter().filter_map(|changed| changed.now.as_ref()).map(|now| now.text.len()).sum()
    }
}

/// The latest commits.
#[derive(Default)]
pub(super) struct Feed {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    watchers: usize,
    kept: VecDeque<Arc<Commit>>,
    bytes: usize,
}

impl Feed {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to keep commits. Call it before the first read.
    pub(super) fn watch(self: &Arc<Self>) -> Watcher {
        self.lock().watchers += 1;
        Watcher(self.clone())
    }

    /// Keeps nothing of what was committed until now: whoever wants it has to read.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    /// These were committed, in this order. Call it when they are visible to reads.
    pub(super) fn publish(&self, commits: impl Iterator<Item = Commit>) {
        let mut state = self.lock();
        if state.watchers == 0 {
            return;
        }
        for commit in commits {
            if state.kept.back().is_some_and(|last| last.number + 1 != commit.number) {
                // Something was committed that nobody could tell of.
                state.clear();
            }
            state.bytes += commit.bytes();
            state.kept.push_back(Arc::new(commit));
        }
        while state.kept.len() > COMMITS_KEPT || state.bytes > BYTES_KEPT {
            let Some(oldest) = state.kept.pop_front() else { break };
            state.bytes -= oldest.bytes();
        }
    }
}

impl State {
    fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }
}

/// One who watches; nothing is kept when all of them are gone.
pub(super) struct Watcher(Arc<Feed>);

impl Watcher {
    /// What was committed after this number; `None` when not all of that is kept.
    pub(super) fn since(&self, number: u64) -> Option<Vec<Arc<Commit>>> {
        let state = self.0.lock();
        let first = state.kept.front()?;
        if first.number > number + 1 {
            return None;
        }
        Some(state.kept.iter().filter(|commit| commit.number > number).cloned().collect())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.watchers -= 1;
        if state.watchers == 0 {
            state.clear();
        }
    }
}

/// The answer after a commit that was taken after the sight; `None` where that cannot be told from the answer before it: it has to be read.
pub(super) fn patch(answer: &mut Versioned<Docs>, commit: &Commit, cache: Sight<'_>) -> Option<()> {
    let asked: Vec<Range> = answer.value.iter().map(|(range, _)| range.clone()).collect();
    for changed in &commit.docs {
        for range in &asked {
            if matters(range, changed) {
                patch_range(range, answer.value.get_mut(range)?, changed, cache)?;
            }
        }
    }
    for (scope, rev) in &mut answer.scopes {
        if let Some((_, raised)) = commit.scopes.iter().find(|(touched, _)| touched == scope) {
            *rev = *raised;
        }
    }
    answer.version = answer.scopes.iter().map(|(_, rev)| rev).sum();
    Some(())
}

fn matters(range: &Range, changed: &Changed) -> bool {
    match range {
        Range::Doc { key } => *key == changed.key,
        Range::ByUnique { .. } => true,
        _ => ranges::kind(range) == Some(changed.key.kind),
    }
}

fn patch_range(range: &Range, found: &mut Vec<Arc<Doc>>, changed: &Changed, cache: Sight<'_>) -> Option<()> {
    let Changed { key, now } = changed;
    let doc = |now: &Now| {
        let text = || Ok::<_, std::convert::Infallible>(now.text.as_str());
        cache.doc(key.kind, &key.id, now.rev, text).ok()
    };
    let at = found.iter().position(|doc| doc.body.kind() == key.kind && doc.body.key().id == key.id);
    match range {
        Range::Doc { .. } => *found = now.as_ref().map(|now| doc(now).into_iter().collect()).unwrap_or_default(),
        Range::ByUnique { name } => {
            // Where the name leads elsewhere now, that document was not read.
            if *key == DocKey::unique(name) {
                return None;
            }
            match (at, now) {
                (Some(_), Some(now)) => *found = vec![doc(now)?],
                (Some(_), None) => found.clear(),
                // It may be the one to which the name leads, which was not there before.
                (None, Some(_)) if found.is_empty() => return None,
                (None, _) => {}
            }
        }
        _ => {
            let full = found.len() >= ranges::limit(range);
            if let Some(at) = at {
                found.remove(at);
            }
            let there = now.as_ref().filter(|now| ranges::holds(range, &key.id, &now.index));
            let Some(now) = there else {
                // Another one takes its place, which was not read.
                return if at.is_some() && full { None } else { Some(()) };
            };
            if found.iter().any(|doc| matches!(doc.body, Body::Unread(_))) {
                return None; // one that cannot be read does not tell its place
            }
            let place = found.partition_point(|other| {
                ranges::compare(range, (&other.body.index(), &other.body.key().id), (&now.index, &key.id)).is_lt()
            });
            match (full, at.is_some(), place == found.len()) {
                // Behind all that was read: perhaps others that were not read come before it.
                (true, true, true) => return None,
                // One more behind a whole page.
                (true, false, true) => {}
                _ => {
                    found.insert(place, doc(now)?);
                    found.truncate(ranges::limit(range));
                }
            }
        }
    }
    Some(())
}
