//! How this half of the program was compiled. The server's views and the browser's must have one shape, or the
//! page wakes up wrong: both say which it is, and the browser compares.

/// `erased` where views have no types of their own (`--cfg erase_components`), else `typed`.
pub const VIEWS: &str = if cfg!(erase_components) { "erased" } else { "typed" };

/// Whether the server that painted this page has views of the same shape. Where not, the page stays as it was
/// painted, which works with less, and the browser's console says why.
#[cfg(feature = "hydrate")]
#[must_use]
pub fn fit_the_page() -> bool {
    let theirs = leptos::prelude::document().document_element().and_then(|html| html.get_attribute("data-views"));
    let fit = theirs.as_deref() == Some(VIEWS);
    if !fit {
        leptos::leptos_dom::logging::console_error(
            "This page and the server were compiled with different flags (erase_components): build both again.",
        );
    }
    fit
}
