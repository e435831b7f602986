//! Dragging cards by mouse, pen and finger. All of it happens beside the reactive page: a
//! copy of the card follows the pointer, a line shows where it would land, and one move is
//! asked for at the drop. Fingers lift a card by holding it; a quick swipe still scrolls.

use std::{cell::RefCell, rc::Rc, time::Duration};

use clutch_domain::{command::Place, id::TaskId, task::Status};
use leptos::{html, prelude::*};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, Event, HtmlElement, PointerEvent};

use super::{menu::card_of, state::BoardState};

/// A mouse lifts a card after this many pixels.
const LIFT_AFTER_PX: f64 = 5.0;
/// A finger that moves further than this before the lift scrolls.
const FINGER_STILL_PX: f64 = 9.0;
/// A finger lifts a card after this long.
const HOLD_MS: u64 = 260;
/// Near an edge of the board or of a column, it scrolls.
const EDGE_PX: f64 = 56.0;
/// Fastest scrolling, in pixels per frame.
const FASTEST_PX: f64 = 16.0;

struct Drag {
    id: TaskId,
    pointer: i32,
    finger: bool,
    card: HtmlElement,
    start: (f64, f64),
    at: (f64, f64),
    /// Where the pointer holds the card.
    grip: (f64, f64),
    flying: Option<Flying>,
}

struct Flying {
    ghost: HtmlElement,
    line: HtmlElement,
    target: Option<(Status, Place)>,
}

type Shared = Rc<RefCell<Option<Drag>>>;

/// Lets the cards of this board be dragged.
pub fn install(node: NodeRef<html::Div>, state: BoardState) {
    Effect::new(move |_| {
        let Some(board) = node.get() else { return };
        let board: HtmlElement = board.into();
        let drag: Shared = Rc::default();
        let on = |target: &web_sys::EventTarget, name: &str, active: bool, handler: Box<dyn FnMut(Event)>| {
            let closure = Closure::wrap(handler);
            let options = web_sys::AddEventListenerOptions::new();
            options.set_passive(!active);
            options.set_capture(name == "click");
            let _ = target.add_event_listener_with_callback_and_add_event_listener_options(
                name,
                closure.as_ref().unchecked_ref(),
                &options,
            );
            closure.forget(); // the board's element holds it, and goes with it
        };
        let dropped = Rc::new(std::cell::Cell::new(false));

        let (shared, element) = (drag.clone(), board.clone());
        on(&board, "pointerdown", false, Box::new(move |event| take(&shared, &element, state, event.unchecked_ref())));
        let (shared, element) = (drag.clone(), board.clone());
        on(&board, "pointermove", true, Box::new(move |event| follow(&shared, &element, state, event.unchecked_ref())));
        let (shared, mark) = (drag.clone(), dropped.clone());
        on(
            &board,
            "pointerup",
            false,
            Box::new(move |_| {
                mark.set(land(&shared, state, true));
                let mark = mark.clone();
                // The click that belongs to this release comes in the same task or not at all.
                set_timeout(move || mark.set(false), Duration::ZERO);
            }),
        );
        let shared = drag.clone();
        on(
            &board,
            "pointercancel",
            false,
            Box::new(move |_| {
                land(&shared, state, false);
            }),
        );
        let shared = drag.clone();
        on(
            &board,
            "touchmove",
            true,
            Box::new(move |event| {
                if flying(&shared) {
                    event.prevent_default();
                }
            }),
        );
        let shared = drag.clone();
        on(
            &board,
            "contextmenu",
            true,
            Box::new(move |event| {
                if shared.try_borrow().is_ok_and(|d| d.as_ref().is_some_and(|d| d.finger)) {
                    event.prevent_default();
                }
            }),
        );
        on(&board, "dragstart", true, Box::new(|event| event.prevent_default()));
        on(
            &board,
            "click",
            true,
            Box::new(move |event| {
                if dropped.get() {
                    event.prevent_default();
                    event.stop_propagation();
                }
            }),
        );
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if event.key() == "Escape" && flying(&drag) {
                land(&drag, state, false);
            }
        });
        on_cleanup(move || handle.remove());
    });
}

fn flying(drag: &Shared) -> bool {
    drag.borrow().as_ref().is_some_and(|d| d.flying.is_some())
}

fn point(event: &PointerEvent) -> (f64, f64) {
    (f64::from(event.client_x()), f64::from(event.client_y()))
}

fn take(drag: &Shared, board: &HtmlElement, state: BoardState, event: &PointerEvent) {
    let Some(target) = event.target().and_then(|t| t.dyn_into::<Element>().ok()) else { return };
    if event.button() != 0
        || !event.is_primary()
        || target.closest("button, input, select, textarea").ok().flatten().is_some()
    {
        return;
    }
    let Some(card) = target.closest("[data-card]").ok().flatten().and_then(|c| c.dyn_into::<HtmlElement>().ok()) else {
        return;
    };
    let Some(id) = card_of(&card) else { return };
    let area = card.get_bounding_client_rect();
    let at = point(event);
    let finger = event.pointer_type() == "touch";
    let pointer = event.pointer_id();
    let grip = (at.0 - area.left(), at.1 - area.top());
    *drag.borrow_mut() = Some(Drag { id, pointer, finger, card, start: at, at, grip, flying: None });
    if finger {
        let (drag, board) = (drag.clone(), board.clone());
        set_timeout(
            move || {
                let still =
                    drag.borrow().as_ref().is_some_and(|d| d.pointer == pointer && d.start == at && d.flying.is_none());
                if still {
                    lift(&drag, &board, state);
                }
            },
            Duration::from_millis(HOLD_MS),
        );
    }
}

fn follow(drag: &Shared, board: &HtmlElement, state: BoardState, event: &PointerEvent) {
    let now = point(event);
    let begin = {
        let mut held = drag.borrow_mut();
        let Some(held_drag) = held.as_mut().filter(|d| d.pointer == event.pointer_id()) else { return };
        held_drag.at = now;
        let way = (now.0 - held_drag.start.0).hypot(now.1 - held_drag.start.1);
        match (&held_drag.flying, held_drag.finger) {
            (Some(_), _) => false,
            (None, true) => {
                if way > FINGER_STILL_PX {
                    *held = None; // it scrolls
                }
                return;
            }
            (None, false) if way < LIFT_AFTER_PX => return,
            (None, false) => true,
        }
    };
    if begin {
        lift(drag, board, state);
    }
    event.prevent_default();
    aim(drag);
}

fn lift(drag: &Shared, board: &HtmlElement, state: BoardState) {
    {
        let mut held = drag.borrow_mut();
        let Some(drag) = held.as_mut() else { return };
        let area = drag.card.get_bounding_client_rect();
        let (Ok(ghost), Ok(line)) = (drag.card.clone_node_with_deep(true), document().create_element("li")) else {
            return;
        };
        let (Ok(ghost), Ok(line)) = (ghost.dyn_into::<HtmlElement>(), line.dyn_into::<HtmlElement>()) else { return };
        ghost.remove_attribute("id").ok();
        ghost.remove_attribute("data-card").ok();
        ghost.set_attribute("aria-hidden", "true").ok();
        ghost.class_list().add_1("ghost").ok();
        line.set_class_name("drop-line");
        line.set_attribute("aria-hidden", "true").ok();
        let _ = HtmlElement::style(&ghost).set_property("width", &format!("{}px", area.width().ceil() as i32));
        if let Some(body) = document().body() {
            let _ = body.append_child(&ghost);
            body.class_list().add_1("dragging").ok();
        }
        drag.card.class_list().add_1("lifted").ok();
        let _ = board.set_pointer_capture(drag.pointer);
        drag.flying = Some(Flying { ghost, line, target: None });
    }
    state.hold(true);
    aim(drag);
    scroll_at_edges(drag.clone(), board.clone());
}

/// Moves the copy under the pointer and the line to where it would land.
fn aim(drag: &Shared) {
    let mut held = drag.borrow_mut();
    let Some(Drag { id, card, at, grip, flying: Some(flying), .. }) = held.as_mut() else { return };
    let _ = HtmlElement::style(&flying.ghost)
        .set_property("transform", &format!("translate({}px, {}px)", (at.0 - grip.0) as i32, (at.1 - grip.1) as i32));
    flying.target = None;
    let column = document().element_from_point(at.0 as f32, at.1 as f32).and_then(|e| e.closest(".col").ok().flatten());
    let Some(column) = column else { return flying.line.remove() };
    let Some(status) = column.get_attribute("data-status").and_then(|s| s.parse::<Status>().ok()) else { return };
    let Ok(Some(list)) = column.query_selector(".cards") else { return };
    let Ok(cards) = list.query_selector_all("[data-card]") else { return };
    let cards: Vec<Element> = (0..cards.length()).filter_map(|n| cards.item(n)).map(JsCast::unchecked_into).collect();

    let below = if status == Status::Done {
        cards.first() // done sorts itself: the newest is on top
    } else {
        cards.iter().find(|c| {
            let area = c.get_bounding_client_rect();
            at.1 < area.top() + area.height() / 2.0
        })
    };
    let own: &Element = card;
    let home = cards.iter().position(|c| c == own);
    let slot = below.map_or(cards.len(), |b| cards.iter().position(|c| c == b).unwrap_or(cards.len()));
    // At home, or right above or below it: nothing would move.
    if home.is_some_and(|h| slot == h || slot == h + 1) || (status == Status::Done && home.is_some()) {
        return flying.line.remove();
    }
    let _ = list.insert_before(&flying.line, below.map(AsRef::as_ref));
    let place = match below.and_then(card_of) {
        _ if status == Status::Done => Place::End,
        Some(card) => Place::Before(card),
        None => Place::End,
    };
    debug_assert_ne!(place, Place::Before(*id));
    flying.target = Some((status, place));
}

/// Ends the drag. Answers whether a card was in the air.
fn land(drag: &Shared, state: BoardState, keep: bool) -> bool {
    let Some(drag) = drag.borrow_mut().take() else { return false };
    let Some(flying) = drag.flying else { return false };
    flying.ghost.remove();
    flying.line.remove();
    drag.card.class_list().remove_1("lifted").ok();
    if let Some(body) = document().body() {
        body.class_list().remove_1("dragging").ok();
    }
    state.hold(false);
    if let (true, Some((to, place))) = (keep, flying.target) {
        state.request_move(drag.id, to, place);
        let title = state.peek(drag.id).map_or_else(String::new, |c| c.title);
        state.spoken.set(format!("{title} dropped in {}.", to.label()));
    }
    true
}

/// While a card is in the air near an edge, what lies there comes nearer.
fn scroll_at_edges(drag: Shared, board: HtmlElement) {
    request_animation_frame(move || {
        let Some((x, y)) = drag.borrow().as_ref().filter(|d| d.flying.is_some()).map(|d| d.at) else { return };
        let area = board.get_bounding_client_rect();
        let across = speed(x, area.left(), area.right());
        if across != 0 {
            board.set_scroll_left(board.scroll_left() + across);
        }
        let list = document().element_from_point(x as f32, y as f32).and_then(|e| e.closest(".col").ok().flatten());
        if let Some(list) = list.and_then(|c| c.query_selector(".cards").ok().flatten()) {
            let area = list.get_bounding_client_rect();
            let down = speed(y, area.top(), area.bottom());
            if down != 0 {
                list.set_scroll_top(list.scroll_top() + down);
            }
        }
        if across != 0 {
            aim(&drag);
        }
        scroll_at_edges(drag, board);
    });
}

fn speed(at: f64, from: f64, to: f64) -> i32 {
    let push = if at < from + EDGE_PX {
        at - from - EDGE_PX
    } else if at > to - EDGE_PX {
        at - to + EDGE_PX
    } else {
        0.0
    };
    (push / EDGE_PX * FASTEST_PX).clamp(-FASTEST_PX, FASTEST_PX) as i32
}
