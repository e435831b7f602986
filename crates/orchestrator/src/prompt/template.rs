//! The language of templates: what programs of the original write (Handlebars, facts §5.10), and ours, of which each
//! name is one of that.
//!
//! Each name is known when a template is compiled, or it is refused; nothing is escaped; what is filled in is never
//! filled again, so a ticket may speak about `{{title}}`. Within `#each` a name is looked for in the item first, then
//! outside.
//!
//! It is our own because a template is text that any program sends. The library for it goes down into such text as deep as
//! that is nested, and tells neither names nor lines that a writer could mend; here both are bounded and told.

use std::{collections::BTreeSet, fmt::Write};

use clutch_domain::task::Role;

use super::{page::Page, parser::parse, variables::VARIABLES};

/// Longest prompt that is made, in bytes: a ticket with its comments, some of them twice.
pub const PROMPT_BYTES_MAX: usize = 64_000_000;

/// What is wrong with a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// What cannot be read, in sentences.
    pub syntax: Vec<String>,
    /// Names that mean nothing.
    pub undefined: Vec<Undefined>,
    /// Names that mean something.
    pub named: BTreeSet<&'static str>,
}

/// A name that means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undefined {
    /// As it stands there.
    pub name: String,
    /// In which line, from 1.
    pub line: usize,
    /// How the sentence about it goes on.
    pub hint: String,
}

impl Faults {
    pub(super) const fn is_empty(&self) -> bool {
        self.syntax.is_empty() && self.undefined.is_empty()
    }

    /// All of it in sentences.
    #[must_use]
    pub fn sentences(&self) -> String {
        let mut text = self.syntax.join(" ");
        for Undefined { name, line, hint } in &self.undefined {
            let gap = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{gap}Line {line}: {{{{{name}}}}} is not known{hint}");
        }
        text
    }
}

/// A part of what every agent has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Which ticket.
    Ticket,
    /// What is to be done.
    Description,
    /// What was said.
    Comments,
    /// How to say that it is done.
    Reporting,
}

impl Part {
    /// The name that stands for it, and the head above it where a template leaves it out.
    #[must_use]
    pub const fn name_and_head(self) -> (&'static str, &'static str) {
        match self {
            Self::Ticket => ("ticket", "## The ticket"),
            Self::Description => ("description", "### Description"),
            Self::Comments => ("comments", "### Comments"),
            Self::Reporting => ("reporting", "## How to report"),
        }
    }

    /// Whether a template that tells these names tells it.
    fn is_told(self, names: &BTreeSet<&'static str>) -> bool {
        let told = |any: &[&str]| any.iter().any(|name| names.contains(name));
        match self {
            Self::Ticket => told(&["ticket"]) || (told(&["taskId", "id", "number"]) && told(&["taskTitle", "title"])),
            Self::Description => told(&["description", "taskDescription"]),
            Self::Comments => told(&["comments"]),
            Self::Reporting => told(&["reporting"]),
        }
    }

    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ticket, Self::Description, Self::Comments, Self::Reporting];
}

/// What is filled in for a name.
#[derive(Clone, Debug, Default)]
pub struct Filled {
    /// Its words.
    pub text: String,
    /// Whether it is something.
    pub truth: bool,
    /// What is in it, where it is several.
    pub items: Vec<Item>,
}

/// One of several.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// All of it as words.
    pub whole: String,
    /// By field.
    pub fields: Vec<(&'static str, String)>,
}

/// A template that can be filled in.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<super::parser::Node>,
    named: BTreeSet<&'static str>,
    lacks: Vec<Part>,
}

impl Template {
    /// Compiles a role's template.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(role: Role, source: &str) -> Result<Self, Faults> {
        let parsed = parse(role, source)?;
        let lacks = Part::ALL.into_iter().filter(|part| !part.is_told(&parsed.told)).collect();
        Ok(Self { nodes: parsed.nodes, named: parsed.named, lacks })
    }

    /// What it names.
    #[must_use]
    pub fn variables(&self) -> Vec<&'static str> {
        VARIABLES.iter().map(|variable| variable.name).filter(|name| self.named.contains(name)).collect()
    }

    /// What it leaves out of what every agent has to be told. It is put behind it.
    #[must_use]
    pub fn lacks(&self) -> &[Part] {
        &self.lacks
    }

    /// The text; `None` where it would be longer than [`PROMPT_BYTES_MAX`].
    #[must_use]
    pub fn render(&self, mut fill: impl FnMut(&'static str) -> Filled) -> Option<String> {
        let mut names = self.named.clone();
        names.extend(self.lacks.iter().map(|part| part.name_and_head().0));
        let mut page = Page::new(names.into_iter().map(|name| (name, fill(name))).collect());
        page.write(&self.nodes)?;
        if !self.lacks.is_empty() {
            page.put("\n\n---")?;
        }
        for part in &self.lacks {
            let (name, head) = part.name_and_head();
            page.put(&format!("\n\n{head}\n\n"))?;
            page.value(name)?;
        }
        Some(page.into_text())
    }
}
