//! A template, filled in.

use std::borrow::Cow;

use super::{
    parser::{Given, Helper, Node, Value},
    template::{Filled, Item, PROMPT_BYTES_MAX},
    variables::{Shape, VARIABLES},
};

/// A text that is being made.
pub(super) struct Page {
    known: Vec<(&'static str, Filled)>,
    text: String,
    /// The item of `#each`, its place, and how many there are.
    item: Option<(Item, usize, usize)>,
}

impl Page {
    /// An empty one, with what is filled in.
    pub(super) const fn new(known: Vec<(&'static str, Filled)>) -> Self {
        Self { known, text: String::new(), item: None }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn of(&self, name: &str) -> &Filled {
        const NOTHING: &Filled = &Filled { text: String::new(), truth: false, items: Vec::new() };
        self.known.iter().find(|(known, _)| *known == name).map_or(NOTHING, |(_, filled)| filled)
    }

    /// Adds words; `None` where there is no room for them.
    pub(super) fn put(&mut self, words: &str) -> Option<()> {
        if self.text.len() + words.len() > PROMPT_BYTES_MAX {
            return None;
        }
        self.text.push_str(words);
        Some(())
    }

    /// Adds what is filled in for a name.
    pub(super) fn value(&mut self, name: &str) -> Option<()> {
        let words = self.of(name).text.clone();
        self.put(&words)
    }

    fn words(&self, value: Value) -> Cow<'_, str> {
        let item = self.item.as_ref();
        match value {
            Value::Of(name) => Cow::Borrowed(&self.of(name).text),
            Value::Length(name) => Cow::Owned(self.of(name).items.len().to_string()),
            Value::Whole => Cow::Borrowed(item.map_or("", |(item, ..)| &item.whole)),
            Value::Field(field) => Cow::Borrowed(item.map_or("", |(item, ..)| {
                item.fields.iter().find(|(name, _)| *name == field).map_or("", |(_, text)| text)
            })),
            Value::Index => Cow::Owned(item.map_or(0, |(_, at, _)| *at).to_string()),
            Value::First | Value::Last => Cow::Owned(self.is(value).to_string()),
        }
    }

    fn is(&self, value: Value) -> bool {
        match value {
            Value::Of(name) => self.of(name).truth,
            Value::Length(name) => !self.of(name).items.is_empty(),
            Value::First => self.item.as_ref().is_some_and(|(_, at, _)| *at == 0),
            Value::Last => self.item.as_ref().is_some_and(|(_, at, all)| at + 1 == *all),
            Value::Index => self.item.as_ref().is_some_and(|(_, at, _)| *at > 0),
            Value::Whole | Value::Field(_) => !self.words(value).is_empty(),
        }
    }

    /// Adds what these make.
    pub(super) fn write(&mut self, nodes: &[Node]) -> Option<()> {
        for node in nodes {
            match node {
                Node::Words(words) => self.put(words)?,
                Node::Value(Value::Of(name)) => self.value(name)?,
                Node::Value(value) => {
                    let words = self.words(*value).into_owned();
                    self.put(&words)?;
                }
                Node::Call(helper, given) => {
                    let words = self.call(*helper, given);
                    self.put(&words)?;
                }
                Node::If { test, unless, then, otherwise } => {
                    self.write(if self.is(*test) == *unless { otherwise } else { then })?;
                }
                Node::Each { list, each, otherwise } => {
                    let items = self.of(list).items.clone();
                    if items.is_empty() {
                        self.write(otherwise)?;
                    }
                    let all = items.len();
                    for (at, item) in items.into_iter().enumerate() {
                        self.item = Some((item, at, all));
                        self.write(each)?;
                    }
                    self.item = None;
                }
            }
        }
        Some(())
    }

    fn call(&self, helper: Helper, given: &[Given]) -> String {
        let text = |n: usize| match given.get(n) {
            Some(Given::Words(words)) => Cow::Borrowed(words.as_str()),
            Some(Given::Value(value)) => self.words(*value),
            None => Cow::Borrowed(""),
        };
        match helper {
            Helper::BulletList => {
                let bullet = |words: &str| format!("- {}", words.replace('\n', "\n  "));
                let bullets: Vec<String> = match given.first() {
                    Some(Given::Value(Value::Of(name))) if is_several(name) => {
                        self.of(name).items.iter().map(|item| bullet(&item.whole)).collect()
                    }
                    _ => text(0).lines().filter(|line| !line.trim().is_empty()).map(bullet).collect(),
                };
                bullets.join("\n")
            }
            // Nothing has no head.
            Helper::Section if text(1).trim().is_empty() => String::new(),
            Helper::Section => format!("## {}\n\n{}", text(0), text(1).trim_end()),
            Helper::CodeBlock => {
                let code = text(0);
                let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
                let fence = "`".repeat(longest.max(2) + 1);
                format!("{fence}{}\n{}\n{fence}", text(1), code.trim_end())
            }
        }
    }
}

fn is_several(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name && matches!(variable.shape, Shape::List(_)))
}
