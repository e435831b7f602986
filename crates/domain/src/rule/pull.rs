//! Tasks that agents take by themselves (runtime [`PULL`]).
//!
//! Nobody starts such an agent, follows it or can stop it. It has its task by a [`Hold`] that each of its signs renews;
//! one that gives none for too long loses the task, which goes back to where it was taken from. While its question is
//! not answered it is not expected to give any.

use crate::{
    change::{Change, Expect},
    command::{EndRun, Ended, PullTask, ReleaseRun, Retry},
    ctx::Ctx,
    doc::{DocKey, Kind},
    id::RunId,
    range::Range,
    refusal::Refusal,
    run::{Hold, LoopState, Outcome, Run, RunState},
    runtime::PULL,
    sabotage::{Switch, removed},
    talk::Signal,
    task::Task,
    text::Excerpt,
    time::Millis,
    view::{Seen, Stop, View},
};

use super::{
    Decided, alive,
    claim::{Taking, take, takeable},
    line,
    work::{close, ended, leave, open_question, open_questions, open_run, touch},
};

/// Part of a hold that must have gone by before a sign of life is written down.
const SIGN_PARTS: i64 = 20;

/// Takes a task for the agent that asks.
pub fn pull(view: &View, ask: &PullTask, ctx: &mut Ctx<'_>) -> Decided {
    let hold = Hold {
        agent: ask.agent.to_string(),
        token: ctx.actor.who.id.clone(),
        until: ctx.now.plus(ask.hold_ms),
        ms: ask.hold_ms,
    };
    let taking = Taking {
        task: ask.task,
        phase: ask.phase,
        role: ask.role,
        attempt: ask.attempt,
        runtime: PULL,
        session: &ask.session,
        model: ask.model.as_deref(),
        prompt_version: &ask.prompt_version,
        hold: Some(hold),
    };
    let task = takeable(view, &taking, ctx)?;
    view.gather([Range::doc(Kind::Project, task.is.project), Range::doc(Kind::LoopState, task.is.project)])?;
    alive::project(view, task.is.project)?;
    let state = view.find::<LoopState>(task.is.project)?;
    if state.as_ref().is_some_and(|state| state.is.paused) && !removed(Switch::Pause) {
        return Err(Refusal::LoopPaused.into());
    }
    let mut change = Change::default();
    change.expects.push(Expect::Doc(DocKey::new(Kind::LoopState, task.is.project), state.map_or(0, |s| s.rev)));
    take(view, change, task, &taking, ctx)
}

/// The agent is there and keeps its task. Signs that come close together write nothing.
pub fn heartbeat(view: &View, run: RunId, ctx: &mut Ctx<'_>) -> Decided {
    let mut run = own_run(view, run, ctx)?;
    let mut change = Change::default();
    if renew(&mut run.is, ctx.now) {
        touch(&mut change, run.is.project);
        change.put(run.rev, run.is);
    }
    Ok(change)
}

/// The agent gives its task back, which counts as an attempt that failed: a task that nobody can do does not go round
/// for ever.
pub fn release(view: &View, release: &ReleaseRun, ctx: &mut Ctx<'_>) -> Decided {
    let run = own_run(view, release.run, ctx)?.is;
    let agent = run.hold.as_ref().map_or_else(String::new, |hold| hold.agent.clone());
    let said = release.reason.to_string();
    let said = if said.is_empty() { format!("{agent} gave it back.") } else { format!("{agent} gave it back: {said}") };
    end(view, run.id, said.as_str().into(), release.retry, ctx)
}

/// The agent has given no sign for too long: its task goes back. What it said meanwhile counts.
pub fn lapse(view: &View, run: RunId, retry: Retry, ctx: &mut Ctx<'_>) -> Decided {
    let run = open_run(view, run)?.is;
    let hold = run.hold.as_ref().ok_or(Refusal::RunNotHeld)?;
    let silent = hold.until <= ctx.now || removed(Switch::SignsCount);
    if !silent || open_question(view, &run)?.is_some() {
        return Ok(Change::default());
    }
    let said = format!("{} gave no sign of life for {}.", hold.agent, lasting(hold.ms));
    end(view, run.id, said.as_str().into(), retry, ctx)
}

fn end(view: &View, run: RunId, last_words: Excerpt, retry: Retry, ctx: &mut Ctx<'_>) -> Decided {
    ended(view, &EndRun { run, as_id: None, how: Ended::Failed, last_words, used: None, retry }, ctx)
}

/// The agent has reported, and with that its run is over.
pub(super) fn completed(change: &mut Change, task: &mut Task, mut run: Seen<Run>, words: &str, ctx: &mut Ctx<'_>) {
    let words = Excerpt::from(words).to_string();
    let data = close(&mut run.is, Outcome::Completed, &words, ctx);
    leave(task, &run.is, Outcome::Completed, ctx);
    let (project, task) = (run.is.project, run.is.task);
    let log = line(ctx, Some(project), Some(task), Outcome::Completed.activity(), &data);
    change.activity.push(log);
    touch(change, project);
    change.put(run.rev, run.is);
}

/// The agent of this run says something; where it asks, it waits for the answer.
pub(super) fn speaks(change: &mut Change, mut run: Seen<Run>, said: &Signal, now: Millis) {
    if run.is.hold.is_none() || !run.is.open() {
        return;
    }
    let renewed = renew(&mut run.is, now);
    let waits = said.waits() && run.is.state == RunState::Started;
    if waits {
        run.is.worked_ms = run.is.worked(now);
        run.is.state = RunState::Waiting;
        run.is.waits_for = Some(said.id);
    }
    if waits || renewed {
        touch(change, run.is.project);
        change.put(run.rev, run.is);
    }
}

/// What an agent that took its task asked is answered: it is expected to go on, where it waits for nothing else.
pub(super) fn answered(view: &View, change: &mut Change, asked: &Signal, now: Millis) -> Result<(), Stop> {
    let run = asked.run.map(|run| view.find::<Run>(run)).transpose()?.flatten();
    let Some(run) = run.filter(|run| run.is.open() && run.is.waits_for == Some(asked.id)) else { return Ok(()) };
    let mut is = run.is;
    let other = open_questions(view, &is)?.into_iter().find(|other| other.id != asked.id);
    is.waits_for = other.map(|other| other.id);
    if is.waits_for.is_none() {
        is.state = RunState::Started;
        is.turn_at = Some(now);
        if let Some(hold) = &mut is.hold {
            hold.until = now.plus(hold.ms);
        }
    }
    touch(change, is.project);
    change.put(run.rev, is);
    Ok(())
}

/// An open run of the agent that asks.
fn own_run(view: &View, run: RunId, ctx: &Ctx<'_>) -> Result<Seen<Run>, Stop> {
    let run = open_run(view, run)?;
    let hold = run.is.hold.as_ref().ok_or(Refusal::RunNotHeld)?;
    if hold.token.is_some() && hold.token != ctx.actor.who.id {
        return Err(Refusal::RunOfAnother.into());
    }
    Ok(run)
}

/// Whether there is something to write.
fn renew(run: &mut Run, now: Millis) -> bool {
    let Some(hold) = &mut run.hold else { return false };
    let until = now.plus(hold.ms);
    let later = until.since(hold.until) > hold.ms / SIGN_PARTS;
    if later {
        hold.until = until;
    }
    later
}

/// `15 minutes`, `1 minute`, `30 seconds`.
fn lasting(ms: i64) -> String {
    let (many, unit) = if ms >= 60_000 { (ms / 60_000, "minute") } else { (ms / 1_000, "second") };
    format!("{many} {unit}{}", if many == 1 { "" } else { "s" })
}
