//! Something to copy: a command or a few lines of a file.

use leptos::prelude::*;

use super::{Toasts, dynamic};

/// Said where the browser keeps the clipboard to itself.
const REFUSED: &str = "The browser does not let this page copy. Mark the text and copy it by hand.";

/// Text in a box with a button that copies it.
#[component]
pub fn CopyBox(
    /// The text.
    text: String,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let toasts = expect_context::<Toasts>();
    let alive = super::listen::Alive::here();
    let words = text.clone();
    let copy = move |_| {
        to_clipboard(&words, toasts, move || {
            if copied.try_set(true).is_none() {
                alive.after(std::time::Duration::from_secs(2), move || copied.set(false));
            }
        });
    };
    view! {
        <div class="copy">
            <pre tabindex="0">{text}</pre>
            <button type="button" class="icon-btn js-only" aria-label=move || if copied.get() { "Copied" } else { "Copy" } on:click=copy>
                {dynamic(move || if copied.get() { view! { <super::Icon name="check" /> } } else { view! { <super::Icon name="copy" /> } })}
            </button>
        </div>
    }
}

/// Puts words into the clipboard; `done` hears when they are there. Where they do not come there, that is said.
pub fn to_clipboard(words: &str, toasts: Toasts, done: impl FnOnce() + 'static) {
    #[cfg(feature = "hydrate")]
    {
        let words = words.to_owned();
        leptos::task::spawn_local(async move {
            match write(&words).await {
                Ok(()) => done(),
                Err(_) => toasts.error(REFUSED),
            }
        });
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = (words, toasts, done, REFUSED);
}

/// Without a safe connection there is no clipboard at all, and to ask one that is not there would throw.
#[cfg(feature = "hydrate")]
async fn write(words: &str) -> Result<(), wasm_bindgen::JsValue> {
    let navigator = window().navigator();
    if js_sys::Reflect::get(&navigator, &"clipboard".into())?.is_undefined() {
        return Err(wasm_bindgen::JsValue::UNDEFINED);
    }
    wasm_bindgen_futures::JsFuture::from(navigator.clipboard().write_text(words)).await.map(drop)
}
