//! `ConvexStore`: a Convex deployment, for teams that outgrow one machine. Several servers may share it.
//!
//! Reads and commits are single calls of Convex's HTTP API, answered or failed in known time; live reads
//! share one WebSocket. What runs on the other side is in `convex/`: one range query, one mutation.

mod codec;
mod http;
mod insides;
mod known;
mod link;
mod watch;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use clutch_domain::{
    change::Change,
    range::{Docs, Fetch, Versioned},
    time::Millis,
};
use clutch_orchestrator::store::{CommitError, Committed, Fault, IdempotencyKey, LiveDocs, Store};
use serde_json::{Value, json};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep},
};

use self::{
    codec::Applied,
    http::{Http, Kind, Trouble},
    known::Known,
    link::Link,
};
use crate::{
    cache::Cache,
    prepare::{changed, conflict, prepare},
    ranges,
    wakes::Wakes,
};

const FETCH: &str = "docs:fetch";
const WHOLE: &str = "docs:whole";
const APPLY: &str = "docs:apply";
const KNOWN: &str = "docs:known";
const ABOUT: &str = "docs:about";
/// A query that every deployment of the original system has; ours has nothing of the name.
const ORIGINAL_PROBE: &str = "projects:getAll";

/// Version of `convex/functions` that this program speaks to (`VERSION` in docs.ts).
pub const FUNCTIONS: u64 = 3;

/// First pause between two tries; doubled up to [`PAUSE_MOST`].
const PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between two tries.
const PAUSE_MOST: Duration = Duration::from_secs(2);

/// How long a [`ConvexStore`] waits for what; the defaults are right for serving.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// For a connection.
    pub connect: Duration,
    /// For the answer of one call.
    pub answer: Duration,
    /// For a commit that cannot even be sent, and for a read.
    pub reach: Duration,
    /// For a commit whose answer is lost: so long it is repeated under its key.
    pub repeat: Duration,
    /// For news of a live read that should have some: after it began, after the socket closed, and after a
    /// commit that it should see. Then it asks by HTTP.
    pub notice: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            reach: Duration::from_secs(10),
            repeat: Duration::from_secs(30),
            notice: Duration::from_secs(3),
        }
    }
}

/// Why a deployment cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// It does not answer now; it may later.
    #[error("{0}")]
    Away(Fault),
    /// It has none of our functions, or older ones: `clutch convex deploy` puts them there.
    #[error("{0}")]
    Functions(Fault),
    /// It is not ours to use: another system's, newer than we are, or the key is wrong.
    #[error("{0}")]
    Unfit(Fault),
}

/// Keeps documents in a Convex deployment.
///
/// Needs tokio. Before its first commit it makes sure, once, that the deployment has the functions of this
/// program and holds no data of the original system: there it never writes.
///
/// A commit whose answer is lost is repeated under the same key, which the deployment applies once, until
/// the answer is known or [`Waits::repeat`] has passed. When a live read hears nothing it asks by HTTP; when that
/// fails too it says `Away` once, tries again by itself, and then repeats its answer even if it is equal.
pub struct ConvexStore {
    shared: Arc<Shared>,
    checked: OnceCell<()>,
}

/// What the store and its live reads share.
struct Shared {
    url: String,
    waits: Waits,
    http: Http,
    link: Link,
    known: Known,
    wakes: Wakes,
    cache: Cache,
}

impl ConvexStore {
    /// A store on the deployment at `url` (`http://` or `https://`), with an admin key or a deploy key.
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// An address or a key that cannot be one.
    pub fn new(url: &str, key: &str) -> Result<Self, Fault> {
        Self::with(url, key, Waits::default())
    }

    /// As [`new`](Self::new), with other waits.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with(url: &str, key: &str, waits: Waits) -> Result<Self, Fault> {
        // Neither client brings a provider of cryptography along; without one they panic. Another
        // one that was installed first is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = url.trim_end_matches('/');
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(Fault::new(format!(
                "{url:?} is no address of a Convex deployment: it begins with http:// or https://. Correct CONVEX_URL."
            )));
        }
        let shared = Shared {
            url: url.to_owned(),
            http: Http::new(url, key, waits)?,
            waits,
            link: Link::new(url, key),
            known: Known::default(),
            wakes: Wakes::default(),
            cache: Cache::default(),
        };
        Ok(Self { shared: Arc::new(shared), checked: OnceCell::new() })
    }

    /// Whether the deployment can be used. Asks it once; a good answer is remembered.
    ///
    /// # Errors
    /// See [`CheckError`].
    pub async fn check(&self) -> Result<(), CheckError> {
        self.checked.get_or_try_init(|| self.shared.check()).await.copied()
    }

    /// The check before a commit: as patient as the commit.
    async fn usable(&self) -> Result<(), Fault> {
        let (began, mut pause) = (Instant::now(), PAUSE);
        loop {
            match self.check().await {
                Ok(()) => return Ok(()),
                Err(CheckError::Away(_)) if began.elapsed() + pause <= self.shared.waits.reach => {}
                Err(CheckError::Away(fault) | CheckError::Functions(fault) | CheckError::Unfit(fault)) => {
                    return Err(fault);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }
}

impl Shared {
    async fn check(&self) -> Result<(), CheckError> {
        let unfit = |why: String| Err(CheckError::Unfit(Fault::new(why)));
        let url = &self.url;
        let about = match self.call(Kind::Query, ABOUT, &codec::nothing()).await {
            Ok(answer) => codec::about(&answer).map_err(CheckError::Unfit)?,
            Err(Trouble::NotDeployed) if self.call(Kind::Query, ORIGINAL_PROBE, &codec::nothing()).await.is_ok() => {
                return unfit(format!(
                    "The Convex deployment at {url} is one of the original OpenClutch. It is never written to, and clutch convex deploy would replace its functions. Give this server a deployment of its own, run clutch convex deploy for it, and set CONVEX_URL."
                ));
            }
            Err(trouble) if trouble.passes() => return Err(CheckError::Away(trouble.fault(url))),
            Err(Trouble::NotDeployed) => return Err(CheckError::Functions(Trouble::NotDeployed.fault(url))),
            Err(trouble) => return Err(CheckError::Unfit(trouble.fault(url))),
        };
        if !about.original.is_empty() {
            return unfit(format!(
                "The Convex deployment at {url} holds data of the original OpenClutch (tables {}). It is never written to. Give this server a deployment of its own, run clutch convex deploy for it, and set CONVEX_URL.",
                about.original.join(", ")
            ));
        }
        let lacks =
            clutch_domain::doc::Kind::ALL.iter().find(|kind| !about.kinds.iter().any(|word| word == kind.word()));
        match about.version {
            FUNCTIONS if lacks.is_none() => Ok(()),
            FUNCTIONS => Err(CheckError::Functions(Fault::new(format!(
                "The functions on the Convex deployment at {url} do not know documents of the kind {}: they are not those of this program. Run: clutch convex deploy",
                lacks.map_or("?", |kind| kind.word())
            )))),
            older if older < FUNCTIONS => Err(CheckError::Functions(Fault::new(format!(
                "The functions on the Convex deployment at {url} are older than this program. Run: clutch convex deploy"
            )))),
            _ => unfit(format!(
                "The functions on the Convex deployment at {url} are newer than this program. Update OpenClutch on this machine."
            )),
        }
    }

    async fn call(&self, kind: Kind, path: &str, args: &Value) -> Result<Value, Trouble> {
        self.http.call(kind, path, args).await
    }

    /// Reads, as patient as `patience`; once more in any case, for a connection that was closed while it
    /// was idle, or a server that is busy.
    async fn read(&self, fetch: &Fetch, patience: Duration) -> Result<Versioned<Docs>, Fault> {
        let args = codec::fetch(fetch);
        let (began, mut pause, mut again) = (Instant::now(), PAUSE, true);
        loop {
            let trouble = match self.call(Kind::Query, FETCH, &args).await {
                Ok(answer) => match self.insides(&answer, None).await? {
                    Ok(insides) => return codec::fetched(&self.cache, fetch, &answer, &insides),
                    Err(trouble) => trouble,
                },
                Err(trouble) => trouble,
            };
            if !trouble.passes() || !(again || began.elapsed() + pause <= patience) {
                return Err(trouble.fault(&self.url));
            }
            again = false;
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }

    /// Repeats a mutation under its key until its answer is known.
    async fn apply(&self, args: &Value) -> Result<Applied, CommitError> {
        let began = Instant::now();
        let (mut pause, mut sent) = (PAUSE, false);
        loop {
            let trouble = match self.call(Kind::Mutation, APPLY, args).await {
                Ok(answer) => return Ok(codec::applied(&answer)?),
                Err(trouble) => trouble,
            };
            sent |= matches!(trouble, Trouble::Lost(_));
            let patience = if sent { self.waits.repeat } else { self.waits.reach };
            // A function that refuses now has refused before. A key or functions that are gone say
            // nothing about an earlier try.
            let told = matches!(trouble, Trouble::Refused(_)) || !sent;
            if !trouble.passes() || began.elapsed() + pause > patience {
                let fault = trouble.fault(&self.url);
                return Err(if told { fault.into() } else { CommitError::Unknown(fault.what) });
            }
            tracing::debug!(?trouble, "a commit is repeated under its key");
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }
}

/// The system's clock; the adapter has no other.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[async_trait]
impl Store for ConvexStore {
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        ranges::served(fetch)?;
        // As patient as a commit: what a command decides on is not given up sooner than what it decided.
        self.shared.read(fetch, self.shared.waits.reach).await
    }

    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault> {
        let args = json!({ "key": key.0 });
        let answer = self.shared.call(Kind::Query, KNOWN, &args).await;
        codec::known(&answer.map_err(|trouble| trouble.fault(&self.shared.url))?)
    }

    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError> {
        self.usable().await?;
        let prepared = prepare(change)?;
        let args = codec::apply(&prepared, &key)?;
        match self.shared.apply(&args).await? {
            Applied::Done(committed) => {
                self.shared.known.learn(&committed);
                self.shared.wakes.publish(committed.scopes.iter().map(|(scope, _)| scope));
                Ok(committed)
            }
            Applied::Conflict { expect, found } => {
                // Behind the expectations come the guards.
                let guard = expect.checked_sub(prepared.expects.len()).and_then(|n| prepared.guards.get(n));
                Err(match (prepared.expects.get(expect), guard) {
                    (Some(expect), _) => CommitError::Conflict(conflict(expect, found)),
                    (None, Some(guard)) => CommitError::Conflict(changed(guard)),
                    (None, None) => Fault::new("Convex names a conflict that nobody expected.").into(),
                })
            }
        }
    }

    fn watch(&self, fetch: Fetch) -> LiveDocs {
        if let Some(refused) = ranges::refused(&fetch) {
            return refused;
        }
        watch::watch(self.shared.clone(), fetch)
    }

    /// Others may share the deployment.
    fn sole_writer(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        format!("Convex, {}", self.shared.url)
    }
}
