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
use futures_util::future::BoxFuture;

use crate::house::{Counting, House, Ticking, me, reopen, to};

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

/// Lets somebody else be faster, once.
async fn overtake(store: Arc<dyn Store>, other: Option<Command>) {
    let Some(other) = other else { return };
    let office = Office::new(store, Arc::new(Ticking::default()), Arc::new(Counting::starting_at(5_000)));
    match office.run(&me(), &other).await {
        Ok(_) | Err(Error::Refused(_)) => {}
        Err(error) => panic!("{error}"),
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
            let (store, other) = (house.store.clone(), Mutex::new(Some(all[j].clone())));
            let office =
                shared(&house, 10_000, move || Box::pin(overtake(store.clone(), other.lock().unwrap().take())));
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
