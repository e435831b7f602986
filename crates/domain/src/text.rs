//! Text that was checked once, at the edge, and is trusted afterwards.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// Longest title of a task, in characters.
pub const TITLE_MAX: usize = 200;
/// Longest name of a project, in characters.
pub const NAME_MAX: usize = 100;
/// Longest slug, in characters.
pub const SLUG_MAX: usize = 50;
/// Longest body (description, comment, message), in bytes. A larger one belongs in a file.
pub const BODY_MAX: usize = 1_000_000;

macro_rules! text {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

text! {
    /// A task's title: one line, trimmed, 1 to 200 characters.
    Title,
    /// A project's name: trimmed, 1 to 100 characters.
    Name,
    /// A project's address in URLs: `a-z`, `0-9` and inner `-`, 1 to 50 characters.
    Slug,
    /// Markdown of any kind: trimmed, not empty, at most [`BODY_MAX`] bytes.
    Body,
}

impl Title {
    /// Trims and checks; line breaks become spaces.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.chars().count() {
            0 => Err(Refusal::TitleMissing),
            n if n > TITLE_MAX => Err(Refusal::TitleTooLong),
            _ => Ok(Self(line)),
        }
    }
}

impl Name {
    /// Trims and checks.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
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

    /// Makes a slug from a name; `None` when the name has no letter or digit of ASCII.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
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
        if slug.is_empty() { None } else { Some(Self(slug)) }
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
    /// Trims and checks. `None` for text that is empty after trimming.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = text.trim();
        if text.len() > BODY_MAX {
            return Err(Refusal::TextTooLong);
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// The first `max` characters on one line, for previews.
    #[must_use]
    pub fn preview(&self, max: usize) -> String {
        preview(&self.0, max)
    }
}

/// The first `max` characters of `text` on one line, with an ellipsis where it was cut.
#[must_use]
pub fn preview(text: &str, max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max {
        return line;
    }
    let mut cut: String = line.chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}
