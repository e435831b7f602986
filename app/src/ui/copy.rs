//! Something to copy: a command or a few lines of a file.

use leptos::prelude::*;

use super::dynamic;

/// Text in a box with a button that copies it.
#[component]
pub fn CopyBox(
    /// The text.
    text: String,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let alive = super::listen::Alive::here();
    let words = text.clone();
    let copy = move |_| {
        to_clipboard(&words);
        copied.set(true);
        alive.after(std::time::Duration::from_secs(2), move || copied.set(false));
    };
    view! {
        <div class="copy">
            <pre tabindex="0">{text}</pre>
            <button type="button" class="icon-btn js-only" aria-label="Copy" on:click=copy>
                {dynamic(move || if copied.get() { view! { <super::Icon name="check" /> } } else { view! { <super::Icon name="copy" /> } })}
            </button>
        </div>
    }
}

/// Puts words into the clipboard.
pub fn to_clipboard(words: &str) {
    #[cfg(feature = "hydrate")]
    {
        // Resolves later or never; where the clipboard is closed to us, the text can still be marked by hand.
        let _ = window().navigator().clipboard().write_text(words);
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = words;
}
