//! The board by keyboard. Arrows walk over the cards, Enter opens one, Space lifts it; lifted,
//! arrows move it, Space drops it, Escape puts it back. Each step is said to screen readers.

use clutch_domain::{command::Place, id::TaskId, task::Status};
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

use super::{
    menu::{Open, card_of},
    state::{Asked, BoardState, COLUMNS},
};
#[cfg(feature = "hydrate")]
use crate::ui::keys::Stroke;
use crate::ui::{
    keys::pressed,
    listen::{Alive, next_frame},
};

/// Lets the board hear keys, as long as the present owner is there.
pub fn install(node: NodeRef<html::Div>, state: BoardState, menu: RwSignal<Option<Open>>) {
    #[cfg(feature = "hydrate")]
    {
        use crate::ui::listen::{How, hear};

        let (on_key, on_leave) = (handler(state, menu), leaver(state));
        crate::ui::listen::follow(move || {
            let Some(board) = node.get() else { return };
            hear(&board, "keydown", How::Active, move |event| on_key(event.unchecked_into()));
            hear(&board, "focusout", How::Passive, move |_| on_leave());
        });
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = (node, handler(state, menu), leaver(state));
}

/// The handler of all keys on the board.
fn handler(state: BoardState, menu: RwSignal<Option<Open>>) -> impl Fn(web_sys::KeyboardEvent) + Copy + 'static {
    move |event| {
        if menu.get_untracked().is_some() || event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let Some(target) = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()) else { return };
        if press(state, menu, &target, &event) {
            event.prevent_default();
            event.stop_propagation();
        }
    }
}

/// Where keys mean something to the board. Buttons inside a card keep their own.
pub const PLACES: &str = "a.cover, .col > header a";

/// A key at this place; answers whether it means something there.
fn press(
    state: BoardState,
    menu: RwSignal<Option<Open>>,
    target: &web_sys::Element,
    event: &web_sys::KeyboardEvent,
) -> bool {
    if target.closest(PLACES).ok().flatten().is_none() {
        return false;
    }
    match card_of(target) {
        Some(id) => on_card(state, menu, id, event),
        None => on_head(state, target, &pressed(event)),
    }
}

/// Keys that were pressed before this code came: each where the one before has led.
#[cfg(feature = "hydrate")]
pub fn press_all(state: BoardState, menu: RwSignal<Option<Open>>, keys: Vec<web_sys::KeyboardEvent>) {
    leptos::task::spawn_local(async move {
        for event in keys {
            if let Some(target) = document().active_element() {
                press(state, menu, &target, &event);
            }
            for _ in 0..=TURNS {
                leptos::task::tick().await;
            }
        }
    });
}

fn on_card(state: BoardState, menu: RwSignal<Option<Open>>, id: TaskId, event: &web_sys::KeyboardEvent) -> bool {
    let lifted = state.lifted.get_value() == Some(id);
    let key = pressed(event);
    match (key.as_str(), lifted) {
        (" ", false) => lift(state, id),
        (" " | "Enter", true) => drop_here(state, id),
        ("Escape", true) => put_back(state, id),
        ("ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight", true) => shift(state, id, &key),
        ("ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight" | "Home" | "End", false) => walk(state, id, &key),
        ("ContextMenu", _) => open_menu(state, menu, id),
        ("F10", _) if event.shift_key() => open_menu(state, menu, id),
        #[cfg(feature = "hydrate")]
        _ if MENU.pressed(event) => open_menu(state, menu, id),
        _ => false,
    }
}

/// Opens a card's menu.
#[cfg(feature = "hydrate")]
const MENU: Stroke = Stroke { key: "m", code: "KeyM", ctrl: false };

fn open_menu(state: BoardState, menu: RwSignal<Option<Open>>, id: TaskId) -> bool {
    let_go(state);
    if let Ok(Some(button)) = document().query_selector(&format!("#card-{id} [data-menu]")) {
        menu.set(Open::at(&button));
    }
    true
}

/// On the sign at a column's head that leads to a new ticket there.
fn on_head(state: BoardState, head: &web_sys::Element, key: &str) -> bool {
    let column = head.closest("[data-status]").ok().flatten().and_then(|c| c.get_attribute("data-status"));
    let Some(column) = column.and_then(|word| word.parse::<Status>().ok()) else { return false };
    let at = column as usize;
    match key {
        "ArrowDown" | "Home" => state.columns[at].with_untracked(|ids| ids.first().copied()).map(focus_card),
        "End" => state.columns[at].with_untracked(|ids| ids.last().copied()).map(focus_card),
        "ArrowLeft" => at.checked_sub(1).map(focus_head),
        "ArrowRight" => Some(at + 1).filter(|at| *at < COLUMNS).map(focus_head),
        "ArrowUp" => None,
        _ => return false,
    };
    true
}

fn focus_head(column: usize) {
    let word = Status::ALL[column].word();
    let link = document().query_selector(&format!("#col-{word} > header a")).ok().flatten();
    if let Some(link) = link.and_then(|link| link.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = link.focus();
    }
}

/// Where a card lies: column, place in it, cards in it.
pub(super) fn spot(state: BoardState, id: TaskId) -> Option<(usize, usize, usize)> {
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

/// The card that the keyboard holds from now on.
fn hold(state: BoardState, id: Option<TaskId>) {
    let old = state.lifted.try_update_value(|held| std::mem::replace(held, id)).flatten();
    for (card, held) in [(old, false), (id, true)] {
        if let Some(card) = card {
            mark(&format!("#card-{card}"), "held", held);
        }
    }
}

/// Shows on its card which ticket is open beside the board.
pub fn show_chosen(chosen: Memo<Option<u64>>) {
    let mut before = None;
    crate::ui::listen::follow(move || {
        let now = chosen.get();
        for (number, open) in [(before, false), (now, true)] {
            if let Some(number) = number {
                mark(&format!(".card:has([href='?task=T-{number}'])"), "sel", open);
            }
        }
        before = now;
    });
}

/// Puts a class on an element or takes it away.
fn mark(selector: &str, class: &str, on: bool) {
    if let Ok(Some(element)) = document().query_selector(selector) {
        let _ = element.class_list().toggle_with_force(class, on);
    }
}

fn lift(state: BoardState, id: TaskId) -> bool {
    let_go(state);
    hold(state, Some(id));
    say(state, id, "lifted", " Arrow keys move it, Space drops it, Escape puts it back.");
    true
}

fn put_back(state: BoardState, id: TaskId) -> bool {
    hold(state, None);
    state.put_back();
    say(state, id, "put back", "");
    focus_card(id);
    true
}

/// A card that was lifted and left lies again where the server has it.
fn let_go(state: BoardState) {
    if let Some(id) = state.lifted.get_value() {
        hold(state, None);
        state.put_back();
        say(state, id, "put back", "");
    }
}

/// Whoever leaves a lifted card puts it back. A card that moves to another column is made anew there and has
/// the focus again a moment later, so this is looked at in the next frame but one.
fn leaver(state: BoardState) -> impl Fn() + Copy + 'static {
    let alive = Alive::here();
    move || {
        let Some(id) = state.lifted.get_value() else { return };
        alive.frame(move || {
            alive.frame(move || {
                let active = document().active_element();
                let still = active.is_some_and(|active| cover(id).is_some_and(|link| *link == active));
                if !still && state.lifted.get_value() == Some(id) {
                    let_go(state);
                }
            });
        });
    }
}

fn drop_here(state: BoardState, id: TaskId) -> bool {
    hold(state, None);
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
        "ArrowUp" if at == 0 => {
            focus_head(column);
            None
        }
        "Home" => state.columns[column].with_untracked(|ids| ids.first().copied()),
        "End" => state.columns[column].with_untracked(|ids| ids.last().copied()),
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
            // What has it already is left alone: to give it again lays out the whole board.
            if let Some(link) = cover(id).filter(|link| !is_active(link)) {
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

fn is_active(link: &web_sys::HtmlElement) -> bool {
    document().active_element().is_some_and(|active| active == **link)
}

/// So many turns after a change everything that follows from it is on the page; no event comes between them.
pub(super) const TURNS: u8 = 8;

pub(super) fn cover(id: TaskId) -> Option<web_sys::HtmlElement> {
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
