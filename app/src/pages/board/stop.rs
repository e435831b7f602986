//! The board is one stop of the Tab key: the card that had the focus last. Arrows lead to all others, and to the
//! heads of the columns. Painted by the server it has a stop for each link, as without our code no arrow leads
//! anywhere. Here, too, the focus is kept on a card that the feed moves.

use clutch_domain::id::TaskId;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

#[cfg(feature = "hydrate")]
use super::keys::{beside, cover, spot};
use super::{menu::card_of, state::BoardState};

/// The first cards are painted: from now on one of all links is a stop.
pub fn begin(state: BoardState) {
    state.up.set_value(true);
    #[cfg(feature = "hydrate")]
    {
        let Ok(links) = document().query_selector_all(".board :is(a.cover, .col > header a)") else { return };
        for link in (0..links.length()).filter_map(|n| links.item(n)) {
            stops(Some(link.unchecked_into()), false);
        }
        stops(link(state.stop.get_value()), true);
    }
}

/// The card that gets the focus is the stop.
pub fn follower(state: BoardState) -> impl Fn(web_sys::FocusEvent) + Copy + 'static {
    move |event| {
        let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        if let Some(card) = target.and_then(|target| card_of(&target)) {
            state.stop_at(Some(card));
        }
    }
}

impl BoardState {
    /// The `tabindex` of a card's link.
    pub fn tab(self, id: TaskId) -> Option<&'static str> {
        (self.up.get_value() && self.stop.get_value() != Some(id)).then_some("-1")
    }

    fn stop_at(self, stop: Option<TaskId>) {
        let old = self.stop.try_update_value(|old| std::mem::replace(old, stop)).flatten();
        #[cfg(feature = "hydrate")]
        if old != stop && self.up.try_get_value() == Some(true) {
            stops(link(old), false);
            stops(link(stop), true);
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = old;
    }
}

/// The link of a stop; without any card it is the first column's.
#[cfg(feature = "hydrate")]
fn link(stop: Option<TaskId>) -> Option<web_sys::HtmlElement> {
    match stop {
        Some(card) => cover(card),
        None => document().query_selector(".board header a").ok().flatten()?.dyn_into().ok(),
    }
}

#[cfg(feature = "hydrate")]
fn stops(link: Option<web_sys::HtmlElement>, stops: bool) {
    let Some(link) = link else { return };
    let _ = if stops { link.remove_attribute("tabindex") } else { link.set_attribute("tabindex", "-1") };
}

/// The card that has the focus, and the one beside it.
#[cfg(feature = "hydrate")]
pub fn focused(state: BoardState) -> Option<(TaskId, Option<TaskId>)> {
    let card = document().active_element().and_then(|active| card_of(&active))?;
    Some((card, beside(state, card)))
}

/// The cards were arranged anew. One that had the focus has it where it lies now, and where it is gone the one
/// beside it has.
#[cfg(feature = "hydrate")]
pub fn keep(state: BoardState, focused: Option<(TaskId, Option<TaskId>)>) {
    let shown = |card: &TaskId| spot(state, *card).is_some();
    let heir = focused.and_then(|(card, beside)| Some(card).filter(shown).or(beside.filter(shown)));
    let first = || state.columns.iter().find_map(|ids| ids.with_untracked(|ids| ids.first().copied()));
    state.stop_at(state.stop.get_value().filter(shown).or(heir).or_else(first));
    if let Some(card) = heir {
        leptos::task::spawn_local(async move {
            for _ in 0..super::keys::TURNS {
                leptos::task::tick().await;
                let lost = document().active_element().is_none_or(|active| active.tag_name() == "BODY");
                if let Some(link) = cover(card).filter(|_| lost) {
                    let _ = link.focus();
                }
            }
        });
    }
}
