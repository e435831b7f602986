//! A second runtime, through the production loop and the real routes: agents that are child processes of this
//! program. Nothing of a gateway is in it, so whatever the engine needs of a runtime the port says.

mod agent;
mod runtime;

use std::{path::PathBuf, sync::Arc, time::Duration};

use clutch_domain::{
    command::{Command, MoveTask, Place},
    id::{ProjectId, TaskId},
    plan::Policy,
    run::{LoopState, Outcome, Run, RunState},
    runtime::unknown,
    task::{Status, Task},
};
use clutch_orchestrator::{runtime::Runtimes, work::Parts};
use clutch_store::MemoryStore;
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

use super::{House, agents::Agents};
use crate::{
    chat::{bridge::Bridge, mail::ServerMail},
    compose,
    http::{connections, door::Door},
    supervise::Supervisor,
    worker,
};
use runtime::{Children, NAME, alive};

/// Longest wait for anything.
const LONG: Duration = Duration::from_secs(60);

/// A server with two runtimes, of which the child processes survive it.
struct Yard {
    house: House,
    project: String,
    board: String,
    gateway: Arc<Agents>,
    children: Arc<Children>,
    work: Supervisor,
    dir: TempDir,
    _web: JoinSet<()>,
}

impl Yard {
    /// Dev agents are child processes, all others the gateway's.
    async fn new() -> Self {
        let house = House::over(|_| Arc::new(MemoryStore::new().with_sole_writer(true)));
        let dir = tempfile::tempdir().unwrap();
        let (sessions, repository) = (dir.path().join("sessions"), dir.path().join("repository"));
        [&sessions, &repository].iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = compose::router(house.state.clone(), Door::new(address));
        let mut web = JoinSet::new();
        web.spawn(connections::serve(listener, router, 64, house.stop.subscribe()));
        let body = json!({
            "name": "Birds", "slug": "birds", "work_loop_enabled": true, "local_path": repository.to_str().unwrap(),
        });
        let project = super::id(&house.post("/api/projects", body).await.ok(201)["project"]);
        let chosen = json!({ "runtimes": { "dev": NAME } });
        let told = house.patch(&format!("/api/projects/{project}"), chosen.clone()).await.ok(200);
        assert_eq!(told["project"]["runtimes"], chosen["runtimes"]);
        let mut yard = Self {
            house,
            project,
            board: format!("http://{address}"),
            gateway: Agents::new(64),
            children: Children::of(&sessions),
            work: Supervisor::default(),
            dir,
            _web: web,
        };
        yard.start(true);
        yard
    }

    /// The server begins, with or without the child runtime.
    fn start(&mut self, with_children: bool) {
        self.work = Supervisor::default();
        self.children = Children::of(&self.dir.path().join("sessions"));
        let mut all = vec![self.gateway.runtime()];
        all.extend(with_children.then(|| self.children.runtime()));
        let runtimes = Runtimes::new(all);
        let state = &self.house.state;
        let bridge = Arc::new(Bridge {
            office: self.house.office.clone(),
            runtimes: runtimes.clone(),
            streams: state.streams.clone(),
            uploads: state.uploads.clone(),
            ephemeral: state.ephemeral.clone(),
            settling: Default::default(),
            looks: Default::default(),
        });
        let reactor = Arc::new(worker::Tokio::new(self.work.clone()));
        let parts = Parts {
            office: self.house.office.clone(),
            runtimes,
            reactor: reactor.clone(),
            roles: worker::roles(None).unwrap(),
            post: Arc::new(super::webhooks::Nobody),
            mail: Arc::new(ServerMail { bridge, board: self.board.clone() }),
            policy: Policy::default(),
            board: self.board.clone(),
        };
        worker::start(&self.work, reactor, parts);
    }

    async fn ready(&self, title: &str, role: &str) -> TaskId {
        let body = json!({ "project_id": self.project, "title": title, "status": "ready", "role": role });
        super::id(&self.house.post("/api/tasks", body).await.ok(201)["task"]).parse().unwrap()
    }

    async fn task(&self, id: TaskId) -> Task {
        self.house.office.get(id).await.unwrap().unwrap()
    }

    /// Waits until the newest run of a task is so.
    async fn run(&self, what: &str, task: TaskId, is: impl Fn(&Run) -> bool) -> Run {
        let range = clutch_domain::range::Range::children(clutch_domain::doc::Kind::Run, task, 10);
        let found = async {
            loop {
                let runs: Vec<Run> = self.house.office.all(range.clone()).await.unwrap();
                if let Some(run) = runs.into_iter().find(&is) {
                    return run;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LONG, found).await.unwrap_or_else(|_| panic!("never: {what}"))
    }

    async fn until(&self, what: &str, is: impl AsyncFn() -> bool) {
        let so = async {
            while !is().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(LONG, so).await.is_ok(), "never: {what}");
    }

    async fn note(&self, task: TaskId) -> Option<String> {
        let project: ProjectId = self.project.parse().unwrap();
        let state: Option<LoopState> = self.house.office.get(project).await.unwrap();
        state.and_then(|state| state.notes.get(&task).cloned())
    }

    fn place(&self, run: &Run) -> PathBuf {
        self.children.place(&run.session_key)
    }
}

impl Drop for Yard {
    /// No agent outlives its test.
    fn drop(&mut self) {
        for place in std::fs::read_dir(self.dir.path().join("sessions")).into_iter().flatten().flatten() {
            let pid = std::fs::read_to_string(place.path().join("pid")).unwrap_or_default();
            if alive(&place.path()) {
                let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{pid}")]).status();
            }
        }
    }
}

fn working(run: &Run) -> bool {
    run.state == RunState::Started && !run.successors.is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_goes_to_review_by_a_child_process_beside_the_gateway() {
    let yard = Yard::new().await;
    let (painted, planned) = (yard.ready("Paint it", "dev").await, yard.ready("Plan it", "pm").await);
    let run = yard.run("the child ends", painted, |run| run.outcome.is_some()).await;
    assert_eq!((run.outcome, run.runtime.as_str(), run.reported), (Some(Outcome::Completed), NAME, true));
    assert_eq!(run.last_words.as_deref(), Some("I painted it."));
    assert_eq!(yard.task(painted).await.status, Status::InReview);
    assert!(run.current_id().starts_with("child-"), "the runtime's own id is the run's: {run:?}");
    // It worked in the repository, and nothing told it of a plugin or a gateway.
    let lines = std::fs::read_to_string(yard.place(&run).join("lines")).unwrap();
    let repository = yard.dir.path().join("repository").canonicalize().unwrap();
    assert!(lines.contains(&format!("line: read {}", repository.display())), "{lines}");
    let prompt = std::fs::read_to_string(yard.place(&run).join("prompt")).unwrap();
    assert!(prompt.contains("/complete'") && !prompt.contains("`mark_complete`"), "{prompt}");
    let other = yard.run("the gateway works", planned, |run| run.state == RunState::Started).await;
    assert_eq!(other.runtime, clutch_domain::runtime::USUAL);
    assert_eq!(other.session_key, format!("agent:main:birds:pm:{}:r1", planned.id8()));
    yard.work.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_runtime_that_is_away_stops_nobody_else() {
    let yard = Yard::new().await;
    yard.children.leave("It sleeps.");
    let (painted, planned) = (yard.ready("Paint it", "dev").await, yard.ready("Plan it", "pm").await);
    yard.run("the gateway works", planned, |run| run.state == RunState::Started).await;
    let says = "The child runtime does not answer: It sleeps.";
    yard.until("the ticket says why it waits", async || yard.note(painted).await.as_deref() == Some(says)).await;
    assert_eq!(yard.task(painted).await.status, Status::Ready);
    // The other way round.
    yard.gateway.disconnect();
    yard.children.come_back();
    yard.run("the child ends", painted, |run| run.outcome == Some(Outcome::Completed)).await;
    let third = yard.ready("Plan more", "pm").await;
    yard.until("that one waits for the gateway", async || {
        yard.note(third).await.is_some_and(|note| note.contains("It is gone."))
    })
    .await;
    yard.work.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_goes_on_with_the_child_that_is_at_work_and_a_stop_ends_it() {
    let mut yard = Yard::new().await;
    let (first, second) = (yard.ready("Paint and wait", "dev").await, yard.ready("Sing and wait", "dev").await);
    let run = yard.run("the first works", first, working).await;
    let other = yard.run("the second works", second, working).await;
    yard.work.stop().await;
    assert!(alive(&yard.place(&run)), "it does not go with the server");

    // A server that has not this runtime leaves them alone, and says so.
    yard.start(false);
    let says = unknown(NAME);
    for task in [first, second] {
        yard.run("it says so", task, |run| run.trouble.as_deref() == Some(&*says)).await;
    }
    assert!(alive(&yard.place(&run)));
    yard.work.stop().await;

    yard.start(true);
    yard.run("it is followed again", first, |run| run.trouble.is_none()).await;
    agent::go(&yard.place(&run));
    let ended = yard.run("the child ends", first, |run| run.outcome.is_some()).await;
    assert_eq!((ended.id, ended.outcome), (run.id, Some(Outcome::Completed)), "the same attempt goes on");
    assert_eq!(yard.task(first).await.status, Status::InReview);

    let away = MoveTask {
        task: second,
        to: Status::Backlog,
        place: Place::End,
        reason: None,
        resolution: None,
        reopen: false,
    };
    yard.house.by_loop(Command::MoveTask(away)).await;
    let stopped = yard.run("the other is stopped", second, |run| run.outcome.is_some()).await;
    assert_eq!((stopped.id, stopped.outcome), (other.id, Some(Outcome::Aborted)));
    assert!(!alive(&yard.place(&other)), "and its process is gone");
    yard.work.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_dies_while_the_server_is_down_ends_in_words() {
    let mut yard = Yard::new().await;
    let task = yard.ready("Paint and wait", "dev").await;
    let run = yard.run("it works", task, working).await;
    yard.work.stop().await;
    let pid = std::fs::read_to_string(yard.place(&run).join("pid")).unwrap();
    std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    yard.until("it is gone", async || !alive(&yard.place(&run))).await;
    yard.start(true);
    let ended = yard.run("its end is known", task, |ended| ended.id == run.id && ended.outcome.is_some()).await;
    assert_eq!(ended.outcome, Some(Outcome::Failed));
    assert_eq!(ended.last_words.as_deref(), Some("The process ended without a word."));
    yard.work.stop().await;
}
