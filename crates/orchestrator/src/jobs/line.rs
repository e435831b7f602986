//! A runtime as this process knows it: its ports, its connection, and what went over that.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::{id::RunId, time::Millis};

use super::judge::LOST_AFTER_MS;
use crate::{
    runtime::{AgentRuntime, Conversations, Link, Runtime},
    work::Reactor,
};

/// So long after a sending the runtime surely knows its key, over the same connection: real ones keep keys for
/// five minutes.
const KEY_KNOWN_MS: i64 = 4 * 60_000;
/// After the end of what tells a runtime's state, in milliseconds.
const BREATH_MS: i64 = 1_000;

/// An attempt to send words, as the process that made it remembers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    over: u64,
    at: Millis,
}

/// The line to a runtime.
pub(crate) struct Line {
    /// What is at its other end.
    pub of: Arc<Runtime>,
    reactor: Arc<dyn Reactor>,
    // The connection over which this process gave a run to the runtime.
    given: Mutex<BTreeMap<RunId, u64>>,
    // The newest connection, and the steady moment at which it was first noticed.
    noticed: Mutex<Option<(u64, Millis)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    pub fn new(of: &Arc<Runtime>, reactor: &Arc<dyn Reactor>) -> Arc<Self> {
        let (of, reactor) = (of.clone(), reactor.clone());
        Arc::new(Self { of, reactor, given: Mutex::default(), noticed: Mutex::default() })
    }

    pub fn agents(&self) -> &dyn AgentRuntime {
        &*self.of.agents
    }

    pub fn talk(&self) -> Option<&dyn Conversations> {
        self.of.talk.as_deref()
    }

    /// A sentence about what the runtime does or does not do.
    pub fn says(&self, what: &str) -> String {
        format!("{} {what}", self.of.label)
    }

    /// The connection; `None` while there is none.
    pub fn link(&self) -> Option<Link> {
        let link = self.of.agents.state().borrow().link().cloned()?;
        let mut noticed = locked(&self.noticed);
        if noticed.is_none_or(|(known, _)| known != link.connection) {
            *noticed = Some((link.connection, self.reactor.steady()));
        }
        Some(link)
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
        let state = self.of.agents.state();
        let state = state.borrow();
        state.away().map(|away| self.says(&format!("does not answer: {}", away.sentence)))
    }

    /// Waits until the runtime is there.
    pub async fn online(&self) {
        let mut state = self.of.agents.state();
        while !state.borrow_and_update().is_ready() {
            if state.changed().await.is_err() {
                // The client is gone for good: the program is ending.
                self.reactor.sleep_until(self.reactor.steady().plus(BREATH_MS)).await;
            }
        }
    }
}
