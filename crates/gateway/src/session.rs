//! The protocol as a state machine without I/O: frames, commands and the time go in,
//! [`Effect`]s come out. The actor performs them; tests replay recorded transcripts.
//!
//! One connection is one *generation*. Whatever arrives for another generation is ignored,
//! so a late close of an old socket can never end a new one. When a connection is lost,
//! every request in flight is answered `Unknown`: it left, and its answer is lost.

mod calls;
mod handshake;
mod retry;

use std::sync::Arc;

use crate::state::GatewayState;
use clutch_domain::time::Millis;
use clutch_orchestrator::runtime::RuntimeError;
use serde_json::Value;

use self::calls::Calls;
pub use self::calls::IN_FLIGHT_MAX;
pub use self::handshake::{CAPS, CAPS_TO_DECIDE, CLIENT_ID, CLIENT_MODE, ROLE, SCOPES, SCOPES_TO_DECIDE};
pub use self::retry::Jitter;
use crate::identity::Identity;
use crate::wire::{Event, Fault, Frame, Hello, Response, request_text, text};
use crate::words::{self, Trouble};

/// Longest wait for a socket, in milliseconds.
pub const DIAL_MS: u64 = 10_000;
/// Longest wait for the challenge after the socket is open, in milliseconds.
pub const CHALLENGE_MS: u64 = 10_000;
/// Longest wait for the answer to `connect`, in milliseconds. Busy gateways take seconds while they start.
pub const HELLO_MS: u64 = 20_000;
/// A connection that lived this long counts as good: the next loss starts counting from one.
pub const GOOD_AFTER_MS: u64 = 10_000;

/// A moment, read on two clocks by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds on a clock that never goes back; all waiting is measured on it.
    pub mono: u64,
    /// The calendar; only shown to people.
    pub wall: Millis,
}

/// Number of a connection, from 1.
pub type Generation = u64;
/// The caller's number of a request.
pub type Ticket = u64;

/// What the program wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Call a method.
    Request {
        /// Comes back in [`Effect::Settle`], exactly once.
        ticket: Ticket,
        /// Method.
        method: String,
        /// Parameters.
        params: Value,
        /// How long to wait for the answer, in milliseconds.
        timeout_ms: u64,
    },
    /// Do not wait for the next try: try now. Nothing happens while connected.
    ReconnectNow,
    /// End for good.
    Shutdown,
}

/// Why a socket could not be opened or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nobody listens, the name is unknown, the network is unreachable.
    NothingAnswers,
    /// The other side answered without speaking WebSocket.
    NotAGateway(String),
    /// The address cannot be dialled.
    BadAddress(String),
    /// The secure connection failed.
    Tls(String),
    /// An open socket ended: close code and reason if the other side gave one, or the error.
    Closed(String),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Open a socket, and answer with `on_opened` or `on_ended` of this generation.
    Dial(Generation),
    /// Send this text frame on the current socket.
    Send(String),
    /// Drop the current socket, or the attempt to open one. No `on_ended` is expected.
    Hangup,
    /// The outcome of a request.
    Settle(Ticket, Result<Value, RuntimeError>),
    /// The connection's state changed. The plugin's troubles are not known here and stay empty.
    State(GatewayState),
    /// The gateway accepted us; comes before the `Connected` state.
    Welcome(Arc<Hello>),
    /// News from the gateway, in order.
    Event(Event),
    /// The second answer of an `agent` call: how the run ended.
    RunAnswer(Response),
    /// So many events of this connection were lost.
    Missed(u64),
}

/// What the machine needs to know from the start.
pub struct Settings {
    /// Address as it may be shown.
    pub address: String,
    /// Whether the address is on this machine: then trying again is cheap and happens sooner.
    pub nearby: bool,
    /// The gateway's shared token.
    pub token: Option<String>,
    /// The device key; without it old gateways give no rights.
    pub identity: Option<Identity>,
    /// Our version, for the gateway's list of clients.
    pub version: String,
    /// Source of randomness for the waits.
    pub jitter: Jitter,
}

enum Phase {
    Resting,
    Dialing { until: u64 },
    AwaitingChallenge { until: u64 },
    AwaitingHello { until: u64, id: String },
    Up { since: u64, heard: u64, seq: u64, hello: Arc<Hello>, leaving: bool },
    Waiting { until: u64 },
    Stopped,
}

/// The state machine.
pub struct Session {
    settings: Settings,
    phase: Phase,
    generation: Generation,
    calls: Calls,
    failures: u32,
    // The gateway would ask a person before it grants what decides; until the next loss it is not asked for.
    modest: bool,
    down_since: Option<Millis>,
    shown: Option<GatewayState>,
    out: Vec<Effect>,
}

impl Session {
    /// A machine at rest; [`Session::start`] sets it going.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Resting,
            generation: 0,
            calls: Calls::default(),
            failures: 0,
            modest: false,
            down_since: None,
            shown: None,
            out: Vec::new(),
        }
    }

    /// The state to show before anything happened.
    #[must_use]
    pub fn first_state(&self) -> GatewayState {
        GatewayState::Connecting { address: self.settings.address.clone(), attempt: 1 }
    }

    /// Begins to connect.
    pub fn start(&mut self, now: Now) -> Vec<Effect> {
        if matches!(self.phase, Phase::Resting) {
            self.dial(now, true);
        }
        self.effects()
    }

    /// The socket of this generation is open.
    pub fn on_opened(&mut self, generation: Generation, now: Now) -> Vec<Effect> {
        if generation == self.generation && matches!(self.phase, Phase::Dialing { .. }) {
            self.phase = Phase::AwaitingChallenge { until: now.mono + CHALLENGE_MS };
        }
        self.effects()
    }

    /// The socket of this generation could not be opened, or ended.
    pub fn on_ended(&mut self, generation: Generation, ending: &Ending, now: Now) -> Vec<Effect> {
        if generation != self.generation {
            return self.effects();
        }
        let address = self.settings.address.as_str();
        let trouble = match (ending, &self.phase) {
            (_, Phase::Resting | Phase::Waiting { .. } | Phase::Stopped) => return self.effects(),
            (Ending::NothingAnswers, _) => words::nothing_answers(address),
            (Ending::NotAGateway(what), _) => words::not_a_gateway(address, what),
            (Ending::BadAddress(what), _) => words::bad_address(address, what),
            (Ending::Tls(what), _) => words::tls(address, what),
            (Ending::Closed(_), Phase::Up { leaving: true, .. }) => words::restarting(address),
            // A gateway that is going away may close before or during the handshake.
            (Ending::Closed(what), _) => words::lost(address, what),
        };
        self.fail(trouble, now);
        self.effects()
    }

    /// Whoever feeds this machine broke off in the middle of a step: the connection is given up as one that was lost,
    /// and every request that waits is answered.
    pub fn broke_off(&mut self, now: Now) -> Vec<Effect> {
        self.out.clear();
        if !matches!(self.phase, Phase::Stopped) {
            let trouble = words::lost(&self.settings.address, "a mistake of OpenClutch's; its log says where");
            self.fail(trouble, now);
        }
        self.effects()
    }

    /// A text frame of this generation.
    pub fn on_frame(&mut self, generation: Generation, frame: &str, now: Now) -> Vec<Effect> {
        if generation != self.generation {
            return self.effects();
        }
        let parsed = serde_json::from_str::<Frame>(frame);
        if let Phase::Up { heard, .. } = &mut self.phase {
            *heard = now.mono;
        }
        match parsed {
            Ok(Frame::Event(event)) => self.on_event(event, now),
            Ok(Frame::Response(response)) => self.on_response(response, now),
            Ok(Frame::Other) => {}
            Err(error) if matches!(self.phase, Phase::AwaitingChallenge { .. }) => {
                let trouble = words::not_a_gateway(&self.settings.address, "its first words are not the protocol's");
                tracing::debug!(%error, "a first frame that is not the protocol's");
                self.fail(trouble, now);
            }
            Err(error) => tracing::debug!(%error, bytes = frame.len(), "an unreadable frame was skipped"),
        }
        self.effects()
    }

    /// The program wants something.
    pub fn on_command(&mut self, command: Command, now: Now) -> Vec<Effect> {
        match command {
            Command::Request { ticket, method, params, timeout_ms } => {
                self.request(ticket, &method, &params, timeout_ms, now);
            }
            Command::ReconnectNow => {
                if matches!(self.phase, Phase::Waiting { .. }) {
                    self.failures = 0;
                    self.dial(now, true);
                }
            }
            Command::Shutdown => {
                self.answer_all("OpenClutch is stopping");
                if !matches!(self.phase, Phase::Stopped) {
                    self.out.push(Effect::Hangup);
                }
                self.phase = Phase::Stopped;
            }
        }
        self.effects()
    }

    /// Time passed. Call it at [`Session::next_deadline`], or whenever.
    pub fn on_tick(&mut self, now: Now) -> Vec<Effect> {
        for ticket in self.calls.overdue(now.mono) {
            let lost = RuntimeError::Unknown("the gateway did not answer in time".into());
            self.out.push(Effect::Settle(ticket, Err(lost)));
        }
        let address = self.settings.address.as_str();
        match &self.phase {
            Phase::Dialing { until } if *until <= now.mono => self.fail(words::nothing_answers(address), now),
            Phase::AwaitingChallenge { until } if *until <= now.mono => {
                let trouble = words::not_a_gateway(address, "it says nothing");
                self.fail(trouble, now);
            }
            Phase::AwaitingHello { until, .. } if *until <= now.mono => {
                let trouble = words::lost(address, "no answer to the greeting");
                self.fail(trouble, now);
            }
            Phase::Up { heard, hello, .. } if heard + silence(hello) <= now.mono => {
                let trouble = words::lost(address, "it fell silent");
                self.fail(trouble, now);
            }
            Phase::Waiting { until } if *until <= now.mono => self.dial(now, false),
            _ => {}
        }
        self.effects()
    }

    /// When [`Session::on_tick`] is next due, on the monotonic clock.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let phase = match &self.phase {
            Phase::Resting | Phase::Stopped => None,
            Phase::Dialing { until }
            | Phase::AwaitingChallenge { until }
            | Phase::AwaitingHello { until, .. }
            | Phase::Waiting { until } => Some(*until),
            Phase::Up { heard, hello, .. } => Some(heard + silence(hello)),
        };
        phase.into_iter().chain(self.calls.next_deadline()).min()
    }

    fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.out)
    }

    fn dial(&mut self, now: Now, show: bool) {
        self.generation += 1;
        self.phase = Phase::Dialing { until: now.mono + DIAL_MS };
        self.out.push(Effect::Dial(self.generation));
        // While trying again by itself the page keeps the reason of the last failure.
        if show {
            let attempt = self.failures + 1;
            self.show(GatewayState::Connecting { address: self.settings.address.clone(), attempt });
        }
    }

    fn show(&mut self, state: GatewayState) {
        if self.shown.as_ref() != Some(&state) {
            self.shown = Some(state.clone());
            self.out.push(Effect::State(state));
        }
    }

    /// Ends the connection or the attempt, answers everything in flight, and plans the next try.
    fn fail(&mut self, trouble: Trouble, now: Now) {
        if let Phase::Up { since, .. } = self.phase
            && now.mono.saturating_sub(since) >= GOOD_AFTER_MS
        {
            self.failures = 0;
        }
        if matches!(self.phase, Phase::Up { .. }) {
            self.modest = false;
        }
        self.answer_all(&trouble.sentence);
        self.failures = self.failures.saturating_add(1);
        let wait = retry::wait_ms(&trouble, self.failures, self.settings.nearby, &mut self.settings.jitter);
        self.phase = Phase::Waiting { until: now.mono + wait };
        self.out.push(Effect::Hangup);
        let since = *self.down_since.get_or_insert(now.wall);
        self.show(GatewayState::Down {
            address: self.settings.address.clone(),
            since,
            why: trouble.why,
            sentence: trouble.sentence,
            retry_at: now.wall.plus(i64::try_from(wait).unwrap_or(i64::MAX)),
        });
    }

    fn answer_all(&mut self, why: &str) {
        for ticket in self.calls.drain() {
            self.out.push(Effect::Settle(ticket, Err(RuntimeError::Unknown(why.to_owned()))));
        }
    }

    fn request(&mut self, ticket: Ticket, method: &str, params: &Value, timeout_ms: u64, now: Now) {
        let Phase::Up { hello, .. } = &self.phase else {
            let why = match &self.shown {
                Some(GatewayState::Down { sentence, .. }) => sentence.clone(),
                _ => format!("Not yet connected to the gateway at {}.", self.settings.address),
            };
            self.out.push(Effect::Settle(ticket, Err(RuntimeError::Away(why))));
            return;
        };
        let id = self.calls.next_id(self.generation);
        let frame = request_text(&id, method, params);
        if frame.len() > hello.policy.max_payload {
            let sentence = format!(
                "This is too large for the gateway: {} bytes, it takes at most {}.",
                frame.len(),
                hello.policy.max_payload
            );
            let refused = RuntimeError::Refused { code: "TOO_LARGE".into(), sentence };
            self.out.push(Effect::Settle(ticket, Err(refused)));
        } else if self.calls.begin(id, ticket, method, now.mono.saturating_add(timeout_ms)) {
            self.out.push(Effect::Send(frame));
        } else {
            let busy = RuntimeError::Away("Too many requests wait for the gateway's answer; try again.".into());
            self.out.push(Effect::Settle(ticket, Err(busy)));
        }
    }

    fn on_event(&mut self, event: Event, now: Now) {
        match &mut self.phase {
            Phase::AwaitingChallenge { .. } if event.event == "connect.challenge" => {
                let id = self.calls.next_id(self.generation);
                match handshake::connect_params(&self.settings, self.modest, &event.payload) {
                    Ok(params) => {
                        self.out.push(Effect::Send(request_text(&id, "connect", &params)));
                        self.phase = Phase::AwaitingHello { until: now.mono + HELLO_MS, id };
                    }
                    Err(what) => self.fail(words::not_a_gateway(&self.settings.address, what), now),
                }
            }
            Phase::Up { seq, leaving, .. } => {
                let mut missed = 0;
                if let Some(theirs) = event.seq {
                    missed = theirs.saturating_sub(seq.saturating_add(1));
                    *seq = theirs.max(*seq);
                }
                *leaving |= event.event == "shutdown";
                if missed > 0 {
                    self.out.push(Effect::Missed(missed));
                }
                self.out.push(Effect::Event(event));
            }
            _ => {}
        }
    }

    fn on_response(&mut self, response: Response, now: Now) {
        match &self.phase {
            Phase::AwaitingHello { id, .. } if *id == response.id => self.on_hello(response, now),
            Phase::Up { .. } => match self.calls.answer(&response) {
                calls::Answer::First(ticket) => {
                    let outcome = outcome_of(response);
                    self.out.push(Effect::Settle(ticket, outcome));
                }
                calls::Answer::Second => self.out.push(Effect::RunAnswer(response)),
                calls::Answer::Nobodys => tracing::debug!(id = response.id, "an answer that nobody waits for"),
            },
            _ => {}
        }
    }

    fn on_hello(&mut self, response: Response, now: Now) {
        let address = self.settings.address.as_str();
        if !response.ok {
            let fault = response.error.unwrap_or_default();
            if !self.modest && words::wants_wider_rights(&fault) {
                self.modest = true;
                self.out.push(Effect::Hangup);
                return self.dial(now, false);
            }
            let trouble = words::refused(address, &fault, self.settings.token.is_some());
            return self.fail(trouble, now);
        }
        let Ok(hello) = serde_json::from_value::<Hello>(response.payload) else {
            return self.fail(words::not_a_gateway(address, "its greeting is not the protocol's"), now);
        };
        if !words::PROTOCOLS.contains(&hello.protocol) {
            return self.fail(words::version(address, Some(hello.protocol.into())), now);
        }
        if let Some(granted) = hello.auth.as_ref().and_then(|auth| auth.scopes.as_ref())
            && !granted.iter().any(|scope| scope == "operator.write")
        {
            return self.fail(words::no_rights(address, granted), now);
        }
        let hello = Arc::new(hello);
        self.down_since = None;
        self.phase = Phase::Up { since: now.mono, heard: now.mono, seq: 0, hello: Arc::clone(&hello), leaving: false };
        self.out.push(Effect::Welcome(Arc::clone(&hello)));
        self.show(GatewayState::Connected {
            address: self.settings.address.clone(),
            since: now.wall,
            connection: self.generation,
            boot: hello.server.boot_id.clone(),
            version: hello.server.version.clone(),
            plugin: Vec::new(),
        });
    }
}

/// No frame for two ticks means that the connection is dead, whatever the socket says.
fn silence(hello: &Hello) -> u64 {
    hello.policy.tick_interval_ms.clamp(1_000, 600_000) * 2
}

fn outcome_of(response: Response) -> Result<Value, RuntimeError> {
    if response.ok {
        return Ok(response.payload);
    }
    let Fault { code, message, .. } = response.error.unwrap_or_default();
    let sentence = match message.as_str() {
        "" => match text(&response.payload, "summary") {
            "" => "The gateway refused without a reason.".to_owned(),
            summary => summary.to_owned(),
        },
        message => message.to_owned(),
    };
    Err(RuntimeError::Refused { code, sentence })
}
