//! What the work loop writes: a claim, its life, its end; notes and pause.
//!
//! A claim *is* the run document. It is written before anything is asked of the
//! runtime, so whatever happens later, there is a record to go on from. The
//! names `action:<task>:<role>:<ordinal>` and `session:<key>` are unique: an
//! action is claimed once, whoever plans it.

use std::collections::BTreeMap;

use crate::{
    change::{Change, Expect},
    command::{ClaimRun, ContinueRun, EndRun, Ended, Place, Retry, RunTaken},
    ctx::Ctx,
    doc::{DocKey, Kind, Rev, Scope, action_name, asks_link, session_name},
    id::{ProjectId, PromptId, RunId, TaskId},
    phase::{LastWords, Need, Then},
    query::SIGNALS_MAX,
    range::Range,
    refusal::Refusal,
    run::{Lease, LoopState, Outcome, Run, RunState, Stopping},
    sabotage::{Switch, removed},
    talk::Signal,
    task::{Role, Status, Task},
    text::{Excerpt, cut},
    view::{Seen, Stop, View},
};

use super::{Decided, alive, line, lost};

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

/// Takes a task for an agent of a phase.
pub fn claim(view: &View, claim: &ClaimRun, ctx: &mut Ctx<'_>) -> Decided {
    view.gather([Range::doc(Kind::Lease, "loop"), Range::doc(Kind::Task, claim.task)])?;
    let lease = view.must::<Lease>("loop", Refusal::LeaseLost)?;
    if lease.is.holder != claim.holder && !removed(Switch::UnderLease) {
        return Err(Refusal::LeaseLost.into());
    }
    let task = view.must::<Task>(claim.task, Refusal::TaskNotFound)?;
    if task.is.open_run.is_some() && !removed(Switch::OldRunFirst) {
        return Err(Refusal::RunOpen.into());
    }
    let waits = task.is.retry_at.is_some_and(|at| ctx.now < at) && !removed(Switch::RetryWait);
    let row = claim.phase.row();
    if task.is.status != row.from || waits || claim.attempt != next_attempt(&task.is, claim.role) {
        return Err(Refusal::NotReady.into());
    }
    if row.needs(Need::Dependencies) && task.is.open_dependencies > 0 && !removed(Switch::DependenciesFirst) {
        return Err(Refusal::DependenciesOpen(task.is.open_dependencies).into());
    }
    view.gather([Range::doc(Kind::Project, task.is.project), Range::doc(Kind::LoopState, task.is.project)])?;
    let project = alive::project(view, task.is.project)?;
    let state = view.find::<LoopState>(task.is.project)?;
    let paused = state.as_ref().is_some_and(|s| s.is.paused) && !removed(Switch::Pause);
    let off = !project.is.work_loop_enabled && !removed(Switch::Off);
    let homeless = row.needs(Need::LocalPath) && project.is.local_path.is_none();
    // The places were counted against what was set then; the next plan counts against what is set now.
    let counted_otherwise = project.is.work_loop_max_agents != claim.most && !removed(Switch::PlacesInProject);
    if off || paused || homeless || counted_otherwise {
        return Err(Refusal::NotReady.into());
    }

    let mut change = Change::default();
    change.expects.push(Expect::Doc(DocKey::new(Kind::Lease, "loop"), lease.rev));
    change.expects.push(Expect::Doc(DocKey::new(Kind::Project, project.is.id), project.rev));
    change.expects.push(Expect::Doc(DocKey::new(Kind::LoopState, project.is.id), state.map_or(0, |s| s.rev)));

    let id = RunId(ctx.ids.fresh());
    let session = claim.session.clone();
    let run = Run {
        id,
        task: claim.task,
        project: project.is.id,
        role: claim.role,
        phase: claim.phase,
        attempt: claim.attempt,
        action_id: action_id(claim.task, claim.role, claim.attempt),
        key: Run::key_of(id),
        runtime: claim.runtime.clone(),
        session_key: session.clone(),
        model: claim.model.clone(),
        prompt_version: claim.prompt_version.clone(),
        state: RunState::Claimed,
        successors: Vec::new(),
        waits_for: None,
        reported: false,
        opened_pr: Some(false),
        hears: None,
        boot: None,
        stopping: None,
        trouble: None,
        claimed_at: ctx.now,
        started_at: None,
        ended_at: None,
        outcome: None,
        last_words: None,
    };
    if !removed(Switch::ActionName) {
        change.claim(action_name(&run.action_id), DocKey::new(Kind::Run, id));
    }
    change.claim(session_name(&session), DocKey::new(Kind::Run, id));

    let mut after = task.is.clone();
    after.open_run = Some(id);
    after.agent_session_key = Some(session.clone());
    after.session_id = Some(session.clone());
    after.agent_spawned_at = Some(ctx.now);
    // By what its agent is told; the prompts that come with the program have no id.
    after.prompt_version_id = claim.prompt_version.parse::<PromptId>().ok().map(|id| id.to_string());
    after.retry_at = None;
    super::task::enter(view, &mut change, &mut after, row.at, Place::End, None, false, ctx)?;
    after.updated_at = ctx.now;
    change.activity.push(line(
        ctx,
        Some(project.is.id),
        Some(claim.task),
        "agent_assigned",
        &[
            ("session_key", session),
            ("model", claim.model.clone().unwrap_or_default()),
            ("role", claim.role.word().into()),
            ("attempt", claim.attempt.to_string()),
            ("prompt_version", claim.prompt_version.clone()),
            ("from_status", row.from.word().into()),
            ("to_status", row.at.word().into()),
        ],
    ));
    change.create(run);
    change.put(task.rev, after);
    touch(&mut change, project.is.id);
    Ok(change)
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
        Some(first) => Stopping { forget: first.forget || stopping.forget, ..first.clone() },
        None => stopping.clone(),
    };
    if before.as_ref() != Some(&now) {
        run.is.stopping = Some(now);
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
        return wait_for(run, &question, words, ctx);
    }

    let outcome = match end.how {
        Ended::Aborted => Outcome::Aborted,
        _ if reported => Outcome::Completed,
        Ended::Failed | Ended::OutOfReach => Outcome::Failed,
        Ended::Finished => Outcome::Silent,
    };
    run.is.state = RunState::Ended;
    run.is.hears = None;
    run.is.stopping = None;
    run.is.trouble = None;
    run.is.outcome = Some(outcome);
    run.is.ended_at = Some(ctx.now);
    run.is.waits_for = None;
    run.is.last_words = (!words.is_empty()).then(|| words.clone());

    let mut change = Change::default();
    let mut data = vec![
        ("session_key", run.is.session_key.clone()),
        ("role", run.is.role.word().to_owned()),
        ("attempt", run.is.attempt.to_string()),
        ("outcome", outcome.word().to_owned()),
        ("output_preview", cut(&words, PREVIEW_MAX)),
        ("duration_ms", ctx.now.since(run.is.started_at.unwrap_or(run.is.claimed_at)).to_string()),
    ];
    let orphan = task.is_none();
    if let Some(seen) = task {
        let mut after = seen.is.clone();
        *after.ended_runs.entry(run.is.role).or_insert(0) += 1;
        if after.open_run == Some(run.is.id) {
            after.open_run = None;
            after.agent_session_key = None;
        }
        after.updated_at = ctx.now;
        if outcome == Outcome::Completed {
            calm(&mut after);
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
            let to = fate(&mut after, (row.then)(outcome), &words, end.retry, ctx);
            let trouble = after.trouble.take();
            super::task::enter(view, &mut change, &mut after, to, Place::End, None, false, ctx)?;
            after.trouble = trouble;
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
    Ok(view.find::<LoopState>(project)?.map_or_else(
        || (0, LoopState { project, paused: false, notes: BTreeMap::new(), notice: None, updated_at: ctx.now }),
        |seen| (seen.rev, seen.is),
    ))
}

/// The oldest signal of the run that still keeps it open: not answered, or answered and not yet delivered.
fn open_question(view: &View, run: &Run) -> Result<Option<Signal>, Stop> {
    let ours = |s: &Signal| s.run == Some(run.id) || s.session_key.eq_ignore_ascii_case(&run.session_key);
    // Only what is not settled: however many notes the agent wrote, its question is among these.
    let asks = Range::Linked { kind: Kind::Signal, link: asks_link(run.task), limit: SIGNALS_MAX };
    Ok(view.list::<Signal>(asks)?.into_iter().map(|s| s.is).find(|s| ours(s) && s.open()))
}

fn wait_for(mut run: Seen<Run>, question: &Signal, words: String, ctx: &mut Ctx<'_>) -> Decided {
    run.is.state = RunState::Waiting;
    run.is.waits_for = Some(question.id);
    run.is.last_words = (!words.is_empty()).then_some(words);
    let mut change = Change::default();
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
    task.retry_at = None;
    task.trouble = None;
}

/// Where an ended run brings its task, and what the task remembers of it.
fn fate(task: &mut Task, then: Then, words: &str, retry: Retry, ctx: &Ctx<'_>) -> Status {
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

fn touch(change: &mut Change, project: ProjectId) {
    change.touch(Scope::Project(project)).touch(Scope::Installation);
}
