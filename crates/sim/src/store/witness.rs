//! Looks at each change that is applied beside what was there before it: what was claimed, by whom, and whether
//! it may have been.

use clutch_domain::{
    brake::{FRUITLESS_MAX, Window},
    change::Change,
    doc::{Body, DocKey, Inside, Kind},
    id::{PromptId, RunId},
    invariant::{Breach, Law},
    plan::Policy,
    project::Project,
    prompt::Version,
    run::{LoopState, Outcome, Run, RunState},
    talk::{Delivery, Signal},
    task::Task,
};

use super::{Kept, Said};
use crate::people::beside::is_broken;

/// A run that works again because of an answer may stand beside the limits; one that has done so for this long,
/// in milliseconds, is counted by everybody who claims.
const COUNTED_AFTER_MS: i64 = 60_000;

/// Kinds on which the laws of documents rest.
pub(super) const fn is_lawful_matter(kind: Kind) -> bool {
    !matches!(kind, Kind::Lease | Kind::Counter | Kind::LoopState | Kind::Activity)
}

/// Kinds that have unique names, or are one.
pub(super) const fn has_names(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Unique
            | Kind::Project
            | Kind::Task
            | Kind::Run
            | Kind::Dependency
            | Kind::Message
            | Kind::Chat
            | Kind::PromptVersion
    )
}

/// What is wrong with a change, and what has to be remembered of it. `by` is the server that made it, by the name
/// under which it takes the lease; `None` is a person or an agent.
pub(super) fn look(kept: &mut Kept, change: &Change, by: Option<&str>, policy: &Policy, now: i64) -> Vec<Breach> {
    let mut wrong = Vec::new();
    let takes_lease = change.puts().any(|body| matches!(body.kind(), Kind::Lease | Kind::Counter));
    let leader = kept.get::<clutch_domain::run::Lease>("loop").map(|lease| lease.holder.clone());
    if let Some(by) = by
        && !takes_lease
        && leader.as_deref() != Some(by)
    {
        let what: Vec<String> = change.puts().map(|body| body.key().kind.word().to_owned()).collect();
        wrong.push(Breach::new(Law::LeaderWrites, format!("{by} does not lead and writes {}", what.join(", "))));
    }
    for body in change.puts() {
        match body {
            Body::Run(run) => {
                let before = kept.get::<Run>(run.id).cloned();
                match &before {
                    None => claimed(kept, change, run, policy, now, &mut wrong),
                    Some(before) => went_on(kept, before, run, by, &mut wrong),
                }
                if before.is_some_and(|before| before.state == RunState::Waiting) && run.takes_a_place() {
                    kept.returned.insert(run.id, now);
                }
            }
            Body::Project(project) if project.deleted_at.is_some() => {
                let of_it = |run: &&Run| run.open() && run.project == project.id;
                let runs: Vec<RunId> = kept.all::<Run>().filter(of_it).map(|run| run.id).collect();
                kept.taken.extend(runs);
            }
            Body::LoopState(state) => {
                let same = |old: &LoopState| {
                    let said = (old.paused, &old.notes, &old.notice) == (state.paused, &state.notes, &state.notice);
                    said && (old.spent, &old.windows) == (state.spent, &state.windows)
                };
                if kept.get::<LoopState>(state.project).is_some_and(same) {
                    wrong.push(Breach::new(Law::SaidOnce, format!("the notes of {} are written again", state.project)));
                }
            }
            Body::Task(task) => {
                if let Some(run) = task.open_run.and_then(|run| kept.get::<Run>(run))
                    && task.status != run.phase.row().at
                {
                    let run = run.id;
                    kept.taken.insert(run);
                }
                let key = DocKey::new(Kind::Task, task.id);
                let first = kept.titles.entry(task.title.to_string()).or_insert_with(|| key.clone());
                if *first != key {
                    wrong.push(Breach::new(Law::DoneOnce, format!("\"{}\" was made twice", task.title)));
                }
            }
            _ => {}
        }
    }
    wrong
}

/// What this change says about the gateway: which runs end, and which answers have arrived.
pub(super) fn said(kept: &Kept, change: &Change) -> Vec<Said> {
    let gone = change.deletes().filter(|key| key.kind == Kind::Run).filter_map(|key| kept.get::<Run>(&key.id));
    let over = change.puts().filter_map(Run::of).filter(|run| !run.open()).filter_map(|run| kept.get::<Run>(run.id));
    let over = over.chain(gone).filter(|run| run.open()).cloned().map(|run| Said::Over(Box::new(run)));
    let sent = |signal: &Signal| signal.delivery == Some(Delivery::Sent);
    let news = |signal: &&Signal| sent(signal) && kept.get::<Signal>(signal.id).is_none_or(|before| !sent(before));
    over.chain(change.puts().filter_map(Signal::of).filter(news).map(|signal| Said::Arrived(signal.id))).collect()
}

/// A claim: everything that has to be so before an agent may begin.
fn claimed(kept: &Kept, change: &Change, run: &Run, policy: &Policy, now: i64, wrong: &mut Vec<Breach>) {
    let mut breach = |law, what: String| wrong.push(Breach::new(law, format!("{} is claimed {what}", run.session_key)));
    let Some(project) = kept.get::<Project>(run.project) else {
        return breach(Law::NotWhileOff, "and its project is gone".into());
    };
    // The loop's switch and places are the loop's.
    let held = run.hold.is_some();
    if !project.work_loop_enabled && !held || project.deleted_at.is_some() {
        breach(Law::NotWhileOff, "while its project is off or deleted".into());
    }
    if kept.get::<LoopState>(run.project).is_some_and(|state| state.paused) {
        breach(Law::NotWhilePaused, "while its project is paused".into());
    }
    if !held {
        let state = kept.get::<LoopState>(run.project);
        let spent = state.map(|state| state.spent).unwrap_or_default().on(run.claimed_at);
        if let Some(used_up) = project.budget.used_up(&spent) {
            breach(Law::WithinBudget, format!("when the day's budget of {used_up} is used up"));
        }
        if project.dry_run {
            breach(Law::NotWhileDry, "while its project only says what would be done".into());
        }
        let shut = |window: &&Window| window.shuts(&run.runtime, run.model.as_deref(), run.claimed_at);
        let known = state.into_iter().flat_map(|state| &state.windows);
        if let Some(window) = known.filter(|_| !project.limits_fail).find(shut) {
            breach(
                Law::NotWhileShut,
                format!("at {} and its model is shut until {}", run.claimed_at.0, window.until.0),
            );
        }
    }
    let task = kept.get::<Task>(run.task);
    if let Some(task) = task.filter(|task| task.fruitless >= FRUITLESS_MAX) {
        breach(Law::PersonAfterFruitless, format!("after {} that left nothing", task.fruitless));
    }
    if let Some(at) = task.and_then(|task| task.retry_at).filter(|at| run.claimed_at < *at) {
        breach(Law::NotBeforeRetry, format!("at {} and may be tried again at {}", run.claimed_at.0, at.0));
    }
    if let Ok(prompt) = run.prompt_version.parse::<PromptId>() {
        match kept.get::<Version>(prompt) {
            None => breach(Law::SoundPrompt, "with a prompt that is nowhere".into()),
            Some(version) if is_broken(version) => {
                breach(Law::SoundPrompt, format!("with version {} of its prompt, which is broken", version.version));
            }
            Some(_) => {}
        }
    }
    if task.is_some_and(|task| task.open_dependencies > 0) {
        breach(Law::NotBeforeOthers, "while its task waits for others".into());
    }
    if held {
        return;
    }
    // A run that was at work when the claim was decided still is, or it has ended since: then it has a place less.
    let counted = |other: &&Run| {
        let returned = kept.returned.get(&other.id).is_some_and(|since| now - since < COUNTED_AFTER_MS);
        other.takes_a_place() && other.hold.is_none() && !returned && change.written::<Run>(other.id).is_none()
    };
    let places: Vec<&Run> = kept.all::<Run>().filter(counted).collect();
    let in_project = places.iter().filter(|other| other.project == run.project);
    let of_role = in_project.clone().filter(|other| other.role == run.role).count() + 1;
    let (all, in_project) = (places.len() + 1, in_project.count() + 1);
    let most = project.work_loop_max_agents.unwrap_or(policy.max_agents_per_project) as usize;
    if all > policy.max_agents as usize {
        breach(Law::PlacesInAll, format!("as number {all} of {}", policy.max_agents));
    }
    if in_project > most {
        breach(Law::PlacesInProject, format!("as number {in_project} of {most} in its project"));
    }
    if let Some(most) = policy.most_of(run.role).filter(|most| of_role > *most as usize) {
        breach(Law::PlacesOfRole, format!("as number {of_role} of {most} of its role"));
    }
}

/// A run that was there before.
fn went_on(kept: &Kept, before: &Run, run: &Run, by: Option<&str>, wrong: &mut Vec<Breach>) {
    if run.reported && !before.reported && !kept.spoke.contains(&run.session_key) {
        let says = format!("{} counts as reported, and its agent said nothing", run.session_key);
        wrong.push(Breach::new(Law::ReportOfItsOwn, says));
    }
    let stopped = before.stopping.as_ref().is_some_and(|stopping| stopping.by.is_some());
    let taken = stopped || kept.taken.contains(&run.id) || kept.get::<Task>(run.task).is_none();
    if before.open() && run.outcome == Some(Outcome::Aborted) && !taken {
        let says = format!("{} ends as stopped, and nobody took its task away", run.session_key);
        wrong.push(Breach::new(Law::StoppedForCause, says));
    }
    let failed = matches!(run.outcome, Some(Outcome::Failed | Outcome::Silent));
    // By the clock of whoever takes it away; what the agent itself gives back is nobody's to judge.
    if let (Some(hold), Some(by), Some(ended)) = (&before.hold, by, run.ended_at)
        && before.open()
        && failed
        && ended < hold.until
    {
        let says = format!("{by} takes {} from {}, which has it until {}", run.session_key, hold.agent, hold.until.0);
        wrong.push(Breach::new(Law::HeldWhileThere, says));
    }
    if before.open() && (before.reported || run.reported) && failed {
        let says = format!("{} has reported and ends as {:?}", run.session_key, run.outcome);
        wrong.push(Breach::new(Law::ReportHolds, says));
    }
}
