//! A template, read.

use std::{collections::BTreeSet, ops::RangeInclusive};

use clutch_domain::task::Role;

use super::{
    lexer::{Is, Token, lex},
    template::{Faults, Undefined},
    variables::{Shape, is_anyones, named, nearest, of_role},
};

/// Most blocks within each other.
const DEPTH_MAX: usize = 30;
/// Most mistakes that are told of one template.
const FAULTS_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Of(&'static str),
    Length(&'static str),
    Whole,
    Field(&'static str),
    Index,
    First,
    Last,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Value(Value),
    Words(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Helper {
    BulletList,
    Section,
    CodeBlock,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Words(String),
    Value(Value),
    Call(Helper, Vec<Given>),
    If { test: Value, unless: bool, then: Vec<Self>, otherwise: Vec<Self> },
    Each { list: &'static str, each: Vec<Self>, otherwise: Vec<Self> },
}

/// What a template is made of.
pub(super) struct Parsed {
    pub nodes: Vec<Node>,
    /// What it names.
    pub named: BTreeSet<&'static str>,
    /// What it not only asks for, but tells.
    pub told: BTreeSet<&'static str>,
}

/// Reads a role's template.
pub(super) fn parse(role: Role, source: &str) -> Result<Parsed, Faults> {
    let mut parser = Parser {
        role,
        tokens: Vec::new(),
        at: 0,
        within: None,
        depth: 0,
        named: BTreeSet::new(),
        told: BTreeSet::new(),
        faults: Faults::default(),
        given_up: false,
    };
    match lex(source) {
        Ok(tokens) => parser.tokens = tokens,
        Err((line, what)) => parser.wrong(line, &what),
    }
    let nodes = parser.whole();
    let Parser { named, told, faults, .. } = parser;
    if faults.is_empty() { Ok(Parsed { nodes, named, told }) } else { Err(Faults { named, ..faults }) }
}

/// Within which `#each`.
#[derive(Clone)]
struct Within {
    fields: &'static [&'static str],
    /// The list is not known, and so are its fields.
    unknown: bool,
    item: Option<String>,
    index: Option<String>,
}

/// How a block ended.
enum End<'s> {
    Close(&'s str, usize),
    Else(&'s str, usize),
    Over,
}

struct Parser<'s> {
    role: Role,
    tokens: Vec<Token<'s>>,
    at: usize,
    within: Option<Within>,
    depth: usize,
    named: BTreeSet<&'static str>,
    /// What is not only asked for, but told.
    told: BTreeSet<&'static str>,
    faults: Faults,
    /// The rest is not read any more: what stays open there is no mistake of its own.
    given_up: bool,
}

const HELPERS: [(&str, Helper, RangeInclusive<usize>); 3] = [
    ("bulletList", Helper::BulletList, 1..=1),
    ("section", Helper::Section, 2..=2),
    ("codeBlock", Helper::CodeBlock, 1..=2),
];

impl<'s> Parser<'s> {
    fn wrong(&mut self, line: usize, what: &str) {
        if self.faults.syntax.len() < FAULTS_MAX {
            self.faults.syntax.push(format!("Line {line}: {what}."));
        }
    }

    const fn give_up(&mut self) {
        self.at = self.tokens.len();
        self.given_up = true;
    }

    fn whole(&mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        loop {
            let (more, end) = self.block();
            nodes.extend(more);
            match end {
                End::Over => return nodes,
                End::Close(name, line) => self.wrong(line, &format!("{{{{/{name}}}}} closes nothing")),
                End::Else(_, line) => self.wrong(line, "{{else}} stands in no block"),
            }
        }
    }

    /// Up to the tag that ends it.
    fn block(&mut self) -> (Vec<Node>, End<'s>) {
        let mut nodes = Vec::new();
        while let Some(Token { line, is }) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            let tag = match is {
                Is::Words(words) => {
                    nodes.push(Node::Words(words));
                    continue;
                }
                Is::Comment => continue,
                Is::Tag(tag) => tag,
            };
            if let Some(name) = tag.strip_prefix('/') {
                return (nodes, End::Close(name.trim(), line));
            }
            let (first, rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            if tag == "^" || first == "else" {
                return (nodes, End::Else(rest.trim(), line));
            }
            if let Some(opened) = tag.strip_prefix('#') {
                nodes.extend(self.opened(opened.trim(), line));
            } else {
                nodes.extend(self.expression(tag, line));
            }
        }
        (nodes, End::Over)
    }

    fn opened(&mut self, tag: &'s str, line: usize) -> Option<Node> {
        if self.depth >= DEPTH_MAX {
            self.wrong(line, &format!("more than {DEPTH_MAX} blocks stand within each other"));
            self.give_up();
            return None;
        }
        self.depth += 1;
        let (name, rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let node = match name {
            "if" | "unless" => self.conditional(name, name, rest.trim(), line),
            "each" => self.each(rest.trim(), line),
            _ => {
                self.wrong(line, &format!("there is no block {{{{#{name}}}}}: blocks are #if, #unless and #each"));
                self.inside(name, line);
                None
            }
        };
        self.depth -= 1;
        node
    }

    /// What stands in a block, and behind its `else`.
    fn inside(&mut self, name: &str, line: usize) -> (Vec<Node>, Vec<Node>) {
        let within = self.within.clone();
        let (then, end) = self.block();
        // What stands behind the else of an #each stands outside of its items.
        if name == "each" {
            self.within = None;
        }
        let (otherwise, end) = match end {
            End::Else("", _) => self.block(),
            End::Else(rest, at) => {
                let (word, test) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                if self.depth < DEPTH_MAX && matches!(word, "if" | "unless") {
                    self.depth += 1;
                    let node = self.conditional(name, word, test.trim(), at);
                    self.depth -= 1;
                    self.within = within;
                    return (then, node.into_iter().collect());
                }
                self.wrong(at, &format!("{{{{else {word}}}}} cannot stand here"));
                self.block()
            }
            end => (Vec::new(), end),
        };
        self.within = within;
        match end {
            End::Close(closed, _) if closed == name => {}
            End::Close(closed, at) => {
                self.wrong(at, &format!("{{{{/{closed}}}}} closes {{{{#{name}}}}} of line {line}"));
            }
            End::Else(_, at) => {
                self.wrong(at, &format!("{{{{#{name}}}}} of line {line} has a second {{{{else}}}}"));
                self.give_up();
            }
            End::Over if self.given_up => {}
            End::Over => self.wrong(line, &format!("{{{{#{name}}}}} is not closed")),
        }
        (then, otherwise)
    }

    /// `closes` is the name with which it is closed: that of the block of which this is an `else if`.
    fn conditional(&mut self, closes: &str, name: &str, test: &str, line: usize) -> Option<Node> {
        let value = match parts(test).as_deref() {
            Some([Piece::Name(path)]) => self.value(path, line),
            _ => {
                self.wrong(line, &format!("{{{{#{name}}}}} takes one name"));
                None
            }
        };
        let (then, otherwise) = self.inside(closes, line);
        Some(Node::If { test: value?, unless: name == "unless", then, otherwise })
    }

    fn each(&mut self, rest: &str, line: usize) -> Option<Node> {
        let (path, called) = rest.split_once(" as ").unwrap_or((rest, ""));
        let mut called = called.trim().trim_matches('|').split_whitespace().map(str::to_owned);
        let (item, index) = (called.next(), called.next());
        let nested = self.within.is_some();
        if nested {
            self.wrong(line, "an #each stands within another");
        }
        let list = match parts(path.trim()).as_deref() {
            Some([Piece::Name(path)]) => match self.value(path, line) {
                Some(Value::Of(name)) if matches!(self.shape(name), Some(Shape::List(_))) => Some(name),
                Some(_) => {
                    self.wrong(line, &format!("{{{{#each {path}}}}}: that is not several"));
                    None
                }
                None => None,
            },
            _ => {
                self.wrong(line, "{{#each}} takes one name");
                None
            }
        };
        let fields = match list.and_then(|name| self.shape(name)) {
            Some(Shape::List(fields)) => fields,
            _ => &[],
        };
        let before = self.within.replace(Within { fields, unknown: list.is_none() || nested, item, index });
        let (each, otherwise) = self.inside("each", line);
        self.within = before;
        self.told.extend(list);
        Some(Node::Each { list: list?, each, otherwise })
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        named(self.role, name).map(|variable| variable.shape)
    }

    fn expression(&mut self, tag: &str, line: usize) -> Option<Node> {
        let tag = tag.strip_prefix('&').unwrap_or(tag).trim();
        if tag.starts_with(['>', '*', '^']) || tag.contains('(') && !tag.contains(['"', '\'']) {
            self.wrong(line, &format!("{{{{{tag}}}}}: partials, decorators and subexpressions are not known"));
            return None;
        }
        let Some(parts) = parts(tag) else {
            self.wrong(line, &format!("{{{{{tag}}}}} cannot be read"));
            return None;
        };
        match &parts[..] {
            [Piece::Name(path)] if HELPERS.iter().all(|(name, ..)| name != path) => {
                let value = self.value(path, line)?;
                if let Value::Of(name) = value {
                    self.told.insert(name);
                }
                Some(Node::Value(value))
            }
            [Piece::Name(name), given @ ..] => self.call(name, given, line),
            _ => {
                self.wrong(line, &format!("{{{{{tag}}}}} names nothing"));
                None
            }
        }
    }

    fn call(&mut self, name: &str, given: &[Piece<'_>], line: usize) -> Option<Node> {
        let Some((_, helper, takes)) = HELPERS.into_iter().find(|(known, ..)| *known == name) else {
            let known: Vec<&str> = HELPERS.iter().map(|(name, ..)| *name).collect();
            self.wrong(line, &format!("there is no helper {name}: helpers are {}", known.join(", ")));
            return None;
        };
        if !takes.contains(&given.len()) {
            let (least, most) = (takes.start(), takes.end());
            let many = if least == most { least.to_string() } else { format!("{least} or {most}") };
            self.wrong(line, &format!("{name} takes {many} values"));
            return None;
        }
        let mut values = Vec::new();
        for piece in given {
            values.push(match piece {
                Piece::Words(words) => Given::Words((*words).to_owned()),
                Piece::Name(path) => {
                    let value = self.value(path, line)?;
                    if let Value::Of(name) = value {
                        self.told.insert(name);
                    }
                    Given::Value(value)
                }
            });
        }
        Some(Node::Call(helper, values))
    }

    /// What a path means here.
    fn value(&mut self, path: &str, line: usize) -> Option<Value> {
        let found = self.resolve(path);
        match found {
            Some(Value::Of(name) | Value::Length(name)) => _ = self.named.insert(name),
            None if self.within.as_ref().is_some_and(|within| within.unknown) => {}
            None if self.faults.undefined.iter().all(|known| known.name != path)
                && self.faults.undefined.len() < FAULTS_MAX =>
            {
                let hint = self.hint(path);
                self.faults.undefined.push(Undefined { name: path.to_owned(), line, hint });
            }
            _ => {}
        }
        found
    }

    fn hint(&self, path: &str) -> String {
        let fields = self.within.iter().flat_map(|within| within.fields.iter().copied());
        let mut known: Vec<&str> = fields.chain(of_role(self.role).map(|variable| variable.name)).collect();
        if is_anyones(path) {
            return format!(" for the role {}.", self.role.word());
        }
        match nearest(path, known.iter().copied()) {
            Some(meant) => format!("; did you mean {{{{{meant}}}}}?"),
            None => {
                known.sort_unstable();
                format!(". Known are: {}.", known.join(", "))
            }
        }
    }

    fn resolve(&self, path: &str) -> Option<Value> {
        let within = self.within.as_ref();
        if let Some(local) = path.strip_prefix('@') {
            return match local {
                "index" | "key" if within.is_some() => Some(Value::Index),
                "first" if within.is_some() => Some(Value::First),
                "last" if within.is_some() => Some(Value::Last),
                _ => self.outside(local.strip_prefix("root")?.strip_prefix(['.', '/'])?),
            };
        }
        if let Some(outside) = path.strip_prefix("../") {
            return within.and_then(|_| self.outside(outside));
        }
        let Some(within) = within else {
            let own = path.strip_prefix("this").and_then(|rest| rest.strip_prefix(['.', '/']));
            return self.outside(own.or_else(|| path.strip_prefix("./")).unwrap_or(path));
        };
        let field = |name: &str| within.fields.iter().copied().find(|field| *field == name).map(Value::Field);
        if path == "this" || path == "." || within.item.as_deref() == Some(path) {
            return Some(Value::Whole);
        }
        if within.index.as_deref() == Some(path) {
            return Some(Value::Index);
        }
        let own = ["this", ".", within.item.as_deref().unwrap_or("this")]
            .into_iter()
            .find_map(|begins| path.strip_prefix(begins)?.strip_prefix(['.', '/']));
        match own {
            Some(name) => field(name),
            None => field(path).or_else(|| self.outside(path)),
        }
    }

    fn outside(&self, path: &str) -> Option<Value> {
        if let Some(variable) = named(self.role, path) {
            return Some(Value::Of(variable.name));
        }
        let list = path.strip_suffix(".length")?;
        named(self.role, list).filter(|v| matches!(v.shape, Shape::List(_))).map(|v| Value::Length(v.name))
    }
}

/// A part of a tag.
enum Piece<'t> {
    Name(&'t str),
    Words(&'t str),
}

/// Names, and words between quotes; `None` where a quote is not closed.
fn parts(tag: &str) -> Option<Vec<Piece<'_>>> {
    let mut parts = Vec::new();
    let mut rest = tag.trim();
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let (words, tail) = rest[1..].split_once(first)?;
            parts.push(Piece::Words(words));
            rest = tail.trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            parts.push(Piece::Name(&rest[..end]));
            rest = rest[end..].trim_start();
        }
    }
    Some(parts)
}
