//! What a read answers.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use clutch_domain::{
    change::{Change, Parts},
    doc::{DocKey, Inside, Kind, Scope},
    range::{Fetch, Range},
    task::Task,
};

use super::{
    Place, count, doc,
    docs::{counter, id, project, task, unique},
    fetch, ids, must, puts, soon,
};

pub async fn a_version_is_the_sum_of_the_scopes(place: &impl Place) {
    let store = &*place.open().await;
    for touches in [vec![project(1)], vec![project(1), Scope::Loop], vec![Scope::Loop], vec![project(1)]] {
        must(store, Change::from(Parts { touches, ..Parts::default() })).await;
    }
    let asked = Fetch { scopes: vec![Scope::Loop, project(9), project(1)], ranges: vec![] };
    let answer = store.read(&asked).await.unwrap();
    assert_eq!(answer.version, 5);
    assert_eq!(answer.scopes, [(Scope::Loop, 2), (project(9), 0), (project(1), 3)]);
    assert!(answer.value.is_empty());
    let nothing = store.read(&Fetch::default()).await.unwrap();
    assert_eq!((nothing.version, nothing.scopes.len()), (0, 0));
}

/// Two counters and the scope's revision move together; a read that saw a moment between would show it.
pub async fn several_ranges_are_of_one_moment(place: &impl Place) {
    const READERS: usize = 4;
    const LOOKS: usize = 50;
    let store = place.open().await;
    let done = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (store, done) = (store.clone(), done.clone());
            tokio::spawn(async move {
                let asked = fetch(["a", "b"].map(|name| Range::doc(Kind::Counter, name)));
                let mut versions = BTreeSet::new();
                while versions.len() < LOOKS {
                    let answer = store.read(&asked).await.unwrap();
                    assert_eq!((count(&answer, "a"), count(&answer, "b")), (answer.version, answer.version));
                    versions.insert(answer.version);
                    tokio::task::yield_now().await;
                }
                done.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    // It goes on writing until each reader has seen enough different moments.
    let writing = async {
        let mut n = 0;
        while done.load(Ordering::Relaxed) < READERS {
            n += 1;
            must(&*store, puts([counter("a", n), counter("b", n)])).await;
            tokio::task::yield_now().await;
        }
    };
    soon("all readers see enough", writing).await;
    for reader in readers {
        reader.await.unwrap();
    }
}

pub async fn numbers_come_back_exactly(place: &impl Place) {
    let store = &*place.open().await;
    let mut positions = vec![0.1 + 0.2, 1.0 / 3.0, 5e-324, 1e300, -0.7, 123_456_789.123_456_78, f64::MAX];
    // Midpoints, as cards that are dragged between two others get them.
    let (mut low, mut high) = (1.0_f64, 2.0_f64);
    for n in 0..40 {
        let middle = f64::midpoint(low, high);
        positions.push(middle);
        if n % 3 == 0 { low = middle } else { high = middle }
    }
    let bodies = positions.iter().enumerate().map(|(n, position)| task(n as u64, 1, "ready", *position, 1));
    must(store, puts(bodies)).await;
    for (n, position) in positions.iter().enumerate() {
        let found = doc(store, &DocKey::new(Kind::Task, id(n as u64))).await.unwrap();
        let came_back = Task::of(&found.body).map(|task| task.position);
        assert_eq!(came_back, Some(*position), "the position itself, not its neighbour");
    }
}

pub async fn a_document_or_none(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([counter("a", 1)])).await;
    assert_eq!(ids(store, &Range::doc(Kind::Counter, "a")).await, ["a"]);
    assert_eq!(ids(store, &Range::doc(Kind::Counter, "A")).await, Vec::<String>::new());
    assert_eq!(ids(store, &Range::doc(Kind::Unique, "a")).await, Vec::<String>::new());
}

pub async fn a_unique_name_leads_to_its_document(place: &impl Place) {
    let store = &*place.open().await;
    must(
        store,
        puts([
            task(1, 1, "ready", 1.0, 1),
            unique("task-number:1", DocKey::new(Kind::Task, id(1))),
            unique("task-number:2", DocKey::new(Kind::Task, id(2))),
        ]),
    )
    .await;
    assert_eq!(ids(store, &Range::unique("task-number:1")).await, [id(1).to_string()]);
    assert_eq!(ids(store, &Range::unique("task-number:2")).await, Vec::<String>::new(), "its document is not there");
    assert_eq!(ids(store, &Range::unique("task-number:3")).await, Vec::<String>::new());
}
