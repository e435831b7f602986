//! Words with their markdown shown.

use leptos::prelude::*;

use super::Erase;
use crate::safe::SafeHtml;

/// Rendered markdown. The only component that sets inner HTML, and it takes nothing but [`SafeHtml`].
/// One listener serves all that can be pressed inside: buttons that copy code, and pictures.
#[component]
pub fn Markdown(
    /// What the server rendered.
    html: SafeHtml,
) -> impl IntoView {
    view! { <div class="prose md" on:click=super::inside::pressed inner_html=html.into_string()></div> }.erase()
}
