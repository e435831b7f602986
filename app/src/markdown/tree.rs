//! What is put right in the tree of a markdown before it is rendered: the first wall.

use std::collections::VecDeque;

use comrak::{
    Arena, Node,
    arena_tree::NodeEdge,
    nodes::{NodeLink, NodeValue},
};

use super::{DEPTH_MAX, FIRST_HEADING, NODES_MAX, PICTURES, SCHEMES, TICKETS_MAX, links};

/// Levels of the headings above the next one: none is skipped, whatever the text begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headings(Vec<u8>);

impl Headings {
    /// The level on the page of the next heading, which has this one in its text.
    fn next(&mut self, level: u8) -> u8 {
        while self.0.last().is_some_and(|above| *above >= level) {
            self.0.pop();
        }
        self.0.push(level);
        (FIRST_HEADING + self.0.len() - 1).min(6) as u8
    }
}

pub(super) fn within_limits(root: Node<'_>) -> bool {
    let (mut depth, mut nodes) = (0, 0);
    for edge in root.traverse() {
        match edge {
            NodeEdge::Start(_) => {
                depth += 1;
                nodes += 1;
                if depth > DEPTH_MAX || nodes > NODES_MAX {
                    return false;
                }
            }
            NodeEdge::End(_) => depth -= 1,
        }
    }
    true
}

/// What the tree must not say, and what reads badly.
pub(super) fn put_right<'a>(root: Node<'a>, arena: &'a Arena<'a>, headings: &mut Headings) {
    let text = |words: String| arena.alloc(NodeValue::Text(words.into()).into());
    let mut nodes: VecDeque<Node<'a>> = root.descendants().collect();
    let mut linked = 0;
    while let Some(node) = nodes.pop_front() {
        let mut data = node.data_mut();
        match &mut data.value {
            NodeValue::Heading(heading) => {
                heading.level = headings.next(heading.level);
                drop(data);
                if node.first_child().is_none() {
                    node.detach();
                }
            }
            NodeValue::Text(said) if said.contains("T-") => {
                let said = said.to_string();
                drop(data);
                let pieces = tickets(&said);
                let inside = |n: Node<'a>| matches!(n.data().value, NodeValue::Link(_));
                linked += pieces.iter().filter(|(_, ticket)| ticket.is_some()).count();
                if pieces.iter().all(|(_, ticket)| ticket.is_none())
                    || linked > TICKETS_MAX
                    || node.ancestors().skip(1).any(inside)
                {
                    continue;
                }
                for (words, ticket) in pieces {
                    let piece = text(words.to_owned());
                    match ticket {
                        None => node.insert_before(piece),
                        Some(number) => {
                            let link = NodeLink { url: format!("/t/{number}"), title: String::new() };
                            let link = arena.alloc(NodeValue::Link(Box::new(link)).into());
                            link.append(piece);
                            node.insert_before(link);
                        }
                    }
                }
                node.detach();
            }
            NodeValue::HtmlBlock(block) if is_comment(&block.literal) => block.literal.clear(),
            NodeValue::HtmlInline(literal) if is_comment(literal) => literal.clear(),
            // The only way to a second line in the cell of a table.
            NodeValue::HtmlInline(literal) if is_break(literal) => data.value = NodeValue::LineBreak,
            NodeValue::Link(link) => {
                let mut url = link.url.clone();
                drop(data);
                nodes.extend(links::end_with_sentence(node, &mut url, arena));
                if node.first_child().is_none() {
                    node.append(text(url.clone()));
                }
                if !may_lead_to(&url) {
                    for child in node.children().collect::<Vec<_>>() {
                        node.insert_before(child);
                    }
                    node.detach();
                }
            }
            NodeValue::Image(image) if !is_our_picture(&image.url) => {
                let image = image.clone();
                drop(data);
                let mut words = words(node);
                if words.trim().is_empty() {
                    words.clone_from(&image.url);
                }
                let inside = |n: Node<'a>| matches!(n.data().value, NodeValue::Link(_));
                if may_lead_to(&image.url) && !node.ancestors().skip(1).any(inside) {
                    for child in node.children().collect::<Vec<_>>() {
                        child.detach();
                    }
                    node.append(text(words));
                    node.data_mut().value = NodeValue::Link(image);
                } else {
                    node.insert_before(text(words));
                    node.detach();
                }
            }
            // A thumbnail leads to the whole picture.
            NodeValue::Image(image) => {
                let link = NodeLink { url: image.url.clone(), title: String::new() };
                drop(data);
                if words(node).trim().is_empty() {
                    node.append(text("Picture".to_owned()));
                }
                let inside = |n: Node<'a>| matches!(n.data().value, NodeValue::Link(_) | NodeValue::Image(_));
                if !node.ancestors().skip(1).any(inside) {
                    let link = arena.alloc(NodeValue::Link(Box::new(link)).into());
                    node.insert_before(link);
                    link.append(node);
                }
            }
            _ => {}
        }
    }
}

/// Text in pieces: ordinary words, and names of tickets (`T-12`) with their number.
fn tickets(text: &str) -> Vec<(&str, Option<u64>)> {
    let mut pieces = Vec::new();
    let (mut from, mut look) = (0, 0);
    while let Some(found) = text[look..].find("T-") {
        let at = look + found;
        let digits = text[at + 2..].bytes().take_while(u8::is_ascii_digit).count();
        let end = at + 2 + digits;
        look = end;
        let alone = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '-' && c != '_');
        let begins = alone(text[..at].chars().next_back());
        let ends = text[end..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        // Eighteen digits fit into a number; no board has as many tickets.
        if let (true, true, 1..=18, Ok(number)) = (begins, ends, digits, text[at + 2..end].parse()) {
            if from < at {
                pieces.push((&text[from..at], None));
            }
            pieces.push((&text[at..end], Some(number)));
            from = end;
        }
    }
    if from < text.len() {
        pieces.push((&text[from..], None));
    }
    pieces
}

/// The words of a part, without their marks.
fn words(node: Node<'_>) -> String {
    let mut words = String::new();
    for node in node.descendants() {
        match &node.data().value {
            NodeValue::Text(text) => words.push_str(text),
            NodeValue::Code(code) => words.push_str(&code.literal),
            NodeValue::SoftBreak | NodeValue::LineBreak => words.push(' '),
            _ => {}
        }
    }
    words
}

/// `<br>`, however it is written.
fn is_break(html: &str) -> bool {
    let name = html.strip_prefix('<').and_then(|html| html.strip_suffix('>'));
    name.is_some_and(|name| name.trim_end_matches(['/', ' ']).eq_ignore_ascii_case("br"))
}

fn is_comment(html: &str) -> bool {
    let html = html.trim();
    html.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->")).is_some_and(|inner| !inner.contains("-->"))
}

/// `http`, `https`, `mailto` and paths of this site.
pub(super) fn may_lead_to(url: &str) -> bool {
    // Browsers drop tabs and line breaks, and read `\` as `/`.
    if url.is_empty() || url.chars().any(|c| c.is_control() || c == '\\') || url.starts_with("//") {
        return false;
    }
    match url.split_once([':', '/', '?', '#']) {
        Some((scheme, _)) if url.as_bytes().get(scheme.len()) == Some(&b':') => {
            SCHEMES.iter().any(|allowed| scheme.eq_ignore_ascii_case(allowed))
        }
        _ => true,
    }
}

pub(super) fn is_our_picture(url: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    url.strip_prefix(PICTURES).is_some_and(|name| !name.is_empty() && !name.contains("..") && name.bytes().all(plain))
}
