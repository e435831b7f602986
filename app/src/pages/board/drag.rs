//! Dragging cards by mouse, pen and finger. All of it happens beside the reactive page: a
//! copy of the card follows the pointer, a line shows where it would land, and one move is
//! asked for at the drop. Fingers lift a card by holding it; a quick swipe still scrolls.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use clutch_domain::{command::Place, id::TaskId, task::Status};
use leptos::{__reexports::send_wrapper::SendWrapper, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, PointerEvent};

use super::{
    menu::card_of,
    state::{Asked, BoardState},
};
use crate::ui::{
    keys::pressed,
    listen::{Alive, Ears, How, window_hears},
};

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
    /// The place of the pointer that `target` is for.
    aimed: Option<(f64, f64)>,
    target: Option<(Status, Place)>,
}

/// The one drag of a board, if there is one.
#[derive(Clone)]
pub struct Hand {
    drag: Rc<RefCell<Option<Drag>>>,
    board: HtmlElement,
    state: BoardState,
    alive: Alive,
}

/// Lets the cards of this board be dragged, as long as it is there. A card that is in the air when the board
/// goes comes down where it was. Gives the hand, once there is one.
pub fn install(node: NodeRef<html::Div>, state: BoardState) -> StoredValue<Option<SendWrapper<Hand>>> {
    let shown = StoredValue::new(None);
    crate::ui::listen::follow(move || {
        let Some(board) = node.get() else { return };
        let hand = Hand { drag: Rc::default(), board: board.into(), state, alive: Alive::here() };
        shown.set_value(Some(SendWrapper::new(hand.clone())));
        let ears = Ears::here();
        let board = hand.board.clone();
        let dropped = Rc::new(Cell::new(false));

        let by = hand.clone();
        ears.hear(&board, "pointerdown", How::Passive, move |event| by.take(event.unchecked_ref()));
        let by = hand.clone();
        ears.hear(&board, "pointermove", How::Active, move |event| by.follow(event.unchecked_ref()));
        let (by, mark) = (hand.clone(), dropped.clone());
        ears.hear(&board, "pointerup", How::Passive, move |event| {
            if by.has(event.unchecked_ref()) {
                mark.set(by.land(true));
                let mark = mark.clone();
                // The click that belongs to this release comes in the same task or not at all.
                by.alive.after(Duration::ZERO, move || mark.set(false));
            }
        });
        let by = hand.clone();
        ears.hear(&board, "pointercancel", How::Passive, move |event| {
            if by.has(event.unchecked_ref()) {
                by.land(false);
            }
        });
        let by = hand.clone();
        ears.hear(&board, "touchmove", How::Active, move |event| {
            if by.flies() {
                event.prevent_default();
            }
        });
        let by = hand.clone();
        ears.hear(&board, "contextmenu", How::Active, move |event| {
            if by.drag.try_borrow().is_ok_and(|d| d.as_ref().is_some_and(|d| d.finger)) {
                event.prevent_default();
            }
        });
        ears.hear(&board, "dragstart", How::Active, |event| event.prevent_default());
        ears.hear(&board, "click", How::First, move |event| {
            if dropped.get() {
                event.prevent_default();
                event.stop_propagation();
            }
        });
        let by = hand.clone();
        window_hears(leptos::ev::keydown, move |event| {
            if pressed(&event) == "Escape" && by.flies() {
                by.land(false);
            }
        });
        let gone = SendWrapper::new(hand);
        on_cleanup(move || {
            gone.come_down();
        });
    });
    shown
}

fn point(event: &PointerEvent) -> (f64, f64) {
    (f64::from(event.client_x()), f64::from(event.client_y()))
}

impl Hand {
    fn flies(&self) -> bool {
        self.drag.borrow().as_ref().is_some_and(|d| d.flying.is_some())
    }

    /// A press that began before this code came, and where the pointer went since.
    pub fn go_on(&self, down: &PointerEvent, to: Option<&PointerEvent>) {
        self.take(down);
        if let Some(to) = to {
            self.follow(to);
        }
    }

    /// Whether it is this pointer that drags.
    fn has(&self, event: &PointerEvent) -> bool {
        self.drag.borrow().as_ref().is_some_and(|d| d.pointer == event.pointer_id())
    }

    fn take(&self, event: &PointerEvent) {
        let Some(target) = event.target().and_then(|t| t.dyn_into::<Element>().ok()) else { return };
        // One card at a time: another finger, or a mouse beside it, lifts none.
        if self.flies()
            || event.button() != 0
            || !event.is_primary()
            || target.closest("button, input, select, textarea").ok().flatten().is_some()
        {
            return;
        }
        let card = target.closest("[data-card]").ok().flatten().and_then(|c| c.dyn_into::<HtmlElement>().ok());
        let Some(card) = card else { return };
        let Some(id) = card_of(&card) else { return };
        let area = card.get_bounding_client_rect();
        let at = point(event);
        let finger = event.pointer_type() == "touch";
        let pointer = event.pointer_id();
        let grip = (at.0 - area.left(), at.1 - area.top());
        *self.drag.borrow_mut() = Some(Drag { id, pointer, finger, card, start: at, at, grip, flying: None });
        if finger {
            let hand = self.clone();
            self.alive.after(Duration::from_millis(HOLD_MS), move || {
                let still = |d: &Drag| d.pointer == pointer && d.start == at && d.flying.is_none();
                let holds = hand.drag.borrow().as_ref().is_some_and(still);
                if holds {
                    hand.lift();
                }
            });
        }
    }

    fn follow(&self, event: &PointerEvent) {
        if !self.has(event) {
            return;
        }
        let now = point(event);
        // The button was let go where nobody saw it.
        let let_go = event.buttons() == 0;
        let begin = {
            let mut held = self.drag.borrow_mut();
            let Some(drag) = held.as_mut() else { return };
            drag.at = now;
            let way = (now.0 - drag.start.0).hypot(now.1 - drag.start.1);
            match (&drag.flying, drag.finger) {
                (Some(_), false) if let_go => None,
                (Some(_), _) => Some(false),
                (None, true) => {
                    if way > FINGER_STILL_PX {
                        *held = None; // it scrolls
                    }
                    return;
                }
                (None, false) if let_go => None,
                (None, false) if way < LIFT_AFTER_PX => return,
                (None, false) => Some(true),
            }
        };
        match begin {
            None => {
                self.land(false);
                return;
            }
            Some(true) => self.lift(),
            Some(false) => {}
        }
        event.prevent_default();
    }

    fn lift(&self) {
        {
            let mut held = self.drag.borrow_mut();
            let Some(drag) = held.as_mut() else { return };
            let area = drag.card.get_bounding_client_rect();
            let (Ok(ghost), Ok(line)) = (drag.card.clone_node_with_deep(true), document().create_element("li")) else {
                return;
            };
            let (Ok(ghost), Ok(line)) = (ghost.dyn_into::<HtmlElement>(), line.dyn_into::<HtmlElement>()) else {
                return;
            };
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
            let _ = self.board.set_pointer_capture(drag.pointer);
            drag.flying = Some(Flying { ghost, line, aimed: None, target: None });
        }
        self.state.hold(true);
        self.aim();
        self.each_frame();
    }

    /// Moves the copy under the pointer and the line to where it would land. What lies where is measured once
    /// for each place of the pointer.
    fn aim(&self) {
        let mut held = self.drag.borrow_mut();
        let Some(Drag { id, card, at, grip, flying: Some(flying), .. }) = held.as_mut() else { return };
        if flying.aimed == Some(*at) {
            return;
        }
        flying.aimed = Some(*at);
        let (x, y) = ((at.0 - grip.0) as i32, (at.1 - grip.1) as i32);
        let _ = HtmlElement::style(&flying.ghost).set_property("transform", &format!("translate({x}px, {y}px)"));
        flying.target = None;
        let column =
            document().element_from_point(at.0 as f32, at.1 as f32).and_then(|e| e.closest(".col").ok().flatten());
        let Some(column) = column else { return flying.line.remove() };
        let Some(status) = column.get_attribute("data-status").and_then(|s| s.parse::<Status>().ok()) else { return };
        let Ok(Some(list)) = column.query_selector(".cards") else { return };
        let Ok(cards) = list.query_selector_all("[data-card]") else { return };
        let cards: Vec<Element> =
            (0..cards.length()).filter_map(|n| cards.item(n)).map(JsCast::unchecked_into).collect();

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

    /// Nothing is in the air any more. Which card was, and where it would have landed.
    fn come_down(&self) -> Option<(TaskId, Option<(Status, Place)>)> {
        let drag = self.drag.borrow_mut().take()?;
        let flying = drag.flying?;
        flying.ghost.remove();
        flying.line.remove();
        drag.card.class_list().remove_1("lifted").ok();
        if let Some(body) = document().body() {
            body.class_list().remove_1("dragging").ok();
        }
        Some((drag.id, flying.target))
    }

    /// Ends the drag. Answers whether a card was in the air.
    fn land(&self, keep: bool) -> bool {
        if keep {
            self.aim();
        }
        let Some((id, target)) = self.come_down() else { return false };
        let title = self.state.peek(id).map_or_else(String::new, |c| c.title);
        self.state.hold(false);
        let words = match target.filter(|_| keep) {
            Some((to, place)) => match self.state.move_by_hand(id, to, place) {
                Asked::Shown => format!("{title} dropped in {}.", to.label()),
                Asked::First => format!("Reopen {title}?"),
                Asked::Refused(why) => format!("{title} was put back. {why}"),
            },
            None => format!("{title} was put back."),
        };
        self.state.say(words);
        true
    }

    /// While a card is in the air it is aimed once a frame, and what lies near an edge comes nearer.
    fn each_frame(&self) {
        let hand = self.clone();
        self.alive.frame(move || {
            let at = hand.drag.borrow().as_ref().filter(|d| d.flying.is_some()).map(|d| d.at);
            let Some((x, y)) = at else { return };
            let area = hand.board.get_bounding_client_rect();
            let across = speed(x, area.left(), area.right());
            if across != 0 {
                hand.board.set_scroll_left(hand.board.scroll_left() + across);
            }
            let column =
                document().element_from_point(x as f32, y as f32).and_then(|e| e.closest(".col").ok().flatten());
            let mut down = 0;
            if let Some(list) = column.and_then(|c| c.query_selector(".cards").ok().flatten()) {
                let area = list.get_bounding_client_rect();
                down = speed(y, area.top(), area.bottom());
                if down != 0 {
                    list.set_scroll_top(list.scroll_top() + down);
                }
            }
            if across != 0 || down != 0 {
                // Something else lies under the pointer now.
                if let Some(flying) = hand.drag.borrow_mut().as_mut().and_then(|d| d.flying.as_mut()) {
                    flying.aimed = None;
                }
            }
            hand.aim();
            hand.each_frame();
        });
    }
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
