//! The menu of a card: the mouse's and the finger's short way, and the keyboard's too.

use clutch_domain::{id::TaskId, task::Status};
use leptos::{html, prelude::*, server_fn::ServerFn};
use wasm_bindgen::JsCast;

use super::{
    end_of,
    state::{Asked, BoardState},
};
use crate::{
    api::{DeleteTask, delete_task},
    lazy::lazily,
    ui::{Confirm, Deed, Erase, Icon, StatusMark, dynamic, keys::pressed, when_in_page},
};

/// The open menu: of which card, and where on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Open {
    /// The card.
    pub task: TaskId,
    /// Left edge of its button.
    pub x: f64,
    /// Lower edge of its button.
    pub y: f64,
}

impl Open {
    /// At the button of a card.
    pub fn at(button: &web_sys::Element) -> Option<Self> {
        let area = button.get_bounding_client_rect();
        Some(Self { task: card_of(button)?, x: area.left(), y: area.bottom() })
    }
}

/// Opens the menu of the card whose button was clicked; one handler for all cards.
pub fn opener(menu: RwSignal<Option<Open>>) -> impl Fn(web_sys::MouseEvent) + Copy + 'static {
    move |event| {
        let Some(target) = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()) else { return };
        let Some(button) = target.closest("[data-menu]").ok().flatten() else { return };
        if let Some(open) = Open::at(&button) {
            menu.set(Some(open));
        }
    }
}

/// The card around an element.
pub fn card_of(element: &web_sys::Element) -> Option<TaskId> {
    element.closest("[data-card]").ok().flatten()?.get_attribute("data-card")?.parse().ok()
}

lazily! {
    /// The menu, with its code.
    fn card_menu(state: BoardState, menu: RwSignal<Option<Open>>) in ticket as (card_menu_code, preload_menu) {
        Ok(view! { <CardMenu state menu /> }.erase())
    }
}

/// The menu, and the questions that it asks.
#[component]
fn CardMenu(state: BoardState, menu: RwSignal<Option<Open>>) -> impl IntoView {
    let shown = move || menu.get().and_then(|open| state.peek(open.task).map(|card| (open, card)));
    let close = move || {
        if let Some(open) = menu.get_untracked() {
            menu.set(None);
            super::keys::focus_card(open.task);
        }
    };
    let remove = move |task: TaskId, number: u64| {
        menu.set(None);
        // What lies beside it has the focus then.
        let beside = super::keys::beside(state, task);
        delete_ticket(state, task, number);
        if let Some(card) = beside {
            super::keys::focus_card(card);
        }
    };
    let inside = move || {
        shown().map(|(open, card)| {
            let task = open.task;
            let node = NodeRef::<html::Div>::new();
            crate::ui::listen::follow(move || {
                if let Some(element) = node.get() {
                    when_in_page(&element.clone(), move || place(&element, open));
                }
            });
            let go = move |to: Status, top: bool| {
                menu.set(None);
                state.move_by_hand(task, to, end_of(to, top));
                super::keys::focus_card(task);
            };
            let here = card.status;
            let others = Status::ALL
                .iter()
                .filter(|s| **s != here)
                .map(|s| {
                    view! { <button type="button" role="menuitem" on:click=move |_| go(*s, false)><StatusMark status=*s />{s.label()}</button> }
                })
                .map(Erase::erase).collect::<Vec<_>>();
            let order = (here != Status::Done).then(|| {
                view! {
                    <button type="button" role="menuitem" on:click=move |_| go(here, true)><Icon name="up" />"Move to top"</button>
                    <button type="button" role="menuitem" on:click=move |_| go(here, false)><Icon name="down" />"Move to bottom"</button>
                    <hr />
                }
            });
            view! {
                <div class="menu-scrim" on:click=move |_| close()></div>
                <div class="menu" role="menu" aria-label=format!("T-{}", card.number) node_ref=node
                    on:keydown=move |ev| keys(&ev, close)>
                    {order}
                    <p>"Move to"</p>
                    {others}
                    <hr />
                    <a role="menuitem" href=format!("?task=T-{}", card.number) data-noscroll on:click=move |_| menu.set(None)><Icon name="edit" />"Edit"</a>
                    <button type="button" role="menuitem" class="bad" on:click=move |_| remove(task, card.number)>
                        <Icon name="trash" />"Delete"
                    </button>
                </div>
            }
        })
    };
    view! {
        {dynamic(inside)}
        {dynamic(move || state.reopening.get().map(|(task, to, at)| {
            let number = state.peek(task).map_or(0, |c| c.number);
            let answer = Callback::new(move |yes: bool| {
                state.reopening.set(None);
                if !yes {
                    state.put_back();
                } else if state.move_card(task, to, at, true) == Asked::Shown {
                    state.offer_undo(task);
                }
            });
            view! {
                <Confirm title=format!("Reopen T-{number}?") yes="Reopen" answer
                    text=format!("It is done. Moving it to {} opens it again.", to.label()) />
            }
        }))}
    }
}

/// Deletes a ticket in a moment: until then it can be taken back. Where the page is left before, it is deleted
/// as it goes.
pub fn delete_ticket(state: BoardState, task: TaskId, number: u64) {
    let toasts = state.toasts;
    let deed: Deed = std::sync::Arc::new(move |leaving| {
        if leaving {
            leave_word(task);
        } else {
            state.act.run_to_its_end(delete_task(task), move |answer| {
                if answer.is_err() {
                    toasts.stays(task.0);
                }
            });
        }
    });
    toasts.about_to(task.0, format!("Deleting T-{number} with its comments and history."), deed);
}

/// Asks for the deletion without waiting for an answer: the browser sees to it when the page is gone.
fn leave_word(task: TaskId) {
    #[cfg(feature = "hydrate")]
    if let Ok(form) = web_sys::UrlSearchParams::new() {
        form.append("task", &task.to_string());
        let _ = window().navigator().send_beacon_with_opt_url_search_params(DeleteTask::PATH, Some(&form));
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = (task, DeleteTask::PATH);
}

/// Puts the menu beside its button, inside the window.
fn place(element: &web_sys::HtmlElement, open: Open) {
    let area = element.get_bounding_client_rect();
    let window = window();
    let size = |v: Result<wasm_bindgen::JsValue, _>| v.ok().and_then(|v| v.as_f64()).unwrap_or(800.0);
    let x = open.x.min(size(window.inner_width()) - area.width() - 8.0).max(8.0);
    let y = (open.y + 4.0).min(size(window.inner_height()) - area.height() - 8.0).max(8.0);
    let style = web_sys::HtmlElement::style(element);
    let _ = style.set_property("left", &format!("{}px", x as i32));
    let _ = style.set_property("top", &format!("{}px", y as i32));
    if let Ok(Some(first)) = element.query_selector("[role=menuitem]")
        && let Ok(first) = first.dyn_into::<web_sys::HtmlElement>()
    {
        let _ = first.focus();
    }
}

fn keys(event: &web_sys::KeyboardEvent, close: impl Fn()) {
    let step = match pressed(event).as_str() {
        "ArrowDown" => 1,
        "ArrowUp" => -1,
        "Escape" | "Tab" => {
            event.prevent_default();
            event.stop_propagation();
            return close();
        }
        _ => return,
    };
    event.prevent_default();
    let Some(menu) = event.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()) else { return };
    let Ok(items) = menu.query_selector_all("[role=menuitem]") else { return };
    let count = items.length() as i32;
    let focused = document().active_element();
    let at = (0..count).find(|n| items.item(*n as u32).as_ref() == focused.as_ref().map(AsRef::as_ref)).unwrap_or(-1);
    let next = items.item((at + step).rem_euclid(count) as u32).and_then(|n| n.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(next) = next {
        let _ = next.focus();
    }
}
