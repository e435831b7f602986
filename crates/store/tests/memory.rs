//! The contract for `MemoryStore`, its faults, and that one thread without a runtime can poll it.

#![allow(clippy::unwrap_used)]

mod contract;

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{doc::Kind, range::Range};
use clutch_orchestrator::store::{CommitError, Store};
use clutch_store::{CommitFault, MemoryStore};
use contract::{Place, commit, count, docs::counter, fetch, key, put, puts};
use futures_util::{FutureExt, StreamExt};

struct Memory;

#[async_trait]
impl Place for Memory {
    fn new() -> Self {
        Self
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(MemoryStore::new())
    }
}

contract::contract!(Memory);

/// The answer of a future that must not wait. There is no runtime here.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("ready at the first poll")
}

#[test]
fn everything_is_ready_at_the_first_poll() {
    let store = MemoryStore::new();
    let mut live = store.watch(fetch([Range::doc(Kind::Counter, "a")]));
    assert_eq!(at_once(live.next()).unwrap().unwrap().version, 0);
    assert!(live.next().now_or_never().is_none(), "nothing new yet");
    at_once(commit(&store, put(0, counter("a", 3)))).unwrap();
    let seen = at_once(live.next()).unwrap().unwrap();
    assert_eq!((seen.version, count(&seen, "a")), (1, 3));
    assert!(live.next().now_or_never().is_none());
}

#[test]
fn planned_faults_come_in_their_order() {
    let store = MemoryStore::new();
    let faults = store.faults();
    faults.next_commit(CommitFault::Conflict);
    faults.next_commit_passes();
    faults.next_commit(CommitFault::UnknownLost);
    faults.next_commit(CommitFault::UnknownApplied);
    faults.next_commit(CommitFault::Fault("the disk burns".into()));
    assert_eq!(faults.planned(), 5);

    let a = || puts([counter("a", 1)]);
    let last = || {
        let answer = at_once(store.read(&fetch([Range::doc(Kind::Counter, "a")]))).unwrap();
        answer.version
    };
    let (one, two) = (key(), key());
    assert!(matches!(at_once(store.commit(a(), one.clone())), Err(CommitError::Conflict(_))));
    assert_eq!(last(), 0);
    let first = at_once(store.commit(a(), one.clone())).unwrap();
    assert_eq!(last(), 1);
    assert!(matches!(at_once(store.commit(a(), two.clone())), Err(CommitError::Unknown(_))));
    assert_eq!(last(), 1, "the request was lost");
    assert!(matches!(at_once(store.commit(a(), two.clone())), Err(CommitError::Unknown(_))));
    assert_eq!(last(), 2, "only the answer was lost");
    // Known keys are looked at before anything that a fault could say; the fault waits for a new commit.
    assert_eq!(at_once(store.commit(a(), one)), Ok(first));
    assert!(at_once(store.commit(a(), two)).is_ok());
    assert_eq!(at_once(commit(&store, a())).unwrap_err().to_string(), "the disk burns");
    assert_eq!((last(), faults.planned()), (2, 0));
}

#[test]
fn an_answer_lost_wakes_watchers_and_a_change_that_does_not_hold_is_still_a_conflict() {
    let store = MemoryStore::new();
    let mut live = store.watch(fetch([Range::doc(Kind::Counter, "a")]));
    at_once(live.next());
    store.faults().next_commit(CommitFault::UnknownApplied);
    assert!(matches!(at_once(commit(&store, puts([counter("a", 1)]))), Err(CommitError::Unknown(_))));
    assert_eq!(count(&at_once(live.next()).unwrap().unwrap(), "a"), 1);
    store.faults().next_commit(CommitFault::UnknownApplied);
    assert!(matches!(at_once(commit(&store, put(0, counter("a", 2)))), Err(CommitError::Conflict(_))));
}

#[test]
fn a_planned_read_fault_is_for_one_read() {
    let store = MemoryStore::new();
    store.faults().next_read("not now");
    assert_eq!(at_once(store.read(&fetch([]))).unwrap_err().what, "not now");
    assert!(at_once(store.read(&fetch([]))).is_ok());
    store.faults().next_read("not now");
    store.faults().clear();
    assert!(at_once(store.read(&fetch([]))).is_ok());
}

#[test]
fn it_says_what_it_is() {
    assert!(MemoryStore::new().sole_writer());
    assert!(!MemoryStore::new().with_sole_writer(false).sole_writer());
    assert!(MemoryStore::new().describe().contains("memory"));
}
