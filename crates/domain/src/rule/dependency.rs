//! Dependencies. This is the one place where an edge is made, so a cycle can be refused for everybody.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    change::{Change, Expect},
    command::{Direction, EdgeRef, NewTask},
    ctx::Ctx,
    doc::{Dependency, DocKey, Kind, Scope, edge_name},
    id::{DependencyId, ProjectId, TaskId},
    range::{Before, Range},
    refusal::Refusal,
    rule::{Decided, PAGE, alive, line},
    sabotage::{Switch, removed},
    task::{EDGES_MAX, Status, Task},
    view::{Seen, Stop, View},
};

/// Rings of the graph that a search for a circle reads before it reads the whole graph instead.
const RINGS: u32 = 8;
/// Most edges of a project in which circles are searched for.
const GRAPH_MAX: usize = 50_000;

/// `task` waits for `on` from now on.
pub fn add(view: &View, task: TaskId, on: TaskId, ctx: &mut Ctx<'_>) -> Decided {
    if task == on {
        return Err(Refusal::SelfDependency.into());
    }
    let name = edge_name(task, on);
    view.gather([Range::doc(Kind::Task, task), Range::doc(Kind::Task, on), Range::doc(Kind::Unique, &name)])?;
    let waiting = alive::task(view, task)?;
    let other = view.must::<Task>(on, Refusal::TaskNotFound)?;
    if waiting.is.project != other.is.project {
        return Err(Refusal::DependencyAcross.into());
    }
    if view.taken(&name)? {
        return Err(Refusal::DependencyExists.into());
    }
    let project = waiting.is.project;
    let mut change = Change::default();
    if reaches(view, &mut change, project, &[on], &[task])? && !removed(Switch::CycleSearch) {
        return Err(Refusal::DependencyCycle.into());
    }
    let id = write_edge(&mut change, (task, on), project, ctx);
    change.made = Some(DocKey::new(Kind::Dependency, id));
    let mut is = waiting.is;
    is.dependencies += 1;
    is.open_dependencies += u32::from(other.is.status != Status::Done);
    is.updated_at = ctx.now;
    room(is.dependencies)?;
    change.put(waiting.rev, is);
    let number = other.is.number;
    let mut is = other.is;
    is.dependents += 1;
    room(is.dependents)?;
    change.put(other.rev, is);
    change.touch(Scope::Project(project));
    let log = line(ctx, Some(project), Some(task), "dependency_added", &[("depends_on", format!("T-{number}"))]);
    change.activity.push(log);
    Ok(change)
}

fn room(edges: u32) -> Result<(), Refusal> {
    if edges > EDGES_MAX { Err(Refusal::TooManyDependencies) } else { Ok(()) }
}

/// It does not wait any more.
pub fn remove(view: &View, edge: EdgeRef, ctx: &mut Ctx<'_>) -> Decided {
    let found = match edge {
        EdgeRef::Id(id) => view.find::<Dependency>(id)?,
        EdgeRef::Ends(task, on) => view.one::<Dependency>(Range::unique(edge_name(task, on)))?,
    };
    let found = found.ok_or(Refusal::DependencyNotFound)?;
    alive::within(view, found.is.project, Refusal::DependencyNotFound)?;
    let mut change = Change::default();
    unlink(view, &mut change, [&found], &BTreeSet::new())?;
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
    if change.puts_key(&DocKey::unique(edge_name(edge.0, edge.1))) {
        return Err(Refusal::DependencyExists.into());
    }
    write_edge(change, edge, new.project, ctx);
    // The same task may be named in both directions; then the second edge must see what the first wrote.
    let mut is = change.of::<Task>(view, other)?.map_or(seen.is, |written| written.is);
    if edge.0 == new.id {
        new.dependencies += 1;
        new.open_dependencies += u32::from(is.status != Status::Done);
        is.dependents += 1;
    } else {
        new.dependents += 1;
        is.dependencies += 1;
        is.open_dependencies += u32::from(new.status != Status::Done);
    }
    for edges in [new.dependencies, new.dependents, is.dependencies, is.dependents] {
        room(edges)?;
    }
    change.put(seen.rev, is);
    Ok(())
}

/// A new task closes a circle when something that it waits for waits for something that it blocks.
pub(crate) fn refuse_cycle_through_new(view: &View, change: &mut Change, new: &NewTask) -> Result<(), Stop> {
    let of = |d: Direction| -> Vec<TaskId> {
        new.dependencies.iter().filter(|(_, direction)| *direction == d).map(|(id, _)| *id).collect()
    };
    let (above, below) = (of(Direction::DependsOn), of(Direction::Blocks));
    let both = above.iter().any(|id| below.contains(id));
    if both || reaches(view, change, new.project, &above, &below)? {
        return Err(Refusal::DependencyCycle.into());
    }
    Ok(())
}

/// Removes edges and keeps the counts at both ends; `gone` are tasks that are being removed themselves.
pub(crate) fn unlink<'a>(
    view: &View,
    change: &mut Change,
    edges: impl IntoIterator<Item = &'a Seen<Dependency>> + Clone,
    gone: &BTreeSet<TaskId>,
) -> Result<(), Stop> {
    let ends = edges.clone().into_iter().flat_map(|edge| [edge.is.task, edge.is.depends_on]);
    view.gather(ends.map(|id| Range::doc(Kind::Task, id)))?;
    for edge in edges {
        let Dependency { task, depends_on, project, .. } = edge.is;
        if !gone.contains(&task)
            && let Some(waiting) = change.of::<Task>(view, task)?
        {
            let other = view.find::<Task>(depends_on)?;
            let open = other.is_some_and(|t| t.is.status != Status::Done);
            let mut is = waiting.is;
            is.dependencies = is.dependencies.saturating_sub(1);
            is.open_dependencies = is.open_dependencies.saturating_sub(u32::from(open));
            change.put(waiting.rev, is);
        }
        if !gone.contains(&depends_on)
            && let Some(other) = change.of::<Task>(view, depends_on)?
        {
            let mut is = other.is;
            is.dependents = is.dependents.saturating_sub(1);
            change.put(other.rev, is);
        }
        change.delete(&edge.doc);
        change.release(edge_name(task, depends_on));
        change.touch(Scope::Graph(project));
    }
    Ok(())
}

fn write_edge(change: &mut Change, edge: (TaskId, TaskId), project: ProjectId, ctx: &mut Ctx<'_>) -> DependencyId {
    let id = DependencyId(ctx.ids.fresh());
    change.put(0, Dependency { id, project, task: edge.0, depends_on: edge.1, created_at: ctx.now });
    change.claim(edge_name(edge.0, edge.1), DocKey::new(Kind::Dependency, id));
    change.touch(Scope::Graph(project));
    id
}

/// Whether one of `from` waits for one of `to`, directly or through others.
///
/// The answer rests on the whole graph, so the change expects that no edge of the project came or went since
/// the first look: the scope's revision is read with the first edges, never after them. A few rings of the
/// graph are read one at a time; where it is deeper, all edges of the project are read, in pages.
fn reaches(view: &View, change: &mut Change, project: ProjectId, from: &[TaskId], to: &[TaskId]) -> Result<bool, Stop> {
    let graph = Scope::Graph(project);
    let mut seen: BTreeSet<TaskId> = from.iter().copied().collect();
    let mut ring: Vec<TaskId> = from.to_vec();
    let mut rings = 0;
    view.gather_under(Some(graph), ring.iter().map(|id| Range::children(Kind::Dependency, id, EDGES_MAX)))?;
    if !removed(Switch::GraphUnchanged) {
        change.expects.push(Expect::Scope(graph, view.scope(graph)?));
    }
    while !ring.is_empty() {
        if rings == RINGS {
            return all_edges(view, project).map(|edges| connected(&edges, &ring, to));
        }
        rings += 1;
        view.gather(ring.iter().map(|id| Range::children(Kind::Dependency, id, EDGES_MAX)))?;
        let mut next = Vec::new();
        for id in ring {
            for edge in view.list::<Dependency>(Range::children(Kind::Dependency, id, EDGES_MAX))? {
                if to.contains(&edge.is.depends_on) {
                    return Ok(true);
                }
                if seen.insert(edge.is.depends_on) {
                    next.push(edge.is.depends_on);
                }
            }
        }
        ring = next;
    }
    Ok(false)
}

/// Every edge of a project.
fn all_edges(view: &View, project: ProjectId) -> Result<BTreeMap<TaskId, Vec<TaskId>>, Stop> {
    let (mut edges, mut before, mut count) = (BTreeMap::<TaskId, Vec<TaskId>>::new(), None, 0);
    loop {
        let scope = Scope::Project(project);
        let page = view.list::<Dependency>(Range::Newest { kind: Kind::Dependency, scope, before, limit: PAGE })?;
        count += page.len();
        if count > GRAPH_MAX {
            return Err(Refusal::DependencyGraphTooLarge.into());
        }
        before = page.last().map(|edge| Before { at: edge.is.created_at, id: edge.is.id.to_string() });
        let more = page.len() == PAGE as usize;
        for edge in page {
            edges.entry(edge.is.task).or_default().push(edge.is.depends_on);
        }
        if !more {
            return Ok(edges);
        }
    }
}

/// Whether a way leads from one of `from` to one of `to`.
fn connected(edges: &BTreeMap<TaskId, Vec<TaskId>>, from: &[TaskId], to: &[TaskId]) -> bool {
    let mut seen: BTreeSet<TaskId> = from.iter().copied().collect();
    let mut left: Vec<TaskId> = from.to_vec();
    while let Some(task) = left.pop() {
        for next in edges.get(&task).into_iter().flatten() {
            if to.contains(next) {
                return true;
            }
            if seen.insert(*next) {
                left.push(*next);
            }
        }
    }
    false
}
