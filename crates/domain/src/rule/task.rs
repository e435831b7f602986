//! Tasks: make, change, move, remove.

use crate::{
    change::Change,
    command::{Direction, MoveTask, NewTask, Place, TaskPatch},
    ctx::Ctx,
    doc::{Dependency, DocKey, Kind, Scope, id8_name, number_name},
    id::{ProjectId, TaskId},
    project::{Counts, Project},
    range::{Order, Range},
    refusal::Refusal,
    right::Right,
    rule::{
        Decided, dependency, line,
        placing::{self, Placed},
        project::{next_number, set, tidy},
        require,
    },
    run::Run,
    talk::{Comment, Signal},
    task::{Resolution, Status, Task},
    view::{Seen, Stop, View},
};

/// Whole open columns are read to find a place; a column holds at most this many cards that can be reordered.
const COLUMN: u32 = 500;
/// Most comments, edges and signals that go with a task.
const HANGING: u32 = 2_000;
/// How many ids are tried when the first eight characters clash; one clash in four billion is usual.
const ID_TRIES: u32 = 8;

/// Makes a task at the end of its column.
pub fn create(view: &View, new: &NewTask, ctx: &mut Ctx<'_>) -> Decided {
    view.must::<Project>(new.project, Refusal::ProjectNotFound)?;
    let counts = counts(view, new.project)?;
    let mut change = Change::default();
    let id = free_id(view, new.project, ctx)?;
    let number = next_number(view, &mut change, "task-number")?;
    let mut task = Task {
        id,
        project: new.project,
        number,
        title: new.title.clone(),
        description: new.description.clone(),
        status: new.status,
        priority: new.priority,
        role: new.role,
        assignee: tidy(new.assignee.clone()),
        requires_human_review: new.requires_human_review,
        tags: new.tags.clone(),
        session_id: None,
        prompt_version_id: None,
        dispatch_status: None,
        dispatch_requested_at: None,
        dispatch_requested_by: None,
        agent_session_key: None,
        agent_spawned_at: None,
        open_run: None,
        ended_runs: Default::default(),
        failures: 0,
        retry_at: None,
        trouble: None,
        reported_run: None,
        reviewer_rejection_count: 0,
        triage_sent_at: None,
        triage_acked_at: None,
        auto_triage_count: 0,
        escalated: false,
        escalated_at: None,
        branch: None,
        pr_number: None,
        review_comments: None,
        review_count: 0,
        post_merge_steps: None,
        verification_status: None,
        verification_output: None,
        resolution: None,
        position: 0.0,
        open_dependencies: 0,
        dependencies: 0,
        dependents: 0,
        created_at: ctx.now,
        updated_at: ctx.now,
        status_changed_at: ctx.now,
        completed_at: (new.status == Status::Done).then_some(ctx.now),
    };
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
        dependency::refuse_cycle_through_new(view, new)?;
    }
    placing::may_move(Status::Backlog, new.status, task.open_dependencies, false)?;
    if new.status == Status::Done {
        not_reserved(&task, ctx)?;
    }
    let mut shifted = counts.is;
    shifted.shift(None, Some(new.status));
    change.put(counts.rev, shifted);
    change.put(0, task);
    change.claim(id8_name(new.project, id), DocKey::new(Kind::Task, id));
    change.claim(number_name(number), DocKey::new(Kind::Task, id));
    change.touch(Scope::Project(new.project)).touch(Scope::Installation);
    let said = [
        ("title", new.title.to_string()),
        ("status", new.status.word().into()),
        ("priority", new.priority.word().into()),
    ];
    let log = line(ctx, Some(new.project), Some(id), "task_created", &said);
    change.activity.push(log);
    Ok(change)
}

/// Changes fields of a task, and its column when the patch says so.
pub fn update(view: &View, id: TaskId, patch: &TaskPatch, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Task>(id, Refusal::TaskNotFound)?;
    let mut is = old.is.clone();
    if patch.requires_human_review == Some(false) {
        not_reserved(&is, ctx)?;
    }
    set(&mut is.title, patch.title.clone());
    set(&mut is.description, patch.description.clone());
    set(&mut is.priority, patch.priority);
    set(&mut is.role, patch.role);
    set(&mut is.assignee, patch.assignee.clone().map(tidy));
    set(&mut is.requires_human_review, patch.requires_human_review);
    set(&mut is.tags, patch.tags.clone());
    set(&mut is.session_id, patch.session_id.clone().map(tidy));
    set(&mut is.prompt_version_id, patch.prompt_version_id.clone().map(tidy));
    set(&mut is.branch, patch.branch.clone().map(tidy));
    set(&mut is.pr_number, patch.pr_number);
    set(&mut is.agent_session_key, patch.agent_session_key.clone().map(tidy));
    set(&mut is.post_merge_steps, patch.post_merge_steps.clone().map(tidy));
    let moves = patch.status.as_ref().filter(|(to, _)| *to != is.status);
    if is == old.is && moves.is_none() {
        return Ok(Change::default());
    }
    let mut change = Change::default();
    let mut said = fields_changed(&old.is, &is);
    let mut what = "task_changed";
    if is.pr_number.is_some() && old.is.pr_number.is_none() {
        what = "pr_opened";
        said.push(("pr_number", is.pr_number.map(|n| n.to_string()).unwrap_or_default()));
        said.push(("branch", is.branch.clone().unwrap_or_else(|| format!("fix/{}", id.id8()))));
    }
    if let Some((to, reason)) = moves {
        what = "status_changed";
        said.extend([("from_status", is.status.word().to_owned()), ("to_status", to.word().into())]);
        said.push(("reason", reason.clone().unwrap_or_default()));
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

/// Moves a task across or within columns.
pub fn relocate(view: &View, to: &MoveTask, ctx: &mut Ctx<'_>) -> Decided {
    let old = view.must::<Task>(to.task, Refusal::TaskNotFound)?;
    let mut is = old.is.clone();
    let mut change = Change::default();
    if is.status == to.to {
        if is.status == Status::Done {
            return Ok(change); // done is ordered by time
        }
        let placed = place_in(view, is.project, to.to, is.id, to.place)?;
        if placed.renumbered.is_empty() && placed.position.to_bits() == is.position.to_bits() {
            return Ok(change);
        }
        renumber(view, &mut change, &placed, ctx)?;
        is.position = placed.position;
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
        ("reason", to.reason.clone().unwrap_or_default()),
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
    let old = view.must::<Task>(id, Refusal::TaskNotFound)?;
    not_reserved(&old.is, ctx)?;
    let project = old.is.project;
    let counts = counts(view, project)?;
    let mut change = Change::default();
    remove_what_hangs_on(view, &mut change, &old.is)?;
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
    let placed = if to == Status::Done {
        Placed { position: 0.0, renumbered: Vec::new() }
    } else {
        place_in(view, task.project, to, task.id, place)?
    };
    renumber(view, change, &placed, ctx)?;
    task.position = placed.position;
    task.status = to;
    task.status_changed_at = ctx.now;
    match to {
        Status::InReview => {
            task.agent_session_key = None;
            task.reviewer_rejection_count = 0;
            task.trouble = None;
        }
        Status::Ready => {
            task.triage_sent_at = None;
            task.triage_acked_at = None;
            task.auto_triage_count = 0;
            if gives_back(task, ctx) {
                // Whoever works on it cannot win attempts without end by handing it back.
                task.failures += 1;
            } else if !ctx.actor.may(Right::Lead) {
                // Somebody wants it tried: what went wrong before does not count any more.
                task.failures = 0;
                task.retry_at = None;
                task.trouble = None;
                task.escalated = false;
                task.escalated_at = None;
            }
        }
        Status::Done => {
            task.completed_at = task.completed_at.or(Some(ctx.now));
            task.reviewer_rejection_count = 0;
            task.trouble = None;
            task.resolution = resolution.or(task.resolution);
        }
        Status::Backlog | Status::InProgress | Status::Blocked => {}
    }
    if from == Status::Done {
        task.completed_at = None;
        task.resolution = None;
    }
    if (from == Status::Done) != (to == Status::Done) {
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
    let edges =
        view.list::<Dependency>(Range::Linked { kind: Kind::Dependency, link: task.id.to_string(), limit: HANGING })?;
    for edge in edges {
        let Some(waiting) = view.find::<Task>(edge.is.task)? else { continue };
        let mut is = waiting.is;
        is.open_dependencies = if done { is.open_dependencies.saturating_sub(1) } else { is.open_dependencies + 1 };
        change.put(waiting.rev, is);
    }
    Ok(())
}

/// Removes edges (telling the tasks at their other ends), comments, signals and runs.
pub(crate) fn remove_what_hangs_on(view: &View, change: &mut Change, task: &Task) -> Result<(), Stop> {
    for edge in view.list::<Dependency>(Range::children(Kind::Dependency, task.id, HANGING))? {
        dependency::unlink(view, change, &edge, Some(task.id))?;
    }
    for edge in
        view.list::<Dependency>(Range::Linked { kind: Kind::Dependency, link: task.id.to_string(), limit: HANGING })?
    {
        dependency::unlink(view, change, &edge, Some(task.id))?;
    }
    for comment in view.list::<Comment>(Range::children(Kind::Comment, task.id, HANGING))? {
        change.delete(&comment.doc);
    }
    for signal in view.list::<Signal>(Range::children(Kind::Signal, task.id, HANGING))? {
        change.delete(&signal.doc);
    }
    for run in view.list::<Run>(Range::children(Kind::Run, task.id, HANGING))? {
        // An open run stays: the loop stops its agent and then closes it.
        if !run.is.open() {
            change.delete(&run.doc);
        }
    }
    Ok(())
}

/// The project's counts.
pub(crate) fn counts(view: &View, project: ProjectId) -> Result<Seen<Counts>, Stop> {
    view.must::<Counts>(project, Refusal::ProjectNotFound)
}

/// A position below everything in a column.
pub(crate) fn at_end(view: &View, project: ProjectId, status: Status) -> Result<f64, Stop> {
    let column = column(view, project, status)?;
    Ok(column.last().map_or(1.0, |(_, position)| position + 1.0))
}

fn column(view: &View, project: ProjectId, status: Status) -> Result<Vec<(TaskId, f64)>, Stop> {
    if status == Status::Done {
        return Ok(Vec::new());
    }
    let range = Range::ByStatus {
        kind: Kind::Task,
        scope: Some(Scope::Project(project)),
        status: status.word().into(),
        order: Order::Ordered,
        limit: COLUMN,
    };
    Ok(view.list::<Task>(range)?.into_iter().map(|t| (t.is.id, t.is.position)).collect())
}

fn place_in(view: &View, project: ProjectId, status: Status, task: TaskId, place: Place) -> Result<Placed, Stop> {
    Ok(placing::place(&column(view, project, status)?, task, place)?)
}

fn renumber(view: &View, change: &mut Change, placed: &Placed, ctx: &Ctx<'_>) -> Result<(), Stop> {
    for (id, position) in &placed.renumbered {
        let other = view.must::<Task>(*id, Refusal::TaskNotFound)?;
        let mut is = other.is;
        is.position = *position;
        is.updated_at = is.updated_at.max(ctx.now);
        change.put(other.rev, is);
    }
    Ok(())
}

/// An id whose first eight characters are free in the project.
///
/// A decision's ids are the same each time that its rule is run, so a look at one of them is found again.
fn free_id(view: &View, project: ProjectId, ctx: &mut Ctx<'_>) -> Result<TaskId, Stop> {
    for _ in 0..ID_TRIES {
        let id = TaskId(ctx.ids.fresh());
        if !view.taken(&id8_name(project, id))? {
            return Ok(id);
        }
    }
    Err(Refusal::IdsExhausted.into())
}

fn fields_changed(old: &Task, new: &Task) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    let mut note = |name: &'static str, changed: bool| {
        if changed {
            fields.push(name);
        }
    };
    note("title", old.title != new.title);
    note("description", old.description != new.description);
    note("priority", old.priority != new.priority);
    note("role", old.role != new.role);
    note("assignee", old.assignee != new.assignee);
    note("requires_human_review", old.requires_human_review != new.requires_human_review);
    note("tags", old.tags != new.tags);
    note("branch", old.branch != new.branch);
    note("pr_number", old.pr_number != new.pr_number);
    note("post_merge_steps", old.post_merge_steps != new.post_merge_steps);
    vec![("fields", fields.join(", "))]
}
