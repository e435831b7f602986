//! The store of the simulation: the real memory store, made slow and unreliable, with a mirror of what is truly
//! kept. Whoever uses it comes through a [`Door`] of their own. Every change that is applied is checked against
//! the laws.

mod witness;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use clutch_domain::{
    activity::Activity,
    change::Change,
    doc::{Body, DocKey, Inside, Scope},
    id::{RunId, SignalId},
    invariant::{Everything, Law},
    plan::Policy,
    range::{Docs, Fetch, Versioned},
    run::{Lease, Run},
    sabotage::{Switch, removed},
};
use clutch_orchestrator::store::{Away, CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store};
use clutch_store::MemoryStore;
use futures_util::{StreamExt, stream};

use crate::{
    exec::{Exec, Group, WORLD},
    pace::Pace,
};

/// Calls of the store by one server in one virtual minute; more is a loop without a pause.
const CALLS_A_MINUTE: u32 = 2_500;
/// How often in a hundred a watch brings its news late.
const LATE_PERCENT: u32 = 10;
/// How often in a hundred a server falls asleep before a claim is written, and how often after it, where another
/// server may take over meanwhile.
const ASLEEP_PERCENT: u32 = 4;
/// How long then, in milliseconds: longer than a lease lives.
const ASLEEP_MS: (i64, i64) = (30_000, 60_000);
/// So many commits in a hundred wait for the disk, so long, in milliseconds.
const SLOW_DISK_PERCENT: u32 = 3;
const SLOW_DISK_MS: (i64, i64) = (100, 3_000);
/// How late, in milliseconds.
const LATE_MS: (i64, i64) = (50, 8_000);

/// What is written down about the gateway, which alone knows whether it is true.
#[derive(Clone, Debug)]
pub enum Said {
    /// A run is over; as it was before. Something may still work for it.
    Over(Box<Run>),
    /// The answer to a question has arrived.
    Arrived(SignalId),
}

/// Told of what is said about the gateway.
pub type Listener = Box<dyn Fn(&Said) + Send + Sync>;

/// What is truly kept.
pub struct SimStore {
    exec: Exec,
    inner: MemoryStore,
    kept: Mutex<Kept>,
    listener: Mutex<Option<Listener>>,
    // Servers that fell asleep at a claim.
    asleep: Mutex<Vec<Group>>,
    // Faults in a hundred calls of each kind.
    faults: AtomicU32,
    policy: Policy,
}

/// The mirror, and what of the past the laws need.
#[derive(Default)]
struct Kept {
    docs: BTreeMap<DocKey, Body>,
    // Titles of all tasks that there ever were.
    titles: BTreeMap<String, DocKey>,
    // Since when a run works again that had waited for an answer.
    returned: BTreeMap<RunId, i64>,
    // Runs whose task was moved away from them, or thrown away with its project, if only for a moment.
    taken: BTreeSet<RunId>,
    // All lines of the log, in the order of their commits.
    lines: Vec<Activity>,
    // Sessions in which an agent said that its work is done.
    spoke: BTreeSet<String>,
}

impl Kept {
    fn get<T: Inside>(&self, id: impl ToString) -> Option<&T> {
        self.docs.get(&DocKey::new(T::KIND, id)).and_then(T::of)
    }

    fn all<'a, T: Inside + 'a>(&'a self) -> impl Iterator<Item = &'a T> {
        let first = DocKey::new(T::KIND, "");
        self.docs.range(first..).take_while(|(key, _)| key.kind == T::KIND).filter_map(|(_, body)| T::of(body))
    }
}

impl SimStore {
    /// A store; `sole` is what it says about other writers, `policy` the limits that everybody keeps.
    #[must_use]
    pub fn new(exec: Exec, sole: bool, policy: Policy) -> Arc<Self> {
        Arc::new(Self {
            exec,
            inner: MemoryStore::new().with_sole_writer(sole),
            kept: Mutex::default(),
            listener: Mutex::default(),
            asleep: Mutex::default(),
            faults: AtomicU32::new(0),
            policy,
        })
    }

    /// How many calls in a hundred go wrong, per kind of fault.
    pub fn set_faults(&self, percent: u32) {
        self.faults.store(percent, Ordering::Relaxed);
    }

    /// Who is told of what is said about the gateway; `None` is nobody.
    pub fn listen(&self, listener: Option<Listener>) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = listener;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything of one kind that is truly kept.
    pub fn all<T: Inside + Clone>(&self) -> Vec<T> {
        self.kept().all::<T>().cloned().collect()
    }

    /// One document that is truly kept.
    pub fn get<T: Inside + Clone>(&self, id: impl ToString) -> Option<T> {
        self.kept().get::<T>(id).cloned()
    }

    /// The first of a kind for which something is true.
    pub fn find<T: Inside + Clone>(&self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        self.kept().all::<T>().find(|found| wanted(found)).cloned()
    }

    /// The log, in the order in which its lines were committed.
    pub fn log(&self) -> Vec<Activity> {
        self.kept().lines.clone()
    }

    /// Who truly holds the lease.
    pub fn leader(&self) -> Option<String> {
        self.kept().get::<Lease>("loop").map(|lease| lease.holder.clone())
    }

    /// Looks at everything.
    pub fn look<T>(&self, with: impl FnOnce(&Everything<'_>) -> T) -> T {
        with(&Everything::of(self.kept().docs.values()))
    }

    /// An agent says in this session that its work is done, whatever comes of it.
    pub fn hears(&self, session: &str) {
        self.kept().spoke.insert(session.to_owned());
    }

    async fn pause(&self) {
        let ms = self.exec.rng(|r| if r.chance(70) { 0 } else { r.between(1, 40) });
        self.exec.sleep(ms).await;
    }

    fn goes_wrong(&self, kind: &'static str) -> bool {
        let percent = self.faults.load(Ordering::Relaxed);
        let is = percent > 0 && self.exec.rng(|r| r.chance(percent));
        if is {
            self.exec.count(kind);
        }
        is
    }

    /// Who fell asleep as the leader wakes up, half of the time in the very moment in which somebody else leads.
    fn wake_those_who_led(&self) {
        for group in std::mem::take(&mut *self.asleep.lock().unwrap_or_else(PoisonError::into_inner)) {
            let (now, ms) = self.exec.rng(|r| (r.chance(50), r.between(0, 80)));
            if now {
                let exec = self.exec.clone();
                let waking = async move {
                    exec.sleep(ms).await;
                    exec.wake(group);
                };
                self.exec.spawn(WORLD, "waking", Box::pin(waking));
            }
        }
    }

    /// Looks at a change that was applied and brings the mirror up to date.
    fn mirror(&self, change: &Change, by: Option<&str>) {
        if let Some(lease) = change.puts().find_map(Lease::of) {
            self.exec.say(|| format!("{} leads", lease.holder));
            self.wake_those_who_led();
        }
        for line in &change.activity {
            self.exec.say(|| format!("log {} {:?} {:?}", line.what, line.task, line.data));
        }
        let (wrong, said) = {
            let mut kept = self.kept();
            let mut wrong = witness::look(&mut kept, change, by, &self.policy, self.exec.now());
            let said = witness::said(&kept, change);
            let more_or_less = change.deletes().any(|key| witness::has_names(key.kind))
                || change.puts().any(|body| witness::has_names(body.kind()) && !kept.docs.contains_key(&body.key()));
            for key in change.deletes() {
                kept.docs.remove(key);
            }
            kept.lines.extend(change.activity.iter().cloned());
            for body in change.puts() {
                kept.docs.insert(body.key(), body.clone());
            }
            let matters = |kind| witness::is_lawful_matter(kind);
            if change.deletes().any(|key| matters(key.kind)) || change.puts().any(|body| matters(body.kind())) {
                let all = Everything::of(kept.docs.values());
                wrong.extend(if more_or_less { all.broken() } else { all.broken_but_names() });
                wrong.extend(all.over_cap(self.policy.retry.cap));
            }
            (wrong, said)
        };
        for breach in wrong {
            self.exec.wrong(breach.law, breach.what);
        }
        if let Some(listener) = &*self.listener.lock().unwrap_or_else(PoisonError::into_inner) {
            said.iter().for_each(listener);
        }
    }

    async fn apply(&self, change: Change, key: IdempotencyKey, by: Option<&str>) -> Result<Committed, CommitError> {
        let known = self.inner.known(&key).await?.is_some() && !removed(Switch::Ledger);
        let done = self.inner.commit(change.clone(), key).await?;
        if !known {
            self.mirror(&change, by);
        }
        Ok(done)
    }
}

/// The store as one server has it, or as the pages have it; clones are the same door.
#[derive(Clone)]
pub struct Door(Arc<Within>);

struct Within {
    store: Arc<SimStore>,
    group: Group,
    // The name under which the server's loop takes the lease; pages take none.
    holder: Mutex<Option<String>>,
    pace: Pace,
    // Commits through this door that are over, whatever came of them.
    commits: AtomicU64,
    // Until when its watches see nothing.
    blind_until: AtomicI64,
}

impl Door {
    /// A door for a group.
    #[must_use]
    pub fn new(store: Arc<SimStore>, group: Group) -> Self {
        Self(Arc::new(Within {
            store,
            group,
            holder: Mutex::default(),
            pace: Pace::default(),
            commits: AtomicU64::new(0),
            blind_until: AtomicI64::new(0),
        }))
    }

    /// The name under which this server's loop takes the lease.
    pub fn serve(&self, holder: &str) {
        *self.0.holder.lock().unwrap_or_else(PoisonError::into_inner) = Some(holder.to_owned());
    }

    /// Its watches lose their engine for a while.
    pub fn blind(&self, ms: i64) {
        self.0.blind_until.store(self.0.store.exec.now() + ms, Ordering::Relaxed);
    }

    /// The server whose watches this door has.
    #[must_use]
    pub fn group(&self) -> Group {
        self.0.group
    }

    fn called(&self) {
        if self.0.holder.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return;
        }
        if let Some(calls) = self.0.pace.step(self.0.store.exec.now(), CALLS_A_MINUTE) {
            let says = format!("server {} called the store {calls} times within a minute", self.0.group);
            self.0.store.exec.wrong(Law::NoHurry, says);
        }
    }

    /// A machine sleeps at the worst moment.
    fn falls_asleep(&self, claim: bool) {
        let exec = &self.0.store.exec;
        let storm = self.0.store.faults.load(Ordering::Relaxed) > 0;
        if storm && claim && !self.sole_writer() && exec.rng(|r| r.chance(ASLEEP_PERCENT)) {
            exec.count("server slept at a claim");
            exec.say(|| format!("server {} sleeps at a claim", self.0.group));
            let ms = exec.rng(|r| r.between(ASLEEP_MS.0, ASLEEP_MS.1));
            self.0.store.asleep.lock().unwrap_or_else(PoisonError::into_inner).push(self.0.group);
            exec.freeze_now(self.0.group, ms);
        }
    }

    /// Now and then the disk takes its time before it writes.
    async fn waits_for_the_disk(&self) {
        let exec = &self.0.store.exec;
        let storm = self.0.store.faults.load(Ordering::Relaxed) > 0;
        if storm && exec.rng(|r| r.chance(SLOW_DISK_PERCENT)) {
            exec.count("a commit waited for the disk");
            let ms = exec.rng(|r| r.between(SLOW_DISK_MS.0, SLOW_DISK_MS.1));
            exec.sleep(ms).await;
        }
    }

    /// News of a watch: late now and then, but never older than what this server itself has written.
    async fn deliver(&self, fetch: &Fetch, news: Arc<Versioned<Docs>>) -> Arc<Versioned<Docs>> {
        let exec = &self.0.store.exec;
        let storm = self.0.store.faults.load(Ordering::Relaxed) > 0;
        let nobody = of_webhooks(fetch) && news.value.is_empty();
        if !storm || nobody || !exec.rng(|r| r.chance(LATE_PERCENT)) {
            return news;
        }
        exec.count("a watch was late");
        let commits = self.0.commits.load(Ordering::Relaxed);
        let late = exec.rng(|r| r.between(LATE_MS.0, LATE_MS.1));
        exec.sleep(late).await;
        if commits == self.0.commits.load(Ordering::Relaxed) {
            return news;
        }
        self.0.store.inner.read(fetch).await.map_or(news, Arc::new)
    }
}

/// The watch of those who send to webhooks. It has no luck of its own where there are none, so days without them are what
/// they were.
fn of_webhooks(fetch: &Fetch) -> bool {
    fetch.scopes == [Scope::Webhooks]
}

#[async_trait]
impl Store for Door {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.called();
        let store = &self.0.store;
        store.pause().await;
        if store.goes_wrong("read failed") {
            return Err(Fault::new("the disk did not answer"));
        }
        let read = store.inner.read(fetch).await;
        store.pause().await;
        read
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        let store = &self.0.store;
        store.pause().await;
        if store.goes_wrong("read failed") {
            return Err(Fault::new("the disk did not answer"));
        }
        store.inner.known(key).await
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        self.called();
        let store = &self.0.store;
        let claim = change.made::<Run>().is_some();
        self.falls_asleep(claim);
        store.pause().await;
        self.waits_for_the_disk().await;
        if store.goes_wrong("commit met a conflict") {
            return Err(CommitError::Conflict("somebody was faster".into()));
        }
        if store.goes_wrong("commit was lost") {
            return Err(CommitError::Unknown("no answer".into()));
        }
        let silent = store.goes_wrong("commit's answer was lost");
        let by = self.0.holder.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let done = store.apply(change, key, by.as_deref()).await;
        self.0.commits.fetch_add(1, Ordering::Relaxed);
        let done = done?;
        self.falls_asleep(claim);
        store.pause().await;
        if silent { Err(CommitError::Unknown("no answer".into())) } else { Ok(done) }
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        let live = self.0.store.inner.watch(fetch.clone());
        Box::pin(stream::unfold((self.clone(), fetch, live), |(door, fetch, mut live)| async move {
            let exec = &door.0.store.exec;
            let until = door.0.blind_until.load(Ordering::Relaxed);
            if exec.now() < until && !of_webhooks(&fetch) {
                exec.count("a watch saw nothing");
                door.0.blind_until.store(0, Ordering::Relaxed);
                let away = Away { since: exec.wall_of(door.0.group), why: "the engine is away".into() };
                exec.sleep_until(until).await;
                return Some((Err(away), (door, fetch, live)));
            }
            let news = match live.next().await? {
                Ok(news) => Ok(door.deliver(&fetch, news).await),
                Err(away) => Err(away),
            };
            Some((news, (door, fetch, live)))
        }))
    }

    fn sole_writer(&self) -> bool {
        self.0.store.inner.sole_writer()
    }

    fn describe(&self) -> String {
        "the simulation's memory".into()
    }
}
