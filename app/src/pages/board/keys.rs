//! The board by keyboard. Arrows walk over the cards, Enter opens one, Space lifts it; lifted,
//! arrows move it, Space drops it, Escape puts it back. Each step is said to screen readers.

use clutch_domain::{command::Place, id::TaskId, task::Status};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::{
    menu::{Open, card_of},
    state::{Asked, BoardState, COLUMNS},
};
use crate::ui::{
    keys::pressed,
    listen::{Alive, next_frame},
};

/// The handler of all keys on the board.
pub fn handler(state: BoardState, menu: RwSignal<Option<Open>>) -> impl Fn(web_sys::KeyboardEvent) + Copy + 'static {
    move |event| {
        if menu.get_untracked().is_some() || event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let Some(target) = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()) else { return };
        // Buttons inside a card keep their own keys.
        if target.closest("a.cover").ok().flatten().is_none() {
            return;
        }
        let Some(id) = card_of(&target) else { return };
        let lifted = state.lifted.get_untracked() == Some(id);
        let key = pressed(&event);
        let used = match (key.as_str(), lifted) {
            (" ", false) => lift(state, id),
            (" " | "Enter", true) => drop_here(state, id),
            ("Escape", true) => put_back(state, id),
            ("ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight", true) => shift(state, id, &key),
            ("ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight", false) => walk(state, id, &key),
            _ => false,
        };
        if used {
            event.prevent_default();
            event.stop_propagation();
        }
    }
}

/// Where a card lies: column, place in it, cards in it.
fn spot(state: BoardState, id: TaskId) -> Option<(usize, usize, usize)> {
    (0..COLUMNS).find_map(|c| {
        state.columns[c].with_untracked(|ids| ids.iter().position(|other| *other == id).map(|at| (c, at, ids.len())))
    })
}

/// The card below this one in its column, or above it where none is below.
pub fn beside(state: BoardState, id: TaskId) -> Option<TaskId> {
    let (column, at, _) = spot(state, id)?;
    state.columns[column].with_untracked(|ids| ids.get(at + 1).or_else(|| ids.get(at.checked_sub(1)?)).copied())
}

fn say(state: BoardState, id: TaskId, verb: &str, hint: &str) {
    let title = state.peek(id).map_or_else(String::new, |c| c.title);
    if let Some((column, at, of)) = spot(state, id) {
        state.say(format!("{title} {verb}. {}, {} of {of}.{hint}", Status::ALL[column].label(), at + 1));
    }
}

fn lift(state: BoardState, id: TaskId) -> bool {
    let_go(state);
    state.lifted.set(Some(id));
    say(state, id, "lifted", " Arrow keys move it, Space drops it, Escape puts it back.");
    true
}

fn put_back(state: BoardState, id: TaskId) -> bool {
    state.lifted.set(None);
    state.put_back();
    say(state, id, "put back", "");
    focus_card(id);
    true
}

/// A card that was lifted and left lies again where the server has it.
fn let_go(state: BoardState) {
    if let Some(id) = state.lifted.get_untracked() {
        state.lifted.set(None);
        state.put_back();
        say(state, id, "put back", "");
    }
}

/// Whoever leaves a lifted card puts it back. A card that moves to another column is made anew there and has
/// the focus again a moment later, so this is looked at in the next frame but one.
pub fn leaver(state: BoardState) -> impl Fn(web_sys::FocusEvent) + Copy + 'static {
    let alive = Alive::here();
    move |_| {
        let Some(id) = state.lifted.get_untracked() else { return };
        alive.frame(move || {
            alive.frame(move || {
                let active = document().active_element();
                let still = active.is_some_and(|active| cover(id).is_some_and(|link| *link == active));
                if !still && state.lifted.get_untracked() == Some(id) {
                    let_go(state);
                }
            });
        });
    }
}

fn drop_here(state: BoardState, id: TaskId) -> bool {
    state.lifted.set(None);
    let Some((column, at, _)) = spot(state, id) else { return true };
    let to = Status::ALL[column];
    let above = at.checked_sub(1).and_then(|n| state.columns[column].with_untracked(|ids| ids.get(n).copied()));
    if state.is_moved(id) {
        let place = match above {
            _ if to == Status::Done => Place::End,
            Some(card) => Place::After(card),
            None => Place::Top,
        };
        state.put_back();
        match state.request_move(id, to, place) {
            Asked::Shown => say(state, id, "dropped", ""),
            // The question says it.
            Asked::First => {}
            Asked::Refused(why) => state.say(why),
        }
    } else {
        say(state, id, "dropped", "");
    }
    focus_card(id);
    true
}

fn shift(state: BoardState, id: TaskId, key: &str) -> bool {
    let Some((column, at, of)) = spot(state, id) else { return true };
    let (column, at) = match key {
        "ArrowUp" => (column, at.saturating_sub(1)),
        "ArrowDown" => (column, (at + 1).min(of.saturating_sub(1))),
        "ArrowLeft" => (column.saturating_sub(1), at),
        _ => ((column + 1).min(COLUMNS - 1), at),
    };
    match state.show_lifted(id, Status::ALL[column], Place::Index(at as u32)) {
        Ok(()) => say(state, id, "moved", ""),
        Err(refusal) => state.say(refusal.to_string()),
    }
    focus_card(id);
    true
}

fn walk(state: BoardState, id: TaskId, key: &str) -> bool {
    let Some((column, at, of)) = spot(state, id) else { return false };
    let beside =
        |c: usize| state.columns[c].with_untracked(|ids| ids.get(at.min(ids.len().saturating_sub(1))).copied());
    let next = match key {
        "ArrowUp" => at.checked_sub(1).and_then(|n| state.columns[column].with_untracked(|ids| ids.get(n).copied())),
        "ArrowDown" if at + 1 < of => state.columns[column].with_untracked(|ids| ids.get(at + 1).copied()),
        "ArrowLeft" => (0..column).rev().find_map(beside),
        "ArrowRight" => (column + 1..COLUMNS).find_map(beside),
        _ => None,
    };
    if let Some(next) = next {
        focus_card(next);
    }
    true
}

/// Gives a card the focus. One that moves to another column is made anew there, some turns of the page's tasks
/// later. The focus is there before the next key comes: whoever types fast loses none to a page that is about
/// to be painted. The card comes into sight with the next picture.
pub fn focus_card(id: TaskId) {
    leptos::task::spawn_local(async move {
        for _ in 0..TURNS {
            leptos::task::tick().await;
            if let Some(link) = cover(id) {
                let _ = link.focus();
            }
        }
    });
    next_frame(move || {
        let Some(link) = cover(id) else { return };
        // Where something else has the focus by now, it keeps it.
        if document().active_element().is_none_or(|active| active.tag_name() == "BODY") {
            let _ = link.focus();
        }
        link.scroll_into_view_with_scroll_into_view_options(&{
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Nearest);
            options.set_inline(web_sys::ScrollLogicalPosition::Nearest);
            options
        });
    });
}

/// So many turns after a change everything that follows from it is on the page; no event comes between them.
const TURNS: u8 = 8;

fn cover(id: TaskId) -> Option<web_sys::HtmlElement> {
    document().query_selector(&format!("#card-{id} a.cover")).ok().flatten()?.dyn_into().ok()
}

/// Control or command with Enter sends a form from any of its fields. A key that is held is one press.
pub fn send_on_ctrl_enter(event: web_sys::KeyboardEvent) {
    if pressed(&event) == "Enter"
        && !event.repeat()
        && (event.ctrl_key() || event.meta_key())
        && let Some(form) = event.current_target().and_then(|t| t.dyn_into::<web_sys::HtmlFormElement>().ok())
    {
        event.prevent_default();
        let _ = form.request_submit();
    }
}
