//! A small house to try rules in, and what must always be true in it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use clutch_domain::{
    activity::Activity,
    actor::Actor,
    change::Change,
    command::{Command, Direction, MoveTask, NewProject, NewTask, Place},
    doc::{Inside, Kind, Scope},
    id::{ProjectId, TaskId},
    invariant::Everything,
    project::{Counts, Project},
    range::{Docs, Fetch, Range, Versioned},
    refusal::Refusal,
    right::{Right, needed},
    task::{Status, Task},
    text::{Name, Title},
    time::Millis,
};
use clutch_orchestrator::{
    office::{Clock, Done, Error, IdSource, Office},
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};
use clutch_store::MemoryStore;
use uuid::Uuid;

/// A clock that goes one second further at each look.
#[derive(Default)]
pub struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Millis {
        Millis(1_000_000 + self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

/// Ids that count.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Counting {
    /// Begins where no other source of the test has been: keys must never meet.
    pub fn starting_at(n: u64) -> Self {
        Self(AtomicU64::new(n))
    }
}

impl IdSource for Counting {
    fn fresh(&self) -> Uuid {
        Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

pub fn me() -> Actor {
    Actor::human("dan")
}

/// Whoever asks for it in the running program.
pub fn usual(command: &Command) -> Actor {
    match needed(command) {
        // The first owner's password is that of the settings.
        _ if matches!(command, Command::ChangePassword(_)) => Actor::human("eve"),
        Right::Lead => Actor::work_loop(),
        Right::Carry => Actor::courier(),
        Right::Sweep => Actor::sweeper(),
        Right::Watch => Actor::doorkeeper(),
        _ => me(),
    }
}

/// A store that counts what is read.
#[derive(Default)]
struct Counted {
    inner: MemoryStore,
    looks: AtomicU64,
    most: AtomicU64,
}

#[async_trait]
impl Store for Counted {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        let read = self.inner.read(fetch).await?;
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.most.fetch_max(read.value.len() as u64, Ordering::Relaxed);
        Ok(read)
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

pub struct House {
    pub office: Office,
    pub store: Arc<dyn Store>,
    pub project: ProjectId,
    counted: Arc<Counted>,
}

impl House {
    pub async fn new() -> Self {
        let counted = Arc::new(Counted::default());
        let store: Arc<dyn Store> = counted.clone();
        let office = Office::new(store.clone(), Arc::new(Ticking::default()), Arc::new(Counting::default()));
        let mut house = Self { office, store, counted, project: ProjectId(Uuid::nil()) };
        house.project =
            house.run(Command::CreateProject(new_project("Birds"))).await.unwrap().made::<Project>().unwrap().id;
        house
    }

    /// A key for a commit past the office.
    pub fn key(&self) -> IdempotencyKey {
        IdempotencyKey(self.office.fresh_id().to_string())
    }

    /// Begins to count reads.
    pub fn reset_reads(&self) {
        self.counted.looks.store(0, Ordering::Relaxed);
        self.counted.most.store(0, Ordering::Relaxed);
    }

    /// How often was read since, and the most documents that one read brought.
    pub fn reads(&self) -> (u64, u64) {
        (self.counted.looks.load(Ordering::Relaxed), self.counted.most.load(Ordering::Relaxed))
    }

    pub async fn run(&self, command: Command) -> Result<Done, Error> {
        self.office.run(&usual(&command), &command).await
    }

    pub async fn refuses(&self, command: Command, refusal: Refusal) {
        assert_eq!(self.run(command.clone()).await.err(), Some(Error::Refused(refusal)), "{command:?}");
    }

    pub async fn task(&self, title: &str, status: Status) -> TaskId {
        self.make(new_task(self.project, title, status)).await
    }

    pub async fn make(&self, new: NewTask) -> TaskId {
        self.run(Command::CreateTask(new)).await.unwrap().made::<Task>().unwrap().id
    }

    pub async fn list<T: Inside + Clone>(&self, range: Range) -> Vec<T> {
        let read = self.store.read(&Fetch { scopes: vec![], ranges: vec![range.clone()] }).await.unwrap();
        read.value.all::<T>(&range).cloned().collect()
    }

    pub async fn get(&self, id: TaskId) -> Task {
        self.list(Range::doc(Kind::Task, id)).await.remove(0)
    }

    pub async fn tasks(&self) -> Vec<Task> {
        self.list(Range::children(Kind::Task, self.project, 1_000)).await
    }

    pub async fn log(&self) -> Vec<Activity> {
        self.list(Range::Newest {
            kind: Kind::Activity,
            scope: Scope::Project(self.project),
            before: None,
            limit: 1_000,
        })
        .await
    }

    /// What must be true of all documents.
    pub fn check_everything(&self) {
        let all = self.counted.inner.everything();
        let broken = Everything::of(all.iter().map(|doc| &doc.body)).broken();
        assert!(broken.is_empty(), "{broken:#?}");
    }

    /// All documents of a kind.
    pub fn all<T: Inside + Clone>(&self) -> Vec<T> {
        self.counted.inner.everything().iter().filter_map(|doc| T::of(&doc.body)).cloned().collect()
    }

    /// What must be true after every command, whatever it was.
    pub async fn check(&self) {
        self.check_everything();
        let tasks = self.tasks().await;
        let counts: Counts = self.list(Range::doc(Kind::Counts, self.project)).await.remove(0);
        for status in Status::ALL {
            assert_eq!(counts.of(*status), tasks.iter().filter(|t| t.status == *status).count() as u32, "{status:?}");
        }
        let numbers: BTreeSet<u64> = tasks.iter().map(|t| t.number).collect();
        assert_eq!(numbers.len(), tasks.len(), "numbers are unique");
    }
}

pub fn new_project(name: &str) -> NewProject {
    NewProject::new(Name::parse(name).unwrap())
}

pub fn new_task(project: ProjectId, title: &str, status: Status) -> NewTask {
    NewTask::new(project, Title::parse(title).unwrap(), status)
}

pub fn waiting_for(mut new: NewTask, others: &[(TaskId, Direction)]) -> NewTask {
    new.dependencies = others.to_vec();
    new
}

pub fn to(task: TaskId, to: Status) -> Command {
    at(task, to, Place::End)
}

pub fn at(task: TaskId, to: Status, place: Place) -> Command {
    Command::MoveTask(MoveTask { task, to, place, reason: None, resolution: None, reopen: false })
}

pub fn reopen(task: TaskId, to: Status) -> Command {
    Command::MoveTask(MoveTask { task, to, place: Place::End, reason: None, resolution: None, reopen: true })
}
