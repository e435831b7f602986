//! A server with the engine in it, which can be killed and started again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use clutch_domain::{
    actor::Actor,
    change::Change,
    chat::{Chat, Message},
    command::{Command, NewMessage, NewProject, NewTask},
    doc::{DocKey, Inside, Kind},
    id::{ChatId, MessageId, ProjectId, RunId, TaskId},
    plan::Policy,
    project::Project,
    range::Range,
    run::Run,
    runtime::USUAL,
    task::{Role, Status, Task},
    text::{Body, Handle, LocalPath, Name, Title},
    time::Millis,
};
use clutch_orchestrator::{
    jobs::mail::{Letter, Mail},
    office::{Clock, IdSource, Office},
    prompt::Roles,
    runtime::{RunEnd, Runtime, Runtimes},
    store::{IdempotencyKey, Store},
    work::{Parts, Reactor, WorkLoop},
};
use clutch_store::MemoryStore;
use futures_util::future::BoxFuture;
use tokio::{task::AbortHandle, time::Instant};
use uuid::Uuid;

use crate::{
    fake::Fake,
    glass::Glass,
    receivers::{Receivers, Way},
};

/// The virtual time in which a condition must come true.
const AT_MOST: Duration = Duration::from_secs(6 * 3_600);

/// The wall clock: it goes with virtual time, and can be set.
pub struct Wall {
    began: Instant,
    offset: AtomicI64,
}

impl Clock for Wall {
    fn now(&self) -> Millis {
        Millis(1_700_000_000_000 + self.began.elapsed().as_millis() as i64 + self.offset.load(Ordering::Relaxed))
    }
}

struct RandomIds;

impl IdSource for RandomIds {
    fn fresh(&self) -> Uuid {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

/// tokio's virtual time; what it spawned can be killed.
struct Virtual {
    began: Instant,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Reactor for Virtual {
    fn spawn(&self, _: &'static str, task: BoxFuture<'static, ()>) {
        self.tasks.lock().unwrap().push(tokio::spawn(task).abort_handle());
    }

    fn steady(&self) -> Millis {
        Millis(self.began.elapsed().as_millis() as i64)
    }

    fn sleep_until(&self, steady: Millis) -> BoxFuture<'static, ()> {
        let at = self.began + Duration::from_millis(steady.0.max(0) as u64);
        Box::pin(tokio::time::sleep_until(at))
    }
}

/// Letters are the bare words; answers are remembered. The first so many letters end in a panic.
#[derive(Default)]
pub struct Post {
    pub kept: Mutex<Vec<(String, RunEnd)>>,
    pub panics: AtomicU32,
}

#[async_trait]
impl Mail for Post {
    async fn letter(&self, message: &Message, _: &Project, _: Option<&Task>) -> Letter {
        let left = self.panics.load(Ordering::Relaxed);
        if left > 0 {
            self.panics.store(left - 1, Ordering::Relaxed);
            panic!("on purpose");
        }
        Letter { speech: Default::default(), text: message.content.to_string(), pictures: Vec::new() }
    }

    async fn keep(&self, _: &Arc<Runtime>, _: ChatId, _: &str, run: &str, end: &RunEnd) -> Result<(), String> {
        self.kept.lock().unwrap().push((run.to_owned(), end.clone()));
        Ok(())
    }
}

pub struct House {
    pub office: Arc<Office>,
    /// The usual runtime.
    pub runtime: Arc<Fake>,
    /// All that the next server has, by name.
    pub runtimes: Mutex<BTreeMap<String, Arc<Fake>>>,
    pub post: Arc<Post>,
    pub receivers: Arc<Receivers>,
    pub wall: Arc<Wall>,
    pub project: ProjectId,
    /// What the server sees the store through.
    pub glass: Arc<Glass>,
    store: Arc<MemoryStore>,
    server: Mutex<Option<Arc<Virtual>>>,
}

impl House {
    /// A house whose runtime marks what it keeps, or nothing; its server runs.
    pub async fn new(marks: bool) -> Self {
        let house = Self::asleep(marks).await;
        house.start();
        house
    }

    /// A house like that, of servers that share a store: its server may lose the lease.
    pub async fn shared(marks: bool) -> Self {
        let house = Self::over(MemoryStore::new().with_sole_writer(false), marks).await;
        house.start();
        house
    }

    /// A house before its server is started.
    pub async fn asleep(marks: bool) -> Self {
        Self::over(MemoryStore::new().with_sole_writer(true), marks).await
    }

    async fn over(store: MemoryStore, marks: bool) -> Self {
        let store = Arc::new(store);
        let wall = Arc::new(Wall { began: Instant::now(), offset: AtomicI64::new(0) });
        let office = Arc::new(Office::new(store.clone(), wall.clone(), Arc::new(RandomIds)));
        let runtime = Fake::new(marks);
        let mut house = Self {
            office,
            runtimes: Mutex::new(BTreeMap::from([(USUAL.to_owned(), runtime.clone())])),
            runtime,
            post: Arc::default(),
            receivers: Arc::default(),
            wall,
            project: ProjectId(Uuid::nil()),
            glass: Glass::new(store.clone()),
            store,
            server: Mutex::default(),
        };
        house.project = house.new_project("Birds").await;
        house
    }

    pub async fn new_project(&self, name: &str) -> ProjectId {
        let new = NewProject {
            local_path: LocalPath::parse("/srv/birds").unwrap(),
            work_loop_enabled: true,
            ..NewProject::new(Name::parse(name).unwrap())
        };
        let done = self.person(Command::CreateProject(new)).await;
        done.made::<Project>().unwrap().id
    }

    pub fn start(&self) {
        self.glass.rise();
        let server = Arc::new(Virtual { began: self.wall.began, tasks: Mutex::default() });
        let roles = Role::ALL.iter().map(|r| (*r, "{{ticket}}{{description}}{{comments}}{{reporting}}"));
        let office = Office::new(self.glass.clone(), self.wall.clone(), Arc::new(RandomIds));
        let work = WorkLoop::new(Parts {
            office: Arc::new(office),
            runtimes: Runtimes::new(self.runtimes.lock().unwrap().iter().map(|(name, fake)| fake.runtime(name))),
            reactor: server.clone(),
            roles: Arc::new(Roles::load(roles).unwrap()),
            mail: self.post.clone(),
            post: Arc::new(Way(self.receivers.clone())),
            policy: Policy::default(),
            board: "http://127.0.0.1:3002".into(),
        });
        server.spawn("loop", Box::pin(work.run()));
        *self.server.lock().unwrap() = Some(server);
    }

    /// The server dies between two steps.
    pub fn kill(&self) {
        if let Some(server) = self.server.lock().unwrap().take() {
            server.tasks.lock().unwrap().iter().for_each(AbortHandle::abort);
        }
    }

    /// The wall clock is set.
    pub fn set_clock(&self, by_ms: i64) {
        self.wall.offset.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// A document is gone, as no rule would have it.
    pub async fn lose(&self, key: DocKey) {
        let mut change = Change::default();
        change.remove(key);
        self.write(change).await;
    }

    /// A change past all rules.
    pub async fn write(&self, change: Change) {
        let key = IdempotencyKey(self.office.fresh_id().to_string());
        self.store.commit(change, key).await.unwrap();
    }

    pub async fn person(&self, command: Command) -> clutch_orchestrator::office::Done {
        self.office.run(&Actor::human("dan"), &command).await.unwrap()
    }

    pub async fn agent(&self, command: Command) -> clutch_orchestrator::office::Done {
        self.office.run(&Actor::agent("kimi"), &command).await.unwrap()
    }

    pub fn all<T: Inside + Clone>(&self) -> Vec<T> {
        self.store.everything().iter().filter_map(|doc| T::of(&doc.body)).cloned().collect()
    }

    pub async fn general(&self) -> ChatId {
        let chats: Vec<Chat> = self.office.all(Range::children(Kind::Chat, self.project, 1)).await.unwrap();
        chats.first().unwrap().id
    }

    /// A person says something to the agent of a chat.
    pub async fn say(&self, chat: ChatId, words: &str) -> MessageId {
        let content = Body::parse(words).unwrap().unwrap();
        let new = NewMessage { send: true, ..NewMessage::new(chat, Handle::owner(), content) };
        self.person(Command::PostMessage(new)).await.made::<Message>().unwrap().id
    }

    pub fn message(&self, id: MessageId) -> Message {
        self.all::<Message>().into_iter().find(|m| m.id == id).unwrap()
    }

    /// The session of a chat, which has one once its first words leave.
    pub fn session(&self, chat: ChatId) -> String {
        let chat = self.all::<Chat>().into_iter().find(|c| c.id == chat).unwrap();
        chat.session_key.unwrap_or_default()
    }

    pub async fn ready(&self, title: &str) -> TaskId {
        let new = NewTask::new(self.project, Title::parse(title).unwrap(), Status::Ready);
        self.person(Command::CreateTask(new)).await.made::<Task>().unwrap().id
    }

    pub fn task(&self, id: TaskId) -> Task {
        self.all::<Task>().into_iter().find(|t| t.id == id).unwrap()
    }

    pub fn run(&self, id: RunId) -> Run {
        self.all::<Run>().into_iter().find(|r| r.id == id).unwrap()
    }

    /// Waits, in virtual time, until something is so.
    pub async fn until(&self, what: &str, is: impl Fn() -> bool) {
        let began = Instant::now();
        while !is() {
            assert!(began.elapsed() < AT_MOST, "never: {what}; calls: {:#?}", self.runtime.calls("sight").len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The run of a task, once the runtime has it.
    pub async fn working(&self, task: TaskId) -> Run {
        let started = |run: &Run| run.task == task && run.state == clutch_domain::run::RunState::Started;
        self.until("the run starts", || self.all::<Run>().iter().any(started)).await;
        self.all::<Run>().into_iter().find(started).unwrap()
    }
}

/// Virtual time passes.
pub async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
