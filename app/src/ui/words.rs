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

/// "5,000".
#[must_use]
pub fn thousands(n: impl Into<u64>) -> String {
    grouped(n.into())
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// As texts are compared: small letters without their accents, however they were typed.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Accents that stand on a letter, once those that are part of one are taken apart.
    apart(&lower(text)).chars().filter(|c| !is_accent(*c)).collect()
}

/// Whether this is an accent on the letter before it.
#[must_use]
pub fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

#[cfg(feature = "hydrate")]
fn apart(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFKD").into()
}

#[cfg(all(feature = "ssr", not(feature = "hydrate")))]
fn apart(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfkd(text).collect()
}

#[cfg(not(any(feature = "hydrate", feature = "ssr")))]
fn apart(text: &str) -> String {
    text.to_owned()
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        for (n, text) in [(0, "0"), (999, "999"), (5_000, "5,000"), (1_234_567_u32, "1,234,567")] {
            assert_eq!(thousands(n), text);
        }
    }

    #[test]
    fn texts_are_compared_without_accents_and_capitals() {
        for (one, other) in [
            ("Café", "cafe\u{301}"),
            ("CAFÉ", "cafe"),
            ("Ångström", "a\u{30a}ngstro\u{308}m"),
            ("ﬁle", "file"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("か"), fold("が"));
    }
}
