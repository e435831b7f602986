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
use comrak::{Arena, Node, Options, format_html_with_plugins, options::Plugins, try_parse_document};

use crate::safe::SafeHtml;

mod code;
mod growing;
mod links;
mod plain;
mod tree;

use code::Colours;
pub use growing::Growing;
use plain::{escape, plain};
use tree::{Headings, is_our_picture, may_lead_to, put_right, within_limits};

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
    let html = made(text, Some(&Colours::new()), &mut Headings::default());
    kept().keep(text, &html);
    html
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

fn made(text: &str, colours: Option<&Colours>, headings: &mut Headings) -> SafeHtml {
    // A panic in a parser must not make a ticket unreadable for ever.
    let rich = catch_unwind(AssertUnwindSafe(|| rich(text, colours, headings))).unwrap_or_else(|_| {
        tracing::error!(bytes = text.len(), "markdown could not be rendered; it is shown as it was written");
        None
    });
    safe(rich.unwrap_or_else(|| plain(text)))
}

/// Of a parser's tree that was put right and cleaned, of escaped text, or of both.
const fn safe(html: String) -> SafeHtml {
    SafeHtml::sanitised(html)
}

/// The tree of a text, unless it would cost too much.
fn parsed<'a>(text: &str, arena: &'a Arena<'a>) -> Option<Node<'a>> {
    let looks = Cell::new(0);
    let enough = || {
        looks.set(looks.get() + 1);
        looks.get() > LOOKS_MAX
    };
    let root = try_parse_document(arena, text, &OPTIONS, &enough).ok()?;
    within_limits(root).then_some(root)
}

fn rich(text: &str, colours: Option<&Colours>, headings: &mut Headings) -> Option<String> {
    let arena = Arena::new();
    let root = parsed(text, &arena)?;
    put_right(root, &arena, headings);
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
    options.extension.cjk_friendly_emphasis = true;
    options.render.hardbreaks = true;
    options.render.escape = true;
    options.render.tasklist_classes = true;
    options.render.gfm_quirks = true;
    options
});

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
