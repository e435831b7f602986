//! What somebody says of a webhook.

use super::{bounded, clean};
use crate::{activity, refusal::Refusal};

/// Longest address of a webhook, in characters.
pub const WEBHOOK_URL_MAX: usize = 2_000;
/// Longest description of a webhook, in characters.
pub const WEBHOOK_DESCRIPTION_MAX: usize = 200;

wrapped! {
    /// Where a webhook sends: `https` or `http`, a host, at most [`WEBHOOK_URL_MAX`] characters. Which machine that is,
    /// and whether anything may be sent there, is for the edge to say.
    WebhookUrl;
    /// What a webhook is for: one line, at most [`WEBHOOK_DESCRIPTION_MAX`] characters, may be empty.
    WebhookDescription;
}

impl WebhookUrl {
    /// Checks; an address is taken as it is or not at all.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let scheme = ["https://", "http://"]
            .iter()
            .find(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
        let rest = scheme.map_or("", |scheme| &text[scheme.len()..]);
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        // A user and a password would stand in every list; whoever needs a secret there puts it into the path.
        let well = !host.is_empty()
            && !host.starts_with(':')
            && !host.contains(['@', '\\'])
            && !text.contains('#')
            && text.chars().all(|c| !c.is_whitespace())
            && clean::line(text) == text
            && text.chars().count() <= WEBHOOK_URL_MAX;
        if well { Ok(Self(text.to_owned())) } else { Err(Refusal::WebhookUrlInvalid) }
    }
}

impl WebhookDescription {
    /// Cleans and checks.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = clean::line(text);
        let too_long = Refusal::WebhookDescriptionTooLong;
        Ok(bounded(text, WEBHOOK_DESCRIPTION_MAX, too_long, Self)?.unwrap_or_else(|| Self(String::new())))
    }
}

/// Which events a webhook is told: some words of [`activity::OF_PROJECTS`], or all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookEvents(Vec<String>);

impl WebhookEvents {
    /// Whatever happens.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Checks each; at least one.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, Refusal> {
        let mut all: Vec<String> = Vec::new();
        for word in words {
            if !activity::is_of_projects(word) {
                return Err(Refusal::WebhookEventsInvalid);
            }
            if !all.iter().any(|known| known == word) {
                all.push(word.to_owned());
            }
        }
        if all.is_empty() { Err(Refusal::WebhookEventsInvalid) } else { Ok(Self(all)) }
    }

    /// The words; none stands for all.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_webhooks() {
        for (text, fits) in [
            ("https://example.com/hook", true),
            ("http://example.com", true),
            (" https://example.com:8443/a?b=c ", true),
            ("HTTPS://Example.com/", true),
            ("https://[2001:db8::1]:8443/x", true),
            ("https://", false),
            ("https:///x", false),
            ("https://:80/x", false),
            ("ftp://example.com", false),
            ("javascript:alert(1)", false),
            ("example.com/hook", false),
            ("https://user:pass@example.com/", false),
            ("https://example.com/#part", false),
            ("https://exa mple.com/", false),
            ("https://example.com/a\nb", false),
            ("https://example.com\\@evil.example/", false),
            ("https://example.com/\u{200b}", false),
            ("", false),
        ] {
            assert_eq!(WebhookUrl::parse(text).is_ok(), fits, "{text:?}");
        }
        let long = |n: usize| format!("https://example.com/{}", "a".repeat(n - 20));
        assert!(WebhookUrl::parse(&long(WEBHOOK_URL_MAX)).is_ok());
        assert_eq!(WebhookUrl::parse(&long(WEBHOOK_URL_MAX + 1)), Err(Refusal::WebhookUrlInvalid));
    }

    #[test]
    fn events_are_words_of_the_log() {
        let of = |words: &[&str]| WebhookEvents::parse(words.iter().copied()).map(WebhookEvents::into_vec);
        assert_eq!(
            of(&["status_changed", "task_created", "status_changed"]).unwrap(),
            ["status_changed", "task_created"]
        );
        for wrong in [&[][..], &["nonsense"], &["status_changed", ""], &["*"], &[activity::WEBHOOK_TESTED]] {
            assert_eq!(of(wrong), Err(Refusal::WebhookEventsInvalid), "{wrong:?}");
        }
        assert!(WebhookEvents::all().into_vec().is_empty());
    }

    #[test]
    fn descriptions_are_one_line_and_may_be_empty() {
        assert_eq!(WebhookDescription::parse(" a\nb ").unwrap().as_str(), "a b");
        assert_eq!(WebhookDescription::parse("  ").unwrap().as_str(), "");
        let long = "a".repeat(WEBHOOK_DESCRIPTION_MAX + 1);
        assert_eq!(WebhookDescription::parse(&long), Err(Refusal::WebhookDescriptionTooLong));
    }
}
