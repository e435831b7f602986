//! The driver: watches the world and the messages on their way, plans, and sends out.

use std::sync::Arc;

use clutch_domain::{
    actor::Actor,
    chat::Message,
    command::{ClaimRun, Command, EndRun},
    id::RunId,
    plan::{
        Action, Start, decide,
        world::{Shape, World},
    },
    range::Docs,
    run::Run,
    time::Millis,
};
use futures_util::{FutureExt, StreamExt, future::select_all, select_biased};
use tokio::sync::watch;

use crate::{
    jobs::{
        Desk, JobId,
        answer::Answer,
        drive,
        hands::Hands,
        message::{self, due, open_messages, outbox},
        run,
    },
    office::Error,
    runtime::{OfRun, RuntimeState},
    store::LiveDocs,
};

/// After a store that failed the world is read again after so long, in milliseconds.
const AGAIN_MS: i64 = 1_000;

struct Driver<'a> {
    desk: &'a Arc<Desk>,
    shape: Shape,
    world: LiveDocs,
    hands: Hands,
    /// The messages on their way as they were seen last.
    open: Vec<Message>,
    again_at: Millis,
}

/// Plans and acts until the lease is lost.
pub(super) async fn lead(desk: &Arc<Desk>) {
    let shape = Shape::default();
    let mut driver = Driver {
        desk,
        world: desk.office.store().watch(shape.fetch()),
        shape,
        hands: Hands::default(),
        open: Vec::new(),
        again_at: desk.reactor.steady(),
    };
    let mut mail = desk.office.store().watch(outbox());
    let mut states: Vec<watch::Receiver<RuntimeState>> = desk.lines().map(|line| line.agents().state()).collect();
    states.iter_mut().for_each(watch::Receiver::mark_unchanged);
    let mut losses = desk.lead.losses();
    loop {
        if desk.lawful().is_err() {
            return;
        }
        let wake = driver.hands.wake_at(desk.reactor.steady()).map_or(driver.again_at, |at| at.min(driver.again_at));
        let news = {
            let back = driver.hands.back().fuse();
            let changed = any_changed(&mut states).fuse();
            let lost = losses.changed().fuse();
            let mut due = desk.reactor.sleep_until(wake).fuse();
            futures_util::pin_mut!(back, changed, lost);
            // What is back comes before what has changed: a busy board keeps nobody waiting.
            select_biased! {
                _ = lost => return,
                () = back => News::Back,
                seen = driver.world.next().fuse() => match seen {
                    Some(Ok(seen)) => News::World(seen.value.clone()),
                    Some(Err(away)) => {
                        tracing::warn!(why = %away.why, "the work loop sees nothing for now");
                        continue;
                    }
                    None => News::Closed,
                },
                seen = mail.next().fuse() => match seen {
                    Some(Ok(seen)) => News::Mail(seen.value.clone()),
                    Some(Err(_)) => continue, // the world says it
                    None => News::Closed,
                },
                () = changed => News::Due,
                () = due => News::Due,
            }
        };
        // All of them, so that it is known since when each connection is there.
        let connected = desk.lines().filter(|line| line.link().is_some()).count() > 0;
        match news {
            News::World(docs) => driver.round(Some(docs)).await,
            News::Mail(docs) => {
                driver.open = docs.all::<Message>(&open_messages()).cloned().collect();
            }
            News::Back => {
                driver.reread_mail().await;
                driver.round(None).await;
            }
            News::Due => driver.round(None).await,
            News::Closed => {
                // A watch does not end; a store that is being closed is the only way here.
                driver.watch();
                mail = desk.office.store().watch(outbox());
                desk.breathe().await;
            }
        }
        if connected {
            driver.carry();
        }
    }
}

/// Ready when the state of any runtime has changed. One whose client is gone for good changes no more: the
/// program is ending.
async fn any_changed(states: &mut [watch::Receiver<RuntimeState>]) {
    let changes = states.iter_mut().map(|state| {
        Box::pin(async move {
            if state.changed().await.is_err() {
                std::future::pending().await
            }
        })
    });
    match changes.collect::<Vec<_>>() {
        none if none.is_empty() => std::future::pending().await,
        all => drop(select_all(all).await),
    }
}

enum News {
    Back,
    World(Docs),
    Mail(Docs),
    Due,
    Closed,
}

impl Driver<'_> {
    fn watch(&mut self) {
        self.world = self.desk.office.store().watch(self.shape.fetch());
    }

    /// What the watch last said may be older than what was just committed.
    async fn reread_mail(&mut self) {
        match self.desk.office.all::<Message>(open_messages()).await {
            Ok(open) => self.open = open,
            Err(fault) => {
                tracing::warn!(%fault, "the messages on their way could not be read; the next change brings them")
            }
        }
    }

    /// Carries the next message of each chat, if its time has come.
    fn carry(&mut self) {
        let now = self.desk.office.now();
        let mut heads = std::collections::BTreeSet::new();
        for message in self.open.iter().filter(|m| heads.insert(m.chat)) {
            if let Some(at) = due(message).filter(|at| *at > now) {
                let wake = self.desk.reactor.steady().plus(at.since(now));
                self.again_at = self.again_at.min(wake);
                continue;
            }
            let (desk, id, chat) = (self.desk.clone(), message.id, message.chat);
            self.hands.begin(self.desk, JobId::Message(chat), "message", |stop| {
                let effect = message::Message::new(desk.clone(), id, chat);
                Box::pin(async move { drive(&desk, effect, stop).await })
            });
        }
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
        let prompts = match self.desk.prompting(&docs, &self.shape).await {
            Ok(prompts) => prompts,
            Err(fault) => {
                tracing::warn!(%fault, "the work loop could not read the prompts; it tries again");
                self.again_at = self.desk.reactor.steady().plus(AGAIN_MS);
                return;
            }
        };
        let now = self.desk.office.now();
        let world = World { prompts, ..World::of(&docs, self.desk.standing()) };
        let plan = decide(&world, now, &self.desk.policy);
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
                self.hands.stop(JobId::Run(run));
            }
            Action::Deliver(signal) => {
                let desk = self.desk.clone();
                self.hands.begin(self.desk, JobId::Answer(signal), "answer", |stop| {
                    let effect = Answer::new(desk.clone(), signal);
                    Box::pin(async move { drive(&desk, effect, stop).await })
                });
            }
            Action::Leave(run, why) => self.say(&Command::TellTrouble(run, Some(why.into()))).await,
            Action::Lapse(run) => self.say(&Command::LapseRun(run, self.desk.policy.retry)).await,
            Action::Close(run, how, why) => {
                let retry = self.desk.policy.retry;
                let end = EndRun { run, as_id: None, how, last_words: why.as_str().into(), used: None, retry };
                self.say(&Command::RunEnded(end)).await;
            }
            Action::Strand(run, why) => self.send_out(run, false, Some(why)),
            Action::Claim(start) => self.claim(start).await,
        }
    }

    async fn claim(&mut self, start: Start) {
        // The plan starts nothing in a runtime that is not there.
        let Some(line) = self.desk.line(&start.runtime) else { return };
        let of = OfRun { slug: &start.slug, role: start.role, task: start.task, attempt: start.attempt };
        let claim = ClaimRun {
            task: start.task,
            phase: start.phase,
            role: start.role,
            attempt: start.attempt,
            session: line.of.names.of_run(&of),
            runtime: start.runtime,
            model: start.model,
            most: start.most,
            prompt_version: match start.prompt {
                Some(version) => version.to_string(),
                None => self.desk.roles.version(start.role).to_owned(),
            },
            holder: self.desk.lead.holder.clone(),
        };
        match self.desk.command(Actor::work_loop(), &Command::ClaimRun(claim)).await {
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
        match self.desk.command(Actor::work_loop(), command).await {
            Ok(_) => {}
            Err(Error::Refused(refusal)) => tracing::debug!(%refusal, "not written"),
            Err(error) => {
                tracing::warn!(%error, "the work loop could not write; it tries again");
                self.again_at = self.desk.reactor.steady().plus(AGAIN_MS);
            }
        }
    }

    fn send_out(&mut self, id: RunId, fresh: bool, strand: Option<String>) {
        let desk = self.desk.clone();
        self.hands.begin(self.desk, JobId::Run(id), "run", |stop| {
            let effect = run::Run::new(desk.clone(), id, fresh, strand);
            Box::pin(async move { drive(&desk, effect, stop).await })
        });
    }
}
