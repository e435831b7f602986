//! Tasks: make, change, move, remove.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    change::Change,
    command::{Direction, MoveTask, NewTask, Place, TaskPatch},
    ctx::Ctx,
    doc::{Dependency, DocKey, Inside, Kind, Scope, id8_name, number_name},
    id::{ProjectId, TaskId},
    project::Counts,
    range::{After, Range},
    refusal::Refusal,
    right::Right,
    rule::{
        Decided, PAGE, alive, dependency, line,
        order::{at_end, ends_of, place_in},
        placing,
        project::next_number,
        require,
    },
    run::Run,
    sabotage::{Switch, removed},
    talk::{Comment, Signal},
    task::{EDGES_MAX, Resolution, Status, Task, TaskField, TaskFields},
    view::{Seen, Stop, View},
};

/// The counter that gives tasks their numbers.
pub(crate) const TASK_NUMBER: &str = "task-number";
/// How many ids are tried when the first eight characters clash; one clash in four billion is usual.
const ID_TRIES: u32 = 8;

/// Makes a task at the end of its column.
pub fn create(view: &View, new: &NewTask, ctx: &mut Ctx<'_>) -> Decided {
    let wish = TaskId(ctx.ids.fresh());
    view.gather(
        [
            Range::doc(Kind::Project, new.project),
            Range::doc(Kind::Counts, new.project),
            Range::doc(Kind::Counter, TASK_NUMBER),
            Range::doc(Kind::Unique, id8_name(new.project, wish)),
        ]
        .into_iter()
        .chain(ends_of(new.project, new.status, true, 1))
        .chain(new.dependencies.iter().map(|(other, _)| Range::doc(Kind::Task, other))),
    )?;
    alive::project(view, new.project)?;
    let counts = counts(view, new.project)?;
    let mut change = Change::default();
    let id = free_id(view, &change, new.project, wish, ctx)?;
    let number = next_number(view, &mut change, TASK_NUMBER)?;
    let mut task = Task::new(id, new.project, number, new.title.clone(), new.status, ctx.now);
    new.fields.apply(&mut task);
    task.position = at_end(view, new.project, new.status)?;
    for (other, direction) in &new.dependencies {
        // A new task cannot close a circle: nothing waits for it yet but what is named here.
        let edge = match direction {
            Direction::DependsOn => (id, *other),
            Direction::Blocks => (*other, id),
        };
        dependency::link_new(view, &mut change, &mut task, *other, edge, ctx)?;
    }
    if new.dependencies.len() > 1 {
        dependency::refuse_cycle_through_new(view, &mut change, new)?;
    }
    placing::may_move(Status::Backlog, new.status, task.open_dependencies, false)?;
    if new.status == Status::Done {
        not_reserved(&task, ctx)?;
    }
    let mut shifted = counts.is;
    shifted.shift(None, Some(new.status));
    change.put(counts.rev, shifted);
    let (title, priority) = (task.title.to_string(), task.priority);
    change.create(task);
    change.claim(id8_name(new.project, id), DocKey::new(Kind::Task, id));
    change.claim(number_name(number), DocKey::new(Kind::Task, id));
    change.touch(Scope::Project(new.project)).touch(Scope::Installation);
    let said = [("title", title), ("status", new.status.word().into()), ("priority", priority.word().into())];
    let log = line(ctx, Some(new.project), Some(id), "task_created", &said);
    change.activity.push(log);
    Ok(change)
}

/// Changes fields of a task, and its column when the patch says so.
pub fn update(view: &View, id: TaskId, patch: &TaskPatch, ctx: &mut Ctx<'_>) -> Decided {
    let old = alive::task(view, id)?;
    let mut is = old.is.clone();
    if patch.fields.requires_human_review == Some(false) {
        not_reserved(&is, ctx)?;
    }
    patch.fields.apply(&mut is);
    overtaken(&old.is, &is, patch)?;
    let moves = patch.status.as_ref().filter(|(to, _)| *to != is.status);
    let mut change = Change::default();
    if matches!(patch.fields.pr_number, Some(Some(_))) {
        opened_in_run(view, &mut change, &is)?;
    }
    if is == old.is && moves.is_none() {
        return Ok(change);
    }
    let mut said = vec![("fields", TaskFields::changed(&old.is, &is).join(", "))];
    let mut what = "task_changed";
    if is.pr_number.is_some() && old.is.pr_number.is_none() {
        what = "pr_opened";
        said.push(("pr_number", is.pr_number.map(|n| n.to_string()).unwrap_or_default()));
        said.push(("branch", is.branch.clone().unwrap_or_else(|| format!("fix/{}", id.id8()))));
    }
    if let Some((to, reason)) = moves {
        what = "status_changed";
        said.extend([("from_status", is.status.word().to_owned()), ("to_status", to.word().into())]);
        said.push(("reason", reason.clone().unwrap_or_default().into_string()));
        enter(view, &mut change, &mut is, *to, Place::End, None, patch.reopen, ctx)?;
    }
    is.updated_at = ctx.now;
    let project = is.project;
    change.put(old.rev, is);
    change.touch(Scope::Project(project));
    let log = line(ctx, Some(project), Some(id), what, &said);
    change.activity.push(log);
    Ok(change)
}

/// Who writes a text anew had one before them: where that is another by now, both are the person's to look at.
fn overtaken(old: &Task, new: &Task, patch: &TaskPatch) -> Result<(), Refusal> {
    let Some((field, was)) = &patch.instead_of else { return Ok(()) };
    let text = |task: &Task| match field {
        TaskField::Title => task.title.as_str().to_owned(),
        TaskField::Description => task.description.as_ref().map_or_else(String::new, |words| words.as_str().to_owned()),
        _ => was.clone(),
    };
    // Browsers end lines in their own way.
    let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let is = text(old);
    if plain(&is) == plain(was) || is == text(new) { Ok(()) } else { Err(Refusal::TextChanged) }
}

/// A pull request belongs to the run that is at work when it is opened: only that one is finished by it.
fn opened_in_run(view: &View, change: &mut Change, task: &Task) -> Result<(), Stop> {
    let Some(run) = task.open_run.map(|id| view.find::<Run>(id)).transpose()?.flatten() else { return Ok(()) };
    if run.is.open() && run.is.opened_pr != Some(true) {
        change.put(run.rev, Run { opened_pr: Some(true), ..run.is });
    }
    Ok(())
}

/// Moves a task across or within columns.
pub fn relocate(view: &View, to: &MoveTask, ctx: &mut Ctx<'_>) -> Decided {
    let beside = match to.place {
        Place::Before(id) | Place::After(id) => Some(Range::doc(Kind::Task, id)),
        Place::End | Place::Top | Place::Index(_) => None,
    };
    view.gather([Range::doc(Kind::Task, to.task)].into_iter().chain(beside))?;
    let old = alive::task(view, to.task)?;
    let mut is = old.is.clone();
    let mut change = Change::default();
    if is.status == to.to {
        if is.status == Status::Done {
            return Ok(change); // done is ordered by time
        }
        let placed = place_in(view, &mut change, is.project, to.to, is.id, to.place)?;
        if change.is_empty() && placed.to_bits() == is.position.to_bits() {
            return Ok(change);
        }
        is.position = placed;
        let project = is.project;
        change.put(old.rev, is);
        change.touch(Scope::Project(project));
        let log = line(ctx, Some(project), Some(to.task), "reordered", &[("status", to.to.word().into())]);
        change.activity.push(log);
        return Ok(change);
    }
    let said = [
        ("from_status", is.status.word().to_owned()),
        ("to_status", to.to.word().into()),
        ("reason", to.reason.clone().unwrap_or_default().into_string()),
    ];
    enter(view, &mut change, &mut is, to.to, to.place, to.resolution, to.reopen, ctx)?;
    is.updated_at = ctx.now;
    let project = is.project;
    change.put(old.rev, is);
    change.touch(Scope::Project(project));
    let log = line(ctx, Some(project), Some(to.task), "status_changed", &said);
    change.activity.push(log);
    Ok(change)
}

/// Removes a task with its edges, comments and signals. Its log stays.
pub fn delete(view: &View, id: TaskId, ctx: &mut Ctx<'_>) -> Decided {
    let old = alive::task(view, id)?;
    not_reserved(&old.is, ctx)?;
    let project = old.is.project;
    view.gather(hanging_on(id).into_iter().chain([Range::doc(Kind::Counts, project)]))?;
    let counts = counts(view, project)?;
    let mut change = Change::default();
    remove_what_hangs_on(view, &mut change, &BTreeSet::from([id]))?;
    let mut shifted = counts.is;
    shifted.shift(Some(old.is.status), None);
    change.put(counts.rev, shifted);
    change.delete(&old.doc);
    change.release(id8_name(project, id)).release(number_name(old.is.number));
    change.touch(Scope::Project(project)).touch(Scope::Installation);
    let log = line(ctx, Some(project), Some(id), "task_deleted", &[("title", old.is.title.to_string())]);
    change.activity.push(log);
    Ok(change)
}

/// Puts a task into another column, with everything that follows from it (facts §1.2.1).
/// The caller writes the task itself and the line of the log.
#[expect(clippy::too_many_arguments, reason = "one place where every kind of move meets its consequences")]
pub(crate) fn enter(
    view: &View,
    change: &mut Change,
    task: &mut Task,
    to: Status,
    place: Place,
    resolution: Option<Resolution>,
    reopen: bool,
    ctx: &mut Ctx<'_>,
) -> Result<(), Stop> {
    let from = task.status;
    placing::may_move(from, to, task.open_dependencies, reopen)?;
    if to == Status::Done {
        not_reserved(task, ctx)?;
    }
    if matches!(to, Status::Ready | Status::InProgress) && task.is_fruitless() {
        require(ctx, Right::Decide)?;
    }
    let leaves_done = (from == Status::Done) != (to == Status::Done);
    view.gather(
        [Range::doc(Kind::Counts, task.project)]
            .into_iter()
            .chain(leaves_done.then(|| Range::linked(Kind::Dependency, task.id, EDGES_MAX)))
            .chain((place == Place::End).then(|| ends_of(task.project, to, true, 2)).into_iter().flatten()),
    )?;
    task.position = place_in(view, change, task.project, to, task.id, place)?;
    task.status = to;
    task.status_changed_at = ctx.now;
    // Whoever was to take it has, or it is another matter now.
    task.dispatch = None;
    if matches!(to, Status::Backlog | Status::Ready | Status::Done) && !removed(Switch::EscalationOver) {
        task.escalation = None;
    }
    match to {
        Status::InReview => {
            task.agent_session_key = None;
            task.trouble = None;
        }
        Status::Ready => {
            task.triaged_at = None;
            if gives_back(task, ctx) {
                // Whoever works on it cannot win attempts without end by handing it back.
                task.failures += 1;
            } else if !ctx.actor.may(Right::Lead) {
                // Somebody wants it tried: what went wrong before does not count any more.
                task.failures = 0;
                task.limited = 0;
                task.retry_at = None;
                task.trouble = None;
                if ctx.actor.may(Right::Decide) {
                    task.fruitless = 0;
                }
            }
        }
        Status::Done => {
            task.completed_at = task.completed_at.or(Some(ctx.now));
            task.trouble = None;
            task.resolution = resolution.or(task.resolution);
        }
        Status::Backlog | Status::InProgress | Status::Blocked => {}
    }
    if from == Status::Done {
        task.completed_at = None;
        task.resolution = None;
    }
    if leaves_done {
        tell_those_who_wait(view, change, task, to == Status::Done)?;
    }
    let counts = counts(view, task.project)?;
    let mut shifted = counts.is;
    shifted.shift(Some(from), Some(to));
    change.put(counts.rev, shifted);
    change.touch(Scope::Installation);
    Ok(())
}

/// A task that a person must look at is finished, removed, or freed of that by a person only.
pub(crate) fn not_reserved(task: &Task, ctx: &Ctx<'_>) -> Result<(), Refusal> {
    if task.requires_human_review { require(ctx, Right::Decide) } else { Ok(()) }
}

/// An agent is at work, and neither a person nor the loop takes the task from it.
fn gives_back(task: &Task, ctx: &Ctx<'_>) -> bool {
    task.open_run.is_some() && !ctx.actor.is_human() && !ctx.actor.may(Right::Lead)
}

/// Keeps `open_dependencies` of the tasks that wait for this one.
fn tell_those_who_wait(view: &View, change: &mut Change, task: &Task, done: bool) -> Result<(), Stop> {
    let edges = view.list::<Dependency>(Range::linked(Kind::Dependency, task.id, EDGES_MAX))?;
    view.gather(edges.iter().map(|edge| Range::doc(Kind::Task, edge.is.task)))?;
    for edge in edges {
        let Some(waiting) = change.of::<Task>(view, edge.is.task)? else { continue };
        let mut is = waiting.is;
        is.open_dependencies = if done { is.open_dependencies.saturating_sub(1) } else { is.open_dependencies + 1 };
        change.put(waiting.rev, is);
    }
    Ok(())
}

/// The ranges of everything that hangs on a task.
fn hanging_on(task: TaskId) -> [Range; 5] {
    [
        Range::children(Kind::Dependency, task, EDGES_MAX),
        Range::linked(Kind::Dependency, task, EDGES_MAX),
        Range::children(Kind::Comment, task, PAGE),
        Range::children(Kind::Signal, task, PAGE),
        Range::children(Kind::Run, task, PAGE),
    ]
}

/// Everything of one kind that hangs on a task, in pages: nothing may be left without its task.
fn all_of<T: Inside + Clone>(view: &View, task: TaskId) -> Result<Vec<Seen<T>>, Stop> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = view.list::<T>(Range::Children { kind: T::KIND, parent: task.to_string(), after, limit: PAGE })?;
        let last = page.last().filter(|_| page.len() == PAGE as usize);
        after = last.map(|seen| After { order: seen.doc.body.index().order, id: seen.doc.body.key().id });
        all.extend(page);
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Removes the edges of tasks that go (telling the tasks at their other ends that stay), their comments,
/// signals and ended runs.
fn remove_what_hangs_on(view: &View, change: &mut Change, gone: &BTreeSet<TaskId>) -> Result<(), Stop> {
    view.gather(gone.iter().flat_map(|task| hanging_on(*task)))?;
    let mut edges = BTreeMap::new();
    for task in gone {
        let [down, up, ..] = hanging_on(*task);
        for range in [down, up] {
            edges.extend(view.list::<Dependency>(range)?.into_iter().map(|edge| (edge.is.id, edge)));
        }
    }
    dependency::unlink(view, change, edges.values(), gone)?;
    for task in gone {
        for comment in all_of::<Comment>(view, *task)? {
            change.delete(&comment.doc);
        }
        for signal in all_of::<Signal>(view, *task)? {
            change.delete(&signal.doc);
        }
        for run in all_of::<Run>(view, *task)? {
            // An open run stays: the loop stops its agent and then closes it.
            if !run.is.open() {
                super::work::forget(change, &run);
            }
        }
    }
    Ok(())
}

/// The project's counts.
pub(crate) fn counts(view: &View, project: ProjectId) -> Result<Seen<Counts>, Stop> {
    view.must::<Counts>(project, Refusal::ProjectNotFound)
}

/// The wish, or another id, whose first eight characters are free in the project.
///
/// A decision's ids are the same each time that its rule is run, so a look at one of them is found again.
pub(crate) fn free_id(
    view: &View,
    change: &Change,
    project: ProjectId,
    wish: TaskId,
    ctx: &mut Ctx<'_>,
) -> Result<TaskId, Stop> {
    let mut id = wish;
    for _ in 0..ID_TRIES {
        let name = id8_name(project, id);
        if !view.taken(&name)? && !change.puts_key(&DocKey::unique(name)) {
            return Ok(id);
        }
        id = TaskId(ctx.ids.fresh());
    }
    Err(Refusal::IdsExhausted.into())
}
