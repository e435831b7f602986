//! The insides of cards as the server painted them last. To paint a card takes a dozen views with their signals; a board
//! has hundreds of cards, and from one look to the next few of them are others. What was painted is used again where
//! card and age are the same, letter for letter what painting would give.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use clutch_domain::id::TaskId;
use leptos::{prelude::*, tachys::html::InertElement};

use crate::model::board::Card;

/// Bytes of what is kept: more cards than a board shows. Beyond it all of it goes.
const BYTES_MOST: usize = 4 << 20;
/// What a card takes beside its painting.
const CARD: usize = 512;

#[derive(Default)]
struct Kept {
    cards: HashMap<TaskId, Painted>,
    bytes: usize,
}

struct Painted {
    card: Card,
    age: String,
    html: Arc<str>,
}

impl Kept {
    fn get(&self, card: &Card, age: &str) -> Option<Arc<str>> {
        let kept = self.cards.get(&card.id).filter(|kept| kept.age == age && kept.card == *card)?;
        Some(kept.html.clone())
    }

    fn keep(&mut self, painted: Painted) {
        let cost = painted.html.len() + CARD;
        if self.bytes + cost > BYTES_MOST {
            *self = Self::default();
        }
        self.bytes += cost;
        if let Some(old) = self.cards.insert(painted.card.id, painted) {
            self.bytes -= old.html.len() + CARD;
        }
    }
}

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

/// The inside of a card: as it was painted, or as `paint` does it now. `age` is all that it shows beside the card.
pub fn inside(card: Card, age: String, paint: impl FnOnce(Card) -> AnyView) -> AnyView {
    let lock = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = lock().get(&card, &age);
    let html = kept.unwrap_or_else(|| {
        let html: Arc<str> = paint(card.clone()).to_html().into();
        lock().keep(Painted { card, age, html: html.clone() });
        html
    });
    InertElement::new(html.to_string()).into_any()
}

#[cfg(test)]
mod tests {
    use clutch_domain::{
        task::{Priority, Status},
        time::Millis,
    };

    use super::*;
    use crate::model::board::Facts;

    fn card(n: u128, title: &str) -> Card {
        Card {
            id: format!("00000000-0000-4000-8000-{n:012x}").parse().unwrap(),
            number: 1,
            title: title.into(),
            status: Status::Ready,
            position: 1.0,
            facts: Facts {
                priority: Priority::Low,
                role: None,
                assignee: None,
                tags: Vec::new(),
                needs_review: false,
                pr_number: None,
            },
            since: Millis(0),
            open_dependencies: 0,
            dependencies: 0,
            dependents: 0,
            why: None,
            retries_at: None,
            ask: None,
            agent: None,
        }
    }

    fn painted(card: Card, html: &str) -> Painted {
        Painted { card, age: "now".into(), html: html.into() }
    }

    #[test]
    fn a_card_is_given_while_it_is_the_same_and_as_old() {
        let mut kept = Kept::default();
        kept.keep(painted(card(1, "a"), "<p>a</p>"));
        assert_eq!(kept.get(&card(1, "a"), "now").as_deref(), Some("<p>a</p>"));
        assert_eq!(kept.get(&card(1, "b"), "now"), None);
        assert_eq!(kept.get(&card(1, "a"), "1 m"), None);
        assert_eq!(kept.get(&card(2, "a"), "now"), None);
    }

    #[test]
    fn so_many_bytes_are_kept() {
        let mut kept = Kept::default();
        let html = "x".repeat(10_000);
        let mut most = 0;
        for n in 0..2_000 {
            kept.keep(painted(card(n % 700, &n.to_string()), &html));
            assert!(kept.bytes <= BYTES_MOST);
            assert_eq!(kept.bytes, kept.cards.len() * (html.len() + CARD));
            most = most.max(kept.cards.len());
        }
        assert!(most > 300, "{most}");
    }
}
