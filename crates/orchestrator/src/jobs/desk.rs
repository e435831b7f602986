//! What the driver and the effects share: ports, and careful ways to use them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::{
    actor::Actor,
    command::Command,
    doc::Inside,
    id::RunId,
    plan::Policy,
    range::{Docs, Fetch, Range},
    refusal::Refusal,
    sabotage::{Switch, removed},
    time::Millis,
};
use futures_util::lock::{Mutex as Turn, OwnedMutexGuard};

use super::{Hitch, judge::LOST_AFTER_MS, mail::Mail, signs::Parked};
use crate::{
    office::{Error, Office},
    prompt::Roles,
    runtime::{AgentRuntime, RuntimeState},
    work::{Parts, Reactor, lease::Lead},
};

/// How long to wait before a store or a runtime is asked again after it failed, in milliseconds.
const BREATH_MS: i64 = 1_000;
/// So long after a sending the runtime surely knows its key, over the same connection: real ones keep keys for
/// five minutes.
const KEY_KNOWN_MS: i64 = 4 * 60_000;
/// Most ears that are kept for runs which were put down; most of them another server brings to their end.
const EARS_MAX: usize = 256;

/// The lease is lost: whatever was about to be done is somebody else's now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deposed;

/// A connection to the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Its number in this process.
    pub connection: u64,
    /// The runtime's process at its other end, where it tells that.
    pub boot: Option<String>,
}

/// An attempt to send words, as the process that made it remembers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    over: u64,
    at: Millis,
}

pub(crate) struct Desk {
    pub office: Arc<Office>,
    pub runtime: Arc<dyn AgentRuntime>,
    pub reactor: Arc<dyn Reactor>,
    pub roles: Arc<Roles>,
    pub mail: Arc<dyn Mail>,
    pub policy: Policy,
    pub board: String,
    pub lead: Lead,
    turns: Mutex<BTreeMap<RunId, Arc<Turn<()>>>>,
    // The connection over which this process gave a run to the runtime.
    given: Mutex<BTreeMap<RunId, u64>>,
    // What listens for runs that were put down before their end.
    ears: Mutex<BTreeMap<RunId, Parked>>,
    // The newest connection, and the steady moment at which it was first noticed.
    noticed: Mutex<Option<(u64, Millis)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub fn new(parts: Parts) -> Self {
        let lead = Lead::new(parts.office.fresh_id().to_string(), parts.office.store().sole_writer());
        Self {
            office: parts.office,
            runtime: parts.runtime,
            reactor: parts.reactor,
            roles: parts.roles,
            mail: parts.mail,
            policy: parts.policy,
            board: parts.board,
            lead,
            turns: Mutex::default(),
            given: Mutex::default(),
            ears: Mutex::default(),
            noticed: Mutex::default(),
        }
    }

    /// Who gives up a run and who brings an answer into its session take turns: words that
    /// arrive behind the stop would wake an agent that nobody looks after.
    pub async fn turn(&self, run: RunId) -> OwnedMutexGuard<()> {
        if removed(Switch::TurnOfAnswers) {
            return Arc::new(Turn::new(())).lock_owned().await;
        }
        let turn = {
            let mut turns = locked(&self.turns);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(run).or_default().clone()
        };
        turn.lock_owned().await
    }

    pub async fn nap(&self, ms: i64) {
        self.reactor.sleep_until(self.reactor.steady().plus(ms)).await;
    }

    pub async fn breathe(&self) {
        self.nap(BREATH_MS).await;
    }

    /// Before every effect outside the store: whether it is still ours to do.
    pub fn lawful(&self) -> Result<(), Deposed> {
        if self.lead.holds(self.reactor.steady()) || removed(Switch::Lawful) { Ok(()) } else { Err(Deposed) }
    }

    /// The connection to the runtime; `None` while there is none.
    pub fn link(&self) -> Option<Link> {
        match &*self.runtime.state().borrow() {
            RuntimeState::Connected { connection, boot, .. } => {
                let mut noticed = locked(&self.noticed);
                if noticed.is_none_or(|(known, _)| known != *connection) {
                    *noticed = Some((*connection, self.reactor.steady()));
                }
                Some(Link { connection: *connection, boot: boot.clone() })
            }
            _ => None,
        }
    }

    /// Whether the connection is so new that a runtime which was restarted may yet go on with its sessions.
    pub fn young(&self) -> bool {
        let Some(link) = self.link() else { return true };
        let since = locked(&self.noticed).filter(|(known, _)| *known == link.connection).map(|(_, at)| at);
        since.is_none_or(|at| self.reactor.steady().since(at) < LOST_AFTER_MS)
    }

    /// This process gave a run to the runtime over this connection.
    pub fn gave(&self, run: RunId, connection: u64) {
        locked(&self.given).insert(run, connection);
    }

    /// A run is put down before its end: whoever leads goes on with it, perhaps this process once more.
    pub fn leaves(&self, run: RunId, ear: Parked) {
        let mut ears = locked(&self.ears);
        if ears.len() < EARS_MAX {
            ears.insert(run, ear);
        }
    }

    /// What listened for a run since it was put down.
    pub fn left(&self, run: RunId) -> Option<Parked> {
        locked(&self.ears).remove(&run)
    }

    /// A run is over.
    pub fn forget(&self, run: RunId) {
        locked(&self.given).remove(&run);
    }

    /// Whether the runtime's process is the one that took a run: it names itself so, or, where it has no name,
    /// the connection is the one over which it was given the run.
    pub fn unbroken(&self, run: RunId, boot: Option<&str>) -> bool {
        let Some(link) = self.link() else { return false };
        match (boot, &link.boot) {
            (Some(took), Some(now)) => took == now,
            _ => locked(&self.given).get(&run) == Some(&link.connection),
        }
    }

    /// Words are about to be sent over this connection.
    pub fn sending(&self, link: &Link) -> Sent {
        Sent { over: link.connection, at: self.reactor.steady() }
    }

    /// Rule 1: whether the key of a sending is still known where it went, so that the same words under the same
    /// key arrive once, however often they are sent.
    pub fn may_repeat(&self, sent: Option<Sent>) -> bool {
        let now = self.reactor.steady();
        sent.is_some_and(|sent| {
            now.since(sent.at) < KEY_KNOWN_MS && self.link().is_some_and(|link| link.connection == sent.over)
        })
    }

    /// Why the runtime cannot be reached, in a sentence; `None` when it can.
    pub fn trouble(&self) -> Option<String> {
        match &*self.runtime.state().borrow() {
            RuntimeState::Connected { .. } => None,
            RuntimeState::Connecting { address, .. } => Some(format!("Connecting to {address}.")),
            RuntimeState::Down { sentence, .. } => Some(sentence.clone()),
        }
    }

    /// Waits until the runtime is connected.
    pub async fn online(&self) {
        let mut state = self.runtime.state();
        loop {
            if matches!(&*state.borrow_and_update(), RuntimeState::Connected { .. }) {
                return;
            }
            if state.changed().await.is_err() {
                // The client is gone for good: the program is ending.
                self.breathe().await;
            }
        }
    }

    /// Decides and commits a command under the lease: it is refused once another server holds it.
    pub async fn command(&self, actor: Actor, command: &Command) -> Result<crate::office::Done, Error> {
        let actor = if removed(Switch::UnderLease) { actor } else { actor.under(&self.lead.holder) };
        let done = self.office.run(&actor, command).await;
        if matches!(done, Err(Error::Refused(Refusal::LeaseLost))) {
            self.lead.lose();
        }
        done
    }

    /// Writes a command of the loop down. All commands of effects may be said twice: what is already so
    /// writes nothing or is refused. A refusal is an answer; trouble of the store is a hitch.
    pub async fn write(&self, command: &Command) -> Result<Option<Refusal>, Hitch> {
        self.write_as(Actor::work_loop(), command).await
    }

    /// As [`write`](Self::write), as somebody else.
    pub async fn write_as(&self, actor: Actor, command: &Command) -> Result<Option<Refusal>, Hitch> {
        self.lawful()?;
        match self.command(actor, command).await {
            Ok(_) => Ok(None),
            Err(Error::Refused(Refusal::LeaseLost)) => Err(Hitch::Deposed),
            Err(Error::Refused(refusal)) => Ok(Some(refusal)),
            Err(error) => Err(Hitch::Unclear(error.to_string())),
        }
    }

    /// Reads ranges.
    pub async fn read(&self, ranges: Vec<Range>) -> Result<Docs, Hitch> {
        self.lawful()?;
        let fetch = Fetch { scopes: Vec::new(), ranges };
        self.office.read(&fetch).await.map(|read| read.value).map_err(|fault| Hitch::Unclear(fault.what))
    }

    /// Reads one document.
    pub async fn find<T: Inside + Clone>(&self, id: impl ToString) -> Result<Option<T>, Hitch> {
        let range = Range::doc(T::KIND, id);
        Ok(self.read(vec![range.clone()]).await?.first::<T>(&range).cloned())
    }
}
