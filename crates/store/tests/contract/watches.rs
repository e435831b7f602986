//! The rules of a watch. No test waits for silence: what must not come is
//! shown by the next thing that must come.

use std::sync::Arc;

use clutch_domain::{
    change::{Change, Parts},
    doc::{DocKey, Kind, Scope},
    range::{Docs, Fetch, Range, Versioned},
};
use clutch_orchestrator::store::LiveDocs;
use futures_util::{StreamExt, future::join_all};

use super::{
    Place, count, doc,
    docs::{counter, project},
    fetch, must, puts, soon,
};

type Answer = Arc<Versioned<Docs>>;

async fn next(live: &mut LiveDocs) -> Answer {
    soon("the watch yields", live.next()).await.expect("a watch never ends").expect("no engine is away here")
}

/// Looks on until `wanted` holds; gives everything that was seen.
async fn until(live: &mut LiveDocs, wanted: impl Fn(&Answer) -> bool) -> Vec<Answer> {
    let mut seen = vec![next(live).await];
    while !seen.last().is_some_and(&wanted) {
        seen.push(next(live).await);
    }
    seen
}

fn counters(names: &[&str]) -> Fetch {
    fetch(names.iter().map(|name| Range::doc(Kind::Counter, name)))
}

pub async fn the_first_answer_needs_no_write(place: &impl Place) {
    let store = &*place.open().await;
    let first = next(&mut store.watch(counters(&["a"]))).await;
    assert_eq!((first.version, first.value.len()), (0, 0));
    assert_eq!(next(&mut store.watch(Fetch::default())).await.version, 0);
    must(store, puts([counter("a", 7)])).await;
    let first = next(&mut store.watch(counters(&["a"]))).await;
    assert_eq!((first.version, count(&first, "a")), (1, 7));
}

pub async fn a_commit_is_seen_at_its_version_or_later(place: &impl Place) {
    let store = &*place.open().await;
    let mut live = store.watch(counters(&["a"]));
    next(&mut live).await;
    for n in 1..=20 {
        let done = must(store, puts([counter("a", n)])).await;
        let seen = next(&mut live).await;
        assert_eq!(done.scopes, [(Scope::Installation, seen.version)]);
        assert_eq!(seen.scopes, done.scopes);
        assert_eq!(count(&seen, "a"), n);
    }
}

pub async fn an_equal_answer_is_not_repeated(place: &impl Place) {
    const ROUNDS: u64 = 10;
    let store = &*place.open().await;
    let mut live = store.watch(counters(&["a"]));
    next(&mut live).await;
    let watching = tokio::spawn(async move { until(&mut live, |seen| count(seen, "a") == 1).await });
    // The scope is touched and the answer to the first watch stays. The second watch is woken by the
    // same commits, so by its answers the first has had its chances to repeat itself.
    let mut other = store.watch(counters(&["b"]));
    next(&mut other).await;
    for n in 1..=ROUNDS {
        must(store, puts([counter("b", n)])).await;
        assert_eq!(count(&*next(&mut other).await, "b"), n);
    }
    must(store, Change::from(Parts { touches: vec![project(1)], ..Parts::default() })).await;
    must(store, puts([counter("a", 1)])).await;
    let seen = soon("the change is seen", watching).await.unwrap();
    assert_eq!(seen.iter().map(|answer| (answer.version, count(answer, "a"))).collect::<Vec<_>>(), [(ROUNDS + 1, 1)]);
}

pub async fn a_commit_before_the_first_look_is_seen(place: &impl Place) {
    let store = &*place.open().await;
    let mut early = store.watch(counters(&["a"]));
    must(store, puts([counter("a", 1)])).await;
    let seen = next(&mut early).await;
    assert_eq!((seen.version, count(&seen, "a")), (1, 1));
    must(store, puts([counter("a", 2)])).await;
    assert_eq!(count(&*next(&mut early).await, "a"), 2);
}

pub async fn a_slow_watcher_gets_the_last_state(place: &impl Place) {
    let store = &*place.open().await;
    let mut live = store.watch(counters(&["a"]));
    next(&mut live).await;
    for n in 1..=100 {
        must(store, puts([counter("a", n)])).await;
    }
    // Nothing is queued for somebody who does not look: the first look is at the newest.
    let seen = next(&mut live).await;
    assert_eq!((seen.version, count(&seen, "a")), (100, 100));
}

pub async fn each_watcher_is_woken(place: &impl Place) {
    let store = place.open().await;
    let watchers: Vec<_> = (0..50)
        .map(|_| {
            let mut live = store.watch(counters(&["a"]));
            tokio::spawn(async move { until(&mut live, |seen| count(seen, "a") == 1).await.len() })
        })
        .collect();
    // One that goes away in between takes nobody's place.
    drop(store.watch(counters(&["a"])));
    must(&*store, puts([counter("a", 1)])).await;
    for looked in join_all(watchers).await {
        assert!(looked.unwrap() <= 2);
    }
}

pub async fn a_deleted_document_is_seen(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([counter("a", 1)])).await;
    let mut live = store.watch(counters(&["a"]));
    next(&mut live).await;
    let mut change = Change::default();
    change.delete(&doc(store, &DocKey::new(Kind::Counter, "a")).await.unwrap()).touch(Scope::Installation);
    must(store, change).await;
    let seen = next(&mut live).await;
    assert_eq!((seen.version, seen.value.len()), (2, 0));
}

/// Several writers of several scopes, several watchers of several fetches, all at once.
pub async fn versions_never_go_back_and_the_last_state_is_seen(place: &impl Place) {
    const WRITERS: u64 = 4;
    const EACH: u64 = 40;
    let store = place.open().await;
    let name = |writer: u64| format!("w{writer}");
    let watchers: Vec<_> = (0..8_u64)
        .map(|watcher| {
            // Watcher n looks at the scopes and counters of the writers whose bit is set in it.
            let writers: Vec<u64> = (0..WRITERS).filter(|w| watcher & (1 << (w % 3)) != 0 || watcher == 0).collect();
            let asked = Fetch {
                scopes: writers.iter().map(|w| project(*w)).collect(),
                ranges: writers.iter().map(|w| Range::doc(Kind::Counter, name(*w))).collect(),
            };
            let mut live = store.watch(asked);
            tokio::spawn(async move {
                let last = |seen: &Answer| writers.iter().all(|w| count(seen, &name(*w)) == EACH);
                let seen = until(&mut live, last).await;
                for pair in seen.windows(2) {
                    assert!(pair[0].version < pair[1].version, "{} then {}", pair[0].version, pair[1].version);
                    assert_ne!(pair[0].value, pair[1].value);
                }
                for answer in &seen {
                    let sum: u64 = writers.iter().map(|w| count(answer, &name(*w))).sum();
                    assert_eq!(sum, answer.version, "the version belongs to what was read");
                }
                seen.len()
            })
        })
        .collect();
    let writers = (0..WRITERS).map(|w| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 1..=EACH {
                let change = Change::from(Parts {
                    touches: vec![project(w)],
                    ..puts([counter(&format!("w{w}"), n)]).into_parts()
                });
                must(&*store, change).await;
                // Uneven on purpose, so that pauses and crowds of commits both happen.
                for _ in 0..(n * (w + 3)) % 7 {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    for looked in join_all(watchers).await {
        assert!(looked.unwrap() >= 1);
    }
}
