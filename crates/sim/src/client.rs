//! The connection of one server to the gateway: requests in order, answers that get lost.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
};

use async_trait::async_trait;
use clutch_domain::{run::Lease, speech::Speech};
use clutch_orchestrator::runtime::{
    Accepted, AgentRuntime, DownReason, Model, Picture, RUN_EVENTS_WAITING, RunEnd, RunEvent, RuntimeError,
    RuntimeState, SessionInfo, Sighting, StartRun,
};
use tokio::sync::{broadcast, watch};

use crate::{
    exec::{Exec, Group},
    gateway::Gateway,
};

/// A call that gets no answer gives up after so long, in milliseconds.
const CALL_MS: i64 = 30_000;
const ADDRESS: &str = "ws://simulated";

/// One server's client.
pub struct Client {
    exec: Exec,
    group: Group,
    gateway: Arc<Gateway>,
    state: watch::Sender<RuntimeState>,
    events: broadcast::Sender<Arc<RunEvent>>,
    // Raised with each connection; what was on its way over an older one is lost.
    epoch: AtomicU64,
    // Requests of one connection are handled in their order.
    line: AtomicI64,
    faults: AtomicU32,
    refuses: Mutex<Option<String>>,
    holder: Mutex<String>,
}

impl Client {
    /// A client that tries to connect.
    #[must_use]
    pub fn new(exec: Exec, group: Group, gateway: Arc<Gateway>, faults: u32) -> Arc<Self> {
        let client = Arc::new(Self {
            exec: exec.clone(),
            group,
            gateway: gateway.clone(),
            state: watch::Sender::new(RuntimeState::Connecting { address: ADDRESS.into(), attempt: 1 }),
            events: broadcast::Sender::new(RUN_EVENTS_WAITING),
            epoch: AtomicU64::new(0),
            line: AtomicI64::new(0),
            faults: AtomicU32::new(faults),
            refuses: Mutex::new(None),
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

    /// The next start is refused with this sentence.
    pub fn refuse_next(&self, sentence: &str) {
        *self.refuses.lock().unwrap_or_else(PoisonError::into_inner) = Some(sentence.to_owned());
    }

    /// The name under which this server's loop holds the lease.
    pub fn serve(&self, holder: &str) {
        holder.clone_into(&mut self.holder.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Only the server that leads does anything.
    fn check_lead(&self, what: &str) {
        let ours = self.holder.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let leads = self.gateway.store.all::<Lease>().first().map(|l| l.holder.clone());
        if leads.as_deref() != Some(ours.as_str()) {
            self.exec.wrong(format!("server {} does not lead any more and does {what}", self.group));
        }
    }

    async fn connect_for_ever(&self) {
        let mut state = self.state.subscribe();
        loop {
            let connected = matches!(&*state.borrow_and_update(), RuntimeState::Connected { .. });
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
                self.state.send_replace(RuntimeState::Connected {
                    address: ADDRESS.into(),
                    since: self.exec.wall(),
                    connection: self.epoch.load(Ordering::Relaxed),
                    boot: self.gateway.boot(),
                    version: "2026.9.6".into(),
                    plugin: Vec::new(),
                });
            }
        }
    }

    /// The connection ends.
    pub fn drop_connection(&self, why: &str) {
        if matches!(&*self.state.borrow(), RuntimeState::Down { .. }) {
            return;
        }
        self.epoch.fetch_add(1, Ordering::Relaxed);
        let now = self.exec.wall();
        self.state.send_replace(RuntimeState::Down {
            address: ADDRESS.into(),
            since: now,
            why: DownReason::Lost,
            sentence: why.to_owned(),
            retry_at: now.plus(1_000),
        });
    }

    /// An event arrives, or not.
    pub fn hear(&self, event: &Arc<RunEvent>) {
        let connected = matches!(&*self.state.borrow(), RuntimeState::Connected { .. });
        if connected && !self.unlucky("event was lost") {
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

    /// One call: to the gateway in order, handled there, and back.
    async fn call<T>(&self, handle: impl FnOnce(&Arc<Gateway>) -> T) -> Result<T, RuntimeError> {
        if !matches!(&*self.state.borrow(), RuntimeState::Connected { .. }) {
            return Err(RuntimeError::Away("not connected".into()));
        }
        let epoch = self.epoch.load(Ordering::Relaxed);
        let same = || self.epoch.load(Ordering::Relaxed) == epoch && self.gateway.up();
        let arrives = {
            let wanted =
                self.exec.now() + self.exec.rng(|r| if r.chance(5) { r.between(500, 8_000) } else { r.between(1, 60) });
            let at = wanted.max(self.line.load(Ordering::Relaxed) + 1);
            self.line.store(at, Ordering::Relaxed);
            at
        };
        self.exec.sleep_until(arrives).await;
        if !same() {
            return Err(RuntimeError::Unknown("the connection ended".into()));
        }
        let answer = handle(&self.gateway);
        if self.unlucky("answer of the gateway was lost") {
            self.exec.sleep(CALL_MS).await;
            return Err(RuntimeError::Unknown("no answer in time".into()));
        }
        let back = self.exec.rng(|r| r.between(0, 30));
        self.exec.sleep(back).await;
        if same() { Ok(answer) } else { Err(RuntimeError::Unknown("the connection ended".into())) }
    }
}

fn unknown_here(what: &str) -> RuntimeError {
    RuntimeError::Refused { code: "INVALID_REQUEST".into(), sentence: format!("unknown method: {what}") }
}

#[async_trait]
impl AgentRuntime for Client {
    async fn start(&self, run: StartRun) -> Result<Accepted, RuntimeError> {
        self.check_lead("start");
        let refused = self.refuses.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sentence) = refused {
            self.exec.count("gateway refused a start");
            return Err(RuntimeError::Refused { code: "UNAVAILABLE".into(), sentence });
        }
        self.call(|g| Accepted { run_id: g.start(&run.session, &run.key) }).await
    }

    async fn wait(&self, run_id: &str, timeout_ms: u32) -> Result<Option<RunEnd>, RuntimeError> {
        let until = self.exec.now() + i64::from(timeout_ms);
        loop {
            if let Some(end) = self.call(|g| g.ended(run_id)).await? {
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
        self.call(|g| g.sight(session, key)).await
    }

    async fn abort(&self, session: &str, forget: bool) -> Result<(), RuntimeError> {
        self.check_lead("abort");
        self.call(|g| g.abort(session, forget)).await
    }

    async fn steer(
        &self,
        session: &str,
        _speech: Speech,
        _message: &str,
        _pictures: &[Picture],
        key: &str,
    ) -> Result<Accepted, RuntimeError> {
        self.check_lead("steer");
        self.call(|g| Accepted { run_id: g.steer(session, key) }).await
    }

    async fn answer(&self, session: &str, run_id: &str) -> Result<Option<String>, RuntimeError> {
        let seen = self.call(|g| g.sight(session, run_id)).await?;
        let end = seen.runs.into_iter().find(|run| run.run_id == run_id).and_then(|run| run.end);
        Ok(end.map(|end| end.last_words).filter(|words| !words.is_empty()))
    }

    // The loop asks for none of the following; only people in chats do.

    async fn session(&self, _session: &str) -> Result<Option<SessionInfo>, RuntimeError> {
        Ok(None)
    }

    async fn use_model(&self, _session: &str, _model: &str) -> Result<(), RuntimeError> {
        Err(unknown_here("use_model"))
    }

    async fn reset(&self, _session: &str) -> Result<(), RuntimeError> {
        Err(unknown_here("reset"))
    }

    async fn compact(&self, _session: &str) -> Result<(), RuntimeError> {
        Err(unknown_here("compact"))
    }

    async fn models(&self) -> Result<Vec<Model>, RuntimeError> {
        Ok(Vec::new())
    }

    fn state(&self) -> watch::Receiver<RuntimeState> {
        self.state.subscribe()
    }

    fn events(&self) -> broadcast::Receiver<Arc<RunEvent>> {
        self.events.subscribe()
    }
}
