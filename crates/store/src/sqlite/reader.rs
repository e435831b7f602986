//! Reads: each on a connection that cannot write. Large ones are done by threads of their own, so that they keep
//! nobody up; a small one takes less than handing it on, and is done where it is asked for.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, TryLockError},
    thread::{Builder, JoinHandle},
};

use clutch_domain::range::{Docs, Fetch, Range, Versioned};
use clutch_orchestrator::store::{Committed, Fault, IdempotencyKey};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use super::{open, rows, sql};
use crate::{cache::Cache, ranges};

/// Reads that may wait for a reader; more wait where they were asked for.
const READ_QUEUE: usize = 256;

/// Documents that a small read may find.
const SMALL: usize = 96;

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
        let db = connect(path)?;
        let (path, receive, cache) = (path.to_path_buf(), receive.clone(), cache.clone());
        let thread = Builder::new()
            .name(format!("clutch-read-{n}"))
            .spawn(move || run(&db, &path, &cache, &receive))
            .map_err(|e| Fault::new(format!("No thread could be started for reading the database: {e}")))?;
        threads.push(thread);
    }
    Ok((send, threads))
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|e| rows::fault(path, &e))?;
    open::prepare(&db).map_err(|e| rows::fault(path, &e))?;
    Ok(db)
}

/// Small reads, done at once by whoever asks.
pub(super) struct Near {
    db: Mutex<Connection>,
    path: PathBuf,
    cache: Arc<Cache>,
}

impl Near {
    /// On an existing database.
    pub(super) fn open(path: &Path, cache: &Arc<Cache>) -> Result<Self, Fault> {
        Ok(Self { db: Mutex::new(connect(path)?), path: path.to_path_buf(), cache: cache.clone() })
    }

    /// The answer to a small read; `None` where it is none, or somebody else is reading here.
    pub(super) fn read(&self, fetch: &Fetch) -> Option<Result<Versioned<Docs>, Fault>> {
        let most = fetch.ranges.iter().fold(0_usize, |sum, range| sum.saturating_add(ranges::limit(range)));
        if most > SMALL {
            return None;
        }
        self.with(|db| docs(db, &self.cache, fetch))
    }

    /// What the ledger knows of a key; `None` where somebody else is reading here.
    pub(super) fn known(&self, key: &IdempotencyKey) -> Option<Result<Option<Committed>, Fault>> {
        self.with(|db| rows::known(db, key))
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<Result<T, Fault>> {
        let db = match self.db.try_lock() {
            Ok(db) => db,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(unbroken(&db, &self.path, || read(&db)))
    }
}

fn run(db: &Connection, path: &Path, cache: &Cache, receive: &Mutex<mpsc::Receiver<ReadJob>>) {
    loop {
        // The lock is held while waiting: idle readers queue up at it, one of them at the channel.
        let job = receive.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        // Where nobody waits any more there is nothing to do.
        match job {
            None => return,
            Some(ReadJob::Docs(fetch, reply)) if !reply.is_closed() => {
                let _ = reply.send(unbroken(db, path, || docs(db, cache, &fetch)));
            }
            Some(ReadJob::Live(fetch, reply)) if !reply.is_closed() => {
                let _ = reply.send(unbroken(db, path, || live_docs(db, cache, &fetch)));
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

fn docs(db: &Connection, cache: &Cache, fetch: &Fetch) -> rusqlite::Result<Versioned<Docs>> {
    let sight = cache.sight();
    #[cfg(test)]
    tests::break_off(fetch);
    // One statement sees one moment by itself.
    if let (true, [Range::Doc { .. }]) = (fetch.scopes.is_empty(), fetch.ranges.as_slice()) {
        return rows::read(db, sight, fetch);
    }
    in_transaction(db, || rows::read(db, sight, fetch))
}

/// Documents, and the number of the last commit that is in them.
fn live_docs(db: &Connection, cache: &Cache, fetch: &Fetch) -> rusqlite::Result<(u64, Versioned<Docs>)> {
    let sight = cache.sight();
    in_transaction(db, || Ok((rows::number(db)?, rows::read(db, sight, fetch)?)))
}

fn in_transaction<T>(db: &Connection, read: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    db.prepare_cached(sql::BEGIN_READ)?.execute([])?;
    let answer = read();
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
