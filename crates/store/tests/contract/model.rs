//! Random changes and random ranges: the adapter answers as the plainest store does.

use clutch_domain::{
    change::{Change, Expect, Parts},
    doc::{Body, DocKey, Kind, Scope},
    range::{After, Before, Fetch, Order, Range},
    time::Millis,
};
use clutch_orchestrator::store::{CommitError, Store};
use clutch_store::MemoryStore;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    Place,
    docs::{comment, counter, dependency, id, line, project, run, task, unique},
    key,
};

const STATUSES: &[&str] = &["backlog", "ready", "in_progress", "done"];
const KINDS: &[Kind] = &[Kind::Task, Kind::Comment, Kind::Dependency, Kind::Run, Kind::Activity, Kind::Counter];

/// Few numbers, so that documents, moments and orders meet each other.
fn small() -> impl Strategy<Value = u64> {
    0..6_u64
}

fn body() -> impl Strategy<Value = Body> {
    let order = prop_oneof![(0..4_i32).prop_map(|n| f64::from(n) / 3.0), Just(-0.0), Just(0.0), -1e9..1e9_f64];
    prop_oneof![
        (small(), 0..3_u64, select(STATUSES), order, -3..3_i64)
            .prop_map(|(n, project, status, order, at)| task(n, project, status, order, at)),
        (small(), small(), -3..3_i64).prop_map(|(n, task, at)| comment(n, task, at)),
        (small(), small(), small(), -3..3_i64).prop_map(|(n, task, on, at)| dependency(n, task, on, at)),
        (small(), 0..3_u64, select(&["s", "t"]), select(&["started", "ended"]), -3..3_i64)
            .prop_map(|(n, project, session, state, at)| run(n, project, session, state, at)),
        (small(), small()).prop_map(|(n, last)| counter(&n.to_string(), last)),
        (small(), small()).prop_map(|(n, to)| unique(&n.to_string(), DocKey::new(Kind::Task, id(to)))),
    ]
}

fn doc_key() -> impl Strategy<Value = DocKey> {
    body().prop_map(|body| body.key())
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Installation), Just(Scope::Loop), (0..3_u64).prop_map(project)]
}

pub fn change() -> impl Strategy<Value = Change> {
    let expect = prop_oneof![
        (doc_key(), 0..3_u64).prop_map(|(key, rev)| Expect::Doc(key, rev)),
        (scope(), 0..6_u64).prop_map(|(scope, rev)| Expect::Scope(scope, rev)),
    ];
    let lines = vec((any::<u64>(), option::of(0..3_u64), -3..3_i64).prop_map(|(n, p, at)| line(n, p, at)), 0..2);
    (vec(body(), 0..5), vec(doc_key(), 0..2), vec(expect, 0..2), vec(scope(), 0..3), lines).prop_map(
        |(puts, deletes, expects, touches, activity)| {
            let mut change = Change::from(Parts { expects, touches, activity, ..Parts::default() });
            for body in puts {
                change.overwrite(body);
            }
            for key in deletes {
                change.remove(key);
            }
            change
        },
    )
}

pub fn range() -> impl Strategy<Value = Range> {
    let kind = || select(KINDS);
    let limit = || prop_oneof![0..5_u32, Just(100)];
    let before = || {
        let id = prop_oneof![Just(String::new()), small().prop_map(|n| id(n).to_string())];
        option::of((-3..3_i64, id).prop_map(|(at, id)| Before { at: Millis(at), id }))
    };
    let order = || select(&[Order::Ordered, Order::Newest]);
    let parent = || small().prop_map(|n| id(n).to_string());
    let after = || {
        option::of((0..4_i32, small()).prop_map(|(n, at)| After { order: f64::from(n) / 3.0, id: id(at).to_string() }))
    };
    prop_oneof![
        doc_key().prop_map(|key| Range::Doc { key }),
        small().prop_map(|n| Range::unique(n.to_string())),
        (kind(), parent(), after(), limit()).prop_map(|(kind, parent, after, limit)| Range::Children {
            kind,
            parent,
            after,
            limit
        }),
        (kind(), parent(), before(), limit()).prop_map(|(kind, parent, before, limit)| Range::NewestChildren {
            kind,
            parent,
            before,
            limit
        }),
        (kind(), prop_oneof![parent(), Just("s".to_owned())], limit()).prop_map(|(kind, link, limit)| Range::Linked {
            kind,
            link,
            limit
        }),
        (kind(), option::of(scope()), select(STATUSES), order(), limit()).prop_map(
            |(kind, scope, status, order, limit)| Range::ByStatus {
                kind,
                scope,
                status: status.to_owned(),
                order,
                limit
            }
        ),
        (kind(), scope(), select(STATUSES), after(), any::<bool>(), limit()).prop_map(
            |(kind, scope, status, from, back, limit)| Range::StatusPage {
                kind,
                scope,
                status: status.to_owned(),
                from,
                back,
                limit
            }
        ),
        (kind(), scope(), select(STATUSES), before(), limit()).prop_filter_map(
            "a page by time has a beginning",
            |(kind, scope, status, before, limit)| {
                Some(Range::StatusBefore { kind, scope, status: status.to_owned(), before: before?, limit })
            }
        ),
        (kind(), scope(), before(), limit()).prop_map(|(kind, scope, before, limit)| Range::Newest {
            kind,
            scope,
            before,
            limit
        }),
        (kind(), option::of(0..6_u64), limit()).prop_map(|(kind, after, limit)| Range::All {
            kind,
            after: after.map(|n| id(n).to_string()),
            limit
        }),
    ]
    .prop_filter("no index serves it", Range::is_served)
}

type Step = (Change, Vec<Range>);

pub async fn random_changes_read_as_in_the_plainest_store(place: &impl Place) {
    // A fixed seed: the same cases on every machine. Widen the counts to search for more.
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let steps = vec((change(), vec(range(), 1..12)), 400);
    let steps: Vec<Step> = steps.new_tree(&mut runner).unwrap().current();

    let (store, model) = (place.open().await, MemoryStore::new());
    let (mut applied, mut refused, mut found) = (0, 0, 0);
    for (step, (change, ranges)) in steps.into_iter().enumerate() {
        let key = key();
        let mut change = change;
        if step % 3 == 0 {
            // Rests on what was read a moment ago, sometimes on more than that.
            let asked = Fetch { scopes: Vec::new(), ranges: ranges.clone() };
            change.rest_on(&model.read(&asked).await.unwrap().value);
            if step % 2 == 0
                && let Some(guard) = change.guards.first_mut()
            {
                guard.seen.push((DocKey::new(Kind::Comment, id(1)), 1));
            }
        }
        let expected = model.commit(change.clone(), key.clone()).await;
        let answer = store.commit(change.clone(), key).await;
        assert_eq!(answer, expected, "step {step}: {change:#?}");
        match answer {
            Ok(_) => applied += 1,
            Err(CommitError::Conflict(_)) => refused += 1,
            Err(other) => panic!("step {step}: {other:?}"),
        }
        let asked =
            Fetch { scopes: vec![Scope::Installation, Scope::Loop, project(0), project(1), project(2)], ranges };
        let (answer, expected) = (store.read(&asked).await.unwrap(), model.read(&asked).await.unwrap());
        assert_eq!(answer, expected, "step {step}: {asked:#?}");
        found += answer.value.len();
    }
    assert!(
        applied > 100 && refused > 50 && found > 500,
        "too tame: {applied} applied, {refused} refused, {found} found"
    );
}
