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

/// In small letters, of any alphabet. The browser knows them: its own tables cost the page nothing.
#[must_use]
pub fn lower(text: &str) -> String {
    #[cfg(feature = "hydrate")]
    return js_sys::JsString::from(text).to_lower_case().into();
    #[cfg(not(feature = "hydrate"))]
    text.to_lowercase()
}

/// In capitals, of any alphabet.
#[must_use]
pub fn upper(text: &str) -> String {
    #[cfg(feature = "hydrate")]
    return js_sys::JsString::from(text).to_upper_case().into();
    #[cfg(not(feature = "hydrate"))]
    text.to_uppercase()
}
