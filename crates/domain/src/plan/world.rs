//! What the loop looks at, and the bounded reads that bring it.
//!
//! Which documents are needed depends on what is there (the tasks of open runs),
//! so a read has a [`Shape`]: read with the shape you know, take the shape of the
//! answer, and read again while they differ.

use crate::{
    doc::{Kind, Scope},
    id::{ProjectId, RunId, SignalId, TaskId},
    project::Project,
    query::{PROJECTS_MAX, RUNS_MAX, SIGNALS_MAX},
    range::{Docs, Fetch, Order, Range},
    run::{LoopState, Run},
    talk::Signal,
    task::{Status, Task},
};

/// Ready tasks of one project that the loop looks at.
pub const READY_MAX: u32 = 200;

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
    /// Its task; `None` when it was deleted.
    pub task: Option<Task>,
    /// The question that it waits for.
    pub question: Option<Signal>,
}

/// Everything that [`decide`](super::decide) looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// Projects.
    pub projects: Vec<OwnWorld>,
    /// Open runs of all projects.
    pub runs: Vec<OpenRun>,
    /// Answers on their way.
    pub answers: Vec<Signal>,
    /// Why the runtime cannot be reached; `None` when it can.
    pub trouble: Option<String>,
}

/// Which documents make up the world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    projects: Vec<(ProjectId, bool)>,
    runs: Vec<(RunId, ProjectId, TaskId, Option<SignalId>)>,
}

fn projects() -> Range {
    Range::children(Kind::Project, "installation", PROJECTS_MAX)
}

fn open_runs() -> Range {
    Range::ByStatus { kind: Kind::Run, scope: None, status: "open".into(), order: Order::Ordered, limit: RUNS_MAX }
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

fn ready(project: ProjectId) -> Range {
    Range::ByStatus {
        kind: Kind::Task,
        scope: Some(Scope::Project(project)),
        status: Status::Ready.word().into(),
        order: Order::Ordered,
        limit: READY_MAX,
    }
}

impl Shape {
    /// The shape that an answer asks for.
    #[must_use]
    pub fn of(docs: &Docs) -> Self {
        let mut shape = Self {
            projects: docs.all::<Project>(&projects()).map(|p| (p.id, p.work_loop_enabled)).collect(),
            runs: docs.all::<Run>(&open_runs()).map(|r| (r.id, r.project, r.task, r.waits_for)).collect(),
        };
        shape.projects.sort_unstable();
        shape.runs.sort_unstable();
        shape
    }

    /// What to read.
    #[must_use]
    pub fn fetch(&self) -> Fetch {
        let mut fetch =
            Fetch { scopes: vec![Scope::Installation, Scope::Loop], ranges: vec![projects(), open_runs(), answers()] };
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
                fetch.ranges.push(ready(*project));
            }
        }
        for (_, _, task, question) in &self.runs {
            fetch.ranges.push(Range::doc(Kind::Task, task));
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
    pub fn of(docs: &Docs, trouble: Option<String>) -> Self {
        let own = |project: &Project| OwnWorld {
            state: docs.first::<LoopState>(&Range::doc(Kind::LoopState, project.id)).cloned(),
            ready: docs.all::<Task>(&ready(project.id)).cloned().collect(),
            project: project.clone(),
        };
        let open = |run: &Run| OpenRun {
            task: docs.first::<Task>(&Range::doc(Kind::Task, run.task)).cloned(),
            question: run.waits_for.and_then(|q| docs.first::<Signal>(&Range::doc(Kind::Signal, q)).cloned()),
            run: run.clone(),
        };
        Self {
            projects: docs.all::<Project>(&projects()).map(own).collect(),
            runs: docs.all::<Run>(&open_runs()).map(open).collect(),
            answers: docs.all::<Signal>(&answers()).cloned().collect(),
            trouble,
        }
    }
}
