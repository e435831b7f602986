//! The tab's title.

/// A title with words that people typed. `leptos_meta` writes titles into the document as
/// they are: on the server what would end the title, or begin a tag, must be written out.
#[must_use]
pub fn title(text: String) -> String {
    if cfg!(feature = "ssr") { text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;") } else { text }
}
