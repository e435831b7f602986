//! Two people at once: pairs of commands are decided from one view, and what must always be true still is.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use clutch_domain::{
    change::Change,
    command::{Command, TaskPatch},
    id::TaskId,
    range::{Docs, Fetch, Versioned},
    task::{Priority, Status},
};
use clutch_orchestrator::{
    office::{Error, Office},
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};

use crate::house::{Counting, House, Ticking, me, reopen, to};

/// Lets somebody else be faster: another command is done between decision and commit.
struct Overtaken {
    inner: Arc<dyn Store>,
    other: Mutex<Option<Command>>,
}

#[async_trait]
impl Store for Overtaken {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.inner.read(fetch).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        let other = self.other.lock().unwrap().take();
        if let Some(other) = other {
            let office =
                Office::new(self.inner.clone(), Arc::new(Ticking::default()), Arc::new(Counting::starting_at(5_000)));
            match office.run(&me(), &other).await {
                Ok(_) | Err(Error::Refused(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        self.inner.commit(change, key).await
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        self.inner.watch(fetch)
    }

    fn sole_writer(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "overtaken".into()
    }
}

fn commands(tasks: &[TaskId]) -> Vec<Command> {
    let mut all = Vec::new();
    for a in tasks {
        for b in tasks {
            all.push(Command::AddDependency(*a, *b));
        }
        all.extend(Status::ALL.iter().map(|s| to(*a, *s)));
        all.push(reopen(*a, Status::Ready));
        all.push(Command::DeleteTask(*a));
        all.push(Command::UpdateTask(*a, TaskPatch { priority: Some(Priority::High), ..TaskPatch::default() }));
    }
    all
}

#[tokio::test]
async fn pairs_of_commands_decided_from_one_view_keep_what_must_be_true() {
    let mut pairs = 0;
    let count = {
        let house = House::new().await;
        commands(&[
            house.task("a", Status::Ready).await,
            house.task("b", Status::Done).await,
            house.task("c", Status::Backlog).await,
        ])
        .len()
    };
    for i in 0..count {
        for j in 0..count {
            let house = House::new().await;
            let tasks = [
                house.task("a", Status::Ready).await,
                house.task("b", Status::Done).await,
                house.task("c", Status::Backlog).await,
            ];
            house.run(Command::AddDependency(tasks[0], tasks[1])).await.unwrap();
            let all = commands(&tasks);
            let store = Arc::new(Overtaken { inner: house.store.clone(), other: Mutex::new(Some(all[j].clone())) });
            let office = Office::new(store, Arc::new(Ticking::default()), Arc::new(Counting::starting_at(10_000)));
            match office.run(&me(), &all[i]).await {
                Ok(_) | Err(Error::Refused(_)) => {}
                Err(error) => panic!("{:?} overtaken by {:?}: {error}", all[i], all[j]),
            }
            house.check().await;
            pairs += 1;
        }
    }
    assert_eq!(pairs, count * count);
}

/// A store far away, where others write too: commits are on their way at the same time.
struct Far {
    inner: Arc<dyn Store>,
    on_the_way: tokio::sync::Barrier,
}

#[async_trait]
impl Store for Far {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.inner.read(fetch).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        // Never answers unless as many commits as the barrier wants are on their way.
        self.on_the_way.wait().await;
        self.inner.commit(change, key).await
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        self.inner.watch(fetch)
    }

    fn sole_writer(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "far".into()
    }
}

#[tokio::test]
async fn commands_on_a_shared_store_do_not_wait_for_each_other() {
    let house = House::new().await;
    let (a, b) = (house.task("a", Status::Ready).await, house.task("b", Status::Ready).await);
    let far = Arc::new(Far { inner: house.store.clone(), on_the_way: tokio::sync::Barrier::new(2) });
    let office = Office::new(far, Arc::new(Ticking::default()), Arc::new(Counting::starting_at(20_000)));
    let urgent = |task| Command::UpdateTask(task, TaskPatch { priority: Some(Priority::High), ..TaskPatch::default() });
    let (urgent_a, urgent_b, me) = (urgent(a), urgent(b), me());
    let (first, second) = tokio::join!(office.run(&me, &urgent_a), office.run(&me, &urgent_b));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    house.check().await;
}

#[tokio::test]
async fn many_who_write_to_one_ticket_of_a_shared_store_all_land() {
    let house = House::new().await;
    let task = house.task("a", Status::Backlog).await;
    let store = Arc::new(Yielding(house.store.clone()));
    let office = Office::new(store, Arc::new(Ticking::default()), Arc::new(Counting::starting_at(30_000)));
    let all = (0..16).map(|n| {
        let office = &office;
        async move { office.run(&me(), &to(task, Status::ALL[n % 2])).await }
    });
    for answer in futures_util::future::join_all(all).await {
        answer.unwrap();
    }
    house.check().await;
}

/// Lets everybody else go first, between decision and commit.
struct Yielding(Arc<dyn Store>);

#[async_trait]
impl Store for Yielding {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.0.read(fetch).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        tokio::task::yield_now().await;
        self.0.commit(change, key).await
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        self.0.watch(fetch)
    }

    fn sole_writer(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "yielding".into()
    }
}
