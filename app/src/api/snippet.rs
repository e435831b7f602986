//! Whether a text has some words, and the part of it around them.

use unicode_normalization::UnicodeNormalization;

use crate::{model::chat::Piece, ui::is_accent};

/// Words that are looked for at most; more are not looked at.
const WORDS_MAX: usize = 8;
/// Longest word that is looked for, in characters; the rest of a longer one is not looked at.
const WORD_MAX: usize = 100;
/// Characters before the first word that are shown.
const BEFORE: usize = 40;
/// Characters that are shown.
const SHOWN: usize = 160;

/// What is looked for: all of these words, as texts are compared ([`crate::ui::fold`]).
pub struct Words(Vec<String>);

/// A letter as it is compared: small, and without its accents, however they were typed. Letter by letter, so that a
/// letter's place does not depend on its neighbours. An accent alone is nothing.
fn letter(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().nfkd().filter(|c| !is_accent(*c))
}

fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().flat_map(letter).collect() }
}

impl Words {
    /// The words of a text that somebody typed; `None` where there are none.
    pub fn of(text: &str) -> Option<Self> {
        let word = |word: &str| fold(&word.chars().take(WORD_MAX).collect::<String>());
        let words = text.split_whitespace().take(WORDS_MAX).map(word);
        let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// The text around the first of the words, with all of them marked; `None` unless it has them all.
    pub fn found_in(&self, text: &str) -> Option<Vec<Piece>> {
        let folded = fold(text);
        let places: Option<Vec<usize>> = self.0.iter().map(|word| folded.find(word.as_str())).collect();
        let first = places?.into_iter().min()?;
        // A letter may have more bytes when it is small: the place is counted anew in the text as it is.
        let mut seen = 0;
        let at = text
            .chars()
            .position(|c| {
                seen += letter(c).map(char::len_utf8).sum::<usize>();
                seen > first
            })
            .unwrap_or(0);
        let start = at.saturating_sub(BEFORE);
        let mut rest = text.chars().skip(start);
        let part: String = rest.by_ref().take(SHOWN).collect();
        let mut line = part.split_whitespace().collect::<Vec<_>>().join(" ");
        if start > 0 {
            line.insert(0, '…');
        }
        if rest.next().is_some() {
            line.push('…');
        }
        Some(self.mark(&line))
    }

    /// A line in pieces: those that are one of the words, and those between.
    fn mark(&self, line: &str) -> Vec<Piece> {
        let letters: Vec<char> = line.chars().collect();
        let mut folded = String::new();
        // The letter that each byte of the folded line comes from.
        let mut from = Vec::new();
        for (n, c) in letters.iter().enumerate() {
            folded.extend(letter(*c));
            from.resize(folded.len(), n);
        }
        let mut marked = vec![false; letters.len()];
        for word in &self.0 {
            for (at, _) in folded.match_indices(word.as_str()) {
                from[at..at + word.len()].iter().for_each(|n| marked[*n] = true);
            }
        }
        let mut pieces: Vec<Piece> = Vec::new();
        for (c, hit) in letters.into_iter().zip(marked) {
            // An accent is part of its letter.
            let hit = if letter(c).next().is_none() { pieces.last().is_some_and(|piece| piece.hit) } else { hit };
            match pieces.last_mut() {
                Some(piece) if piece.hit == hit => piece.text.push(c),
                _ => pieces.push(Piece { text: c.into(), hit }),
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces as one line, with what was found in brackets.
    fn found(words: &str, text: &str) -> Option<String> {
        let pieces = Words::of(words)?.found_in(text)?;
        Some(pieces.iter().map(|p| if p.hit { format!("[{}]", p.text) } else { p.text.clone() }).collect())
    }

    #[test]
    fn all_words_are_found_in_any_order_and_case() {
        for (words, text, want) in [
            ("sparrow", "A Sparrow and a SPARROW", Some("A [Sparrow] and a [SPARROW]")),
            ("log  feeder", "The feeder\n\n  log", Some("The [feeder] [log]")),
            ("log robin", "The feeder log", None),
            ("ÉTÉ", "C'était l'été", Some("C'était l'[été]")),
            ("straße", "Die STRASSE", None),
            // A capital whose small form is two letters, before the place and in it.
            ("door", "İİİ the Door", Some("İİİ the [Door]")),
            ("i\u{307}x", "an İx", Some("an [İx]")),
            ("ΟΔΟΣ", "η οδοσ", Some("η [οδοσ]")),
            // With and without accents, typed as one letter or as two.
            ("café", "im Cafe\u{301} am", Some("im [Cafe\u{301}] am")),
            ("cafe\u{301}", "im CAFÉ", Some("im [CAFÉ]")),
            ("cafe", "im Café", Some("im [Café]")),
            ("が", "か", None),
            ("<b>", "a <B>bold</b>", Some("a [<B>]bold</b>")),
            ("aa", "aaa", Some("[aa]a")),
            ("", "anything", None),
            (" \n", "anything", None),
        ] {
            assert_eq!(found(words, text).as_deref(), want, "{words:?} in {text:?}");
        }
    }

    #[test]
    fn of_a_long_text_the_part_around_the_first_word_is_shown() {
        let long = format!("{} here it is {}", "before ".repeat(50), "after ".repeat(50));
        let shown = found("here", &long).unwrap();
        assert!(
            shown.starts_with('…') && shown.ends_with('…') && shown.contains("before [here] it is after"),
            "{shown}"
        );
        assert!(shown.chars().count() <= SHOWN + 4, "{shown}");
    }

    #[test]
    fn no_text_is_too_strange() {
        let strange =
            ["", " ", "a", "İ", "ß", "ΟΔΟΣ", "i\u{307}", "\u{307}", "👩‍🔬", "\0", "\u{2028}", "…", "<mark>", "ﬀ", "K"];
        for words in strange {
            for (one, two) in strange.iter().flat_map(|one| strange.map(|two| (*one, two))) {
                let text = format!("{one}{}{two} {words}{one}\n{two}{}", two.repeat(45), one.repeat(130));
                let Some(all) = Words::of(words) else { continue };
                let pieces = all.found_in(&text).unwrap_or_else(|| panic!("{words:?} is not found in {text:?}"));
                let line: String = pieces.iter().map(|p| p.text.as_str()).collect();
                let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(flat.contains(line.trim_matches('…')), "{line:?} is not in {flat:?}");
            }
        }
    }
}
