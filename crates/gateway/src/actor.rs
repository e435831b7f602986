//! The one task that owns the socket: it feeds the [`Session`] and performs its effects.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::state::GatewayState;
use clutch_domain::time::Millis;
use clutch_orchestrator::runtime::{RunEvent, RuntimeError};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::keys::KeyBook;
use crate::session::{Command, Effect, Ending, Generation, Now, Session, Ticket};
use crate::signs::Signs;
use crate::task::{Part, keep};
use crate::transport::{Socket, dial};
use crate::wire::{Event, Hello};

/// How many asks may wait for the actor.
pub(crate) const ASKS_WAITING: usize = 256;
/// How many frames may wait for the socket; a socket that takes none for so long is dead.
const FRAMES_WAITING: usize = 512;
/// Bytes of waiting frames from which on no further request is taken: a frame with pictures has up to 25 MB.
const BYTES_WAITING: usize = 64 * 1024 * 1024;
/// How long to say goodbye at the end.
const GOODBYE: Duration = Duration::from_millis(500);

/// What the rest of the crate asks of the actor.
pub(crate) enum Ask {
    Request { method: String, params: Value, timeout_ms: u64, reply: Reply },
    ReconnectNow,
    Shutdown,
}

type Reply = oneshot::Sender<Result<Value, RuntimeError>>;
type Writer = SplitSink<Socket, Message>;
type Reader = SplitStream<Socket>;
type Dialing = Pin<Box<dyn Future<Output = Result<Socket, Ending>> + Send>>;

/// The connection as the actor sees it.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// State, without the plugin's troubles.
    pub state: GatewayState,
    /// What the newest connection said; `None` before the first.
    pub hello: Option<Arc<Hello>>,
    /// How many connections there were.
    pub connections: u64,
    /// How many times events were missed.
    pub gaps: u64,
}

/// What actor, caretaker and callers share. The locks are held for moments, never across an await.
pub(crate) struct Shared {
    pub keys: Mutex<KeyBook>,
    pub signs: Mutex<Signs>,
    pub link: watch::Sender<Link>,
    pub runs: broadcast::Sender<Arc<RunEvent>>,
    pub raw: broadcast::Sender<Arc<Event>>,
}

impl Shared {
    pub(crate) fn keys(&self) -> MutexGuard<'_, KeyBook> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn signs(&self) -> MutexGuard<'_, Signs> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, events: Vec<RunEvent>) {
        for event in events {
            // An error only says that nobody listens now.
            let _ = self.runs.send(Arc::new(event));
        }
    }
}

/// The time now, as the calendar has it.
pub(crate) fn wall() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

struct Clock(Instant);

impl Clock {
    fn now(&self) -> Now {
        Now { mono: u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX), wall: wall() }
    }

    fn instant(&self, mono: u64) -> Instant {
        self.0 + Duration::from_millis(mono)
    }
}

/// Everything that belongs to the current connection.
#[derive(Default)]
struct Line {
    dialing: Option<(Generation, Dialing)>,
    generation: Generation,
    reader: Option<Reader>,
    writer: Option<Writer>,
    waiting: VecDeque<Message>,
    unflushed: bool,
}

impl Line {
    /// Bytes that wait for the socket.
    fn bytes(&self) -> usize {
        self.waiting.iter().map(Message::len).sum()
    }
}

pub(crate) struct Actor {
    session: Session,
    url: String,
    inbox: mpsc::Receiver<Ask>,
    shared: Arc<Shared>,
    clock: Clock,
    line: Line,
    replies: HashMap<Ticket, Reply>,
    tickets: Ticket,
    boot_id: Option<String>,
}

impl Part for Actor {
    const NAME: &'static str = "the connection to the gateway";

    async fn work(&mut self) {
        self.turns().await;
    }

    fn mend(&mut self) {
        self.line = Line::default();
        let effects = self.session.broke_off(self.clock.now());
        self.perform(effects);
        // Whoever was served in that moment is told, too, that nobody knows.
        self.replies.clear();
    }
}

impl Actor {
    pub(crate) fn new(session: Session, url: String, inbox: mpsc::Receiver<Ask>, shared: Arc<Shared>) -> Self {
        Self {
            session,
            url,
            inbox,
            shared,
            clock: Clock(Instant::now()),
            line: Line::default(),
            replies: HashMap::new(),
            tickets: 0,
            boot_id: None,
        }
    }

    /// Runs until it is told to stop.
    pub(crate) async fn run(mut self) {
        keep(&mut self).await;
        self.goodbye().await;
    }

    async fn turns(&mut self) {
        let effects = self.session.start(self.clock.now());
        self.perform(effects);
        loop {
            let deadline = self.session.next_deadline().map(|mono| self.clock.instant(mono));
            let Line { dialing, reader, writer, waiting, unflushed, .. } = &mut self.line;
            let effects = tokio::select! {
                ask = self.inbox.recv() => match ask {
                    Some(Ask::Shutdown) | None => break,
                    Some(ask) => match self.command(ask) {
                        Some(command) => self.session.on_command(command, self.clock.now()),
                        None => Vec::new(),
                    },
                },
                (generation, opened) = dialed(dialing) => self.opened(generation, opened),
                message = heard(reader) => self.message(message),
                written = written(writer, waiting, unflushed) => match written {
                    Ok(()) => Vec::new(),
                    Err(error) => self.ended(Ending::Closed(error.to_string())),
                },
                () = at(deadline) => self.session.on_tick(self.clock.now()),
            };
            self.perform(effects);
            if self.line.waiting.len() > FRAMES_WAITING {
                let effects = self.ended(Ending::Closed("it takes no more words".to_owned()));
                self.perform(effects);
            }
        }
    }

    /// `None` where the ask was answered at once.
    fn command(&mut self, ask: Ask) -> Option<Command> {
        match ask {
            Ask::Request { method, params, timeout_ms, reply } => {
                #[cfg(test)]
                assert!(method != tests::BREAKS, "broken off as the test wants it");
                if self.line.bytes() >= BYTES_WAITING {
                    let full = "Too much waits to be sent to the gateway; try again.";
                    // The caller may have gone away; then nobody wants the answer.
                    let _ = reply.send(Err(RuntimeError::Away(full.into())));
                    return None;
                }
                self.tickets += 1;
                self.replies.insert(self.tickets, reply);
                Some(Command::Request { ticket: self.tickets, method, params, timeout_ms })
            }
            Ask::ReconnectNow => Some(Command::ReconnectNow),
            Ask::Shutdown => Some(Command::Shutdown),
        }
    }

    fn opened(&mut self, generation: Generation, opened: Result<Socket, Ending>) -> Vec<Effect> {
        self.line.dialing = None;
        match opened {
            Ok(socket) => {
                let (writer, reader) = socket.split();
                self.line.generation = generation;
                self.line.writer = Some(writer);
                self.line.reader = Some(reader);
                self.session.on_opened(generation, self.clock.now())
            }
            Err(ending) => self.session.on_ended(generation, &ending, self.clock.now()),
        }
    }

    fn message(&mut self, message: Option<Result<Message, Error>>) -> Vec<Effect> {
        match message {
            Some(Ok(Message::Text(text))) => {
                self.session.on_frame(self.line.generation, text.as_str(), self.clock.now())
            }
            Some(Ok(Message::Close(frame))) => {
                let what = frame.map_or_else(
                    || "it closed the connection".to_owned(),
                    |frame| {
                        format!("closed with code {} {}", u16::from(frame.code), frame.reason).trim_end().to_owned()
                    },
                );
                self.ended(Ending::Closed(what))
            }
            // Pings are answered by the socket itself; only frames count as signs of life.
            Some(Ok(_)) => Vec::new(),
            Some(Err(error)) => self.ended(Ending::Closed(error.to_string())),
            None => self.ended(Ending::Closed("it closed the connection".to_owned())),
        }
    }

    fn ended(&mut self, ending: Ending) -> Vec<Effect> {
        let generation = self.line.generation;
        self.line = Line::default();
        self.session.on_ended(generation, &ending, self.clock.now())
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Dial(generation) => {
                    self.line =
                        Line { dialing: Some((generation, Box::pin(dial(self.url.clone())))), ..Line::default() };
                }
                Effect::Send(text) => self.line.waiting.push_back(Message::text(text)),
                Effect::Hangup => self.line = Line::default(),
                Effect::Settle(ticket, outcome) => {
                    if let Some(reply) = self.replies.remove(&ticket) {
                        // The caller may have gone away; then nobody wants the outcome.
                        let _ = reply.send(outcome);
                    }
                }
                Effect::State(state) => {
                    log_state(&self.shared.link.borrow().state, &state);
                    self.shared.link.send_modify(|link| link.state = state);
                }
                Effect::Welcome(hello) => self.welcome(hello),
                Effect::Event(event) => {
                    let told = self.shared.signs().on_event(&event, &self.shared.keys(), wall());
                    self.shared.tell(told);
                    let _ = self.shared.raw.send(Arc::new(event));
                }
                Effect::RunAnswer(answer) => {
                    let told = self.shared.signs().on_run_answer(&answer, wall());
                    self.shared.tell(told);
                }
                Effect::Missed(events) => {
                    tracing::warn!(events, "events of the gateway were missed; runs are looked up");
                    self.shared.link.send_modify(|link| link.gaps += 1);
                }
            }
        }
    }

    fn welcome(&mut self, hello: Arc<Hello>) {
        self.shared.keys().set_default_agent(hello.default_agent());
        let boot_id = hello.server.boot_id.clone();
        match (&boot_id, &self.boot_id) {
            (Some(now), Some(before)) if now != before => self.shared.signs().forget(),
            // Old gateways do not name their process.
            (None, _) => self.shared.signs().forget_ends(),
            _ => {}
        }
        self.boot_id = boot_id;
        self.shared.link.send_modify(|link| {
            link.hello = Some(hello);
            link.connections += 1;
        });
    }

    async fn goodbye(mut self) {
        let writer = self.line.writer.take();
        let effects = self.session.on_command(Command::Shutdown, self.clock.now());
        self.perform(effects);
        if let Some(mut writer) = writer {
            // Politeness only: the gateway notices a dropped socket too.
            let _ = tokio::time::timeout(GOODBYE, writer.close()).await;
        }
    }
}

/// The same trouble is said once, however often the gateway is tried.
fn log_state(before: &GatewayState, now: &GatewayState) {
    match now {
        GatewayState::Connecting { address, attempt } => tracing::debug!(address, attempt, "dialling the gateway"),
        GatewayState::Down { why, .. } if matches!(before, GatewayState::Down { why: same, .. } if same == why) => {}
        GatewayState::Down { why, sentence, .. } => tracing::warn!(?why, "{sentence}"),
        GatewayState::Connected { address, version, .. } => {
            tracing::info!(address, version, "connected to the gateway")
        }
    }
}

async fn dialed(dialing: &mut Option<(Generation, Dialing)>) -> (Generation, Result<Socket, Ending>) {
    match dialing {
        Some((generation, future)) => (*generation, future.await),
        None => pending().await,
    }
}

async fn heard(reader: &mut Option<Reader>) -> Option<Result<Message, Error>> {
    match reader {
        Some(reader) => reader.next().await,
        None => pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}

/// Writes what waits and flushes. Dropping the future at any point loses nothing: a frame
/// leaves the queue only when the socket took it.
async fn written(
    writer: &mut Option<Writer>,
    waiting: &mut VecDeque<Message>,
    unflushed: &mut bool,
) -> Result<(), Error> {
    let Some(writer) = writer else { return pending().await };
    if waiting.is_empty() && !*unflushed {
        return pending().await;
    }
    poll_fn(|context| poll_write(Pin::new(&mut *writer), waiting, unflushed, context)).await
}

fn poll_write(
    mut writer: Pin<&mut Writer>,
    waiting: &mut VecDeque<Message>,
    unflushed: &mut bool,
    context: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    while !waiting.is_empty() {
        ready!(writer.as_mut().poll_ready(context))?;
        if let Some(message) = waiting.pop_front() {
            writer.as_mut().start_send(message)?;
            *unflushed = true;
        }
    }
    ready!(writer.poll_flush(context))?;
    *unflushed = false;
    Poll::Ready(Ok(()))
}

#[cfg(test)]
mod tests {
    use clutch_orchestrator::runtime::RuntimeError;
    use serde_json::json;

    use super::*;
    use crate::{Config, OpenClaw, state::DownReason};

    /// Stands for a mistake of ours in a step.
    pub(super) const BREAKS: &str = "breaks.off";

    #[tokio::test]
    async fn a_mistake_in_one_step_costs_the_connection_and_not_the_gateway() {
        let folder = tempfile::tempdir().expect("a folder");
        let (gateway, task) = OpenClaw::connect(Config {
            url: "ws://127.0.0.1:9".into(),
            token: None,
            identity_dir: folder.path().to_owned(),
            legacy_identity: None,
            version: "0".into(),
        });
        let mut state = gateway.connection();
        let down = |state: &GatewayState| matches!(state, GatewayState::Down { .. });
        state.wait_for(down).await.expect("a state");

        let quick = Duration::from_secs(5);
        let told = gateway.request(BREAKS, json!({}), quick).await.expect_err("nobody answers");
        assert!(matches!(told, RuntimeError::Unknown(_)), "{told:?}");
        let ours = |state: &GatewayState| matches!(state, GatewayState::Down { why: DownReason::Lost, sentence, .. } if sentence.contains("a mistake of OpenClutch's"));
        state.wait_for(ours).await.expect("a state");

        // It is dialled again by itself, and asks are answered.
        let elsewhere =
            |state: &GatewayState| matches!(state, GatewayState::Down { why: DownReason::NothingAnswers, .. });
        state.wait_for(elsewhere).await.expect("a state");
        let told = gateway.request("health", json!({}), quick).await.expect_err("there is no gateway");
        assert!(matches!(told, RuntimeError::Away(_)), "{told:?}");
        task.shutdown().await;
    }
}
