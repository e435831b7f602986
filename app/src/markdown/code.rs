//! Code gets colours: what each word of it is, in ten short classes (`style/_code.scss`).
//!
//! The classes carry no colours, so the HTML is the same in both looks. Whatever costs too much, has a
//! language that nobody knows, or breaks the grammar's program stays as it was written.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use comrak::{adapters::SyntaxHighlighterAdapter, html};
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

/// Longest block that gets colours, in bytes.
const BLOCK_MAX: usize = 32 * 1024;
/// Most code of one text that gets colours, in bytes.
const TEXT_MAX: usize = 64 * 1024;
/// Longest line that a grammar reads, in bytes; from a longer one on the block has no colours. Grammars
/// look at the rest of the line again and again: measured, a hostile line of this length takes a quarter
/// of a second at worst, one of a thousand bytes three seconds.
const LINE_MAX: usize = 400;
/// Time for the code of one text. Ordinary code takes 3 to 15 ms for a kilobyte. Looked at after each
/// line, and only colours depend on it.
const TIME_MAX: Duration = Duration::from_millis(200);

/// Every class that a `span` in code may have.
pub(super) const CLASSES: [&str; 10] = ["hl-a", "hl-c", "hl-d", "hl-f", "hl-i", "hl-k", "hl-n", "hl-s", "hl-t", "hl-v"];

/// The grammars that are used, by their own names: what agents write. Some of the others can be led so far
/// astray that a line takes seconds.
const KNOWN: [&str; 61] = [
    "AWK",
    "Bourne Again Shell (bash)",
    "C",
    "C#",
    "C++",
    "CMake",
    "CSS",
    "Clojure",
    "Dart",
    "Diff",
    "Dockerfile",
    "Dockerfile (with bash)",
    "DotENV",
    "Elixir",
    "Elm",
    "Erlang",
    "Fish",
    "Go",
    "Gomod",
    "GraphQL",
    "HTML",
    "HTTP Request and Response",
    "Haskell",
    "INI",
    "JQ",
    "JSON",
    "Java",
    "JavaScript",
    "Julia",
    "Kotlin",
    "Lua",
    "Makefile",
    "Markdown",
    "Nim",
    "Nix",
    "OCaml",
    "Objective-C",
    "PHP",
    "Perl",
    "Protocol Buffer",
    "Python",
    "R",
    "Ruby",
    "Rust",
    "SCSS",
    "SQL",
    "Sass",
    "Scala",
    "Solidity",
    "Svelte",
    "Swift",
    "TOML",
    "Terraform",
    "TypeScript",
    "TypeScriptReact",
    "Vue Component",
    "WGSL",
    "XML",
    "YAML",
    "Zig",
    "nginx",
];

/// Names of languages that the grammars' own names and file endings leave out.
const ALSO: &[(&str, &str)] = &[
    ("console", "sh"),
    ("csharp", "cs"),
    ("golang", "go"),
    ("json5", "json"),
    ("jsonc", "json"),
    ("mjs", "js"),
    ("node", "js"),
    ("patch", "diff"),
    ("shell", "sh"),
    ("zsh", "sh"),
];

/// What a scope of a grammar is called here. The longest beginning that fits counts; an empty class ends
/// the search: code inside a string is code again.
const MEANINGS: &[(&str, &str)] = &[
    ("comment", "hl-c"),
    ("constant", "hl-v"),
    ("constant.character", "hl-s"),
    ("constant.numeric", "hl-n"),
    ("entity.name", "hl-t"),
    ("entity.name.constant", "hl-v"),
    ("entity.name.function", "hl-f"),
    ("entity.name.tag", "hl-k"),
    ("entity.other.attribute-name", "hl-a"),
    ("entity.other.inherited-class", "hl-t"),
    ("invalid", ""),
    ("keyword", "hl-k"),
    ("keyword.operator", ""),
    ("keyword.operator.word", "hl-k"),
    ("markup.deleted", "hl-d"),
    ("markup.heading", "hl-k"),
    ("markup.inserted", "hl-i"),
    ("meta.diff.header", "hl-c"),
    ("meta.diff.range", "hl-c"),
    ("meta.interpolation", ""),
    ("meta.mapping.key", "hl-a"),
    ("meta.template.expression", ""),
    ("source", ""),
    ("storage", "hl-k"),
    ("string", "hl-s"),
    ("support.class", "hl-t"),
    ("support.constant", "hl-v"),
    ("support.function", "hl-f"),
    ("support.type", "hl-t"),
    ("support.type.property-name", "hl-a"),
    ("text", ""),
    ("variable.function", "hl-f"),
    ("variable.language", "hl-v"),
];

static GRAMMARS: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// The longest first.
static SCOPES: LazyLock<Vec<(Scope, &str)>> = LazyLock::new(|| {
    let mut scopes: Vec<_> =
        MEANINGS.iter().filter_map(|(name, class)| Some((Scope::new(name).ok()?, *class))).collect();
    scopes.sort_by_key(|(scope, _)| std::cmp::Reverse(scope.len()));
    scopes
});

fn class_of(stack: &ScopeStack) -> &'static str {
    let meaning =
        |scope: &Scope| SCOPES.iter().find(|(begins, _)| begins.is_prefix_of(*scope)).map(|(_, class)| *class);
    stack.scopes.iter().rev().find_map(meaning).unwrap_or_default()
}

fn grammar(language: &str) -> Option<&'static SyntaxReference> {
    let language = language.to_ascii_lowercase();
    let name = ALSO.iter().find(|(also, _)| *also == language).map_or(language.as_str(), |(_, name)| *name);
    GRAMMARS.find_syntax_by_token(name).filter(|found| KNOWN.contains(&found.name.as_str()))
}

/// What of one text may still get colours.
struct Left {
    bytes: usize,
    time: Duration,
    /// The first block that takes too long gets a second go: a grammar is compiled while it is first used.
    again: bool,
}

/// Colours the code of one text.
pub(super) struct Colours(Mutex<Left>);

impl Colours {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Left { bytes: TEXT_MAX, time: TIME_MAX, again: true }))
    }

    /// The HTML of the code, or nothing where it stays as it was written.
    fn colour(&self, language: &str, code: &str) -> Option<String> {
        if language.is_empty() || code.len() > BLOCK_MAX {
            return None;
        }
        let grammar = grammar(language)?;
        // One text is rendered by one thread: nobody waits for this.
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.bytes = left.bytes.checked_sub(code.len())?;
        // A grammar is a program that others wrote: when it breaks, the code is there without colours.
        let go = |time: Duration| {
            let begun = Instant::now();
            let made = catch_unwind(AssertUnwindSafe(|| coloured(grammar, code, begun + time))).unwrap_or_else(|_| {
                tracing::error!(
                    language,
                    bytes = code.len(),
                    "code could not be coloured; it is shown as it was written"
                );
                None
            });
            (made, time.saturating_sub(begun.elapsed()))
        };
        let (mut made, mut time) = go(left.time);
        if time.is_zero() && std::mem::take(&mut left.again) {
            (made, time) = go(TIME_MAX);
        }
        left.time = time;
        made
    }
}

fn coloured(grammar: &SyntaxReference, code: &str, until: Instant) -> Option<String> {
    let mut state = ParseState::new(grammar);
    let mut stack = ScopeStack::new();
    let mut out = Spans::new(code.len());
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        if line.len() > LINE_MAX || Instant::now() > until {
            break;
        }
        let mut from = 0;
        for (to, change) in state.parse_line(line, &GRAMMARS).ok()? {
            out.put(line.get(from..to)?, class_of(&stack)).ok()?;
            from = to;
            stack.apply(&change).ok()?;
        }
        out.put(line.get(from..)?, class_of(&stack)).ok()?;
        at += line.len();
    }
    out.put(code.get(at..)?, "").ok()?;
    out.end()
}

/// Words with classes; neighbours with the same class share a span, and so does the space between them.
struct Spans {
    html: String,
    open: &'static str,
    space: String,
}

impl Spans {
    fn new(size: usize) -> Self {
        Self { html: String::with_capacity(size * 2), open: "", space: String::new() }
    }

    fn put(&mut self, words: &str, class: &'static str) -> fmt::Result {
        let inner = words.trim();
        let begin = words.len() - words.trim_start().len();
        self.space.push_str(&words[..begin]);
        if inner.is_empty() {
            return Ok(());
        }
        if class != self.open {
            self.close();
            if !class.is_empty() {
                self.space();
                self.html.extend(["<span class=\"", class, "\">"]);
            }
            self.open = class;
        }
        self.space();
        self.space.push_str(&words[begin + inner.len()..]);
        html::escape(&mut self.html, inner)
    }

    fn space(&mut self) {
        self.html.push_str(&self.space);
        self.space.clear();
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.html.push_str("</span>");
        }
    }

    fn end(mut self) -> Option<String> {
        self.close();
        self.space();
        Some(self.html)
    }
}

impl SyntaxHighlighterAdapter for Colours {
    fn write_highlighted(&self, output: &mut dyn fmt::Write, language: Option<&str>, code: &str) -> fmt::Result {
        match self.colour(language.unwrap_or_default(), code) {
            Some(html) => output.write_str(&html),
            None => html::escape(output, code),
        }
    }

    fn write_pre_tag(&self, output: &mut dyn fmt::Write, said: HashMap<&'static str, Cow<'_, str>>) -> fmt::Result {
        html::write_opening_tag(output, "pre", said)
    }

    fn write_code_tag(&self, output: &mut dyn fmt::Write, said: HashMap<&'static str, Cow<'_, str>>) -> fmt::Result {
        html::write_opening_tag(output, "code", said)
    }
}

#[cfg(test)]
mod tests;
