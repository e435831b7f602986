//! [`OpenClaw`]: the gateway as the rest of the program sees it.

mod decide;
mod frames;
mod talk;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_trait::async_trait;
use clutch_domain::runtime::USUAL;
use clutch_orchestrator::runtime::{
    Accepted, AgentRuntime, RUN_EVENTS_WAITING, Reporting, RunEnd, RunEvent, Runtime, RuntimeError, RuntimeState,
    Sessions, Sighting, StartRun, Waiting,
};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

use self::frames::accepted;
use crate::actor::{ASKS_WAITING, Actor, Ask, Link, Shared, wall};
use crate::care::{Care, Subscription};
use crate::decisions::Watch;
use crate::identity::Identity;
use crate::literal::prompt;
use crate::names::OpenClawNames;
use crate::session::{Jitter, Session, Settings};
use crate::sight::{Traces, assemble};
use crate::signs::end_of_wait;
use crate::state::GatewayState;
use crate::task::GatewayTask;
use crate::wire::Event;
use crate::words::{is_nearby, shown_address};

/// Time-out of a question that the gateway answers from memory, in milliseconds.
const QUICK_MS: u64 = 15_000;
/// Time-out of `agent` and `chat.send`: their first answer comes at once, except while a gateway is busy starting.
const START_MS: u64 = 30_000;
/// Time-out of removing a session, which takes seconds.
const DELETE_MS: u64 = 60_000;
/// What a long poll may take beyond the time that was asked for.
const POLL_GRACE_MS: u64 = 10_000;
/// Newest messages of a session that are read to find an attempt's traces.
const HISTORY_ROWS: u32 = 200;
/// Subscriptions that are kept at most.
const SUBSCRIPTIONS_MAX: usize = 64;

/// A text that never shows in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret; white space around it is dropped, an empty one is none.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        let secret = secret.trim();
        (!secret.is_empty()).then(|| Self(secret.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How to reach the gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ws://` or `wss://` address, for example `ws://127.0.0.1:18789`.
    pub url: String,
    /// The gateway's shared token.
    pub token: Option<Secret>,
    /// Folder for `device.json`, made when it is missing.
    pub identity_dir: PathBuf,
    /// A device key of an earlier installation, copied once if ours is missing.
    pub legacy_identity: Option<PathBuf>,
    /// Our version, shown in the gateway's list of clients.
    pub version: String,
}

/// The way to the actor.
#[derive(Clone)]
pub(crate) struct Client {
    inbox: mpsc::Sender<Ask>,
    pub shared: Arc<Shared>,
}

impl Client {
    /// Calls a method. Session keys in the parameters are ours.
    pub(crate) async fn request(
        &self,
        method: &str,
        mut params: Value,
        timeout_ms: u64,
    ) -> Result<Value, RuntimeError> {
        for name in ["sessionKey", "key"] {
            if let Some(Value::String(key)) = params.get_mut(name) {
                let mut keys = self.shared.keys();
                keys.remember(key);
                *key = keys.theirs(key);
            }
        }
        let (reply, answer) = oneshot::channel();
        let ask = Ask::Request { method: method.to_owned(), params, timeout_ms, reply };
        self.inbox.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                RuntimeError::Away("Too many requests wait for the gateway; try again.".into())
            }
            mpsc::error::TrySendError::Closed(_) => RuntimeError::Away("The gateway client was stopped.".into()),
        })?;
        answer.await.unwrap_or_else(|_| Err(RuntimeError::Unknown("the connection to the gateway broke off".into())))
    }

    fn offers(&self, method: &str) -> bool {
        self.shared.link.borrow().hello.as_ref().is_some_and(|hello| hello.offers(method))
    }
}

/// A connection to an OpenClaw gateway that is kept for ever.
pub struct OpenClaw {
    client: Client,
    state: watch::Receiver<GatewayState>,
    shown: watch::Receiver<RuntimeState>,
    kick: Arc<Notify>,
    subscriptions: watch::Sender<Vec<Subscription>>,
    waiting: watch::Sender<Waiting>,
    /// Somebody has decided, and what waits is another list.
    decided: Arc<Notify>,
    /// The newest connection whose gateway refused to be told that words are no command.
    always_reads_commands: AtomicU64,
}

impl OpenClaw {
    /// Begins to connect and returns at once, whether or not a gateway is there. A device key
    /// that cannot be read or kept is logged, and replaced by a passing one for this process:
    /// it is enough for a gateway on the same machine.
    ///
    /// Must be called within a tokio runtime with time and I/O.
    #[must_use]
    pub fn connect(config: Config) -> (Arc<Self>, GatewayTask) {
        let url = config.url;
        let identity = Identity::open(&config.identity_dir, config.legacy_identity.as_deref(), wall())
            .inspect_err(|error| tracing::warn!("The device key for the gateway cannot be used: {error}."))
            .or_else(|_| Identity::passing())
            .inspect_err(|error| tracing::warn!("No device key: {error}."))
            .ok();
        let session = Session::new(Settings {
            address: shown_address(&url),
            nearby: is_nearby(&url),
            token: config.token.map(|secret| secret.0),
            identity,
            version: config.version,
            jitter: system_jitter(),
        });
        let first = session.first_state();
        let link = Link { state: first.clone(), hello: None, connections: 0, gaps: 0 };
        let shared = Arc::new(Shared {
            keys: Default::default(),
            signs: Default::default(),
            link: watch::Sender::new(link),
            runs: broadcast::Sender::new(RUN_EVENTS_WAITING),
            raw: broadcast::Sender::new(RUN_EVENTS_WAITING),
        });
        let (inbox, asks) = mpsc::channel(ASKS_WAITING);
        let client = Client { inbox: inbox.clone(), shared: Arc::clone(&shared) };
        let (shown_in, shown) = watch::channel(first.shown());
        let (state_in, state) = watch::channel(first);
        let (subscriptions, subscribed) = watch::channel(Vec::new());
        let kick = Arc::new(Notify::new());
        let care = Care {
            client: client.clone(),
            state: state_in,
            shown: shown_in,
            kick: Arc::clone(&kick),
            subscriptions: subscribed,
            agents_of: 0,
        };
        let actor = tokio::spawn(Actor::new(session, url, asks, shared).run());
        let care = tokio::spawn(care.run());
        let (waiting, decided) = (watch::Sender::default(), Arc::new(Notify::new()));
        let decisions = Watch { client: client.clone(), told: waiting.clone(), kick: Arc::clone(&decided) };
        let decisions = tokio::spawn(decisions.run());
        let task = GatewayTask { inbox, actor, care, decisions, state: state.clone() };
        let always_reads_commands = AtomicU64::new(u64::MAX);
        let claw = Self { client, state, shown, kick, subscriptions, waiting, decided, always_reads_commands };
        (Arc::new(claw), task)
    }

    /// The gateway as a runtime of this server. What was stored before runtimes had names is its.
    #[must_use]
    pub fn runtime(self: &Arc<Self>) -> Runtime {
        Runtime {
            name: USUAL.to_owned(),
            label: "The gateway".to_owned(),
            reporting: Reporting::Plugin,
            names: Arc::new(OpenClawNames),
            agents: self.clone(),
            talk: Some(self.clone()),
            sessions: Some(self.clone()),
            decisions: Some(self.clone()),
        }
    }

    /// The connection, as whoever knows that this is a gateway sees it. Through the port it is told in words.
    #[must_use]
    pub fn connection(&self) -> watch::Receiver<GatewayState> {
        self.state.clone()
    }

    /// Calls any method of the gateway. The caller decides who may do that.
    ///
    /// # Errors
    /// `Away` when nothing was sent, `Refused` with the gateway's code, `Unknown` when the answer is lost.
    pub async fn request(&self, method: &str, params: Value, timeout: Duration) -> Result<Value, RuntimeError> {
        self.client.request(method, params, u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)).await
    }

    /// Whether the gateway says that it knows a method. `false` before the first connection.
    #[must_use]
    pub fn offers(&self, method: &str) -> bool {
        self.client.offers(method)
    }

    /// Our form of a session's name, as the gateway calls it.
    #[must_use]
    pub fn ours(&self, session: &str) -> String {
        self.client.shared.keys().ours(session)
    }

    /// Whether two names, each in whatever form, are of one session.
    #[must_use]
    pub fn is_session(&self, one: &str, other: &str) -> bool {
        self.client.shared.keys().same(one, other)
    }

    /// Tries to connect at once instead of at the planned time; while connected, looks at the plugin again.
    pub fn reconnect_now(&self) {
        // A full inbox holds this wish, or one that leads to the same.
        let _ = self.client.inbox.try_send(Ask::ReconnectNow);
        self.kick.notify_one();
    }

    /// Calls a method now and again on every new connection, where the gateway offers it,
    /// for example `sessions.messages.subscribe {key}`. The same call twice counts once;
    /// of more than 64 the oldest is dropped.
    pub fn subscribe(&self, method: &str, params: Value) {
        let wanted = Subscription { method: method.to_owned(), params };
        self.subscriptions.send_if_modified(|all| {
            let new = !all.contains(&wanted);
            if new {
                if all.len() >= SUBSCRIPTIONS_MAX {
                    all.remove(0);
                }
                all.push(wanted);
            }
            new
        });
    }

    /// Every event of the gateway as it came, for what the runtime's ports have no word for. Session keys are in the
    /// gateway's form.
    #[must_use]
    pub fn raw_events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.client.shared.raw.subscribe()
    }

    async fn quick(&self, method: &str, params: Value) -> Result<Value, RuntimeError> {
        self.request(method, params, Duration::from_millis(QUICK_MS)).await
    }

    /// A question whose refusal only means that this gateway cannot answer it.
    async fn if_offered(&self, method: &str, params: Value) -> Result<Option<Value>, RuntimeError> {
        if !self.offers(method) {
            return Ok(None);
        }
        match self.quick(method, params).await {
            Ok(answer) => Ok(Some(answer)),
            Err(RuntimeError::Refused { code, sentence }) => {
                tracing::debug!(method, code, sentence, "the gateway did not answer a look into a session");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, session: &str) -> Result<(), RuntimeError> {
        let params = json!({ "key": session, "deleteTranscript": true });
        self.request("sessions.delete", params, Duration::from_millis(DELETE_MS)).await.map(drop)
    }

    /// Sets the model of a session that is about to be worked in. Nothing works with another model than the
    /// one that was asked for: it may be dearer, or see what it should not. That is as far as the gateway says
    /// no; 2026.2.17 takes every name, and answers with its default where it finds nothing behind one.
    async fn set_model(&self, session: &str, model: &str) -> Result<(), RuntimeError> {
        match self.use_model(session, model).await {
            Err(RuntimeError::Refused { code, sentence }) => Err(RuntimeError::Refused {
                code,
                sentence: format!(
                    "The agent was not started, because the model \u{201c}{model}\u{201d} cannot be used: {sentence}"
                ),
            }),
            Err(RuntimeError::Unknown(why)) => {
                let set = self.session(session).await.ok().flatten().and_then(|session| session.model);
                if set.is_some_and(|set| set.eq_ignore_ascii_case(model)) {
                    return Ok(());
                }
                // Nothing was started. Whoever looks finds that, and starts again.
                Err(RuntimeError::Unknown(why))
            }
            done => done,
        }
    }
}

#[async_trait]
impl AgentRuntime for OpenClaw {
    async fn start(&self, run: StartRun) -> Result<Accepted, RuntimeError> {
        if let Some(model) = &run.model {
            self.set_model(&run.session, model).await?;
        }
        let params = json!({
            "message": prompt(&run.message),
            "sessionKey": run.session,
            "thinking": "off",
            "timeout": run.timeout_seconds,
            "idempotencyKey": run.key,
        });
        let answer = self.request("agent", params, Duration::from_millis(START_MS)).await?;
        accepted(&answer, &run.key)
    }

    async fn wait(&self, run_id: &str, timeout_ms: u32) -> Result<Option<RunEnd>, RuntimeError> {
        let params = json!({ "runId": run_id, "timeoutMs": timeout_ms });
        let timeout = Duration::from_millis(u64::from(timeout_ms) + POLL_GRACE_MS);
        self.request("agent.wait", params, timeout).await.map(|answer| end_of_wait(&answer))
    }

    async fn sight(&self, session: &str, key: &str) -> Result<Sighting, RuntimeError> {
        let (tasks, history, row) = tokio::join!(
            self.if_offered("tasks.list", json!({ "sessionKey": session })),
            self.quick("chat.history", json!({ "sessionKey": session, "limit": HISTORY_ROWS })),
            self.if_offered("sessions.describe", json!({ "key": session })),
        );
        let (tasks, history, row) = (tasks?, history?, row?);
        let row = row.as_ref().map(|answer| &answer["session"]).filter(|row| row.is_object());
        Ok(assemble(key, Traces { tasks: tasks.as_ref(), history: Some(&history), row }))
    }

    async fn abort(&self, session: &str, forget: bool) -> Result<(), RuntimeError> {
        if self.offers("sessions.abort") {
            self.quick("sessions.abort", json!({ "key": session, "clearQueued": true })).await?;
        } else {
            // Old gateways stop only runs of `chat.send` this way. Others end when their session is removed,
            // and that is only done for those who want the session gone.
            self.quick("chat.abort", json!({ "sessionKey": session })).await?;
        }
        if forget { self.delete(session).await } else { Ok(()) }
    }

    fn state(&self) -> watch::Receiver<RuntimeState> {
        self.shown.clone()
    }

    fn events(&self) -> broadcast::Receiver<Arc<RunEvent>> {
        self.client.shared.runs.subscribe()
    }
}

/// Evenly spread numbers from the system's randomness; without it, the middle.
fn system_jitter() -> Jitter {
    let random = SystemRandom::new();
    Box::new(move |most| {
        let mut bytes = [0_u8; 8];
        match random.fill(&mut bytes) {
            // The bias of the remainder is far below what a wait can show.
            Ok(()) => most.checked_add(1).map_or(u64::from_le_bytes(bytes), |count| u64::from_le_bytes(bytes) % count),
            Err(_) => most / 2,
        }
    })
}
