//! Live reads: a subscription, and reads by HTTP whenever it is silent for longer than it may be.

use std::{sync::Arc, time::Duration};

use clutch_domain::{
    range::{Docs, Fetch, Versioned},
    time::Millis,
};
use clutch_orchestrator::store::{Away, Fault, LiveDocs};
use convex::{FunctionResult, Value};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::{
    Shared, codec,
    http::{self, Trouble},
    known::Watched,
    link::{Feed, Socket},
    now,
};
use crate::wakes::Wake;

/// Longest pause between two questions by HTTP while they are answered; the first is `Waits::notice`, then it doubles.
const ASK_MOST: Duration = Duration::from_secs(12);
/// The same while the deployment is away: people wait for it to come back.
const ASK_AWAY: Duration = Duration::from_secs(2);

struct Live {
    shared: Arc<Shared>,
    fetch: Fetch,
    wake: Wake,
    known: Watched,
    feed: Option<Feed>,
    /// The subscription's last answer, to see repeats without decoding them.
    raw: Option<Value>,
    /// Revisions of the newest answer, of whatever way.
    revs: Vec<u64>,
    last: Option<Arc<Versioned<Docs>>>,
    away: Option<Millis>,
    /// When to ask by HTTP, if nothing comes until then.
    ask: Option<Instant>,
    pause: Duration,
}

enum Event {
    Answer(Option<FunctionResult>),
    /// The socket opened or closed, or a commit is done.
    Moved,
    Ask,
}

pub(super) fn watch(shared: Arc<Shared>, fetch: Fetch) -> LiveDocs {
    let live = Live {
        wake: shared.wakes.register(&fetch.scopes),
        known: shared.known.watch(&fetch.scopes),
        revs: vec![0; fetch.scopes.len()],
        pause: shared.waits.notice,
        shared,
        fetch,
        feed: None,
        raw: None,
        last: None,
        away: None,
        ask: None,
    };
    Box::pin(stream::unfold(live, |mut live| async move {
        let item = live.next().await;
        Some((item, live))
    }))
}

impl Live {
    async fn next(&mut self) -> Result<Arc<Versioned<Docs>>, Away> {
        loop {
            if self.feed.is_none() {
                self.subscribe().await;
            }
            let item = match self.event().await {
                Event::Answer(Some(FunctionResult::Value(value))) => self.answer(value).await.transpose(),
                Event::Answer(Some(FunctionResult::ErrorMessage(words))) => self.failed(&words),
                Event::Answer(Some(FunctionResult::ConvexError(error))) => self.failed(&error.message),
                Event::Answer(None) => {
                    // The connection's worker has ended, which it never should.
                    if let Some(feed) = self.feed.take() {
                        self.shared.link.discard(feed).await;
                    }
                    None
                }
                Event::Moved => None,
                Event::Ask => self.asked().await.transpose(),
            };
            match item {
                Some(Ok(docs)) => return Ok(docs),
                Some(Err(fault)) => {
                    if let Some(away) = self.gone(&fault) {
                        return Err(away);
                    }
                }
                None => {}
            }
            if !self.sure() {
                self.expect();
            }
        }
    }

    async fn subscribe(&mut self) {
        match self.shared.link.subscribe(&self.fetch).await {
            Ok(feed) => self.feed = Some(feed),
            Err(why) => tracing::debug!(why, "no live query yet"),
        }
        self.expect();
    }

    /// News should come; if none does, it is asked for.
    fn expect(&mut self) {
        self.ask.get_or_insert_with(|| Instant::now() + self.shared.waits.notice);
    }

    async fn event(&mut self) -> Event {
        let ask = self.ask;
        let asking = async {
            match ask {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let Some(Feed { answers, socket, .. }) = &mut self.feed else {
            asking.await;
            return Event::Ask;
        };
        tokio::select! {
            answer = answers.next() => Event::Answer(answer),
            moved = socket.changed() => match moved {
                Ok(()) => Event::Moved,
                Err(_) => Event::Answer(None),
            },
            () = self.wake.woken() => Event::Moved,
            () = asking => Event::Ask,
        }
    }

    /// Whether the newest answer is all that there is, as far as anybody here can know.
    fn sure(&self) -> bool {
        let open = self.feed.as_ref().is_some_and(|feed| *feed.socket.borrow() == Socket::Open);
        open && self.last.is_some() && self.away.is_none() && !self.known.ahead_of(&self.revs)
    }

    async fn answer(&mut self, value: Value) -> Result<Option<Arc<Versioned<Docs>>>, Fault> {
        let repeated = self.raw.as_ref() == Some(&value);
        if repeated && self.away.is_none() {
            self.calm();
            return Ok(None);
        }
        // Whatever keeps it from being put together, it is looked at again when it comes again.
        self.raw = None;
        let json = serde_json::Value::from(value.clone());
        let insides = match self.shared.insides(&json, self.last.as_deref().map(|last| &last.value)).await? {
            Ok(insides) => insides,
            // Written since: a newer answer is on its way, and is asked for if it does not come.
            Err(Trouble::Busy(_)) => {
                self.expect();
                return Ok(None);
            }
            Err(trouble) => return Err(trouble.fault(&self.shared.url)),
        };
        let docs = codec::fetched(&self.shared.cache, &self.fetch, &json, &insides)?;
        self.raw = Some(value);
        let item = self.news(docs);
        self.calm();
        Ok(item)
    }

    /// The subscription is in order: there is nothing to ask.
    fn calm(&mut self) {
        if self.sure() {
            self.ask = None;
            self.pause = self.shared.waits.notice;
        }
    }

    /// The query itself failed; it is answered again when something changes.
    fn failed(&mut self, words: &str) -> Option<Result<Arc<Versioned<Docs>>, Fault>> {
        self.raw = None;
        Some(Err(http::failed(&self.shared.http.without_key(words)).fault(&self.shared.url)))
    }

    /// Asks by HTTP, which tells at least why.
    async fn asked(&mut self) -> Result<Option<Arc<Versioned<Docs>>>, Fault> {
        let read = self.shared.read(&self.fetch, Duration::ZERO).await;
        self.pause = (self.pause * 2).min(if read.is_ok() { ASK_MOST } else { ASK_AWAY });
        self.ask = Some(Instant::now() + self.pause);
        let docs = read?;
        tracing::debug!("a live query hears nothing, but reading works");
        Ok(self.news(docs))
    }

    /// Something to tell, if it is newer and another answer; or if the engine was away.
    fn news(&mut self, docs: Versioned<Docs>) -> Option<Arc<Versioned<Docs>>> {
        let revs: Vec<u64> = docs.scopes.iter().map(|(_, rev)| *rev).collect();
        // Older than what was seen on the other way, or than a commit that is done: the next one is on its way.
        if revs.iter().zip(&self.revs).any(|(new, seen)| new < seen) || self.known.ahead_of(&revs) {
            return None;
        }
        self.revs = revs;
        let back = self.away.take().is_some();
        if !back && self.last.as_ref().is_some_and(|last| last.value == docs.value) {
            return None;
        }
        let docs = Arc::new(docs);
        self.last = Some(docs.clone());
        Some(docs)
    }

    /// The engine is away: said once.
    fn gone(&mut self, fault: &Fault) -> Option<Away> {
        if let Some(since) = self.away {
            tracing::debug!(since = since.0, why = fault.what, "a live read still fails");
            return None;
        }
        let since = now();
        self.away = Some(since);
        Some(Away { since, why: fault.what.clone() })
    }
}
