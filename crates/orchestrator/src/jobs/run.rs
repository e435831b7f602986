//! An agent's run: one attempt at a task.
//!
//! How it may be repeated: the same attempt never once anything of it is in its session, which is its alone.
//! A failed one is followed by the next attempt, in a session of its own, within the limit of failures.

use std::sync::Arc;

use async_trait::async_trait;
use clutch_domain::{
    brake::Used,
    command::{Command, ContinueRun, EndRun, Ended, RunTaken},
    id::{PromptId, RunId},
    limit::opens_at,
    run::{Run as Claim, RunState, Stopping},
    sabotage::{Switch, removed},
};
use futures_util::lock::OwnedMutexGuard;

use super::{
    Desk, Effect, GivenUp, Hitch, Seen, Stage, Stop,
    judge::{Clues, LOST_AFTER_MS, Verdict, judge},
    line::Line,
    sent_once,
    signs::{Ear, Whose},
    written,
};
use crate::{
    prompt::reading::Reading,
    runtime::{Reporting, RunEnd, RunEndKind, RunEvent, RuntimeError, StartRun},
};

/// A run that gives no news is looked at again after so long, in milliseconds.
const LOOK_EVERY_MS: i64 = 30_000;
/// The first and the longest pause before something unclear is looked at again, in milliseconds.
const UNSURE_MS: (i64, i64) = (500, 10_000);

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// The runtime says that it is over.
    Over(RunEnd),
    /// It is over, and nobody knows how.
    Lost(String),
    /// It failed for this reason, and its agent may still be at work.
    Failed(String),
    /// There is nothing to start: its task is gone. The plan will have it stopped.
    Pointless,
}

/// One run.
pub(crate) struct Run {
    desk: Arc<Desk>,
    id: RunId,
    ear: Ear,
    /// Kept as long as this process is at work on it.
    seat: Option<OwnedMutexGuard<()>>,
    run: Option<Claim>,
    /// Nobody can have sent anything for this run: it was claimed by this process a moment ago.
    fresh: bool,
    /// Nothing of its prompt is on its way: the one time that it was sent it was refused, or it is there.
    landed: bool,
    /// The question that it waits for can never be answered, for this reason: give the attempt up.
    strand: Option<String>,
    verdict: Verdict,
    /// When the agent last said something, as its session shows it.
    said_at: Option<clutch_domain::time::Millis>,
    unsure_ms: i64,
    /// It is at work, as far as was read: a sign of its agent is waited for.
    at_work: bool,
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.at_work
            && let Some(parked) = self.ear.park()
        {
            self.desk.leaves(self.id, parked);
        }
    }
}

fn whose(run: &Claim) -> impl Fn(&RunEvent) -> Whose + Sync + use<> {
    let (session, ids) = (run.session_key.clone(), run.known_ids());
    move |event: &RunEvent| {
        if ids.contains(&event.run_id) {
            Whose::Ours
        } else if event.session.eq_ignore_ascii_case(&session) {
            Whose::Session
        } else {
            Whose::Nobodys
        }
    }
}

/// Where an agent's own programs report, and as whom.
fn environment(run: &Claim, board: &str) -> Vec<(&'static str, String)> {
    vec![
        ("CLUTCH_URL", board.to_owned()),
        ("CLUTCH_TASK", run.task.to_string()),
        ("CLUTCH_SESSION", run.session_key.clone()),
        ("CLUTCH_RUN", run.key.clone()),
    ]
}

impl Run {
    /// A run that is open; `fresh` where this process claimed it a moment ago.
    pub fn new(desk: Arc<Desk>, id: RunId, fresh: bool, strand: Option<String>) -> Self {
        let ear = Ear::new(desk.clone());
        Self {
            desk,
            id,
            ear,
            seat: None,
            run: None,
            fresh,
            landed: false,
            strand,
            verdict: Verdict::Unsure,
            said_at: None,
            unsure_ms: UNSURE_MS.0,
            at_work: false,
        }
    }

    /// Waits until nobody else of this process is at work on it, and goes on listening where they did.
    async fn sit_down(&mut self) {
        if self.seat.is_some() {
            return;
        }
        self.seat = Some(self.desk.seat(self.id).await);
        if let Some(parked) = self.desk.left(self.id) {
            self.ear = Ear::again(self.desk.clone(), parked);
            self.at_work = true;
        }
    }

    async fn write(&self, command: Command) -> Result<(), Hitch> {
        written(self.desk.write(&command).await?)
    }

    /// What its session has used so far. Where nobody tells, it is not asked again: the run's end waits for no books.
    async fn used(&self) -> Option<Used> {
        let run = self.run.as_ref()?;
        let line = self.ear.line()?;
        let used = line.of.sessions.as_ref()?.used(&run.session_key).await;
        used.inspect_err(|error| tracing::info!(run = %run.id, %error, "not known what it used")).ok()?
    }

    /// Writes down that it is to be stopped, before anything is.
    async fn stop(&mut self, how: Ended, why: String, forget: bool) -> Result<(), Hitch> {
        let how = if removed(Switch::StopReason) { Ended::Aborted } else { how };
        let stopping = Stopping { how, why, forget, used: self.used().await, by: None };
        if removed(Switch::StopWritten) {
            return self.put_down(stopping).await;
        }
        self.write(Command::StopRun(self.id, stopping)).await
    }

    async fn end(&self, how: Ended, as_id: Option<String>, last_words: String) -> Result<(), Hitch> {
        let end = EndRun {
            run: self.id,
            as_id,
            how,
            last_words: last_words.into(),
            used: self.used().await,
            retry: self.desk.policy.retry,
        };
        self.write(Command::RunEnded(end)).await?;
        if let Some(line) = self.ear.line() {
            line.forget(self.id);
        }
        Ok(())
    }

    /// Whether a runtime that was restarted a moment ago might yet go on with the session by itself: then it
    /// has to be removed.
    fn may_come_back(&self, run: &Claim) -> bool {
        self.ear.line().is_none_or(|line| line.young() && !line.unbroken(run.id, run.boot.as_deref()))
    }

    /// Nothing may run in the session of an attempt that is given up: the next one begins in its own.
    async fn put_down(&mut self, Stopping { how, why, forget, .. }: Stopping) -> Result<(), Hitch> {
        let Some(run) = self.run.clone() else { return Ok(()) };
        if removed(if how == Ended::Aborted { Switch::StopMoved } else { Switch::StopFirst }) {
            return self.end(how, None, why).await;
        }
        let line = self.ear.heard_line()?;
        let link = line.link();
        let before = line.agents().sight(&run.session_key, &run.key).await?;
        self.landed |= before.shows_something();
        // A runtime that does not say what is at work may not stop it either, unless the session goes.
        let forget = forget || before.active.is_none() || self.may_come_back(&run);
        let forget = forget && !removed(Switch::ForgetSession);
        self.desk.lawful()?;
        line.agents().abort(&run.session_key, forget).await?;
        if line.agents().sight(&run.session_key, &run.key).await?.active == Some(true) {
            return Err(Hitch::Unclear("something still runs in its session".into()));
        }
        if line.link() != link {
            // A runtime that was restarted in between may go on with what was stopped before.
            return Err(Hitch::Unclear("the connection is another than before the stop".into()));
        }
        self.has_landed(&run)?;
        // What was said to it meanwhile may have begun a turn that nobody has stopped.
        self.end(how, Some(run.current_id().to_owned()), why).await
    }

    /// Nothing ends it while its prompt or words to its agent may be on their way: what they would begin nobody would
    /// follow. (Of an answer that is still waited for the rules know, too, and refuse the end.)
    fn has_landed(&self, run: &Claim) -> Result<(), Hitch> {
        let begins = run.state == RunState::Claimed && !self.landed && !removed(Switch::PromptUnderWay);
        let hears = run.hears.is_some() && !removed(Switch::WordsUnderWay);
        if (begins || hears) && self.ear.quiet_ms() < LOST_AFTER_MS {
            return Err(Hitch::Unclear("what was sent to it may arrive yet".into()));
        }
        Ok(())
    }

    /// The prompt, and the folder in which the agent works; `Err` where there is nothing to tell it.
    async fn prompt(&self, run: &Claim, reporting: Reporting) -> Result<Result<(String, Option<String>), Came>, Hitch> {
        let reading = Reading::of(run);
        let docs = self.desk.read(reading.ranges()).await?;
        let Some(ticket) = reading.ticket(&docs, run, &self.desk.board, reporting) else {
            return Ok(Err(Came::Pointless));
        };
        // The version that the claim names, whatever counts by now.
        let prompt = match run.prompt_version.parse::<PromptId>() {
            Err(_) => self.desk.roles.render(&ticket),
            Ok(_) if removed(Switch::PromptOfClaim) => self.desk.roles.render(&ticket),
            Ok(id) => match self.desk.prompt(id).await? {
                Ok(template) => ticket.told_by(&template),
                Err(why) => return Ok(Err(Came::Failed(why))),
            },
        };
        let too_long = || Came::Failed("The prompt would be longer than 64 megabytes.".to_owned());
        let folder = ticket.project.local_path.clone();
        Ok(prompt.map(|prompt| (prompt, folder)).ok_or_else(too_long))
    }
}

#[async_trait]
impl Effect for Run {
    type Result = Came;

    async fn stage(&mut self, stop: bool) -> Result<Stage, Hitch> {
        self.sit_down().await;
        let Some(run) = self.desk.find::<Claim>(self.id).await?.filter(Claim::open) else {
            self.at_work = false;
            return Ok(Stage::Over);
        };
        // One whose runtime this server has not is not touched; the plan says so on its card.
        let Some(line) = self.desk.line(&run.runtime) else {
            self.at_work = false;
            return Ok(Stage::Over);
        };
        self.ear.tune(line);
        self.run = Some(run.clone());
        if run.stopping.is_none() && stop {
            let why = "Stopped because the task was moved away.".to_owned();
            if self.fresh {
                self.end(Ended::Aborted, None, why).await?;
                self.at_work = false;
                return Ok(Stage::Over);
            }
            self.stop(Ended::Aborted, why, false).await?;
            return self.stage(true).await;
        }
        if run.stopping.is_none()
            && let Some(why) = self.strand.clone().filter(|_| run.state == RunState::Waiting)
        {
            self.stop(Ended::Failed, why, false).await?;
            self.strand = None;
            return self.stage(stop).await;
        }
        let stage = if run.stopping.is_some() {
            Stage::Stopping
        } else if run.state == RunState::Waiting || self.strand.is_some() {
            // The courier of the answer brings it back to work.
            Stage::Over
        } else if self.fresh || removed(Switch::LookFirst) {
            Stage::New
        } else {
            Stage::Open
        };
        self.at_work = stage != Stage::Over;
        Ok(stage)
    }

    async fn look(&mut self) -> Result<Seen<Came>, Hitch> {
        let Some(run) = self.run.clone() else { return Ok(Seen::Begun) };
        let line = self.ear.heard_line()?;
        let sighting = line.agents().sight(&run.session_key, &run.key).await?;
        self.ear.looked(&whose(&run));
        let said_at = sighting.runs.iter().filter_map(|r| r.said_at).max();
        if said_at > self.said_at {
            // Two moments of the runtime's own clock.
            if self.said_at.is_some() {
                self.ear.sign();
            }
            self.said_at = said_at;
        }
        // One long tool call gives no sign of its own.
        if sighting.active == Some(true) && self.ear.in_a_call() {
            self.ear.sign();
        }
        self.verdict = judge(&Clues {
            run: &run,
            sighting: &sighting,
            heard: &self.ear.heard,
            unbroken: line.unbroken(run.id, run.boot.as_deref()),
            quiet_ms: self.quiet_ms(),
        });
        tracing::trace!(run = %self.id, verdict = ?self.verdict, "looked");
        let most = self.desk.policy.stale_after(run.role);
        Ok(match &self.verdict {
            Verdict::Send => Seen::No,
            Verdict::Over(end) => Seen::Done(Came::Over(end.clone())),
            Verdict::Lost(why) => Seen::Done(Came::Lost(why.clone())),
            Verdict::Working | Verdict::Unsure if self.ear.silent_ms() >= most && !removed(Switch::Stale) => {
                Seen::Done(Came::Failed(format!(
                    "The agent gave no sign for {} minutes and was stopped.",
                    most / 60_000
                )))
            }
            Verdict::Taken | Verdict::Continued(_) | Verdict::Working | Verdict::Unsure => Seen::Begun,
        })
    }

    /// Sends the prompt. Nothing is assumed when the answer is lost: the next round looks.
    async fn act(&mut self) -> Result<Seen<Came>, Hitch> {
        let Some(run) = self.run.clone() else { return Ok(Seen::No) };
        let line = self.ear.heard_line()?;
        let (prompt, folder) = match self.prompt(&run, line.of.reporting).await? {
            Ok(told) => told,
            Err(Came::Pointless) => return Ok(Seen::Done(Came::Pointless)),
            Err(came) => {
                // Of a fresh one nothing is on its way.
                self.landed |= std::mem::take(&mut self.fresh);
                return Ok(Seen::Done(came));
            }
        };
        let Some(link) = line.link() else { return Err(Hitch::Away("no connection".into())) };
        self.desk.lawful()?;
        let start = StartRun {
            key: run.key.clone(),
            session: run.session_key.clone(),
            message: prompt,
            model: run.model.clone(),
            folder,
            environment: environment(&run, &self.desk.board),
            timeout_seconds: self.desk.policy.turn_seconds,
        };
        self.ear.sign();
        match line.agents().start(start).await {
            Ok(accepted) => {
                self.fresh = false;
                line.gave(run.id, link.connection);
                let as_id = (accepted.run_id != run.key).then_some(accepted.run_id);
                self.write(Command::RunStarted(RunTaken { run: run.id, boot: link.boot })).await?;
                if let Some(as_id) = as_id {
                    let from = run.key.clone();
                    self.write(Command::RunContinued(ContinueRun { run: run.id, from, as_id })).await?;
                }
                self.run = self.desk.find(self.id).await?;
                self.verdict = Verdict::Working;
                Ok(Seen::Begun)
            }
            Err(RuntimeError::Refused { sentence, .. }) => {
                self.landed = std::mem::take(&mut self.fresh);
                sent_once(self.landed, sentence).map(|sentence| Seen::Done(Came::Failed(sentence)))
            }
            Err(RuntimeError::Away(why)) => Err(Hitch::Away(why)),
            Err(RuntimeError::Unknown(why)) => {
                tracing::info!(run = %run.id, %why, "not known whether the run was taken; looking");
                self.fresh = false;
                Err(Hitch::Unclear(why))
            }
        }
    }

    async fn follow(&mut self, stop: &mut Stop) -> Result<(), Hitch> {
        let Some(run) = self.run.clone() else { return Ok(()) };
        if run.trouble.is_some() {
            self.write(Command::TellTrouble(run.id, None)).await?;
        }
        let within = match self.verdict.clone() {
            // Who took it is not known: it may have begun before the runtime's last restart.
            Verdict::Taken => return self.write(Command::RunStarted(RunTaken { run: run.id, boot: None })).await,
            Verdict::Continued(id) => {
                self.ear.sign();
                let from = run.current_id().to_owned();
                return self.write(Command::RunContinued(ContinueRun { run: run.id, from, as_id: id })).await;
            }
            Verdict::Working => {
                self.unsure_ms = UNSURE_MS.0;
                if removed(Switch::LookPace) { 1 } else { LOOK_EVERY_MS }
            }
            _ => {
                let pause = self.unsure_ms;
                self.unsure_ms = (pause * 2).min(UNSURE_MS.1);
                pause
            }
        };
        let id = (self.verdict == Verdict::Working).then(|| run.current_id());
        self.ear.wait(&whose(&run), within, id, false, stop).await;
        Ok(())
    }

    async fn record(&mut self, came: Came) -> Result<(), Hitch> {
        let Some(run) = self.run.clone() else { return Ok(()) };
        match came {
            Came::Over(RunEnd { how: RunEndKind::Finished, last_words, .. }) => {
                self.end(Ended::Finished, Some(run.current_id().to_owned()), last_words).await
            }
            Came::Over(end) => {
                let opens_at = end.reason.as_deref().and_then(|why| opens_at(why, self.desk.office.now()));
                let how = match (end.how, opens_at) {
                    (RunEndKind::Aborted, _) => Ended::Aborted,
                    (_, Some(at)) => Ended::Limited(at),
                    _ => Ended::Failed,
                };
                let words = end.reason.filter(|r| !r.trim().is_empty()).unwrap_or(end.last_words);
                self.stop(how, words, self.may_come_back(&run)).await
            }
            Came::Lost(why) => self.stop(Ended::Failed, why, true).await,
            Came::Failed(why) => self.stop(Ended::Failed, why, self.may_come_back(&run)).await,
            // The next plan stops it; until then there is nothing to do but to ask now and then.
            Came::Pointless => Err(Hitch::Unclear("its task is gone".into())),
        }
    }

    async fn undo(&mut self) -> Result<(), Hitch> {
        match self.run.as_ref().and_then(|run| run.stopping.clone()) {
            Some(stopping) => self.put_down(stopping).await,
            None => Ok(()),
        }
    }

    async fn give_up(&mut self, why: GivenUp) -> Result<(), Hitch> {
        let why = match why {
            GivenUp::Refused(sentence) => sentence,
            GivenUp::Unclear => "It does not tell what became of the agent.".to_owned(),
        };
        self.end(Ended::OutOfReach, None, why).await
    }

    async fn tell(&mut self, trouble: String) -> Result<(), Hitch> {
        self.write(Command::TellTrouble(self.id, Some(trouble.into()))).await
    }

    fn line(&self) -> Option<Arc<Line>> {
        self.ear.line().cloned()
    }

    fn quiet_ms(&self) -> i64 {
        self.ear.quiet_ms()
    }
}
