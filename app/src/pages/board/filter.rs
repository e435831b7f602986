//! What a board shows of its cards.

use clutch_domain::task::Status;
use leptos_router::params::ParamsMap;

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
    /// What an address asks for.
    pub fn of(query: &ParamsMap) -> Self {
        Self {
            need: query.get("need").is_some(),
            running: query.get("running").is_some(),
            words: query.get("q").map(|words| lower(words.trim())).unwrap_or_default(),
        }
    }

    /// What it is in an address: names with their values, `None` for what is not there.
    fn members(&self) -> [(&'static str, Option<String>); 3] {
        let word = |on: bool| on.then(String::new);
        let words = Some(self.words.clone()).filter(|words| !words.is_empty());
        [("q", words), ("need", word(self.need)), ("running", word(self.running))]
    }

    /// The address with this filter in it, and all else that it says.
    pub fn into_query(self, query: &ParamsMap) -> ParamsMap {
        let mut query = query.clone();
        for (name, value) in self.members() {
            match value {
                Some(value) => query.replace(name, value),
                None => drop(query.remove(name)),
            }
        }
        query
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_in_the_address() {
        let filter = Filter { need: true, running: false, words: "a ü".into() };
        assert_eq!(filter.members(), [("q", Some("a ü".into())), ("need", Some(String::new())), ("running", None)]);
        assert!(Filter::default().members().iter().all(|(_, value)| value.is_none()));
    }
}
