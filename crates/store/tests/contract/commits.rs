//! What a commit does, and when it does nothing.

use std::{collections::BTreeSet, sync::Arc};

use clutch_domain::{
    change::{Change, Expect, Guard, Parts, Request},
    doc::{Counter, DocKey, Inside, Kind, Scope},
    range::Range,
    task::Task,
};
use clutch_orchestrator::store::{CommitError, Committed, Store};
use futures_util::future::join_all;

use super::{
    Place, commit, count, doc,
    docs::{chat, comment, counter, id, line, project, task, titled, unique},
    fetch, ids, key, must, must_conflict, put, puts, scope,
};

fn key_of(name: &str) -> DocKey {
    DocKey::new(Kind::Counter, name)
}

async fn state(store: &dyn Store, name: &str) -> Option<(u64, u64)> {
    let doc = doc(store, &key_of(name)).await?;
    Some((doc.rev, Counter::of(&doc.body)?.last))
}

pub async fn a_stale_revision_is_refused(place: &impl Place) {
    let store = &*place.open().await;
    must(store, put(0, counter("a", 1))).await;
    assert_eq!(state(store, "a").await, Some((1, 1)));
    must(store, put(1, counter("a", 2))).await;
    must_conflict(store, put(1, counter("a", 3))).await;
    must_conflict(store, put(3, counter("a", 3))).await;
    assert_eq!(state(store, "a").await, Some((2, 2)));
    assert_eq!(scope(store, Scope::Installation).await, 2);
}

pub async fn a_document_must_be_absent(place: &impl Place) {
    let store = &*place.open().await;
    must(store, put(0, unique("slug:site", key_of("a")))).await;
    must_conflict(store, put(0, unique("slug:site", key_of("b")))).await;
    let found = doc(store, &DocKey::unique("slug:site")).await.unwrap();
    assert_eq!((found.rev, &found.body), (1, &unique("slug:site", key_of("a"))));
}

pub async fn a_missing_document_has_no_revision(place: &impl Place) {
    let store = &*place.open().await;
    must_conflict(store, put(1, counter("a", 1))).await;
    let only_look = Change::from(Parts { expects: vec![Expect::Doc(key_of("a"), 0)], ..Parts::default() });
    must(store, only_look).await;
    assert_eq!(state(store, "a").await, None);
}

pub async fn a_change_is_applied_whole_or_not_at_all(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([counter("a", 1), counter("b", 1), counter("c", 1)])).await;
    let mut change = put(1, counter("a", 2));
    change.remove(key_of("b"));
    change.activity.push(line(1, None, 5));
    change.touch(project(1));
    change.put(9, counter("c", 2));
    must_conflict(store, change.clone()).await;
    assert_eq!(state(store, "a").await, Some((1, 1)));
    assert_eq!(state(store, "b").await, Some((1, 1)));
    assert_eq!(doc(store, &DocKey::new(Kind::Activity, id(1))).await, None);
    assert_eq!((scope(store, Scope::Installation).await, scope(store, project(1)).await), (1, 0));

    let last = change.expects.len() - 1;
    change.expects[last] = Expect::Doc(key_of("c"), 1);
    let done = must(store, change).await;
    assert_eq!(done, Committed { scopes: vec![(Scope::Installation, 2), (project(1), 1)], ..Committed::default() });
    assert_eq!(state(store, "a").await, Some((2, 2)));
    assert_eq!(state(store, "b").await, None);
    assert_eq!(state(store, "c").await, Some((2, 2)));
    assert!(doc(store, &DocKey::new(Kind::Activity, id(1))).await.is_some());
}

pub async fn a_conflict_is_not_remembered_under_its_key(place: &impl Place) {
    let store = &*place.open().await;
    let key = key();
    let refused = store.commit(put(1, counter("a", 1)), key.clone()).await;
    assert!(matches!(refused, Err(CommitError::Conflict(_))), "{refused:?}");
    store.commit(put(0, counter("a", 1)), key).await.unwrap();
    assert_eq!(state(store, "a").await, Some((1, 1)));
}

pub async fn a_known_key_answers_the_stored_result(place: &impl Place) {
    let store = &*place.open().await;
    let key = key();
    let first = store.commit(put(0, counter("a", 1)), key.clone()).await.unwrap();
    must(store, put(1, counter("a", 2))).await;
    // The very same change no longer holds, and another one under the key is not looked at.
    assert_eq!(store.commit(put(0, counter("a", 1)), key.clone()).await.unwrap(), first);
    assert_eq!(store.commit(put(77, counter("b", 1)), key).await.unwrap(), first);
    assert_eq!(first, Committed { scopes: vec![(Scope::Installation, 1)], ..Committed::default() });
    assert_eq!(state(store, "a").await, Some((2, 2)));
    assert_eq!(state(store, "b").await, None);
    assert_eq!(scope(store, Scope::Installation).await, 2);
}

pub async fn the_same_key_at_once_applies_once(place: &impl Place) {
    let store = place.open().await;
    for round in 1..=5 {
        let key = key();
        let tries = (0..32).map(|n| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move { store.commit(puts([counter("a", n)]), key).await.unwrap() })
        });
        let answers: Vec<Committed> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|a| a.scopes == [(Scope::Installation, round)]), "{answers:?}");
        assert_eq!(state(&*store, "a").await.map(|(rev, _)| rev), Some(round));
    }
}

pub async fn a_scope_that_moved_on_is_refused(place: &impl Place) {
    let store = &*place.open().await;
    let looked_at = |rev| {
        Change::from(Parts { expects: vec![Expect::Scope(project(1), rev)], ..put(0, counter("a", 1)).into_parts() })
    };
    must_conflict(store, looked_at(1)).await;
    must(store, Change::from(Parts { touches: vec![project(1)], ..Parts::default() })).await;
    must_conflict(store, looked_at(0)).await;
    assert_eq!(state(store, "a").await, None);
    must(store, looked_at(1)).await;
    assert_eq!(state(store, "a").await, Some((1, 1)));
}

pub async fn of_two_changes_from_one_view_one_wins(place: &impl Place) {
    let store = place.open().await;
    for round in 0..20 {
        // Each writes a document of its own; only the scope says that they exclude each other.
        let tries = ["left", "right"].map(|side| {
            let store = store.clone();
            let mut change =
                Change::from(Parts { expects: vec![Expect::Scope(project(1), round)], ..Parts::default() });
            change.put(0, counter(&format!("{side}-{round}"), 1)).touch(project(1));
            tokio::spawn(async move { commit(&*store, change).await.is_ok() })
        });
        let won = join_all(tries).await.into_iter().filter(|done| *done.as_ref().unwrap()).count();
        assert_eq!(won, 1);
    }
}

pub async fn a_put_without_expectation_raises_the_revision(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([counter("a", 5)])).await;
    must(store, puts([counter("a", 6)])).await;
    assert_eq!(state(store, "a").await, Some((2, 6)));
}

pub async fn a_document_put_twice_is_written_once(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([counter("a", 1), counter("b", 1), counter("a", 2)])).await;
    assert_eq!(state(store, "a").await, Some((1, 2)));
    assert_eq!(state(store, "b").await, Some((1, 1)));
}

pub async fn deletes_remove_and_absent_ones_are_no_error(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([task(1, 1, "ready", 1.0, 1), counter("a", 1)])).await;
    let found = doc(store, &DocKey::new(Kind::Task, id(1))).await.unwrap();
    let mut change = Change::default();
    change.delete(&found).release("never-claimed".into());
    must(store, change.clone()).await;
    assert_eq!(doc(store, &DocKey::new(Kind::Task, id(1))).await, None);
    assert_eq!(ids(store, &Range::children(Kind::Task, id(1), 10)).await, Vec::<String>::new());
    assert_eq!(state(store, "a").await, Some((1, 1)));
    must_conflict(store, change).await;
    must(store, put(0, task(1, 1, "ready", 1.0, 1))).await;
    let again = doc(store, &DocKey::new(Kind::Task, id(1))).await.unwrap().rev;
    assert_eq!(again, 2, "a revision is never given twice");
}

/// Whoever still holds what was there must not take what came after it for the same.
pub async fn a_revision_is_never_used_again(place: &impl Place) {
    let store = &*place.open().await;
    let name = || DocKey::unique("slug:a");
    must(store, put(0, unique("slug:a", key_of("x")))).await;
    let mut release = Change::default();
    release.release("slug:a".into());
    must(store, release.clone()).await;
    must(store, put(0, unique("slug:a", key_of("y")))).await;
    let found = doc(store, &name()).await.unwrap();
    assert_eq!((found.rev, &found.body), (2, &unique("slug:a", key_of("y"))));
    must_conflict(store, put(1, unique("slug:a", key_of("z")))).await;
    must(store, put(2, unique("slug:a", key_of("z")))).await;
    must(store, release).await;
    must(store, puts([unique("slug:a", key_of("w"))])).await;
    assert_eq!(doc(store, &name()).await.unwrap().rev, 4);
}

/// A change that rests on a range holds only while the range finds exactly what it found.
pub async fn what_was_read_must_still_be_so(place: &impl Place) {
    let store = &*place.open().await;
    must(store, puts([comment(1, 7, 1), comment(2, 7, 2), unique("n", DocKey::new(Kind::Comment, id(1)))])).await;
    let seen = |n: u64, rev| (DocKey::new(Kind::Comment, id(n)), rev);
    let table = [
        (Range::children(Kind::Comment, id(7), 10), vec![seen(1, 1), seen(2, 1)]),
        (Range::children(Kind::Comment, id(7), 1), vec![seen(1, 1)]),
        (Range::children(Kind::Comment, id(8), 10), vec![]),
        (Range::unique("n"), vec![seen(1, 1)]),
        (Range::unique("m"), vec![]),
    ];
    let resting = |range: &Range, seen: &[(DocKey, u64)]| {
        let guard = Guard { range: range.clone(), seen: seen.to_vec() };
        Change::from(Parts { guards: vec![guard], ..puts([counter("a", 1)]).into_parts() })
    };
    for (range, seen) in &table {
        must(store, resting(range, seen)).await;
        let mut more = seen.clone();
        more.push((DocKey::new(Kind::Comment, id(3)), 1));
        must_conflict(store, resting(range, &more)).await;
        if let Some((key, rev)) = seen.first() {
            must_conflict(store, resting(range, &[(key.clone(), rev + 1)])).await;
            must_conflict(store, resting(range, &seen[1..])).await;
        }
    }
    let rev = state(store, "a").await.map(|(rev, _)| rev);
    assert_eq!(rev, Some(table.len() as u64), "a conflict writes nothing");
    // The change itself may touch what it rests on: the guard is about the state before it.
    let mut change = resting(&table[0].0, &table[0].1);
    change.overwrite(comment(3, 7, 3)).remove(DocKey::new(Kind::Comment, id(1)));
    must(store, change.clone()).await;
    must_conflict(store, change).await;
}

/// The ledger knows what was made and asked, whoever repeats the call with whatever.
pub async fn a_key_knows_what_was_made_and_asked(place: &impl Place) {
    let store = &*place.open().await;
    let key = key();
    assert_eq!(store.known(&key).await.unwrap(), None);
    let request = |n: u64| Some(Request { hash: id(n), decision: id(n + 1) });
    let mut change = Change::default();
    change.create(counter("a", 1)).touch(Scope::Installation);
    change.request = request(5);
    let first = store.commit(change, key.clone()).await.unwrap();
    assert_eq!((&first.made, first.request), (&Some(key_of("a")), request(5)));
    assert_eq!(store.known(&key).await.unwrap().as_ref(), Some(&first));
    let mut other = put(0, counter("b", 1));
    other.request = request(8);
    assert_eq!(store.commit(other, key).await.unwrap(), first);
}

pub async fn a_document_put_and_deleted_is_deleted(place: &impl Place) {
    let store = &*place.open().await;
    must(store, put(0, counter("a", 1))).await;
    let found = doc(store, &key_of("a")).await.unwrap();
    let mut change = put(1, counter("a", 2));
    change.delete(&found);
    must(store, change).await;
    assert_eq!(state(store, "a").await, None);
}

pub async fn a_scope_is_raised_once_per_change(place: &impl Place) {
    let store = &*place.open().await;
    let touches = vec![project(2), Scope::Loop, project(2), Scope::Installation];
    let done = must(store, Change::from(Parts { touches, ..Parts::default() })).await;
    assert_eq!(done.scopes, [(project(2), 1), (Scope::Loop, 1), (Scope::Installation, 1)]);
    assert_eq!(scope(store, project(2)).await, 1);
}

pub async fn a_line_of_the_log_is_written_once(place: &impl Place) {
    let store = &*place.open().await;
    let logged = |last, n| {
        Change::from(Parts { activity: vec![line(n, Some(1), 40)], ..puts([counter("a", last)]).into_parts() })
    };
    must(store, logged(1, 1)).await;
    must_conflict(store, logged(2, 1)).await;
    must(store, logged(3, 2)).await;
    assert_eq!(state(store, "a").await, Some((2, 3)));
    let all = Range::All { kind: Kind::Activity, after: None, limit: 10 };
    assert_eq!(ids(store, &all).await, [id(1).to_string(), id(2).to_string()]);
}

/// As a newer program wrote it, at the top and deeper.
pub async fn members_that_are_not_known_survive(place: &impl Place) {
    let store = &*place.open().await;
    let body = chat(1, 2, "Talk");
    let DocKey { kind, id } = body.key();
    let newer = serde_json::json!({ "chat": {
        "v": 1, "id": id, "project": super::docs::id(2), "title": "Talk", "created_at": 1, "updated_at": 1,
        "last": { "content": "Hi", "author": "dan", "created_at": 1, "lang": "fa" },
        "mood": { "now": u64::MAX, "then": [0.1, 2.5e-8, "\u{0}"] },
    }});
    let mut change = puts([body.clone()]);
    change.kept.insert(body.key(), newer.to_string().into());
    must(store, change).await;
    for (rev, title) in [(1, "Renamed"), (2, "Renamed again")] {
        let range = Range::doc(kind, &id);
        let read = store.read(&fetch([range.clone()])).await.unwrap().value;
        let seen = read.get(&range).unwrap()[0].clone();
        assert_eq!(seen.rev, rev);
        let kept: serde_json::Value =
            serde_json::from_str(seen.kept.as_deref().expect("it has strange members")).unwrap();
        assert_eq!(kept["chat"]["mood"], newer["chat"]["mood"]);
        assert_eq!(kept["chat"]["last"]["lang"], "fa");
        let mut change = put(rev, chat(1, 2, title));
        change.keep(&read);
        must(store, change).await;
    }
    let Some(seen) = doc(store, &body.key()).await else { panic!("it is there") };
    assert_eq!(seen.body, chat(1, 2, "Renamed again"));
}

pub async fn no_update_is_lost(place: &impl Place) {
    const WRITERS: u64 = 32;
    const EACH: u64 = 5;
    let store = place.open().await;
    let writers = (0..WRITERS).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..EACH {
                loop {
                    let (rev, last) = state(&*store, "a").await.unwrap_or((0, 0));
                    match commit(&*store, put(rev, counter("a", last + 1))).await {
                        Ok(_) => break,
                        Err(CommitError::Conflict(_)) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }
        })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    assert_eq!(state(&*store, "a").await, Some((WRITERS * EACH, WRITERS * EACH)));
    let answer = store.read(&fetch([Range::doc(Kind::Counter, "a")])).await.unwrap();
    assert_eq!((answer.version, count(&answer, "a")), (WRITERS * EACH, WRITERS * EACH));
}

pub async fn an_order_that_is_no_number_is_refused(place: &impl Place) {
    let store = &*place.open().await;
    let mut body = task(1, 1, "ready", 1.0, 1);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let clutch_domain::doc::Body::Task(task) = &mut body else { panic!("a task was made") };
        task.position = bad;
        let answer = commit(store, puts([counter("a", 1), body.clone()])).await;
        assert!(matches!(answer, Err(CommitError::Fault(_))), "{answer:?}");
    }
    assert_eq!(state(store, "a").await, None);
    assert_eq!(scope(store, Scope::Installation).await, 0);
}

pub async fn large_and_strange_text_survives(place: &impl Place) {
    let store = &*place.open().await;
    let strange = "a'b\"c%_\\ ; -- {} 名前 🦀 e\u{301} \u{202e}rtl \u{7f}\u{1} \u{ffff}";
    must(store, puts([counter(strange, 1), unique(strange, key_of(strange))])).await;
    assert_eq!(state(store, strange).await, Some((1, 1)));
    assert_eq!(ids(store, &Range::unique(strange)).await, [strange]);

    let large: String = "0123456789 ünïcödé 🦀\n".chars().cycle().take(700_000).collect();
    assert!(large.len() > 900_000 && large.len() <= clutch_domain::text::BODY_MAX);
    let body = titled(1, 1, "ready", 1.0, 1, strange, Some(&large));
    must(store, put(0, body.clone())).await;
    let found = doc(store, &DocKey::new(Kind::Task, id(1))).await.unwrap();
    assert!(found.body == body, "the large task came back changed");
    let words = Task::of(&found.body).and_then(|task| task.description.as_ref()).map(|words| words.as_str().len());
    assert_eq!(words, Some(large.len()));
}

pub async fn a_change_with_many_documents_is_one_change(place: &impl Place) {
    let store: Arc<dyn Store> = place.open().await;
    let column = |shift: f64| puts((0..500).map(|n| task(n, 1, "ready", n as f64 + shift, 1)));
    must(&*store, column(0.0)).await;
    must(&*store, column(0.5)).await;
    let range = Range::children(Kind::Task, id(1), 1_000);
    let found = super::read(&*store, &range).await;
    assert_eq!(found.len(), 500);
    assert_eq!(found.iter().map(|doc| doc.rev).collect::<BTreeSet<_>>(), BTreeSet::from([2]));
}
