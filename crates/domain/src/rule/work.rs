//! What the work loop writes of a run: its life, its end; notes and pause. How one begins: [`super::claim`].

use std::collections::BTreeMap;

use crate::{
    brake::WINDOWS_IN_A_ROW,
    change::Change,
    command::{ContinueRun, EndRun, Ended, Place, Retry, RunTaken},
    ctx::Ctx,
    doc::{Kind, Rev, Scope, action_name, asks_link, session_name},
    id::{ProjectId, RunId, TaskId},
    phase::{LastWords, Then},
    project::Project,
    query::SIGNALS_MAX,
    range::Range,
    refusal::Refusal,
    run::{LoopState, Outcome, Run, RunState, Stopping},
    sabotage::{Switch, removed},
    talk::Signal,
    task::{Role, Status, Task},
    text::{Excerpt, cut},
    time::Millis,
    view::{Seen, Stop, View},
};

use super::{
    Decided, alive,
    brake::{fruitless, left_something, newest_comments, spend},
    line, lost,
};

/// Longest preview of last words in a line of the log, in characters.
pub const PREVIEW_MAX: usize = 500;
/// Longest wait between two attempts, in milliseconds: one hour.
pub const RETRY_WAIT_MAX_MS: i64 = 3_600_000;

/// `<task>:<role>:<ordinal>`.
#[must_use]
pub fn action_id(task: TaskId, role: Role, attempt: u32) -> String {
    format!("{task}:{}:{attempt}", role.word())
}

/// The ordinal of the next attempt of `role` at `task`.
#[must_use]
pub fn next_attempt(task: &Task, role: Role) -> u32 {
    task.ended_runs.get(&role).copied().unwrap_or(0) + 1
}

/// The runtime took the run. Said twice it changes nothing.
pub fn started(view: &View, taken: &RunTaken, ctx: &mut Ctx<'_>) -> Decided {
    let mut run = open_run(view, taken.run)?;
    let mut change = Change::default();
    if run.is.state == RunState::Claimed {
        run.is.state = RunState::Started;
        run.is.boot.clone_from(&taken.boot);
        run.is.started_at = Some(ctx.now);
        touch(&mut change, run.is.project);
        change.put(run.rev, run.is);
    }
    Ok(change)
}

/// The runtime goes on with the run under another id: its own restart, or a message that began a new turn.
pub fn continued(view: &View, continued: &ContinueRun, ctx: &mut Ctx<'_>) -> Decided {
    let ContinueRun { run, from, as_id } = continued;
    let mut run = open_run(view, *run)?;
    let mut change = Change::default();
    if run.is.current_id() != from && !run.is.is_known_as(as_id) {
        return Ok(change);
    }
    if run.is.is_known_as(as_id) && run.is.state == RunState::Started {
        return Ok(change);
    }
    if run.is.state == RunState::Waiting {
        run.is.turn_at = Some(ctx.now);
    }
    if !run.is.is_known_as(as_id) {
        run.is.successors.push(as_id.clone());
    }
    run.is.state = RunState::Started;
    run.is.waits_for = None;
    run.is.started_at.get_or_insert(ctx.now);
    change.activity.push(line(
        ctx,
        Some(run.is.project),
        Some(run.is.task),
        "agent_continued",
        &[("session_key", run.is.session_key.clone()), ("run_id", as_id.clone())],
    ));
    touch(&mut change, run.is.project);
    change.put(run.rev, run.is);
    Ok(change)
}

/// The run is to be stopped. The first reason stands; only that its session must go is added to it.
pub fn stop(view: &View, run: RunId, stopping: &Stopping, _ctx: &mut Ctx<'_>) -> Decided {
    let mut run = open_run(view, run)?;
    let mut change = Change::default();
    let before = run.is.stopping.clone();
    let now = match &before {
        Some(first) => {
            Stopping { forget: first.forget || stopping.forget, used: first.used.max(stopping.used), ..first.clone() }
        }
        None => stopping.clone(),
    };
    if before.as_ref() != Some(&now) {
        run.is.stopping = Some(now);
        touch(&mut change, run.is.project);
        change.put(run.rev, run.is);
    }
    Ok(change)
}

/// Somebody wants an agent stopped. Said again it changes nothing; the first reason to stop it stands.
pub fn stop_agent(view: &View, run: RunId, ctx: &mut Ctx<'_>) -> Decided {
    let mut run = open_run(view, run)?;
    let mut change = Change::default();
    if run.is.stopping.is_none() {
        let by = ctx.actor.who.in_words();
        let why = format!("{by} stopped the agent.");
        run.is.stopping = Some(Stopping { how: Ended::Aborted, why, forget: false, used: None, by: Some(by) });
        let said = [("session_key", run.is.session_key.clone()), ("role", run.is.role.word().to_owned())];
        change.activity.push(line(ctx, Some(run.is.project), Some(run.is.task), "agent_stopped", &said));
        touch(&mut change, run.is.project);
        change.put(run.rev, run.is);
    }
    Ok(change)
}

/// What keeps the run from being followed. The same words write nothing.
pub fn tell(view: &View, run: RunId, trouble: Option<&Excerpt>, _ctx: &mut Ctx<'_>) -> Decided {
    let mut run = open_run(view, run)?;
    let mut change = Change::default();
    let trouble = trouble.map(Excerpt::as_str);
    if run.is.trouble.as_deref() != trouble {
        run.is.trouble = trouble.map(str::to_owned);
        touch(&mut change, run.is.project);
        change.put(run.rev, run.is);
    }
    Ok(change)
}

/// As [`ended`], but not while words to its agent may arrive yet: they would begin a turn in its session, which nobody
/// would follow. Of one that nobody can reach there is nothing to wait for.
pub fn over(view: &View, end: &EndRun, ctx: &mut Ctx<'_>) -> Decided {
    let run = open_run(view, end.run)?.is;
    if end.how != Ended::OutOfReach
        && let Some(answer) = run.hears
        && view.find::<Signal>(answer)?.is_some_and(|answer| answer.is.is_under_way() && !answer.is.shelved)
        && !removed(Switch::WordsUnderWay)
    {
        return Err(Refusal::AnswerUnderWay.into());
    }
    ended(view, end, ctx)
}

/// The run is over, or its turn ended with an open question.
///
/// What becomes of the task: a report or a pull request brings it to review; an end
/// without either blocks it with the agent's last words; a failure brings it back to
/// ready after a wait, and blocks it at the cap. A task that somebody moved away in
/// the meantime stays where it is.
pub fn ended(view: &View, end: &EndRun, ctx: &mut Ctx<'_>) -> Decided {
    let mut run = open_run(view, end.run)?;
    let of_an_older_turn = end.as_id.as_deref().is_some_and(|id| id != run.is.current_id());
    if of_an_older_turn && !removed(Switch::EndOfItsTurn) {
        return Ok(Change::default());
    }
    view.gather([
        Range::doc(Kind::Task, run.is.task),
        Range::doc(Kind::Project, run.is.project),
        Range::doc(Kind::LoopState, run.is.project),
        newest_comments(run.is.task),
    ])?;
    let task = view.find::<Task>(run.is.task)?;
    let row = run.is.phase.row();
    let on_it = task.as_ref().is_some_and(|t| t.is.status == row.at && t.is.open_run == Some(run.is.id));
    // A pull request of an earlier attempt says nothing of this one. Programs of before did not tell them apart.
    let opened_pr = run.is.opened_pr.unwrap_or_else(|| task.as_ref().is_some_and(|t| t.is.pr_number.is_some()));
    let reported = run.is.reported && !removed(Switch::ReportCounts) || (end.how == Ended::Finished && opened_pr);
    let words = end.last_words.to_string();

    if end.how == Ended::Finished
        && on_it
        && !reported
        && let Some(question) = open_question(view, &run.is)?
    {
        return wait_for(view, run, &question, end, ctx);
    }

    let opens_at = if let Ended::Limited(at) = end.how { Some(at) } else { None };
    let fails = view.find::<Project>(run.is.project)?.is_none_or(|project| project.is.limits_fail)
        || task.as_ref().is_some_and(|task| task.is.limited >= WINDOWS_IN_A_ROW);
    let outcome = match end.how {
        Ended::Aborted => Outcome::Aborted,
        _ if reported => Outcome::Completed,
        Ended::Limited(_) if !fails => Outcome::Limited,
        Ended::Failed | Ended::OutOfReach | Ended::Limited(_) => Outcome::Failed,
        Ended::Finished => Outcome::Silent,
    };
    let mut change = Change::default();
    let shut = opens_at.filter(|_| outcome == Outcome::Limited);
    spend(view, &mut change, &mut run.is, end.used, shut, ctx)?;
    let by = run.is.stopping.as_ref().and_then(|stopping| stopping.by.clone());
    let mut data = close(&mut run.is, outcome, &words, ctx);
    let orphan = task.is_none();
    if let Some(seen) = task {
        let mut after = seen.is.clone();
        leave(&mut after, &run.is, outcome, ctx);
        if on_it && !matches!(outcome, Outcome::Completed | Outcome::Limited) && by.is_none() {
            let left = left_something(view, &run.is)?;
            after.fruitless = if left { 0 } else { after.fruitless.saturating_add(1) };
        }
        // Whether its agent still works nobody knows: no other begins before a person has looked.
        let locks = end.how == Ended::OutOfReach
            && outcome == Outcome::Failed
            && (on_it || after.status == row.from && seen.is.open_run == Some(run.is.id));
        if locks {
            let from = after.status;
            super::task::enter(view, &mut change, &mut after, Status::Blocked, Place::End, None, false, ctx)?;
            after.trouble = Some(lost::out_of_reach(&words));
            data.push(("from_status", from.word().into()));
            data.push(("to_status", Status::Blocked.word().into()));
            data.push(("reason", after.trouble.clone().unwrap_or_default()));
        } else if on_it {
            let mut to = fate(&mut after, (row.then)(outcome), &words, end.retry, opens_at, ctx);
            if let Some(by) = by.filter(|_| outcome == Outcome::Aborted) {
                after.trouble = Some(format!("{by} stopped the agent. Move the task to Ready to start another."));
            }
            if after.is_fruitless() && !matches!(outcome, Outcome::Completed | Outcome::Limited) {
                if to == row.from {
                    to = Status::Blocked;
                }
                after.retry_at = None;
                after.trouble = Some(fruitless(after.fruitless, after.trouble.as_deref().unwrap_or_default()));
            }
            // Nobody has moved it by hand, which would forget what went wrong.
            let remembered = (after.failures, after.retry_at, after.trouble.take());
            super::task::enter(view, &mut change, &mut after, to, Place::End, None, false, ctx)?;
            (after.failures, after.retry_at, after.trouble) = remembered;
            data.push(("from_status", row.at.word().into()));
            data.push(("to_status", to.word().into()));
            data.push(("reason", after.trouble.clone().unwrap_or_default()));
        } else if after.status == row.from && after.failures >= end.retry.cap {
            // Handed back by whoever worked on it, as often as an attempt may fail.
            super::task::enter(view, &mut change, &mut after, Status::Blocked, Place::End, None, false, ctx)?;
            after.trouble =
                Some(format!("The agent gave it back {} times in a row. {words}", after.failures).trim().to_owned());
            data.push(("from_status", row.from.word().into()));
            data.push(("to_status", Status::Blocked.word().into()));
            data.push(("reason", after.trouble.clone().unwrap_or_default()));
        }
        change.put(seen.rev, after);
    }
    change.activity.push(line(ctx, Some(run.is.project), Some(run.is.task), outcome.activity(), &data));
    touch(&mut change, run.is.project);
    if orphan {
        // Its task was removed while it was at work: nobody can look at it any more.
        forget(&mut change, &run);
    } else {
        change.put(run.rev, run.is);
    }
    Ok(change)
}

/// The run is over from now on. Answers what the log says of it.
pub(super) fn close(run: &mut Run, outcome: Outcome, words: &str, ctx: &Ctx<'_>) -> Vec<(&'static str, String)> {
    run.state = RunState::Ended;
    run.hears = None;
    run.stopping = None;
    run.trouble = None;
    run.outcome = Some(outcome);
    run.ended_at = Some(ctx.now);
    run.waits_for = None;
    run.last_words = (!words.is_empty()).then(|| words.to_owned());
    vec![
        ("session_key", run.session_key.clone()),
        ("role", run.role.word().to_owned()),
        ("attempt", run.attempt.to_string()),
        ("outcome", outcome.word().to_owned()),
        ("output_preview", cut(words, PREVIEW_MAX)),
        ("duration_ms", ctx.now.since(run.started_at.unwrap_or(run.claimed_at)).to_string()),
    ]
}

/// Its task remembers that it is over.
pub(super) fn leave(task: &mut Task, run: &Run, outcome: Outcome, ctx: &Ctx<'_>) {
    *task.ended_runs.entry(run.role).or_insert(0) += 1;
    if task.open_run == Some(run.id) {
        task.open_run = None;
        task.agent_session_key = None;
    }
    task.updated_at = ctx.now;
    if outcome != Outcome::Limited {
        task.limited = 0;
    }
    if outcome == Outcome::Completed {
        calm(task);
    }
}

/// Removes an ended run with its names.
pub(crate) fn forget(change: &mut Change, run: &Seen<Run>) {
    change.delete(&run.doc);
    change.release(action_name(&run.is.action_id)).release(session_name(&run.is.session_key));
}

/// The loop's notes about a project changed. Equal notes write nothing.
pub fn note(
    view: &View,
    project: ProjectId,
    notes: &BTreeMap<TaskId, String>,
    notice: Option<&Excerpt>,
    ctx: &mut Ctx<'_>,
) -> Decided {
    let (rev, mut state) = loop_state(view, project, ctx)?;
    let mut change = Change::default();
    let notice = notice.map(Excerpt::as_str);
    if state.notes != *notes || state.notice.as_deref() != notice || removed(Switch::EqualNotes) {
        state.notes.clone_from(notes);
        state.notice = notice.map(str::to_owned);
        state.updated_at = ctx.now;
        change.touch(Scope::Project(project)).put(rev, state);
    }
    Ok(change)
}

/// A person pauses or resumes the loop in a project.
pub fn pause(view: &View, project: ProjectId, paused: bool, ctx: &mut Ctx<'_>) -> Decided {
    let (rev, mut state) = loop_state(view, project, ctx)?;
    let mut change = Change::default();
    if state.paused != paused {
        state.paused = paused;
        state.updated_at = ctx.now;
        change.activity.push(line(ctx, Some(project), None, if paused { "loop_paused" } else { "loop_resumed" }, &[]));
        touch(&mut change, project);
        change.put(rev, state);
    }
    Ok(change)
}

pub(super) fn open_run(view: &View, run: RunId) -> Result<Seen<Run>, Stop> {
    let run = view.must::<Run>(run, Refusal::RunNotFound)?;
    if run.is.open() { Ok(run) } else { Err(Refusal::RunEnded.into()) }
}

fn loop_state(view: &View, project: ProjectId, ctx: &Ctx<'_>) -> Result<(Rev, LoopState), Stop> {
    alive::project(view, project)?;
    Ok(view
        .find::<LoopState>(project)?
        .map_or_else(|| (0, LoopState::new(project, ctx.now)), |seen| (seen.rev, seen.is)))
}

/// The oldest signal of the run that still keeps it open: not answered, or answered and not yet delivered.
pub(super) fn open_question(view: &View, run: &Run) -> Result<Option<Signal>, Stop> {
    Ok(open_questions(view, run)?.into_iter().next())
}

/// All of them, oldest first.
pub(super) fn open_questions(view: &View, run: &Run) -> Result<Vec<Signal>, Stop> {
    let ours = |s: &Signal| s.run == Some(run.id) || s.session_key.eq_ignore_ascii_case(&run.session_key);
    // Only what is not settled: however many notes the agent wrote, its question is among these.
    let asks = Range::Linked { kind: Kind::Signal, link: asks_link(run.task), limit: SIGNALS_MAX };
    Ok(view.list::<Signal>(asks)?.into_iter().map(|s| s.is).filter(|s| ours(s) && s.open()).collect())
}

fn wait_for(view: &View, mut run: Seen<Run>, question: &Signal, end: &EndRun, ctx: &mut Ctx<'_>) -> Decided {
    let mut change = Change::default();
    spend(view, &mut change, &mut run.is, end.used, None, ctx)?;
    let words = end.last_words.to_string();
    run.is.state = RunState::Waiting;
    run.is.waits_for = Some(question.id);
    run.is.last_words = (!words.is_empty()).then_some(words);
    change.activity.push(line(
        ctx,
        Some(run.is.project),
        Some(run.is.task),
        "agent_waiting",
        &[("session_key", run.is.session_key.clone()), ("signal_id", question.id.to_string())],
    ));
    touch(&mut change, run.is.project);
    change.put(run.rev, run.is);
    Ok(change)
}

fn calm(task: &mut Task) {
    task.failures = 0;
    task.fruitless = 0;
    task.retry_at = None;
    task.trouble = None;
}

/// Where an ended run brings its task, and what the task remembers of it.
fn fate(task: &mut Task, then: Then, words: &str, retry: Retry, opens_at: Option<Millis>, ctx: &Ctx<'_>) -> Status {
    let said = if words.is_empty() { "(nothing)".to_owned() } else { cut(words, PREVIEW_MAX) };
    match then {
        Then::Goes(to) => to,
        Then::Stuck(to, sentence, last) => {
            task.trouble = Some(match last {
                LastWords::Follow => format!("{sentence} {said}"),
                LastWords::Left => sentence.to_owned(),
            });
            to
        }
        Then::Later(back) => {
            task.limited = task.limited.saturating_add(1);
            task.retry_at = Some(opens_at.unwrap_or(ctx.now));
            task.trouble = Some(format!("The model\u{2019}s usage window ran out; it goes on by itself. {said}"));
            back
        }
        Then::Again(back, over) => {
            task.failures += 1;
            if task.failures >= retry.cap && !removed(Switch::FailureCap) {
                task.retry_at = None;
                let times =
                    if task.failures == 1 { "once".to_owned() } else { format!("{} times in a row", task.failures) };
                task.trouble = Some(format!("The agent failed {times}. The last reason: {said}"));
                over
            } else {
                let doubled = retry.wait_ms.max(0).saturating_mul(1_i64 << (task.failures - 1).min(32));
                task.retry_at = Some(ctx.now.plus(doubled.min(RETRY_WAIT_MAX_MS)));
                task.trouble = Some(said);
                back
            }
        }
    }
}

pub(super) fn touch(change: &mut Change, project: ProjectId) {
    change.touch(Scope::Project(project)).touch(Scope::Installation);
}
