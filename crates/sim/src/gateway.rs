//! A runtime that keeps and breaks the promises of the real gateways: keys remembered in
//! memory only and for five minutes, `wait` that says nothing of what it does not know, sessions resumed under a
//! new run id after its own restart (new generation) or forgotten (old), lost answers, lost
//! events, dropped connections, people who type into its sessions themselves.

mod kept;
mod witness;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::{id::ProjectId, invariant::Law};
use clutch_orchestrator::runtime::{Begun, RunEnd, RunEndKind, RunEvent, RunSign, SeenRun, Sighting};
use futures_util::future::{AbortHandle, abortable};

use crate::{
    agent::{Turn, work},
    client::Client,
    exec::{Exec, Group, WORLD},
    store::SimStore,
};

pub use kept::{Record, Session};

/// What the ledger says of a run that was cut off by the gateway's own end.
pub const CUT_OFF: &str = "exited before restart";

/// A key is forgotten after so long, in milliseconds.
const KEY_KEPT_MS: i64 = 5 * 60_000;

/// Which gateway is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// 2026.9: shows its runs, resumes after a restart.
    New,
    /// 2026.2: shows that there are words, nothing else, and resumes nothing.
    Old,
}

struct Active {
    run: String,
    handle: AbortHandle,
    // A person at the gateway began it, not the board.
    typed: bool,
    // When the agent gave its newest sign.
    sign_at: i64,
}

/// How a turn begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin<'a> {
    /// With what was sent under this key.
    Sent(&'a str),
    /// By the gateway itself, after its restart.
    Resumed,
    /// By a person at the gateway.
    Typed,
}

struct State {
    up: bool,
    // Disk.
    sessions: BTreeMap<String, Session>,
    cut_off: Vec<String>,
    // Memory.
    keys: BTreeMap<String, i64>,
    active: BTreeMap<String, Active>,
    preparing: BTreeMap<String, AbortHandle>,
    ended: BTreeMap<String, RunEnd>,
    process: Group,
    // What the witness wrote down.
    calls: BTreeMap<String, u32>,
    resumes: u64,
    typed: u64,
    // Tokens that each session has used, also of sessions that are gone.
    used: BTreeMap<String, u64>,
    used_for: BTreeMap<ProjectId, u64>,
    // Until when the model's usage window is shut (steady milliseconds).
    shut_until: i64,
    // Sessions whose agents the board had to leave alone, because the gateway let nobody near them.
    lost: BTreeSet<String>,
    // How often a person wanted a message sent again, by the beginning of its keys.
    pressed: BTreeMap<String, u32>,
    clients: Vec<Arc<Client>>,
}

impl State {
    /// Whether a key is known; an unknown one is known from now on.
    fn knows(&mut self, key: &str, now: i64) -> bool {
        self.keys.retain(|_, at| now - *at < KEY_KEPT_MS);
        let known = self.keys.contains_key(key);
        self.keys.entry(key.to_owned()).or_insert(now);
        known
    }
}

/// The gateway; one handle, shared.
pub struct Gateway {
    /// The executor.
    pub exec: Exec,
    /// What agents report to.
    pub store: Arc<SimStore>,
    /// Which generation.
    pub generation: Generation,
    /// How agents behave and report.
    pub board: Arc<crate::agent::Board>,
    state: Mutex<State>,
    doom: Mutex<Option<Doom>>,
}

/// What kills a server at a moment that its own call chose.
type Doom = Box<dyn Fn(Group) + Send>;

impl Gateway {
    /// A gateway that runs.
    #[must_use]
    pub fn new(exec: Exec, store: Arc<SimStore>, board: Arc<crate::agent::Board>, generation: Generation) -> Arc<Self> {
        let process = exec.group();
        let state = State {
            up: true,
            sessions: BTreeMap::new(),
            cut_off: Vec::new(),
            keys: BTreeMap::new(),
            active: BTreeMap::new(),
            preparing: BTreeMap::new(),
            ended: BTreeMap::new(),
            process,
            calls: BTreeMap::new(),
            resumes: 0,
            typed: 0,
            used: BTreeMap::new(),
            used_for: BTreeMap::new(),
            shut_until: 0,
            lost: BTreeSet::new(),
            pressed: BTreeMap::new(),
            clients: Vec::new(),
        };
        Arc::new(Self { exec, store, generation, board, state: Mutex::new(state), doom: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it runs.
    pub fn up(&self) -> bool {
        self.lock().up
    }

    /// What a new gateway calls its process; an old one names none.
    pub fn boot(&self) -> Option<String> {
        (self.generation == Generation::New).then(|| format!("boot-{}", self.lock().process))
    }

    /// Registers a client for events.
    pub fn welcome(&self, client: Arc<Client>) {
        let mut state = self.lock();
        state.clients.retain(|c| !self.exec.is_dead(c.group()));
        state.clients.push(client);
    }

    /// What becomes of a server whose end comes with one of its calls.
    pub fn when_doomed(&self, doom: Option<Doom>) {
        *self.doom.lock().unwrap_or_else(PoisonError::into_inner) = doom;
    }

    /// The end of this server comes with a call that it makes now.
    pub fn doom(&self, group: Group) {
        if let Some(doom) = &*self.doom.lock().unwrap_or_else(PoisonError::into_inner) {
            doom(group);
        }
    }

    /// Lets go of its clients, which hold on to it, and of what kills them.
    pub fn close(&self) {
        self.lock().clients.clear();
        self.when_doomed(None);
    }

    /// All clients of living servers.
    pub fn clients(&self) -> Vec<Arc<Client>> {
        self.lock().clients.iter().filter(|c| !self.exec.is_dead(c.group())).cloned().collect()
    }

    /// Dies at once.
    pub fn crash(&self) {
        let process = {
            let mut state = self.lock();
            if !state.up {
                return;
            }
            state.up = false;
            state.keys.clear();
            state.preparing.clear();
            state.ended.clear();
            let ours = state.active.iter().filter(|(_, active)| !active.typed);
            let cut: Vec<(String, String)> = ours.map(|(s, a)| (s.clone(), a.run.clone())).collect();
            state.active.clear();
            for (session, run) in cut {
                if self.generation == Generation::New {
                    let record = state.sessions.get_mut(&session).and_then(|s| s.runs.iter_mut().find(|r| r.id == run));
                    if let Some(record) = record {
                        record.end = Some(RunEnd {
                            how: RunEndKind::Failed,
                            last_words: String::new(),
                            reason: Some(CUT_OFF.into()),
                        });
                        state.cut_off.push(session);
                    }
                }
            }
            state.process
        };
        self.exec.say(|| "gateway dies".into());
        self.exec.count("gateway died");
        self.exec.kill(process);
        for client in self.clients() {
            client.drop_connection("the gateway is gone");
        }
    }

    /// Comes up again; a new gateway goes on with what was cut off after a while.
    pub fn restart(self: &Arc<Self>) {
        let (process, cut) = {
            let mut state = self.lock();
            if state.up {
                return;
            }
            state.up = true;
            state.process = self.exec.group();
            // What was cut off again before it could go on is still on the list.
            (state.process, state.cut_off.clone())
        };
        self.exec.say(|| "gateway is back".into());
        for session in cut {
            let (exec, gateway) = (self.exec.clone(), self.clone());
            let resume = async move {
                let wait = exec.rng(|r| r.between(200, 20_000));
                exec.sleep(wait).await;
                gateway.resume(&session);
            };
            self.exec.spawn(process, "resumption", Box::pin(resume));
        }
    }

    fn resume(self: &Arc<Self>, session: &str) {
        let run = {
            let mut state = self.lock();
            let still = state.cut_off.iter().any(|s| s == session);
            state.cut_off.retain(|s| s != session);
            let fits = still && state.sessions.contains_key(session) && !state.active.contains_key(session);
            if !fits {
                return;
            }
            state.resumes += 1;
            format!("resumed-{}", state.resumes)
        };
        self.exec.count("gateway resumed a run by itself");
        self.exec.say(|| format!("gateway resumes {session} as {run}"));
        self.begin(session, &run, Begin::Resumed);
    }

    /// A person at the gateway writes into a session of the board.
    pub fn type_into(self: &Arc<Self>, session: &str) {
        let run = {
            let mut state = self.lock();
            if !state.up || !state.sessions.contains_key(session) {
                return;
            }
            state.typed += 1;
            let run = format!("typed-{}", state.typed);
            if state.active.contains_key(session) {
                // The turn that is at work takes the words along.
                if let Some(kept) = state.sessions.get_mut(session) {
                    kept.runs.push(Record { id: run, end: None, resumed: false });
                }
                return;
            }
            run
        };
        self.exec.count("somebody typed into the gateway's own session");
        self.exec.say(|| format!("somebody types into {session}: {run}"));
        self.begin(session, &run, Begin::Typed);
    }

    /// Begins a turn. Every turn with a key is a delivery of it; a second one is a double.
    fn begin(self: &Arc<Self>, session: &str, run: &str, how: Begin<'_>) {
        let typed = how == Begin::Typed;
        let turn = Turn { gateway: self.clone(), session: session.to_owned(), run: run.to_owned(), typed };
        let (turn, handle) = abortable(work(turn));
        let now = self.exec.now();
        let process = {
            let mut state = self.lock();
            // What was cut off is over once something else began in its session.
            state.cut_off.retain(|s| s != session);
            let kept = state.sessions.entry(session.to_owned()).or_default();
            kept.runs.push(Record { id: run.to_owned(), end: None, resumed: how == Begin::Resumed });
            if let Begin::Sent(key) = how {
                kept.keys.push(key.to_owned());
            }
            let active = Active { run: run.to_owned(), handle, typed, sign_at: now };
            state.active.insert(session.to_owned(), active);
            state.process
        };
        if let Begin::Sent(key) = how {
            self.said(session, key);
        }
        // A chat has no run; the others have one, or had one.
        if !typed && self.board.task_of(session).is_some() && !self.lock().lost.contains(session) {
            if self.board.run_of(session).is_some_and(|run| run.open()) {
                self.check_alone(session);
            } else {
                self.exec.wrong(Law::NoneForgotten, format!("{run} begins in {session}, whose run is over"));
            }
        }
        self.exec.count("model called");
        self.exec.spawn(
            process,
            "turn",
            Box::pin(async move {
                let _ = turn.await;
            }),
        );
    }

    /// `agent`.
    pub fn start(self: &Arc<Self>, session: &str, key: &str) -> String {
        let now = self.exec.now();
        if self.lock().knows(key, now) {
            self.exec.count("the same key was sent again");
            return key.to_owned();
        }
        self.board.check_claim(&self.exec, session, key);
        self.exec.say(|| format!("gateway takes {key} in {session}"));
        let (gateway, session, run) = (self.clone(), session.to_owned(), key.to_owned());
        let process = self.lock().process;
        let to = session.clone();
        let (prepare, handle) = abortable(async move {
            let wait = gateway.exec.rng(|r| r.between(0, 300));
            gateway.exec.sleep(wait).await;
            gateway.lock().preparing.remove(&session);
            gateway.begin(&session, &run, Begin::Sent(&run));
        });
        self.lock().preparing.insert(to, handle);
        // Between the answer and the first row nothing shows the run.
        self.exec.spawn(
            process,
            "preparation",
            Box::pin(async move {
                let _ = prepare.await;
            }),
        );
        key.to_owned()
    }

    /// `chat.send`.
    pub fn steer(self: &Arc<Self>, session: &str, key: &str) -> String {
        let now = self.exec.now();
        if self.lock().knows(key, now) {
            self.exec.count("the same key was sent again");
            return key.to_owned();
        }
        self.exec.say(|| format!("gateway is told {key} in {session}"));
        let busy = {
            let mut state = self.lock();
            state.sessions.entry(session.to_owned()).or_default().answered = true;
            state.active.contains_key(session)
        };
        if busy {
            let end = RunEnd { how: RunEndKind::Finished, last_words: String::new(), reason: None };
            {
                let mut state = self.lock();
                let kept = state.sessions.entry(session.to_owned()).or_default();
                kept.keys.push(key.to_owned());
                // Its own row shows no end: the turn that was at work answers it.
                kept.runs.push(Record { id: key.to_owned(), end: None, resumed: false });
            }
            self.said(session, key);
            self.exec.count("words reached a turn at work");
            self.publish(session, key, RunSign::Ended(end));
        } else {
            self.begin(session, key, Begin::Sent(key));
        }
        key.to_owned()
    }

    /// `agent.wait`, without the waiting.
    pub fn ended(&self, run: &str) -> Option<RunEnd> {
        self.lock().ended.get(run).cloned()
    }

    /// `tasks.list`, `chat.history`, `sessions.describe`.
    pub fn sight(&self, session: &str, key: &str) -> Sighting {
        let state = self.lock();
        let Some(kept) = state.sessions.get(session) else {
            let active = (self.generation == Generation::New).then_some(false);
            return Sighting { active, ..Sighting::default() };
        };
        match self.generation {
            Generation::Old => Sighting {
                begun: if kept.runs.is_empty() { Begun::No } else { Begun::CannotTell },
                active: None,
                runs: Vec::new(),
                last_words: kept.words.clone(),
            },
            Generation::New => Sighting {
                begun: if kept.keys.iter().any(|k| k == key) { Begun::Yes } else { Begun::No },
                active: Some(state.active.contains_key(session)),
                runs: kept
                    .runs
                    .iter()
                    .map(|r| SeenRun { run_id: r.id.clone(), end: r.end.clone(), said_at: None, resumed: r.resumed })
                    .collect(),
                last_words: kept.words.clone(),
            },
        }
    }

    /// `sessions.abort`, and `sessions.delete` with `forget`.
    pub fn abort(&self, session: &str, forget: bool) {
        let stopped = {
            let mut state = self.lock();
            if let Some(preparing) = state.preparing.remove(session) {
                preparing.abort();
            }
            let stopped = state.active.remove(session);
            if let Some(active) = &stopped {
                active.handle.abort();
                let end = RunEnd { how: RunEndKind::Aborted, last_words: String::new(), reason: None };
                state.ended.insert(active.run.clone(), end.clone());
                let record =
                    state.sessions.get_mut(session).and_then(|s| s.runs.iter_mut().find(|r| r.id == active.run));
                if let Some(record) = record {
                    record.end = Some(end);
                }
            }
            if forget {
                state.sessions.remove(session);
            }
            stopped
        };
        self.exec.say(|| format!("gateway stops {session}, forget: {forget}"));
        if let Some(active) = stopped {
            let end = RunEnd { how: RunEndKind::Aborted, last_words: String::new(), reason: None };
            self.publish(session, &active.run, RunSign::Ended(end));
        }
    }

    /// A turn's own view of its session.
    pub fn session<T>(&self, session: &str, with: impl FnOnce(&mut Session) -> T) -> T {
        with(self.lock().sessions.entry(session.to_owned()).or_default())
    }

    /// A turn ends by itself.
    pub fn finish(&self, session: &str, run: &str, end: RunEnd) {
        {
            let mut state = self.lock();
            state.active.remove(session);
            state.ended.insert(run.to_owned(), end.clone());
            if let Some(kept) = state.sessions.get_mut(session) {
                if !end.last_words.is_empty() {
                    kept.words = Some(end.last_words.clone());
                }
                if let Some(record) = kept.runs.iter_mut().find(|r| r.id == run) {
                    record.end = Some(end.clone());
                }
            }
        }
        self.exec.say(|| format!("run {run} ends: {:?} {:?}", end.how, end.last_words));
        self.publish(session, run, RunSign::Ended(end));
    }

    /// Tells everybody who is connected; some hear nothing.
    pub fn publish(&self, session: &str, run: &str, what: RunSign) {
        let now = self.exec.now();
        if let Some(active) = self.lock().active.get_mut(session) {
            active.sign_at = now;
        }
        let event =
            Arc::new(RunEvent { session: session.to_owned(), run_id: run.to_owned(), at: self.exec.wall(), what });
        for client in self.clients() {
            client.hear(&event);
        }
    }

    /// Which group its turns run in.
    pub fn process(&self) -> Group {
        let state = self.lock();
        if state.up { state.process } else { WORLD }
    }
}
