//! `SqliteStore`: one file in the data folder, no service to run.
//!
//! One writer thread, a few reader threads for what is not read at once, live reads woken by the writer after COMMIT.
//! Write-ahead log, `synchronous=FULL`: what was answered survives a crash and a power cut.

mod feed;
mod lock;
mod open;
mod queue;
mod reader;
mod rows;
mod sql;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use clutch_domain::{
    change::Change,
    range::{Docs, Fetch, Versioned},
};
use clutch_orchestrator::store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Outlook, Pending, Store};
use futures_util::future::ready;
use tokio::sync::mpsc;

pub use self::open::OpenError;
use self::{
    feed::Feed,
    lock::FolderLock,
    queue::Queue,
    reader::{Near, ReadJob},
    writer::{WriteJob, Writer},
};
use crate::{cache::Cache, ranges, wakes::Wakes};

/// The database's file in the data folder.
pub const DATABASE_FILE: &str = "clutch.db";

/// Prepared statements that a connection keeps: all that there are.
const STATEMENTS_CACHED: usize = 64;

/// Settings of a [`SqliteStore`]; the defaults are right for serving.
#[derive(Clone, Debug)]
pub struct Options {
    /// Reader threads, at least one.
    pub readers: usize,
    /// How long an idempotency key is remembered.
    pub ledger_kept: Duration,
    /// Most pages (4,096 bytes each) that the database may have. Beyond it a commit answers as on a full disk.
    pub max_pages: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 3, ledger_kept: Duration::from_secs(24 * 60 * 60), max_pages: None }
    }
}

/// Keeps documents in SQLite.
///
/// Reads and commits need no particular runtime; a watch paces itself with tokio's timer. When reading
/// fails, a watch says `Away` once, tries again by itself, and then repeats its answer even if it is
/// equal: that is how its owner learns that the engine is back.
///
/// A commit is applied once it was handed over, also when the caller stops waiting for its answer.
///
/// Dropping it ends its threads after everything that waits is written and answered, folds the
/// write-ahead log into the file and gives the folder free. That takes some milliseconds.
pub struct SqliteStore {
    path: PathBuf,
    wakes: Wakes,
    cache: Arc<Cache>,
    queue: Arc<Queue>,
    feed: Arc<Feed>,
    // Options only so that `drop` can let go of them before it waits for the threads.
    writer: Option<mpsc::Sender<WriteJob>>,
    readers: Option<mpsc::Sender<ReadJob>>,
    near: Option<Near>,
    writing: Option<JoinHandle<()>>,
    reading: Vec<JoinHandle<()>>,
    // The last field: the folder is free only after the threads are gone.
    _lock: FolderLock,
}

impl SqliteStore {
    /// Opens the database in `dir`; makes both where they are missing. Blocks for some milliseconds.
    ///
    /// # Errors
    /// See [`OpenError`]: each sentence says what to do.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, &Options::default())
    }

    /// As [`open`](Self::open), with other settings.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        std::fs::create_dir_all(dir).map_err(|e| OpenError::Folder { dir: dir.to_path_buf(), why: e.to_string() })?;
        let lock = lock::take(dir)?;
        let path = dir.join(DATABASE_FILE);
        let db = open::open(&path, options.max_pages)?;
        let failed = |fault: Fault| OpenError::Database { path: path.clone(), why: fault.what };
        let (wakes, cache, queue) = (Wakes::default(), Arc::new(Cache::default()), Arc::new(Queue::default()));
        let feed = Arc::new(Feed::default());
        let (readers, reading) = reader::start(&path, options.readers.max(1), &cache).map_err(failed)?;
        let near = Near::open(&path, &cache).map_err(failed)?;
        let writer = Writer {
            db,
            path: path.clone(),
            wakes: wakes.clone(),
            cache: cache.clone(),
            queue: queue.clone(),
            feed: feed.clone(),
            ledger_kept: options.ledger_kept,
        };
        let (writer, writing) = writer.start().map_err(failed)?;
        Ok(Self {
            path,
            wakes,
            cache,
            queue,
            feed,
            writer: Some(writer),
            readers: Some(readers),
            near: Some(near),
            writing: Some(writing),
            reading,
            _lock: lock,
        })
    }

    /// The database's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Readers first: the log can only be folded in whole when nobody reads from it.
        drop((self.readers.take(), self.near.take()));
        let broken = self.reading.drain(..).map(JoinHandle::join).filter(Result::is_err).count();
        drop(self.writer.take());
        let writer_broke = self.writing.take().is_some_and(|thread| thread.join().is_err());
        if broken > 0 || writer_broke {
            tracing::error!(readers = broken, writer = writer_broke, "threads of the database had panicked");
        }
    }
}

fn closed() -> Fault {
    Fault::new("The database is closed.")
}

#[async_trait]
impl Store for SqliteStore {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        ranges::served(fetch)?;
        if let Some(answer) = self.near.as_ref().and_then(|near| near.read(fetch)) {
            return answer;
        }
        let readers = self.readers.as_ref().ok_or_else(closed)?;
        reader::ask(readers, fetch.clone()).await
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        if let Some(answer) = self.near.as_ref().and_then(|near| near.known(key)) {
            return answer;
        }
        let readers = self.readers.as_ref().ok_or_else(closed)?;
        reader::known(readers, key.clone()).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        let writer = self.writer.as_ref().ok_or_else(closed)?;
        writer::answered(writer::hand_over(writer, &self.queue, change, key, None).await?).await
    }

    fn outlook(&self) -> Outlook {
        self.queue.outlook()
    }

    async fn look(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        if self.queue.raises(&fetch.scopes) {
            // Which revision a scope will have is not known before it has it.
            self.queue.drained().await;
        }
        let Some(over) = self.queue.over(fetch) else { return self.read(fetch).await };
        let committed = over.committed();
        let read = match committed == Fetch::default() {
            true => Versioned { version: 0, scopes: Vec::new(), value: Docs::default() },
            false => self.read(&committed).await?,
        };
        let (mut answer, open) = over.answer(&read);
        // What a name leads to is known only now. That this is another moment does no harm: the change that rests on
        // it tells what it has seen.
        for (asked, leads_to) in open {
            let found = Box::pin(self.look(&Fetch { scopes: Vec::new(), ranges: vec![leads_to.clone()] })).await?;
            answer.value.insert(&asked, found.value.get(&leads_to).unwrap_or_default().to_vec());
        }
        Ok(answer)
    }

    async fn hand_over(&self, change: Change, key: IdempotencyKey, outlook: Outlook) -> Pending {
        let Some(writer) = &self.writer else { return Box::pin(ready(Err(closed().into()))) };
        match writer::hand_over(writer, &self.queue, change, key, Some(outlook)).await {
            Ok(answer) => Box::pin(writer::answered(answer)),
            Err(refused) => Box::pin(ready(Err(refused))),
        }
    }

    async fn settled(&self, outlook: Outlook) -> bool {
        self.queue.drained().await;
        self.queue.holds(outlook)
    }

    fn under_way(&self, key: &IdempotencyKey) -> bool {
        self.queue.has(key)
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        if let Some(refused) = ranges::refused(&fetch) {
            return refused;
        }
        let readers = self.readers.as_ref().map_or_else(|| mpsc::channel(1).0.downgrade(), mpsc::Sender::downgrade);
        let wake = self.wakes.register(&fetch.scopes);
        watch::watch(readers, fetch, wake, self.feed.watch(), self.cache.clone())
    }

    /// The folder's lock makes sure of it.
    fn sole_writer(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("SQLite, {}", self.path.display())
    }
}
