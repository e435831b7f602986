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
