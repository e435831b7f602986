//! What the loop looks at, and the bounded reads that bring it.
//!
//! Which documents are needed depends on what is there (the tasks of open runs),
//! so a read has a [`Shape`]: read with the shape you know, take the shape of the
//! answer, and read again while they differ.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    doc::{Inside, Kind, RUN_WAITING, RUN_WORKING, Scope, Unique, prompt_in_force, retries_link, startable_links},
    id::{ProjectId, PromptId, RunId, SignalId, TaskId},
    phase::PHASES,
    project::Project,
    prompt::Line,
    query::{PROJECTS_MAX, SIGNALS_MAX},
    range::{Docs, Fetch, Order, Range},
    run::{LoopState, Run},
    runtime::Standing,
    talk::Signal,
    task::{Role, Task},
};

/// Ready tasks of one project, from the top of the column, that get a note even when they cannot start.
pub const READY_MAX: u32 = 200;
/// Tasks of one project that could start and that the loop looks at: so many of each role and priority,
/// from the top of the column. Whatever waits for something else never stands before them.
pub const STARTABLE_MAX: u32 = 50;
/// Tasks of one project that failed and are tried again later.
pub const RETRIES_MAX: u32 = 200;
/// Most agents at work in one installation: so many places can be counted.
pub const WORKING_MAX: u32 = 1_000;
/// Most tasks that agents hold which took them by themselves. Together with those that the loop may start they can all
/// be counted.
pub const HELD_MAX: u32 = 200;
/// Runs that wait for an answer and are looked after; they take no place.
pub const WAITING_MAX: u32 = 500;

/// A project with what the loop may take.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnWorld {
    /// The project.
    pub project: Project,
    /// What the loop said last, and whether it is paused.
    pub state: Option<LoopState>,
    /// Ready tasks; empty where the loop is off.
    pub ready: Vec<Task>,
}

/// An open run with what decides about it.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenRun {
    /// The run.
    pub run: Run,
    /// Its task; `None` when it was deleted, or its project.
    pub task: Option<Task>,
    /// The question that it waits for.
    pub question: Option<Signal>,
}

/// The versions of prompts that count, where people or programs wrote some: each can be used, or the sentence says
/// why not.
pub type Prompting = BTreeMap<Line, Result<PromptId, String>>;

/// Everything that [`decide`](super::decide) looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// Projects.
    pub projects: Vec<OwnWorld>,
    /// Open runs of all projects.
    pub runs: Vec<OpenRun>,
    /// Answers on their way.
    pub answers: Vec<Signal>,
    /// The runtimes of this server.
    pub runtimes: Standing,
    /// Prompts that people or programs wrote; [`World::of`] knows none.
    pub prompts: Prompting,
}

/// Which documents make up the world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    projects: Vec<(ProjectId, bool)>,
    runs: Vec<(RunId, ProjectId, TaskId, Option<SignalId>)>,
    prompts: BTreeSet<Line>,
}

fn projects() -> Range {
    Range::children(Kind::Project, "installation", PROJECTS_MAX)
}

/// Runs that take a place, and runs that wait: two ranges, so that however many wait for answers none
/// that is at work is missed in the limits.
fn open_runs() -> [Range; 2] {
    [(RUN_WORKING, WORKING_MAX), (RUN_WAITING, WAITING_MAX)].map(|(status, limit)| Range::ByStatus {
        kind: Kind::Run,
        scope: None,
        status: status.into(),
        order: Order::Ordered,
        limit,
    })
}

fn answers() -> Range {
    Range::ByStatus {
        kind: Kind::Signal,
        scope: None,
        status: "delivering".into(),
        order: Order::Ordered,
        limit: SIGNALS_MAX,
    }
}

/// The top of each column that a phase takes from.
fn ready(project: ProjectId) -> impl Iterator<Item = Range> {
    PHASES.iter().map(move |row| Range::ByStatus {
        kind: Kind::Task,
        scope: Some(Scope::Project(project)),
        status: row.from.word().into(),
        order: Order::Ordered,
        limit: READY_MAX,
    })
}

/// The tasks that could start, and those that are tried again later.
fn startable(project: ProjectId) -> impl Iterator<Item = Range> {
    let linked = |link, limit| Range::Linked { kind: Kind::Task, link, limit };
    startable_links(project)
        .map(move |link| linked(link, STARTABLE_MAX))
        .chain([linked(retries_link(project), RETRIES_MAX)])
}

/// Which version of a prompt counts. Only its name is read here: what it says never changes.
fn counts(line: &Line) -> Range {
    Range::doc(Kind::Unique, prompt_in_force(line))
}

impl Shape {
    /// The versions of prompts that count.
    #[must_use]
    pub fn in_force(&self, docs: &Docs) -> BTreeMap<Line, PromptId> {
        let named = |line: &Line| docs.first::<Unique>(&counts(line))?.target.id.parse().ok();
        self.prompts.iter().filter_map(|line| Some((line.clone(), named(line)?))).collect()
    }

    /// The shape that an answer asks for.
    #[must_use]
    pub fn of(docs: &Docs) -> Self {
        let mut shape = Self {
            projects: docs.all::<Project>(&projects()).map(|p| (p.id, p.work_loop_enabled)).collect(),
            runs: open_runs()
                .iter()
                .flat_map(|range| docs.all::<Run>(range))
                .map(|r| (r.id, r.project, r.task, r.waits_for))
                .collect(),
            prompts: BTreeSet::new(),
        };
        let on = docs.all::<Project>(&projects()).filter(|project| project.work_loop_enabled);
        for (project, role) in on.flat_map(|project| Role::ALL.iter().map(move |role| (project, *role))) {
            shape.prompts.insert(Line::any(role));
            shape.prompts.extend(project.model_of(role).map(|model| Line { role, model: Some(model.to_owned()) }));
        }
        shape.projects.sort_unstable();
        shape.runs.sort_unstable();
        shape
    }

    /// What to read.
    #[must_use]
    pub fn fetch(&self) -> Fetch {
        let mut fetch = Fetch { scopes: vec![Scope::Installation, Scope::Loop], ranges: vec![projects(), answers()] };
        fetch.ranges.extend(open_runs());
        let mut cover = |project: ProjectId| {
            let scope = Scope::Project(project);
            if !fetch.scopes.contains(&scope) {
                fetch.scopes.push(scope);
            }
        };
        for (project, _) in self.projects.iter().filter(|(_, on)| *on) {
            cover(*project);
        }
        for (_, project, _, _) in &self.runs {
            cover(*project);
        }
        for (project, on) in &self.projects {
            fetch.ranges.push(Range::doc(Kind::LoopState, project));
            if *on {
                fetch.ranges.extend(ready(*project));
                fetch.ranges.extend(startable(*project));
            }
        }
        fetch.ranges.extend(self.prompts.iter().map(counts));
        for (_, project, task, question) in &self.runs {
            fetch.ranges.push(Range::doc(Kind::Task, task));
            fetch.ranges.push(Range::doc(Kind::Project, project));
            if let Some(question) = question {
                fetch.ranges.push(Range::doc(Kind::Signal, question));
            }
        }
        fetch
    }
}

impl World {
    /// The world in an answer to a fetch of the right shape.
    #[must_use]
    pub fn of(docs: &Docs, runtimes: Standing) -> Self {
        let mut ready = ready_tasks(docs);
        let own = |project: &Project| OwnWorld {
            state: docs.first::<LoopState>(&Range::doc(Kind::LoopState, project.id)).cloned(),
            ready: ready.remove(&project.id).unwrap_or_default().into_values().cloned().collect(),
            project: project.clone(),
        };
        let open = |run: &Run| OpenRun {
            task: docs
                .first::<Project>(&Range::doc(Kind::Project, run.project))
                .filter(|project| project.deleted_at.is_none())
                .and_then(|_| docs.first::<Task>(&Range::doc(Kind::Task, run.task)).cloned()),
            question: run.waits_for.and_then(|q| docs.first::<Signal>(&Range::doc(Kind::Signal, q)).cloned()),
            run: run.clone(),
        };
        Self {
            projects: docs.all::<Project>(&projects()).map(own).collect(),
            runs: open_runs().iter().flat_map(|range| docs.all::<Run>(range)).map(open).collect(),
            answers: docs.all::<Signal>(&answers()).cloned().collect(),
            runtimes,
            prompts: Prompting::new(),
        }
    }

    /// What an agent of this role and model is told by: the version for its model, else the one for any model, else the
    /// one that comes with the program.
    #[must_use]
    pub fn prompt(&self, role: Role, model: Option<&str>) -> Option<&Result<PromptId, String>> {
        let own = model.and_then(|model| self.prompts.get(&Line { role, model: Some(model.to_owned()) }));
        own.or_else(|| self.prompts.get(&Line::any(role)))
    }
}

/// Each ready task that was read, once: a task that could start is mostly near the top of its column too. One that is
/// read by its id is there for its run.
fn ready_tasks(docs: &Docs) -> BTreeMap<ProjectId, BTreeMap<TaskId, &Task>> {
    let mut ready: BTreeMap<ProjectId, BTreeMap<TaskId, &Task>> = BTreeMap::new();
    let columns = docs.iter().filter(|(range, _)| !matches!(range, Range::Doc { .. }));
    for task in columns.flat_map(|(_, found)| found).filter_map(|doc| Task::of(&doc.body)) {
        ready.entry(task.project).or_default().insert(task.id, task);
    }
    ready
}
