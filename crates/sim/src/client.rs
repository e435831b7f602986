//! The connection of one server to the gateway: requests in order, answers that get lost, requests that arrive
//! after whoever sent them has died.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use clutch_domain::{
    brake::Used, id::ChatId, invariant::Law, runtime::USUAL, speech::Speech, text::Slug, time::Millis,
};
use clutch_orchestrator::runtime::{
    Accepted, AgentRuntime, Away, Conversations, Link, Model, Names, OfRun, Picture, RUN_EVENTS_WAITING, Reporting,
    RunEnd, RunEvent, Runtime, RuntimeError, RuntimeState, SessionInfo, Sessions, Sighting, StartRun,
};
use tokio::sync::{broadcast, oneshot, watch};

use crate::{
    exec::{Exec, Group},
    gateway::Gateway,
    pace::Pace,
};

/// A call that gets no answer gives up after so long, in milliseconds.
const CALL_MS: i64 = 30_000;
/// Calls of one kind about one session within one virtual minute; more is a loop without a pause.
const CALLS_A_MINUTE: u32 = 150;

/// In a storm the server dies around so many in a hundred of its stops.
const DIES_AT_A_STOP_PERCENT: u32 = 30;
/// The same, of the prompts and words that it sends.
const DIES_SENDING_PERCENT: u32 = 15;
/// How long what it sent is on its way then at least and at most, in milliseconds.
const SLOW_MS: (i64, i64) = (1_000, 45_000);

/// So many in a hundred words are on their way for so long, in milliseconds, in a storm.
const BUSY_PERCENT: u32 = 25;
const BUSY_MS: (i64, i64) = (500, 8_000);

/// A kind of call that a gateway may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// A start.
    Start,
    /// A look into a session.
    Look,
    /// A stop.
    Stop,
    /// Words.
    Steer,
}

/// One server's client.
pub struct Client {
    exec: Exec,
    group: Group,
    gateway: Arc<Gateway>,
    state: watch::Sender<RuntimeState>,
    events: broadcast::Sender<Arc<RunEvent>>,
    // Raised with each connection; what was on its way over an older one is lost.
    epoch: Arc<AtomicU64>,
    // Requests of one connection are handled in their order.
    line: AtomicI64,
    faults: AtomicU32,
    // Until when each kind of call is refused (steady milliseconds).
    refuses: Mutex<BTreeMap<Call, i64>>,
    paces: Mutex<BTreeMap<(Call, String), Pace>>,
    // Runs whose sessions are being looked into.
    looks: Mutex<BTreeSet<String>>,
    holder: Mutex<String>,
}

/// A look of a run's effect, which may be broken off.
struct Looking<'a> {
    client: &'a Client,
    run: &'a str,
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.client.looks.lock().unwrap_or_else(PoisonError::into_inner).remove(self.run);
    }
}

/// Nothing is connected; `since` when something was.
fn away(since: Option<Millis>, sentence: &str) -> RuntimeState {
    RuntimeState::Away(Away {
        word: "Away".into(),
        since,
        sentence: sentence.to_owned(),
        command: None,
        retry_at: since.map(|since| since.plus(1_000)),
        needs_person: false,
    })
}

/// Names that say nothing to anybody else.
struct SimNames;

impl Names for SimNames {
    fn of_run(&self, run: &OfRun<'_>) -> String {
        format!("sim/{}/{}/{}/{}", run.slug, run.role.word(), run.task, run.attempt)
    }

    fn of_chat(&self, _: &Slug, chat: ChatId) -> String {
        format!("sim/chat/{chat}")
    }

    fn chat_of(&self, session: &str) -> Option<ChatId> {
        session.strip_prefix("sim/chat/")?.parse().ok()
    }

    fn whole(&self, _: &str) -> Option<String> {
        None
    }
}

impl Client {
    /// The gateway as the server's only runtime; `tells` where it says what sessions have used.
    #[must_use]
    pub fn runtime(self: &Arc<Self>, tells: bool) -> Runtime {
        Runtime {
            name: USUAL.into(),
            label: "The gateway".into(),
            reporting: Reporting::Plugin,
            names: Arc::new(SimNames),
            agents: self.clone(),
            talk: Some(self.clone()),
            sessions: tells.then(|| self.clone() as Arc<dyn Sessions>),
            decisions: None,
        }
    }

    /// A client that tries to connect.
    #[must_use]
    pub fn new(exec: Exec, group: Group, gateway: Arc<Gateway>, faults: u32) -> Arc<Self> {
        let client = Arc::new(Self {
            exec: exec.clone(),
            group,
            gateway: gateway.clone(),
            state: watch::Sender::new(away(None, "Connecting.")),
            events: broadcast::Sender::new(RUN_EVENTS_WAITING),
            epoch: Arc::default(),
            line: AtomicI64::new(0),
            faults: AtomicU32::new(faults),
            refuses: Mutex::default(),
            paces: Mutex::default(),
            looks: Mutex::default(),
            holder: Mutex::default(),
        });
        gateway.welcome(client.clone());
        let actor = client.clone();
        exec.spawn(group, "client", Box::pin(async move { actor.connect_for_ever().await }));
        client
    }

    /// The group that it dies with.
    #[must_use]
    pub const fn group(&self) -> Group {
        self.group
    }

    /// How many calls and events in a hundred get lost.
    pub fn set_faults(&self, percent: u32) {
        self.faults.store(percent, Ordering::Relaxed);
    }

    /// Calls of this kind are refused until then (steady milliseconds).
    pub fn refuse(&self, call: Call, until: i64) {
        self.refusing().insert(call, until);
    }

    /// Whether the gateway neither shows nor stops anything that this server asks for now.
    pub fn is_kept_out(&self) -> bool {
        let (now, refusing) = (self.exec.now(), self.refusing());
        [Call::Look, Call::Stop].iter().any(|call| refusing.get(call).is_some_and(|until| now < *until))
    }

    fn refusing(&self) -> MutexGuard<'_, BTreeMap<Call, i64>> {
        self.refuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and refuses it where the gateway does.
    fn enter(&self, call: Call, session: &str) -> Result<(), RuntimeError> {
        let now = self.exec.now();
        self.exec.say(|| format!("server {} asks {call:?} of {session}", self.group));
        let calls = {
            let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
            paces.entry((call, session.to_owned())).or_default().step(now, CALLS_A_MINUTE)
        };
        if let Some(calls) = calls {
            self.exec.wrong(Law::NoHurry, format!("{calls} calls of the kind {call:?} within a minute in {session}"));
        }
        if self.refusing().get(&call).is_none_or(|until| now >= *until) {
            return Ok(());
        }
        self.exec.count(match call {
            Call::Start => "gateway refused a start",
            Call::Look => "gateway refused a look",
            Call::Stop => "gateway refused a stop",
            Call::Steer => "gateway refused words",
        });
        Err(RuntimeError::Refused { code: "UNAVAILABLE".into(), sentence: "the gateway is busy".into() })
    }

    /// The name under which this server's loop holds the lease.
    pub fn serve(&self, holder: &str) {
        holder.clone_into(&mut self.holder.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Only the server that leads does anything.
    fn check_lead(&self, what: &str) {
        let ours = self.holder.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.gateway.store.leader().as_deref() != Some(ours.as_str()) {
            self.exec.wrong(Law::LeaderActs, format!("server {} does not lead any more and does {what}", self.group));
        }
    }

    /// A run's effect looks; no other of this server does meanwhile.
    fn looking<'a>(&'a self, key: &'a str) -> Option<Looking<'a>> {
        if !key.starts_with("clutch-") {
            return None; // an answer or a message, which nobody listens to for its silence
        }
        if !self.looks.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned()) {
            self.exec.wrong(Law::FollowedOnce, format!("server {} has two effects at work on {key}", self.group));
        }
        Some(Looking { client: self, run: key })
    }

    /// The server dies at the worst moment: around a call that it makes now.
    fn meets_its_end(&self, percent: u32, what: &'static str) -> bool {
        let dies = self.faults.load(Ordering::Relaxed) > 0 && self.exec.rng(|r| r.chance(percent));
        if dies {
            self.exec.count(what);
            self.gateway.doom(self.group);
        }
        dies
    }

    /// How long what it sends with its last breath is on its way, in milliseconds; `None` where it lives on.
    fn slow(&self, what: &'static str) -> Option<i64> {
        let dies = self.meets_its_end(DIES_SENDING_PERCENT, what);
        dies.then(|| self.exec.rng(|r| r.between(SLOW_MS.0, SLOW_MS.1)))
    }

    /// A busy gateway takes its time with words.
    fn busy(&self) -> Option<i64> {
        let storm = self.faults.load(Ordering::Relaxed) > 0;
        self.exec.rng(|r| (storm && r.chance(BUSY_PERCENT)).then(|| r.between(BUSY_MS.0, BUSY_MS.1)))
    }

    async fn connect_for_ever(&self) {
        let mut state = self.state.subscribe();
        loop {
            let connected = state.borrow_and_update().is_ready();
            if connected {
                if state.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let wait = self.exec.rng(|r| r.between(100, 4_000));
            self.exec.sleep(wait).await;
            if self.gateway.up() {
                self.epoch.fetch_add(1, Ordering::Relaxed);
                self.line.store(0, Ordering::Relaxed);
                self.exec.say(|| format!("server {} is connected", self.group));
                self.state.send_replace(RuntimeState::Ready {
                    what: "a simulated gateway".into(),
                    since: self.exec.wall_of(self.group),
                    link: Link { connection: self.epoch.load(Ordering::Relaxed), boot: self.gateway.boot() },
                    troubles: Vec::new(),
                });
            }
        }
    }

    /// The connection ends.
    pub fn drop_connection(&self, why: &str) {
        if self.state.borrow().away().is_some_and(|away| away.since.is_some()) {
            return;
        }
        self.epoch.fetch_add(1, Ordering::Relaxed);
        self.state.send_replace(away(Some(self.exec.wall_of(self.group)), why));
    }

    /// An event arrives, or not.
    pub fn hear(&self, event: &Arc<RunEvent>) {
        if self.state.borrow().is_ready() && !self.unlucky("event was lost") {
            // Nobody listens: nobody attends anything.
            let _ = self.events.send(event.clone());
        }
    }

    fn unlucky(&self, what: &'static str) -> bool {
        let percent = self.faults.load(Ordering::Relaxed);
        let is = percent > 0 && self.exec.rng(|r| r.chance(percent));
        if is {
            self.exec.count(what);
        }
        is
    }

    /// One call: to the gateway in order, handled there, and back. What has left arrives, whether the server that
    /// sent it lives or not, unless the gateway dies before.
    async fn call<T: Send + 'static>(
        &self,
        handle: impl FnOnce(&Arc<Gateway>) -> T + Send + 'static,
    ) -> Result<T, RuntimeError> {
        self.slow_call(None, handle).await
    }

    /// The same, on its way for so many milliseconds where that is said.
    async fn slow_call<T: Send + 'static>(
        &self,
        slow: Option<i64>,
        handle: impl FnOnce(&Arc<Gateway>) -> T + Send + 'static,
    ) -> Result<T, RuntimeError> {
        if !self.state.borrow().is_ready() {
            return Err(RuntimeError::Away("not connected".into()));
        }
        let epoch = self.epoch.load(Ordering::Relaxed);
        let same = || self.epoch.load(Ordering::Relaxed) == epoch && self.gateway.up();
        let arrives = {
            let way = slow.unwrap_or_else(|| {
                self.exec.rng(|r| if r.chance(5) { r.between(500, 8_000) } else { r.between(1, 60) })
            });
            let wanted = self.exec.now() + way;
            let at = wanted.max(self.line.load(Ordering::Relaxed) + 1);
            self.line.store(at, Ordering::Relaxed);
            at
        };
        let (done, answer) = oneshot::channel();
        let (exec, gateway, group) = (self.exec.clone(), self.gateway.clone(), self.group);
        // A connection that is cut takes along what was on its way, half of the time.
        let now = self.epoch.clone();
        self.exec.spawn(
            self.gateway.process(),
            "request",
            Box::pin(async move {
                exec.sleep_until(arrives).await;
                if now.load(Ordering::Relaxed) != epoch && exec.rng(|r| r.chance(50)) {
                    return;
                }
                if exec.is_dead(group) {
                    exec.count("request arrived after its sender had died");
                }
                // Nobody may listen for the answer any more.
                let _ = done.send(handle(&gateway));
            }),
        );
        let Ok(answer) = answer.await else {
            return Err(RuntimeError::Unknown("the connection ended".into()));
        };
        if self.unlucky("answer of the gateway was lost") {
            self.exec.sleep(CALL_MS).await;
            return Err(RuntimeError::Unknown("no answer in time".into()));
        }
        let back = self.exec.rng(|r| r.between(0, 30));
        self.exec.sleep(back).await;
        if same() { Ok(answer) } else { Err(RuntimeError::Unknown("the connection ended".into())) }
    }
}

#[async_trait]
impl AgentRuntime for Client {
    async fn start(&self, run: StartRun) -> Result<Accepted, RuntimeError> {
        self.check_lead("start");
        self.enter(Call::Start, &run.session)?;
        self.gateway.board.check_told(&self.exec, &run.session, &run.message);
        let slow = self.slow("server died as it sent a prompt");
        self.slow_call(slow, move |g| Accepted { run_id: g.start(&run.session, &run.key) }).await
    }

    async fn wait(&self, run_id: &str, timeout_ms: u32) -> Result<Option<RunEnd>, RuntimeError> {
        let until = self.exec.now() + i64::from(timeout_ms);
        loop {
            let id = run_id.to_owned();
            if let Some(end) = self.call(move |g| g.ended(&id)).await? {
                return Ok(Some(end));
            }
            if self.exec.now() >= until {
                return Ok(None);
            }
            let pause = (until - self.exec.now()).clamp(1, 2_000);
            self.exec.sleep(pause).await;
        }
    }

    async fn sight(&self, session: &str, key: &str) -> Result<Sighting, RuntimeError> {
        self.enter(Call::Look, session)?;
        let _looking = self.looking(key);
        let (session, key) = (session.to_owned(), key.to_owned());
        self.call(move |g| g.sight(&session, &key)).await
    }

    async fn abort(&self, session: &str, forget: bool) -> Result<(), RuntimeError> {
        self.check_lead("abort");
        self.enter(Call::Stop, session)?;
        self.meets_its_end(DIES_AT_A_STOP_PERCENT, "server died at a stop");
        let session = session.to_owned();
        self.call(move |g| g.abort(&session, forget)).await
    }

    fn state(&self) -> watch::Receiver<RuntimeState> {
        self.state.subscribe()
    }

    fn events(&self) -> broadcast::Receiver<Arc<RunEvent>> {
        self.events.subscribe()
    }
}

#[async_trait]
impl Conversations for Client {
    async fn steer(
        &self,
        session: &str,
        _speech: Speech,
        _message: &str,
        _pictures: &[Picture],
        key: &str,
    ) -> Result<Accepted, RuntimeError> {
        self.check_lead("steer");
        self.enter(Call::Steer, session)?;
        let slow = self.slow("server died as it sent words").or_else(|| self.busy());
        let (session, key) = (session.to_owned(), key.to_owned());
        self.slow_call(slow, move |g| Accepted { run_id: g.steer(&session, &key) }).await
    }

    async fn answer(&self, session: &str, run_id: &str) -> Result<Option<String>, RuntimeError> {
        let (of, id) = (session.to_owned(), run_id.to_owned());
        let seen = self.call(move |g| g.sight(&of, &id)).await?;
        let end = seen.runs.into_iter().find(|run| run.run_id == run_id).and_then(|run| run.end);
        Ok(end.map(|end| end.last_words).filter(|words| !words.is_empty()))
    }
}

#[async_trait]
impl Sessions for Client {
    async fn session(&self, _: &str) -> Result<Option<SessionInfo>, RuntimeError> {
        Ok(None)
    }

    async fn used(&self, session: &str) -> Result<Option<Used>, RuntimeError> {
        self.enter(Call::Look, session)?;
        let name = session.to_owned();
        let used = self.call(move |gateway| gateway.used(&name)).await?;
        let tell = |tokens: u64| Used { input: tokens / 10 * 9, output: tokens / 10, cost_micros: Some(tokens * 10) };
        Ok(used.map(tell))
    }

    async fn use_model(&self, _: &str, _: &str) -> Result<(), RuntimeError> {
        Err(RuntimeError::Away("nobody asks for that here".into()))
    }

    async fn reset(&self, _: &str) -> Result<(), RuntimeError> {
        Err(RuntimeError::Away("nobody asks for that here".into()))
    }

    async fn compact(&self, _: &str) -> Result<(), RuntimeError> {
        Err(RuntimeError::Away("nobody asks for that here".into()))
    }

    async fn models(&self) -> Result<Vec<Model>, RuntimeError> {
        Ok(Vec::new())
    }
}
