//! The server's edges through their public face: the real router over a store in memory.

mod abort;
mod access;
mod account;
mod agent_sessions;
mod agents;
mod audit;
mod brakes;
mod callers;
mod chats;
mod child;
mod comments;
mod complete;
mod deliveries;
mod dependencies;
mod dispatch;
mod door;
mod fields;
mod gate;
mod gateways;
mod heard;
mod keys;
mod lines;
mod lists;
mod live;
mod live_random;
mod login;
mod mcp;
mod nasty;
mod needs;
mod notifications;
mod once;
mod openclaw;
mod pages;
mod people;
mod programs;
mod projects;
mod prompts;
mod requests;
mod rpc;
mod search;
mod sessions;
mod signals;
mod tab;
mod talks;
mod tasks;
mod text;
mod tickets;
mod tokens;
mod triage;
mod uploads;
mod v1;
mod validate;
mod webhooks;
mod wire;
mod words;
mod work_loop;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode},
};
use clutch_app::site::SiteSettings;
use clutch_domain::{
    activity::Activity,
    actor::Actor,
    command::{ClaimRun, Command, EndRun, Ended, HoldLease, Retry},
    doc::{Inside, Kind, Scope},
    id::{ProjectId, TaskId},
    project::Project,
    range::{Fetch, Range},
    right::{Right, needed},
    run::Run,
    task::Role,
    time::Millis,
};
use clutch_gateway::{Config, GatewayTask, OpenClaw, OpenClawNames};
use clutch_orchestrator::{
    office::{Clock, Done, IdSource, Office},
    runtime::{Names, OfRun, Runtimes},
    store::Store,
};
use clutch_store::{MemoryStore, SqliteStore};
use leptos::config::LeptosOptions;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;
use uuid::Uuid;

use crate::{
    compose::{self, Picked},
    http::{compat::programs::Programs, door::Door, forms::Seals, session::Sessions, uploads::Uploads},
    settings::{Knobs, Secret},
    state::AppState,
    supervise::Supervisor,
    webhooks::{Keys, Private, Way},
    worker::{self, lines::Lines},
};

/// The address under which the house says it listens.
pub const ADDRESS: &str = "127.0.0.1:3002";
/// When the house's clock begins.
pub const BEGIN: i64 = 1_700_000_000_000;
/// Nobody has this id.
pub const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// A clock that goes one millisecond further at each look, so that order is never luck.
pub struct Ticking(AtomicI64);

impl Ticking {
    /// From here on it is at least so late.
    pub fn set(&self, now: Millis) {
        self.0.fetch_max(now.0, Ordering::Relaxed);
    }
}

impl Clock for Ticking {
    fn now(&self) -> Millis {
        Millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

struct RandomIds;

impl IdSource for RandomIds {
    fn fresh(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The JSON of a success.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// An error has exactly a sentence and a stable code.
    #[track_caller]
    pub fn fails(&self, status: u16, code: &str, sentence: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.json(), json!({ "error": sentence, "code": code }));
    }

    /// The same where only the code is promised.
    #[track_caller]
    pub fn fails_with(&self, status: u16, code: &str) {
        self.is_error();
        assert_eq!((self.status.as_u16(), self.json()["code"].as_str()), (status, Some(code)), "{}", self.text);
    }

    /// Whatever it is, it is an error in the shape that programs know.
    #[track_caller]
    pub fn is_error(&self) {
        let body = self.json();
        let shape = body.as_object().unwrap_or_else(|| panic!("no JSON object: {} {:?}", self.status, self.text));
        assert!(self.status.is_client_error(), "{} {}", self.status, self.text);
        assert!(shape["error"].as_str().is_some_and(|e| !e.trim().is_empty()), "{}", self.text);
        let code = shape["code"].as_str().unwrap_or_default();
        assert!(!code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", self.text);
        assert_eq!(shape.len(), 2, "{}", self.text);
    }
}

/// A whole server without a socket.
pub struct House {
    pub router: Router,
    pub state: AppState,
    pub office: Arc<Office>,
    pub stop: watch::Sender<bool>,
    pub clock: Arc<Ticking>,
    _gateway: GatewayTask,
    _dir: TempDir,
}

impl House {
    /// Over a store in memory.
    pub fn new() -> Self {
        Self::over(|_| Arc::new(MemoryStore::new()))
    }

    /// Over SQLite in a folder that goes with the house.
    pub fn on_disk() -> Self {
        Self::over(|dir| Arc::new(SqliteStore::open(dir).unwrap()))
    }

    pub fn over(store: impl FnOnce(&std::path::Path) -> Arc<dyn Store>) -> Self {
        // Port 1 is closed everywhere.
        Self::beside("ws://127.0.0.1:1", store)
    }

    /// Over a store, with a gateway at this address.
    pub fn beside(gateway_url: &str, store: impl FnOnce(&std::path::Path) -> Arc<dyn Store>) -> Self {
        Self::put_together(gateway_url, store, None, Door::new(ADDRESS.parse().unwrap()))
    }

    /// The same with other settings for programs; they are told the house's folder.
    pub fn with_programs(mut self, change: impl FnOnce(&mut Programs, &std::path::Path)) -> Self {
        let dir = self._dir.path();
        let mut programs = Programs {
            knobs: Knobs::of(dir.join(".env.local")),
            roots: vec![dir.join("home")],
            ..Programs::at(Millis(BEGIN))
        };
        change(&mut programs, dir);
        self.state.programs = Arc::new(programs);
        self.router = compose::router(self.state.clone(), Door::new(ADDRESS.parse().unwrap()));
        self
    }

    /// One where people log in.
    pub fn with_door(password: &str, door: Door) -> Self {
        Self::put_together("ws://127.0.0.1:1", |_| Arc::new(MemoryStore::new()), Some(password), door)
    }

    fn put_together(
        gateway_url: &str,
        store: impl FnOnce(&std::path::Path) -> Arc<dyn Store>,
        password: Option<&str>,
        door: Door,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let clock = Arc::new(Ticking(AtomicI64::new(BEGIN)));
        let office = Arc::new(Office::new(store, clock.clone(), Arc::new(RandomIds)));
        let (gateway, task) = OpenClaw::connect(Config {
            url: gateway_url.into(),
            token: None,
            identity_dir: dir.path().join("identity"),
            legacy_identity: None,
            version: "0".into(),
        });
        let (stop, stopping) = watch::channel(false);
        let state = compose::share(Picked {
            supervisor: Supervisor::default(),
            office: office.clone(),
            runtimes: Runtimes::new([gateway.runtime()]),
            gateway,
            roles: worker::roles(None).unwrap(),
            lines: Arc::new(Lines::default()),
            streams: Arc::default(),
            ephemeral: Arc::default(),
            sessions: Sessions::open(dir.path()).unwrap(),
            password: password.map(Secret::of),
            uploads: Arc::new(Uploads::open(dir.path().join("uploads/images"), 64)),
            webhook_keys: Arc::new(Keys::open(dir.path(), None).unwrap()),
            webhook_way: Way::new(Arc::new(webhooks::Everywhere), Private::None),
            programs: Programs {
                knobs: Knobs::of(dir.path().join(".env.local")),
                roots: vec![dir.path().join("home")],
                ..Programs::at(Millis(BEGIN))
            },
            stop: stopping,
            settings: SiteSettings { gateway_url: gateway_url.into(), ..SiteSettings::default() },
            seals: Seals::new().unwrap(),
            tabs: 64,
            leptos: LeptosOptions::builder()
                .output_name("clutch")
                .site_root(dir.path().join("no-site").display().to_string())
                .build(),
        });
        let router = compose::router(state.clone(), door);
        Self { router, state, office, stop, clock, _gateway: task, _dir: dir }
    }

    /// Any request, as it is.
    pub async fn send(&self, mut request: Request<Body>, peer: &str) -> Reply {
        request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// A request of a program on this machine, with any body.
    pub async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", ADDRESS)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap(), "127.0.0.1:5000").await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.raw("GET", path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.raw("POST", path, &[], body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.raw("PATCH", path, &[], body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.raw("DELETE", path, &[], Body::empty()).await
    }

    /// A project that an agent could work in; answers its id.
    pub async fn project(&self, slug: &str) -> String {
        let body = json!({ "name": slug, "slug": slug, "work_loop_enabled": true, "local_path": "/srv/repo" });
        id(&self.post("/api/projects", body).await.ok(201)["project"])
    }

    /// A task; answers its id.
    pub async fn task(&self, project: &str, title: &str, status: &str) -> String {
        let body = json!({ "project_id": project, "title": title, "status": status });
        id(&self.post("/api/tasks", body).await.ok(201)["task"])
    }

    /// The task now.
    pub async fn look(&self, task: &str) -> Value {
        self.get(&format!("/api/tasks/{task}")).await.ok(200)["task"].clone()
    }

    pub async fn list<T: Inside + Clone>(&self, range: Range) -> Vec<T> {
        let read = self.office.read(&Fetch { scopes: vec![], ranges: vec![range.clone()] }).await.unwrap();
        read.value.all::<T>(&range).cloned().collect()
    }

    /// The task's log, newest first.
    pub async fn log(&self, task: &str) -> Vec<Activity> {
        self.list(Range::NewestChildren { kind: Kind::Activity, parent: task.into(), before: None, limit: 200 }).await
    }

    /// The project's log, newest first.
    pub async fn project_log(&self, project: &str) -> Vec<Activity> {
        let scope = Scope::Project(project.parse().unwrap());
        self.list(Range::Newest { kind: Kind::Activity, scope, before: None, limit: 200 }).await
    }

    /// What the work loop would ask for; of other commands, what a person would.
    pub async fn by_loop(&self, command: Command) -> Done {
        let actor = match needed(&command) {
            Right::Lead => Actor::work_loop(),
            Right::Carry => Actor::courier(),
            _ => Actor::human("dan"),
        };
        self.office.run(&actor, &command).await.unwrap()
    }

    /// The loop takes the task for its `attempt`th run, and the gateway takes the run.
    pub async fn run_of(&self, task: &str, attempt: u32) -> Run {
        self.run_told(task, attempt, "dev:1").await
    }

    /// The same, of an agent that is told this version of its prompt.
    pub async fn run_told(&self, task: &str, attempt: u32, prompt_version: &str) -> Run {
        self.by_loop(Command::HoldLease(HoldLease { holder: "test".into(), take_over_beat: None, sole_writer: true }))
            .await;
        let task: TaskId = task.parse().unwrap();
        let project: ProjectId = self.look(&task.to_string()).await["project_id"].as_str().unwrap().parse().unwrap();
        let slug = self.office.get::<Project>(project).await.unwrap().unwrap().slug;
        let claim = ClaimRun {
            task,
            phase: clutch_domain::phase::Phase::Work,
            role: Role::Dev,
            attempt,
            runtime: clutch_domain::runtime::usual(),
            session: OpenClawNames.of_run(&OfRun { slug: &slug, role: Role::Dev, task, attempt }),
            model: None,
            most: None,
            prompt_version: prompt_version.into(),
            holder: "test".into(),
        };
        let run = self.by_loop(Command::ClaimRun(claim)).await.made::<Run>().unwrap().clone();
        self.by_loop(Command::RunStarted(run.id.into())).await;
        run
    }

    /// The run fails; the task may be taken again at once.
    pub async fn fails(&self, run: &Run) {
        let retry = Retry { wait_ms: 0, cap: 9 };
        self.by_loop(Command::RunEnded(EndRun {
            run: run.id,
            as_id: None,
            how: Ended::Failed,
            last_words: "no".into(),
            used: None,
            retry,
        }))
        .await;
    }
}

/// The `id` of a shape.
#[track_caller]
pub fn id(shape: &Value) -> String {
    let id = shape["id"].as_str().unwrap_or_else(|| panic!("no id in {shape}"));
    assert_eq!(id.parse::<TaskId>().unwrap().to_string(), id, "ids are UUIDs in lower case");
    id.to_owned()
}

/// The keys of a shape, sorted.
#[track_caller]
pub fn keys(shape: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> =
        shape.as_object().unwrap_or_else(|| panic!("no object: {shape}")).keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Takes ids and times out, which no test can know, after looking whether they are what they should be.
#[track_caller]
pub fn known(mut shape: Value, names: &[&str]) -> Value {
    for name in names {
        let value = &mut shape[*name];
        match &*value {
            Value::String(text) => assert!(text.parse::<Uuid>().is_ok(), "{name} is no UUID: {text}"),
            Value::Number(at) => assert!(
                at.as_i64().is_some_and(|at| (BEGIN..BEGIN + 1_000_000).contains(&at)),
                "{name} is no time: {at}"
            ),
            other => panic!("{name} is {other}"),
        }
        *value = json!("known");
    }
    shape
}
