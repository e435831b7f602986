//! The finished past costs nothing: the embedded engines read as many documents with 20,000 finished
//! tasks as with sixty. (That SQLite looks at no more rows than it returns is shown by its plans.)

#![allow(clippy::unwrap_used)]

mod contract;
mod history;

use clutch_orchestrator::store::Store;
use clutch_store::{MemoryStore, SqliteStore};
use history::{PAST, SHORT, board, past, present, world};

async fn reads_do_not_grow(store: &dyn Store) {
    present(store).await;
    past(store, 0, SHORT).await;
    let short = (board(store).await.value.len(), world(store).await.value.len());
    past(store, SHORT, PAST).await;
    let long = (board(store).await.value.len(), world(store).await.value.len());
    assert_eq!(long, short, "documents of the board and of the loop's world");
}

#[tokio::test]
async fn memory_reads_what_is_open() {
    reads_do_not_grow(&MemoryStore::new()).await;
}

#[tokio::test]
async fn sqlite_reads_what_is_open() {
    let dir = tempfile::tempdir().unwrap();
    reads_do_not_grow(&SqliteStore::open(dir.path()).unwrap()).await;
}
