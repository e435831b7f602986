//! Markdown becomes HTML that is safe to show: on the server, and only there.
//!
//! Two walls. The tree of the markdown is put right first (raw HTML is shown as text, links lead only
//! where they may, pictures are ours); what is rendered from it then passes a strict allow list. Text
//! that would cost too much is shown as it was written.

use std::{
    borrow::Cow,
    cell::Cell,
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{LazyLock, Mutex, PoisonError},
};

use ammonia::{Builder, UrlRelative};
use comrak::{
    Arena, Node, Options,
    arena_tree::NodeEdge,
    format_html_with_plugins,
    nodes::{NodeLink, NodeValue},
    options::Plugins,
    try_parse_document,
};

use crate::safe::SafeHtml;

mod code;
mod links;
mod plain;

use code::Colours;
use plain::{escape, plain};

/// Deepest nesting of quotes, lists and marks; beyond it text is shown as it was written.
const DEPTH_MAX: usize = 64;
/// Most nodes of a text; a browser still shows as many without a pause that is felt.
const NODES_MAX: usize = 200_000;
/// Most looks of the parser at whether it should go on; it looks once in 256 steps. A megabyte of
/// ordinary text takes a few hundred. Counted and not timed, so that a text always looks the same.
const LOOKS_MAX: u32 = 8_000;
/// Most bytes that may be looked through to escape a text; a core looks through about 35 GB in a second.
const ESCAPING_MAX: u64 = 2_000_000_000;
/// Most names of tickets that become links in one text.
const TICKETS_MAX: usize = 2_000;
/// Rendered text kept in memory, in bytes, per generation; there are two.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
/// The first heading of a text has this level: a page's own headings are above it.
const FIRST_HEADING: usize = 3;
/// Where pictures come from. The page's security policy loads no others, so that words which an agent
/// was talked into cannot tell anybody who reads them; other pictures are links.
const PICTURES: &str = "/uploads/images/";

/// Renders GitHub's markdown (tables, task lists, strikethrough, links that are found by themselves);
/// line breaks are kept. Never fails: what cannot be rendered is shown as it was written.
#[must_use]
pub fn render(text: &str) -> SafeHtml {
    if let Some(html) = kept().find(text) {
        return html;
    }
    let html = made(text, Some(&Colours::new()));
    kept().keep(text, &html);
    html
}

/// Renders a text that is still being written, again at every piece: code has no colours yet, and
/// nothing is kept, because the next piece makes another text.
#[must_use]
pub fn render_growing(text: &str) -> SafeHtml {
    made(text, None)
}

/// Renders the beginning of a text that is too long for its page, and a link to all of it, of `bytes` bytes.
/// `all` is an address of this site.
#[must_use]
pub fn render_beginning(beginning: &str, all: &str, bytes: usize) -> SafeHtml {
    let mut html = render(beginning).into_string();
    let size = if bytes >= 1_000_000 {
        format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
    } else {
        format!("{} kB", bytes.div_ceil(1_000))
    };
    html.push_str("<p class=\"more\"><a href=\"");
    escape(all, &mut html);
    html.push_str("\" target=\"_blank\" rel=\"external noopener\">Show all of it as text (");
    html.push_str(&size);
    html.push_str(")</a></p>");
    safe(html)
}

fn made(text: &str, colours: Option<&Colours>) -> SafeHtml {
    // A panic in a parser must not make a ticket unreadable for ever.
    let rich = catch_unwind(AssertUnwindSafe(|| rich(text, colours))).unwrap_or_else(|_| {
        tracing::error!(bytes = text.len(), "markdown could not be rendered; it is shown as it was written");
        None
    });
    safe(rich.unwrap_or_else(|| plain(text)))
}

/// Of a parser's tree that was put right and cleaned, of escaped text, or of both.
const fn safe(html: String) -> SafeHtml {
    SafeHtml::sanitised(html)
}

fn rich(text: &str, colours: Option<&Colours>) -> Option<String> {
    let arena = Arena::new();
    let looks = Cell::new(0);
    let enough = || {
        looks.set(looks.get() + 1);
        looks.get() > LOOKS_MAX
    };
    let root = try_parse_document(&arena, text, &OPTIONS, &enough).ok()?;
    if !within_limits(root) {
        return None;
    }
    put_right(root, &arena);
    let mut html = String::with_capacity(text.len() + text.len() / 4);
    let mut plugins = Plugins::default();
    plugins.render.codefence_syntax_highlighter = colours.map(|c| c as _);
    format_html_with_plugins(root, &OPTIONS, &mut html, &plugins).ok()?;
    if escaping_costs(&html) > ESCAPING_MAX {
        return None;
    }
    Some(with_buttons(&links::in_this_tab(&CLEANER.clean(&html).to_string())))
}

/// How the cleaner writes a block of code. The quotes are the proof that it is a tag: in a text or an
/// attribute they would be written as `&quot;` or stand without the `<`.
const BLOCK: &str = "<pre tabindex=\"0\">";
const BLOCK_END: &str = "</pre>";
/// What copies a block (`ui/markdown.rs`), before and after it.
const BUTTON: &str = "<div class=\"code\"><button type=\"button\" class=\"copy-code icon-btn js-only\" \
    aria-label=\"Copy the code\"><svg class=\"i\" aria-hidden=\"true\"><use href=\"#i-copy\"></use></svg>\
    <svg class=\"i\" aria-hidden=\"true\"><use href=\"#i-check\"></use></svg></button>";
const BUTTON_END: &str = "</div>";

/// Cleaned HTML with a button at each block of code. Ours comes after the cleaning, which lets no button
/// through.
fn with_buttons(html: &str) -> String {
    let mut with = String::with_capacity(html.len() + html.len() / 16);
    let mut rest = html;
    while let Some(at) = rest.find(BLOCK) {
        let inside = at + BLOCK.len();
        let Some(end) = rest[inside..].find(BLOCK_END).map(|end| inside + end + BLOCK_END.len()) else { break };
        with.extend([&rest[..at], BUTTON, &rest[at..end], BUTTON_END]);
        rest = &rest[end..];
    }
    with.push_str(rest);
    with
}

/// html5ever (0.40) looks for the next `<` or `>` again at each `&` and each byte C2 of a text, so long
/// runs of those cost the square of their length. The bytes that it will look through.
fn escaping_costs(html: &str) -> u64 {
    let bytes = html.as_bytes();
    let (mut costs, mut begun, mut marks) = (0, 0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'&' if !matches!(bytes.get(at + 1..at + 4), Some(b"lt;" | b"gt;")) => marks += 1,
            0xC2 => marks += 1,
            b'<' | b'>' | b'&' => {
                costs += marks * (at - begun) as u64 / 2;
                (begun, marks) = (at, 0);
            }
            _ => {}
        }
    }
    costs + marks * (bytes.len() - begun) as u64 / 2
}

static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.render.hardbreaks = true;
    options.render.escape = true;
    options.render.tasklist_classes = true;
    options.render.gfm_quirks = true;
    options
});

fn within_limits(root: Node<'_>) -> bool {
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
fn put_right<'a>(root: Node<'a>, arena: &'a Arena<'a>) {
    let text = |words: String| arena.alloc(NodeValue::Text(words.into()).into());
    let nodes: Vec<Node<'a>> = root.descendants().collect();
    // Levels of the headings above the next one: none is skipped, whatever the text begins with.
    let mut headings: Vec<u8> = Vec::new();
    let mut linked = 0;
    for node in nodes {
        let mut data = node.data_mut();
        match &mut data.value {
            NodeValue::Heading(heading) => {
                while headings.last().is_some_and(|above| *above >= heading.level) {
                    headings.pop();
                }
                headings.push(heading.level);
                heading.level = (FIRST_HEADING + headings.len() - 1).min(6) as u8;
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
            NodeValue::Link(link) => {
                let url = link.url.clone();
                drop(data);
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

fn is_comment(html: &str) -> bool {
    let html = html.trim();
    html.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->")).is_some_and(|inner| !inner.contains("-->"))
}

/// `http`, `https`, `mailto` and paths of this site.
fn may_lead_to(url: &str) -> bool {
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

fn is_our_picture(url: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    url.strip_prefix(PICTURES).is_some_and(|name| !name.is_empty() && !name.contains("..") && name.bytes().all(plain))
}

fn is_language(class: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'#');
    class.strip_prefix("language-").is_some_and(|name| !name.is_empty() && name.bytes().all(plain))
}

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];
const TAGS: [&str; 29] = [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "input",
    "li",
    "ol",
    "p",
    "pre",
    "s",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

/// The second wall: whatever the renderer wrote, only this comes through.
static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::empty();
    cleaner
        .tags(HashSet::from(TAGS))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "title"])),
            ("code", HashSet::from(["class"])),
            ("img", HashSet::from(["src", "alt", "title"])),
            ("input", HashSet::from(["checked"])),
            ("ol", HashSet::from(["start"])),
        ]))
        .tag_attribute_values(HashMap::from([
            ("td", HashMap::from([("align", HashSet::from(["left", "right", "center"]))])),
            ("th", HashMap::from([("align", HashSet::from(["left", "right", "center"]))])),
        ]))
        .set_tag_attribute_values(HashMap::from([
            ("a", HashMap::from([("target", "_blank")])),
            ("img", HashMap::from([("loading", "lazy"), ("decoding", "async")])),
            ("input", HashMap::from([("type", "checkbox"), ("disabled", ""), ("aria-label", "Done")])),
            // They scroll sideways, and whoever has no mouse must get there.
            ("pre", HashMap::from([("tabindex", "0")])),
            ("table", HashMap::from([("tabindex", "0")])),
        ]))
        .allowed_classes(HashMap::from([
            ("li", HashSet::from(["task-list-item"])),
            ("ol", HashSet::from(["contains-task-list"])),
            ("span", HashSet::from(code::CLASSES)),
            ("ul", HashSet::from(["contains-task-list"])),
        ]))
        .url_schemes(HashSet::from(SCHEMES))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer nofollow"))
        .strip_comments(true)
        .attribute_filter(|tag, attribute, value| {
            let keep = match (tag, attribute) {
                ("a", "href") => may_lead_to(value),
                ("img", "src") => is_our_picture(value),
                ("code", "class") => is_language(value),
                ("ol", "start") => value.len() <= 9 && value.bytes().all(|b| b.is_ascii_digit()),
                _ => true,
            };
            keep.then_some(Cow::Borrowed(value))
        });
    cleaner
});

/// Rendered texts, so that a page that is read again after each change renders only what is new.
/// Two generations: when the young one is full it becomes the old one, and the old one goes.
#[derive(Default)]
struct Kept {
    young: HashMap<String, SafeHtml>,
    old: HashMap<String, SafeHtml>,
    bytes: usize,
}

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

fn kept() -> std::sync::MutexGuard<'static, Kept> {
    // Nothing in here is ever half done.
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn find(&mut self, text: &str) -> Option<SafeHtml> {
        if let Some(html) = self.young.get(text) {
            return Some(html.clone());
        }
        let html = self.old.remove(text)?;
        self.keep(text, &html);
        Some(html)
    }

    fn keep(&mut self, text: &str, html: &SafeHtml) {
        let size = text.len() + html.as_str().len();
        if size > KEPT_BYTES {
            return;
        }
        if self.bytes + size > KEPT_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        if self.young.insert(text.to_owned(), html.clone()).is_none() {
            self.bytes += size;
        }
    }
}

#[cfg(test)]
mod tests;
