//! The contract for `SqliteStore`, and what only a store on a disk can do: come back, fill up, be something else.

#![allow(clippy::unwrap_used)]

mod contract;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clutch_domain::{
    change::Change,
    doc::{DocKey, Kind, Scope},
    range::Range,
};
use clutch_orchestrator::store::{CommitError, Store};
use clutch_store::{OpenError, Options, SqliteStore};
use contract::{
    Place, commit, count, doc,
    docs::{counter, id, task, titled},
    fetch, ids, key, must, must_conflict, put, puts, scope, soon,
};
use futures_util::{FutureExt, StreamExt, future::join_all};
use tempfile::TempDir;

struct Folder(TempDir);

#[async_trait]
impl Place for Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.0.path()).unwrap())
    }
}

contract::contract!(Folder);

fn with(dir: &TempDir, options: Options) -> SqliteStore {
    SqliteStore::open_with(dir.path(), &options).unwrap()
}

#[tokio::test]
async fn a_restart_finds_everything() {
    let place = Folder::new();
    let repeated = key();
    let store = place.open().await;
    let first = store.commit(put(0, counter("a", 1)), repeated.clone()).await.unwrap();
    must(&*store, puts([task(1, 1, "ready", 0.1 + 0.2, 9)])).await;
    let before = store.read(&fetch([Range::doc(Kind::Task, id(1))])).await.unwrap();
    drop(store);

    let store = place.open().await;
    assert_eq!(store.read(&fetch([Range::doc(Kind::Task, id(1))])).await.unwrap(), before);
    assert_eq!(store.commit(put(0, counter("a", 1)), repeated).await.unwrap(), first, "the key is still known");
    must_conflict(&*store, put(0, counter("a", 2))).await;
    let done = must(&*store, put(1, counter("a", 2))).await;
    assert_eq!(done.scopes, [(Scope::Installation, 3)]);
}

#[tokio::test]
async fn closing_folds_the_log_in_and_answers_what_waits() {
    let place = Folder::new();
    let store = place.open().await;
    let waiting: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { must(&*store, puts([counter(&n.to_string(), n)])).await })
        })
        .collect();
    drop(store);
    for answer in join_all(waiting).await {
        answer.unwrap();
    }
    let left: Vec<_> = std::fs::read_dir(place.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "clutch.db" || name == "lock"), "{left:?}");
    let store = place.open().await;
    assert_eq!(scope(&*store, Scope::Installation).await, 100);
}

#[tokio::test]
async fn a_watch_outlives_its_store_and_says_so_once() {
    let place = Folder::new();
    let store = place.open().await;
    let mut live = store.watch(fetch([Range::doc(Kind::Counter, "a")]));
    live.next().await.unwrap().unwrap();
    must(&*store, puts([counter("a", 1)])).await;
    drop(store);
    let away = soon("the watch notices", live.next()).await.unwrap().unwrap_err();
    assert!(away.since.0 > 0 && away.why.contains("closed"), "{away:?}");
    // The folder is free although the stream is still held.
    let _again = place.open().await;
    assert!(live.next().now_or_never().is_none());
}

#[tokio::test]
async fn old_keys_are_forgotten_at_opening_and_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let shortly = || Options { ledger_kept: Duration::ZERO, ..Options::default() };
    let (one, two) = (key(), key());
    let once = || put(0, counter("a", 1));
    let store = with(&dir, Options::default());
    let first = store.commit(once(), one.clone()).await.unwrap();
    drop(store);

    let store = with(&dir, Options::default());
    assert_eq!(store.commit(once(), one.clone()).await, Ok(first), "a day is not over");
    drop(store);

    let store = Arc::new(with(&dir, shortly()));
    assert!(matches!(store.commit(once(), one).await, Err(CommitError::Conflict(_))), "forgotten at opening");
    store.commit(put(0, counter("b", 1)), two.clone()).await.unwrap();
    join_all((0..600).map(|n| {
        let store = store.clone();
        async move { must(&*store, puts([counter("c", n)])).await }
    }))
    .await;
    assert!(matches!(store.commit(put(0, counter("b", 1)), two).await, Err(CommitError::Conflict(_))), "and later");
}

fn large(n: u64) -> Change {
    puts([titled(n, 1, "ready", n as f64, 1, "Large", Some(&"x".repeat(200_000)))])
}

#[tokio::test]
async fn a_full_disk_is_reported_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let full = || Options { max_pages: Some(300), ..Options::default() };
    let store = Arc::new(with(&dir, full()));
    let mut live = store.watch(fetch([Range::children(Kind::Task, id(1), 50)]));
    live.next().await.unwrap().unwrap();
    let mut confirmed = Vec::new();
    let refused = loop {
        let n = confirmed.len() as u64;
        match commit(&*store, large(n)).await {
            Ok(_) => confirmed.push(id(n).to_string()),
            Err(refused) => break refused,
        }
        assert!(confirmed.len() < 20, "the cap is at 1.2 MB");
    };
    assert!(confirmed.len() > 2);
    let CommitError::Fault(fault) = refused else { panic!("{refused:?}") };
    assert!(fault.what.contains("disk is full") && fault.what.contains("clutch.db"), "{}", fault.what);

    // Small changes that share a transaction with one that does not fit are none the worse.
    let crowd = (0..80_u64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut change = puts([counter("small", n)]);
            if n % 40 == 39 {
                // What was written before the part that does not fit must go with it.
                change.overwrite(counter("half", n));
                large(1_000 + n).puts().for_each(|body| _ = change.overwrite(body.clone()));
                change.touches.push(Scope::Loop);
            }
            commit(&*store, change).await.is_ok()
        })
    });
    let answers: Vec<bool> = join_all(crowd).await.into_iter().map(Result::unwrap).collect();
    for (n, saved) in answers.into_iter().enumerate() {
        assert_eq!(saved, n % 40 != 39, "commit {n}");
    }
    assert_eq!(doc(&*store, &DocKey::new(Kind::Counter, "half")).await, None);
    assert_eq!(scope(&*store, Scope::Loop).await, 0);
    let tasks = Range::children(Kind::Task, id(1), 50);
    assert_eq!(ids(&*store, &tasks).await, confirmed);
    assert_eq!(soon("the watch goes on", live.next()).await.unwrap().unwrap().value.len(), confirmed.len());

    // Space returns.
    let first = doc(&*store, &DocKey::new(Kind::Task, id(0))).await.unwrap();
    let mut change = Change::default();
    change.delete(&first).touch(Scope::Installation);
    must(&*store, change).await;
    must(&*store, large(500)).await;
    drop((store, live));

    let store = with(&dir, Options::default());
    must(&store, large(501)).await;
    let expected: Vec<String> = confirmed.into_iter().skip(1).chain([500, 501].map(|n| id(n).to_string())).collect();
    assert_eq!(ids(&store, &tasks).await, expected);
    let answer = store.read(&fetch([Range::doc(Kind::Counter, "small")])).await.unwrap();
    assert!(count(&answer, "small") < 80);
}

#[tokio::test]
async fn a_folder_is_opened_once() {
    let place = Folder::new();
    let store = place.open().await;
    let refused = SqliteStore::open(place.0.path()).err().unwrap();
    assert!(matches!(refused, OpenError::Locked { holder, .. } if holder == Some(std::process::id())), "{refused:?}");
    must(&*store, puts([counter("a", 1)])).await;
    drop(store);
    place.open().await;
}

#[tokio::test]
async fn other_files_are_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clutch.db");
    let words = "these are my notes about birds, nobody may write here\n".repeat(200);
    std::fs::write(&file, &words).unwrap();
    let refused = SqliteStore::open(dir.path()).err().unwrap();
    assert!(matches!(refused, OpenError::NotOurs { .. }), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), words);

    std::fs::remove_file(&file).unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE birds (name TEXT); PRAGMA user_version = 3").unwrap();
    drop(other);
    let before = std::fs::read(&file).unwrap();
    let refused = SqliteStore::open(dir.path()).err().unwrap();
    assert!(refused.to_string().contains("is not a database of OpenClutch"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_newer_database_is_not_touched() {
    let place = Folder::new();
    drop(place.open().await);
    let file = place.0.path().join("clutch.db");
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let before = std::fs::read(&file).unwrap();
    let refused = SqliteStore::open(place.0.path()).err().unwrap();
    let OpenError::Newer { found: 99, known, .. } = refused else { panic!("{refused:?}") };
    let words = format!("newer OpenClutch (schema 99, this program knows up to {known})");
    assert!(refused.to_string().contains(&words), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = SqliteStore::open(&file.join("data")).err().unwrap();
    assert!(matches!(refused, OpenError::Folder { .. }), "{refused:?}");
    assert!(refused.to_string().contains("file/data"), "{refused}");
}

#[tokio::test]
async fn it_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("deep/data")).unwrap();
    assert!(store.sole_writer());
    assert_eq!(store.describe(), format!("SQLite, {}", dir.path().join("deep/data/clutch.db").display()));
    assert_eq!(store.path(), dir.path().join("deep/data/clutch.db"));
}

/// The log starts again from its beginning only when no reader needs what is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_small_while_somebody_always_reads() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
    must(&*store, puts((0..300).map(|n| task(n, 1, "ready", n as f64, 1)))).await;
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let column = fetch([Range::children(Kind::Task, id(1), 300)]);
                loop {
                    store.read(&column).await.unwrap();
                }
            })
        })
        .collect();
    let mut most = 0;
    for n in 0..200 {
        must(&*store, large(n % 4)).await;
        most = most.max(std::fs::metadata(dir.path().join("clutch.db-wal")).unwrap().len());
    }
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    // 40 MB were written.
    assert!(most < 20 << 20, "the log grew to {} MB", most >> 20);
}

#[tokio::test]
async fn a_change_that_the_database_refuses_leaves_nothing_and_hurts_nobody() {
    let place = Folder::new();
    let store = place.open().await;
    let outside = rusqlite::Connection::open(place.0.path().join("clutch.db")).unwrap();
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON docs WHEN new.id = 'bad' BEGIN SELECT RAISE(ABORT, 'not this'); END";
    outside.execute_batch(refuse).unwrap();
    let crowd = (0..64_u64).map(|n| {
        let store = store.clone();
        async move {
            let bad = n % 8 == 7;
            let second = if bad { counter("bad", n) } else { counter("good", n) };
            (bad, commit(&*store, puts([counter(&format!("first-{n}"), n), second])).await)
        }
    });
    for (n, (bad, answer)) in join_all(crowd).await.into_iter().enumerate() {
        let first = doc(&*store, &DocKey::new(Kind::Counter, format!("first-{n}"))).await;
        assert_eq!((answer.is_err(), first.is_none()), (bad, bad), "commit {n}: {answer:?}");
        if let Err(refused) = answer {
            assert!(matches!(&refused, CommitError::Fault(fault) if fault.what.contains("not this")), "{refused:?}");
        }
    }
    assert_eq!(scope(&*store, Scope::Installation).await, 56);
}
