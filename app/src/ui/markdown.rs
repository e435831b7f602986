//! Words with their markdown shown.

use leptos::prelude::*;

use super::{Erase, Toasts};
use crate::safe::SafeHtml;

/// Rendered markdown. The only component that sets inner HTML, and it takes nothing but [`SafeHtml`].
/// One listener serves all that can be pressed inside: buttons that copy code, and pictures.
#[component]
pub fn Markdown(
    /// What the server rendered.
    html: SafeHtml,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    view! { <div class="prose md" on:click=move |event| super::inside::pressed(event, toasts) inner_html=html.into_string()></div> }.erase()
}
