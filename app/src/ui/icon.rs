//! Icons are symbols of one sprite at the end of the document (`document.rs`), so the
//! browser's code holds none of their paths.

use leptos::prelude::*;

/// An icon beside words. It says nothing to screen readers; its button or line does.
#[component]
pub fn Icon(
    /// Name of a symbol, without its prefix.
    name: &'static str,
) -> impl IntoView {
    view! { <svg class="i" aria-hidden="true"><use href=format!("#i-{name}")></use></svg> }
}
