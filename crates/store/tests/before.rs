//! A data folder of the program before bodies had versions: it opens, reads, and is worked on.

#![allow(clippy::unwrap_used)]

mod before_data;

use std::sync::Arc;

use clutch_store::SqliteStore;

#[tokio::test]
async fn a_folder_of_before_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(before_data::file("clutch.db"), dir.path().join("clutch.db")).unwrap();
    for _ in 0..2 {
        // The second time it was opened before: what an upgrade does is done once.
        let office = before_data::office(Arc::new(SqliteStore::open(dir.path()).unwrap()));
        before_data::everything_reads(&office).await;
        before_data::the_loop_goes_on(&office).await;
    }
    let office = before_data::office(Arc::new(SqliteStore::open(dir.path()).unwrap()));
    before_data::one_can_work_on(&office).await;
}
