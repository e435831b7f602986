//! Live reads: one stream, no task and no thread of its own. They read once; after that they take what is committed
//! into their answer, and read again when they come too late for that, or when the answer does not tell what follows.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clutch_domain::{
    range::{Docs, Fetch, Versioned},
    time::Millis,
};
use clutch_orchestrator::store::{Away, Fault, LiveDocs};
use futures_util::stream;
use tokio::{
    sync::mpsc::WeakSender,
    time::{Instant, sleep, sleep_until},
};

use super::{
    feed::{self, Watcher},
    reader::{ReadJob, live},
};
use crate::{cache::Cache, wakes::Wake};

/// Shortest time between two answers of one live query: about one frame of a screen.
const PACE: Duration = Duration::from_millis(16);
/// Pause before a failed read is repeated; doubled up to [`RETRY_MOST`].
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Longest pause before a failed read is repeated.
const RETRY_MOST: Duration = Duration::from_secs(5);

struct Live {
    /// Weak: a forgotten stream must not keep the database open.
    readers: WeakSender<ReadJob>,
    fetch: Fetch,
    wake: Wake,
    feed: Watcher,
    cache: Arc<Cache>,
    last: Option<Arc<Versioned<Docs>>>,
    /// Number of the last commit that is in `last`.
    number: u64,
    last_read: Option<Instant>,
    away: Option<Trouble>,
}

struct Trouble {
    since: Millis,
    pause: Duration,
}

/// The system's clock; the adapter has no other.
pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

pub(super) fn watch(
    readers: WeakSender<ReadJob>,
    fetch: Fetch,
    wake: Wake,
    feed: Watcher,
    cache: Arc<Cache>,
) -> LiveDocs {
    let live = Live { readers, fetch, wake, feed, cache, last: None, number: 0, last_read: None, away: None };
    Box::pin(stream::unfold(live, |mut live| async move {
        let item = live.next().await;
        Some((item, live))
    }))
}

impl Live {
    async fn next(&mut self) -> Result<Arc<Versioned<Docs>>, Away> {
        loop {
            if let Some(trouble) = &mut self.away {
                sleep(trouble.pause).await;
                trouble.pause = (trouble.pause * 2).min(RETRY_MOST);
            } else if let Some(read) = self.last_read {
                self.wake.woken().await;
                sleep_until(read + PACE).await;
            }
            self.last_read = Some(Instant::now());
            let docs = match self.patched() {
                Some(docs) => Ok(docs),
                None => self.read().await,
            };
            match docs {
                Ok((number, docs)) => {
                    self.number = number;
                    // After a time away the same answer is news too: it says that the engine is back.
                    let back = self.away.take().is_some();
                    let news = back || self.last.as_ref().is_none_or(|last| last.value != docs.value);
                    // Kept also where it is equal: what comes next is told from its revisions.
                    let docs = Arc::new(docs);
                    self.last = Some(docs.clone());
                    if news {
                        return Ok(docs);
                    }
                }
                Err(fault) if self.away.is_none() => {
                    let since = now();
                    self.away = Some(Trouble { since, pause: RETRY_FIRST });
                    return Err(Away { since, why: fault.what });
                }
                Err(fault) => {
                    let since = self.away.as_ref().map_or(0, |trouble| trouble.since.0);
                    tracing::debug!(since, why = fault.what, "a live read still fails");
                }
            }
        }
    }

    /// The answer after what was committed since the last one; `None` when it has to be read.
    fn patched(&self) -> Option<(u64, Versioned<Docs>)> {
        let last = self.last.as_ref().filter(|_| self.away.is_none() && self.readers.strong_count() > 0)?;
        let sight = self.cache.sight();
        let commits = self.feed.since(self.number)?;
        let mut answer = Versioned::clone(last);
        for commit in &commits {
            feed::patch(&mut answer, commit, sight)?;
        }
        Some((commits.last().map_or(self.number, |commit| commit.number), answer))
    }

    async fn read(&self) -> Result<(u64, Versioned<Docs>), Fault> {
        match self.readers.upgrade() {
            Some(readers) => live(&readers, self.fetch.clone()).await,
            // Closed for good. A watch never ends by itself, so it says so once and then waits.
            None if self.away.is_some() => std::future::pending().await,
            None => Err(Fault::new("The database is closed.")),
        }
    }
}
