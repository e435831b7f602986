//! `Office`: the use-cases. Every edge makes one call here, with an [`Actor`].

use std::sync::Arc;

use clutch_domain::{
    actor::Actor,
    change::Request,
    command::Command,
    ctx::{Ctx, Ids},
    doc::{Doc, DocKey, Inside, Rev},
    id::ProjectId,
    range::{Docs, Fetch, Range, Versioned},
    refusal::Refusal,
    rule,
    sabotage::{Switch, removed},
    time::Millis,
    view::{Stop, View},
};
use tokio::sync::{Mutex, broadcast};
use uuid::Uuid;

use crate::store::{CommitError, Committed, Fault, IdempotencyKey, Store};

/// How often a command is decided again after somebody else was faster.
pub const DECIDE_AT_MOST: u32 = 5;
/// From this attempt on a command is decided alone.
const ALONE_FROM: u32 = 3;
/// How often a rule may ask for more within one decision. A look brings a whole depth of questions; the
/// deepest rule reads rings of a graph and then all of it in pages.
const LOOKS_AT_MOST: u32 = 100;

/// Wakes of one who listens to lines that are kept for it.
const LINES_KEPT: usize = 256;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Millis;
}

/// Gives random ids: for commits without a caller's key, and the beginning of those that a decision gives.
pub trait IdSource: Send + Sync + 'static {
    /// A fresh UUID. A source whose UUIDs begin with the time (version 7) lets a store write the keys of its ledger
    /// side by side.
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
    /// The document is another by now than the one that the caller has seen ([`Office::run_on`]).
    #[error("It was changed since you read it. Read it again, and decide anew.")]
    Stale,
    /// Another call was made under this key of the caller's.
    #[error("This idempotency-key belongs to another call. Give each call a key of its own.")]
    KeyReused,
    /// Ours.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Whose keys are one namespace: a person, an agent, a token, or the programs without one, whatever names they claim.
fn caller(actor: &Actor) -> String {
    let who = &actor.who;
    let name = who.id.as_deref().or(if who.is_program() { None } else { who.name.as_deref() });
    format!("{}:{}", who.kind.word(), name.unwrap_or(""))
}

/// What an accepted command did.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// What was written; nothing where an earlier call under the same key had done it.
    pub change: clutch_domain::change::Change,
    /// The scopes' new revisions.
    pub committed: Committed,
    /// What an earlier call under the same key has made, as it is now.
    earlier: Option<Arc<Doc>>,
}

impl Done {
    /// The document that the command made: now, or earlier under the same key (then `None` when it is gone by now).
    #[must_use]
    pub fn made<T: Inside>(&self) -> Option<&T> {
        self.earlier.as_ref().map_or_else(|| self.change.made(), |doc| T::of(&doc.body))
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
    // revisions, and deciding costs less than a conflict. The turn is given on once a change is handed
    // over, and the next decision sees it as done. Where others write too, a commit is a journey: there
    // commands begin side by side, and who met a conflict waits for a turn. It is fair: who came first
    // goes first.
    turn: Mutex<()>,
    lines: broadcast::Sender<ProjectId>,
}

/// The row of ids of one decision: a rule that is run again is given the same.
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
        Self { store, clock, ids, turn: Mutex::new(()), lines: broadcast::Sender::new(LINES_KEPT) }
    }

    /// The store, for watches.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Projects whose log has new lines, as this process writes them. Whoever is too slow is told that it missed some;
    /// what other processes write into a shared store is not told.
    #[must_use]
    pub fn lines(&self) -> broadcast::Receiver<ProjectId> {
        self.lines.subscribe()
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
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn run(&self, actor: &Actor, command: &Command) -> Result<Done, Error> {
        let key = IdempotencyKey(self.ids.fresh().to_string());
        self.settle(actor, command, &key, None, None).await
    }

    /// As [`run`](Self::run), but only on a document as the caller has seen it.
    ///
    /// # Errors
    /// [`Error::Stale`] where it has another revision by now, or is gone; otherwise see [`Error`].
    pub async fn run_on(&self, actor: &Actor, command: &Command, seen: &(DocKey, Rev)) -> Result<Done, Error> {
        let key = IdempotencyKey(self.ids.fresh().to_string());
        self.settle(actor, command, &key, None, Some(seen)).await
    }

    /// Decides a command and commits it under a key of the caller's: the same call under the same key does it
    /// once, and is answered with what the first one made.
    ///
    /// A key belongs to its caller; it is forgotten after 24 hours.
    ///
    /// # Errors
    /// [`Error::KeyReused`] for another command under a known key; otherwise see [`Error`].
    pub async fn run_as(&self, actor: &Actor, command: &Command, key: &IdempotencyKey) -> Result<Done, Error> {
        self.run_for(actor, command, key, &format!("{command:?}")).await
    }

    /// As [`run_as`](Self::run_as), where the same call is told by `request`, the words that came in: a command that
    /// was made of them may differ, for example by the time in a title.
    ///
    /// # Errors
    /// As [`run_as`](Self::run_as).
    pub async fn run_for(
        &self,
        actor: &Actor,
        command: &Command,
        key: &IdempotencyKey,
        request: &str,
    ) -> Result<Done, Error> {
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, request.as_bytes());
        let request = Request { hash, decision: self.ids.fresh() };
        let key = IdempotencyKey(format!("{}/{}", caller(actor), key.0));
        self.settle(actor, command, &key, Some(request), None).await
    }

    /// On a conflict everything is read and decided anew, at most [`DECIDE_AT_MOST`] times.
    async fn settle(
        &self,
        actor: &Actor,
        command: &Command,
        key: &IdempotencyKey,
        request: Option<Request>,
        seen: Option<&(DocKey, Rev)>,
    ) -> Result<Done, Error> {
        let sole = self.store.sole_writer();
        let seed = request.map_or_else(|| key.0.clone(), |request| request.decision.to_string());
        let mut turn = None;
        for attempt in 1..=DECIDE_AT_MOST {
            if turn.is_none() && (sole || attempt > 1) {
                turn = Some(self.turn.lock().await);
            }
            // Whoever had to decide again and again goes alone: nothing is under way before it, and the turn is kept
            // until it is done.
            let alone = attempt >= ALONE_FROM;
            let mut outlook = self.store.outlook();
            if sole && alone {
                self.store.settled(outlook).await;
                outlook = self.store.outlook();
            }
            if request.is_some() && self.store.under_way(key) {
                turn = None;
                self.store.settled(outlook).await;
                continue;
            }
            if let Some(done) = self.earlier(key, request).await? {
                return Ok(done);
            }
            let mut change = match self.decide(actor, command, &seed, seen).await {
                Ok(change) if !change.is_empty() => change,
                answer => {
                    // It may rest on what is not committed yet, and is told when that is sure.
                    drop(turn.take());
                    if !self.store.settled(outlook).await {
                        continue;
                    }
                    return match answer {
                        Ok(change) => Ok(Done { change, committed: Committed::default(), earlier: None }),
                        // Refused perhaps because the same call has done it in the meantime.
                        Err(refused) => self.earlier(key, request).await?.ok_or(refused),
                    };
                }
            };
            change.request = request;
            let pending = self.store.hand_over(change.clone(), key.clone(), outlook).await;
            if sole && !alone {
                turn = None;
            }
            match pending.await {
                Ok(committed) if committed.request == request => {
                    // Nobody may be listening.
                    change.activity.iter().filter_map(|line| line.project).for_each(|p| drop(self.lines.send(p)));
                    return Ok(Done { change, committed, earlier: None });
                }
                Ok(committed) => return self.answered(committed, request).await,
                Err(CommitError::Conflict(what)) => tracing::debug!(%what, "decided again"),
                Err(CommitError::Unknown(what)) => return Err(Error::Unknown(Fault::new(what))),
                Err(CommitError::Fault(fault)) => return Err(Error::Fault(fault)),
            }
        }
        Err(Error::Busy)
    }

    /// What an earlier call under this key has done.
    async fn earlier(&self, key: &IdempotencyKey, request: Option<Request>) -> Result<Option<Done>, Error> {
        if request.is_none() || removed(Switch::Ledger) {
            return Ok(None); // the key is fresh
        }
        match self.store.known(key).await? {
            Some(known) => self.answered(known, request).await.map(Some),
            None => Ok(None),
        }
    }

    /// The answer to a call whose key is known: what the first one made.
    async fn answered(&self, known: Committed, request: Option<Request>) -> Result<Done, Error> {
        if known.request.zip(request).is_some_and(|(first, now)| first.hash != now.hash) {
            return Err(Error::KeyReused);
        }
        let mut earlier = None;
        if let Some(key) = &known.made {
            let range = Range::Doc { key: key.clone() };
            let read = self.read(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await?;
            earlier = read.value.get(&range).and_then(|docs| docs.first().cloned());
        }
        Ok(Done { change: clutch_domain::change::Change::default(), committed: known, earlier })
    }

    async fn decide(
        &self,
        actor: &Actor,
        command: &Command,
        seed: &str,
        seen: Option<&(DocKey, Rev)>,
    ) -> Result<clutch_domain::change::Change, Error> {
        let mut view = View::default();
        if let Some((key, rev)) = seen {
            let range = Range::Doc { key: key.clone() };
            view.docs = self.store.look(&Fetch { scopes: Vec::new(), ranges: vec![range.clone()] }).await?.value;
            // The change rests on it, as on all that was read.
            if view.docs.get(&range).and_then(|docs| docs.first()).map_or(0, |doc| doc.rev) != *rev {
                return Err(Error::Stale);
            }
        }
        for _ in 0..LOOKS_AT_MOST {
            let stop = {
                let mut ids = Derived { key: seed, given: 0 };
                let mut ctx = Ctx { actor: actor.clone(), now: self.clock.now(), ids: &mut ids };
                match rule::handle(&view, command, &mut ctx) {
                    Ok(mut change) => {
                        change.keep(&view.docs);
                        change.rest_on(&view.docs);
                        return Ok(change);
                    }
                    Err(stop) => stop,
                }
            };
            let fetch = match stop {
                Stop::Refuse(refusal) => return Err(refusal.into()),
                Stop::Need(fetch) => fetch,
            };
            let read = self.store.look(&fetch).await?;
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
