//! The work loop's driver: looks at the world, lets [`clutch_domain::plan::decide`] say what
//! to do, claims it in the store, does it through ports, and writes down what came of it.
//!
//! Nothing is remembered here but who is at work on what in this process. Each open run, each
//! answer and each message on its way is an effect of its own ([`crate::jobs`]); all begin by
//! asking the store and the runtime what has happened so far, so a restart of either side
//! needs no special case.
//!
//! Time, spawning and waiting come from [`Reactor`]; the simulator (`crates/sim`) runs this
//! very code on one thread in virtual time.

mod drive;
pub(crate) mod lease;
mod webhooks;

use std::sync::Arc;

use clutch_domain::{plan::Policy, time::Millis};
use futures_util::{FutureExt, future::BoxFuture, select_biased};

use crate::{
    jobs::{Desk, mail::Mail, post::Post},
    office::Office,
    prompt::Roles,
    runtime::Runtimes,
    upgrade,
};

/// Starts tasks, waits, and tells steady time. The server gives tokio's, the simulator its own.
pub trait Reactor: Send + Sync + 'static {
    /// Runs a task beside the caller. It ends by itself; nobody waits for it.
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>);
    /// Milliseconds on a clock that never jumps and goes on while the machine sleeps; its zero means nothing.
    fn steady(&self) -> Millis;
    /// Ready at this moment of [`Reactor::steady`], at once when it is past.
    fn sleep_until(&self, steady: Millis) -> BoxFuture<'static, ()>;
}

/// What the loop is made of.
pub struct Parts {
    /// The use-cases.
    pub office: Arc<Office>,
    /// What runs agents.
    pub runtimes: Runtimes,
    /// Time, spawning, waiting.
    pub reactor: Arc<dyn Reactor>,
    /// Prompts.
    pub roles: Arc<Roles>,
    /// What messages to agents are made of, and where the answers to them go.
    pub mail: Arc<dyn Mail>,
    /// What sends to the receivers of webhooks.
    pub post: Arc<dyn Post>,
    /// Limits and times.
    pub policy: Policy,
    /// Address of the board as agents reach it, without a slash at its end.
    pub board: String,
}

/// The work loop. Clones are the same loop, for whoever begins it again when it broke off.
#[derive(Clone)]
pub struct WorkLoop {
    desk: Arc<Desk>,
}

/// Whether this process leads. What only one server may do asks before each effect.
#[derive(Clone)]
pub struct Leading(Arc<Desk>);

impl Leading {
    /// It leads, as far as it can be sure of that now.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.0.lead.holds(self.0.reactor.steady())
    }
}

impl WorkLoop {
    /// A loop over these parts. It holds the lease under a name of its own, so two
    /// loops never take each other for themselves.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { desk: Arc::new(Desk::new(parts)) }
    }

    /// The name under which it holds the lease.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.desk.lead.holder
    }

    /// Tells whether this process leads.
    #[must_use]
    pub fn leading(&self) -> Leading {
        Leading(self.desk.clone())
    }

    /// What an older program wrote is brought in order first; a lease that is lost meanwhile ends it.
    async fn bring_in_order(&self) {
        let lawful = || self.desk.lawful().is_ok();
        while lawful() {
            match upgrade::reindex(&self.desk.office, lawful).await {
                Ok(_) => return,
                Err(fault) => tracing::warn!(%fault, "documents of an older program are not in order yet"),
            }
            self.desk.breathe().await;
        }
    }

    /// Works for ever. Dropping the future stops the planning; attendants end when
    /// the reactor that runs them does.
    pub async fn run(self) {
        loop {
            lease::win(&self.desk).await;
            self.bring_in_order().await;
            // Side by side: what agents do keeps no receiver waiting, and the other way round. Both see that the lease
            // is lost; what the loop is in the middle of it brings to its end.
            let (agents, webhooks) = (drive::lead(&self.desk).fuse(), webhooks::lead(&self.desk).fuse());
            futures_util::pin_mut!(agents, webhooks);
            select_biased! { () = agents => {}, () = webhooks => agents.await }
            self.desk.lead.lose();
            tracing::warn!("another server leads the work loop now");
        }
    }
}
