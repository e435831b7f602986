//! Decisions on what is handed over and not committed yet: they are right whatever becomes of it, and nobody else
//! sees any of it.

#![allow(clippy::unwrap_used)]

mod before_data;
mod contract;

use std::{collections::BTreeSet, sync::Arc};

use clutch_domain::{
    actor::Actor,
    change::{Change, Expect, Parts},
    command::{Command, NewProject, NewTask},
    doc::{Body, Counter, Doc, DocKey, Inside, Kind, Scope, slug_name},
    id::{ProjectId, TaskId},
    invariant::Everything,
    project::{Counts, Project},
    range::{Fetch, Range},
    refusal::Refusal,
    task::{Status, Task, TaskFields},
    text::{Body as Words, Name, Slug, Title},
};
use clutch_orchestrator::{
    office::{Done, Error, Office},
    store::{CommitError, IdempotencyKey, Store},
};
use clutch_store::{MemoryStore, Options, SqliteStore};
use contract::{docs::counter, key, model, must, put, puts, soon};
use futures_util::{FutureExt, StreamExt, future::join_all};
use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A store, an office over it, and a way to hold the writer up.
struct Desk {
    dir: TempDir,
    store: Arc<SqliteStore>,
    office: Arc<Office>,
}

/// The writer waits while this lives.
struct Held(rusqlite::Connection);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

type Running = JoinHandle<Result<Done, Error>>;

impl Desk {
    fn new(options: &Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open_with(dir.path(), options).unwrap());
        let office = Arc::new(before_data::office(store.clone()));
        Self { dir, store, office }
    }

    fn outside(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.path().join("clutch.db")).unwrap()
    }

    /// Whatever says "poison" is refused by the database.
    fn poison(&self) {
        let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON docs WHEN new.body LIKE '%poison%'
            BEGIN SELECT RAISE(ABORT, 'not this'); END";
        self.outside().execute_batch(refuse).unwrap();
    }

    fn hold(&self) -> Held {
        let outside = self.outside();
        outside.execute_batch("BEGIN IMMEDIATE").unwrap();
        Held(outside)
    }

    fn start(&self, command: Command) -> Running {
        let office = self.office.clone();
        tokio::spawn(async move { office.run(&Actor::human("dan"), &command).await })
    }

    async fn run(&self, command: Command) -> Done {
        self.office.run(&Actor::human("dan"), &command).await.unwrap()
    }

    async fn project(&self, name: &str) -> ProjectId {
        self.run(Command::CreateProject(new_project(name, None))).await.made::<Project>().unwrap().id
    }

    /// Waits until a document is going to be as `wanted`.
    async fn coming<T: Inside + Clone>(&self, id: impl ToString, wanted: impl Fn(&T) -> bool) {
        let range = Range::doc(T::KIND, id);
        let fetch = Fetch { scopes: Vec::new(), ranges: vec![range.clone()] };
        let seen = async {
            loop {
                let look = self.store.look(&fetch).await.unwrap().value;
                if look.first::<T>(&range).is_some_and(&wanted) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        soon("it is handed over", seen).await;
    }

    async fn counted(&self, project: ProjectId, tasks: u32) {
        self.coming::<Counts>(project, |counts| counts.total() == tasks).await;
    }

    async fn get<T: Inside + Clone>(&self, id: impl ToString) -> Option<T> {
        self.office.get(id).await.unwrap()
    }

    async fn tasks(&self, project: ProjectId) -> Vec<Task> {
        self.office.all(Range::children(Kind::Task, project, 1_000)).await.unwrap()
    }

    /// What must always be true.
    async fn check(&self, project: ProjectId) {
        let ranges: Vec<Range> =
            Kind::ALL.iter().map(|kind| Range::All { kind: *kind, after: None, limit: 5_000 }).collect();
        let all = self.store.read(&Fetch { scopes: Vec::new(), ranges }).await.unwrap().value;
        let bodies: Vec<&Body> = all.docs().map(|doc| &doc.body).collect();
        let broken = Everything::of(bodies).broken();
        assert!(broken.is_empty(), "{broken:#?}");
        let tasks = self.tasks(project).await;
        let numbers: BTreeSet<u64> = tasks.iter().map(|task| task.number).collect();
        let places: BTreeSet<u64> = tasks.iter().map(|task| task.position.to_bits()).collect();
        assert_eq!(
            (numbers.len(), places.len()),
            (tasks.len(), tasks.len()),
            "each has a number and a place of its own"
        );
        assert_eq!(self.get::<Counts>(project).await.unwrap().total() as usize, tasks.len());
    }
}

fn new_project(name: &str, slug: Option<&str>) -> NewProject {
    NewProject { slug: slug.map(|slug| Slug::parse(slug).unwrap()), ..NewProject::new(Name::parse(name).unwrap()) }
}

fn new_task(project: ProjectId, title: &str) -> NewTask {
    NewTask::new(project, Title::parse(title).unwrap(), Status::Backlog)
}

fn titled(task: TaskId, title: &str) -> Command {
    let fields = TaskFields { title: Some(Title::parse(title).unwrap()), ..TaskFields::default() };
    Command::UpdateTask(task, fields.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_decided_while_one_flush_is_under_way_and_nobody_sees_them() {
    let desk = Desk::new(&Options::default());
    let project = desk.project("Birds").await;
    let board = clutch_domain::query::Query::board(project).fetch();
    let mut live = desk.store.watch(board.clone());
    let before = live.next().await.unwrap().unwrap();

    let held = desk.hold();
    let running: Vec<Running> =
        (0..40).map(|n| desk.start(Command::CreateTask(new_task(project, &format!("Task {n}"))))).collect();
    // All of them have been decided, each on those before it, and none is committed.
    desk.counted(project, 40).await;
    assert!(running.iter().all(|one| !one.is_finished()));
    assert_eq!(desk.store.read(&board).await.unwrap().value, before.value);
    assert!(live.next().now_or_never().is_none());
    drop(held);

    for one in running {
        one.await.unwrap().unwrap();
    }
    assert_eq!(desk.tasks(project).await.len(), 40);
    let seen = soon("the board shows them", async {
        loop {
            let seen = live.next().await.unwrap().unwrap();
            if seen.value.docs().filter(|doc| doc.body.kind() == Kind::Task).count() == 40 {
                return seen.version;
            }
        }
    });
    assert_eq!(seen.await, before.version + 40);
    desk.check(project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rests_on_a_change_that_fails_is_decided_again() {
    let desk = Desk::new(&Options::default());
    let project = desk.project("Birds").await;
    desk.poison();
    let held = desk.hold();
    let bad = desk.start(Command::CreateTask(new_task(project, "poison")));
    desk.counted(project, 1).await;
    // Their numbers, places and counts follow from one that never comes about.
    let good: Vec<Running> =
        (0..12).map(|n| desk.start(Command::CreateTask(new_task(project, &format!("Task {n}"))))).collect();
    desk.counted(project, 13).await;
    drop(held);
    let refused = bad.await.unwrap().unwrap_err();
    assert!(matches!(&refused, Error::Fault(fault) if fault.what.contains("not this")), "{refused:?}");
    for one in good {
        one.await.unwrap().unwrap();
    }
    let numbers: BTreeSet<u64> = desk.tasks(project).await.iter().map(|task| task.number).collect();
    assert_eq!(numbers, (1..=12).collect());
    desk.check(project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_rests_on_what_fails_is_no_answer() {
    let desk = Desk::new(&Options::default());
    desk.poison();
    for (first, second) in [("poison", true), ("Honey", false)] {
        let slug = if second { "birds" } else { "bees" };
        let held = desk.hold();
        let one = desk.start(Command::CreateProject(new_project(first, Some(slug))));
        desk.coming::<clutch_domain::doc::Unique>(slug_name(slug), |_| true).await;
        let two = desk.start(Command::CreateProject(new_project("Other", Some(slug))));
        // The turn is fair: when this one is handed over the one before it has been decided.
        let three = desk.start(Command::CreateProject(new_project("Third", Some(&format!("third-{slug}")))));
        desk.coming::<clutch_domain::doc::Unique>(slug_name(&format!("third-{slug}")), |_| true).await;
        assert!(!two.is_finished(), "its answer would be about what is not committed");
        drop(held);
        assert_eq!(one.await.unwrap().is_err(), second);
        three.await.unwrap().unwrap();
        match two.await.unwrap() {
            Ok(_) => assert!(second, "the address was taken"),
            Err(refused) => assert_eq!((refused, second), (Error::Refused(Refusal::SlugTaken), false)),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_changes_nothing_is_answered_when_that_is_sure() {
    let desk = Desk::new(&Options::default());
    let project = desk.project("Birds").await;
    let task = desk.run(Command::CreateTask(new_task(project, "Old"))).await.made::<Task>().unwrap().id;
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON docs WHEN new.body LIKE '%poison%'
        BEGIN SELECT RAISE(ABORT, 'not this'); END";
    desk.outside().execute_batch(refuse).unwrap();
    let held = desk.hold();
    let bad = desk.start(titled(task, "poison"));
    desk.coming::<Task>(task, |task| task.title.as_str() == "poison").await;
    // Decided now it would have nothing to do.
    let same = desk.start(titled(task, "poison"));
    let last = desk.start(Command::CreateTask(new_task(project, "Last")));
    desk.counted(project, 2).await;
    drop(held);
    assert!(bad.await.unwrap().is_err());
    assert!(same.await.unwrap().is_err(), "it is refused as the first was");
    last.await.unwrap().unwrap();
    assert_eq!(desk.get::<Task>(task).await.unwrap().title.as_str(), "Old");
    desk.check(project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_does_not_ask_the_office_is_a_conflict_and_no_more() {
    let desk = Desk::new(&Options::default());
    let project = desk.project("Birds").await;
    let task = desk.run(Command::CreateTask(new_task(project, "Old"))).await.made::<Task>().unwrap().clone();
    let held = desk.hold();
    // It raises a revision that the office has seen, and foresees nothing.
    let (store, id) = (desk.store.clone(), task.id);
    let past = tokio::spawn(async move {
        let mut change = puts([Body::from(Task { branch: Some("past".into()), ..task })]);
        change.expects.push(Expect::Doc(DocKey::new(Kind::Task, id), 1));
        must(&*store, change).await
    });
    desk.coming::<Task>(id, |task| task.branch.is_some()).await;
    let mut crowd = Vec::new();
    for n in 0..10 {
        let title = format!("Title {n}");
        crowd.push(desk.start(titled(id, &title)));
        desk.coming::<Task>(id, |task| task.title.as_str() == title).await;
    }
    drop(held);
    past.await.unwrap();
    for one in crowd {
        one.await.unwrap().unwrap();
    }
    let now = desk.get::<Task>(id).await.unwrap();
    assert!(now.title.as_str().starts_with("Title"), "{}", now.title);
    assert_eq!(now.branch.as_deref(), Some("past"), "nobody wrote over what they had not seen");
    desk.check(project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_under_way_is_answered_once() {
    let desk = Desk::new(&Options::default());
    let project = desk.project("Birds").await;
    let held = desk.hold();
    let twice: Vec<Running> = (0..2)
        .map(|_| {
            let office = desk.office.clone();
            let command = Command::CreateTask(new_task(project, "Once"));
            tokio::spawn(
                async move { office.run_as(&Actor::human("dan"), &command, &IdempotencyKey("press".into())).await },
            )
        })
        .collect();
    desk.counted(project, 1).await;
    let other = desk.start(Command::CreateTask(new_task(project, "Other")));
    desk.counted(project, 2).await;
    drop(held);
    let mut made = BTreeSet::new();
    for one in twice {
        made.insert(one.await.unwrap().unwrap().made::<Task>().unwrap().id);
    }
    other.await.unwrap().unwrap();
    assert_eq!((made.len(), desk.tasks(project).await.len()), (1, 2));
    desk.check(project).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_under_many_is_reported_to_those_whom_it_hits() {
    let desk = Desk::new(&Options { max_pages: Some(400), ..Options::default() });
    let project = desk.project("Birds").await;
    let words = Words::parse(&"x".repeat(60_000)).unwrap();
    let crowd: Vec<Running> = (0..60)
        .map(|n| {
            let mut new = new_task(project, &format!("Task {n}"));
            if n % 2 == 0 {
                new.fields.description = Some(words.clone());
            }
            desk.start(Command::CreateTask(new))
        })
        .collect();
    let (mut kept, mut full) = (BTreeSet::new(), 0);
    for one in crowd {
        match one.await.unwrap() {
            Ok(done) => _ = kept.insert(done.made::<Task>().unwrap().id),
            Err(Error::Fault(fault)) if fault.what.contains("disk is full") => full += 1,
            // Nobody is told that others were faster, or to try again, because a neighbour's change was too large.
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(full > 0 && kept.len() > 10, "{full} {}", kept.len());
    let there: BTreeSet<TaskId> = desk.tasks(project).await.iter().map(|task| task.id).collect();
    assert_eq!(there, kept, "what was confirmed is there, and nothing else");
    desk.check(project).await;
}

/// Everybody who waits gets a turn: whoever comes again and again does not push others back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_turn_is_fair() {
    let desk = Desk::new(&Options::default());
    let project = desk.project("Birds").await;
    let task = desk.run(Command::CreateTask(new_task(project, "Busy"))).await.made::<Task>().unwrap().id;
    let busy: Vec<JoinHandle<()>> = (0..8)
        .map(|worker| {
            let office = desk.office.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    office.run(&Actor::human("dan"), &titled(task, &format!("Title {worker} {n}"))).await.unwrap();
                }
            })
        })
        .collect();
    for n in 0..100 {
        soon("a turn", desk.run(Command::CreateTask(new_task(project, &format!("Task {n}"))))).await;
    }
    busy.iter().for_each(JoinHandle::abort);
    for one in busy {
        assert!(one.await.unwrap_err().is_cancelled());
    }
    assert_eq!(desk.tasks(project).await.len(), 101);
    desk.check(project).await;
}

/// What a look foresees is what a read finds when all of it has come about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looks_foresee_what_reads_find_afterwards() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let round = (vec(model::change(), 0..12), vec(model::change(), 1..8), vec(model::range(), 40));
    let rounds = vec(round, 60).new_tree(&mut runner).unwrap().current();
    let strip = |change: Change| Change::from(Parts { expects: Vec::new(), ..change.into_parts() });
    let plain = |docs: &[Arc<Doc>]| docs.iter().map(|doc| doc.body.clone()).collect::<Vec<_>>();
    let (mut compared, mut changed) = (0, 0);
    for (before, coming, ranges) in rounds {
        let desk = Desk::new(&Options::default());
        let model = MemoryStore::new();
        for change in before.into_iter().map(strip) {
            // One of the log's lines may be there already.
            let key = key();
            assert_eq!(desk.store.commit(change.clone(), key.clone()).await, model.commit(change, key).await);
        }
        let asked = Fetch { scopes: Vec::new(), ranges };
        let was = desk.store.read(&asked).await.unwrap().value;
        let held = desk.hold();
        let outlook = desk.store.outlook();
        let mut pending = Vec::new();
        for change in coming.into_iter().map(strip) {
            let key = key();
            if model.commit(change.clone(), key.clone()).await.is_ok() {
                pending.push(desk.store.hand_over(change, key, outlook).await);
            }
        }
        let foreseen = desk.store.look(&asked).await.unwrap().value;
        assert_eq!(desk.store.read(&asked).await.unwrap().value, was, "reads see what is committed");
        drop(held);
        for answer in join_all(pending).await {
            answer.unwrap();
        }
        assert!(desk.store.settled(outlook).await);
        let found = desk.store.read(&asked).await.unwrap().value;
        for range in &asked.ranges {
            let (foreseen, found) = (foreseen.get(range).unwrap(), found.get(range).unwrap());
            assert_eq!(plain(foreseen), plain(found), "{range:?}");
            compared += found.len();
            changed += usize::from(was.get(range).unwrap() != found);
        }
        assert_eq!(desk.store.look(&asked).await.unwrap().value, found, "nothing comes any more");
    }
    assert!(compared > 500 && changed > 100, "too tame: {compared} compared, {changed} changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revisions_are_foreseen_where_they_were_expected() {
    let desk = Desk::new(&Options::default());
    must(&*desk.store, put(0, counter("a", 1))).await;
    let held = desk.hold();
    let outlook = desk.store.outlook();
    let first = desk.store.hand_over(put(1, counter("a", 2)), key(), outlook).await;
    let second = desk.store.hand_over(put(2, counter("a", 3)), key(), outlook).await;
    desk.coming::<Counter>("a", |counter| counter.last == 3).await;
    drop(held);
    assert_eq!(
        (first.await.unwrap().scopes, second.await.unwrap().scopes),
        (vec![(Scope::Installation, 2)], vec![(Scope::Installation, 3)])
    );
    // One fails: whoever looked before is told, and whoever looks now is not.
    let wrong = desk.store.hand_over(put(9, counter("a", 4)), key(), outlook).await;
    assert!(matches!(wrong.await, Err(CommitError::Conflict(_))));
    assert!(!desk.store.settled(outlook).await);
    let late = desk.store.hand_over(put(3, counter("a", 5)), key(), outlook).await;
    assert!(matches!(late.await, Err(CommitError::Conflict(_))), "it was decided before that was known");
    let again = desk.store.hand_over(put(3, counter("a", 5)), key(), desk.store.outlook()).await;
    again.await.unwrap();
}
