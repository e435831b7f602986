//! What the filter looks for among the tickets that the board does not hold: the server is asked, and what it
//! looked at is said.

use std::time::Duration;

use leptos::prelude::*;

use super::state::BoardState;
use crate::{
    api::find_tickets,
    lazy::lazily,
    model::{board::Card, filter::Filter},
    ui::{Erase, dynamic, listen::Alive, thousands},
};

/// A pause in typing after which it is asked.
const PAUSE: Duration = Duration::from_millis(250);
/// After a change of the board it is asked again, no more often than this.
const REFRESH: Duration = Duration::from_secs(2);

/// What came of asking the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing yet.
    Asked,
    /// It looked at so many tickets; there are more.
    Looked {
        /// So many.
        at: u32,
        /// There are more.
        more: bool,
    },
    /// It did not look; why.
    Failed(String),
}

/// Asks the server for tickets, one question after the other: an answer that comes after another question was
/// asked is nobody's.
#[derive(Clone, Copy)]
pub struct Search {
    /// What came of it.
    pub told: RwSignal<Told>,
    board: BoardState,
    turn: StoredValue<u32>,
    alive: Alive,
}

impl Search {
    /// Nothing is asked yet.
    pub fn new(board: BoardState) -> Self {
        Self { told: RwSignal::new(Told::Asked), board, turn: StoredValue::new(0), alive: Alive::here() }
    }

    /// Asks in so many calls after one another, each going on where the one before has ended, unless something
    /// else is asked within `wait`. `then` takes what was found.
    pub fn ask(self, wait: Duration, filter: Filter, calls: u32, then: impl Fn(Vec<Card>) + 'static) {
        let turn = self.turn.get_value() + 1;
        self.turn.set_value(turn);
        self.alive.after(wait, move || {
            leptos::task::spawn_local(async move {
                let still = move || self.turn.try_get_value() == Some(turn);
                if !still() {
                    return;
                }
                let project = self.board.head.with_untracked(|h| h.project);
                let (mut cards, mut at, mut next) = (Vec::new(), 0, None);
                for _ in 0..calls {
                    let words = filter.words().to_owned();
                    let found = find_tickets(project, words, filter.need, filter.running, next.take()).await;
                    if !still() {
                        return;
                    }
                    match found {
                        Ok(found) => {
                            cards.extend(found.cards);
                            at += found.looked;
                            next = found.next;
                        }
                        Err(error) => return self.told.set(Told::Failed(error.of_reading())),
                    }
                    if next.is_none() {
                        break;
                    }
                }
                self.told.set(Told::Looked { at, more: next.is_some() });
                then(cards);
            });
        });
    }
}

lazily! {
    /// What the filter finds behind the board, with its code.
    fn beyond(state: BoardState) in ticket as (beyond_code, preload_beyond) {
        Ok(view! { <Beyond state /> }.erase())
    }
}

#[component]
fn Beyond(state: BoardState) -> impl IntoView {
    let search = Search::new(state);
    let calls = RwSignal::new(1_u32);
    let ask = move |wait| {
        search.ask(wait, state.filter.get_untracked(), calls.get_untracked(), move |cards| state.show_found(cards));
    };
    crate::ui::listen::follow(move || {
        state.filter.track();
        calls.set(1);
        search.told.set(Told::Asked);
        state.show_found(Vec::new());
        ask(PAUSE);
    });
    let (due, alive) = (StoredValue::new(false), Alive::here());
    Effect::new(move |first: Option<()>| {
        state.news.track();
        if first.is_some() && !due.get_value() {
            due.set_value(true);
            alive.after(REFRESH, move || {
                due.set_value(false);
                ask(Duration::ZERO);
            });
        }
    });
    on_cleanup(move || state.show_found(Vec::new()));
    let further = move |_| {
        if matches!(search.told.get_untracked(), Told::Looked { .. }) {
            calls.update(|n| *n += 1);
        }
        ask(Duration::ZERO);
    };
    let shown = move || -> usize { state.columns.iter().map(|ids| ids.with(Vec::len)).sum() };
    let words = move || match search.told.get() {
        Told::Asked => "Looking through the tickets that are not on this board…".to_owned(),
        Told::Looked { at, more } => found_words(shown(), at, state.all(), more),
        Told::Failed(why) => {
            format!("{} Only the tickets on this board were looked at.", why.trim_end())
        }
    };
    let button = move || match search.told.get() {
        Told::Looked { more: true, .. } => Some("Look further"),
        Told::Failed(_) => Some("Try again"),
        _ => None,
    };
    view! {
        <p class="looked">
            <span role="status">{dynamic(words)}</span>
            {dynamic(move || button().map(|label| view! { <button type="button" class="btn s" on:click=further>{label}</button> }))}
        </p>
    }
    .erase()
}

/// What was found, and among how many.
fn found_words(found: usize, looked: u32, all: u32, more: bool) -> String {
    let found = match found {
        0 => "None".to_owned(),
        n => n.to_string(),
    };
    if more {
        format!("{found} found; {} of {} tickets were looked at.", thousands(looked), thousands(all))
    } else {
        format!("{found} found among all {} tickets.", thousands(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_is_said_truly() {
        assert_eq!(found_words(0, 7, 7, false), "None found among all 7 tickets.");
        assert_eq!(found_words(3, 5_000, 12_000, true), "3 found; 5,000 of 12,000 tickets were looked at.");
    }
}
