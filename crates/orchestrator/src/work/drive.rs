//! The driver: watches the world, plans, acts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use clutch_domain::{
    actor::Actor,
    command::{ClaimRun, Command},
    id::{RunId, SignalId},
    plan::{
        Action, Start, decide,
        world::{Shape, World},
    },
    range::Docs,
    run::Run,
    time::Millis,
};
use futures_util::{FutureExt, StreamExt, select_biased};
use tokio::sync::{mpsc, watch};

use crate::{
    office::Error,
    store::LiveDocs,
    work::{attend::Attendant, deliver::deliver, desk::Desk},
};

/// How many attendants and couriers may wait to say that they are done.
const DONE_WAITING: usize = 64;
/// After a store that failed the world is read again after so long, in milliseconds.
const AGAIN_MS: i64 = 1_000;

/// Somebody of ours is done.
enum Back {
    Attendant(RunId),
    Courier(SignalId),
}

struct Driver<'a> {
    desk: &'a Arc<Desk>,
    shape: Shape,
    live: LiveDocs,
    attended: BTreeMap<RunId, watch::Sender<bool>>,
    carried: BTreeSet<SignalId>,
    back: mpsc::Sender<Back>,
    again_at: Millis,
}

/// Plans and acts until the lease is lost.
pub(super) async fn lead(desk: &Arc<Desk>) {
    let (back, mut returning) = mpsc::channel(DONE_WAITING);
    let shape = Shape::default();
    let live = desk.office.store().watch(shape.fetch());
    let mut driver = Driver {
        desk,
        shape,
        live,
        attended: BTreeMap::new(),
        carried: BTreeSet::new(),
        back,
        again_at: desk.reactor.steady(),
    };
    let mut connection = desk.runtime.state();
    connection.mark_unchanged();
    let mut losses = desk.lead.losses();
    loop {
        if desk.lawful().is_err() {
            return;
        }
        let docs = {
            let mut changed = Box::pin(connection.changed().fuse());
            let mut lost = Box::pin(losses.changed().fuse());
            let mut due = desk.reactor.sleep_until(driver.again_at).fuse();
            select_biased! {
                _ = lost => return,
                seen = driver.live.next().fuse() => match seen {
                    Some(Ok(seen)) => Some(seen.value.clone()),
                    Some(Err(away)) => {
                        tracing::warn!(why = %away.why, "the work loop sees nothing for now");
                        continue;
                    }
                    None => {
                        // A watch does not end; a store that is being closed is the only way here.
                        driver.watch();
                        desk.breathe().await;
                        None
                    }
                },
                done = returning.recv().fuse() => {
                    match done {
                        Some(Back::Attendant(run)) => drop(driver.attended.remove(&run)),
                        Some(Back::Courier(signal)) => drop(driver.carried.remove(&signal)),
                        None => {}
                    }
                    None
                }
                gone = changed => {
                    if gone.is_err() {
                        // The client is gone for good: the program is ending.
                        desk.breathe().await;
                    }
                    None
                }
                () = due => None,
            }
        };
        driver.round(docs).await;
    }
}

impl Driver<'_> {
    fn watch(&mut self) {
        self.live = self.desk.office.store().watch(self.shape.fetch());
    }

    /// One look at the world and what follows from it. Without documents they are read.
    async fn round(&mut self, docs: Option<Docs>) {
        self.again_at = self.desk.reactor.steady().plus(self.desk.policy.cycle_ms);
        let docs = match docs {
            Some(docs) => docs,
            None => match self.desk.office.read(&self.shape.fetch()).await {
                Ok(read) => read.value,
                Err(fault) => {
                    tracing::warn!(%fault, "the work loop could not read; it tries again");
                    self.again_at = self.desk.reactor.steady().plus(AGAIN_MS);
                    return;
                }
            },
        };
        let shape = Shape::of(&docs);
        if shape != self.shape {
            // More is needed than was read; the new watch brings it at once.
            self.shape = shape;
            self.watch();
            return;
        }
        let now = self.desk.office.now();
        let plan = decide(&World::of(&docs, self.desk.trouble()), now, &self.desk.policy);
        for action in plan.actions {
            self.act(action).await;
        }
        for (project, notes) in plan.notes {
            self.say(&Command::NoteProject(project, notes.tasks, notes.notice)).await;
        }
        if let Some(at) = plan.wake_at {
            let wake = self.desk.reactor.steady().plus(at.since(now));
            self.again_at = self.again_at.min(wake);
        }
    }

    async fn act(&mut self, action: Action) {
        if self.desk.lawful().is_err() {
            return;
        }
        match action {
            Action::Attend(run) => self.send_out(run, false, None),
            Action::Stop(run) => {
                self.send_out(run, false, None);
                if let Some(stop) = self.attended.get(&run) {
                    stop.send_if_modified(|is| !std::mem::replace(is, true));
                }
            }
            Action::Deliver(signal) => self.carry(signal),
            Action::Strand(run, why) => self.send_out(run, false, Some(why)),
            Action::Claim(start) => self.claim(start).await,
        }
    }

    async fn claim(&mut self, start: Start) {
        let claim = ClaimRun {
            task: start.task,
            role: start.role,
            attempt: start.attempt,
            model: start.model,
            prompt_version: self.desk.roles.version(start.role).to_owned(),
            holder: self.desk.lead.holder.clone(),
        };
        match self.desk.office.run(&Actor::work_loop(), &Command::ClaimRun(claim)).await {
            Ok(done) => {
                if let Some(run) = done.made::<Run>() {
                    tracing::info!(task = %run.task, session = %run.session_key, "claimed");
                    self.send_out(run.id, true, None);
                }
            }
            // Somebody moved the task in the meantime; the next look shows it.
            Err(Error::Refused(refusal)) => tracing::debug!(%refusal, "not claimed"),
            // Whether it was written or not, the next look shows it.
            Err(error) => {
                tracing::warn!(%error, "not known whether a task was claimed");
                self.again_at = self.desk.reactor.steady().plus(AGAIN_MS);
            }
        }
    }

    async fn say(&mut self, command: &Command) {
        match self.desk.office.run(&Actor::work_loop(), command).await {
            Ok(_) => {}
            Err(Error::Refused(refusal)) => tracing::debug!(%refusal, "not written"),
            Err(error) => {
                tracing::warn!(%error, "the work loop could not write; it tries again");
                self.again_at = self.desk.reactor.steady().plus(AGAIN_MS);
            }
        }
    }

    fn send_out(&mut self, run: RunId, fresh: bool, strand: Option<String>) {
        if self.attended.contains_key(&run) {
            return;
        }
        let (stop, stopped) = watch::channel(false);
        self.attended.insert(run, stop);
        let attendant = Attendant::new(self.desk.clone(), run, fresh, stopped);
        let back = self.back.clone();
        let task = async move {
            match strand {
                None => attendant.attend().await,
                Some(why) => attendant.strand(why).await,
            }
            // Nobody listens any more when the lease was lost.
            let _ = back.send(Back::Attendant(run)).await;
        };
        self.desk.reactor.spawn("attendant", Box::pin(task));
    }

    fn carry(&mut self, signal: SignalId) {
        if !self.carried.insert(signal) {
            return;
        }
        let (desk, back) = (self.desk.clone(), self.back.clone());
        let task = async move {
            deliver(desk, signal).await;
            let _ = back.send(Back::Courier(signal)).await;
        };
        self.desk.reactor.spawn("courier", Box::pin(task));
    }
}
