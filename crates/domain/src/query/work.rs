//! The page of the work loop: what one project's loop does, and what keeps it from doing more.

use super::{open_runs, waiting};
use crate::{
    activity::Activity,
    doc::{Kind, Scope, Unread},
    id::ProjectId,
    plan::world::READY_MAX,
    project::{Counts, Project},
    range::{Before, Docs, Fetch, Order, Range},
    run::{LoopState, Run},
    talk::Signal,
    task::{Status, Task},
};

/// Most tickets that wait for a person, and most that are under way, that the page shows.
const SHOWN: u32 = 200;
/// Lines of the log that are looked at for what the loop decided.
pub const LINES: u32 = 200;

/// The answer to [`Query::Loop`](super::Query::Loop).
#[derive(Clone, Debug, PartialEq)]
pub struct LoopView {
    /// The project.
    pub project: Project,
    /// Counts of all its tasks.
    pub counts: Counts,
    /// What the loop says of it.
    pub state: Option<LoopState>,
    /// Open runs.
    pub runs: Vec<Run>,
    /// Signals that wait for an answer, oldest first.
    pub waiting: Vec<Signal>,
    /// Ready tasks, from the top of their column.
    pub ready: Vec<Task>,
    /// Blocked ones, likewise.
    pub blocked: Vec<Task>,
    /// Those in progress.
    pub under_way: Vec<Task>,
    /// What this program cannot read of it.
    pub unread: Vec<Unread>,
}

impl LoopView {
    /// All its tasks.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.ready.iter().chain(&self.blocked).chain(&self.under_way)
    }
}

pub(super) fn fetch(project: ProjectId) -> Fetch {
    let scope = Scope::Project(project);
    let column = |status: Status, limit| Range::ByStatus {
        kind: Kind::Task,
        scope: Some(scope),
        status: status.word().into(),
        order: Order::Ordered,
        limit,
    };
    let mut ranges = vec![
        Range::doc(Kind::Project, project),
        Range::doc(Kind::Counts, project),
        Range::doc(Kind::LoopState, project),
        waiting(Some(scope)),
        column(Status::Ready, READY_MAX),
        column(Status::Blocked, SHOWN),
        column(Status::InProgress, SHOWN),
    ];
    ranges.extend(open_runs(Some(scope)));
    Fetch { scopes: vec![scope], ranges }
}

pub(super) fn view(project: &Project, docs: &Docs, ranges: &[Range], unread: Vec<Unread>) -> LoopView {
    LoopView {
        project: project.clone(),
        counts: docs.first::<Counts>(&ranges[1]).cloned().unwrap_or_else(|| Counts::none(project.id)),
        state: docs.first::<LoopState>(&ranges[2]).cloned(),
        waiting: docs.all(&ranges[3]).cloned().collect(),
        ready: docs.all(&ranges[4]).cloned().collect(),
        blocked: docs.all(&ranges[5]).cloned().collect(),
        under_way: docs.all(&ranges[6]).cloned().collect(),
        runs: ranges[7..].iter().flat_map(|range| docs.all::<Run>(range)).cloned().collect(),
        unread,
    }
}

/// The log of a project behind a line of it. It is no part of what is watched: what is said about a ticket writes lines
/// and is no business of the loop's.
#[must_use]
pub fn lines(project: ProjectId, behind: Option<&Activity>) -> Range {
    let before = behind.map(|line| Before { at: line.at, id: line.id.to_string() });
    Range::Newest { kind: Kind::Activity, scope: Scope::Project(project), before, limit: LINES }
}
