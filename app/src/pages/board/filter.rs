//! What a board shows of its cards.

use clutch_domain::task::Status;

use crate::{model::board::Card, ui::lower};

/// What a board shows of its cards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only cards that wait for a person.
    pub need: bool,
    /// Only cards with an agent at work.
    pub running: bool,
    /// Only cards with these words in title, number, tag or role; lower case.
    pub words: String,
}

impl Filter {
    /// Whether a card is shown.
    pub fn shows(&self, card: &Card) -> bool {
        (!self.need || needs_you(card))
            && (!self.running || card.agent.is_some())
            && (self.words.is_empty() || {
                let role = card.facts.role.map_or("", |r| r.word());
                let text = lower(&format!("t-{} {} {} {role}", card.number, card.title, card.facts.tags.join(" ")));
                self.words.split_whitespace().all(|word| text.contains(word))
            })
    }
}

/// Whether a card waits for a person.
pub fn needs_you(card: &Card) -> bool {
    card.ask.is_some() || (card.facts.needs_review && card.status == Status::InReview)
}
