//! A text that is still being written. What is above its last block does not change any more, so it is
//! rendered once; only the last block is rendered at each piece.

use comrak::Arena;

use super::{Colours, Headings, made, parsed, plain, safe};
use crate::safe::SafeHtml;

/// Longest block that is rendered again at each piece, in bytes. What goes on after a longer one shows as it was
/// written, because nobody knows yet where the block ends.
const OPEN_MAX: usize = 32 * 1024;
/// How much of such a text makes a block, in bytes.
const WRITTEN_BLOCK: usize = 8 * 1024;

/// A text as far as it came.
#[derive(Debug, Default)]
pub struct Growing {
    // The text of the blocks that are settled.
    settled: String,
    blocks: Vec<SafeHtml>,
    open: SafeHtml,
    headings: Headings,
    as_written: bool,
    turn: u32,
}

impl Growing {
    /// The text came so far.
    pub fn read(&mut self, text: &str) {
        if !text.starts_with(&self.settled) {
            // It said something else before.
            *self = Self { turn: self.turn + 1, ..Self::default() };
        }
        let mut rest = &text[self.settled.len()..];
        if !self.as_written {
            let mut begins = 0;
            for end in ends(rest) {
                let block = &rest[begins..end];
                let html = made(block, Some(&Colours::new()), &mut self.headings);
                self.settle(block, html);
                begins = end;
            }
            rest = &rest[begins..];
            self.as_written = rest.len() > OPEN_MAX;
        }
        if self.as_written {
            while let Some(block) = written_block(rest) {
                self.settle(block, safe(plain(block)));
                rest = &rest[block.len()..];
            }
            self.open = safe(plain(rest));
        } else {
            // Its level is settled with it.
            self.open = made(rest, None, &mut self.headings.clone());
        }
    }

    fn settle(&mut self, block: &str, html: SafeHtml) {
        self.settled.push_str(block);
        if !html.as_str().trim().is_empty() {
            self.blocks.push(html);
        }
    }

    /// What does not change any more, in order. More are put at the end.
    #[must_use]
    pub fn blocks(&self) -> &[SafeHtml] {
        &self.blocks
    }

    /// What may change.
    #[must_use]
    pub const fn open(&self) -> &SafeHtml {
        &self.open
    }

    /// How often it began anew, because it said something else before.
    #[must_use]
    pub const fn turn(&self) -> u32 {
        self.turn
    }
}

/// Where the blocks of a text end, but for the last one. A line that is not whole may become something else.
fn ends(text: &str) -> Vec<usize> {
    let Some(whole) = text.rfind('\n').map(|end| &text[..=end]) else { return Vec::new() };
    let arena = Arena::new();
    let Some(root) = parsed(whole, &arena) else { return Vec::new() };
    let mut lines = whole.split_inclusive('\n').scan(0, |at, line| {
        let begins = *at;
        *at += line.len();
        Some(begins)
    });
    let mut ends = Vec::new();
    let mut seen = 0;
    for block in root.children().skip(1) {
        let line = block.data().sourcepos.start.line;
        if line <= seen {
            continue;
        }
        ends.extend(lines.nth(line - seen - 1));
        seen = line;
    }
    ends
}

/// The beginning of a long text up to the end of a line, or of a word.
fn written_block(text: &str) -> Option<&str> {
    let most = text.len().checked_sub(1).filter(|most| *most >= WRITTEN_BLOCK)?.min(WRITTEN_BLOCK);
    let part = &text[..text.floor_char_boundary(most)];
    let end = part.rfind('\n').or_else(|| part.rfind(' ')).map_or(part.len(), |at| at + 1);
    Some(&part[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown::render;

    const TEXT: &str = "# Plan\n\nSome *words*\nand more.\n\n- one\n\n- two\n  - three\n\n1. a\n\n2. b\n\n## Next\n\n> said\nlazily\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nlet a = 1;\n\nlet b = 2;\n```\n### Deep\nEnd\n===\n\nThe `end`.";

    fn whole(growing: &Growing) -> String {
        growing.blocks().iter().chain([growing.open()]).map(SafeHtml::as_str).collect::<String>().replace('\n', "")
    }

    #[test]
    fn what_is_settled_never_changes_and_the_whole_is_as_if_it_came_at_once() {
        let mut growing = Growing::default();
        let mut before: Vec<SafeHtml> = Vec::new();
        for end in (1..=TEXT.len()).filter(|end| TEXT.is_char_boundary(*end)) {
            growing.read(&TEXT[..end]);
            assert_eq!(growing.blocks()[..before.len()], before, "{:?}", &TEXT[..end]);
            before = growing.blocks().to_vec();
        }
        assert_eq!((growing.turn(), before.len()), (0, 9));
        assert_eq!(whole(&growing), render(TEXT).into_string().replace('\n', ""));
        assert!(whole(&growing).contains("<h3>Plan</h3>") && whole(&growing).contains("<h4>Next</h4>"));
        assert!(!growing.blocks().iter().any(|block| block.as_str().contains("end")), "the last block is open");

        let mut at_once = Growing::default();
        at_once.read(TEXT);
        assert_eq!(at_once.blocks(), growing.blocks());
    }

    #[test]
    fn who_says_something_else_begins_anew() {
        let mut growing = Growing::default();
        growing.read("One.\n\nTwo.\n\nThree.");
        growing.read("One.\n\nTwo.\n\nThree!");
        assert_eq!((growing.turn(), growing.blocks().len()), (0, 1), "a line that is not whole settles nothing");
        growing.read("Another.");
        assert_eq!((growing.turn(), growing.blocks().len(), whole(&growing).as_str()), (1, 0, "<p>Another.</p>"));
    }

    /// Each piece cost as much as all that was said before it.
    #[test]
    fn a_block_without_an_end_is_settled_as_it_was_written() {
        let mut growing = Growing::default();
        let text = format!("Begins.\n\n```\n{}", "<b> a line of a long log\n".repeat(20_000));
        for end in (0..text.len()).step_by(10_000) {
            growing.read(&text[..end]);
            assert!(growing.open().as_str().len() < 2 * OPEN_MAX, "only the end is open");
        }
        assert!(growing.blocks().len() > 40);
        assert!(whole(&growing).contains("&lt;b&gt; a line") && !whole(&growing).contains("<b>"));
        growing.read(&format!("{text}{}", "x".repeat(30_000)));
        assert!(growing.open().as_str().len() < 2 * WRITTEN_BLOCK);
    }
}
