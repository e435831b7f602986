//! What may be said to an agent, and what a gateway may read as a command of its operator.
//!
//! Gateways read `/word` in a message as an order to themselves: another model, a restart, leave to
//! run any program. Such an order is only obeyed where a person typed it, as a message of its own.
//! Everything else that reaches an agent is [`Speech::Words`], and adapters must send it so that no
//! gateway finds a command in it: what programs say, what stands in a repository or a ticket, and a
//! person's own sentence in which a slash happens to stand.

use serde::{Deserialize, Serialize};

use crate::{actor::Actor, refusal::Refusal, right::Right};

/// How a gateway may read what it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speech {
    /// For the agent, whatever stands in it.
    #[default]
    Words,
    /// A person's order to the gateway; sent exactly as it was typed, with nothing around it.
    Command,
}

/// How these words may be sent, by whoever asks for it.
///
/// # Errors
/// [`Refusal::CommandRefused`] where somebody who is not the person that wrote it sends a command.
pub fn may_send(actor: &Actor, author: &str, words: &str) -> Result<Speech, Refusal> {
    if command(words).is_none() || issue(words).is_some() {
        return Ok(Speech::Words);
    }
    let own = actor.is_human() && actor.who.name.as_deref() == Some(author);
    if own && actor.may(Right::Instruct) { Ok(Speech::Command) } else { Err(Refusal::CommandRefused) }
}

/// The word of a command with which a message begins, without its slash: `think` of `/think high`.
/// A path (`/home/ada`) is none.
#[must_use]
pub fn command(words: &str) -> Option<&str> {
    // Gateways trim as JavaScript does, which also drops the byte order mark.
    let words = words.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').strip_prefix('/')?;
    let end = words.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(words.len());
    let (word, rest) = words.split_at(end);
    let ends = rest.chars().next().is_none_or(|c| c.is_whitespace() || matches!(c, ':' | '@' | '\u{feff}'));
    (!word.is_empty() && ends).then_some(word)
}

/// The wish of an `/issue`: the one command that is spelled out in words for the agent.
#[must_use]
pub fn issue(words: &str) -> Option<&str> {
    let words = words.trim();
    let (word, wish) = words.split_once(char::is_whitespace)?;
    let wish = wish.trim();
    (word.eq_ignore_ascii_case("/issue") && !wish.is_empty()).then_some(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person() -> Actor {
        Actor::human("dan")
    }

    fn others() -> [Actor; 4] {
        [Actor::program(None), Actor::program(Some("dan")), Actor::agent("dan"), Actor::work_loop()]
    }

    #[test]
    fn only_a_person_sends_commands() {
        for words in
            ["/restart", "  /think high", "\u{feff}/approve x", "\u{2003}/new", "/model: x", "/issue", "/a@bot"]
        {
            assert_eq!(may_send(&person(), "dan", words), Ok(Speech::Command), "{words:?}");
            assert_eq!(may_send(&person(), "ci", words), Err(Refusal::CommandRefused), "another's words: {words:?}");
            for actor in others() {
                assert_eq!(may_send(&actor, "dan", words), Err(Refusal::CommandRefused), "{words:?} by {actor:?}");
            }
        }
    }

    #[test]
    fn whatever_is_no_command_goes_as_words_for_everybody() {
        for words in [
            "hello",
            "see /exec security=full",
            "/home/dan/site is gone",
            "/",
            "/ exec",
            "//exec",
            "/src/main.rs:12",
            "/issue count by hour",
            "  /Issue\na bell",
            "`/restart`",
        ] {
            assert_eq!(may_send(&person(), "dan", words), Ok(Speech::Words), "{words:?}");
            for actor in others() {
                assert_eq!(may_send(&actor, "dan", words), Ok(Speech::Words), "{words:?} by {actor:?}");
            }
        }
    }

    #[test]
    fn an_issue_is_told_from_its_wish() {
        assert_eq!(issue("/issue a bell"), Some("a bell"));
        assert_eq!(issue(" /ISSUE\n a bell "), Some("a bell"));
        assert_eq!((issue("/issue"), issue("/issues x"), issue("an /issue x")), (None, None, None));
    }
}
