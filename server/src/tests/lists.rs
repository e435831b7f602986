//! Lists that are whole by contract, while things move.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use clutch_domain::{
    actor::Actor,
    change::Change,
    command::{Command, MoveTask, Place},
    doc::{Kind, Scope},
    range::{Docs, Fetch, Range, Versioned},
    task::{Status, Task},
};
use clutch_orchestrator::{
    office::Office,
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};
use clutch_store::MemoryStore;

use super::{BEGIN, House, RandomIds, Ticking};

/// A store in which a card goes from one page of a list to the other while the list is read.
struct Restless {
    inner: Arc<MemoryStore>,
    office: Office,
    moves: Mutex<u32>,
}

#[async_trait]
impl Store for Restless {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        let second_page = fetch.ranges.iter().find_map(|range| match range {
            Range::Children { kind: Kind::Task, parent, after: Some(_), .. } => Some(parent.clone()),
            _ => None,
        });
        let left = *self.moves.lock().unwrap();
        if let Some(project) = second_page.filter(|_| left > 0) {
            *self.moves.lock().unwrap() -= 1;
            // In turns: from the first page to the second, and from the second to the first.
            let up = left.is_multiple_of(2);
            let end = Range::StatusPage {
                kind: Kind::Task,
                scope: Scope::Project(project.parse().unwrap()),
                status: Status::Backlog.word().into(),
                from: None,
                back: up,
                limit: 1,
            };
            let card: Task = self.office.first(end).await.unwrap().unwrap();
            let place = if up { Place::Top } else { Place::End };
            let to =
                MoveTask { task: card.id, to: Status::Backlog, place, reason: None, resolution: None, reopen: false };
            self.office.run(&Actor::program(None), &Command::MoveTask(to)).await.unwrap();
        }
        self.inner.read(fetch).await
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        self.inner.known(key).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        self.inner.commit(change, key).await
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        self.inner.watch(fetch)
    }

    fn sole_writer(&self) -> bool {
        self.inner.sole_writer()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[tokio::test]
async fn a_list_has_each_task_once_whatever_moves_meanwhile() {
    let inner = Arc::new(MemoryStore::new());
    let clock = Arc::new(Ticking(BEGIN.into()));
    let office = Office::new(inner.clone(), clock, Arc::new(RandomIds));
    let restless = Arc::new(Restless { inner, office, moves: 0.into() });
    let store = restless.clone();
    let house = House::over(move |_| store);
    let project = house.project("busy").await;
    let mut want = BTreeSet::new();
    for n in 0..505 {
        want.insert(house.task(&project, &format!("t{n}"), "backlog").await);
    }
    // None, some, and more than anybody would wait for.
    for moves in [0, 1, 2, 3, 1_000, 1_001] {
        *restless.moves.lock().unwrap() = moves;
        let list = house.get(&format!("/api/tasks?projectId={project}")).await.ok(200);
        let got: Vec<String> =
            list["tasks"].as_array().unwrap().iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect();
        let once: BTreeSet<String> = got.iter().cloned().collect();
        assert_eq!((got.len(), &once), (want.len(), &want), "{moves} moves");
    }
}
