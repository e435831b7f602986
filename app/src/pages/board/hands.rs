//! What hands do on a board: drag, press keys, take back. Its code comes once the page is awake, as nothing of it
//! is needed to see and follow a board.

use leptos::{html, prelude::*};

use super::{keys, menu::Open, state::BoardState};
use crate::{
    lazy::lazily,
    ui::{
        Erase, Toasts,
        keys::{Verb, use_keys},
    },
};

lazily! {
    /// The hands, with their code.
    fn hands(state: BoardState, node: NodeRef<html::Div>, menu: RwSignal<Option<Open>>) in hands as (hands_code, preload_hands) {
        Ok(view! { <Hands state node menu /> }.erase())
    }
}

/// Nothing to see: the board hears from now on.
#[component]
fn Hands(state: BoardState, node: NodeRef<html::Div>, menu: RwSignal<Option<Open>>) -> impl IntoView {
    #[cfg(feature = "hydrate")]
    super::drag::install(node, state);
    keys::install(node, state, menu);
    let toasts = expect_context::<Toasts>();
    use_keys().bind(Verb::Undo, move || {
        // What was done last is taken back first, on the board or elsewhere.
        if toasts.newest() > state.last() {
            toasts.take_back();
        } else {
            toasts.done(state.undo().unwrap_or_else(|| "There is nothing to undo on this board.".into()));
        }
    });
    // Said where programs that press and drag can see it.
    crate::ui::listen::follow(move || {
        if let Some(board) = node.get() {
            let _ = board.set_attribute("data-hands", "");
        }
    });
}
