//! One attendant per open run: brings it to the runtime, follows it there, and writes
//! down its end. It can begin at any point of a run's life, because it asks first.

use std::{collections::BTreeMap, sync::Arc};

use clutch_domain::{
    command::{Command, EndRun, Ended},
    doc::Kind,
    id::RunId,
    project::Project,
    range::Range,
    run::{Run, RunState},
    talk::{Comment, Signal},
    task::Task,
    time::Millis,
};
use futures_util::{FutureExt, future::BoxFuture, select_biased};
use tokio::sync::{broadcast, watch};

use crate::{
    prompt::{COMMENTS_TOLD, Ticket},
    runtime::{RunEnd, RunEndKind, RunEvent, RunSign, RuntimeError, StartRun},
    work::{
        desk::{Deposed, Desk},
        judge::{Clues, LOST_AFTER_MS, Verdict, judge},
    },
};

/// A run that gives no news is looked at again after so long, in milliseconds.
const LOOK_EVERY_MS: i64 = 30_000;
/// How long one call may wait for a run's end, in milliseconds.
const WAIT_MS: u32 = 25_000;
/// The first and the longest pause before something unclear is looked at again, in milliseconds.
const UNSURE_MS: (i64, i64) = (500, 10_000);

/// What an attendant knows beyond the documents.
pub(super) struct Attendant {
    desk: Arc<Desk>,
    run: RunId,
    /// True: stop the agent, its task went elsewhere.
    stop: watch::Receiver<bool>,
    /// Nobody can have sent anything for this run: it was claimed by this process a moment ago.
    fresh: bool,
    events: broadcast::Receiver<Arc<RunEvent>>,
    heard: BTreeMap<String, RunEnd>,
    /// Steady moment of the newest sign of life, or of when we began to listen.
    sign_at: Millis,
    /// Connection over which this attendant saw the run being taken.
    taken_over: Option<Millis>,
    /// Connection over which signs were listened for last.
    listening: Option<Millis>,
    unsure_ms: i64,
}

/// Why an attendant stopped waiting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    /// Look now; no sign of the run itself.
    Look,
    /// A sign that deserves a look: an end, or another id.
    Turn,
    /// A sign of life, nothing more.
    Sign,
}

impl Attendant {
    pub fn new(desk: Arc<Desk>, run: RunId, fresh: bool, stop: watch::Receiver<bool>) -> Self {
        let events = desk.runtime.events();
        let sign_at = desk.reactor.steady();
        let listening = desk.connected_since();
        Self {
            desk,
            run,
            stop,
            fresh,
            events,
            heard: BTreeMap::new(),
            sign_at,
            taken_over: None,
            listening,
            unsure_ms: UNSURE_MS.0,
        }
    }

    /// Until the run is over, waits for a person, or is somebody else's to attend.
    pub async fn attend(mut self) {
        if self.follow().await.is_err() {
            tracing::info!(run = %self.run, "left to the server that leads now");
        }
    }

    /// The question that it waits for can never be answered: gives the attempt up.
    pub async fn strand(mut self, why: String) {
        let gone = match self.desk.find::<Run>(self.run).await {
            Ok(Some(run)) if run.state == RunState::Waiting => self.fail(&run, why).await,
            Ok(_) => Ok(()),
            Err(deposed) => Err(deposed),
        };
        if gone.is_err() {
            tracing::info!(run = %self.run, "left to the server that leads now");
        }
    }

    async fn follow(&mut self) -> Result<(), Deposed> {
        loop {
            if self.stop.has_changed().is_err() {
                // The driver that sent us does not lead any more; another may have begun since.
                return Err(Deposed);
            }
            let Some(run) = self.desk.find::<Run>(self.run).await? else { return Ok(()) };
            let stop = *self.stop.borrow();
            match run.state {
                RunState::Ended => return Ok(()),
                // The courier of the answer brings it back to work.
                RunState::Waiting if !stop => return Ok(()),
                RunState::Claimed | RunState::Started | RunState::Waiting => {}
            }
            if stop {
                self.stop(&run).await?;
                continue;
            }
            if self.fresh {
                self.send(&run).await?;
                continue;
            }
            let sighting = self.desk.look(&run.session_key, &run.key).await?;
            // After the look: the connection may have ended and come back while we waited for it.
            self.note_connection();
            self.drain(&run);
            let verdict = judge(&Clues {
                run: &run,
                sighting: &sighting,
                heard: &self.heard,
                unbroken: self.unbroken(&run),
                quiet_ms: self.quiet_ms(),
            });
            tracing::trace!(run = %self.run, ?verdict, "looked");
            self.act(&run, verdict).await?;
        }
    }

    async fn act(&mut self, run: &Run, verdict: Verdict) -> Result<(), Deposed> {
        match verdict {
            Verdict::Send => return self.send(run).await,
            Verdict::Taken => return self.write(Command::RunStarted(run.id)).await,
            Verdict::Continued(id) => {
                self.sign_at = self.desk.reactor.steady();
                return self.write(Command::RunContinued(run.id, id)).await;
            }
            Verdict::Over(end) => return self.close(run, end).await,
            Verdict::Lost(why) => return self.give_up(run, Ended::Failed, why, true).await,
            Verdict::Working | Verdict::Unsure => {}
        }
        let most = self.desk.policy.stale_after(run.role);
        if self.quiet_ms() >= most {
            let why = format!("The agent gave no sign for {} minutes and was stopped.", most / 60_000);
            return self.fail(run, why).await;
        }
        let within = if verdict == Verdict::Unsure {
            let pause = self.unsure_ms;
            self.unsure_ms = (pause * 2).min(UNSURE_MS.1);
            pause
        } else {
            // Something that runs without a sign of its own (one long tool call) still lives.
            self.unsure_ms = UNSURE_MS.0;
            LOOK_EVERY_MS
        };
        let waits = verdict == Verdict::Working;
        self.news(run, within, waits).await;
        Ok(())
    }

    /// Sends the prompt. Nothing is assumed when the answer is lost: the next round looks.
    async fn send(&mut self, run: &Run) -> Result<(), Deposed> {
        let Some(prompt) = self.prompt(run).await? else {
            // The task is gone: the plan will have this run stopped.
            self.stopped().await;
            return Ok(());
        };
        let Some(since) = self.desk.connected_since() else {
            self.online_or_stopped().await;
            return Ok(());
        };
        self.note_connection();
        self.desk.lawful()?;
        let start = StartRun {
            key: run.key.clone(),
            session: run.session_key.clone(),
            message: prompt,
            model: run.model.clone(),
            timeout_seconds: self.desk.policy.turn_seconds,
        };
        self.sign_at = self.desk.reactor.steady();
        match self.desk.runtime.start(start).await {
            Ok(accepted) => {
                self.fresh = false;
                self.taken_over = Some(since);
                self.write(Command::RunStarted(run.id)).await?;
                if accepted.run_id != run.key {
                    self.write(Command::RunContinued(run.id, accepted.run_id)).await?;
                }
                let mut taken = run.clone();
                taken.state = RunState::Started;
                self.news(&taken, LOOK_EVERY_MS, true).await;
            }
            Err(RuntimeError::Refused { sentence, .. }) => {
                self.fresh = false;
                self.fail(run, sentence).await?;
            }
            Err(RuntimeError::Unknown(why)) => {
                tracing::info!(run = %run.id, %why, "not known whether the run was taken; looking");
                self.fresh = false;
                self.desk.breathe().await;
            }
            Err(RuntimeError::Away(_)) => {
                self.desk.breathe().await;
                self.online_or_stopped().await;
            }
        }
        Ok(())
    }

    async fn prompt(&self, run: &Run) -> Result<Option<String>, Deposed> {
        let task = Range::doc(Kind::Task, run.task);
        let project = Range::doc(Kind::Project, run.project);
        let newest =
            |kind| Range::NewestChildren { kind, parent: run.task.to_string(), before: None, limit: COMMENTS_TOLD };
        let (comments, signals) = (newest(Kind::Comment), newest(Kind::Signal));
        let docs = self.desk.read(vec![task.clone(), project.clone(), comments.clone(), signals.clone()]).await?;
        let (Some(task), Some(project)) = (docs.first::<Task>(&task), docs.first::<Project>(&project)) else {
            return Ok(None);
        };
        let mut newest: Vec<&Comment> = docs.all(&comments).collect();
        newest.reverse();
        let mut asked: Vec<&Signal> = docs.all(&signals).collect();
        asked.reverse();
        Ok(Some(self.desk.roles.render(&Ticket {
            task,
            project,
            run,
            comments: newest,
            signals: asked,
            board: &self.desk.board,
        })))
    }

    /// The runtime says that it is over.
    async fn close(&mut self, run: &Run, end: RunEnd) -> Result<(), Deposed> {
        let how = match end.how {
            RunEndKind::Finished => {
                let as_id = Some(run.current_id().to_owned());
                // An answer on its way is brought first: then the run goes on instead of ending.
                let desk = self.desk.clone();
                let _turn = desk.turn(run.id).await;
                return self.end(run, Ended::Finished, as_id, end.last_words).await;
            }
            RunEndKind::Aborted => Ended::Aborted,
            RunEndKind::Failed => Ended::Failed,
        };
        let words = end.reason.filter(|r| !r.trim().is_empty()).unwrap_or(end.last_words);
        self.give_up(run, how, words, false).await
    }

    async fn fail(&mut self, run: &Run, why: String) -> Result<(), Deposed> {
        self.give_up(run, Ended::Failed, why, false).await
    }

    /// The task went elsewhere.
    async fn stop(&mut self, run: &Run) -> Result<(), Deposed> {
        let why = "Stopped because the task was moved away.".to_owned();
        if self.fresh {
            self.end(run, Ended::Aborted, None, why).await
        } else {
            self.give_up(run, Ended::Aborted, why, false).await
        }
    }

    /// Nothing may run in the session of an attempt that is given up: the next one begins in its own.
    /// A runtime that was restarted a moment ago might yet go on with the session by itself, so it is removed.
    async fn give_up(&mut self, run: &Run, how: Ended, why: String, forget: bool) -> Result<(), Deposed> {
        let desk = self.desk.clone();
        let _turn = desk.turn(run.id).await;
        desk.online().await;
        let young = desk.connected_since().is_none_or(|s| desk.office.now().since(s) < LOST_AFTER_MS);
        let forget = forget || (young && !self.unbroken(run));
        desk.silence(&run.session_key, &run.key, forget).await?;
        self.end(run, how, None, why).await
    }

    async fn end(&mut self, run: &Run, how: Ended, as_id: Option<String>, last_words: String) -> Result<(), Deposed> {
        let retry = self.desk.policy.retry;
        self.write(Command::RunEnded(EndRun { run: run.id, as_id, how, last_words: last_words.into(), retry })).await
    }

    async fn write(&self, command: Command) -> Result<(), Deposed> {
        if let Err(refusal) = self.desk.write(&command).await? {
            // Said twice after a lost answer, or somebody else closed the run: the next round reads what is.
            tracing::debug!(run = %self.run, %refusal, "already so");
        }
        Ok(())
    }

    /// Waits for anything worth a look, at most `within` milliseconds.
    async fn news(&mut self, run: &Run, within: i64, waits: bool) {
        let desk = self.desk.clone();
        let id = run.current_id().to_owned();
        let mut deadline = desk.reactor.sleep_until(desk.reactor.steady().plus(within)).fuse();
        let mut wait = if waits { end_of(&desk, &id) } else { futures_util::future::pending().boxed() }.fuse();
        let mut state = desk.runtime.state();
        state.mark_unchanged();
        loop {
            let news = {
                let stopped = self.stop.changed().fuse();
                let event = self.events.recv().fuse();
                let connection = state.changed().fuse();
                futures_util::pin_mut!(stopped, event, connection);
                select_biased! {
                    _ = stopped => return,
                    event = event => match event {
                        Ok(event) => hear(&mut self.heard, run, &event),
                        Err(broadcast::error::RecvError::Lagged(_)) => Some(News::Look),
                        Err(broadcast::error::RecvError::Closed) => {
                            desk.breathe().await;
                            Some(News::Look)
                        }
                    },
                    end = wait => match end {
                        Some(end) => {
                            self.heard.insert(id.clone(), end);
                            Some(News::Turn)
                        }
                        None => Some(News::Look),
                    },
                    _ = connection => desk.connected_since().is_none_or(|s| Some(s) != self.listening).then_some(News::Look),
                    () = deadline => return,
                }
            };
            if matches!(news, Some(News::Turn | News::Sign)) {
                self.sign_at = desk.reactor.steady();
            }
            if matches!(news, Some(News::Turn | News::Look)) {
                return;
            }
        }
    }

    /// Takes in what was said in the meantime, so that a look is judged with it.
    fn drain(&mut self, run: &Run) {
        loop {
            match self.events.try_recv() {
                Ok(event) if hear(&mut self.heard, run, &event).is_some() => self.sign_at = self.desk.reactor.steady(),
                Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => return,
            }
        }
    }

    fn note_connection(&mut self) {
        let since = self.desk.connected_since();
        if since.is_some() && since != self.listening {
            self.listening = since;
            self.sign_at = self.desk.reactor.steady();
        }
    }

    fn unbroken(&self, run: &Run) -> bool {
        let since = self.desk.connected_since();
        since.is_some_and(|s| s <= run.claimed_at) || (since.is_some() && since == self.taken_over)
    }

    fn quiet_ms(&self) -> i64 {
        self.desk.reactor.steady().since(self.sign_at)
    }

    async fn stopped(&mut self) {
        if !*self.stop.borrow() {
            let _ = self.stop.changed().await;
        }
    }

    async fn online_or_stopped(&mut self) {
        let desk = self.desk.clone();
        let online = desk.online().fuse();
        let stopped = self.stopped().fuse();
        futures_util::pin_mut!(online, stopped);
        select_biased! { () = stopped => {}, () = online => {} }
    }
}

/// Waits for the end of a run; `None` when a look is due instead.
fn end_of<'a>(desk: &'a Arc<Desk>, id: &'a str) -> BoxFuture<'a, Option<RunEnd>> {
    async move {
        match desk.runtime.wait(id, WAIT_MS).await {
            Ok(end) => end,
            Err(RuntimeError::Away(_)) => {
                desk.online().await;
                None
            }
            Err(RuntimeError::Unknown(_)) => {
                desk.breathe().await;
                None
            }
            // A runtime that cannot wait: the next look comes in its time.
            Err(RuntimeError::Refused { .. }) => futures_util::future::pending().await,
        }
    }
    .boxed()
}

fn hear(heard: &mut BTreeMap<String, RunEnd>, run: &Run, event: &RunEvent) -> Option<News> {
    if !event.session.eq_ignore_ascii_case(&run.session_key) && !run.is_known_as(&event.run_id) {
        return None;
    }
    match &event.what {
        RunSign::Ended(end) => {
            heard.insert(event.run_id.clone(), end.clone());
            Some(News::Turn)
        }
        // Not ours by name: the runtime goes on with the session under another id.
        _ if !run.is_known_as(&event.run_id) => Some(News::Turn),
        _ => Some(News::Sign),
    }
}
