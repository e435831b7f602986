//! Taking back what was done on the board, the last first.

use std::sync::Arc;

use clutch_domain::{
    command::Place,
    id::TaskId,
    task::{Status, TaskField},
};
use leptos::prelude::*;

use super::{Asked, BoardState};
use crate::{
    live::{layered::Turn, verbs},
    ui::Undo,
};

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
        Some(self.take_back(last))
    }

    /// Takes something back; answers what that was, in words.
    fn take_back(self, what: Inverse) -> String {
        let before_it = self.undo.with_value(Vec::len);
        let number = |task| self.peek(task).map_or_else(String::new, |card| format!("T-{}", card.number));
        let words = match what {
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
        words
    }

    /// What a mouse or a finger asks for: it is moved, and can be taken back without a key.
    pub fn move_by_hand(self, id: TaskId, to: Status, at: Place) -> Asked {
        let asked = self.request_move(id, to, at);
        if asked == Asked::Shown {
            self.offer_undo(id);
        }
        asked
    }

    /// Says where a card went that was moved just now, and offers to take it back. There is one such offer, for the
    /// newest move.
    pub fn offer_undo(self, id: TaskId) {
        let newest = self.undo.with_value(|all| match all.last() {
            Some((turn, Inverse::Move { task, .. })) if *task == id => Some(*turn),
            _ => None,
        });
        let Some((turn, card)) = newest.zip(self.peek(id)) else { return };
        let undo: Undo = Arc::new(move || {
            if let Some(inverse) = self.drop_turn(turn) {
                self.say(self.take_back(inverse));
            }
        });
        self.withdraw_undo();
        let message = self.toasts.undo(format!("T-{} lies in {} now.", card.number, card.status.label()), undo);
        self.offered.set_value(Some((turn, message)));
    }

    /// Nothing is offered any more: the board goes, or a newer move takes the offer's place.
    pub fn withdraw_undo(self) {
        if let Some((_, message)) = self.offered.try_update_value(Option::take).flatten() {
            self.toasts.close(message);
        }
    }

    fn drop_turn(self, turn: Turn) -> Option<Inverse> {
        self.undo.try_update_value(|all| all.iter().position(|(t, _)| *t == turn).map(|at| all.remove(at).1)).flatten()
    }

    /// The server refused this: there is nothing to take back.
    pub(super) fn forget(self, turn: Turn) {
        self.drop_turn(turn);
        if self.offered.try_get_value().flatten().is_some_and(|(other, _)| other == turn) {
            self.withdraw_undo();
        }
    }

    pub(super) fn remember(self, turn: Turn, inverse: Inverse) {
        self.undo.try_update_value(|all| {
            if all.len() == UNDO_MAX {
                all.remove(0);
            }
            all.push((turn, inverse));
        });
    }
}
