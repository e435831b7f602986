//! Deterministic simulator of the work loop.
//!
//! It drives the production driver and use-cases over the production memory store, on one
//! thread, in virtual time and seeded order, against a runtime that models the five rules of
//! `clutch_orchestrator::jobs::judge` with all their nastiness: keys forgotten at a restart,
//! sessions resumed under a new id, lost requests, answers and events; and against a store
//! whose commits conflict, fail, or are applied while their answer gets lost. Servers die
//! between any two steps. People meddle.
//!
//! After every change all invariants of [`clutch_domain::invariant`] are checked; at the end
//! the faults stop, and everything must come to rest with a reason.

pub mod agent;
pub mod client;
pub mod exec;
pub mod gateway;
pub mod mail;
pub mod people;
pub mod rng;
pub mod store;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use clutch_domain::{
    command::Retry,
    plan::Policy,
    project::Project,
    run::{LoopState, Run},
    talk::{Delivery, Signal},
    task::{Role, Status, Task},
};
use clutch_orchestrator::{
    office::Office,
    prompt::Roles,
    work::{Parts, WorkLoop},
};

use crate::{
    agent::Board,
    client::Client,
    exec::{Exec, Group, Process, WORLD},
    gateway::{CUT_OFF, Gateway, Generation},
    people::{Person, script},
    store::SimStore,
};

/// How long faults happen, in virtual milliseconds.
const STORM_MS: i64 = 30 * 60_000;
/// How long everything then has to come to rest.
const CALM_MS: i64 = 6 * 3_600_000;
/// Failures in a row after which a task is blocked.
const CAP: u32 = 3;

/// What a run of the simulator was.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What was broken, each a sentence; empty when all went well.
    pub wrong: Vec<String>,
    /// What happened, line by line.
    pub trace: Vec<String>,
    /// How often each kind of thing happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// Polls that it took.
    pub polls: u64,
}

struct Servers {
    exec: Exec,
    store: Arc<SimStore>,
    gateway: Arc<Gateway>,
    board: Arc<Board>,
    roles: Arc<Roles>,
    alive: Mutex<Vec<Group>>,
    storm: Mutex<bool>,
}

/// Runs one seed.
#[must_use]
pub fn simulate(seed: u64) -> Outcome {
    let exec = Exec::new(seed);
    let sole = !seed.is_multiple_of(4);
    let generation = if seed.is_multiple_of(3) { Generation::Old } else { Generation::New };
    exec.say(|| format!("seed {seed}: {generation:?} gateway, {} server(s)", if sole { 1 } else { 2 }));
    let store = SimStore::new(exec.clone(), sole, CAP);
    let world = Arc::new(Process { exec: exec.clone(), group: WORLD });
    let office = Arc::new(Office::new(store.clone(), world.clone(), world));
    let board = Board::new(store.clone(), office.clone());
    let gateway = Gateway::new(exec.clone(), store.clone(), board.clone(), generation);
    let person = Arc::new(Person { exec: exec.clone(), store: store.clone(), office, board: board.clone() });
    let roles = Role::ALL.iter().map(|r| (*r, "{{ticket}}{{description}}{{comments}}{{reporting}}"));
    let Ok(roles) = Roles::load(roles) else { return finish(seed, &exec) };
    let servers = Arc::new(Servers {
        exec: exec.clone(),
        store: store.clone(),
        gateway: gateway.clone(),
        board,
        roles: Arc::new(roles),
        alive: Mutex::default(),
        storm: Mutex::new(true),
    });
    store.set_faults(2);
    for _ in 0..if sole { 1 } else { 2 } {
        servers.start();
    }
    exec.spawn(WORLD, "people", Box::pin(people(person.clone())));
    exec.spawn(WORLD, "chaos", Box::pin(chaos(servers.clone(), sole)));
    exec.run_until(STORM_MS);
    servers.end_storm();
    exec.say(|| "the storm is over".into());
    exec.spawn(WORLD, "tidying", Box::pin(person.tidy()));
    exec.run_until(STORM_MS + CALM_MS);
    check_rest(&exec, &store, &gateway);
    finish(seed, &exec)
}

fn finish(seed: u64, exec: &Exec) -> Outcome {
    Outcome { seed, wrong: exec.wrongs(), trace: exec.trace(), counts: exec.counts(), polls: exec.polls() }
}

async fn people(person: Arc<Person>) {
    let exec = person.exec.clone();
    let mut projects = Vec::new();
    for name in ["Site", "Shop"] {
        projects.extend(person.project(name).await);
    }
    let tasks = exec.rng(|r| r.between(4, 14));
    let mut last = None;
    for _ in 0..tasks {
        let (project, script, chained) = exec.rng(|r| (r.index(projects.len()), script(r), r.chance(25)));
        let Some(project) = projects.get(project).copied() else { return };
        let waits_for = last.filter(|(p, _)| chained && *p == project).map(|(_, t)| t);
        last = person.task(project, script, Status::Ready, waits_for).await.map(|t| (project, t));
    }
    if exec.rng(|r| r.chance(70)) {
        person.meddle(projects, STORM_MS).await;
    }
}

/// Kills, cuts and confuses.
async fn chaos(servers: Arc<Servers>, sole: bool) {
    let exec = servers.exec.clone();
    let server_is_down = || servers.alive.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
    while exec.now() < STORM_MS {
        let (pause, luck) = exec.rng(|r| (r.between(2_000, 120_000), r.between(0, 99)));
        exec.sleep(pause).await;
        match luck {
            0..=29 => {
                let Some(group) = servers.some() else { continue };
                let polls = exec.rng(|r| r.bits() % 400 + 1);
                exec.kill_after(group, polls);
                let within = exec.rng(|r| r.between(1, 20_000));
                exec.sleep(within).await;
                if !exec.is_dead(group) {
                    exec.say(|| format!("server {group} is killed"));
                    exec.kill(group);
                }
                exec.count("server died");
                servers.bury(group);
                // Without any server nobody answers webhooks.
                servers.board.set_open(!server_is_down());
                let down = exec.rng(|r| r.between(100, 15_000));
                exec.sleep(down).await;
                servers.start();
                servers.board.set_open(true);
            }
            30..=59 => {
                servers.gateway.crash();
                let down = exec.rng(|r| r.between(100, 50_000));
                exec.sleep(down).await;
                servers.gateway.restart();
            }
            60..=79 => {
                exec.count("connection was cut");
                servers.gateway.clients().iter().for_each(|c| c.drop_connection("the connection was cut"));
            }
            80..=86 => servers.gateway.clients().iter().for_each(|c| c.refuse_next("the gateway is busy")),
            87..=93 if !sole => {
                // A machine sleeps, wakes up, and does not know that somebody else leads by now.
                let Some(group) = servers.some() else { continue };
                exec.count("server slept");
                exec.say(|| format!("server {group} sleeps"));
                let asleep = exec.rng(|r| r.between(5_000, 60_000));
                exec.freeze(group, asleep).await;
            }
            _ if !sole => {
                // The store becomes unreachable for a while: leases run out.
                exec.count("store stood still");
                servers.store.set_faults(60);
                let away = exec.rng(|r| r.between(5_000, 40_000));
                exec.sleep(away).await;
                servers.store.set_faults(2);
            }
            _ => {}
        }
    }
}

impl Servers {
    /// Starts a server: a process with its own connection, its own use-cases, its own loop.
    fn start(&self) {
        let group = self.exec.group();
        let process = Arc::new(Process { exec: self.exec.clone(), group });
        let storm = *self.storm.lock().unwrap_or_else(PoisonError::into_inner);
        let client = Client::new(self.exec.clone(), group, self.gateway.clone(), if storm { 3 } else { 0 });
        let office = Arc::new(Office::new(self.store.clone(), process.clone(), process.clone()));
        let work = WorkLoop::new(Parts {
            office,
            runtime: client.clone(),
            reactor: process,
            roles: self.roles.clone(),
            mail: Arc::new(mail::NoMail),
            policy: Policy { retry: Retry { wait_ms: 30_000, cap: CAP }, ..Policy::default() },
            board: "http://127.0.0.1:3002".into(),
        });
        client.serve(work.name());
        self.exec.say(|| format!("server {group} starts"));
        self.exec.spawn(group, "loop", Box::pin(work.run()));
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).push(group);
    }

    fn some(&self) -> Option<Group> {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if alive.is_empty() { None } else { alive.get(self.exec.rng(|r| r.index(alive.len()))).copied() }
    }

    fn bury(&self, group: Group) {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).retain(|g| *g != group);
    }

    fn end_storm(&self) {
        *self.storm.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.store.set_faults(0);
        self.gateway.clients().iter().for_each(|c| c.set_faults(0));
        self.board.set_open(true);
    }
}

/// Everything has come to rest, with a reason.
fn check_rest(exec: &Exec, store: &SimStore, gateway: &Gateway) {
    if !exec.wrongs().is_empty() {
        return;
    }
    let runs = store.all::<Run>();
    for what in store.look(|all| all.restless()) {
        exec.wrong(format!("not at rest: {what}"));
    }
    for session in gateway.at_work() {
        if !runs.iter().any(|r| r.open() && r.session_key == session) {
            exec.wrong(format!("an agent works in {session} and nobody knows"));
        }
    }
    for run in runs.iter().filter(|r| r.open()) {
        if !store.all::<Task>().iter().any(|t| t.id == run.task) {
            exec.wrong(format!("run {} is open and its task is gone", run.id));
        }
    }
    for signal in store.all::<Signal>() {
        if signal.delivery == Some(Delivery::Pending) {
            exec.wrong(format!("the answer to {} was never delivered", signal.id));
        }
        if signal.delivery == Some(Delivery::Sent) {
            exec.count("answer delivered");
            if gateway.calls(&format!("signal-{}", signal.id)) == 0 {
                exec.wrong(format!("the answer to {} is said to be delivered and was not", signal.id));
            }
        }
    }
    let states = store.all::<LoopState>();
    for project in store.all::<Project>() {
        let notes = states.iter().find(|s| s.project == project.id).map(|s| s.notes.clone()).unwrap_or_default();
        for task in store.all::<Task>().into_iter().filter(|t| t.project == project.id) {
            if (task.status == Status::Ready) != notes.contains_key(&task.id) {
                exec.wrong(format!(
                    "{} is {} and its note is {:?}",
                    task.short(),
                    task.status.word(),
                    notes.get(&task.id)
                ));
            }
            exec.count(match task.status {
                Status::Done => "task done",
                Status::InReview => "task in review",
                Status::Blocked => "task blocked",
                Status::InProgress => "task waits for a person",
                Status::Ready => "task waits for others",
                Status::Backlog => "task put back",
            });
        }
    }
    for run in &runs {
        if run.last_words.as_deref() == Some(CUT_OFF) {
            exec.wrong(format!("{} was given up although the gateway went on with it", run.session_key));
        }
        exec.count(run.outcome.map_or("run open", |o| match o {
            clutch_domain::run::Outcome::Completed => "run completed",
            clutch_domain::run::Outcome::Silent => "run ended without a report",
            clutch_domain::run::Outcome::Failed => "run failed",
            clutch_domain::run::Outcome::Aborted => "run stopped",
        }));
        if !run.successors.is_empty() {
            exec.count("run continued under another id");
        }
    }
}
