//! `Office`: the use-cases. Every edge makes one call here, with an [`Actor`].

use std::sync::Arc;

use clutch_domain::{
    actor::Actor,
    command::Command,
    ctx::{Ctx, Ids},
    doc::Inside,
    range::{Docs, Fetch, Range, Versioned},
    refusal::Refusal,
    rule,
    time::Millis,
    view::{Stop, View},
};
use futures_util::lock::Mutex;
use uuid::Uuid;

use crate::store::{CommitError, Committed, Fault, IdempotencyKey, Store};

/// How often a command is decided again after somebody else was faster.
pub const DECIDE_AT_MOST: u32 = 5;
/// How often a rule may ask for more within one decision. A look brings a whole depth of questions; the
/// deepest rule reads rings of a graph and then all of it in pages.
const LOOKS_AT_MOST: u32 = 100;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Millis;
}

/// Gives random ids.
pub trait IdSource: Send + Sync + 'static {
    /// A fresh UUID, version 4.
    fn fresh(&self) -> Uuid;
}

/// Why a use-case gave no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The user may not or cannot.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many people changed the same thing at once; nothing was lost, trying again helps.
    #[error("Somebody else changed this at the same moment. Try again.")]
    Busy,
    /// The store gave no answer to the commit: nobody knows whether it was done. Under the same key it
    /// can be asked for again.
    #[error("nobody knows whether it was done: {0}")]
    Unknown(Fault),
    /// Ours.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What an accepted command did.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// What was written.
    pub change: clutch_domain::change::Change,
    /// The scopes' new revisions.
    pub committed: Committed,
}

impl Done {
    /// The document that the command made.
    #[must_use]
    pub fn made<T: Inside>(&self) -> Option<&T> {
        self.change.made()
    }

    /// A document as the command wrote it; `None` where it did not write it.
    #[must_use]
    pub fn now<T: Inside>(&self, id: impl ToString) -> Option<&T> {
        self.change.written(id)
    }
}

/// The use-cases.
pub struct Office {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    // Commands of the only writer are decided one after another: they would only meet each other's
    // revisions, and deciding costs less than a conflict. Where others write too, a commit is a
    // journey: there commands begin side by side, and who met a conflict waits for a turn.
    turn: Mutex<()>,
}

/// Ids made from the caller's key: whoever decides the same call again names the same documents,
/// so the answer to a repeated call tells the truth about what the first one wrote.
struct Derived<'a> {
    key: &'a str,
    given: u32,
}

impl Ids for Derived<'_> {
    fn fresh(&mut self) -> Uuid {
        self.given += 1;
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}#{}", self.key, self.given).as_bytes());
        uuid::Builder::from_random_bytes(hash.into_bytes()).into_uuid()
    }
}

impl Office {
    /// An office over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self { store, clock, ids, turn: Mutex::new(()) }
    }

    /// The store, for watches.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// A fresh id.
    #[must_use]
    pub fn fresh_id(&self) -> Uuid {
        self.ids.fresh()
    }

    /// Reads.
    pub async fn read(&self, fetch: &Fetch) -> Result<Versioned<Docs>, Fault> {
        self.store.read(fetch).await
    }

    /// Everything of one kind in a range, in the range's order.
    pub async fn all<T: Inside + Clone>(&self, range: Range) -> Result<Vec<T>, Fault> {
        let read = self.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await?;
        Ok(read.value.all::<T>(&range).cloned().collect())
    }

    /// A document by its id. One that this program cannot read is refused in words.
    pub async fn get<T: Inside + Clone>(&self, id: impl ToString) -> Result<Option<T>, Error> {
        self.first(Range::doc(T::KIND, id)).await
    }

    /// The first of a range: a document by its unique name.
    pub async fn first<T: Inside + Clone>(&self, range: Range) -> Result<Option<T>, Error> {
        let read = self.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await?;
        match (read.value.first::<T>(&range), read.value.unread(&range).next()) {
            (None, Some(unread)) => Err(unread.refusal().into()),
            (found, _) => Ok(found.cloned()),
        }
    }

    /// Decides a command and commits it under a fresh key.
    pub async fn run(&self, actor: &Actor, command: &Command) -> Result<Done, Error> {
        let key = IdempotencyKey(self.ids.fresh().to_string());
        self.run_as(actor, command, &key).await
    }

    /// Decides a command and commits it under a key of the caller's: the same key does it once.
    ///
    /// On a conflict everything is read and decided anew, at most [`DECIDE_AT_MOST`] times.
    pub async fn run_as(&self, actor: &Actor, command: &Command, key: &IdempotencyKey) -> Result<Done, Error> {
        let mut turn = None;
        if self.store.sole_writer() {
            turn = Some(self.turn.lock().await);
        }
        for _ in 0..DECIDE_AT_MOST {
            let change = self.decide(actor, command, key).await?;
            if change.is_empty() {
                return Ok(Done { change, committed: Committed::default() });
            }
            match self.store.commit(change.clone(), key.clone()).await {
                Ok(committed) => return Ok(Done { change, committed }),
                Err(CommitError::Conflict(what)) => {
                    tracing::debug!(%what, "decided again");
                    if turn.is_none() {
                        turn = Some(self.turn.lock().await);
                    }
                }
                Err(CommitError::Unknown(what)) => return Err(Error::Unknown(Fault::new(what))),
                Err(CommitError::Fault(fault)) => return Err(Error::Fault(fault)),
            }
        }
        Err(Error::Busy)
    }

    async fn decide(
        &self,
        actor: &Actor,
        command: &Command,
        key: &IdempotencyKey,
    ) -> Result<clutch_domain::change::Change, Error> {
        let mut view = View::default();
        for _ in 0..LOOKS_AT_MOST {
            let stop = {
                let mut ids = Derived { key: &key.0, given: 0 };
                let mut ctx = Ctx { actor: actor.clone(), now: self.clock.now(), ids: &mut ids };
                match rule::handle(&view, command, &mut ctx) {
                    Ok(mut change) => {
                        change.keep(&view.docs);
                        return Ok(change);
                    }
                    Err(stop) => stop,
                }
            };
            let fetch = match stop {
                Stop::Refuse(refusal) => return Err(refusal.into()),
                Stop::Need(fetch) => fetch,
            };
            let read = self.store.read(&fetch).await?;
            view.docs.merge(read.value);
            for (scope, rev) in read.scopes {
                if !view.scopes.iter().any(|(s, _)| *s == scope) {
                    view.scopes.push((scope, rev));
                }
            }
        }
        Err(Error::Fault(Fault::new("a rule asked for more again and again")))
    }
}
