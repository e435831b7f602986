//! Tickets that the board does not hold: more of a column, and what the server finds.

use clutch_domain::{id::Uuid, task::Status};
use leptos::prelude::*;

use super::BoardState;
use crate::{
    live::parts::{Part, id_in},
    model::board::Card,
};

impl BoardState {
    /// Whether there are tickets that this board does not hold. Followed.
    pub fn is_part(self) -> bool {
        let counts = self.head.with(|h| h.counts);
        self.loaded.with(|loaded| counts.iter().zip(loaded).any(|(count, loaded)| count > loaded))
    }

    /// The project's tickets, all of them. Followed.
    pub fn all(self) -> u32 {
        self.head.with(|h| h.counts.iter().sum())
    }

    /// Shows a page more of a column, as soon as the feed brings it. Nothing where a board shows no more.
    pub fn show_more(self, status: Status) {
        if let Some(more) = self.more.get_untracked().and(status) {
            self.waits.set(true);
            self.more.set(more);
        }
    }

    /// Shows these too, which the server has found among those that this board does not hold, instead of those
    /// that it had found before.
    pub fn show_found(self, cards: Vec<Card>) {
        let before = self.found.try_update_value(std::mem::take).unwrap_or_default();
        let mut now = Vec::new();
        for card in cards {
            let id = card.id.0;
            if before.contains(&id) || self.cards.get(id).is_none() {
                now.push(id);
                self.cards.keep(card);
            }
        }
        before.into_iter().filter(|id| !now.contains(id)).for_each(|id| self.cards.remove(id));
        self.found.set_value(now);
        self.arrange();
    }

    pub(super) fn was_found(self, id: Uuid) -> bool {
        self.found.try_with_value(|found| found.contains(&id)).unwrap_or_default()
    }

    /// The feed tells of this card from now on.
    pub(super) fn holds(self, name: &str) {
        if let Some(id) = id_in(name, Card::PREFIX) {
            self.found.update_value(|found| found.retain(|other| *other != id));
        }
    }
}
