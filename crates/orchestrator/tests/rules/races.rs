//! Two people at once: pairs of commands are decided from one view, and what must always be true still is.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use clutch_domain::{
    change::Change,
    command::Command,
    range::{Docs, Fetch, Versioned},
    task::{Priority, Status, TaskFields},
};
use clutch_orchestrator::{
    office::Office,
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};
use clutch_store::{MemoryStore, Options, SqliteStore, sqlite::DATABASE_FILE};
use futures_util::future::BoxFuture;

use crate::{
    commands::{COMMANDS, name},
    house::{Counting, House, Ticking, me, to},
    scene::{office_over, overtake, pairs, scene},
};

/// A store where others write too, and where something happens between decision and commit.
struct Shared<F> {
    inner: Arc<dyn Store>,
    before_commit: F,
}

#[async_trait]
impl<F: Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static> Store for Shared<F> {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.inner.read(fetch).await
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        self.inner.known(key).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        (self.before_commit)().await;
        self.inner.commit(change, key).await
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        self.inner.watch(fetch)
    }

    fn sole_writer(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "shared".into()
    }
}

/// An office over such a store; its ids begin where no other office of the test has been.
fn shared(
    house: &House,
    ids: u64,
    before_commit: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> Office {
    let store = Arc::new(Shared { inner: house.store.clone(), before_commit });
    Office::new(store, Arc::new(Ticking::default()), Arc::new(Counting::starting_at(ids)))
}

/// Each command is overtaken by each other one, before each of its looks and before its commit.
#[tokio::test]
async fn a_command_that_is_overtaken_at_any_of_its_looks_keeps_what_must_be_true() {
    let memory = Arc::new(MemoryStore::new());
    let all = scene(&office_over(memory.clone())).await;
    let names: BTreeSet<&str> = all.iter().map(name).collect();
    assert_eq!(names.len(), COMMANDS, "each command has its place: {names:?}");
    let mut cases = 0;
    for one in &all {
        for other in &all {
            let mut at = 0;
            while overtake(Arc::new(memory.fork()), one, other, at).await {
                at += 1;
            }
            cases += at;
        }
    }
    assert!(cases > 2 * all.len() * all.len(), "{cases} cases of {} commands", all.len());
}

/// The same on the store that people have, with those pairs that write a kind in common, before the commit: a look is one
/// transaction everywhere, and what a commit compares is each store's own.
#[tokio::test]
async fn what_is_overtaken_on_sqlite_keeps_what_must_be_true() {
    let memory = Arc::new(MemoryStore::new());
    let all = scene(&office_over(memory.clone())).await;
    let begin = tempfile::tempdir().unwrap();
    // Closed, it is one file.
    scene(&office_over(Arc::new(SqliteStore::open(begin.path()).unwrap()))).await;
    let mut cases = 0;
    for (one, other, last) in pairs(&memory, &all).await {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(begin.path().join(DATABASE_FILE), folder.path().join(DATABASE_FILE)).unwrap();
        let options = Options { readers: 1, ..Options::default() };
        let store = Arc::new(SqliteStore::open_with(folder.path(), &options).unwrap());
        assert!(overtake(store, &one, &other, last).await, "{one:?} reaches its commit");
        cases += 1;
    }
    assert!(cases > all.len(), "{cases} cases of {} commands", all.len());
}

#[tokio::test]
async fn commands_on_a_shared_store_do_not_wait_for_each_other() {
    let house = House::new().await;
    let (a, b) = (house.task("a", Status::Ready).await, house.task("b", Status::Ready).await);
    // Far away: a commit is answered only while another one is on its way.
    let on_the_way = Arc::new(tokio::sync::Barrier::new(2));
    let office = shared(&house, 20_000, move || {
        let on_the_way = on_the_way.clone();
        Box::pin(async move {
            on_the_way.wait().await;
        })
    });
    let urgent = |task| {
        let fields = TaskFields { priority: Some(Priority::High), ..TaskFields::default() };
        Command::UpdateTask(task, fields.into())
    };
    let (urgent_a, urgent_b, me) = (urgent(a), urgent(b), me());
    let (first, second) = tokio::join!(office.run(&me, &urgent_a), office.run(&me, &urgent_b));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    house.check().await;
}

#[tokio::test]
async fn many_who_write_to_one_ticket_of_a_shared_store_all_land() {
    let house = House::new().await;
    let task = house.task("a", Status::Backlog).await;
    // Everybody else goes first.
    let office = shared(&house, 30_000, || Box::pin(tokio::task::yield_now()));
    let all = (0..16).map(|n| {
        let office = &office;
        async move { office.run(&me(), &to(task, Status::ALL[n % 2])).await }
    });
    for answer in futures_util::future::join_all(all).await {
        answer.unwrap();
    }
    house.check().await;
}
