//! What hands do on a board: drag, press keys, take back. Its code comes once the page is awake, as nothing of it
//! is needed to see and follow a board.

use leptos::{html, prelude::*};

use super::{early::Early, keys, menu::Open, state::BoardState};
use crate::{
    lazy::lazily,
    ui::{
        Erase, Toasts,
        keys::{Verb, use_keys},
    },
};

lazily! {
    /// The hands, with their code.
    fn hands(state: BoardState, node: NodeRef<html::Div>, menu: RwSignal<Option<Open>>, early: Early, chosen: Memo<Option<u64>>) in hands as (hands_code, preload_hands) {
        Ok(view! { <Hands state node menu early chosen /> }.erase())
    }
}

/// Nothing to see: the board hears from now on. What was begun before is done.
#[component]
fn Hands(
    state: BoardState,
    node: NodeRef<html::Div>,
    menu: RwSignal<Option<Open>>,
    early: Early,
    chosen: Memo<Option<u64>>,
) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    let hand = super::drag::install(node, state);
    keys::install(node, state, menu);
    keys::show_chosen(chosen);
    let toasts = expect_context::<Toasts>();
    let undo = move || {
        // What was done last is taken back first, on the board or elsewhere.
        if toasts.newest() > state.last() {
            toasts.take_back();
        } else {
            toasts.done(state.undo().unwrap_or_else(|| "There is nothing to undo on this board.".into()));
        }
    };
    use_keys().bind(Verb::Undo, undo);
    on_cleanup(move || state.withdraw_undo());
    crate::ui::listen::follow(move || {
        let Some(board) = node.get() else { return };
        let begun = early.over();
        if begun.as_ref().is_some_and(|begun| begun.undo) {
            undo();
        }
        #[cfg(feature = "hydrate")]
        if let Some(begun) = begun.map(|begun| begun.take()) {
            keys::press_all(state, menu, begun.keys);
            if let (Some(hand), Some((down, to))) = (hand.get_value(), begun.press) {
                hand.go_on(&down, to.as_ref());
            }
        }
        // Said where programs that press and drag can see it.
        let _ = board.set_attribute("data-hands", "");
    });
}
