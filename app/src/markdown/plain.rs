//! Text that is shown as it was written.

/// A text as it was written.
pub(super) fn plain(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 16);
    html.push_str("<p class=\"plain\">");
    escape(text, &mut html);
    html.push_str("</p>");
    html
}

/// Characters that mean something in HTML, as text.
pub(super) fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\0' => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
}
