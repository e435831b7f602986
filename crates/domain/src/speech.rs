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

/// Words with which an agent tells its gateway that it has nothing to say to anybody (facts §4.2).
const CONTROL_WORDS: [&str; 2] = ["NO_REPLY", "HEARTBEAT_OK"];

/// What an agent says to people: its words without those that are for its gateway. Empty where it has only
/// told that it has nothing to say. A sentence that names such a word keeps it.
#[must_use]
pub fn to_people(words: &str) -> &str {
    let mut words = words.trim();
    loop {
        let cut =
            CONTROL_WORDS.iter().find_map(|control| without_last(words, control).or(without_first(words, control)));
        match cut {
            Some(cut) => words = cut,
            None => return words,
        }
    }
}

/// The same of words that are still being said: what may become such a word is not said yet.
#[must_use]
pub fn so_far(words: &str) -> &str {
    let said = to_people(words);
    let (before, last) = said.rsplit_once('\n').unwrap_or(("", said));
    let last = last.trim().trim_matches('*');
    // One letter may become anything; two capitals at the beginning of a line hardly ever stay alone.
    let becomes = last.len() > 1 && CONTROL_WORDS.iter().any(|control| control.starts_with(last));
    if becomes { before.trim_end() } else { said }
}

fn is_mark(c: char) -> bool {
    c == '*' || c.is_whitespace()
}

/// Without a control word that is the last line, or follows the last sentence.
fn without_last<'a>(words: &'a str, control: &str) -> Option<&'a str> {
    const ENDS: [char; 7] = ['.', '!', '?', '\u{2026}', '\u{3002}', '\u{ff01}', '\u{ff1f}'];

    let before = words.trim_end_matches(is_mark).strip_suffix(control)?.trim_end_matches('*');
    let line = before.rsplit('\n').next().unwrap_or_default();
    let apart = line.trim().is_empty() || line.ends_with(char::is_whitespace) && line.trim_end().ends_with(ENDS);
    apart.then(|| before.trim_end())
}

/// Without a control word that is the first line.
fn without_first<'a>(words: &'a str, control: &str) -> Option<&'a str> {
    let after = words.trim_start_matches(is_mark).strip_prefix(control)?;
    let (line, rest) = after.split_once('\n').unwrap_or((after, ""));
    line.trim_matches(is_mark).is_empty().then(|| rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_gateway_are_not_for_people() {
        for (said, shown) in [
            ("NO_REPLY", ""),
            (" HEARTBEAT_OK \n", ""),
            ("**NO_REPLY**", ""),
            ("Done.\n\nNO_REPLY", "Done."),
            ("Done. NO_REPLY", "Done."),
            ("Done.\n**HEARTBEAT_OK**\n", "Done."),
            ("HEARTBEAT_OK\n\nThe log is full.", "The log is full."),
            ("Done.\nNO_REPLY\nHEARTBEAT_OK", "Done."),
            ("**Done.**", "**Done.**"),
            ("HEARTBEAT_OK\n\n**The log is full.**", "**The log is full.**"),
            ("The word is: NO_REPLY", "The word is: NO_REPLY"),
            ("an open *", "an open *"),
            // Whoever speaks of them is heard.
            ("It answers with NO_REPLY", "It answers with NO_REPLY"),
            ("It answers with `NO_REPLY`", "It answers with `NO_REPLY`"),
            ("NO_REPLY means silence.", "NO_REPLY means silence."),
            ("MY_NO_REPLY", "MY_NO_REPLY"),
            ("no_reply", "no_reply"),
            ("", ""),
        ] {
            assert_eq!(to_people(said), shown, "{said:?}");
        }
    }

    #[test]
    fn what_becomes_a_word_for_the_gateway_does_not_flash() {
        for whole in ["NO_REPLY", "Done.\n\nNO_REPLY", "HEARTBEAT_OK", "Done.\n\n**HEARTBEAT_OK**"] {
            let words = whole.strip_prefix("Done.").map_or("", |_| "Done.");
            for end in (words.len() + 1..=whole.len()).filter(|end| whole.is_char_boundary(*end)) {
                let shown = so_far(&whole[..end]);
                let rest = shown.strip_prefix(words).unwrap_or(shown).trim().trim_matches('*');
                assert!(rest.len() < 2, "{:?} shows {shown:?}", &whole[..end]);
            }
            assert_eq!(so_far(whole), words, "{whole:?}");
        }
        for said in ["No", "Not yet", "N", "Done.\nNOT", "The word is NO", "HEART rate"] {
            assert_eq!(so_far(said), said);
        }
    }

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
