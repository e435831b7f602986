//! Sentences that name commands.

use leptos::prelude::*;

use super::Erase;

/// A sentence whose parts between backticks are code.
#[must_use]
pub fn coded(sentence: &str) -> AnyView {
    sentence
        .split('`')
        .enumerate()
        .map(|(n, part)| {
            let part = part.to_owned();
            if n % 2 == 1 { view! { <code>{part}</code> }.erase() } else { part.erase() }
        })
        .map(Erase::erase)
        .collect::<Vec<_>>()
        .erase()
}
