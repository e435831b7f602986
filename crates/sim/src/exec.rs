//! One thread, virtual time, seeded order. A task belongs to a group; a group can be
//! killed at any poll, as a process can die at any instruction.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use clutch_domain::{
    invariant::{Breach, Law},
    time::Millis,
};
use clutch_orchestrator::{
    office::{Clock, IdSource},
    work::Reactor,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::rng::Rng;

/// Tasks that live and die together: one process, or the world around.
pub type Group = u64;
/// The world: people, chaos. Never killed.
pub const WORLD: Group = 0;
/// Wall time at the begin of each run, in epoch milliseconds.
const EPOCH: i64 = 1_767_225_600_000;
/// So many polls without time going on mean that something spins.
const SPIN: u64 = 200_000;
/// Lines of the trace that are kept.
const TRACE_KEPT: usize = 200_000;
/// The hash of a trace begins with this (FNV-1a, 64 bits).
const HASH_BEGINS: u64 = 0xcbf2_9ce4_8422_2325;

struct Slot {
    group: Group,
    name: &'static str,
    future: Option<BoxFuture<'static, ()>>,
}

/// What happens to a group after some polls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Dies,
    /// Sleeps, in milliseconds.
    Sleeps(i64),
}

struct Inner {
    now: i64,
    rng: Rng,
    next: u64,
    tasks: BTreeMap<u64, Slot>,
    timers: BTreeMap<(i64, u64), Waker>,
    dead: BTreeSet<Group>,
    frozen: BTreeMap<Group, Vec<u64>>,
    // Per machine: how far its wall clock is from the right time.
    walls: BTreeMap<Group, i64>,
    fuse: Option<(Group, u64, Fate)>,
    polls: u64,
    polls_now: u64,
    trace: Vec<String>,
    hash: u64,
    wrong: Vec<Breach>,
    counts: BTreeMap<&'static str, u64>,
}

/// The executor; clones are handles of the same one.
#[derive(Clone)]
pub struct Exec {
    inner: Arc<Mutex<Inner>>,
    ready: Arc<Mutex<BTreeSet<u64>>>,
}

struct Bell {
    id: u64,
    ready: Arc<Mutex<BTreeSet<u64>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        lock(&self.ready).insert(self.id);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Exec {
    /// An executor whose order depends on the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let inner = Inner {
            now: 0,
            rng: Rng::new(seed),
            next: 1,
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            dead: BTreeSet::new(),
            frozen: BTreeMap::new(),
            walls: BTreeMap::new(),
            fuse: None,
            polls: 0,
            polls_now: 0,
            trace: Vec::new(),
            hash: HASH_BEGINS,
            wrong: Vec::new(),
            counts: BTreeMap::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), ready: Arc::default() }
    }

    /// Steady virtual time in milliseconds, from 0.
    #[must_use]
    pub fn now(&self) -> i64 {
        lock(&self.inner).now
    }

    /// The right wall time.
    #[must_use]
    pub fn wall(&self) -> Millis {
        Millis(EPOCH + self.now())
    }

    /// Wall time as a group's machine has it.
    #[must_use]
    pub fn wall_of(&self, group: Group) -> Millis {
        let inner = lock(&self.inner);
        Millis(EPOCH + inner.now + inner.walls.get(&group).copied().unwrap_or(0))
    }

    /// A group's wall clock steps to so many milliseconds beside the right time; its steady clock goes on.
    pub fn set_wall(&self, group: Group, beside: i64) {
        lock(&self.inner).walls.insert(group, beside);
    }

    /// Uses the run's randomness.
    pub fn rng<T>(&self, with: impl FnOnce(&mut Rng) -> T) -> T {
        with(&mut lock(&self.inner).rng)
    }

    /// A fresh name for a group.
    #[must_use]
    pub fn group(&self) -> Group {
        let mut inner = lock(&self.inner);
        inner.next += 1;
        inner.next
    }

    /// Starts a task in a group.
    pub fn spawn(&self, group: Group, name: &'static str, future: BoxFuture<'static, ()>) {
        let id = {
            let mut inner = lock(&self.inner);
            if inner.dead.contains(&group) {
                drop(inner);
                drop(future);
                return;
            }
            inner.next += 1;
            let id = inner.next;
            inner.tasks.insert(id, Slot { group, name, future: Some(future) });
            id
        };
        lock(&self.ready).insert(id);
    }

    /// Ends a group where it stands.
    pub fn kill(&self, group: Group) {
        let gone: Vec<Slot> = {
            let mut inner = lock(&self.inner);
            inner.dead.insert(group);
            let ids: Vec<u64> = inner.tasks.iter().filter(|(_, s)| s.group == group).map(|(id, _)| *id).collect();
            ids.into_iter().filter_map(|id| inner.tasks.remove(&id)).collect()
        };
        // Futures are dropped without the lock: they give their timers back.
        drop(gone);
    }

    /// Ends a group after it was polled so many times from now on.
    pub fn kill_after(&self, group: Group, polls: u64) {
        lock(&self.inner).fuse = Some((group, polls, Fate::Dies));
    }

    /// Lets a group sleep for `ms` milliseconds after it was polled so many times from now on.
    pub fn freeze_after(&self, group: Group, polls: u64, ms: i64) {
        lock(&self.inner).fuse = Some((group, polls, Fate::Sleeps(ms)));
    }

    /// Stops a group for a while, as a machine that sleeps: time goes on, it does not.
    pub async fn freeze(&self, group: Group, ms: i64) {
        lock(&self.inner).frozen.entry(group).or_default();
        self.sleep(ms).await;
        self.wake(group);
    }

    /// Lets a group sleep from its next step on.
    pub fn freeze_now(&self, group: Group, ms: i64) {
        lock(&self.inner).frozen.entry(group).or_default();
        let exec = self.clone();
        self.spawn(WORLD, "sleep", Box::pin(async move { exec.freeze(group, ms).await }));
    }

    /// A group wakes up, before its time.
    pub fn wake(&self, group: Group) {
        let parked = lock(&self.inner).frozen.remove(&group).unwrap_or_default();
        lock(&self.ready).extend(parked);
    }

    /// Whether a group was killed.
    #[must_use]
    pub fn is_dead(&self, group: Group) -> bool {
        lock(&self.inner).dead.contains(&group)
    }

    /// Waits.
    #[must_use]
    pub fn sleep(&self, ms: i64) -> Sleep {
        self.sleep_until(self.now() + ms.max(0))
    }

    /// Waits until a moment of steady time.
    #[must_use]
    pub fn sleep_until(&self, at: i64) -> Sleep {
        Sleep { exec: self.clone(), at, timer: None }
    }

    /// Writes a line into the trace.
    pub fn say(&self, line: impl FnOnce() -> String) {
        let line = line();
        let mut inner = lock(&self.inner);
        let line = format!("{:>6}.{:03} {line}", inner.now / 1_000, inner.now % 1_000);
        inner.hash =
            line.bytes().fold(inner.hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        if inner.trace.len() < TRACE_KEPT {
            inner.trace.push(line);
        }
    }

    /// Something happened that must never happen.
    pub fn wrong(&self, law: Law, what: impl Into<String>) {
        let breach = Breach::new(law, what);
        self.say(|| format!("WRONG {breach}"));
        lock(&self.inner).wrong.push(breach);
    }

    /// Counts something, to see that the run met it.
    pub fn count(&self, what: &'static str) {
        *lock(&self.inner).counts.entry(what).or_insert(0) += 1;
    }

    /// What went wrong so far.
    #[must_use]
    pub fn wrongs(&self) -> Vec<Breach> {
        lock(&self.inner).wrong.clone()
    }

    /// The end: lets go of everything that runs or waits, and gives the trace away.
    #[must_use]
    pub fn end(&self) -> Vec<String> {
        let (tasks, trace) = {
            let mut inner = lock(&self.inner);
            (std::mem::take(&mut inner.tasks), std::mem::take(&mut inner.trace))
        };
        // Futures are dropped without the lock: they give their timers back.
        drop(tasks);
        trace
    }

    /// A hash of everything that was said, and when, whether the trace was kept or not.
    #[must_use]
    pub fn hash(&self) -> u64 {
        lock(&self.inner).hash
    }

    /// Counts.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.inner).counts.clone()
    }

    /// Polls so far.
    #[must_use]
    pub fn polls(&self) -> u64 {
        lock(&self.inner).polls
    }

    /// Runs until `deadline` of steady time, or until something is wrong.
    pub fn run_until(&self, deadline: i64) {
        loop {
            if !lock(&self.inner).wrong.is_empty() {
                return;
            }
            if self.poll_one() {
                continue;
            }
            let due: Vec<Waker> = {
                let mut inner = lock(&self.inner);
                let Some(at) = inner.timers.keys().next().map(|(at, _)| *at) else { return };
                if at > deadline {
                    inner.now = deadline;
                    return;
                }
                inner.now = inner.now.max(at);
                inner.polls_now = 0;
                let later = inner.timers.split_off(&(at, u64::MAX));
                std::mem::replace(&mut inner.timers, later).into_values().collect()
            };
            due.into_iter().for_each(Waker::wake);
        }
    }

    fn poll_one(&self) -> bool {
        let id = {
            let mut ready = lock(&self.ready);
            if ready.is_empty() {
                return false;
            }
            let nth = lock(&self.inner).rng.index(ready.len());
            let Some(id) = ready.iter().nth(nth).copied() else { return false };
            ready.remove(&id);
            id
        };
        let (mut future, group) = {
            let mut inner = lock(&self.inner);
            inner.polls += 1;
            inner.polls_now += 1;
            if inner.polls_now > SPIN {
                let name = inner.tasks.get(&id).map_or("", |s| s.name);
                let says = format!("{name} spins: {SPIN} polls without time going on");
                inner.wrong.push(Breach::new(Law::NoHurry, says));
                return false;
            }
            let Some(group) = inner.tasks.get(&id).map(|s| s.group) else { return true };
            if let Some(parked) = inner.frozen.get_mut(&group) {
                parked.push(id);
                return true;
            }
            let Some(slot) = inner.tasks.get_mut(&id) else { return true };
            let Some(future) = slot.future.take() else { return true };
            (future, slot.group)
        };
        let waker = Waker::from(Arc::new(Bell { id, ready: self.ready.clone() }));
        let done = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut dying = None;
        let rest = {
            let mut inner = lock(&self.inner);
            if let Some((doomed, left, fate)) = &mut inner.fuse
                && *doomed == group
            {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    dying = Some((group, *fate));
                    inner.fuse = None;
                }
            }
            if done || !inner.tasks.contains_key(&id) {
                inner.tasks.remove(&id);
                Some(future)
            } else {
                if let Some(slot) = inner.tasks.get_mut(&id) {
                    slot.future = Some(future);
                }
                None
            }
        };
        drop(rest);
        match dying {
            Some((group, Fate::Dies)) => {
                self.say(|| format!("process {group} dies"));
                self.count("process died between two steps");
                self.kill(group);
            }
            Some((group, Fate::Sleeps(ms))) => {
                self.say(|| format!("server {group} sleeps"));
                self.count("server slept between two steps");
                self.freeze_now(group, ms);
            }
            None => {}
        }
        true
    }
}

/// Waits for virtual time.
pub struct Sleep {
    exec: Exec,
    at: i64,
    timer: Option<(i64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let exec = self.exec.clone();
        let mut inner = lock(&exec.inner);
        if let Some(old) = self.timer.take() {
            inner.timers.remove(&old);
        }
        if inner.now >= self.at {
            return Poll::Ready(());
        }
        inner.next += 1;
        let key = (self.at, inner.next);
        inner.timers.insert(key, cx.waker().clone());
        self.timer = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer.take() {
            lock(&self.exec.inner).timers.remove(&key);
        }
    }
}

/// One process: what it spawns dies with it.
#[derive(Clone)]
pub struct Process {
    /// The executor.
    pub exec: Exec,
    /// The group.
    pub group: Group,
}

impl Reactor for Process {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        self.exec.spawn(self.group, name, task);
    }

    fn steady(&self) -> Millis {
        Millis(self.exec.now())
    }

    fn sleep_until(&self, steady: Millis) -> BoxFuture<'static, ()> {
        Box::pin(self.exec.sleep_until(steady.0))
    }
}

impl Clock for Process {
    fn now(&self) -> Millis {
        self.exec.wall_of(self.group)
    }
}

impl IdSource for Process {
    fn fresh(&self) -> Uuid {
        self.exec.rng(Rng::uuid)
    }
}
