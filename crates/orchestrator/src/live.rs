//! The live hub: one shared live query per distinct [`Query`], however many people watch it.
//!
//! A snapshot is turned into named parts once, the parts are compared once, and the
//! difference is serialised once for all viewers. Viewers pull: each remembers the version
//! that it has sent, is woken when there is a newer one, and asks what happened since. So a
//! slow viewer costs nothing and skips states by itself, but never the last one.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use clutch_domain::{
    query::Query,
    range::{Docs, Versioned},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use serde_json::value::RawValue;
use tokio::sync::{oneshot, watch};

use crate::store::{Fault, Store};

/// Parts of a page by name, each as JSON text.
pub type Parts = BTreeMap<String, Box<RawValue>>;

/// How many differences a topic keeps for viewers that come back.
pub const DELTAS_KEPT: usize = 64;
/// How many bytes of differences a topic keeps.
pub const DELTA_BYTES_KEPT: usize = 256 * 1024;

/// The parts of a page that are others now; all that is not named stays as it is.
#[derive(Debug, Default)]
pub struct Patch {
    /// Parts that are new or made anew; they may be the same.
    pub put: Parts,
    /// Names of parts that go; they may be gone already.
    pub del: Vec<String>,
}

/// Turns documents into a page; may read a little more (titles of neighbours).
#[async_trait]
pub trait Pages: Send + Sync + 'static {
    /// The page's parts.
    async fn parts(&self, query: &Query, docs: &Docs) -> Result<Parts, Fault>;
    /// What becomes of the parts that were made of `before`; `None` where they are better made anew.
    async fn patch(&self, query: &Query, before: &Docs, docs: &Docs) -> Result<Option<Patch>, Fault> {
        let _ = (query, before, docs);
        Ok(None)
    }
}

/// Starts a task that runs until it ends by itself.
pub type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// Waits for so long.
pub type Pause = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// What viewers are told while the store does not answer. Why is in the log: it is for who runs the server.
pub const AWAY: &str = "The database does not answer. The page goes on by itself when it is back.";
/// What viewers are told while a page cannot be put together.
pub const BROKEN: &str = "This page could not be put together. It is tried again by itself.";

/// Pause before a page that could not be put together is tried again; doubled up to [`AGAIN_MOST`].
const AGAIN_FIRST: Duration = Duration::from_millis(250);
/// Longest pause before a page is tried again.
const AGAIN_MOST: Duration = Duration::from_secs(5);

/// What a viewer should send. The texts are the inner fields of a JSON object, without braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// Nothing: the viewer has the newest version.
    Current(u64),
    /// The whole page at this version.
    Snapshot(u64, Arc<str>),
    /// Differences in order, up to this version.
    Deltas(u64, Vec<Arc<str>>),
    /// The store does not answer for now.
    Away(String),
    /// Not read yet.
    NotYet,
    /// The viewer has a newer page than was read here so far; it stays as it is, and there is more in a moment.
    Ahead,
}

struct Delta {
    from: u64,
    to: u64,
    text: Arc<str>,
}

#[derive(Default)]
struct State {
    version: u64,
    parts: Option<Parts>,
    snapshot: Option<Arc<str>>,
    deltas: VecDeque<Delta>,
    away: Option<String>,
}

impl State {
    /// To another page at this version, by this difference.
    fn moves_on(&mut self, version: u64, difference: String) {
        self.deltas.push_back(Delta { from: self.version, to: version, text: difference.into() });
        while self.deltas.len() > DELTAS_KEPT || bytes(&self.deltas) > DELTA_BYTES_KEPT {
            self.deltas.pop_front();
        }
        debug_assert!(self.deltas.back().is_none_or(|d| d.to == version));
        self.version = version;
        self.snapshot = None;
    }
}

/// One live query.
pub struct Topic {
    state: Mutex<State>,
    wake: watch::Sender<u64>,
    // Dropped with the topic, which ends its live read.
    _watched: oneshot::Sender<()>,
}

impl Topic {
    /// Wakes when [`Topic::since`] may have something new.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    /// What happened since `version`; `None` asks for everything.
    #[must_use]
    pub fn since(&self, version: Option<u64>) -> Update {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = &state.away {
            return Update::Away(why.clone());
        }
        let Some(parts) = &state.parts else { return Update::NotYet };
        if let Some(from) = version {
            if from == state.version {
                return Update::Current(from);
            }
            // Painted from the store itself, which is a moment ahead of its watchers.
            if from > state.version {
                return Update::Ahead;
            }
            if let Some(first) = state.deltas.iter().position(|d| d.from == from) {
                let texts = state.deltas.iter().skip(first).map(|d| d.text.clone()).collect();
                return Update::Deltas(state.version, texts);
            }
        }
        let text = match &state.snapshot {
            Some(text) => text.clone(),
            None => {
                let text: Arc<str> = format!("\"version\":{},\"parts\":{}", state.version, json(parts)).into();
                state.snapshot = Some(text.clone());
                text
            }
        };
        Update::Snapshot(state.version, text)
    }

    fn set(&self, version: u64, parts: Parts) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.away = None;
        match &state.parts {
            // The same page at a higher version: viewers keep theirs.
            Some(old) if same(old, &parts) => {}
            Some(old) => {
                let put = parts.iter().filter(|(k, v)| old.get(*k).is_none_or(|o| o.get() != v.get()));
                let put = put.map(|(k, v)| (k, &**v)).collect();
                let del: Vec<&String> = old.keys().filter(|k| !parts.contains_key(*k)).collect();
                let text = difference(&put, &del, state.version, version);
                state.moves_on(version, text);
                state.parts = Some(parts);
            }
            None => {
                state.version = version;
                state.parts = Some(parts);
            }
        }
        drop(state);
        self.wake.send_modify(|n| *n += 1);
    }

    /// As [`set`](Self::set), where only so much of the page is another. `false` where there is no page yet.
    fn patch(&self, version: u64, patch: Patch) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut parts) = state.parts.take() else { return false };
        state.away = None;
        let Patch { mut put, mut del } = patch;
        put.retain(|name, part| parts.get(name).is_none_or(|old| old.get() != part.get()));
        del.retain(|name| parts.contains_key(name));
        if !put.is_empty() || !del.is_empty() {
            let gone: Vec<&String> = del.iter().collect();
            let changed = put.iter().map(|(name, part)| (name, &**part)).collect();
            let text = difference(&changed, &gone, state.version, version);
            state.moves_on(version, text);
            del.iter().for_each(|name| drop(parts.remove(name)));
            parts.extend(put);
        }
        state.parts = Some(parts);
        drop(state);
        self.wake.send_modify(|n| *n += 1);
        true
    }

    fn set_away(&self, why: String) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).away = Some(why);
        self.wake.send_modify(|n| *n += 1);
    }
}

fn bytes(deltas: &VecDeque<Delta>) -> usize {
    deltas.iter().map(|d| d.text.len()).sum()
}

fn same(a: &Parts, b: &Parts) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((ka, va), (kb, vb))| ka == kb && va.get() == vb.get())
}

fn json<T: serde::Serialize>(value: &T) -> String {
    // Maps with text keys and raw JSON values cannot fail to serialise.
    serde_json::to_string(value).unwrap_or_else(|_| "{}".into())
}

fn difference(put: &BTreeMap<&String, &RawValue>, del: &[&String], from: u64, to: u64) -> String {
    format!("\"from\":{from},\"to\":{to},\"put\":{},\"del\":{}", json(put), json(&del))
}

/// The hub.
pub struct Hub {
    store: Arc<dyn Store>,
    pages: Arc<dyn Pages>,
    spawn: Spawn,
    pause: Pause,
    topics: Mutex<HashMap<Query, Weak<Topic>>>,
}

impl Hub {
    /// A hub over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, pages: Arc<dyn Pages>, spawn: Spawn, pause: Pause) -> Arc<Self> {
        Arc::new(Self { store, pages, spawn, pause, topics: Mutex::default() })
    }

    /// The topic of a query; its live read runs while somebody holds it.
    #[must_use]
    pub fn open(&self, query: Query) -> Arc<Topic> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get(&query).and_then(Weak::upgrade) {
            return topic;
        }
        topics.retain(|_, topic| topic.strong_count() > 0);
        let (watched, unwatched) = oneshot::channel();
        let topic = Arc::new(Topic { state: Mutex::default(), wake: watch::Sender::new(0), _watched: watched });
        topics.insert(query, Arc::downgrade(&topic));
        let follow = follow(
            self.store.clone(),
            self.pages.clone(),
            query,
            Arc::downgrade(&topic),
            unwatched,
            self.pause.clone(),
        );
        (self.spawn)(Box::pin(follow));
        topic
    }

    /// How many queries are live.
    #[must_use]
    pub fn live(&self) -> usize {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner).values().filter(|t| t.strong_count() > 0).count()
    }
}

async fn follow(
    store: Arc<dyn Store>,
    pages: Arc<dyn Pages>,
    query: Query,
    topic_of: Weak<Topic>,
    unwatched: oneshot::Receiver<()>,
    pause: Pause,
) {
    let mut docs = store.watch(query.fetch());
    let mut unwatched = unwatched.fuse();
    // The documents that the topic shows.
    let mut shown: Option<Arc<Versioned<Docs>>> = None;
    loop {
        let next = futures_util::select_biased! {
            _ = unwatched => return,
            next = docs.next().fuse() => next,
        };
        let (Some(next), Some(topic)) = (next, topic_of.upgrade()) else { return };
        let mut page = match next {
            Ok(read) => read,
            Err(away) => {
                tracing::warn!(why = %away.why, "a live page sees nothing for now");
                topic.set_away(AWAY.into());
                continue;
            }
        };
        drop(topic);
        // Whatever keeps the page from being put together may be over without any commit: it is tried again.
        let mut wait = AGAIN_FIRST;
        while let Err(fault) = put_together(&pages, &query, &mut shown, &page, &topic_of).await {
            tracing::warn!(%fault, "a live page could not be put together; it is tried again");
            let mut due = pause(wait).fuse();
            wait = (wait * 2).min(AGAIN_MOST);
            futures_util::select_biased! {
                _ = unwatched => return,
                next = docs.next().fuse() => match next {
                    Some(Ok(newer)) => page = newer,
                    Some(Err(_)) => {}
                    None => return,
                },
                () = due => {}
            }
        }
    }
}

/// Sets the topic's page, or says that it is away. A mistake of ours in one page is a page that could not be put
/// together, and no end of its feed.
async fn put_together(
    pages: &Arc<dyn Pages>,
    query: &Query,
    shown: &mut Option<Arc<Versioned<Docs>>>,
    page: &Arc<Versioned<Docs>>,
    topic: &Weak<Topic>,
) -> Result<(), Fault> {
    let made = AssertUnwindSafe(make(pages, query, shown, page, topic)).catch_unwind().await;
    made.unwrap_or_else(|_| {
        if let Some(topic) = topic.upgrade() {
            topic.set_away(BROKEN.into());
        }
        Err(Fault::new("it broke off; the log says above where"))
    })
}

/// Sets the topic's page, or says that it is away.
async fn make(
    pages: &Arc<dyn Pages>,
    query: &Query,
    shown: &mut Option<Arc<Versioned<Docs>>>,
    page: &Arc<Versioned<Docs>>,
    topic: &Weak<Topic>,
) -> Result<(), Fault> {
    // Whatever fails on the way, the page is made anew after it.
    let patch = match shown.take() {
        Some(before) => pages.patch(query, &before.value, &page.value).await,
        None => Ok(None),
    };
    let parts = match patch {
        Ok(Some(patch)) => {
            let Some(topic) = topic.upgrade() else { return Ok(()) };
            if topic.patch(page.version, patch) {
                *shown = Some(page.clone());
                return Ok(());
            }
            drop(topic);
            pages.parts(query, &page.value).await
        }
        Ok(None) => pages.parts(query, &page.value).await,
        Err(fault) => Err(fault),
    };
    let Some(topic) = topic.upgrade() else { return Ok(()) };
    match parts {
        Ok(parts) => topic.set(page.version, parts),
        Err(fault) => {
            topic.set_away(BROKEN.into());
            return Err(fault);
        }
    }
    *shown = Some(page.clone());
    Ok(())
}
