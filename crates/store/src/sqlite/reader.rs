//! Reader threads: each has a connection of its own that cannot write.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{Builder, JoinHandle},
};

use clutch_domain::range::{Docs, Fetch, Versioned};
use clutch_orchestrator::store::{Committed, Fault, IdempotencyKey};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use super::{STATEMENTS_CACHED, rows, sql};
use crate::cache::Cache;

/// Reads that may wait for a reader; more wait where they were asked for.
const READ_QUEUE: usize = 256;

/// One read that waits for a reader.
pub(super) enum ReadJob {
    /// Documents.
    Docs(Fetch, Reply<Versioned<Docs>>),
    /// Documents, and the number of the last commit that is in them.
    Live(Fetch, Reply<(u64, Versioned<Docs>)>),
    /// A row of the ledger.
    Known(IdempotencyKey, Reply<Option<Committed>>),
}

type Reply<T> = oneshot::Sender<Result<T, Fault>>;

/// Starts `count` readers on an existing database. They end when all senders are gone.
pub(super) fn start(
    path: &Path,
    count: usize,
    cache: &Arc<Cache>,
) -> Result<(mpsc::Sender<ReadJob>, Vec<JoinHandle<()>>), Fault> {
    let (send, receive) = mpsc::channel(READ_QUEUE);
    let receive = Arc::new(Mutex::new(receive));
    let mut threads = Vec::with_capacity(count);
    for n in 0..count {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(|e| rows::fault(path, &e))?;
        db.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        let (path, receive, cache) = (path.to_path_buf(), receive.clone(), cache.clone());
        let thread = Builder::new()
            .name(format!("clutch-read-{n}"))
            .spawn(move || run(&db, &path, &cache, &receive))
            .map_err(|e| Fault::new(format!("No thread could be started for reading the database: {e}")))?;
        threads.push(thread);
    }
    Ok((send, threads))
}

fn run(db: &Connection, path: &Path, cache: &Cache, receive: &Mutex<mpsc::Receiver<ReadJob>>) {
    loop {
        // The lock is held while waiting: idle readers queue up at it, one of them at the channel.
        let job = receive.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        // Where nobody waits any more there is nothing to do.
        match job {
            None => return,
            Some(ReadJob::Docs(fetch, reply)) if !reply.is_closed() => {
                let _ = reply.send(unbroken(db, path, || in_transaction(db, cache, &fetch).map(|(_, docs)| docs)));
            }
            Some(ReadJob::Live(fetch, reply)) if !reply.is_closed() => {
                let _ = reply.send(unbroken(db, path, || in_transaction(db, cache, &fetch)));
            }
            Some(ReadJob::Known(key, reply)) => {
                let _ = reply.send(unbroken(db, path, || rows::known(db, &key)));
            }
            Some(ReadJob::Docs(..) | ReadJob::Live(..)) => {}
        }
    }
}

/// A panic costs one read, never the thread: three of them would end all reading.
fn unbroken<T>(db: &Connection, path: &Path, read: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(read)).map(|answer| answer.map_err(|e| rows::fault(path, &e))).unwrap_or_else(|_| {
        roll_back(db);
        Err(Fault::new("Reading the database broke off; the log says where."))
    })
}

/// Leaves no transaction behind, which would keep the next read in the past.
fn roll_back(db: &Connection) {
    if !db.is_autocommit()
        && let Err(error) = db.prepare_cached(sql::ROLLBACK).and_then(|mut end| end.execute([]))
    {
        tracing::error!(%error, "a read that broke off could not be ended");
    }
}

fn in_transaction(db: &Connection, cache: &Cache, fetch: &Fetch) -> rusqlite::Result<(u64, Versioned<Docs>)> {
    let sight = cache.sight();
    db.prepare_cached(sql::BEGIN_READ)?.execute([])?;
    #[cfg(test)]
    tests::break_off(fetch);
    let answer = rows::number(db).and_then(|number| Ok((number, rows::read(db, sight, fetch)?)));
    if !db.is_autocommit() {
        db.prepare_cached(sql::ROLLBACK)?.execute([])?;
    }
    answer
}

/// Asks a reader and waits for its answer.
pub(super) async fn ask(readers: &mpsc::Sender<ReadJob>, fetch: Fetch) -> Result<Versioned<Docs>, Fault> {
    answered(readers, |reply| ReadJob::Docs(fetch, reply)).await
}

/// Asks a reader for a live read: documents, and the number of the last commit that is in them.
pub(super) async fn live(readers: &mpsc::Sender<ReadJob>, fetch: Fetch) -> Result<(u64, Versioned<Docs>), Fault> {
    answered(readers, |reply| ReadJob::Live(fetch, reply)).await
}

/// Asks a reader what the ledger knows of a key.
pub(super) async fn known(readers: &mpsc::Sender<ReadJob>, key: IdempotencyKey) -> Result<Option<Committed>, Fault> {
    answered(readers, |reply| ReadJob::Known(key, reply)).await
}

async fn answered<T>(readers: &mpsc::Sender<ReadJob>, job: impl FnOnce(Reply<T>) -> ReadJob) -> Result<T, Fault> {
    let (reply, answer) = oneshot::channel();
    let sent = readers.send(job(reply)).await.is_ok();
    match answer.await {
        Ok(answer) if sent => answer,
        _ => Err(Fault::new("The database is closed.")),
    }
}

#[cfg(test)]
mod tests {
    use clutch_domain::{
        doc::Kind,
        range::{Fetch, Range},
    };
    use clutch_orchestrator::store::Store;

    use super::super::SqliteStore;

    const BREAKS: &str = "breaks-off";

    /// Stands for a mistake of ours in reading.
    pub(super) fn break_off(fetch: &Fetch) {
        let breaks = Range::doc(Kind::Counter, BREAKS);
        assert!(!fetch.ranges.contains(&breaks), "broken off as the test wants it");
    }

    #[tokio::test]
    async fn a_panic_costs_one_read_and_no_reader() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).unwrap();
        let fetch = |id: &str| Fetch { scopes: Vec::new(), ranges: vec![Range::doc(Kind::Counter, id)] };
        for _ in 0..20 {
            let fault = store.read(&fetch(BREAKS)).await.unwrap_err();
            assert!(fault.what.contains("broke off"), "{fault}");
            assert!(store.read(&fetch("other")).await.unwrap().value.is_empty());
        }
    }
}
