//! Replays recorded transcripts (testdata/README.md) through the state machine.

use std::collections::HashMap;
use std::sync::Arc;

use clutch_domain::time::Millis;
use clutch_gateway::GatewayState;
use clutch_gateway::identity::Identity;
use clutch_gateway::keys::KeyBook;
use clutch_gateway::session::{Command, Effect, Ending, Generation, Now, Session, Settings, Ticket};
use clutch_gateway::signs::Signs;
use clutch_gateway::wire::Hello;
use clutch_orchestrator::runtime::{RunEvent, RuntimeError};
use serde_json::Value;

/// One line of a transcript.
pub enum Line {
    Out { method: String, id: String, params: Value },
    In(Value),
    Lost(String),
}

pub fn transcript(name: &str) -> Vec<Line> {
    let path = format!("{}/testdata/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let line = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        if let Some(method) = value["out"].as_str() {
            let id = value["id"].as_str().unwrap().to_owned();
            Line::Out { method: method.to_owned(), id, params: value["params"].clone() }
        } else if let Some(why) = value["lost"].as_str() {
            Line::Lost(why.to_owned())
        } else {
            Line::In(value["in"].take())
        }
    };
    text.lines().map(line).collect()
}

pub fn session() -> Session {
    Session::new(Settings {
        address: "ws://gateway:1".into(),
        nearby: false,
        token: Some("a-token".into()),
        identity: Identity::passing().ok(),
        version: "0.0.0".into(),
        // The middle of what is allowed: waits are then the same in every run.
        jitter: Box::new(|most| most / 2),
    })
}

/// The state machine with everything that came out of it.
pub struct Replay {
    pub session: Session,
    pub now: Now,
    pub generation: Generation,
    pub connected: bool,
    pub sent: Vec<Value>,
    pub settled: Vec<(Ticket, Result<Value, RuntimeError>)>,
    pub tickets: Ticket,
    pub methods: HashMap<Ticket, String>,
    pub states: Vec<GatewayState>,
    pub hello: Option<Arc<Hello>>,
    pub runs: Vec<RunEvent>,
    pub missed: u64,
    pub hangups: usize,
    pub signs: Signs,
    pub keys: KeyBook,
    /// Recorded id of a call → ours.
    pub ids: HashMap<String, String>,
}

impl Replay {
    pub fn new() -> Self {
        let mut replay = Self {
            session: session(),
            now: Now { mono: 1_000, wall: Millis(1_795_338_000_000) },
            generation: 0,
            connected: false,
            sent: Vec::new(),
            settled: Vec::new(),
            tickets: 0,
            methods: HashMap::new(),
            states: Vec::new(),
            hello: None,
            runs: Vec::new(),
            missed: 0,
            hangups: 0,
            signs: Signs::default(),
            keys: KeyBook::default(),
            ids: HashMap::new(),
        };
        let effects = replay.session.start(replay.now);
        replay.take(effects);
        replay
    }

    /// A replay of a whole transcript.
    pub fn of(name: &str) -> Self {
        let mut replay = Self::new();
        replay.open();
        for line in transcript(name) {
            replay.play(line);
        }
        replay
    }

    pub fn pass(&mut self, ms: u64) {
        self.now.mono += ms;
        self.now.wall = self.now.wall.plus(i64::try_from(ms).unwrap());
    }

    pub fn open(&mut self) {
        let effects = self.session.on_opened(self.generation, self.now);
        self.take(effects);
    }

    pub fn tick(&mut self) {
        let effects = self.session.on_tick(self.now);
        self.take(effects);
    }

    /// Lets time pass until a state machine that waits dials again, and opens the socket.
    pub fn redial(&mut self) {
        let before = self.generation;
        while self.generation == before {
            let due = self.session.next_deadline().expect("it never gives up");
            self.pass(due.saturating_sub(self.now.mono).max(1));
            self.tick();
        }
        self.open();
    }

    pub fn lose(&mut self, why: &str) {
        let effects = self.session.on_ended(self.generation, &Ending::Closed(why.to_owned()), self.now);
        self.take(effects);
    }

    pub fn frame(&mut self, frame: &str) {
        let effects = self.session.on_frame(self.generation, frame, self.now);
        self.take(effects);
    }

    pub fn call(&mut self, method: &str, params: Value, timeout_ms: u64) -> Ticket {
        self.tickets += 1;
        let ticket = self.tickets;
        self.methods.insert(ticket, method.to_owned());
        for key in ["sessionKey", "key"] {
            if let Some(key) = params[key].as_str() {
                self.keys.remember(key);
            }
        }
        let command = Command::Request { ticket, method: method.to_owned(), params, timeout_ms };
        let effects = self.session.on_command(command, self.now);
        self.take(effects);
        ticket
    }

    pub fn play(&mut self, line: Line) {
        self.pass(10);
        match line {
            Line::Out { method, id, params } => {
                if method != "connect" {
                    self.call(&method, params, 600_000);
                }
                let last = self.sent.last().expect("the call was sent");
                assert_eq!(last["method"], method, "{last}");
                self.ids.insert(id, last["id"].as_str().unwrap().to_owned());
            }
            Line::In(mut frame) => {
                if frame["type"] == "res" {
                    let ours = self.ids[frame["id"].as_str().unwrap()].clone();
                    frame["id"] = ours.into();
                }
                self.frame(&frame.to_string());
            }
            Line::Lost(why) => {
                self.lose(&why);
                self.ids.clear();
                self.redial();
            }
        }
    }

    /// The payloads of all answers to a method, in order.
    pub fn answers(&self, method: &str) -> Vec<&Value> {
        self.settled
            .iter()
            .filter(|(ticket, _)| self.methods[ticket] == method)
            .filter_map(|(_, outcome)| outcome.as_ref().ok())
            .collect()
    }

    pub fn state(&self) -> &GatewayState {
        self.states.last().expect("a state was told")
    }

    pub fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Dial(generation) => {
                    assert!(generation > self.generation, "generations only grow");
                    self.generation = generation;
                    self.connected = false;
                }
                Effect::Send(text) => self.sent.push(serde_json::from_str(&text).unwrap()),
                Effect::Hangup => {
                    self.hangups += 1;
                    self.connected = false;
                }
                Effect::Settle(ticket, outcome) => self.settled.push((ticket, outcome)),
                Effect::State(state) => {
                    self.connected = matches!(state, GatewayState::Connected { .. });
                    self.states.push(state);
                }
                Effect::Welcome(hello) => {
                    self.keys.set_default_agent(hello.default_agent());
                    self.hello = Some(hello);
                }
                Effect::Event(event) => self.runs.extend(self.signs.on_event(&event, &self.keys, self.now.wall)),
                Effect::RunAnswer(answer) => self.runs.extend(self.signs.on_run_answer(&answer, self.now.wall)),
                Effect::Missed(count) => self.missed += count,
            }
        }
    }
}
