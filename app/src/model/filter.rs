//! What a board shows of its cards. The server looks with the same eyes through those that a page does not hold.

use clutch_domain::task::Status;
use leptos_router::params::ParamsMap;

use super::board::Card;
use crate::ui::{fold, lower};

/// What a board shows of its cards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only cards that wait for a person.
    pub need: bool,
    /// Only cards with an agent at work.
    pub running: bool,
    words: String,
    /// The words as they are compared.
    folded: String,
}

impl Filter {
    /// What an address asks for.
    pub fn of(query: &ParamsMap) -> Self {
        let asks = |name| query.get(name).is_some();
        Self::new(&query.get("q").unwrap_or_default(), asks("need"), asks("running"))
    }

    /// Only cards with these words, that wait for a person, with an agent at work.
    #[must_use]
    pub fn new(words: &str, need: bool, running: bool) -> Self {
        Self { need, running, ..Self::default() }.with_words(words)
    }

    /// Only cards with these words in title, number, tag or role.
    #[must_use]
    pub fn with_words(self, words: &str) -> Self {
        let words = lower(words.trim());
        Self { folded: fold(&words), words, ..self }
    }

    /// The words that are looked for, in small letters.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Whether it leaves anything out.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
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
            && (self.folded.is_empty() || {
                let role = card.facts.role.map_or("", |r| r.word());
                let text = fold(&format!("t-{} {} {} {role}", card.number, card.title, card.facts.tags.join(" ")));
                self.folded.split_whitespace().all(|word| text.contains(word))
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
        let filter = Filter::new("A ü ", true, false);
        assert_eq!(filter.members(), [("q", Some("a ü".into())), ("need", Some(String::new())), ("running", None)]);
        assert!(Filter::default().members().iter().all(|(_, value)| value.is_none()));
        assert!(!filter.is_none() && Filter::default().with_words("  ").is_none());
    }
}
