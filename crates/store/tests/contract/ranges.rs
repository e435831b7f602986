//! What each range finds, in which order, and where it stops.

use clutch_domain::{
    change::{Change, Parts},
    doc::{Kind, Scope, startable_link},
    id::ProjectId,
    range::{After, Before, Fetch, Order, Range},
    task::{Priority, Role},
    time::Millis,
};
use clutch_orchestrator::store::Store;
use futures_util::StreamExt as _;

use super::{
    Place,
    docs::{comment, counter, dependency, id, line, project, run, task},
    ids, must, puts,
};

fn names(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|n| id(n).to_string()).collect()
}

async fn finds(store: &dyn Store, range: Range, numbers: impl IntoIterator<Item = u64>) {
    assert_eq!(ids(store, &range).await, names(numbers), "{range:?}");
}

pub async fn children_come_in_order_and_in_pages(place: &impl Place) {
    let store = &*place.open().await;
    // Ties in pairs, written in no order; others that must not be found.
    let order = |n: u64| (n / 2) as f64 - 3.25;
    must(store, puts([8, 3, 5, 0, 9, 1, 7, 2, 6, 4].map(|n| task(n, 1, "ready", order(n), 1)))).await;
    must(store, puts([task(20, 2, "ready", -9.0, 1), comment(21, 1, 1), counter("x", 1)])).await;
    finds(store, Range::children(Kind::Task, id(1), 100), 0..10).await;
    finds(store, Range::children(Kind::Task, id(1), 4), 0..4).await;
    finds(store, Range::children(Kind::Comment, id(1), 4), [21]).await;
    finds(store, Range::children(Kind::Task, id(3), 4), []).await;

    for limit in 1..=11 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let range = Range::Children { kind: Kind::Task, parent: id(1).to_string(), after, limit };
            let page = ids(store, &range).await;
            assert!(page.len() <= limit as usize);
            let Some(last) = page.last().cloned() else { break };
            seen.extend(page);
            let n = seen.len() as u64 - 1;
            after = Some(After { order: order(n), id: last });
        }
        assert_eq!(seen, names(0..10), "in pages of {limit}");
    }
    // A page may begin behind something that is no longer there.
    let gone = Some(After { order: order(3), id: format!("{}x", id(3)) });
    finds(store, Range::Children { kind: Kind::Task, parent: id(1).to_string(), after: gone, limit: 2 }, [4, 5]).await;
}

pub async fn a_status_in_pages_both_ways(place: &impl Place) {
    let store = &*place.open().await;
    // Ties in pairs, and others that must not be found.
    let order = |n: u64| (n / 2) as f64 - 3.25;
    must(store, puts([8, 3, 5, 0, 9, 1, 7, 2, 6, 4].map(|n| task(n, 1, "ready", order(n), 1)))).await;
    must(store, puts([task(20, 2, "ready", 0.0, 1), task(21, 1, "backlog", 0.0, 1)])).await;
    for back in [false, true] {
        let want = if back { names((0..10).rev()) } else { names(0..10) };
        for limit in 1..=11 {
            let (mut seen, mut from) = (Vec::new(), None);
            loop {
                let page = Range::StatusPage {
                    kind: Kind::Task,
                    scope: project(1),
                    status: "ready".into(),
                    from,
                    back,
                    limit,
                };
                let found = ids(store, &page).await;
                let Some(last) = found.last().cloned() else { break };
                seen.extend(found);
                let n = if back { 10 - seen.len() } else { seen.len() - 1 } as u64;
                from = Some(After { order: order(n), id: last });
            }
            assert_eq!(seen, want, "in pages of {limit}, back: {back}");
        }
    }
}

pub async fn a_status_in_pages_by_time(place: &impl Place) {
    let store = &*place.open().await;
    // Ties in pairs, and others that must not be found.
    let at = |n: u64| 100 + n as i64 / 2;
    must(store, puts([8, 3, 5, 0, 9, 1, 7, 2, 6, 4].map(|n| task(n, 1, "ready", 1.0, at(n))))).await;
    must(store, puts([task(20, 2, "ready", 1.0, 101), task(21, 1, "backlog", 1.0, 101)])).await;
    for limit in 1..=11 {
        let first = Range::ByStatus {
            kind: Kind::Task,
            scope: Some(project(1)),
            status: "ready".into(),
            order: Order::Newest,
            limit,
        };
        let mut seen = ids(store, &first).await;
        while let Some(last) = seen.last().cloned() {
            let before = Before { at: Millis(at(10 - seen.len() as u64)), id: last };
            let page =
                Range::StatusBefore { kind: Kind::Task, scope: project(1), status: "ready".into(), before, limit };
            let found = ids(store, &page).await;
            assert!(found.len() <= limit as usize);
            if found.is_empty() {
                break;
            }
            seen.extend(found);
        }
        assert_eq!(seen, names((0..10).rev()), "in pages of {limit}");
    }
}

pub async fn newest_children_come_in_pages(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([4, 1, 3, 0, 5, 2].map(|n| comment(n, 7, 100 + n as i64 / 2)))).await;
    must(store, puts([comment(9, 8, 999)])).await;
    let page = |before: Option<i64>, limit| Range::NewestChildren {
        kind: Kind::Comment,
        parent: id(7).to_string(),
        before: before.map(|at| Before::moment(Millis(at))),
        limit,
    };
    finds(store, page(None, 10), [5, 4, 3, 2, 1, 0]).await;
    finds(store, page(None, 3), [5, 4, 3]).await;
    finds(store, page(Some(102), 10), [3, 2, 1, 0]).await;
    finds(store, page(Some(102), 1), [3]).await;
    finds(store, page(Some(100), 10), []).await;
    finds(store, page(Some(i64::MIN), 10), []).await;
}

pub async fn linked_documents_come_in_order(place: &impl Place) {
    let store = &*place.open().await;
    must(
        store,
        puts([
            dependency(1, 10, 50, 30),
            dependency(2, 11, 50, 10),
            dependency(3, 12, 50, 10),
            dependency(4, 50, 51, 5),
        ]),
    )
    .await;
    let linked = |kind, link: String, limit| Range::Linked { kind, link, limit };
    finds(store, linked(Kind::Dependency, id(50).to_string(), 10), [2, 3, 1]).await;
    finds(store, linked(Kind::Dependency, id(50).to_string(), 2), [2, 3]).await;
    finds(store, linked(Kind::Dependency, id(10).to_string(), 2), []).await;
    // A ready task that could start, among those of its role and priority.
    must(store, puts([task(5, 1, "ready", 7.0, 1), task(6, 1, "ready", 2.0, 1), task(7, 1, "backlog", 1.0, 1)])).await;
    let start = startable_link(ProjectId(id(1)), Role::Dev, Priority::Medium);
    finds(store, linked(Kind::Task, start, 9), [6, 5]).await;
}

async fn board(store: &dyn Store) {
    let cards = [(1, "ready", 3.5), (2, "ready", 1.0), (3, "ready", 3.5), (4, "done", 0.0), (5, "backlog", 2.0)];
    must(store, puts(cards.map(|(n, status, position)| task(n, 1, status, position, 100 - n as i64)))).await;
    must(store, puts([task(6, 2, "ready", 2.0, 500), run(7, 1, "s", "started", 1), run(8, 2, "s", "ended", 2)])).await;
}

fn status(kind: Kind, scope: Option<Scope>, status: &str, order: Order, limit: u32) -> Range {
    Range::ByStatus { kind, scope, status: status.into(), order, limit }
}

pub async fn one_status_of_one_scope(place: &impl Place) {
    let store = &*place.open().await;
    board(store).await;
    let here = Some(project(1));
    finds(store, status(Kind::Task, here, "ready", Order::Ordered, 10), [2, 1, 3]).await;
    finds(store, status(Kind::Task, here, "ready", Order::Ordered, 2), [2, 1]).await;
    finds(store, status(Kind::Task, here, "ready", Order::Newest, 10), [1, 2, 3]).await;
    finds(store, status(Kind::Task, here, "ready", Order::Newest, 1), [1]).await;
    finds(store, status(Kind::Task, here, "done", Order::Newest, 10), [4]).await;
    finds(store, status(Kind::Task, here, "blocked", Order::Ordered, 10), []).await;
    finds(store, status(Kind::Run, here, "working", Order::Ordered, 10), [7]).await;
    must(store, puts([11, 13, 12].map(|n| task(n, 1, "blocked", 1.0, 7)))).await;
    finds(store, status(Kind::Task, here, "blocked", Order::Newest, 2), [13, 12]).await;
    finds(store, status(Kind::Task, here, "blocked", Order::Newest, 9), [13, 12, 11]).await;
}

pub async fn one_status_everywhere(place: &impl Place) {
    let store = &*place.open().await;
    board(store).await;
    must(store, puts([(10, 1, 3), (12, 1, 3), (11, 2, 2)].map(|(n, project, at)| run(n, project, "s", "started", at))))
        .await;
    finds(store, status(Kind::Run, None, "working", Order::Ordered, 10), [7, 11, 10, 12]).await;
    finds(store, status(Kind::Run, None, "working", Order::Newest, 10), [12, 10, 11, 7]).await;
    finds(store, status(Kind::Run, None, "working", Order::Newest, 2), [12, 10]).await;
    finds(store, status(Kind::Run, None, "ended", Order::Ordered, 10), [8]).await;
    finds(store, status(Kind::Run, Some(project(1)), "working", Order::Ordered, 10), [7, 10, 12]).await;
    let page = |back, from| Range::StatusPage {
        kind: Kind::Run,
        scope: project(1),
        status: "working".into(),
        from: Some(from),
        back,
        limit: 9,
    };
    let from = |order, n| After { order, id: id(n).to_string() };
    finds(store, page(false, from(3.0, 10)), [12]).await;
    finds(store, page(true, from(3.0, 12)), [10, 7]).await;
}

pub async fn the_newest_of_a_scope(place: &impl Place) {
    let store = &*place.open().await;
    for n in [3, 1, 2, 5, 4] {
        let log = Change::from(Parts { activity: vec![line(n, Some(1), n as i64 / 2)], ..puts([]).into_parts() });
        must(store, log).await;
    }
    let other = Change::from(Parts { activity: vec![line(9, None, 9)], ..puts([]).into_parts() });
    must(store, other).await;
    let newest = |scope, before: Option<i64>, limit| Range::Newest {
        kind: Kind::Activity,
        scope,
        before: before.map(|at| Before::moment(Millis(at))),
        limit,
    };
    finds(store, newest(project(1), None, 10), [5, 4, 3, 2, 1]).await;
    finds(store, newest(project(1), None, 2), [5, 4]).await;
    finds(store, newest(project(1), Some(2), 10), [3, 2, 1]).await;
    finds(store, newest(project(1), Some(0), 10), []).await;
    finds(store, newest(Scope::Installation, None, 10), [9]).await;
}

pub async fn all_of_a_kind_come_in_pages(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([task(3, 1, "ready", 1.0, 9), task(1, 2, "done", 5.0, 1), task(2, 1, "ready", 0.0, 5)])).await;
    must(store, puts([comment(2, 1, 1)])).await;
    let all =
        |after: Option<u64>, limit| Range::All { kind: Kind::Task, after: after.map(|n| id(n).to_string()), limit };
    finds(store, all(None, 10), [1, 2, 3]).await;
    finds(store, all(None, 2), [1, 2]).await;
    finds(store, all(Some(2), 2), [3]).await;
    finds(store, all(Some(3), 2), []).await;
    finds(store, Range::All { kind: Kind::Lease, after: None, limit: 9 }, []).await;
}

/// Each thing that a range looks at changes alone, so that none of them can be forgotten in a rewrite.
pub async fn a_moved_document_is_found_at_its_new_place_only(place: &impl Place) {
    let store = &*place.open().await;
    let here = Some(project(1));
    let ready = |scope, order| status(Kind::Task, scope, "ready", order, 10);
    must(store, puts([task(1, 1, "backlog", 3.0, 10), task(2, 1, "ready", 2.0, 20)])).await;

    must(store, puts([task(1, 1, "ready", 3.0, 10)])).await;
    finds(store, status(Kind::Task, here, "backlog", Order::Ordered, 10), []).await;
    finds(store, ready(here, Order::Ordered), [2, 1]).await;
    finds(store, ready(here, Order::Newest), [2, 1]).await;

    must(store, puts([task(1, 1, "ready", 1.0, 10)])).await;
    finds(store, ready(here, Order::Ordered), [1, 2]).await;
    finds(store, Range::children(Kind::Task, id(1), 10), [1, 2]).await;
    finds(store, ready(here, Order::Newest), [2, 1]).await;

    must(store, puts([task(1, 1, "ready", 1.0, 30)])).await;
    finds(store, ready(here, Order::Newest), [1, 2]).await;

    // Project and scope move together.
    must(store, puts([task(1, 2, "ready", 1.0, 30)])).await;
    finds(store, ready(here, Order::Ordered), [2]).await;
    finds(store, ready(Some(project(2)), Order::Newest), [1]).await;
    finds(store, Range::children(Kind::Task, id(1), 10), [2]).await;
    finds(store, Range::children(Kind::Task, id(2), 10), [1]).await;
    must(store, puts([run(5, 1, "s", "started", 1)])).await;
    must(store, puts([run(5, 1, "s", "ended", 1)])).await;
    finds(store, status(Kind::Run, None, "working", Order::Ordered, 9), []).await;
    finds(store, status(Kind::Run, None, "ended", Order::Newest, 9), [5]).await;

    // Only the parent, then only the link.
    must(store, puts([comment(3, 7, 5), dependency(4, 9, 21, 5)])).await;
    must(store, puts([comment(3, 8, 5), dependency(4, 9, 22, 5)])).await;
    finds(store, Range::children(Kind::Comment, id(7), 9), []).await;
    finds(store, Range::children(Kind::Comment, id(8), 9), [3]).await;
    finds(store, Range::Linked { kind: Kind::Dependency, link: id(21).to_string(), limit: 9 }, []).await;
    finds(store, Range::Linked { kind: Kind::Dependency, link: id(22).to_string(), limit: 9 }, [4]).await;
}

pub async fn empty_names_find_nothing(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([counter("a", 1), task(1, 1, "ready", 1.0, 1)])).await;
    must(store, Change::from(Parts { activity: vec![line(2, None, 1)], ..puts([]).into_parts() })).await;
    finds(store, Range::children(Kind::Activity, "", 10), []).await;
    let newest = Range::NewestChildren { kind: Kind::Activity, parent: String::new(), before: None, limit: 10 };
    finds(store, newest, []).await;
    finds(store, Range::Linked { kind: Kind::Task, link: String::new(), limit: 10 }, []).await;
    finds(store, status(Kind::Run, None, "", Order::Ordered, 10), []).await;
    finds(store, status(Kind::Task, Some(Scope::Installation), "", Order::Newest, 10), []).await;
}

pub async fn a_limit_of_none_finds_none(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([task(1, 1, "ready", 1.0, 1)])).await;
    finds(store, Range::children(Kind::Task, id(1), 0), []).await;
    finds(store, Range::children(Kind::Task, id(1), u32::MAX), [1]).await;
    finds(store, status(Kind::Task, Some(project(1)), "ready", Order::Newest, 0), []).await;
}

/// Otherwise it would be found by looking at every document of its kind, and only the largest installation would tell.
pub async fn what_no_index_serves_is_refused(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([task(1, 1, "ready", 1.0, 1)])).await;
    let by_time = Range::NewestChildren { kind: Kind::Task, parent: id(1).to_string(), before: None, limit: 9 };
    for range in [
        by_time,
        Range::newest(Kind::Task, project(1), 9),
        status(Kind::Task, None, "ready", Order::Ordered, 9),
        Range::linked(Kind::Comment, "a", 9),
        Range::children(Kind::Counter, "a", 9),
    ] {
        let fetch = Fetch { scopes: Vec::new(), ranges: vec![Range::doc(Kind::Task, id(1)), range] };
        let refused = store.read(&fetch).await.unwrap_err();
        assert!(refused.what.starts_with("No index serves"), "{refused}");
        assert_eq!(store.watch(fetch).next().await.unwrap().unwrap_err().why, refused.what);
    }
}
