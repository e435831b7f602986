//! Text that comes in is cleaned and bounded here, by its type, and is trusted afterwards.
//!
//! | What | On one line (names, titles, tags) | In many lines (words) |
//! |---|---|---|
//! | `\r\n`, `\r`, vertical tab, form feed, NEL, U+2028, U+2029 | a blank | `\n` |
//! | tab | a blank | stays |
//! | other white space | one blank for a row of it, none at the ends | stays, none around the whole |
//! | codes for terminals (CSI, OSC, DCS, …) | taken out whole | taken out whole |
//! | NUL and other control characters, byte order mark, noncharacters, tags, deprecated format signs | taken out | taken out |
//! | overrides, embeddings and isolates of direction | taken out | closed at the end of their line |
//! | marks of direction, shaping signs of scripts | stay, three in a row | stay, three in a row |
//! | ZWJ, ZWNJ | stay behind what joins (emoji, Persian, Hindi), not behind ASCII | stay behind something |
//! | variation selectors | one for each character | one for each character |
//! | zero-width spaces, soft hyphens, word joiners, Hangul fillers | taken out | stay, three in a row |
//! | combining marks | eight on each character | eight on each character |
//! | tags of a flag (England, Scotland, Wales) | stay | stay |
//! | all else: letters of all scripts, emoji, private use, U+FFFD | stays | stays |
//!
//! Text in which nothing can be seen counts as empty. Cleaning clean text changes nothing. Text is not
//! normalised: `é` may be one character or two.
//!
//! A type's `parse` refuses what is too long. What a store keeps from before these rules is cleaned when it
//! is read and not refused, whatever its length ([`stored`]).

/// Text types: how each is written and shown. Only what their module makes is one.
macro_rules! wrapped {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, owned.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

mod clean;
mod escape;
mod field;
mod options;
mod sign;
pub mod stored;
mod webhook;

use serde::{Deserialize, Deserializer};

use self::field::bounded;
pub use self::{
    clean::{line, lines},
    field::*,
    options::{OPTION_MAX, OPTIONS_MAX, Options},
    webhook::*,
};
use crate::refusal::Refusal;

/// Longest title of a task, in characters.
pub const TITLE_MAX: usize = 200;
/// Longest name of a project, in characters.
pub const NAME_MAX: usize = 100;
/// Longest slug, in characters.
pub const SLUG_MAX: usize = 50;
/// How many numbered slugs are tried for a name before giving up.
const SLUG_TRIES: u32 = 1_000;
/// The slug of a name without a letter or digit of ASCII.
const NAMELESS: &str = "project";
/// Longest body (description, comment, message), in bytes. A larger one belongs in a file.
pub const BODY_MAX: usize = 1_000_000;

/// Text types that are read from a store, and how.
macro_rules! text {
    ($($(#[$doc:meta])* $name:ident = $stored:path;)+) => {$(
        wrapped! { $(#[$doc])* $name; }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $stored(from).map(Self)
            }
        }
    )+};
}

text! {
    /// A task's title: one line, 1 to 200 characters.
    Title = stored::title;
    /// A project's name: one line, 1 to 100 characters.
    Name = stored::title;
    /// A project's address in URLs: `a-z`, `0-9` and inner `-`, 1 to 50 characters.
    Slug = String::deserialize;
    /// Markdown of any kind: many lines, not empty, at most [`BODY_MAX`] bytes.
    Body = stored::lines;
}

impl Title {
    /// Cleans and checks; line breaks become blanks.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let line = line(text);
        match line.chars().count() {
            0 => Err(Refusal::TitleMissing),
            n if n > TITLE_MAX => Err(Refusal::TitleTooLong),
            _ => Ok(Self(line)),
        }
    }
}

impl Name {
    /// Cleans and checks; line breaks become blanks.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let line = line(text);
        match line.chars().count() {
            0 => Err(Refusal::NameMissing),
            n if n > NAME_MAX => Err(Refusal::NameTooLong),
            _ => Ok(Self(line)),
        }
    }
}

impl Slug {
    /// Checks a slug that somebody typed; upper case is folded.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim().to_ascii_lowercase();
        let shaped = !text.is_empty()
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if text.len() > SLUG_MAX {
            Err(Refusal::SlugTooLong)
        } else if shaped {
            Ok(Self(text))
        } else {
            Err(Refusal::SlugInvalid)
        }
    }

    /// Makes a slug from a name; one that has no letter or digit of ASCII gets the same as all others of its kind.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let mut slug = String::new();
        for c in name.to_ascii_lowercase().chars() {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        slug.truncate(SLUG_MAX);
        let slug = slug.trim_matches('-').to_owned();
        Self(if slug.is_empty() { NAMELESS.to_owned() } else { slug })
    }

    /// The addresses that a project may get, the first free one of them: this one, then with numbers.
    pub fn tries(&self) -> impl Iterator<Item = Self> {
        std::iter::once(self.clone()).chain((1..=SLUG_TRIES).map(|n| self.numbered(n)))
    }

    /// The same slug with `-n` behind it, still within the limit.
    #[must_use]
    pub fn numbered(&self, n: u32) -> Self {
        let tail = format!("-{n}");
        let mut head = self.0.clone();
        head.truncate(SLUG_MAX - tail.len());
        Self(format!("{}{tail}", head.trim_end_matches('-')))
    }
}

impl Body {
    /// Cleans and checks. `None` for text in which nothing can be seen.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = lines(text);
        if text.len() > BODY_MAX {
            return Err(Refusal::TextTooLong);
        }
        Ok((!text.is_empty()).then_some(Self(text)))
    }

    /// The first `max` characters on one line, for previews.
    #[must_use]
    pub fn preview(&self, max: usize) -> String {
        preview(&self.0, max)
    }
}

/// The first `most` characters of `text`; where something was cut off, the last of them is an ellipsis.
/// A cut never parts a character from what stands on it or is joined to it.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let mut end = text.char_indices().nth(most.saturating_sub(1)).map_or(0, |(at, _)| at);
    while end > 0 && (text[end..].starts_with(sign::clings) || text[..end].ends_with('\u{200d}')) {
        end = text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    }
    format!("{}…", &text[..end])
}

/// The first `max` characters of `text` on one line, with an ellipsis where it was cut.
#[must_use]
pub fn preview(text: &str, max: usize) -> String {
    // A megabyte is not cleaned for a few words of it.
    let head = text.floor_char_boundary(max.saturating_mul(16).saturating_add(256));
    let words = line(&text[..head]);
    if head < text.len() && words.chars().nth(max).is_none() {
        return format!("{}…", cut(&words, max.saturating_sub(1)).trim_end_matches('…'));
    }
    cut(&words, max)
}
