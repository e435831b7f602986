//! Two people at once: pairs of commands are decided from one view, and what must always be true still is.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use clutch_domain::{
    access::{UserName, UserRole},
    activity::Activity,
    change::Change,
    command::{ChangeUser, Command, NewPrompt, UserStep},
    doc::{Kind, Unique, prompt_in_force},
    id::PromptId,
    prompt::{Line, Version},
    range::{Docs, Fetch, Range, Versioned},
    refusal::Refusal,
    rule,
    task::{Priority, Role, Status, TaskFields},
};
use clutch_orchestrator::{
    office::{Error, Office},
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};
use clutch_store::{MemoryStore, Options, SqliteStore, sqlite::DATABASE_FILE};
use futures_util::future::BoxFuture;

use crate::{
    commands::{COMMANDS, name},
    house::{Counting, House, Ticking, me, to},
    scene::{new_prompt, office_over, overtake, pairs, scene},
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

/// Those who write a prompt and those who choose one, all at one moment, each overtaken by the others.
#[tokio::test]
async fn of_all_prompts_that_are_written_and_chosen_at_once_one_counts() {
    let house = House::new().await;
    let write = |n: usize| Command::CreatePrompt(new_prompt(Role::Dev, None, &format!("Do it {n} times.")));
    let first = house.run(write(0)).await.unwrap().made::<Version>().unwrap().clone();
    let office = shared(&house, 40_000, || Box::pin(tokio::task::yield_now()));
    let all = (1..=24).map(|n| {
        let (office, first) = (&office, first.id);
        let command = if n % 3 == 0 { Command::ActivatePrompt(first) } else { write(n) };
        async move { office.run(&me(), &command).await }
    });
    let mut made = 0;
    for answer in futures_util::future::join_all(all).await {
        made += usize::from(answer.unwrap().made::<Version>().is_some());
    }
    assert_eq!(made, 16);
    let mut versions: Vec<Version> = house.list(rule::prompt::newest(Role::Dev, 100)).await;
    versions.reverse();
    let numbers: Vec<u64> = versions.iter().map(|version| version.version).collect();
    assert_eq!(numbers, (1..=17).collect::<Vec<u64>>(), "each number once, in the order of their moments");
    let name = prompt_in_force(&Line::any(Role::Dev));
    let counts: Vec<Version> = house.list(Range::unique(name.clone())).await;
    let told: Vec<Unique> = house.list(Range::doc(Kind::Unique, name)).await;
    assert_eq!((counts.len(), told.len()), (1, 1));
    assert!(versions.iter().any(|version| version.id == counts[0].id));
    house.check().await;

    // Whoever seeds beside the others finds that there are some, and of several who seed one does.
    let seeds = (0..8).map(|_| {
        let office = &office;
        async move { office.run(&me(), &Command::SeedPrompt(new_prompt(Role::Pm, None, "Plan."))).await }
    });
    let seeded = futures_util::future::join_all(seeds).await;
    assert_eq!(seeded.iter().filter(|answer| answer.is_ok()).count(), 1, "{seeded:?}");
    house.refuses(Command::SeedPrompt(new_prompt(Role::Dev, None, "Plan.")), Refusal::PromptsExist).await;
    house.check().await;
}

/// What counts for a model is one thing, what counts for any model another.
#[tokio::test]
async fn each_model_has_a_prompt_of_its_own_that_counts() {
    let house = House::new().await;
    let write = async |model, words| -> Version {
        let made = house.run(Command::CreatePrompt(new_prompt(Role::Dev, model, words))).await.unwrap();
        made.made::<Version>().unwrap().clone()
    };
    let (any, gpt, second) = (write(None, "a").await, write(Some("gpt"), "b").await, write(None, "c").await);
    assert_eq!([any.version, gpt.version, second.version], [1, 1, 2]);
    let counts = async |line: Line| -> Vec<PromptId> {
        let versions = house.list::<Version>(Range::unique(prompt_in_force(&line))).await;
        versions.iter().map(|version| version.id).collect()
    };
    assert_eq!(counts(any.line()).await, [second.id]);
    assert_eq!(counts(gpt.line()).await, [gpt.id]);
    house.run(Command::ActivatePrompt(any.id)).await.unwrap();
    assert_eq!(counts(any.line()).await, [any.id]);
    assert_eq!(counts(gpt.line()).await, [gpt.id]);
    let log = house.all::<Activity>().len();
    house.run(Command::ActivatePrompt(any.id)).await.unwrap();
    assert_eq!(house.all::<Activity>().len(), log, "it counts already");
    let nobody = PromptId(uuid::Uuid::nil());
    house.refuses(Command::ActivatePrompt(nobody), Refusal::PromptNotFound).await;
    for (parent, role) in [(nobody, Role::Dev), (any.id, Role::Pm)] {
        let made_of = NewPrompt { parent: Some(parent), ..new_prompt(role, None, "d") };
        house.refuses(Command::CreatePrompt(made_of), Refusal::PromptParentUnknown).await;
    }
    house.check().await;
}

/// Two owners make each other viewers at one moment, or remove each other: one stays.
#[tokio::test]
async fn of_two_owners_who_send_each_other_away_at_one_moment_one_stays() {
    for step in [UserStep::Become(UserRole::Viewer), UserStep::Become(UserRole::Member), UserStep::Remove] {
        let house = House::new().await;
        let ask = |name: &str, step| Command::ChangeUser(ChangeUser { name: UserName::parse(name).unwrap(), step });
        house.run(Command::SetPassword("$".to_owned().into())).await.unwrap();
        house.run(ask("eve", UserStep::Add(UserRole::Owner, "$".to_owned().into()))).await.unwrap();
        // Both have decided before either is committed.
        let together = Arc::new((tokio::sync::Barrier::new(2), AtomicUsize::new(0)));
        let office = shared(&house, 40_000, move || {
            let together = together.clone();
            Box::pin(async move {
                if together.1.fetch_add(1, Ordering::Relaxed) < 2 {
                    together.0.wait().await;
                }
            })
        });
        let (one, other, me) = (ask("dan", step.clone()), ask("eve", step), me());
        let (first, second) = tokio::join!(office.run(&me, &one), office.run(&me, &other));
        let refused = [&first, &second].map(|said| matches!(said, Err(Error::Refused(Refusal::LastOwner))));
        assert_eq!(refused.iter().filter(|refused| **refused).count(), 1, "{first:?} {second:?}");
        assert!(first.is_ok() || second.is_ok());
        house.check().await;
    }
}
