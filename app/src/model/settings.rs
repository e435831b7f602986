//! A project's settings as the fields of their form, and what becomes of them when two people
//! change them: who saves sends what was painted beside what is there, so that only what was
//! changed is written, and nobody writes over what another changed meanwhile.

use std::collections::BTreeMap;

use clutch_domain::project::ChatLayout;
use serde::{Deserialize, Serialize};

/// What stands in each field, by the field's name. A switch has `true`, or nothing where it is off.
pub type Settings = BTreeMap<String, String>;

/// What was found where a field leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// It is as it should be.
    pub well: bool,
    /// What it is, or what is the matter.
    pub sentence: String,
}

/// The fields, and what they are called in a sentence.
pub const FIELDS: [(&str, &str); 8] = [
    ("name", "the name"),
    ("description", "the description"),
    ("color", "the colour"),
    ("local_path", "the repository's path"),
    ("github_repo", "the GitHub repository"),
    ("loop_on", "whether agents take tickets"),
    ("max_agents", "how many agents work at once"),
    ("chat_layout", "how messages lie"),
];

/// Settings from a project's own values.
#[allow(clippy::too_many_arguments, reason = "one for each field of the form")]
#[must_use]
pub fn settings(
    name: &str,
    description: Option<&str>,
    color: &str,
    local_path: Option<&str>,
    github_repo: Option<&str>,
    loop_on: bool,
    max_agents: Option<u32>,
    layout: ChatLayout,
) -> Settings {
    let values = [
        name.to_owned(),
        description.unwrap_or_default().to_owned(),
        color.to_owned(),
        local_path.unwrap_or_default().to_owned(),
        github_repo.unwrap_or_default().to_owned(),
        if loop_on { "true".to_owned() } else { String::new() },
        max_agents.map(|n| n.to_string()).unwrap_or_default(),
        match layout {
            ChatLayout::Slack => "slack".to_owned(),
            ChatLayout::Imessage => "imessage".to_owned(),
        },
    ];
    FIELDS.iter().map(|(name, _)| (*name).to_owned()).zip(values).collect()
}

/// Whether two texts are the same in a field of one line, which shows neither line ends nor blanks around.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.replace(['\r', '\n'], "").trim().to_owned();
    a == b || plain(a) == plain(b)
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It stays as it is.
    Kept,
    /// It is written.
    Changed,
    /// Somebody else changed it since it was painted.
    Met,
}

/// A field that was painted as `was` and is sent as `mine`, while it is `now`. A sender who does not say
/// what was painted means every field that is sent.
#[must_use]
pub fn merge(was: Option<&str>, mine: Option<&str>, now: &str) -> Merged {
    match (was, mine) {
        (_, None) => Merged::Kept,
        (Some(was), Some(mine)) if same(was, mine) => Merged::Kept,
        (_, Some(mine)) if same(mine, now) => Merged::Kept,
        (Some(was), Some(_)) if !same(was, now) => Merged::Met,
        _ => Merged::Changed,
    }
}

/// A field's value in a sentence.
#[must_use]
pub fn in_words(field: &str, value: &str) -> String {
    match (field, value) {
        ("loop_on", "true") => "on".into(),
        ("loop_on", _) => "off".into(),
        (_, "") => "nothing".into(),
        _ => format!("\u{201c}{value}\u{201d}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_changed_is_written_and_never_over_somebody_elses_change() {
        use Merged::{Changed, Kept, Met};
        let table = [
            // painted, sent, now
            (Some("a"), Some("a"), "a", Kept),
            (Some("a"), Some("a"), "b", Kept),
            (Some("a"), Some("b"), "a", Changed),
            (Some("a"), Some(""), "a", Changed),
            (Some("a"), Some("b"), "b", Kept),
            (Some("a"), Some("b"), "c", Met),
            (Some("true"), Some("true"), "", Kept),
            (Some("true"), Some(""), "true", Changed),
            (Some("a"), None, "b", Kept),
            (None, Some("b"), "a", Changed),
            (None, Some("a"), "a", Kept),
            (None, None, "a", Kept),
            // A field of one line cannot show these.
            (Some("one\r\ntwo "), Some("onetwo"), "one\r\ntwo ", Kept),
        ];
        for (was, mine, now, wanted) in table {
            assert_eq!(merge(was, mine, now), wanted, "{was:?} {mine:?} {now:?}");
        }
    }
}
