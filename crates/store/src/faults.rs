//! Faults on demand for [`MemoryStore`](crate::MemoryStore): what a remote engine or a bad disk does
//! by itself, in an order that a test or the simulator chooses. Nothing happens unless it is asked for.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What the next commit answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitFault {
    /// `Conflict`, as if somebody else had been faster. Nothing is written.
    Conflict,
    /// `Unknown`, but the change was applied and its key is known: the answer got lost.
    UnknownApplied,
    /// `Unknown`, and nothing was written: the request got lost.
    UnknownLost,
    /// `Fault` with this sentence. Nothing is written.
    Fault(String),
}

#[derive(Default)]
struct Queue {
    commits: VecDeque<Option<CommitFault>>,
    reads: VecDeque<String>,
}

/// A handle to the faults of one store; clones share it.
///
/// A commit under a known key is never answered by `Conflict` or `Fault` (the store looks at the
/// key first); such a fault stays for the next new commit. The two `Unknown` meet repetitions too.
#[derive(Clone, Default)]
pub struct Faults {
    queue: Arc<Mutex<Queue>>,
}

impl Faults {
    /// The next commit that has no fault yet gets this one.
    pub fn next_commit(&self, fault: CommitFault) {
        self.lock().commits.push_back(Some(fault));
    }

    /// The next commit that has no fault yet is let through: for a fault after `n` good ones.
    pub fn next_commit_passes(&self) {
        self.lock().commits.push_back(None);
    }

    /// The next read (not a watch) answers a fault with this sentence.
    pub fn next_read(&self, what: impl Into<String>) {
        self.lock().reads.push_back(what.into());
    }

    /// Commits and reads whose answer is still planned.
    #[must_use]
    pub fn planned(&self) -> usize {
        let queue = self.lock();
        queue.commits.len() + queue.reads.len()
    }

    /// Forgets what was planned.
    pub fn clear(&self) {
        *self.lock() = Queue::default();
    }

    pub(crate) fn take_commit(&self, key_is_known: bool) -> Option<CommitFault> {
        let mut queue = self.lock();
        match queue.commits.front() {
            Some(Some(CommitFault::Conflict | CommitFault::Fault(_))) if key_is_known => None,
            _ => queue.commits.pop_front().flatten(),
        }
    }

    pub(crate) fn take_read(&self) -> Option<String> {
        self.lock().reads.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
