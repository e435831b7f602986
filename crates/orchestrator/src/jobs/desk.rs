//! What the driver and the effects share: ports, and careful ways to use them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clutch_domain::{
    actor::Actor,
    command::Command,
    doc::Inside,
    id::{PromptId, RunId},
    plan::{
        Policy,
        world::{Prompting, Shape},
    },
    range::{Docs, Fetch, Range},
    refusal::Refusal,
    runtime::{Standing, usual_of},
    sabotage::{Switch, removed},
};
use futures_util::lock::{Mutex as Seat, OwnedMutexGuard};

use super::{Hitch, line::Line, mail::Mail, post::Post, signs::Parked};
use crate::{
    office::{Error, Office},
    prompt::{
        Roles,
        stored::{Known, Stored},
    },
    store::Fault,
    work::{Parts, Reactor, lease::Lead},
};

/// How long to wait before a store or a runtime is asked again after it failed, in milliseconds.
const BREATH_MS: i64 = 1_000;
/// Most ears that are kept for runs which were put down; most of them another server brings to their end.
const EARS_MAX: usize = 256;

/// The lease is lost: whatever was about to be done is somebody else's now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deposed;

pub(crate) struct Desk {
    pub office: Arc<Office>,
    pub reactor: Arc<dyn Reactor>,
    pub roles: Arc<Roles>,
    pub prompts: Stored,
    pub mail: Arc<dyn Mail>,
    pub post: Arc<dyn Post>,
    pub policy: Policy,
    pub board: String,
    pub lead: Lead,
    lines: BTreeMap<String, Arc<Line>>,
    // Who is at work on a run; one effect of this process at a time.
    seats: Mutex<BTreeMap<RunId, Arc<Seat<()>>>>,
    // What listens for runs that were put down before their end.
    ears: Mutex<BTreeMap<RunId, Parked>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub fn new(parts: Parts) -> Self {
        let lead = Lead::new(parts.office.fresh_id().to_string(), parts.office.store().sole_writer());
        Self {
            lines: parts.runtimes.iter().map(|of| (of.name.clone(), Line::new(of, &parts.reactor))).collect(),
            office: parts.office,
            reactor: parts.reactor,
            roles: parts.roles,
            prompts: Stored::default(),
            mail: parts.mail,
            post: parts.post,
            policy: parts.policy,
            board: parts.board,
            lead,
            seats: Mutex::default(),
            ears: Mutex::default(),
        }
    }

    /// Whoever takes a run up waits until the one before has put it down: a server that loses the lease and leads
    /// again at once still has the old one in a call, and with it all that was heard.
    pub async fn seat(&self, run: RunId) -> OwnedMutexGuard<()> {
        let seat = if removed(Switch::OneSeat) {
            Arc::default()
        } else {
            let mut seats = locked(&self.seats);
            seats.retain(|_, seat| Arc::strong_count(seat) > 1);
            seats.entry(run).or_default().clone()
        };
        seat.lock_owned().await
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

    /// The line to a runtime, by its name.
    pub fn line(&self, runtime: &str) -> Option<Arc<Line>> {
        self.lines.get(runtime).cloned()
    }

    /// The line for what names no runtime.
    pub fn usual_line(&self) -> Option<Arc<Line>> {
        usual_of(&self.lines).cloned()
    }

    /// All lines.
    pub fn lines(&self) -> impl Iterator<Item = &Arc<Line>> {
        self.lines.values()
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

    /// The runtimes, and why nothing can be asked of them.
    pub fn standing(&self) -> Standing {
        self.lines.iter().map(|(name, line)| (name.clone(), line.trouble())).collect()
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

    /// A version of a prompt, or why nothing can be told by it.
    pub async fn prompt(&self, id: PromptId) -> Result<Known, Hitch> {
        self.lawful()?;
        let mut found = self.prompts.these(&self.office, [id]).await.map_err(|fault| Hitch::Unclear(fault.what))?;
        found.remove(&id).ok_or_else(|| Hitch::Unclear("its prompt was not found".into()))
    }

    /// What counts, and whether it can be used.
    pub async fn prompting(&self, docs: &Docs, shape: &Shape) -> Result<Prompting, Fault> {
        let in_force = shape.in_force(docs);
        let known = self.prompts.these(&self.office, in_force.values().copied()).await?;
        let usable = |known: &Known| known.is_ok() || removed(Switch::SoundPrompt);
        let told = |id: &PromptId| {
            let known = known.get(id)?;
            Some(if usable(known) { Ok(*id) } else { known.as_ref().map(|_| *id).map_err(Clone::clone) })
        };
        Ok(in_force.iter().filter_map(|(line, id)| Some((line.clone(), told(id)?))).collect())
    }

    /// Reads one document.
    pub async fn find<T: Inside + Clone>(&self, id: impl ToString) -> Result<Option<T>, Hitch> {
        let range = Range::doc(T::KIND, id);
        Ok(self.read(vec![range.clone()]).await?.first::<T>(&range).cloned())
    }
}
