//! What the loop does in a project becomes its page.

use std::collections::{BTreeMap, BTreeSet};

use clutch_domain::{
    activity::Activity,
    doc::Kind,
    id::TaskId,
    plan::explain::fix,
    query::{
        LoopView, unread_words,
        work::{LINES, lines},
    },
    range::Range,
    run::{Run, RunState},
    talk::Signal,
    task::{Status, Task},
    text::preview,
};

use super::{
    decided::{decision, is_decision, ticket},
    make::{ASK_ON_CARD, Extra, both, put, refused, retries_at},
    wire::Parts,
    work_loop::{Decision, LoopHead, Older, RunRow, StuckRow, Ticket, WaitRow},
};

/// Decisions that the page shows at first, and each time when somebody asks for more.
const DECISIONS: usize = 20;
/// So many tickets that wait say for which.
const NAMED: usize = 40;
/// So many of those that one waits for are named.
const OTHERS: u32 = 8;
/// Longest words of an agent that are shown, in characters.
const WORDS: usize = 220;

/// What to read: the log, tickets of agents that stand elsewhere, and for what the first ones wait.
pub fn ranges(view: &LoopView) -> Vec<Range> {
    let known: BTreeSet<TaskId> = view.tasks().map(|task| task.id).collect();
    let elsewhere = view.runs.iter().map(|run| run.task).filter(|id| !known.contains(id));
    let waiting = view.ready.iter().filter(|task| task.open_dependencies > 0).take(NAMED);
    let edges = waiting.map(|task| Range::children(Kind::Dependency, task.id, OTHERS));
    let mut ranges = vec![lines(view.project.id, None)];
    ranges.extend(elsewhere.map(|id| Range::doc(Kind::Task, id)));
    ranges.extend(edges);
    ranges
}

/// The tickets that those name.
pub fn further(view: &LoopView, extra: &Extra) -> Vec<Range> {
    let known: BTreeSet<TaskId> = view.tasks().chain(&extra.others).map(|task| task.id).collect();
    let told = shown(&extra.lines).filter_map(|line| line.task);
    let wanted: BTreeSet<TaskId> =
        told.chain(extra.edges.iter().map(|edge| edge.depends_on)).filter(|id| !known.contains(id)).collect();
    wanted.into_iter().map(|id| Range::doc(Kind::Task, id)).collect()
}

fn shown(lines: &[Activity]) -> impl Iterator<Item = &Activity> {
    lines.iter().filter(|line| is_decision(line)).take(DECISIONS)
}

/// Decisions of the log behind some line of it, with the tickets that they name.
#[must_use]
pub fn older(lines: &[Activity], tasks: &[Task]) -> Older {
    let decisions: Vec<Decision> = shown(lines).filter_map(|line| decision(line, tasks.iter())).map(short).collect();
    let next = if decisions.len() == DECISIONS {
        decisions.last().map(|last| last.id)
    } else {
        lines.last().filter(|_| lines.len() == LINES as usize).map(|last| last.id)
    };
    Older { decisions, next }
}

fn short(mut decision: Decision) -> Decision {
    decision.reason = decision.reason.map(|words| preview(&words, WORDS));
    decision
}

/// The page's parts.
pub fn parts(parts: &mut Parts, view: &LoopView, extra: &Extra) {
    let (project, state) = (&view.project, view.state.as_ref());
    let all = || view.tasks().chain(&extra.others);
    let notice = state.and_then(|state| state.notice.clone());
    let note = |task: &Task| state.and_then(|state| state.notes.get(&task.id));
    let head = LoopHead {
        project: project.id,
        slug: project.slug.to_string(),
        name: project.name.to_string(),
        color: project.color.clone(),
        enabled: extra.policy.enabled,
        loop_on: project.work_loop_enabled,
        paused: state.is_some_and(|state| state.paused),
        has_path: project.local_path.is_some(),
        notice: both(unread_words(&view.unread), notice.clone()),
        running: view.runs.iter().filter(|run| run.takes_a_place()).count() as u32,
        most: project.work_loop_max_agents.unwrap_or(extra.policy.max_agents_per_project),
        waiting: view.runs.iter().filter(|run| run.state == RunState::Waiting).count() as u32,
        ready: view.counts.of(Status::Ready),
        blocked: view.counts.of(Status::Blocked),
        wakes: view.ready.iter().filter_map(|task| retries_at(task, note(task))).min(),
    };
    put(parts, "head", &head);
    let asks: BTreeMap<TaskId, &Signal> = view.waiting.iter().rev().map(|s| (s.task, s)).collect();
    for run in &view.runs {
        put(parts, format!("r:{}", run.id), &run_row(run, ticket(all(), run.task), asks.get(&run.task).copied()));
    }
    for (place, task) in view.ready.iter().enumerate() {
        let said = note(task);
        let open = |id: &TaskId| all().find(|other| other.id == *id && other.status != Status::Done);
        let others = extra.edges.iter().filter(|edge| edge.task == task.id).filter_map(|edge| open(&edge.depends_on));
        let row = WaitRow {
            id: task.id,
            ticket: named(task),
            place: place as u32,
            role: task.acting_role(),
            why: said.filter(|said| Some(*said) != notice.as_ref() && retries_at(task, Some(*said)).is_none()).cloned(),
            retries_at: retries_at(task, said),
            fix: said.and_then(|said| fix(said, task, project, &extra.policy)),
            others: others.map(named).collect(),
            trouble: task.trouble.as_ref().filter(|_| retries_at(task, said).is_some()).map(|t| preview(t, WORDS)),
        };
        put(parts, format!("w:{}", task.id), &row);
    }
    for task in &view.blocked {
        let row = StuckRow {
            id: task.id,
            ticket: named(task),
            role: task.acting_role(),
            trouble: task.trouble.as_ref().map(|trouble| preview(trouble, WORDS * 2)),
            escalated_by: task.escalation.as_ref().map(|escalation| escalation.by.clone()),
            reason: task.escalation.as_ref().and_then(|escalation| escalation.reason.clone()),
            since: task.status_changed_at,
        };
        put(parts, format!("b:{}", task.id), &row);
    }
    for decision in shown(&extra.lines).filter_map(|line| decision(line, all())).map(short) {
        put(parts, format!("d:{}", decision.id), &decision);
    }
}

fn named(task: &Task) -> Ticket {
    Ticket { number: task.number, title: task.title.to_string() }
}

fn run_row(run: &Run, ticket: Ticket, asks: Option<&Signal>) -> RunRow {
    RunRow {
        id: run.id,
        task: run.task,
        ticket,
        role: run.role,
        model: run.model.clone(),
        attempt: run.attempt,
        state: if run.stopping.is_some() { "Is being stopped".to_owned() } else { run.state.label().to_owned() },
        agent: run.hold.as_ref().map(|hold| hold.agent.clone()),
        since: run.started_at.unwrap_or(run.claimed_at),
        asks: asks.map(|signal| preview(signal.message.as_str(), ASK_ON_CARD)),
        trouble: refused(Some(run)),
    }
}
