//! A data folder of the program before bodies had versions: it opens, reads, and is worked on.

#![allow(clippy::unwrap_used)]

mod before_data;
mod under_way;

use std::sync::Arc;

use clutch_store::{OpenError, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

/// The folder of then.
fn then() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(before_data::file("clutch.db"), dir.path().join("clutch.db")).unwrap();
    dir
}

#[tokio::test]
async fn a_folder_of_before_is_gone_on_with() {
    let dir = then();
    for _ in 0..2 {
        // The second time it was opened before: what an upgrade does is done once.
        let office = before_data::office(Arc::new(SqliteStore::open(dir.path()).unwrap()));
        before_data::upgraded(&office).await;
        before_data::everything_reads(&office).await;
        before_data::the_loop_goes_on(&office).await;
    }
    let office = before_data::office(Arc::new(SqliteStore::open(dir.path()).unwrap()));
    before_data::one_can_work_on(&office).await;
    drop(office);
    let db = Connection::open(dir.path().join("clutch.db")).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM docs WHERE kind = 'notification'"), 0);
    assert_eq!(
        count("SELECT count(*) FROM docs WHERE kind = 'run' AND status NOT IN ('working', 'waiting', 'ended')"),
        0
    );
    assert_eq!(count("SELECT count(*) FROM docs WHERE kind = 'task' AND body LIKE '%escalated%'"), 0);
    assert!(count("SELECT count(*) FROM docs WHERE kind = 'counts' AND body LIKE '%\"ready\":%'") > 0);
}

#[tokio::test]
async fn what_a_newer_program_wrote_spoils_nothing() {
    let dir = then();
    drop(SqliteStore::open(dir.path()).unwrap());
    let ids = {
        let db = Connection::open(dir.path().join("clutch.db")).unwrap();
        let id = |title: &str| {
            let like = format!("%\"title\":\"{title}\"%");
            let sql = "SELECT id FROM docs WHERE kind = 'task' AND body LIKE ?1";
            db.query_row(sql, [like], |row| row.get::<_, String>(0)).unwrap()
        };
        let (newer, damaged) = (id("Backlog 1"), id("In review 2"));
        let set = "UPDATE docs SET body = ?2 WHERE kind = 'task' AND id = ?1";
        db.execute(set, [&newer, "{\"task\":{\"v\":9,\"shape\":\"quite another\"}}"]).unwrap();
        db.execute(set, [&damaged, "{\"task\":{\"id\":"]).unwrap();
        [newer, damaged].map(|id| id.parse().unwrap())
    };
    let office = before_data::office(Arc::new(SqliteStore::open(dir.path()).unwrap()));
    before_data::upgraded(&office).await;
    let [newer, damaged] = ids;
    before_data::what_cannot_be_read_spoils_nothing(&office, newer, damaged).await;
    drop(office);
    let db = Connection::open(dir.path().join("clutch.db")).unwrap();
    let left = "SELECT count(*) FROM docs WHERE body LIKE '%quite another%' OR body = '{\"task\":{\"id\":'";
    assert_eq!(db.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 2, "they are left as they are");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_under_way_in_a_folder_of_before_goes_on() {
    let dir = then();
    under_way::goes_on(before_data::office(Arc::new(SqliteStore::open(dir.path()).unwrap()))).await;
}

#[test]
fn a_folder_of_a_newer_program_is_refused_in_words() {
    let dir = then();
    let db = Connection::open(dir.path().join("clutch.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let error = SqliteStore::open(dir.path()).err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("was written by a newer OpenClutch"), "{error}");
}
