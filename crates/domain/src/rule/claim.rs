//! How a run begins.
//!
//! A claim *is* the run document. It is written before anything is asked of the
//! runtime, so whatever happens later, there is a record to go on from. The
//! names `action:<task>:<role>:<ordinal>` and `session:<key>` are unique: an
//! action is claimed once, whoever plans it.

use crate::{
    brake::Spent,
    change::{Change, Expect},
    command::{ClaimRun, Place},
    ctx::Ctx,
    doc::{DocKey, Kind, action_name, session_name},
    id::{PromptId, RunId, TaskId},
    phase::{Need, Phase},
    range::Range,
    refusal::Refusal,
    run::{Hold, Lease, LoopState, Run, RunState},
    sabotage::{Switch, removed},
    task::{Role, Task},
    view::{Seen, Stop, View},
};

use super::{
    Decided, alive, line,
    work::{action_id, next_attempt, touch},
};

/// How a task is taken: by the loop for an agent of its own, or by an agent.
pub(super) struct Taking<'a> {
    pub task: TaskId,
    pub phase: Phase,
    pub role: Role,
    pub attempt: u32,
    pub runtime: &'a str,
    pub session: &'a str,
    pub model: Option<&'a str>,
    pub prompt_version: &'a str,
    pub hold: Option<Hold>,
}

/// The task, if it may be taken now.
pub(super) fn takeable(view: &View, taking: &Taking<'_>, ctx: &Ctx<'_>) -> Result<Seen<Task>, Stop> {
    let task = view.must::<Task>(taking.task, Refusal::TaskNotFound)?;
    if task.is.open_run.is_some() && !removed(Switch::OldRunFirst) {
        return Err(Refusal::RunOpen.into());
    }
    let waits = task.is.retry_at.is_some_and(|at| ctx.now < at) && !removed(Switch::RetryWait);
    let row = taking.phase.row();
    if task.is.status != row.from
        || waits
        || task.is.is_fruitless()
        || taking.attempt != next_attempt(&task.is, taking.role)
    {
        return Err(Refusal::NotReady.into());
    }
    if row.needs(Need::Dependencies) && task.is.open_dependencies > 0 && !removed(Switch::DependenciesFirst) {
        return Err(Refusal::DependenciesOpen(task.is.open_dependencies).into());
    }
    Ok(task)
}

/// Takes a task for an agent of a phase.
pub fn claim(view: &View, claim: &ClaimRun, ctx: &mut Ctx<'_>) -> Decided {
    view.gather([Range::doc(Kind::Lease, "loop"), Range::doc(Kind::Task, claim.task)])?;
    let lease = view.must::<Lease>("loop", Refusal::LeaseLost)?;
    if lease.is.holder != claim.holder && !removed(Switch::UnderLease) {
        return Err(Refusal::LeaseLost.into());
    }
    let taking = Taking {
        task: claim.task,
        phase: claim.phase,
        role: claim.role,
        attempt: claim.attempt,
        runtime: &claim.runtime,
        session: &claim.session,
        model: claim.model.as_deref(),
        prompt_version: &claim.prompt_version,
        hold: None,
    };
    let task = takeable(view, &taking, ctx)?;
    view.gather([Range::doc(Kind::Project, task.is.project), Range::doc(Kind::LoopState, task.is.project)])?;
    let project = alive::project(view, task.is.project)?;
    let state = view.find::<LoopState>(task.is.project)?;
    let paused = state.as_ref().is_some_and(|s| s.is.paused) && !removed(Switch::Pause);
    let off = !project.is.work_loop_enabled && !removed(Switch::Off);
    let now = state.as_ref().map_or_else(|| LoopState::new(project.is.id, ctx.now), |s| s.is.clone());
    let dry = project.is.dry_run && !removed(Switch::DryRun);
    let used_up = project.is.budget.used_up(&now.spent.on(ctx.now)).is_some() && !removed(Switch::DayBudget);
    let shut = now.windows.iter().any(|window| window.shuts(taking.runtime, taking.model, ctx.now));
    let shut = shut && !project.is.limits_fail && !removed(Switch::UsageWindow);
    let homeless = claim.phase.row().needs(Need::LocalPath) && project.is.local_path.is_none();
    // The places were counted against what was set then; the next plan counts against what is set now.
    let counted_otherwise = project.is.work_loop_max_agents != claim.most && !removed(Switch::PlacesInProject);
    if off || paused || dry || used_up || shut || homeless || counted_otherwise {
        return Err(Refusal::NotReady.into());
    }

    let mut change = Change::default();
    change.expects.push(Expect::Doc(DocKey::new(Kind::Lease, "loop"), lease.rev));
    change.expects.push(Expect::Doc(DocKey::new(Kind::Project, project.is.id), project.rev));
    let spent = now.spent.on(ctx.now);
    let counted =
        LoopState { spent: Spent { runs: spent.runs.saturating_add(1), ..spent }, updated_at: ctx.now, ..now };
    change.put(state.map_or(0, |s| s.rev), counted);
    take(view, change, task, &taking, ctx)
}

/// Writes the run of a task that may be taken.
pub(super) fn take(
    view: &View,
    mut change: Change,
    task: Seen<Task>,
    taking: &Taking<'_>,
    ctx: &mut Ctx<'_>,
) -> Decided {
    let (id, row, project) = (RunId(ctx.ids.fresh()), taking.phase.row(), task.is.project);
    let session = taking.session.to_owned();
    // Whoever takes a task by itself has it by that.
    let begun = taking.hold.is_some();
    let run = Run {
        id,
        task: taking.task,
        project,
        role: taking.role,
        phase: taking.phase,
        attempt: taking.attempt,
        action_id: action_id(taking.task, taking.role, taking.attempt),
        key: Run::key_of(id),
        runtime: taking.runtime.to_owned(),
        session_key: session.clone(),
        model: taking.model.map(str::to_owned),
        prompt_version: taking.prompt_version.to_owned(),
        state: if begun { RunState::Started } else { RunState::Claimed },
        successors: Vec::new(),
        waits_for: None,
        hold: taking.hold.clone(),
        reported: false,
        opened_pr: Some(false),
        hears: None,
        boot: None,
        stopping: None,
        trouble: None,
        claimed_at: ctx.now,
        started_at: begun.then_some(ctx.now),
        used: None,
        worked_ms: 0,
        turn_at: None,
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
    after.prompt_version_id = taking.prompt_version.parse::<PromptId>().ok().map(|id| id.to_string());
    after.retry_at = None;
    super::task::enter(view, &mut change, &mut after, row.at, Place::End, None, false, ctx)?;
    after.updated_at = ctx.now;
    change.activity.push(line(
        ctx,
        Some(project),
        Some(taking.task),
        "agent_assigned",
        &[
            ("session_key", session),
            ("model", taking.model.unwrap_or_default().to_owned()),
            ("role", taking.role.word().into()),
            ("agent", taking.hold.as_ref().map(|hold| hold.agent.clone()).unwrap_or_default()),
            ("attempt", taking.attempt.to_string()),
            ("prompt_version", taking.prompt_version.to_owned()),
            ("from_status", row.from.word().into()),
            ("to_status", row.at.word().into()),
        ],
    ));
    change.create(run);
    change.put(task.rev, after);
    touch(&mut change, project);
    Ok(change)
}
