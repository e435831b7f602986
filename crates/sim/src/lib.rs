//! Deterministic simulator of the work loop.
//!
//! It drives the production driver and use-cases over the production memory store, on one
//! thread, in virtual time and seeded order, against a runtime that models the five rules of
//! `clutch_orchestrator::jobs::judge` with all their nastiness: keys forgotten at a restart and
//! after five minutes, sessions resumed under a new id, lost requests, answers and events, requests
//! that arrive when their sender is dead; and against a store whose commits conflict, fail, or are
//! applied while their answer gets lost, and whose watches are late. Servers die and sleep between
//! any two steps. People meddle.
//!
//! Whatever is done is checked against the laws of [`clutch_domain::invariant`] at once; at the end
//! the faults stop, and everything must come to rest with a reason. The same seed is the same day,
//! to the last line of its trace.

pub mod agent;
mod chaos;
pub mod client;
pub mod exec;
pub mod gateway;
pub mod mail;
mod pace;
pub mod people;
pub mod puller;
pub mod receivers;
mod rest;
pub mod rng;
pub mod store;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::{
    command::Retry,
    invariant::Breach,
    plan::Policy,
    sabotage::{self, Switch},
    task::Role,
};
use clutch_orchestrator::{
    office::Office,
    prompt::Roles,
    runtime::Runtimes,
    work::{Parts, WorkLoop},
};

use crate::{
    agent::Board,
    client::Client,
    exec::{Exec, Group, Process, WORLD},
    gateway::{Gateway, Generation},
    people::{Person, beside, brakes},
    puller::Puller,
    receivers::{Receivers, SimPost},
    rng::Rng,
    store::{Door, SimStore},
};

/// How long faults happen, in virtual milliseconds.
const STORM_MS: i64 = 30 * 60_000;
/// How long everything then may take to come to rest.
const CALM_MS: i64 = 6 * 3_600_000;
/// So often it is looked whether it has; rest that lasts this long is rest.
const REST_MS: i64 = 10 * 60_000;
/// A server whose end comes with a call dies within so many milliseconds: before, at, or soon after its answer.
const DOOM_MS: i64 = 250;
/// Failures in a row after which a task is blocked.
const CAP: u32 = 3;

/// What a run of the simulator was.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What was broken; empty when all went well.
    pub wrong: Vec<Breach>,
    /// What happened, line by line.
    pub trace: Vec<String>,
    /// A hash of the trace: equal for two runs that did the same at the same moments.
    pub hash: u64,
    /// How often each kind of thing happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// How often the plan and the judge went through each of their branches; empty without the feature `sabotage`.
    pub reached: BTreeMap<&'static str, u64>,
    /// Polls that it took.
    pub polls: u64,
}

struct Servers {
    exec: Exec,
    store: Arc<SimStore>,
    gateway: Arc<Gateway>,
    receivers: Arc<Receivers>,
    board: Arc<Board>,
    roles: Arc<Roles>,
    policy: Policy,
    alive: Mutex<Vec<Server>>,
    storm: Mutex<bool>,
    // The gateway refuses something for ever as the storm ends.
    stubborn: bool,
    // The gateway tells what sessions have used.
    tells: bool,
}

/// A server that lives.
#[derive(Clone)]
struct Server {
    group: Group,
    door: Door,
}

/// How many servers share the store on a day.
const fn servers_of(seed: u64) -> u64 {
    if seed.is_multiple_of(8) {
        3
    } else if seed.is_multiple_of(4) {
        2
    } else {
        1
    }
}

/// Whether agents that come by themselves take tasks beside the loop.
const fn comes_by_itself(seed: u64) -> bool {
    seed % 16 == 14
}

/// Whether people bound what agents use up; then the gateway tells what that is.
const fn has_brakes(seed: u64) -> bool {
    seed % brakes::EVERY == brakes::NTH
}

/// The limits of a day: often so low that they are felt.
fn policy(rng: &mut Rng) -> Policy {
    let pick = |rng: &mut Rng, from: &[u32]| from.get(rng.index(from.len())).copied().unwrap_or(1);
    Policy {
        max_agents: pick(rng, &[2, 3, 10]),
        max_agents_per_project: pick(rng, &[2, 3]),
        max_dev_agents: pick(rng, &[1, 2, 3]),
        // So short that agents are given up in the storm, too.
        stale_ms: i64::from(pick(rng, &[3, 5, 15])) * 60_000,
        stale_review_ms: i64::from(pick(rng, &[5, 10, 30])) * 60_000,
        retry: Retry { wait_ms: 30_000, cap: CAP },
        ..Policy::default()
    }
}

/// Runs one seed.
#[must_use]
pub fn simulate(seed: u64) -> Outcome {
    day(seed, None)
}

/// Runs one seed without one of the safeguards. Without the feature `sabotage` all of them stay.
#[must_use]
pub fn simulate_without(seed: u64, switch: Switch) -> Outcome {
    day(seed, Some(switch))
}

fn day(seed: u64, without: Option<Switch>) -> Outcome {
    sabotage::remove(without);
    drop(sabotage::reached());
    let exec = Exec::new(seed);
    let servers = servers_of(seed);
    let generation = if seed.is_multiple_of(3) { Generation::Old } else { Generation::New };
    let policy = exec.rng(policy);
    exec.say(|| format!("seed {seed}: {generation:?} gateway, {servers} server(s)"));
    let store = SimStore::new(exec.clone(), servers == 1, policy.clone());
    // Pages are served by one process, or by two of those that share the store.
    let offices: Vec<Arc<Office>> = (0..servers.min(2)).map(|_| office(&exec, &store)).collect();
    let Some(office) = offices.first().cloned() else { return finish(seed, &exec) };
    let board = Board::new(store.clone(), office.clone());
    let gateway = Gateway::new(exec.clone(), store.clone(), board.clone(), generation);
    let knows = gateway.clone();
    store.listen(Some(Box::new(move |said| knows.check(said))));
    let person = Arc::new(Person::new(exec.clone(), store.clone(), offices, gateway.clone()));
    let roles = Role::ALL.iter().map(|r| (*r, "{{ticket}}{{description}}{{comments}}{{reporting}}"));
    let Ok(roles) = Roles::load(roles) else { return finish(seed, &exec) };
    let receivers = Receivers::new(exec.clone(), store.clone());
    receivers.set_faults(10);
    let all = Arc::new(Servers {
        exec: exec.clone(),
        store: store.clone(),
        gateway: gateway.clone(),
        receivers: receivers.clone(),
        board: board.clone(),
        roles: Arc::new(roles),
        policy: policy.clone(),
        alive: Mutex::default(),
        storm: Mutex::new(true),
        stubborn: seed % 16 == 5,
        tells: has_brakes(seed),
    });
    let doomed = all.clone();
    gateway.when_doomed(Some(Box::new(move |group| doomed.doom(group))));
    store.set_faults(2);
    for _ in 0..servers {
        all.start();
    }
    if seed % 6 == 1 {
        exec.spawn(WORLD, "webhooks", Box::pin(person.clone().listen()));
    }
    exec.spawn(WORLD, "people", Box::pin(person.clone().day(STORM_MS)));
    if seed % beside::EVERY == beside::NTH {
        exec.spawn(WORLD, "beside", Box::pin(person.clone().beside(STORM_MS)));
    }
    if has_brakes(seed) {
        exec.spawn(WORLD, "brakes", Box::pin(person.clone().brake(STORM_MS)));
    }
    if comes_by_itself(seed) {
        for name in ["claude", "codex"] {
            let (exec, store) = (exec.clone(), store.clone());
            let puller = Puller::new(exec.clone(), store, office.clone(), all.roles.clone(), policy.clone(), name);
            exec.spawn(WORLD, name, Box::pin(puller.day(STORM_MS)));
        }
    }
    exec.spawn(WORLD, "bin", Box::pin(person.clone().sweep()));
    exec.spawn(WORLD, "chaos", Box::pin(chaos::reign(all.clone(), STORM_MS)));
    exec.run_until(STORM_MS);
    all.end_storm();
    exec.say(|| "the storm is over".into());
    exec.spawn(WORLD, "tidying", Box::pin(person.tidy()));
    let watch =
        rest::Silence { exec: exec.clone(), gateway: gateway.clone(), store: store.clone(), policy, from: STORM_MS };
    exec.spawn(WORLD, "clock", Box::pin(watch.watch()));
    let (mut at, mut calm) = (STORM_MS, 0);
    while at < STORM_MS + CALM_MS && calm < 2 && exec.wrongs().is_empty() {
        at += REST_MS;
        exec.run_until(at);
        calm = if rest::is_quiet(&store, &gateway) && receivers.are_quiet() { calm + 1 } else { 0 };
    }
    rest::check(&exec, &store, &gateway, &board);
    if exec.wrongs().is_empty() {
        receivers.check();
    }
    // What holds each other is let go, or thousands of days would stay in memory.
    store.listen(None);
    gateway.close();
    finish(seed, &exec)
}

fn office(exec: &Exec, store: &Arc<SimStore>) -> Arc<Office> {
    let world = Arc::new(Process { exec: exec.clone(), group: WORLD });
    Arc::new(Office::new(Arc::new(Door::new(store.clone(), WORLD)), world.clone(), world))
}

fn finish(seed: u64, exec: &Exec) -> Outcome {
    sabotage::remove(None);
    Outcome {
        seed,
        wrong: exec.wrongs(),
        trace: exec.end(),
        hash: exec.hash(),
        counts: exec.counts(),
        reached: sabotage::reached(),
        polls: exec.polls(),
    }
}

impl Servers {
    /// Starts a server: a process with its own connection, its own use-cases, its own loop.
    fn start(&self) -> Group {
        let group = self.exec.group();
        let process = Arc::new(Process { exec: self.exec.clone(), group });
        let storm = *self.storm.lock().unwrap_or_else(PoisonError::into_inner);
        let client = Client::new(self.exec.clone(), group, self.gateway.clone(), if storm { 3 } else { 0 });
        let door = Door::new(self.store.clone(), group);
        let office = Arc::new(Office::new(Arc::new(door.clone()), process.clone(), process.clone()));
        // Answers are kept once per run, whoever keeps them: that needs no lease.
        let answers = Door::new(self.store.clone(), group);
        let answers = Arc::new(Office::new(Arc::new(answers), process.clone(), process.clone()));
        let work = WorkLoop::new(Parts {
            mail: Arc::new(mail::SimMail { office: answers }),
            post: Arc::new(SimPost { receivers: self.receivers.clone() }),
            office,
            runtimes: Runtimes::new([client.runtime(self.tells)]),
            reactor: process,
            roles: self.roles.clone(),
            policy: self.policy.clone(),
            board: "http://127.0.0.1:3002".into(),
        });
        client.serve(work.name());
        door.serve(work.name());
        self.exec.say(|| format!("server {group} starts"));
        self.exec.spawn(group, "loop", Box::pin(work.run()));
        self.alive().push(Server { group, door });
        group
    }

    fn alive(&self) -> MutexGuard<'_, Vec<Server>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A server dies while it makes a call, or soon after.
    fn doom(self: &Arc<Self>, group: Group) {
        let (servers, within) = (self.clone(), self.exec.rng(|r| r.between(0, DOOM_MS)));
        self.exec.spawn(WORLD, "doom", Box::pin(async move { servers.replace(group, within).await }));
    }

    /// Some server that lives.
    fn some(&self) -> Option<Server> {
        let alive = self.alive();
        if alive.is_empty() { None } else { alive.get(self.exec.rng(|r| r.index(alive.len()))).cloned() }
    }

    /// Takes a dead server out of those that live; `false` where it was none of them any more.
    fn bury(&self, group: Group) -> bool {
        let mut alive = self.alive();
        let before = alive.len();
        alive.retain(|server| server.group != group);
        alive.len() < before
    }

    fn end_storm(&self) {
        *self.storm.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.store.set_faults(0);
        self.gateway.clients().iter().for_each(|c| c.set_faults(0));
        self.receivers.set_faults(0);
        self.board.set_open(true);
    }
}
