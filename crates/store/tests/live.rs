//! Live reads of SQLite take what is committed into their answers instead of reading again: the answers are the same.

#![allow(clippy::unwrap_used)]

mod contract;

use std::sync::Arc;

use clutch_domain::{
    change::{Change, Parts},
    doc::{Kind, Scope},
    range::{Docs, Fetch, Order, Range, Versioned},
};
use clutch_orchestrator::store::{LiveDocs, Store};
use clutch_store::SqliteStore;
use contract::{
    docs::{counter, id, project, task, unique},
    key, model, must, puts, soon,
};
use futures_util::{FutureExt, StreamExt};
use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tempfile::TempDir;

fn open() -> (TempDir, Arc<SqliteStore>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
    (dir, store)
}

async fn next(live: &mut LiveDocs) -> Arc<Versioned<Docs>> {
    soon("the watch yields", live.next()).await.unwrap().unwrap()
}

fn column(limit: u32) -> Fetch {
    let range = Range::ByStatus {
        kind: Kind::Task,
        scope: Some(project(1)),
        status: "ready".into(),
        order: Order::Ordered,
        limit,
    };
    Fetch { scopes: vec![Scope::Installation], ranges: vec![range] }
}

fn ids(answer: &Versioned<Docs>) -> Vec<String> {
    answer.value.docs().map(|doc| doc.body.key().id).collect()
}

fn names(numbers: &[u64]) -> Vec<String> {
    numbers.iter().map(|n| id(*n).to_string()).collect()
}

fn remove(n: u64) -> Change {
    let mut change = puts([]);
    change.remove(task(n, 1, "ready", 0.0, 1).key());
    change
}

/// Random ranges are watched while random changes are committed: what a watch has yielded last is what a read finds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patched_answer_is_the_answer_that_is_read() {
    const WATCHES: usize = 16;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[23; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let shape = (vec(vec(model::change(), 1..5), 150), vec(vec(model::range(), 1..8), WATCHES));
    let (steps, watched) = shape.new_tree(&mut runner).unwrap().current();
    let all = vec![Scope::Installation, Scope::Loop, project(0), project(1), project(2)];
    let (_dir, store) = open();
    let mut watches = Vec::new();
    for ranges in watched {
        let fetch = Fetch { scopes: all.clone(), ranges };
        let mut live = store.watch(fetch.clone());
        let last = next(&mut live).await;
        watches.push((fetch, live, last));
    }
    let mut yielded = 0;
    for changes in steps {
        for change in changes {
            // Whatever it expects does not matter here; it wakes everybody.
            let touches = all.clone();
            let change = Change::from(Parts { expects: Vec::new(), touches, ..change.into_parts() });
            // A line of the log may be there already: then nothing is committed.
            let _ = store.commit(change, key()).await;
        }
        for (fetch, live, last) in &mut watches {
            let now = store.read(fetch).await.unwrap();
            while last.value != now.value {
                *last = next(live).await;
                yielded += 1;
                assert!(last.version <= now.version);
            }
            // One that is behind by commits that did not change it says nothing more.
            assert!(live.next().now_or_never().is_none());
        }
    }
    assert!(yielded > 300, "too tame: {yielded}");
}

/// Somebody removes a row behind our back: whoever reads again misses it, whoever takes in what is committed does not.
#[tokio::test]
async fn what_is_committed_is_taken_into_the_answer_and_not_read_again() {
    let (dir, store) = open();
    must(&*store, puts((1..=3).map(|n| task(n, 1, "ready", n as f64, 1)))).await;
    let mut live = store.watch(column(100));
    assert_eq!(ids(&*next(&mut live).await), names(&[1, 2, 3]));
    let outside = rusqlite::Connection::open(dir.path().join("clutch.db")).unwrap();
    outside.execute("DELETE FROM docs WHERE id = ?1", [id(2).to_string()]).unwrap();

    must(&*store, puts([task(4, 1, "ready", 1.5, 1)])).await;
    assert_eq!(ids(&*next(&mut live).await), names(&[1, 4, 2, 3]));
    must(&*store, puts([task(1, 1, "ready", 9.0, 1)])).await;
    assert_eq!(ids(&*next(&mut live).await), names(&[4, 2, 3, 1]));
    must(&*store, puts([task(3, 1, "done", 9.0, 1)])).await;
    assert_eq!(ids(&*next(&mut live).await), names(&[4, 2, 1]));
    must(&*store, remove(4)).await;
    assert_eq!(ids(&*next(&mut live).await), names(&[2, 1]));
    // One that is new to a scope that nobody watches is in the next answer, as it is in the next read.
    let quiet = Change::from(Parts { touches: vec![Scope::Loop], ..puts([task(5, 1, "ready", 0.5, 1)]).into_parts() });
    must(&*store, quiet).await;
    must(&*store, puts([counter("a", 1)])).await;
    assert_eq!(ids(&*next(&mut live).await), names(&[5, 2, 1]));
}

#[tokio::test]
async fn what_the_answer_does_not_tell_is_read() {
    let (_dir, store) = open();
    must(&*store, puts((1..=5).map(|n| task(n, 1, "ready", n as f64, 1)))).await;
    let mut live = store.watch(column(3));
    assert_eq!(ids(&*next(&mut live).await), names(&[1, 2, 3]));
    // Another one takes its place.
    must(&*store, puts([task(2, 1, "done", 2.0, 1)])).await;
    assert_eq!(ids(&*next(&mut live).await), names(&[1, 3, 4]));
    // It goes behind one that was not read.
    must(&*store, puts([task(1, 1, "ready", 7.0, 1)])).await;
    assert_eq!(ids(&*next(&mut live).await), names(&[3, 4, 5]));
    // It is the last of those that are shown: perhaps not of all.
    must(&*store, puts([task(5, 1, "ready", 8.0, 1)])).await;
    assert_eq!(ids(&*next(&mut live).await), names(&[3, 4, 1]));
    must(&*store, remove(3)).await;
    assert_eq!(ids(&*next(&mut live).await), names(&[4, 1, 5]));
    // A name leads elsewhere.
    let by_name = Fetch { scopes: vec![Scope::Installation], ranges: vec![Range::unique("n")] };
    let mut named = store.watch(by_name);
    assert!(next(&mut named).await.value.is_empty());
    must(&*store, puts([unique("n", task(4, 1, "ready", 4.0, 1).key())])).await;
    assert_eq!(ids(&*next(&mut named).await), names(&[4]));
    must(&*store, puts([task(4, 1, "ready", 4.5, 1)])).await;
    assert_eq!(next(&mut named).await.value.docs().next().unwrap().rev, 2);
    must(&*store, remove(4)).await;
    assert!(next(&mut named).await.value.is_empty());
    must(&*store, puts([task(4, 1, "ready", 4.0, 1)])).await;
    assert_eq!(ids(&*next(&mut named).await), names(&[4]));
}

/// A watch that nobody looks at for long has more to catch up with than is kept.
#[tokio::test]
async fn one_who_comes_late_reads() {
    let (_dir, store) = open();
    let mut live = store.watch(column(1_000));
    next(&mut live).await;
    for n in 0..600 {
        must(&*store, puts([task(n, 1, "ready", n as f64, 1)])).await;
    }
    let seen = next(&mut live).await;
    assert_eq!((seen.version, seen.value.len()), (600, 600));
    // Large ones push others out sooner.
    let large = |n: u64| {
        let words = "x".repeat(400_000);
        puts([contract::docs::titled(n, 1, "ready", n as f64, 1, "Large", Some(&words))])
    };
    for n in 0..8 {
        must(&*store, large(n)).await;
    }
    let seen = next(&mut live).await;
    assert_eq!((seen.version, seen.value.len()), (608, 600));
    let fetch = column(1_000);
    assert_eq!(store.read(&fetch).await.unwrap().value, seen.value);
}
