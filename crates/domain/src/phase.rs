//! The phases of the work loop, in one table: from which column a task is taken, whose agent acts, what the
//! phase needs, where the task stands meanwhile, and what each end of a run does with it.
//!
//! The plan and the rules read the table and name no phase. A new phase is a row here and its prompt
//! (ARCHITECTURE.md, "How to add").

use serde::{Deserialize, Serialize};

use crate::{
    run::Outcome,
    task::{Role, Status, Task, words},
};

words! {
    /// What an agent is started for.
    Phase {
        /// Does what the task says.
        Work = "work", "Work";
    }
}

impl Default for Phase {
    /// Runs from before phases were recorded did the task's work.
    fn default() -> Self {
        Self::Work
    }
}

/// Whose agent acts in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acts {
    /// One of the task's own role.
    TaskRole,
    /// Always one of this role, whatever the task's is.
    Always(Role),
}

/// What a phase cannot begin without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The project's repository.
    LocalPath,
    /// All that the task waits for is done.
    Dependencies,
}

/// What an end of a run does with the task, if it stands where the phase left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It goes on to this column; what went wrong before is forgotten.
    Goes(Status),
    /// It goes to this column with these words for people; the run's last words follow where there are some.
    Stuck(Status, &'static str, LastWords),
    /// It goes back and is tried again after a pause; at the cap of failures it goes to the second column.
    Again(Status, Status),
    /// It goes back and waits until its model's usage window opens again.
    Later(Status),
}

/// Whether a sentence ends with the run's last words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWords {
    /// It does.
    Follow,
    /// It stands alone.
    Left,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which phase.
    pub phase: Phase,
    /// Tasks of this column are taken.
    pub from: Status,
    /// There a task stands while its agent acts.
    pub at: Status,
    /// A task that was moved to one of these meanwhile stays its agent's until the turn is over; moved
    /// anywhere else, the agent is stopped.
    pub left_at: &'static [Status],
    /// Whose agent acts; its role's limit counts.
    pub acts: Acts,
    /// What it cannot begin without.
    pub needs: &'static [Need],
    /// What each end does.
    pub then: fn(Outcome) -> Then,
}

/// All phases. Of each column at most one takes.
pub const PHASES: &[Row] = &[Row {
    phase: Phase::Work,
    from: Status::Ready,
    at: Status::InProgress,
    // An agent that reported its work may still say its last words.
    left_at: &[Status::InReview],
    acts: Acts::TaskRole,
    needs: &[Need::LocalPath, Need::Dependencies],
    then: |outcome| match outcome {
        Outcome::Completed => Then::Goes(Status::InReview),
        Outcome::Silent => {
            Then::Stuck(Status::Blocked, "The agent ended without reporting. Its last words:", LastWords::Follow)
        }
        Outcome::Aborted => Then::Stuck(
            Status::Blocked,
            "The agent was stopped outside the board. Move the task to Ready to start another.",
            LastWords::Left,
        ),
        Outcome::Failed => Then::Again(Status::Ready, Status::Blocked),
        Outcome::Limited => Then::Later(Status::Ready),
    },
}];

impl Phase {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        PHASES.iter().find(|row| row.phase == self).unwrap_or(&PHASES[0])
    }
}

impl Row {
    /// The row that takes tasks from a column.
    #[must_use]
    pub fn taking(from: Status) -> Option<&'static Self> {
        PHASES.iter().find(|row| row.from == from)
    }

    /// The role of the agent that acts for a task.
    #[must_use]
    pub fn role(&self, task: &Task) -> Role {
        match self.acts {
            Acts::TaskRole => task.acting_role(),
            Acts::Always(role) => role,
        }
    }

    /// Whether it cannot begin without something.
    #[must_use]
    pub fn needs(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }

    /// Whether a task in this column is its agent's still.
    #[must_use]
    pub fn keeps(&self, at: Status) -> bool {
        self.at == at || self.left_at.contains(&at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_one_row_and_each_column_is_taken_from_by_one_phase() {
        for phase in Phase::ALL {
            assert_eq!(PHASES.iter().filter(|row| row.phase == *phase).count(), 1, "{phase:?}");
            assert_eq!(phase.row().phase, *phase);
        }
        for status in Status::ALL {
            assert!(PHASES.iter().filter(|row| row.from == *status).count() <= 1, "{status:?}");
        }
    }

    #[test]
    fn no_phase_leaves_a_task_where_it_would_be_taken_at_once_again() {
        for row in PHASES {
            assert_ne!(row.from, row.at);
            for outcome in Outcome::ALL {
                match (row.then)(*outcome) {
                    Then::Goes(to) | Then::Stuck(to, ..) | Then::Again(_, to) => {
                        assert_ne!(to, row.from, "{outcome:?}")
                    }
                    // Its moment keeps it there.
                    Then::Later(to) => assert_eq!(to, row.from),
                }
            }
        }
    }
}
