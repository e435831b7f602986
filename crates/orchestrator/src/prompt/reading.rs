//! What is read for a prompt.

use clutch_domain::{
    doc::Kind,
    project::Project,
    range::{Docs, Range},
    run::Run,
    talk::{Comment, Signal},
    task::Task,
};

use super::{COMMENTS_TOLD, Ticket};
use crate::runtime::Reporting;

/// The ranges that hold what an attempt is told.
pub(crate) struct Reading {
    task: Range,
    project: Range,
    comments: Range,
    signals: Range,
}

impl Reading {
    /// Of an attempt.
    pub(crate) fn of(run: &Run) -> Self {
        let newest =
            |kind| Range::NewestChildren { kind, parent: run.task.to_string(), before: None, limit: COMMENTS_TOLD };
        Self {
            task: Range::doc(Kind::Task, run.task),
            project: Range::doc(Kind::Project, run.project),
            comments: newest(Kind::Comment),
            signals: newest(Kind::Signal),
        }
    }

    /// What to read.
    pub(crate) fn ranges(&self) -> Vec<Range> {
        [&self.task, &self.project, &self.comments, &self.signals].into_iter().cloned().collect()
    }

    /// What was found; `None` where the task or its project is gone.
    pub(crate) fn ticket<'a>(
        &self,
        docs: &'a Docs,
        run: &'a Run,
        board: &'a str,
        reporting: Reporting,
    ) -> Option<Ticket<'a>> {
        let mut comments: Vec<&Comment> = docs.all(&self.comments).collect();
        comments.reverse();
        let mut signals: Vec<&Signal> = docs.all(&self.signals).collect();
        signals.reverse();
        let (task, project) = (docs.first::<Task>(&self.task)?, docs.first::<Project>(&self.project)?);
        Some(Ticket { task, project, run, comments, signals, board, reporting })
    }
}
