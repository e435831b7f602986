//! The one place that cleans text.

use std::borrow::Cow;

use super::{
    escape,
    sign::{Sign, flag, sign},
};

/// Most unseen characters in a row: what scripts need. Longer runs carry what nobody sees.
const UNSEEN_MAX: u8 = 3;
/// Most marks on one character. The fullest real ones have four; more paint over the lines around.
const MARKS_MAX: u8 = 8;
/// Most embeddings and isolates within each other.
const DEEPEST: usize = 32;

/// Whether line breaks and tabs are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Line,
    Lines,
}

/// Clean text on one line, without white space at its ends and never two blanks in a row; empty where
/// nothing in it can be seen.
#[must_use]
pub fn line(text: &str) -> String {
    clean(text, Shape::Line)
}

/// Clean text of many lines, without white space around it; empty where nothing in it can be seen.
#[must_use]
pub fn lines(text: &str) -> String {
    let around = |c: char| matches!(sign(c), Sign::Break | Sign::Tab | Sign::Space | Sign::Unseen);
    let cleaned = if harmless(text) { Cow::Borrowed(text) } else { Cow::Owned(clean(text, Shape::Lines)) };
    cleaned.trim_matches(around).to_owned()
}

/// Whether cleaning changes nothing within the text, whatever stands at its ends: nearly all text is such.
pub(super) fn harmless(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || matches!(sign(c), Sign::Visible | Sign::Space | Sign::Tab))
}

fn clean(text: &str, shape: Shape) -> String {
    let mut made = Made {
        shape,
        text: String::with_capacity(text.len()),
        open: Vec::new(),
        last: Last::Nothing,
        unseen: 0,
        marks: 0,
        seen: false,
        blank: false,
    };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = escape::after(rest) {
            rest = after;
            continue;
        }
        let whole = flag(rest).unwrap_or(c.len_utf8());
        let (now, then) = rest.split_at(whole);
        rest = then;
        if now == "\r" && rest.starts_with('\n') {
            continue;
        }
        if whole > c.len_utf8() {
            made.see(now);
        } else {
            made.take(c);
        }
    }
    made.close();
    if made.seen { made.text } else { String::new() }
}

/// What was kept last, as far as what follows depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing, white space, or what is unseen behind these.
    Nothing,
    /// A visible character of ASCII: none of its scripts joins.
    Plain,
    /// Another visible character.
    Letter,
    /// A mark on one.
    Mark,
    /// A selector of one.
    Selector,
    /// Something unseen behind one of these.
    Unseen,
}

struct Made {
    shape: Shape,
    text: String,
    // What ends the embeddings and isolates that are open in this line.
    open: Vec<char>,
    last: Last,
    unseen: u8,
    marks: u8,
    seen: bool,
    // A blank that is written before the next visible character of a line.
    blank: bool,
}

const PDF: char = '\u{202c}';
const PDI: char = '\u{2069}';

impl Made {
    fn take(&mut self, c: char) {
        let (one_line, mut keep) = (self.shape == Shape::Line, c);
        match sign(c) {
            Sign::Gone => return,
            Sign::Break | Sign::Tab | Sign::Space if one_line => {
                self.blank = !self.text.is_empty();
                self.last = Last::Nothing;
                return;
            }
            Sign::Embeds | Sign::EndsEmbedding | Sign::Isolates | Sign::EndsIsolate | Sign::Unseen if one_line => {
                return;
            }
            Sign::Break => {
                self.close();
                keep = '\n';
                self.last = Last::Nothing;
            }
            Sign::Tab | Sign::Space => self.last = Last::Nothing,
            Sign::Embeds | Sign::Isolates if self.open.len() == DEEPEST => return,
            Sign::Embeds => self.open.push(PDF),
            Sign::Isolates => self.open.push(PDI),
            Sign::EndsEmbedding if self.open.last() == Some(&PDF) => drop(self.open.pop()),
            Sign::EndsEmbedding => return,
            // The end of an isolate ends what was opened within it too.
            Sign::EndsIsolate => match self.open.iter().rposition(|end| *end == PDI) {
                Some(at) => self.open.truncate(at),
                None => return,
            },
            Sign::Selects => {
                if !matches!(self.last, Last::Plain | Last::Letter | Last::Mark) {
                    return;
                }
                self.last = Last::Selector;
            }
            Sign::Joins => {
                let joined = match self.last {
                    Last::Nothing => false,
                    Last::Plain => !one_line,
                    Last::Letter | Last::Mark | Last::Selector | Last::Unseen => true,
                };
                if !joined || !self.another_unseen() {
                    return;
                }
            }
            Sign::Unseen | Sign::Shapes => {
                if !self.another_unseen() {
                    return;
                }
            }
            Sign::Blank => self.last = Last::Letter,
            Sign::Mark => {
                if self.marks == MARKS_MAX || (one_line && self.last == Last::Nothing) {
                    return;
                }
                self.marks += 1;
                self.last = Last::Mark;
            }
            Sign::Visible => return self.see(c.encode_utf8(&mut [0; 4])),
        }
        self.push_blank();
        self.text.push(keep);
        if keep == '\n' || matches!(sign(keep), Sign::Space | Sign::Tab) {
            (self.unseen, self.marks) = (0, 0);
        }
    }

    /// Another unseen character, unless there are enough in a row.
    fn another_unseen(&mut self) -> bool {
        if self.unseen == UNSEEN_MAX {
            return false;
        }
        self.unseen += 1;
        if self.last != Last::Nothing {
            self.last = Last::Unseen;
        }
        true
    }

    /// Something that people see.
    fn see(&mut self, what: &str) {
        self.push_blank();
        self.text.push_str(what);
        self.last = if what.is_ascii() { Last::Plain } else { Last::Letter };
        self.seen = true;
        (self.unseen, self.marks) = (0, 0);
    }

    fn push_blank(&mut self) {
        if std::mem::take(&mut self.blank) {
            self.text.push(' ');
            (self.unseen, self.marks) = (0, 0);
        }
    }

    /// Ends what is open in this line.
    fn close(&mut self) {
        self.text.extend(self.open.drain(..).rev());
    }
}
