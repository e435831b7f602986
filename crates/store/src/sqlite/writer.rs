//! The writer: one thread, one connection. Commits that wait together share one transaction
//! and so one flush to the disk; each has its own answer, given after COMMIT.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use clutch_domain::{
    change::{Change, Expect, Guard, Request},
    doc::{DocKey, Kind, Rev, Scope},
};
use clutch_orchestrator::store::{CommitError, Committed, Fault, IdempotencyKey, Outlook};
use rusqlite::{Connection, ffi, params};
use tokio::sync::{mpsc, oneshot};

use super::{
    feed::{Changed, Commit, Feed, Now},
    queue::{self, Queue, Writes},
    rows::{self, Written, doc_rev, rev, scope_rev},
    sql,
    watch::now,
};
use crate::{
    cache::Cache,
    prepare::{Prepared, changed, conflict, prepare},
    wakes::Wakes,
};

/// Commits that may wait for the writer; more wait where they were asked for.
const WRITE_QUEUE: usize = 256;
/// Most commits in one transaction.
pub(super) const BATCH: usize = 64;
/// The ledger is cleaned after this many commits,
const CLEAN_EVERY: u32 = 512;
/// or at the first commit after this time.
const CLEAN_AFTER: Duration = Duration::from_secs(600);
/// Rows removed in one cleaning: more than were added since the last.
const CLEAN_MOST: u32 = 2_000;

/// One commit that waits for the writer.
pub(super) struct WriteJob {
    /// Its place in the queue.
    number: u64,
    /// Where its decision began, if it was decided on what was handed over before.
    outlook: Option<Outlook>,
    expects: Vec<Expect>,
    deletes: Vec<DocKey>,
    puts: Vec<Written>,
    touches: Vec<Scope>,
    guards: Vec<Guard>,
    made: Option<DocKey>,
    request: Option<Request>,
    key: IdempotencyKey,
    reply: oneshot::Sender<Result<Committed, CommitError>>,
}

impl WriteJob {
    fn writes(&self) -> Writes<'_> {
        Writes {
            expects: &self.expects,
            deletes: &self.deletes,
            puts: &self.puts,
            touches: &self.touches,
            key: &self.key,
        }
    }
}

/// What the writer owns.
pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    pub(super) wakes: Wakes,
    pub(super) cache: Arc<Cache>,
    pub(super) queue: Arc<Queue>,
    pub(super) feed: Arc<Feed>,
    /// Age at which a row of the ledger is removed.
    pub(super) ledger_kept: Duration,
}

struct Done {
    committed: Committed,
    /// When it was applied now: its number, and the new revisions of its puts. `None` when the key was known.
    now: Option<(u64, Vec<Rev>)>,
}

type Answer = Result<Done, CommitError>;

/// The transaction is lost, with everything in it.
struct Lost {
    error: rusqlite::Error,
    /// It may be on the disk all the same: the flush after the last byte failed.
    unknown: bool,
}

/// Hands a change to the writer. It is applied also when nobody waits for the answer.
pub(super) async fn hand_over(
    writer: &mpsc::Sender<WriteJob>,
    queue: &Queue,
    change: Change,
    key: IdempotencyKey,
    outlook: Option<Outlook>,
) -> Result<oneshot::Receiver<Result<Committed, CommitError>>, CommitError> {
    let Prepared { expects, deletes, puts, touches, guards, made, request } = prepare(change)?;
    let puts = puts.into_iter().map(Written::new).collect::<Result<_, _>>()?;
    let (reply, answer) = oneshot::channel();
    let place = writer.reserve().await.map_err(|_| Fault::new("The database is closed."))?;
    let job = WriteJob { number: 0, outlook, expects, deletes, puts, touches, guards, made, request, key, reply };
    queue.take(outlook, job, WriteJob::writes, |number, job| place.send(WriteJob { number, ..job }))?;
    Ok(answer)
}

/// Waits for the writer's answer.
pub(super) async fn answered(
    answer: oneshot::Receiver<Result<Committed, CommitError>>,
) -> Result<Committed, CommitError> {
    // No answer means that the writer broke off in the middle: nobody can say on which side of COMMIT.
    answer.await.unwrap_or_else(|_| Err(CommitError::Unknown("the writer stopped".into())))
}

fn commit(
    number: u64,
    deletes: Vec<DocKey>,
    puts: impl Iterator<Item = (Written, Rev)>,
    committed: &Committed,
) -> Commit {
    let gone = deletes.into_iter().map(|key| Changed { key, now: None });
    let there = puts.map(|(Written { put, json }, rev)| Changed {
        key: put.key,
        now: Some(Now { rev, index: put.index, text: json }),
    });
    Commit { number, docs: gone.chain(there).collect(), scopes: committed.scopes.clone() }
}

impl Writer {
    /// Starts the thread. It ends, after everything that waits is answered, when all senders are gone.
    pub(super) fn start(mut self) -> Result<(mpsc::Sender<WriteJob>, JoinHandle<()>), Fault> {
        let (send, mut receive) = mpsc::channel(WRITE_QUEUE);
        let thread = Builder::new()
            .name("clutch-write".into())
            .spawn(move || self.run(&mut receive))
            .map_err(|e| Fault::new(format!("No thread could be started for writing the database: {e}")))?;
        Ok((send, thread))
    }

    fn run(&mut self, receive: &mut mpsc::Receiver<WriteJob>) {
        self.clean();
        let (mut since, mut cleaned) = (0_u32, Instant::now());
        while let Some(first) = receive.blocking_recv() {
            let mut jobs = vec![first];
            while jobs.len() < BATCH
                && let Ok(next) = receive.try_recv()
            {
                jobs.push(next);
            }
            since = since.saturating_add(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
            let last = jobs.last().map_or(0, |job| job.number);
            // A panic costs these commits, which are told that nobody knows, and not the writer.
            if catch_unwind(AssertUnwindSafe(|| self.settle(jobs))).is_err() {
                self.roll_back();
                self.queue.broke_off(last);
            }
            if since >= CLEAN_EVERY || cleaned.elapsed() >= CLEAN_AFTER {
                self.clean();
                (since, cleaned) = (0, Instant::now());
            }
        }
        if let Err(e) = self.db.query_row(sql::CHECKPOINT, [], |_| Ok(())) {
            // Nothing is lost: the next opening reads the write-ahead log.
            tracing::warn!(error = %e, "the write-ahead log was not folded in at closing");
        }
    }

    /// Applies and answers. When the transaction is lost nobody has been answered yet,
    /// so each change is tried again alone: one that is too large does not hurt its neighbours.
    fn settle(&self, mut jobs: Vec<WriteJob>) {
        match self.transact(&jobs) {
            Ok(answers) => self.answer(jobs, answers),
            Err(_) if jobs.len() > 1 => {
                for job in jobs {
                    self.settle(vec![job]);
                }
            }
            // Once more: the ledger tells whether the lost transaction is there after all.
            Err(Lost { unknown: true, .. }) => match self.transact(&jobs) {
                Ok(answers) => self.answer(jobs, answers),
                Err(lost) => self.refuse(jobs.pop(), lost),
            },
            Err(lost) => self.refuse(jobs.pop(), lost),
        }
    }

    fn refuse(&self, job: Option<WriteJob>, Lost { error, unknown }: Lost) {
        let fault = rows::fault(&self.path, &error);
        tracing::error!(error = %error, unknown, "a change was not written");
        self.queue.failed();
        if let Some(job) = job {
            self.queue.answered(job.number, job.writes());
            let answer = if unknown { CommitError::Unknown(fault.what) } else { fault.into() };
            let _ = job.reply.send(Err(answer));
        }
    }

    /// Tells of what is committed: first those who watch, then those who asked.
    fn answer(&self, jobs: Vec<WriteJob>, answers: Vec<Answer>) {
        let mut touched: Vec<Scope> = Vec::new();
        let (mut commits, mut replies) = (Vec::new(), Vec::with_capacity(jobs.len()));
        for (job, answer) in jobs.into_iter().zip(answers) {
            self.queue.answered(job.number, job.writes());
            let answer = answer.map(|done| {
                if let Some((number, revs)) = done.now {
                    touched.extend(done.committed.scopes.iter().map(|(scope, _)| *scope));
                    commits.push(commit(number, job.deletes, job.puts.into_iter().zip(revs), &done.committed));
                }
                done.committed
            });
            replies.push((job.reply, answer));
        }
        self.feed.publish(commits.into_iter());
        self.wakes.publish(&touched);
        for (reply, answer) in replies {
            // A caller who went away needs no answer.
            let _ = reply.send(answer);
        }
    }

    fn transact(&self, jobs: &[WriteJob]) -> Result<Vec<Answer>, Lost> {
        self.run_sql(sql::BEGIN_WRITE).map_err(|error| Lost { error, unknown: false })?;
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            // What the database refuses takes the whole transaction along; then each is tried alone. To be able to take
            // back one of many, SQLite would copy each page that any of them changes.
            let answer = self.apply(job).inspect_err(|_| self.roll_back());
            let answer = answer.map_err(|error| Lost { error, unknown: false })?;
            if !answer.as_ref().is_ok_and(|done| done.now.is_some()) {
                self.queue.failed();
            }
            answers.push(answer);
        }
        if let Err(error) = self.run_sql(sql::COMMIT) {
            self.roll_back();
            let unknown =
                matches!(&error, rusqlite::Error::SqliteFailure(e, _) if e.extended_code == ffi::SQLITE_IOERR_FSYNC);
            return Err(Lost { error, unknown });
        }
        Ok(answers)
    }

    /// One change: its key first, then what it expects, and only then does it write.
    fn apply(&self, job: &WriteJob) -> rusqlite::Result<Answer> {
        #[cfg(test)]
        tests::break_off(&job.key);
        if let Some(committed) = rows::known(&self.db, &job.key)? {
            return Ok(Ok(Done { committed, now: None }));
        }
        if job.outlook.is_some_and(|outlook| !self.queue.holds(outlook)) {
            return Ok(Err(queue::overturned()));
        }
        for expect in &job.expects {
            let (found, wanted) = match expect {
                Expect::Doc(key, rev) => (doc_rev(&self.db, key)?, *rev),
                Expect::Scope(scope, rev) => (scope_rev(&self.db, *scope)?, *rev),
            };
            if found != wanted {
                return Ok(Err(CommitError::Conflict(conflict(expect, found))));
            }
        }
        for guard in &job.guards {
            if rows::keys(&self.db, &guard.range)? != guard.seen {
                return Ok(Err(CommitError::Conflict(changed(guard))));
            }
        }
        let at = now().0;
        for key in &job.deletes {
            self.db.prepare_cached(sql::BURY)?.execute(params![key.kind.word(), key.id, at])?;
            self.db.prepare_cached(sql::DELETE)?.execute([key.kind.word(), &key.id])?;
        }
        let revs = job.puts.iter().map(|row| row.write(&self.db)).collect::<rusqlite::Result<Vec<Rev>>>()?;
        let mut committed =
            Committed { scopes: Vec::with_capacity(job.touches.len()), made: job.made.clone(), request: job.request };
        for scope in &job.touches {
            let raised = self.db.prepare_cached(sql::TOUCH)?.query_row([scope.word()], |row| row.get(0))?;
            committed.scopes.push((*scope, rev(raised)));
        }
        let result =
            serde_json::to_string(&committed).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        self.db.prepare_cached(sql::REMEMBER)?.execute(params![job.key.0, at, result])?;
        let number = self.db.prepare_cached(sql::COUNT)?.query_row([], |row| row.get(0)).map(rev)?;
        Ok(Ok(Done { committed, now: Some((number, revs)) }))
    }

    /// Forgets old keys, and the revisions of documents that are long gone. A failure is no harm: the next cleaning
    /// removes them.
    fn clean(&self) {
        let kept = i64::try_from(self.ledger_kept.as_millis()).unwrap_or(i64::MAX);
        let before = now().0.saturating_sub(kept);
        let removed = self
            .db
            .prepare_cached(sql::FORGET)
            .and_then(|mut forget| forget.execute(params![before, CLEAN_MOST]))
            .and_then(|forgotten| {
                let mut clear = self.db.prepare_cached(sql::CLEAR)?;
                let keys = clear.query_map(params![before, CLEAN_MOST], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                })?;
                let keys = keys.collect::<rusqlite::Result<Vec<_>>>()?;
                // From here on their revisions may come again.
                let known = |word: &str| Kind::ALL.iter().copied().find(|kind| kind.word() == word);
                let cleared = keys.len();
                let keys: Vec<DocKey> =
                    keys.into_iter().filter_map(|(kind, id)| Some(DocKey { kind: known(&kind)?, id })).collect();
                if !keys.is_empty() {
                    self.feed.forget();
                    self.cache.forget(&keys);
                }
                Ok(forgotten + cleared)
            });
        match removed {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "old idempotency keys removed"),
            Err(e) => tracing::warn!(error = %e, "old idempotency keys were not removed"),
        }
    }

    fn run_sql(&self, sql: &str) -> rusqlite::Result<()> {
        self.db.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn roll_back(&self) {
        if !self.db.is_autocommit()
            && let Err(e) = self.run_sql(sql::ROLLBACK)
        {
            tracing::error!(error = %e, "a transaction could not be rolled back");
        }
    }
}

/// However its thread ends, nobody waits for it in vain.
impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.broke_off(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use clutch_domain::{
        change::Change,
        doc::{Counter, Kind},
        range::{Fetch, Range},
    };
    use clutch_orchestrator::store::{CommitError, IdempotencyKey, Store};

    use super::super::SqliteStore;

    const BREAKS: &str = "breaks-off";

    /// Stands for a mistake of ours in writing.
    pub(super) fn break_off(key: &IdempotencyKey) {
        assert!(key.0 != BREAKS, "broken off as the test wants it");
    }

    fn puts(name: &str) -> Change {
        let mut change = Change::default();
        change.put(0, Counter { name: name.into(), last: 1 });
        change
    }

    #[tokio::test]
    async fn a_panic_costs_one_commit_and_not_the_writer() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).unwrap();
        let there = async |name: &str| {
            let range = Range::doc(Kind::Counter, name);
            let read = store.read(&Fetch { scopes: Vec::new(), ranges: vec![range] }).await.unwrap();
            !read.value.is_empty()
        };
        for n in 0..20 {
            let (lost, kept) = (format!("lost-{n}"), format!("kept-{n}"));
            let told = store.commit(puts(&lost), IdempotencyKey(BREAKS.into())).await;
            assert!(matches!(told, Err(CommitError::Unknown(_))), "nobody says that it was done, or that it was not");
            store.commit(puts(&kept), IdempotencyKey(kept.clone())).await.unwrap();
            assert!(!there(&lost).await && there(&kept).await, "what broke off left nothing, what came after is there");
        }
    }
}
