//! Two people at once: pairs of commands are decided from one view, and what must always be true still is.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use clutch_domain::{
    actor::Actor,
    change::Change,
    chat::Chat,
    command::{
        ClaimRun, Command, Completion, Direction, EdgeRef, Force, HoldLease, NewChat, NewComment, NewMessage,
        NewSignal, Place, ProjectPatch, TaskPatch,
    },
    doc::Kind,
    id::TaskId,
    range::{Docs, Fetch, Range, Versioned},
    talk::{AuthorType, CommentType, SignalKind, SignalSeverity},
    task::{Priority, Role, Status, TaskFields},
    text::{Body, ChatTitle, Handle, LocalPath, Participants, SessionKey},
};
use clutch_orchestrator::{
    office::{Error, Office},
    store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store},
};
use futures_util::future::BoxFuture;

use crate::house::{Counting, House, Ticking, at, me, new_task, reopen, to, waiting_for};

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

/// A store where others write too: at one of its calls, reads and commits counted, somebody else is faster.
struct Overtaken {
    inner: Arc<dyn Store>,
    calls: AtomicUsize,
    at: usize,
    other: Mutex<Option<(Actor, Command)>>,
}

impl Overtaken {
    async fn step(&self) {
        if self.calls.fetch_add(1, Ordering::Relaxed) != self.at {
            return;
        }
        let Some((actor, other)) = self.other.lock().unwrap().take() else { return };
        let ids = Arc::new(Counting::starting_at(5_000));
        let office = Office::new(self.inner.clone(), Arc::new(Ticking::default()), ids);
        match office.run(&actor, &other).await {
            Ok(_) | Err(Error::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[async_trait]
impl Store for Overtaken {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.step().await;
        self.inner.read(fetch).await
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        self.inner.known(key).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        self.step().await;
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

fn words(text: &str) -> Body {
    Body::parse(text).unwrap().unwrap()
}

/// Four tasks, of which b waits for c and d for a, a chat, and a loop that may take a.
pub async fn scene() -> (House, Vec<(Actor, Command)>) {
    let house = House::new().await;
    let [a, b, c, d] = [
        house.task("a", Status::Ready).await,
        house.task("b", Status::Done).await,
        house.task("c", Status::Backlog).await,
        house.task("d", Status::Ready).await,
    ];
    house.run(Command::AddDependency(b, c)).await.unwrap();
    house.run(Command::AddDependency(d, a)).await.unwrap();
    let on = ProjectPatch {
        work_loop_enabled: Some(true),
        local_path: Some(Some(LocalPath::parse("/srv/site").unwrap().unwrap())),
        ..ProjectPatch::default()
    };
    house.run(Command::UpdateProject(house.project, on)).await.unwrap();
    let hold = HoldLease { holder: "one".into(), take_over_beat: None, sole_writer: true };
    house.office.run(&Actor::work_loop(), &Command::HoldLease(hold)).await.unwrap();
    let chat = house.list::<Chat>(Range::children(Kind::Chat, house.project, 1)).await[0].id;

    let new = |edges: &[(TaskId, Direction)]| waiting_for(new_task(house.project, "new", Status::Backlog), edges);
    let mut send = NewMessage::new(chat, Handle::owner(), words("Hello"));
    send.send = true;
    let comment = NewComment {
        task: a,
        author: Handle::owner(),
        author_type: AuthorType::Human,
        content: words("Nice."),
        kind: CommentType::Message,
    };
    let signal = NewSignal {
        task: a,
        session_key: SessionKey::parse("s").unwrap().unwrap(),
        agent_id: Handle::agent(),
        run_id: None,
        kind: SignalKind::Question,
        severity: SignalSeverity::Normal,
        message: words("Red?"),
    };
    let report = Completion {
        task: a,
        summary: words("Done."),
        pr_url: None,
        notes: None,
        agent: None,
        session_key: None,
        run_id: None,
    };
    let claim = ClaimRun {
        task: a,
        phase: clutch_domain::phase::Phase::Work,
        role: Role::Dev,
        attempt: 1,
        model: None,
        prompt_version: "v".into(),
        holder: "one".into(),
    };
    let urgent = TaskPatch::from(TaskFields { priority: Some(Priority::High), ..TaskFields::default() });
    let people = [
        Command::AddDependency(a, b),
        Command::AddDependency(c, d),
        Command::AddDependency(c, a),
        Command::RemoveDependency(EdgeRef::Ends(b, c)),
        Command::CreateTask(new(&[])),
        Command::CreateTask(new(&[(a, Direction::DependsOn), (b, Direction::Blocks)])),
        Command::CreateTask(new(&[(c, Direction::DependsOn), (d, Direction::Blocks)])),
        to(a, Status::Done),
        to(c, Status::Done),
        reopen(b, Status::Ready),
        at(c, Status::Ready, Place::Before(a)),
        Command::DeleteTask(a),
        Command::DeleteTask(c),
        Command::UpdateTask(a, urgent),
        Command::AddComment(comment),
        Command::DeleteProject(house.project, Force::Yes),
        Command::PauseLoop(house.project, true),
        Command::PostMessage(send),
        Command::DeleteChat(chat),
        Command::CreateChat(NewChat {
            project: house.project,
            title: ChatTitle::parse("About").unwrap().unwrap(),
            participants: Participants::default(),
            about: Some(a),
        }),
    ];
    let mut all: Vec<(Actor, Command)> = people.into_iter().map(|command| (me(), command)).collect();
    all.push((Actor::agent("main"), Command::RaiseSignal(signal)));
    all.push((Actor::agent("main"), Command::CompleteTask(report)));
    all.push((Actor::work_loop(), Command::ClaimRun(claim)));
    (house, all)
}

/// Each command is overtaken by each other one, before each of its looks and before its commit.
#[tokio::test]
async fn a_command_that_is_overtaken_at_any_of_its_looks_keeps_what_must_be_true() {
    let count = scene().await.1.len();
    let mut cases = 0;
    for i in 0..count {
        for j in 0..count {
            for at in 0.. {
                let (house, all) = scene().await;
                let store = Arc::new(Overtaken {
                    inner: house.store.clone(),
                    calls: AtomicUsize::new(0),
                    at,
                    other: Mutex::new(Some(all[j].clone())),
                });
                let ids = Arc::new(Counting::starting_at(10_000));
                let office = Office::new(store.clone(), Arc::new(Ticking::default()), ids);
                let (actor, command) = &all[i];
                match office.run(actor, command).await {
                    Ok(_) | Err(Error::Refused(_)) => {}
                    Err(error) => panic!("{command:?} overtaken by {:?} at {at}: {error}", all[j]),
                }
                if store.other.lock().unwrap().is_some() {
                    break; // it was over before
                }
                house.check().await;
                cases += 1;
            }
        }
    }
    assert!(cases > 3 * count * count, "{cases} cases of {count} commands");
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
        Command::UpdateTask(
            task,
            TaskPatch::from(TaskFields { priority: Some(Priority::High), ..TaskFields::default() }),
        )
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
