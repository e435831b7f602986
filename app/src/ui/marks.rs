//! Marks that stand for a value: status glyph, priority bars, an agent's face, a project's dot.

use clutch_domain::task::{Priority, Role, Status};
use leptos::prelude::*;

/// A column's glyph.
#[component]
pub fn StatusMark(
    /// Which column.
    status: Status,
) -> impl IntoView {
    view! {
        <svg class=format!("g st-{}", status.word()) aria-hidden="true"><use href=format!("#st-{}", status.word())></use></svg>
    }
}

/// Three bars; urgent is red.
#[component]
pub fn PriorityMark(
    /// How urgent.
    priority: Priority,
) -> impl IntoView {
    let label = format!("{} priority", priority.label());
    view! {
        <svg class=format!("pri pri-{}", priority.word()) viewBox="0 0 12 10" role="img" aria-label=label>
            <rect x="0" y="6" width="3" height="4" rx="1"></rect>
            <rect x="4.5" y="3" width="3" height="7" rx="1"></rect>
            <rect x="9" y="0" width="3" height="10" rx="1"></rect>
        </svg>
    }
}

/// An agent's face: the first letter of its role, with a turning ring while it works.
#[component]
pub fn Avatar(
    /// Its role.
    role: Role,
    /// It works right now.
    #[prop(optional)]
    busy: bool,
) -> impl IntoView {
    let letter = role.label().chars().next().unwrap_or('A').to_string();
    view! { <span class=format!("av av-{}{}", role.word(), if busy { " busy" } else { "" }) aria-hidden="true">{letter}</span> }
}

/// A project's colour. The fill is an attribute of the drawing: inline styles are not allowed.
#[component]
pub fn Dot(
    /// `#rrggbb`.
    #[prop(into)]
    color: Signal<String>,
) -> impl IntoView {
    view! {
        <svg class="dot" viewBox="0 0 8 8" aria-hidden="true"><circle cx="4" cy="4" r="4" fill=move || color.get()></circle></svg>
    }
}
