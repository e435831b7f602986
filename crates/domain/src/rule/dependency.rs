//! Dependencies. This is the one place where an edge is made, so a cycle can be refused for everybody.

use std::collections::BTreeSet;

use crate::{
    change::Change,
    command::{Direction, EdgeRef, NewTask},
    ctx::Ctx,
    doc::{Counter, Dependency, DocKey, Kind, Scope, edge_name},
    id::{DependencyId, TaskId},
    range::Range,
    refusal::Refusal,
    rule::{Decided, line},
    task::{Status, Task},
    view::{Seen, Stop, View},
};

/// Most tasks that a search for a cycle visits.
const WALK_MAX: usize = 1_000;
/// Most edges of one task.
const EDGES_MAX: u32 = 2_000;

/// `task` waits for `on` from now on.
pub fn add(view: &View, task: TaskId, on: TaskId, ctx: &mut Ctx<'_>) -> Decided {
    if task == on {
        return Err(Refusal::SelfDependency.into());
    }
    let waiting = view.must::<Task>(task, Refusal::TaskNotFound)?;
    let other = view.must::<Task>(on, Refusal::TaskNotFound)?;
    if waiting.is.project != other.is.project {
        return Err(Refusal::DependencyAcross.into());
    }
    if view.taken(&edge_name(task, on))? {
        return Err(Refusal::DependencyExists.into());
    }
    if reaches(view, on, task)? {
        return Err(Refusal::DependencyCycle.into());
    }
    let project = waiting.is.project;
    let mut change = Change::default();
    guard(view, &mut change, project)?;
    write_edge(&mut change, (task, on), project, ctx);
    let mut is = waiting.is;
    is.dependencies += 1;
    is.open_dependencies += u32::from(other.is.status != Status::Done);
    is.updated_at = ctx.now;
    change.put(waiting.rev, is);
    let number = other.is.number;
    let mut is = other.is;
    is.dependents += 1;
    change.put(other.rev, is);
    change.touch(Scope::Project(project));
    let log = line(ctx, Some(project), Some(task), "dependency_added", &[("depends_on", format!("T-{number}"))]);
    change.activity.push(log);
    Ok(change)
}

/// It does not wait any more.
pub fn remove(view: &View, edge: EdgeRef, ctx: &mut Ctx<'_>) -> Decided {
    let found = match edge {
        EdgeRef::Id(id) => view.find::<Dependency>(id)?,
        EdgeRef::Ends(task, on) => view.one::<Dependency>(Range::unique(edge_name(task, on)))?,
    };
    let found = found.ok_or(Refusal::DependencyNotFound)?;
    let mut change = Change::default();
    unlink(view, &mut change, &found, None)?;
    change.touch(Scope::Project(found.is.project));
    let other = view.find::<Task>(found.is.depends_on)?.map(|t| t.is.short()).unwrap_or_default();
    let log = line(ctx, Some(found.is.project), Some(found.is.task), "dependency_removed", &[("depends_on", other)]);
    change.activity.push(log);
    Ok(change)
}

/// Ties a task that is being made to an existing one.
pub(crate) fn link_new(
    view: &View,
    change: &mut Change,
    new: &mut Task,
    other: TaskId,
    edge: (TaskId, TaskId),
    ctx: &mut Ctx<'_>,
) -> Result<(), Stop> {
    let seen = view.must::<Task>(other, Refusal::TaskNotFound)?;
    if seen.is.project != new.project {
        return Err(Refusal::DependencyAcross.into());
    }
    if change.puts.iter().any(|b| b.key() == DocKey::unique(edge_name(edge.0, edge.1))) {
        return Err(Refusal::DependencyExists.into());
    }
    write_edge(change, edge, new.project, ctx);
    // The same task may be named in both directions; then the second edge must see what the first wrote.
    let mut is = change
        .puts
        .iter()
        .find_map(|b| <Task as crate::doc::Inside>::of(b).filter(|t| t.id == other))
        .cloned()
        .unwrap_or(seen.is);
    if edge.0 == new.id {
        new.dependencies += 1;
        new.open_dependencies += u32::from(is.status != Status::Done);
        is.dependents += 1;
    } else {
        new.dependents += 1;
        is.dependencies += 1;
        is.open_dependencies += u32::from(new.status != Status::Done);
    }
    change.put(seen.rev, is);
    Ok(())
}

/// A new task closes a circle when something that it waits for waits for something that it blocks.
pub(crate) fn refuse_cycle_through_new(view: &View, new: &NewTask) -> Result<(), Stop> {
    let of = |d: Direction| new.dependencies.iter().filter(move |(_, direction)| *direction == d).map(|(id, _)| *id);
    for above in of(Direction::DependsOn) {
        for below in of(Direction::Blocks) {
            if above == below || reaches(view, above, below)? {
                return Err(Refusal::DependencyCycle.into());
            }
        }
    }
    Ok(())
}

/// Removes an edge and keeps the counts of both ends; `gone` is an end that is being removed itself.
pub(crate) fn unlink(
    view: &View,
    change: &mut Change,
    edge: &Seen<Dependency>,
    gone: Option<TaskId>,
) -> Result<(), Stop> {
    let Dependency { task, depends_on, .. } = edge.is;
    let other = view.find::<Task>(depends_on)?;
    let open = other.as_ref().is_some_and(|t| t.is.status != Status::Done);
    if Some(task) != gone
        && let Some(waiting) = view.find::<Task>(task)?
    {
        let mut is = current(change, waiting.is);
        is.dependencies = is.dependencies.saturating_sub(1);
        is.open_dependencies = is.open_dependencies.saturating_sub(u32::from(open));
        change.put(waiting.rev, is);
    }
    if Some(depends_on) != gone
        && let Some(other) = other
    {
        let mut is = current(change, other.is);
        is.dependents = is.dependents.saturating_sub(1);
        change.put(other.rev, is);
    }
    change.delete(&edge.doc);
    change.release(edge_name(task, depends_on));
    Ok(())
}

/// The task as this change has written it so far.
fn current(change: &Change, read: Task) -> Task {
    change
        .puts
        .iter()
        .find_map(|b| <Task as crate::doc::Inside>::of(b).filter(|t| t.id == read.id))
        .cloned()
        .unwrap_or(read)
}

fn write_edge(change: &mut Change, edge: (TaskId, TaskId), project: crate::id::ProjectId, ctx: &mut Ctx<'_>) {
    let id = DependencyId(ctx.ids.fresh());
    change.put(0, Dependency { id, project, task: edge.0, depends_on: edge.1, created_at: ctx.now });
    change.claim(edge_name(edge.0, edge.1), DocKey::new(Kind::Dependency, id));
}

/// Two edges decided from the same graph could close a circle together. Each writes this counter, so one of them is decided anew.
fn guard(view: &View, change: &mut Change, project: crate::id::ProjectId) -> Result<(), Stop> {
    let name = format!("edges:{project}");
    let old = view.find::<Counter>(&name)?;
    let (rev, last) = old.map_or((0, 0), |c| (c.rev, c.is.last));
    change.put(rev, Counter { name, last: last + 1 });
    Ok(())
}

/// Whether `from` waits for `to`, directly or through others. Reads one ring of the graph at a time.
fn reaches(view: &View, from: TaskId, to: TaskId) -> Result<bool, Stop> {
    let mut seen = BTreeSet::from([from]);
    let mut ring = vec![from];
    while !ring.is_empty() {
        let ranges: Vec<Range> = ring.iter().map(|id| Range::children(Kind::Dependency, id, EDGES_MAX)).collect();
        let unread: Vec<Range> = ranges.iter().filter(|r| view.docs.get(r).is_none()).cloned().collect();
        if !unread.is_empty() {
            return Err(Stop::Need(unread));
        }
        let mut next = Vec::new();
        for range in ranges {
            for edge in view.list::<Dependency>(range)? {
                if edge.is.depends_on == to {
                    return Ok(true);
                }
                if seen.insert(edge.is.depends_on) {
                    next.push(edge.is.depends_on);
                }
            }
        }
        if seen.len() > WALK_MAX {
            return Err(Refusal::DependencyGraphTooLarge.into());
        }
        ring = next;
    }
    Ok(false)
}
