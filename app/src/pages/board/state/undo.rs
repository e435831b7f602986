//! Taking back what was done on the board, the last first.

use clutch_domain::{
    command::Place,
    id::TaskId,
    task::{Status, TaskField},
};
use leptos::prelude::*;

use super::{Asked, BoardState};
use crate::live::{layered::Turn, verbs};

/// So many moves and choices can be taken back, one after the other.
pub(super) const UNDO_MAX: usize = 50;

/// Takes back what was done to a card.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Inverse {
    /// It lay there, before that card.
    Move { task: TaskId, to: Status, before: Option<TaskId> },
    /// A field held this.
    Field { task: TaskId, field: TaskField, value: String },
}

impl BoardState {
    /// When that was done on this board which can be taken back and was done last.
    pub fn last(self) -> Option<Turn> {
        self.undo.with_value(|all| all.last().map(|(turn, _)| *turn))
    }

    /// Takes back what was done last on this board; answers what that was, in words.
    pub fn undo(self) -> Option<String> {
        let (_, last) = self.undo.try_update_value(Vec::pop).flatten()?;
        let before_it = self.undo.with_value(Vec::len);
        let number = |task| self.peek(task).map_or_else(String::new, |card| format!("T-{}", card.number));
        let words = match last {
            Inverse::Move { task, to, before } => {
                // Its neighbour may be elsewhere by now.
                let there = before.filter(|card| self.peek(*card).is_some_and(|card| card.status == to));
                let place = match there {
                    _ if to == Status::Done => Place::End,
                    Some(card) => Place::Before(card),
                    None => Place::End,
                };
                match self.move_card(task, to, place, true) {
                    Asked::Refused(why) => why,
                    _ => format!("{} is back in {}.", number(task), to.label()),
                }
            }
            Inverse::Field { task, field, value } => {
                self.edit(verbs::turn(), task, field, value, |_| {});
                format!("{} is as it was.", number(task))
            }
        };
        // What is taken back is no new deed.
        self.undo.update_value(|all| all.truncate(before_it));
        Some(words)
    }

    pub(super) fn remember(self, inverse: Inverse) {
        self.undo.try_update_value(|all| {
            if all.len() == UNDO_MAX {
                all.remove(0);
            }
            all.push((verbs::turn(), inverse));
        });
    }
}
