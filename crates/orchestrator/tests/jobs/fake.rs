//! A runtime without agents: what it shows and refuses is what a test said.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use clutch_domain::{brake::Used, id::ChatId, speech::Speech, text::Slug, time::Millis};
use clutch_orchestrator::runtime::{
    Accepted, AgentRuntime, Away, Begun, Conversations, Link, Model, Names, OfRun, Picture, Reporting, RunEnd,
    RunEndKind, RunEvent, RunSign, Runtime, RuntimeError, RuntimeState, SeenRun, SessionInfo, Sessions, Sighting,
    StartRun, ToolSign,
};
use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};

/// Names that tell nobody anything.
struct FakeNames(String);

impl Names for FakeNames {
    fn of_run(&self, run: &OfRun<'_>) -> String {
        format!("{}|{}|{}|{}|{}", self.0, run.slug, run.role.word(), run.task, run.attempt)
    }

    fn of_chat(&self, _: &Slug, chat: ChatId) -> String {
        format!("{}|{chat}", self.0)
    }

    fn chat_of(&self, session: &str) -> Option<ChatId> {
        // Also as other adapters called it before.
        session.get(session.len().checked_sub(36)?..)?.parse().ok()
    }

    fn whole(&self, _: &str) -> Option<String> {
        None
    }
}

/// What becomes of a sending whose answer is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The words never arrived.
    Before,
    /// They arrived.
    After,
}

/// A call as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub at: Instant,
    pub what: &'static str,
    pub session: String,
    /// The key or the run; for `abort`: `forget` or nothing.
    pub key: String,
}

#[derive(Default)]
struct Session {
    keys: Vec<String>,
    runs: Vec<SeenRun>,
    active: bool,
}

struct Inner {
    /// It shows which words came under which key, and what is at work.
    marks: bool,
    connection: u64,
    boot: Option<String>,
    sessions: BTreeMap<String, Session>,
    /// What sessions have used, by their names; one that is removed tells nothing.
    used: BTreeMap<String, Used>,
    /// Keys that the process remembers.
    keys: BTreeSet<String>,
    ended: BTreeMap<String, RunEnd>,
    refuses: BTreeMap<&'static str, String>,
    lost: VecDeque<Lost>,
    looks_take: Duration,
    calls: Vec<Call>,
    told: Vec<String>,
}

pub struct Fake {
    state: watch::Sender<RuntimeState>,
    events: broadcast::Sender<Arc<RunEvent>>,
    inner: Mutex<Inner>,
}

pub fn end(how: RunEndKind, words: &str, reason: Option<&str>) -> RunEnd {
    RunEnd { how, last_words: words.into(), reason: reason.map(str::to_owned) }
}

fn connected(connection: u64, boot: Option<String>) -> RuntimeState {
    RuntimeState::Ready {
        what: "a fake".into(),
        since: Millis(0),
        link: Link { connection, boot },
        troubles: Vec::new(),
    }
}

impl Fake {
    /// A connected runtime. One that marks nothing has no name for its process either, as OpenClaw 2026.2.17.
    pub fn new(marks: bool) -> Arc<Self> {
        let boot = marks.then(|| "boot-1".to_owned());
        Arc::new(Self {
            state: watch::Sender::new(connected(1, boot.clone())),
            events: broadcast::Sender::new(4_096),
            inner: Mutex::new(Inner {
                marks,
                connection: 1,
                boot,
                sessions: BTreeMap::new(),
                used: BTreeMap::new(),
                keys: BTreeSet::new(),
                ended: BTreeMap::new(),
                refuses: BTreeMap::new(),
                lost: VecDeque::new(),
                looks_take: Duration::ZERO,
                calls: Vec::new(),
                told: Vec::new(),
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// From now on calls of this kind are refused in these words; `None` ends it.
    pub fn refuse(&self, what: &'static str, sentence: Option<&str>) {
        let mut inner = self.lock();
        match sentence {
            Some(sentence) => _ = inner.refuses.insert(what, sentence.to_owned()),
            None => _ = inner.refuses.remove(what),
        }
    }

    /// The answer to the next sending is lost.
    pub fn lose_next(&self, lost: Lost) {
        self.lock().lost.push_back(lost);
    }

    /// Looks that begin from now on take so long.
    pub fn looks_take(&self, long: Duration) {
        self.lock().looks_take = long;
    }

    /// The connection ends and comes back, to the same process.
    pub fn reconnect(&self) {
        let (connection, boot) = {
            let mut inner = self.lock();
            inner.connection += 1;
            (inner.connection, inner.boot.clone())
        };
        self.leave("It is away.");
        self.state.send_replace(connected(connection, boot));
    }

    /// It is away from now on, for this reason.
    pub fn leave(&self, sentence: &str) {
        self.state.send_replace(RuntimeState::Away(Away {
            word: "Away".into(),
            since: Some(Millis(0)),
            sentence: sentence.into(),
            command: None,
            retry_at: Some(Millis(0)),
            needs_person: false,
        }));
    }

    /// It, as a runtime of this name.
    pub fn runtime(self: &Arc<Self>, name: &str) -> Runtime {
        Runtime {
            name: name.into(),
            label: "The gateway".into(),
            reporting: Reporting::Plugin,
            names: Arc::new(FakeNames(name.into())),
            agents: self.clone(),
            talk: Some(self.clone()),
            sessions: Some(self.clone()),
            decisions: None,
        }
    }

    /// A session has used so much by now: tokens read and written, and millionths of a dollar.
    pub fn uses(&self, session: &str, input: u64, output: u64, cost_micros: u64) {
        let used = Used { input, output, cost_micros: Some(cost_micros) };
        self.lock().used.insert(session.to_owned(), used);
    }

    /// The process is another: it remembers nothing, and what was at work is cut off.
    pub fn restart(&self) {
        {
            let mut inner = self.lock();
            inner.keys.clear();
            inner.ended.clear();
            inner.boot = inner.boot.take().map(|boot| format!("{boot}'"));
            for session in inner.sessions.values_mut().filter(|s| s.active) {
                session.active = false;
                for run in session.runs.iter_mut().filter(|run| run.end.is_none()) {
                    run.end = Some(end(RunEndKind::Failed, "", Some("exited before restart")));
                }
            }
        }
        self.reconnect();
    }

    /// The session goes on under another run, as a newer gateway makes it after its restart.
    pub fn resume(&self, session: &str, run: &str) {
        let mut inner = self.lock();
        let session = inner.sessions.get_mut(session).unwrap();
        session.active = true;
        session.runs.push(SeenRun { run_id: run.into(), end: None, said_at: None, resumed: true });
    }

    /// A run ends: shown in its session, known to `wait`, and told to whoever listens, if `told`.
    pub fn finish(&self, session: &str, run: &str, end: RunEnd, told: bool) {
        {
            let mut inner = self.lock();
            inner.ended.insert(run.to_owned(), end.clone());
            let session = inner.sessions.entry(session.to_owned()).or_default();
            session.active = false;
            if let Some(seen) = session.runs.iter_mut().find(|seen| seen.run_id == run) {
                seen.end = Some(end.clone());
            }
        }
        if told {
            self.tell(session, run, RunSign::Ended(end));
        }
    }

    /// Words arrive that were sent long ago.
    pub fn hears(&self, session: &str, key: &str) {
        self.lock().lost.clear();
        drop(self.take(session, key));
    }

    /// Whether something is at work in a session.
    pub fn is_at_work(&self, session: &str) -> bool {
        self.lock().sessions.get(session).is_some_and(|session| session.active)
    }

    /// What was at work is over, and nothing of its end is left.
    pub fn swallow(&self, session: &str) {
        self.lock().sessions.get_mut(session).unwrap().active = false;
    }

    /// `wait` knows no end any more.
    pub fn forget_ends(&self) {
        self.lock().ended.clear();
    }

    pub fn tell(&self, session: &str, run: &str, what: RunSign) {
        let event = RunEvent { session: session.into(), run_id: run.into(), at: Millis(0), what };
        let _ = self.events.send(Arc::new(event)); // nobody may listen
    }

    pub fn tool(&self, session: &str, run: &str, call: &str, ended: Option<bool>) {
        let sign = ToolSign { call: call.into(), line: "cargo build".into(), ended };
        self.tell(session, run, RunSign::Tool(sign));
    }

    /// Calls of one kind, in their order.
    pub fn calls(&self, what: &str) -> Vec<Call> {
        self.lock().calls.iter().filter(|call| call.what == what).cloned().collect()
    }

    /// What agents were told when they were started, in their order.
    pub fn told(&self) -> Vec<String> {
        self.lock().told.clone()
    }

    /// Keys under which calls of one kind were made, in their order.
    pub fn keys(&self, what: &str) -> Vec<String> {
        self.calls(what).into_iter().map(|call| call.key).collect()
    }

    /// How often words under a key reached an agent.
    pub fn arrived(&self, key: &str) -> usize {
        self.lock().sessions.values().flat_map(|session| &session.keys).filter(|known| *known == key).count()
    }

    fn note(&self, what: &'static str, session: &str, key: &str) -> Result<(), RuntimeError> {
        let mut inner = self.lock();
        inner.calls.push(Call { at: Instant::now(), what, session: session.into(), key: key.into() });
        match inner.refuses.get(what) {
            Some(sentence) => Err(RuntimeError::Refused { code: "NO".into(), sentence: sentence.clone() }),
            None => Ok(()),
        }
    }

    fn take(&self, session: &str, key: &str) -> Result<Accepted, RuntimeError> {
        let mut inner = self.lock();
        let lost = inner.lost.pop_front();
        if lost != Some(Lost::Before) && inner.keys.insert(key.to_owned()) {
            let session = inner.sessions.entry(session.to_owned()).or_default();
            session.keys.push(key.to_owned());
            session.active = true;
            session.runs.push(SeenRun { run_id: key.into(), end: None, said_at: None, resumed: false });
        }
        match lost {
            Some(_) => Err(RuntimeError::Unknown("the answer was lost".into())),
            None => Ok(Accepted { run_id: key.to_owned() }),
        }
    }
}

#[async_trait]
impl AgentRuntime for Fake {
    async fn start(&self, run: StartRun) -> Result<Accepted, RuntimeError> {
        self.note("start", &run.session, &run.key)?;
        self.lock().told.push(run.message);
        self.take(&run.session, &run.key)
    }

    async fn wait(&self, run_id: &str, timeout_ms: u32) -> Result<Option<RunEnd>, RuntimeError> {
        self.note("wait", "", run_id)?;
        let known = self.lock().ended.get(run_id).cloned();
        if known.is_none() && timeout_ms > 0 {
            tokio::time::sleep(Duration::from_millis(timeout_ms.into())).await;
            return Ok(self.lock().ended.get(run_id).cloned());
        }
        Ok(known)
    }

    async fn sight(&self, session: &str, key: &str) -> Result<Sighting, RuntimeError> {
        self.note("sight", session, key)?;
        let long = self.lock().looks_take;
        if !long.is_zero() {
            tokio::time::sleep(long).await;
        }
        let inner = self.lock();
        let Some(kept) = inner.sessions.get(session) else {
            return Ok(Sighting { active: inner.marks.then_some(false), ..Sighting::default() });
        };
        if !inner.marks {
            let begun = if kept.keys.is_empty() { Begun::No } else { Begun::CannotTell };
            return Ok(Sighting { begun, ..Sighting::default() });
        }
        let begun = if kept.keys.iter().any(|k| k == key) || kept.runs.iter().any(|r| r.run_id == key) {
            Begun::Yes
        } else {
            Begun::No
        };
        Ok(Sighting { begun, active: Some(kept.active), runs: kept.runs.clone(), last_words: None })
    }

    async fn abort(&self, session: &str, forget: bool) -> Result<(), RuntimeError> {
        self.note("abort", session, if forget { "forget" } else { "" })?;
        let mut inner = self.lock();
        if forget {
            inner.sessions.remove(session);
            inner.used.remove(session);
        } else if let Some(session) = inner.sessions.get_mut(session) {
            session.active = false;
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

#[async_trait]
impl Conversations for Fake {
    async fn steer(
        &self,
        session: &str,
        _: Speech,
        _: &str,
        _: &[Picture],
        key: &str,
    ) -> Result<Accepted, RuntimeError> {
        self.note("steer", session, key)?;
        self.take(session, key)
    }

    async fn answer(&self, _: &str, run: &str) -> Result<Option<String>, RuntimeError> {
        Ok(self.lock().ended.get(run).map(|end| end.last_words.clone()))
    }
}

#[async_trait]
impl Sessions for Fake {
    async fn session(&self, _: &str) -> Result<Option<SessionInfo>, RuntimeError> {
        panic!("the engine asks for no session")
    }

    async fn used(&self, session: &str) -> Result<Option<Used>, RuntimeError> {
        self.note("used", session, "")?;
        Ok(self.lock().used.get(session).copied())
    }

    async fn use_model(&self, _: &str, _: &str) -> Result<(), RuntimeError> {
        panic!("the engine chooses no models")
    }

    async fn reset(&self, _: &str) -> Result<(), RuntimeError> {
        panic!("the engine empties no sessions")
    }

    async fn compact(&self, _: &str) -> Result<(), RuntimeError> {
        panic!("the engine shortens no sessions")
    }

    async fn models(&self) -> Result<Vec<Model>, RuntimeError> {
        panic!("the engine asks for no models")
    }
}
