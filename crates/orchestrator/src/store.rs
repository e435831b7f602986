//! `Store`: the port behind which documents are kept.
//!
//! Rules that every adapter proves in the one contract suite (`crates/store/tests/contract`):
//! the first item of a watch arrives without a write; after a commit every watch whose
//! answer changed yields a version at or above it; versions never go back; states may be
//! skipped but never the last; a change is applied whole or not at all, only if all that it
//! expects holds, once per key. Reads and watches see what is committed, and nothing else.

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use clutch_domain::{
    change::{Change, Request},
    doc::{DocKey, Scope},
    range::{Docs, Fetch, Versioned},
    time::Millis,
};
use futures_util::{
    Stream,
    future::{BoxFuture, ready},
};
use serde::{Deserialize, Serialize};

/// Our own trouble: logged once where it is handled, opaque outside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// What went wrong, for the log and for the person who runs the server. Never holds a secret.
    pub what: String,
}

impl Fault {
    /// A fault.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// Names one commit for ever: the same key never applies twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey(pub String);

/// A commit was applied, now or earlier under the same key: what the ledger keeps under the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// New revision of each scope that the change touched.
    pub scopes: Vec<(Scope, u64)>,
    /// The document that was made.
    #[serde(default)]
    pub made: Option<DocKey>,
    /// The call that was answered; of two under one key the one that was applied.
    #[serde(default)]
    pub request: Option<Request>,
}

/// Why a change was not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something that it expected does not hold: read again and decide again.
    #[error("something changed in between: {0}")]
    Conflict(String),
    /// The answer is lost. The adapter has repeated the change under its key for 30 s.
    #[error("the store did not answer: {0}")]
    Unknown(String),
    /// It was refused for good; nothing was written.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A watch has lost its engine for now; it goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away {
    /// Since when.
    pub since: Millis,
    /// Why, in a sentence.
    pub why: String,
}

/// Where a decision begins. Whatever was handed over before it, and is not committed yet, counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// How much of what was handed over until then has failed; it means something to its store only.
    pub failures: u64,
}

/// The answer to a change that was handed over. The change is applied also when nobody waits for this.
pub type Pending = BoxFuture<'static, Result<Committed, CommitError>>;

/// A live read: never ends by itself, equal answers are not repeated.
pub type LiveDocs = Pin<Box<dyn Stream<Item = Result<Arc<Versioned<Docs>>, Away>> + Send>>;

/// Keeps documents.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Answers all ranges of the fetch in one transaction.
    async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault>;
    /// What was committed under a key, if that is still known. A key is forgotten after 24 hours.
    async fn known(&self, key: &IdempotencyKey) -> Result<Option<Committed>, Fault>;
    /// Applies a change. A known key answers the stored result and looks at no revision.
    async fn commit(&self, change: Change, key: IdempotencyKey) -> Result<Committed, CommitError>;
    /// Where a decision begins; taken before its first look.
    fn outlook(&self) -> Outlook {
        Outlook::default()
    }
    /// As [`read`](Self::read), with all that is handed over and not committed yet. Only for deciding: what it
    /// shows may never come about.
    async fn look(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.read(fetch).await
    }
    /// Hands a change over that was decided by looks since `outlook`; returns when it has its place behind those
    /// handed over before. It is a conflict if one of them failed since, because it may rest on that.
    async fn hand_over(&self, change: Change, key: IdempotencyKey, outlook: Outlook) -> Pending {
        let _ = outlook;
        Box::pin(ready(self.commit(change, key).await))
    }
    /// Waits until all that is handed over by now is answered. Whether nothing failed since `outlook`: then what
    /// was looked at since has come about.
    async fn settled(&self, outlook: Outlook) -> bool {
        let _ = outlook;
        true
    }
    /// Whether a change under this key is handed over and not answered.
    fn under_way(&self, key: &IdempotencyKey) -> bool {
        let _ = key;
        false
    }
    /// Reads now and again after each commit that touches one of the fetch's scopes.
    fn watch(&self, fetch: Fetch) -> LiveDocs;
    /// Whether no other process can write: then the loop's lease needs no waiting.
    fn sole_writer(&self) -> bool;
    /// Name and place for people, for example `SQLite, /home/you/.local/share/openclutch/clutch.db`.
    fn describe(&self) -> String;
}
