use std::time::{Duration, Instant};

use super::*;

fn html(text: &str) -> String {
    render(text).into_string()
}

/// Reads the HTML as a browser would see its tags, and looks whether each may be there.
#[track_caller]
pub(super) fn assert_safe(text: &str) -> String {
    let html = html(text);
    // Our own button stands at each block of code and nowhere else.
    let blocks = html.matches("<pre tabindex=\"0\">").count();
    let begin = format!("{BUTTON}<pre tabindex=\"0\">");
    assert_eq!(html.matches(&begin).count(), blocks, "{text:?}: {html}");
    assert_eq!(html.matches("</pre></div>").count(), blocks, "{text:?}: {html}");
    let html = html.replace(BUTTON, "").replace("</pre></div>", "</pre>");
    let mut rest = html.as_str();
    while let Some(at) = rest.find('<') {
        let end = tag_end(&rest[at..]).unwrap_or_else(|| panic!("{text:?}: a tag that does not end in {html}"));
        let tag = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert!(TAGS.contains(&name), "{text:?} ends {name}: {html}");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(TAGS.contains(&name), "{text:?} makes {name}: {html}");
        for (attribute, value) in pairs(attributes) {
            let fine = match (name, attribute) {
                ("a", "href") => ["http://", "https://", "mailto:"].iter().any(|s| starts(value, s)) || path(value),
                ("a", "rel") => ["noopener noreferrer nofollow", "external"].contains(&value),
                ("a", "target") => value == "_blank",
                ("img", "src") => value.starts_with("/uploads/images/") && !value.contains(".."),
                ("img", "loading" | "decoding" | "alt") | ("a" | "img", "title") => true,
                ("input", "type") => value == "checkbox",
                ("input", "disabled" | "checked" | "aria-label") => true,
                ("span", "class") => code::CLASSES.contains(&value),
                ("code", "class") => value.starts_with("language-") && !value.contains(' '),
                ("li", "class") => value == "task-list-item",
                ("ol" | "ul", "class") => value == "contains-task-list",
                ("p", "class") => value == "plain",
                ("pre" | "table", "tabindex") => value == "0",
                ("ol", "start") => value.bytes().all(|b| b.is_ascii_digit()),
                ("td" | "th", "align") => ["left", "right", "center"].contains(&value),
                _ => false,
            };
            assert!(fine, "{text:?}: {name} {attribute}={value:?} in {html}");
        }
        if name == "a" && attributes.contains("href=") {
            let ours = attributes.contains("href=\"/t/") || attributes.contains("href=\"/projects/");
            assert_ne!(ours, attributes.contains("rel=\"noopener noreferrer nofollow\""), "{html}");
            assert_ne!(ours, attributes.contains("target=\"_blank\""), "{html}");
        }
    }
    html
}

fn starts(value: &str, scheme: &str) -> bool {
    value.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme))
}

fn path(value: &str) -> bool {
    let first = value.split(['/', '?', '#']).next().unwrap_or_default();
    !first.contains(':') && !value.starts_with("//") && !value.contains('\\')
}

/// The place of the `>` that ends the tag at the beginning; quotes may hold others.
fn tag_end(html: &str) -> Option<usize> {
    let mut quoted = false;
    html.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == '>' && !quoted).then_some(at)
    })
}

fn pairs(attributes: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("attributes {attributes:?}"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("attributes {attributes:?}"));
        pairs.push((name, value));
        rest = after.trim_start();
    }
    pairs
}

#[test]
fn what_markdown_looks_like() {
    let cases: &[(&str, &str)] = &[
        ("## Task Completed", "<h3>Task Completed</h3>"),
        ("# A\n### B\n## C\n#### D", "<h3>A</h3>\n<h4>B</h4>\n<h4>C</h4>\n<h5>D</h5>"),
        ("##\nnothing", "<p>nothing</p>"),
        ("run `ls -l`", "<p>run <code>ls -l</code></p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("~~old~~ **new** *x*", "<p><del>old</del> <strong>new</strong> <em>x</em></p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a", "<ol start=\"3\">\n<li>a</li>\n</ol>"),
        ("```nobody\nfn a() {}\n```", "<pre tabindex=\"0\"><code class=\"language-nobody\">fn a() {}\n</code></pre>"),
        ("```c++ on*=x\n<b>\n```", "<pre tabindex=\"0\"><code class=\"language-c++\">&lt;b&gt;\n</code></pre>"),
        ("a <!-- hidden --> b", "<p>a  b</p>"),
        ("<!-- hidden\nlines -->", ""),
        ("<b>bold?</b>", "<p>&lt;b&gt;bold?&lt;/b&gt;</p>"),
        ("![ours](/uploads/images/0a.png)", "<a href=\"/uploads/images/0a.png\" target=\"_blank\""),
        ("![ours](/uploads/images/0a.png)", "><img src=\"/uploads/images/0a.png\" alt=\"ours\""),
        ("![](/uploads/images/0a.png)", "alt=\"Picture\""),
    ];
    for (text, want) in cases {
        let html = assert_safe(text);
        assert!(html.contains(want), "{text:?} gave {html}");
    }
    let tasks = assert_safe("- [x] done\n- [ ] open");
    assert_eq!(tasks.matches("disabled=\"\"").count(), 2, "{tasks}");
    assert_eq!(tasks.matches("checked=\"\"").count(), 1, "{tasks}");
    assert_eq!(tasks.matches("task-list-item").count(), 2, "{tasks}");
    let table = assert_safe("| a | b |\n|---|--:|\n| 1 | 2 |");
    assert!(table.contains("<table tabindex=\"0\">") && table.contains("<td align=\"right\">2</td>"), "{table}");
    let link = assert_safe("see https://example.org/a?b=1&c=2.");
    assert!(link.contains("href=\"https://example.org/a?b=1&amp;c=2\""), "{link}");
}

/// A link to the board opened the whole program once more, in another tab, and the way back was gone.
#[test]
fn links_to_our_own_pages_stay_in_the_tab() {
    let foreign = "target=\"_blank\" rel=\"noopener noreferrer nofollow\">";
    for (text, want) in [
        ("[the board](/projects/site/board?a=1)", "<a href=\"/projects/site/board?a=1\">the board</a>".to_owned()),
        ("[b](/projects/site \"a > b\")", "<a href=\"/projects/site\" title=\"a &gt; b\">b</a>".to_owned()),
        ("[it](/t/7)", "<a href=\"/t/7\" rel=\"external\">it</a>".to_owned()),
        ("[file](/uploads/a.txt) T-1", format!("<a href=\"/uploads/a.txt\" {foreign}file</a> <a href=\"/t/1\" rel")),
        ("T-1 [o](https://e.org/t/1)", format!("T-1</a> <a href=\"https://e.org/t/1\" {foreign}o</a>")),
    ] {
        let html = assert_safe(text);
        assert!(html.contains(&want), "{text:?} gave {html}");
    }
    let quoted = assert_safe("`<a href=\"/t/1\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">`");
    assert!(quoted.contains("&lt;a href="), "{quoted}");
}

#[test]
fn names_of_tickets_are_links() {
    let link = |n: u64| format!("<a href=\"/t/{n}\" rel=\"external\">T-{n}</a>");
    for (text, shown) in [
        ("T-12", format!("<p>{}</p>", link(12))),
        (
            "see T-1, (T-2) and **T-3**.",
            format!("<p>see {}, ({}) and <strong>{}</strong>.</p>", link(1), link(2), link(3)),
        ),
        (
            "RT-12 T-12a T-x T-1_2 T- x-T-1 T-99999999999999999999",
            "<p>RT-12 T-12a T-x T-1_2 T- x-T-1 T-99999999999999999999</p>".into(),
        ),
        ("`T-1`", "<p><code>T-1</code></p>".into()),
        ("\u{e4}T-1 T-1\u{e4}", "<p>\u{e4}T-1 T-1\u{e4}</p>".into()),
    ] {
        assert_eq!(html(text).trim(), shown, "{text}");
    }
    assert!(!html("[T-1](https://example.org)").contains("/t/1"), "a link stays what it is");
    assert!(!html(&"T-1 ".repeat(5_000)).contains("/t/1"), "so many are a flood, and stay words");
}

#[test]
fn links_lead_only_where_they_may() {
    let leads = |url: &str| {
        let html = assert_safe(&format!("[go](<{url}>)"));
        assert!(html.contains("go"), "{url}: the words stay: {html}");
        html.contains("href")
    };
    for url in
        ["http://a.b", "https://a.b/c?d#e", "HTTPS://a.b", "mailto:a@b.c", "/projects/x/board", "a/b:c", "?q", "#top"]
    {
        assert!(leads(url), "{url}");
    }
    for url in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "java&#10;script:alert(1)",
        "java&Tab;script:alert(1)",
        "javascript&colon;alert(1)",
        "&#106;avascript:alert(1)",
        "&#x6A;avascript&#58;alert(1)",
        "\u{1}javascript:alert(1)",
        "java\u{0}script:alert(1)",
        "vbscript:msgbox(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4=",
        "DATA:image/svg+xml;base64,PHN2Zz4=",
        "file:///etc/passwd",
        "blob:http://a/b",
        "filesystem:http://a",
        "about:blank",
        "ws://a.b",
        "view-source:http://a",
        "feed:javascript:alert(1)",
        "//evil.example",
        "/\\\\evil.example",
        "\\\\\\\\evil.example",
        "x:y",
    ] {
        assert!(!leads(url), "{url:?} leads somewhere: {}", html(&format!("[go](<{url}>)")));
    }
}

#[test]
fn pictures_are_ours_or_links() {
    let far = assert_safe("![a cat](https://example.org/cat.png \"t\")");
    assert!(!far.contains("<img") && far.contains(">a cat</a>") && far.contains("example.org/cat.png"), "{far}");
    let nameless = assert_safe("![](https://example.org/cat.png)");
    assert!(nameless.contains(">https://example.org/cat.png</a>"), "{nameless}");
    let badge = assert_safe("[![build](https://ci.example/b.svg)](https://ci.example)");
    assert_eq!(badge.matches("<a ").count(), 1, "{badge}");
    assert!(badge.contains(">build</a>") && badge.contains("href=\"https://ci.example\""), "{badge}");
    let led = assert_safe("[![build](/uploads/images/b.png)](https://ci.example)");
    assert!(led.matches("<a ").count() == 1 && led.contains("href=\"https://ci.example\""), "{led}");
    let inner = assert_safe("![a [b](https://b.example) c](https://a.example/x.png)");
    assert_eq!(inner.matches("<a ").count(), 1, "{inner}");
    for bad in [
        "![x](javascript:alert(1))",
        "![x](data:image/svg+xml,<svg/onload=alert(1)>)",
        "![x](/uploads/images/../../fn/delete_project)",
        "![x](/uploads/images/%2e%2e/x)",
        "![x](/uploads/images/)",
        "![x](/fn/logout)",
        "![x](//evil.example/uploads/images/a.png)",
        "![x\" onerror=\"alert(1)](/uploads/images/a.png?onerror=1)",
    ] {
        assert!(!assert_safe(bad).contains("<img"), "{bad}: {}", html(bad));
    }
}

/// Fragments that have broken other renderers.
const ATTACKS: &[&str] = &[
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<script>\n\nalert(1)\n\n</script>",
    "<<script>script>alert(1)<</script>/script>",
    "<img src=x onerror=alert(1)>",
    "<img src=\"x\" onerror=\"alert(1)\"",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><img src=x onerror=alert(1)></template>",
    "<iframe src=\"javascript:alert(1)\"></iframe>",
    "<iframe srcdoc=\"<script>alert(1)</script>\">",
    "<object data=\"data:text/html,x\"></object><embed src=x>",
    "<base href=\"//evil.example/\">",
    "<meta http-equiv=refresh content=\"0;url=//evil.example\">",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';</style>",
    "<a href=\"javascript:alert(1)\" onclick=alert(1)>x</a>",
    "<div style=\"position:fixed;inset:0\" id=app class=panel>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<body onload=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<form action=//evil.example><input name=password>",
    "<textarea><img src=x onerror=alert(1)></textarea>",
    "<title><script>alert(1)</script></title>",
    "<xmp><script>alert(1)</script></xmp>",
    "<plaintext>",
    "</div></div></body><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<!-- --!><script>alert(1)</script> -->",
    "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version=\"1.0\"?><script>alert(1)</script>",
    "<!DOCTYPE html><script>alert(1)</script>",
    "<p title='`<img src=x onerror=alert(1)>`'>",
    "[x](javascript:alert(1))",
    "[x]( javascript:alert(1) \"title\")",
    "[x](https://a.b \"\\\" onmouseover=\\\"alert(1)\")",
    "[x](https://a.b '<table onload=alert(1)>')",
    "[x][r]\n\n[r]: javascript:alert(1)",
    "[r]: <data:text/html,x> \"t\"\n\n[r]",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "![x](x\" onerror=\"alert(1))",
    "![\"onload=\"alert(1)](/uploads/images/a.png)",
    "```\"><script>alert(1)</script>\nx\n```",
    "```x\" onclick=\"alert(1)\nx\n```",
    "```html\n<script>alert(1)</script><span class=\"hl-k panel\" onclick=alert(1)>\n```",
    "```js\nlet a = `</code></pre></div><img src=x onerror=alert(1)>${\"<b>\"}`; // </span>\n```",
    "```rust class=\"x\n\"</span><script>alert(1)</script>\"\n```",
    "```\n<pre tabindex=\"0\"></pre></div><button type=\"button\" onclick=alert(1)>\n```",
    "[x](https://a.b '<pre tabindex=\"0\">')\n\n[x](https://a.b '</pre><script>alert(1)</script>')",
    "[x](https://a.b '<pre tabindex=&quot;0&quot;>') ![<pre tabindex=\"0\">](/uploads/images/a.png)",
    "<span class=hl-k onclick=alert(1)>x</span><div class=code><button class=copy-code>y</button></div>",
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    "https://a.b/\"onmouseover=\"alert(1)",
    "www.a.b/<script>alert(1)</script>",
    "a@b.c\"onclick=alert(1)",
    "| <script>alert(1)</script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "- [x] <script>alert(1)</script>",
    "- [\"] x",
    "[^1]: <script>alert(1)</script>\n\n[^1]",
    "# <script>alert(1)</script> {#id onclick=x}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\<script>alert(1)\\</script>",
    "\u{0}<scr\u{0}ipt>alert(1)</script>",
    "<a href=\"\u{1}javascript:alert(1)\">x</a>",
    "**<b onclick=alert(1)>**",
    "\u{202e}<script>\u{2066}",
    "> <div\n> onclick=alert(1)>\n",
];

#[test]
fn attacks_are_text() {
    for attack in ATTACKS {
        let html = assert_safe(attack);
        assert!(!html.to_lowercase().contains("<script"), "{attack:?}: {html}");
    }
}

/// Pieces of the attacks in thousands of orders; always the same ones.
#[test]
fn mixed_attacks_are_text_too() {
    let joints =
        ["", " ", "\n", "\n\n", "|", "`", "<", ">", "](", "\n> ", "\n- ", "**", "\"", "&", "\n```\n", "\n    "];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for _ in 0..4_000 {
        let mut text = String::new();
        for _ in 0..2 + next(4) {
            let piece = ATTACKS[next(ATTACKS.len())];
            let cuts: Vec<usize> = piece.char_indices().map(|(at, _)| at).chain([piece.len()]).collect();
            let (a, b) = (cuts[next(cuts.len())], cuts[next(cuts.len())]);
            text.push_str(if next(2) == 0 { piece } else { &piece[a.min(b)..a.max(b)] });
            text.push_str(joints[next(joints.len())]);
        }
        assert_safe(&text);
    }
}

/// Whatever got through the first wall would meet the second.
#[test]
fn the_second_wall_holds_alone() {
    for attack in ATTACKS {
        let html = CLEANER.clean(attack).to_string();
        for bad in
            ["<script", "onerror=", "onload=", "onclick=", "style=", " id=", "<iframe", "<svg", "<form", "<style"]
        {
            let tags = html.split('<').skip(1).filter_map(|t| t.split('>').next()).map(|t| format!("<{t}"));
            assert!(!tags.collect::<String>().contains(bad), "{attack:?}: {html}");
        }
        assert!(!html.contains("href=\"javascript") && !html.contains("href=\"data"), "{attack:?}: {html}");
    }
    let html =
        CLEANER.clean("<input type=password name=a><code class=\"language-a panel\">x</code><p class=panel id=x>");
    let html = html.to_string();
    let span =
        CLEANER.clean("<span class=\"hl-k panel\" id=a style=x>x</span><button class=code>y</button>").to_string();
    assert_eq!(span, "<span class=\"hl-k\">x</span>y");
    assert!(!html.contains("password") && !html.contains("name=") && !html.contains("panel"), "{html}");
}

/// What parsers find hard, each of about this many bytes.
fn giants(size: usize) -> Vec<(&'static str, String)> {
    let fill = |piece: &str| piece.repeat(size / piece.len());
    let line = "Some **words** with `code` and a [link](https://example.org/a), as agents write them.\n";
    let mut stairs = String::new();
    for n in 0.. {
        if stairs.len() > size {
            break;
        }
        stairs.push_str(&" ".repeat(2 * (n % 600)));
        stairs.push_str("- a\n");
    }
    vec![
        ("ordinary", fill(line)),
        ("paragraphs", fill(&format!("{line}\n"))),
        ("plain words", fill("word ")),
        ("code", format!("```\n{}\n```", fill("let a = b < c;\n"))),
        ("coloured code", fill("```rust\nlet a = b < c;\n```\n")),
        ("quotes", fill(">")),
        ("quotes with words", format!("{}x", fill(">"))),
        ("quotes on lines", format!("{}\n", ">".repeat(1_000)).repeat(size / 1_000)),
        ("lists", stairs),
        ("dashes", fill("- ")),
        ("numbers", fill("1. ")),
        ("stars", fill("*a **b ")),
        ("marks", fill("a**b_c~~d")),
        ("emphasis", format!("{}x{}", "*".repeat(size / 2), "*".repeat(size / 2))),
        ("open emphasis", fill("*a_ ")),
        ("tildes", fill("~a~ ~~")),
        ("brackets", fill("[")),
        ("nested brackets", format!("{}a{}", "[".repeat(size / 2), "]".repeat(size / 2))),
        ("links", fill("[a](b) ")),
        ("open links", fill("[a](")),
        ("open targets", fill("[a](<b")),
        ("pictures", fill("![")),
        ("pictures in pictures", format!("{}a{}", "![".repeat(size / 5), "](b)".repeat(size / 7))),
        ("references", (0..size / 25).map(|n| format!("[r{n}]: /x\n\n[r{n}]\n")).collect()),
        ("one reference", format!("[r]: /{}\n\n{}", "x".repeat(10_000), fill("[r] "))),
        ("backticks", (1..(2.0 * size as f64).sqrt() as usize).map(|n| format!("{} ", "`".repeat(n))).collect()),
        ("autolinks", fill("http://a.b/ ")),
        ("dots", fill("www.a.")),
        ("mail", fill("a@a.")),
        ("colons", fill("http:")),
        ("angles", fill("<")),
        ("tags", fill("<a b='")),
        ("comments", fill("<!--")),
        ("processing", fill("<?a")),
        ("declarations", fill("<!A ")),
        ("cdata", fill("<![CDATA[")),
        ("raw", fill("<b>x</b> ")),
        ("entities", fill("&amp;")),
        ("half entities", fill("&a")),
        ("ampersands in code", format!("```\n{}", fill("a && b\n"))),
        ("dots in the middle", fill("\u{b7}")),
        ("hard spaces", fill("\u{a0}")),
        ("in a title", format!("[a](b \"{}\")", fill("&a"))),
        ("in an address", format!("[a](<{}>)", fill("&a"))),
        ("wide table", format!("{}\n{}\n{}", "|a".repeat(size / 6), "|-".repeat(size / 6), "|b".repeat(size / 6))),
        ("long table", format!("|a|b|\n|-|-|\n{}", fill("|1|2|\n"))),
        ("grown table", format!("{}\n{}\n{}", "|a".repeat(700), "|-".repeat(700), fill("|\n"))),
        ("tables", fill("|a|\n|-|\n|b|\n\n")),
        ("headings", fill("# a\n")),
        ("rules", fill("---\n")),
        ("underlines", fill("a\n=\n")),
        ("tasks", fill("- [ ] a\n")),
        ("empty lines", fill("\n")),
        ("backslashes", fill("\\")),
        ("hard breaks", fill("a  \n")),
        ("tabs", fill("\t")),
        ("zeros", fill("\0")),
        ("mixed nesting", fill("> - ")),
        ("quotes and lists", format!("{}x", fill("> 1. "))),
    ]
}

/// A build with optimisation takes well under a second for each (the slowest, a megabyte of `<`, about half
/// of one). The limit leaves room for busy machines: it finds what grows with the square.
#[test]
fn giants_are_rendered_or_cut() {
    let size = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
    // What costs more than its length takes hours here; a busy machine makes a second a quarter of a minute.
    let limit = Duration::from_mins(1);
    let (mut slow, mut cut) = (Vec::new(), Vec::new());
    for (name, text) in giants(size) {
        let begun = Instant::now();
        let html = html(&text);
        let took = begun.elapsed();
        let how = if html.starts_with("<p class=\"plain\">") { "as written" } else { "rendered" };
        println!("{name}: {} kB {how}, {} kB of HTML, {} ms", text.len() / 1000, html.len() / 1000, took.as_millis());
        assert!(html.len() < 20 * text.len().max(1000), "{name} grows to {}", html.len());
        if took > limit {
            slow.push((name, took));
        }
        let ordinary = ["ordinary", "paragraphs", "plain words", "code", "coloured code"].contains(&name);
        cut.extend((ordinary && how != "rendered").then_some(name));
    }
    assert!(slow.is_empty() && cut.is_empty(), "slow: {slow:?}, not rendered: {cut:?}");
}

#[test]
fn too_deep_is_shown_as_it_was_written() {
    let text = format!("{} <b>&\"'", "> ".repeat(200));
    let html = assert_safe(&text);
    assert!(html.starts_with("<p class=\"plain\">") && html.contains("&lt;b&gt;&amp;&quot;&#39;</p>"), "{html}");
    assert!(html.contains("&gt; &gt; "), "{html}");
    assert!(assert_safe(&format!("{}x", "> ".repeat(20))).contains("<blockquote>"));
}

#[test]
fn what_was_rendered_is_kept_within_a_limit() {
    let mut kept = Kept::default();
    let html = SafeHtml::sanitised("x".repeat(KEPT_BYTES / 4));
    for n in 0..4 {
        kept.keep(&n.to_string(), &html);
    }
    assert!(kept.find("3").is_some() && kept.find("0").is_some());
    for n in 4..12 {
        kept.keep(&n.to_string(), &html);
        let bytes: usize = kept.young.iter().chain(&kept.old).map(|(k, v)| k.len() + v.as_str().len()).sum();
        assert!(bytes <= 2 * KEPT_BYTES, "{bytes}");
    }
    assert!(kept.find("11").is_some() && kept.find("1").is_none());
    kept.keep("huge", &SafeHtml::sanitised("x".repeat(KEPT_BYTES + 1)));
    assert!(kept.find("huge").is_none());
}
