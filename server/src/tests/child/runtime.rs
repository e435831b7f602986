//! A runtime without a gateway: each attempt is a child process with a folder of its own, in which everything is
//! found again after a restart.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use clutch_domain::{id::ChatId, text::Slug, time::Millis};
use clutch_orchestrator::runtime::{
    Accepted, AgentRuntime, Away, Begun, Link, Names, OfRun, Reporting, RunEnd, RunEndKind, RunEvent, RunSign, Runtime,
    RuntimeError, RuntimeState, SeenRun, Sighting, StartRun,
};
use tokio::{
    io::AsyncWriteExt,
    sync::{broadcast, watch},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::agent::{ARGUMENTS, END, PLACE};

/// The name under which runs are stored as its.
pub const NAME: &str = "child";
/// How often a folder is looked into while something is waited for.
const AGAIN: Duration = Duration::from_millis(10);

/// Child processes.
pub struct Children {
    dir: PathBuf,
    state: watch::Sender<RuntimeState>,
    events: broadcast::Sender<Arc<RunEvent>>,
    // Each waits for a child of ours; they go with the server that began them, the children do not.
    waiting: Mutex<JoinSet<()>>,
}

impl Children {
    /// Those whose folders are here.
    pub fn of(dir: &Path) -> Arc<Self> {
        let children = Self {
            dir: dir.to_owned(),
            state: watch::Sender::new(ready()),
            events: broadcast::Sender::new(64),
            waiting: Mutex::default(),
        };
        Arc::new(children)
    }

    pub fn runtime(self: &Arc<Self>) -> Runtime {
        Runtime {
            name: NAME.into(),
            label: "The child runtime".into(),
            reporting: Reporting::Cli,
            names: Arc::new(ChildNames),
            agents: self.clone(),
            talk: None,
            sessions: None,
            decisions: None,
        }
    }

    pub fn leave(&self, sentence: &str) {
        self.state.send_replace(RuntimeState::Away(Away {
            word: "Away".into(),
            since: Some(Millis(0)),
            sentence: sentence.into(),
            command: None,
            retry_at: None,
            needs_person: true,
        }));
    }

    pub fn come_back(&self) {
        self.state.send_replace(ready());
    }

    /// The folder of a session.
    pub fn place(&self, session: &str) -> PathBuf {
        self.dir.join(session)
    }

    fn here(&self) -> Result<(), RuntimeError> {
        match self.state.borrow().away() {
            Some(away) => Err(RuntimeError::Away(away.sentence.clone())),
            None => Ok(()),
        }
    }

    fn place_of_run(&self, run: &str) -> Option<PathBuf> {
        let places = fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path());
        places.into_iter().find(|place| text(place, "run") == run)
    }
}

fn ready() -> RuntimeState {
    RuntimeState::Ready {
        what: "child processes".into(),
        since: Millis(0),
        link: Link { connection: 1, boot: Some("this machine".into()) },
        troubles: Vec::new(),
    }
}

fn text(place: &Path, file: &str) -> String {
    fs::read_to_string(place.join(file)).unwrap_or_default()
}

/// Whether the process of a folder is there, and no corpse.
pub fn alive(place: &Path) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", text(place, "pid"))).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// How the attempt of a folder ended, if it has.
fn end_of(place: &Path) -> Option<RunEnd> {
    let kind =
        |how, reason: Option<&str>| RunEnd { how, last_words: text(place, END), reason: reason.map(str::to_owned) };
    if place.join(END).exists() {
        Some(kind(RunEndKind::Finished, None))
    } else if place.join("pid").exists() && !alive(place) {
        Some(kind(RunEndKind::Failed, Some("The process ended without a word.")))
    } else {
        None
    }
}

#[async_trait]
impl AgentRuntime for Children {
    async fn start(&self, run: StartRun) -> Result<Accepted, RuntimeError> {
        self.here()?;
        let place = self.place(&run.session);
        if text(&place, "key") == run.key {
            return Ok(Accepted { run_id: text(&place, "run") });
        }
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("key"), &run.key).unwrap();
        let out = fs::File::create(place.join("lines")).unwrap();
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(ARGUMENTS).envs(run.environment.iter().cloned()).env(PLACE, &place);
        command.stdin(Stdio::piped()).stdout(out).stderr(Stdio::null()).process_group(0);
        if let Some(folder) = &run.folder {
            command.current_dir(folder);
        }
        let mut child = tokio::process::Command::from(command).spawn().map_err(|error| RuntimeError::Refused {
            code: "not_started".into(),
            sentence: format!("The agent could not be started: {error}."),
        })?;
        let pid = child.id().unwrap().to_string();
        let run_id = format!("child-{pid}");
        fs::write(place.join("run"), &run_id).unwrap();
        fs::write(place.join("pid"), &pid).unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(run.message.as_bytes()).await.unwrap();
        drop(stdin);
        let (events, session, id) = (self.events.clone(), run.session, run_id.clone());
        let tell = move |what| {
            let event = RunEvent { session: session.clone(), run_id: id.clone(), at: Millis(0), what };
            let _ = events.send(Arc::new(event)); // nobody may listen
        };
        tell(RunSign::Started);
        self.waiting.lock().unwrap().spawn(async move {
            child.wait().await.unwrap();
            let lines = text(&place, "lines");
            let lines = lines.lines().filter_map(|line| line.strip_prefix("line: "));
            lines.for_each(|line| tell(RunSign::Line(line.to_owned())));
            if let Some(end) = end_of(&place) {
                tell(RunSign::Ended(end));
            }
        });
        Ok(Accepted { run_id })
    }

    async fn wait(&self, run_id: &str, timeout_ms: u32) -> Result<Option<RunEnd>, RuntimeError> {
        self.here()?;
        let until = Instant::now() + Duration::from_millis(timeout_ms.into());
        loop {
            let end = self.place_of_run(run_id).and_then(|place| end_of(&place));
            if end.is_some() || Instant::now() >= until {
                return Ok(end);
            }
            sleep(AGAIN).await;
        }
    }

    async fn sight(&self, session: &str, key: &str) -> Result<Sighting, RuntimeError> {
        self.here()?;
        let place = self.place(session);
        if text(&place, "key") != key {
            return Ok(Sighting { active: Some(false), ..Sighting::default() });
        }
        let (end, run_id) = (end_of(&place), text(&place, "run"));
        let last_words = end.as_ref().map(|end| end.last_words.clone()).filter(|words| !words.is_empty());
        let run = SeenRun { run_id, end, said_at: None, resumed: false };
        Ok(Sighting { begun: Begun::Yes, active: Some(alive(&place)), runs: vec![run], last_words })
    }

    async fn abort(&self, session: &str, forget: bool) -> Result<(), RuntimeError> {
        self.here()?;
        let place = self.place(session);
        while alive(&place) {
            let group = format!("-{}", text(&place, "pid"));
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &group]).status();
            sleep(AGAIN).await;
        }
        if forget && place.exists() {
            fs::remove_dir_all(place).unwrap();
        }
        Ok(())
    }

    fn state(&self) -> watch::Receiver<RuntimeState> {
        self.state.subscribe()
    }

    fn events(&self) -> broadcast::Receiver<Arc<RunEvent>> {
        self.events.subscribe()
    }
}

/// Sessions are called as folders may be.
struct ChildNames;

impl Names for ChildNames {
    fn of_run(&self, run: &OfRun<'_>) -> String {
        format!("child-{}-{}-{}", run.task, run.role.word(), run.attempt)
    }

    fn of_chat(&self, _: &Slug, chat: ChatId) -> String {
        format!("child-chat-{chat}")
    }

    fn chat_of(&self, session: &str) -> Option<ChatId> {
        session.strip_prefix("child-chat-")?.parse().ok()
    }

    fn whole(&self, _: &str) -> Option<String> {
        None
    }
}
