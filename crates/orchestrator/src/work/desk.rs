//! What driver, attendants and couriers share: ports, and careful ways to use them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use clutch_domain::{
    actor::Actor,
    command::Command,
    doc::Inside,
    id::RunId,
    plan::Policy,
    range::{Docs, Fetch, Range},
    refusal::Refusal,
    time::Millis,
};
use futures_util::lock::{Mutex as Turn, OwnedMutexGuard};

use crate::{
    office::{Error, Office},
    prompt::Roles,
    runtime::{AgentRuntime, RuntimeError, RuntimeState, Sighting},
    work::{Parts, Reactor, lease::Lead},
};

/// How long to wait before a store or a runtime is asked again after it failed, in milliseconds.
const BREATH_MS: i64 = 1_000;

/// The lease is lost: whatever was about to be done is somebody else's now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deposed;

pub(super) struct Desk {
    pub office: Arc<Office>,
    pub runtime: Arc<dyn AgentRuntime>,
    pub reactor: Arc<dyn Reactor>,
    pub roles: Arc<Roles>,
    pub policy: Policy,
    pub board: String,
    pub lead: Lead,
    turns: Mutex<BTreeMap<RunId, Arc<Turn<()>>>>,
}

impl Desk {
    pub fn new(parts: Parts) -> Self {
        let lead = Lead::new(parts.office.fresh_id().to_string(), parts.office.store().sole_writer());
        Self {
            office: parts.office,
            runtime: parts.runtime,
            reactor: parts.reactor,
            roles: parts.roles,
            policy: parts.policy,
            board: parts.board,
            lead,
            turns: Mutex::default(),
        }
    }

    /// Who gives up a run and who brings an answer into its session take turns: words that
    /// arrive behind the stop would wake an agent that nobody looks after.
    pub async fn turn(&self, run: RunId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
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
        if self.lead.holds(self.reactor.steady()) { Ok(()) } else { Err(Deposed) }
    }

    /// Since when the runtime is connected; `None` when it is not.
    pub fn connected_since(&self) -> Option<Millis> {
        match &*self.runtime.state().borrow() {
            RuntimeState::Connected { since, .. } => Some(*since),
            _ => None,
        }
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

    /// Writes a command down, however often the store has to be asked. All commands of
    /// attendants may be said twice: what is already so writes nothing or is refused.
    pub async fn write(&self, command: &Command) -> Result<Result<(), Refusal>, Deposed> {
        loop {
            self.lawful()?;
            match self.office.run(&Actor::work_loop(), command).await {
                Ok(_) => return Ok(Ok(())),
                Err(Error::Refused(refusal)) => return Ok(Err(refusal)),
                Err(Error::Busy | Error::KeyReused) => {}
                Err(Error::Fault(fault) | Error::Unknown(fault)) => {
                    tracing::warn!(%fault, "the work loop could not write; it tries again");
                }
            }
            self.breathe().await;
        }
    }

    /// Reads ranges, however often the store has to be asked.
    pub async fn read(&self, ranges: Vec<Range>) -> Result<Docs, Deposed> {
        let fetch = Fetch { scopes: Vec::new(), ranges };
        loop {
            self.lawful()?;
            match self.office.read(&fetch).await {
                Ok(read) => return Ok(read.value),
                Err(fault) => tracing::warn!(%fault, "the work loop could not read; it tries again"),
            }
            self.breathe().await;
        }
    }

    /// Reads one document.
    pub async fn find<T: Inside + Clone>(&self, id: impl ToString) -> Result<Option<T>, Deposed> {
        let range = Range::doc(T::KIND, id);
        Ok(self.read(vec![range.clone()]).await?.first::<T>(&range).cloned())
    }

    /// Looks into a session until it is seen.
    pub async fn look(&self, session: &str, key: &str) -> Result<Sighting, Deposed> {
        loop {
            self.online().await;
            self.lawful()?;
            match self.runtime.sight(session, key).await {
                Ok(sighting) => return Ok(sighting),
                Err(RuntimeError::Refused { code, sentence }) => {
                    tracing::warn!(%session, %code, %sentence, "the runtime does not show the session");
                }
                Err(RuntimeError::Unknown(why) | RuntimeError::Away(why)) => {
                    tracing::debug!(%session, %why, "not seen yet")
                }
            }
            self.breathe().await;
        }
    }

    /// Stops whatever runs in a session and returns when nothing runs there any more.
    pub async fn silence(&self, session: &str, key: &str, forget: bool) -> Result<(), Deposed> {
        loop {
            self.online().await;
            self.lawful()?;
            match self.runtime.abort(session, forget).await {
                Ok(()) => {
                    if self.look(session, key).await?.active != Some(true) {
                        return Ok(());
                    }
                }
                Err(error) => tracing::debug!(%session, %error, "not stopped yet"),
            }
            self.breathe().await;
        }
    }
}
