//! Agents that say what a test lets them say: a runtime without a gateway.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use clutch_domain::{runtime::USUAL, speech::Speech, time::Millis};
use clutch_gateway::OpenClawNames;
use clutch_orchestrator::runtime::{
    Accepted, AgentRuntime, Away, Conversations, Link, Picture, Reporting, RunEnd, RunEndKind, RunEvent, RunSign,
    Runtime, RuntimeError, RuntimeState, SeenRun, Sighting, StartRun,
};
use tokio::sync::{Semaphore, broadcast, watch};

/// Whole answers that are told at a time: whoever holds all permits keeps them back.
pub const TELLS: usize = 64;

/// What the gateway would answer.
#[derive(Default)]
pub struct Script {
    /// Runs that a session shows.
    pub sessions: HashMap<String, Vec<SeenRun>>,
    /// Errors of the next looks.
    pub looks_fail: VecDeque<RuntimeError>,
    /// Whole answers by run; each is told as long as it is the last.
    pub answers: HashMap<String, VecDeque<Result<Option<String>, RuntimeError>>>,
}

/// A runtime whose agents are a script.
pub struct Agents {
    state: watch::Sender<RuntimeState>,
    events: broadcast::Sender<Arc<RunEvent>>,
    script: Mutex<Script>,
    /// Whole answers are told while there are permits.
    pub tells: Semaphore,
    looks: AtomicUsize,
    asks: AtomicUsize,
}

impl Agents {
    /// Connected, with so many events for whoever is slow.
    pub fn new(waiting: usize) -> Arc<Self> {
        let agents = Self {
            state: watch::Sender::new(away()),
            events: broadcast::Sender::new(waiting),
            script: Mutex::default(),
            tells: Semaphore::new(TELLS),
            looks: AtomicUsize::new(0),
            asks: AtomicUsize::new(0),
        };
        agents.connect(1);
        Arc::new(agents)
    }

    /// They, as the runtime of what is stored: sessions are called as the gateway's.
    pub fn runtime(self: &Arc<Self>) -> Runtime {
        Runtime {
            name: USUAL.into(),
            label: "The test".into(),
            reporting: Reporting::Plugin,
            names: Arc::new(OpenClawNames),
            agents: self.clone(),
            talk: Some(self.clone()),
            sessions: None,
            decisions: None,
        }
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `n`th connection.
    pub fn connect(&self, n: u64) {
        self.state.send_replace(RuntimeState::Ready {
            what: "agents of a test".into(),
            since: Millis(0),
            link: Link { connection: n, boot: None },
            troubles: Vec::new(),
        });
    }

    pub fn disconnect(&self) {
        self.state.send_replace(away());
    }

    pub fn tell(&self, session: &str, run: &str, what: RunSign) {
        let event = RunEvent { session: session.to_owned(), run_id: run.to_owned(), at: Millis(0), what };
        // Nobody may listen yet.
        let _ = self.events.send(Arc::new(event));
    }

    /// Waits until everybody has heard everything.
    pub async fn heard(&self) {
        while !self.events.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// Who listens.
    pub fn listeners(&self) -> usize {
        self.events.receiver_count()
    }

    /// Looks into sessions so far.
    pub fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    /// Whole answers that were asked for so far.
    pub fn asks(&self) -> usize {
        self.asks.load(Ordering::SeqCst)
    }
}

fn away() -> RuntimeState {
    RuntimeState::Away(Away {
        word: "Away".into(),
        since: Some(Millis(0)),
        sentence: "It is gone.".into(),
        command: None,
        retry_at: Some(Millis(1)),
        needs_person: false,
    })
}

pub fn finished(words: &str) -> RunSign {
    RunSign::Ended(end(words))
}

fn end(words: &str) -> RunEnd {
    RunEnd { how: RunEndKind::Finished, last_words: words.to_owned(), reason: None }
}

/// A run that has finished, said at this moment of the gateway's clock.
pub fn seen(run: &str, words: &str, said_at: i64) -> SeenRun {
    SeenRun { run_id: run.to_owned(), end: Some(end(words)), said_at: Some(Millis(said_at)), resumed: false }
}

fn not_here<T>() -> Result<T, RuntimeError> {
    Err(RuntimeError::Refused { code: "INVALID_REQUEST".into(), sentence: "not here".into() })
}

#[async_trait]
impl AgentRuntime for Agents {
    /// They begin, and say nothing more.
    async fn start(&self, run: StartRun) -> Result<Accepted, RuntimeError> {
        let begun = SeenRun { run_id: run.key.clone(), end: None, said_at: None, resumed: false };
        self.script().sessions.insert(run.session, vec![begun]);
        Ok(Accepted { run_id: run.key })
    }

    async fn wait(&self, _: &str, _: u32) -> Result<Option<RunEnd>, RuntimeError> {
        not_here()
    }

    async fn sight(&self, session: &str, _: &str) -> Result<Sighting, RuntimeError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let mut script = self.script();
        if let Some(error) = script.looks_fail.pop_front() {
            return Err(error);
        }
        let runs = script.sessions.get(session).cloned().unwrap_or_default();
        Ok(Sighting { runs, active: Some(false), ..Sighting::default() })
    }

    async fn abort(&self, _: &str, _: bool) -> Result<(), RuntimeError> {
        Ok(())
    }

    fn state(&self) -> watch::Receiver<RuntimeState> {
        self.state.subscribe()
    }

    fn events(&self) -> broadcast::Receiver<Arc<RunEvent>> {
        self.events.subscribe()
    }
}

#[async_trait]
impl Conversations for Agents {
    async fn steer(&self, _: &str, _: Speech, _: &str, _: &[Picture], _: &str) -> Result<Accepted, RuntimeError> {
        not_here()
    }

    async fn answer(&self, _: &str, run: &str) -> Result<Option<String>, RuntimeError> {
        self.asks.fetch_add(1, Ordering::SeqCst);
        let _told = self.tells.acquire().await.unwrap();
        let mut script = self.script();
        let Some(answers) = script.answers.get_mut(run) else { return Ok(None) };
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap_or(Ok(None))
    }
}
