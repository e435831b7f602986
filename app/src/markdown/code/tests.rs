use super::*;
use crate::markdown::{Growing, render, tests::assert_safe};

fn fenced(language: &str, code: &str) -> String {
    format!("```{language}\n{code}\n```")
}

/// Coloured without a limit of time, which a busy machine may reach, and cleaned.
fn coloured_slowly(language: &str, code: &str) -> String {
    assert_safe(&format!("````{language}\n{code}\n````"));
    let html = coloured(grammar(language).unwrap(), code, Instant::now() + Duration::from_secs(600)).unwrap();
    crate::markdown::CLEANER.clean(&html).to_string()
}

/// Classes without `hl-`, and words.
type Found<'a> = &'a [(&'a str, &'a str)];

/// What the spans of a text say: class without `hl-`, and words.
fn spans(html: &str) -> Vec<(&str, &str)> {
    let found = html.split("<span class=\"hl-").skip(1);
    found.filter_map(|s| s.split_once("</span>")?.0.split_once("\">")).collect()
}

#[test]
fn words_of_code_are_told_apart() {
    let cases: &[(&str, &str, Found)] = &[
        (
            "rust",
            "/// Counts.\npub fn count(n: u32) -> bool { let s = \"a\"; n == 12 || true }",
            &[("c", "/// Counts."), ("f", "count"), ("n", "12"), ("v", "true"), ("s", "\"a\"")],
        ),
        (
            "ts",
            "export function a(b: string): number { return `x${b}`.length; } // end",
            &[("f", "a"), ("c", "// end")],
        ),
        ("typescript", "const a = 1;", &[("k", "const"), ("n", "1")]),
        ("toml", "[package]\nname = \"x\" # why", &[("s", "\"x\""), ("c", "# why")]),
        ("python", "def a():\n    return None", &[("k", "def"), ("f", "a"), ("v", "None")]),
        ("js", "// a\nlet b = null", &[("c", "// a"), ("k", "let"), ("v", "null")]),
        ("json", "{\"a\": [1, true]}", &[("n", "1"), ("v", "true")]),
        ("sh", "echo \"a b\" # c", &[("s", "\"a b\""), ("c", "# c")]),
        ("Shell", "# c", &[("c", "# c")]),
        ("yaml", "a: 1", &[("n", "1")]),
        ("sql", "SELECT 1", &[("k", "SELECT"), ("n", "1")]),
        ("html", "<b class=\"x\">", &[("k", "b"), ("a", "class"), ("s", "\"x\"")]),
        ("css", "a { color: red; } /* b */", &[("k", "a"), ("c", "/* b */")]),
        ("diff", "+new\n-old", &[("i", "+new"), ("d", "-old")]),
        ("go", "func a() {}", &[("f", "a")]),
        ("dockerfile", "FROM rust:1", &[("k", "FROM")]),
        ("csharp", "class A { }", &[("t", "A")]),
    ];
    for (language, code, want) in cases {
        let html = coloured_slowly(language, code);
        let found = spans(&html);
        for (class, words) in *want {
            assert!(found.contains(&(class, words)), "{language}: no {class} {words:?} in {html}");
        }
    }
}

#[test]
fn neighbours_share_a_span_and_the_words_stay_what_they_are() {
    let html = coloured_slowly("rust", "// one\n// two\n\n// three\n");
    assert_eq!(html, "<span class=\"hl-c\">// one\n// two\n\n// three</span>\n");
    for (language, code) in [
        ("rust", "fn a<'b>(c: &'b str) -> Vec<u8> {\n\n\tc.into() // \u{e4} \u{1f426}\n}\n  \n"),
        ("html", "<!-- a --><script>if (a < b && c) { d(\"</b>\") }</script>"),
        ("php", "<?php echo \"$a\"; ?>\n<b>"),
        ("markdown", "```js\nlet a\n```".replace('`', "~").leak()),
        ("rust", "\"never ends"),
        ("js", "`${`${`"),
    ] {
        let html = coloured_slowly(language, code);
        let words: String =
            html.split('<').enumerate().map(|(n, t)| if n == 0 { t } else { t.split_once('>').unwrap().1 }).collect();
        let words = words.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        assert_eq!(words, code, "{language}: {html}");
    }
}

#[test]
fn what_is_not_coloured() {
    let plain = |text: &str| {
        let html = assert_safe(text);
        assert!(html.contains("<pre") && !html.contains("<span"), "{text:.60}: {html:.200}");
    };
    plain(&fenced("", "fn a() {}"));
    plain(&fenced("text", "fn a() {}"));
    plain(&fenced("txt", "# a"));
    plain(&fenced("nobody", "fn a() {}"));
    plain(&fenced("../../etc/passwd", "fn a() {}"));
    plain("    fn a() {}");
    plain(&fenced("rust", &"let a = 1;\n".repeat(BLOCK_MAX / 11 + 1)));
    plain(&fenced("rust", &"let a = 1;".repeat(LINE_MAX / 10 + 1)));
    let mut growing = Growing::default();
    growing.read(&fenced("rust", "fn a() {}"));
    assert!(!growing.open().as_str().contains("<span"), "colours come at the end");
    growing.read(&format!("{}\n\nIt is.\n", fenced("rust", "fn a() {}")));
    assert!(growing.blocks()[0].as_str().contains("<span"), "of the block");
    assert!(render(&fenced("rust", "fn a() {}")).as_str().contains("<span"), "and are not kept without them");
}

#[test]
fn after_a_long_line_the_rest_is_plain() {
    let long = "x".repeat(LINE_MAX + 1);
    let html = coloured_slowly("rust", &format!("let a = 1;\n{long}\nlet b = 2;"));
    assert!(html.contains(">let</span> a") && html.contains(&format!("{long}\nlet b = 2;")), "{html}");
}

#[test]
fn one_text_has_its_share_of_colours() {
    let small = "let a = 1;";
    let with = |bytes, time| Colours(Mutex::new(Left { bytes, time, again: false }));
    let colours = with(2 * small.len(), TIME_MAX);
    let coloured = [1, 2, 3].map(|_| colours.colour("rust", small).is_some());
    assert_eq!(coloured, [true, true, false], "bytes");
    let html = with(TEXT_MAX, Duration::ZERO).colour("rust", small).unwrap();
    assert_eq!(html, small, "without time the words are there without colours");
    let again = Colours(Mutex::new(Left { bytes: TEXT_MAX, time: Duration::ZERO, again: true }));
    assert!(again.colour("rust", small).unwrap().contains("hl-k"), "a grammar that was used first gets a second go");
}

#[test]
fn every_meaning_is_a_scope_and_a_class() {
    assert_eq!(SCOPES.len(), MEANINGS.len());
    for name in KNOWN {
        assert!(GRAMMARS.syntaxes().iter().any(|grammar| grammar.name == name), "{name} is no grammar");
    }
    for (scope, class) in MEANINGS {
        assert!(class.is_empty() || CLASSES.contains(class), "{scope}: {class}");
    }
    for (also, name) in ALSO {
        assert!(grammar(also).is_some() && grammar(name).is_some(), "{also} is no language");
    }
}

/// Whatever a grammar makes of words that are not its own, they are rendered soon.
#[test]
fn no_grammar_takes_long() {
    let pieces = [
        "((((",
        "<<<a ",
        "\"\\",
        "/*/",
        "${`",
        "a.b.c::d<",
        "'''",
        "[{(<",
        "= = ",
        "\t \t",
        "@#$%",
        "a b c d e f g h ",
        "0x1e+.",
        "-- - ",
    ];
    // The limit of the time, a line that began just before it, and a busy machine; without optimisation all
    // of it takes about twenty times as long.
    let limit = if cfg!(debug_assertions) { Duration::from_secs(30) } else { Duration::from_secs(3) };
    for (n, name) in KNOWN.iter().enumerate() {
        let grammar = GRAMMARS.find_syntax_by_name(name).unwrap();
        let mut code = String::new();
        for m in 0..if cfg!(debug_assertions) { 4 } else { pieces.len() } {
            let piece = pieces[(n + m) % pieces.len()];
            code.push_str(&piece.repeat(LINE_MAX / 2 / piece.len()));
            let piece = pieces[(n + m + 5) % pieces.len()];
            code.push_str(&piece.repeat((LINE_MAX / 2 - 1) / piece.len()));
            code.push('\n');
        }
        let begun = Instant::now();
        let html = coloured(grammar, &code, begun + TIME_MAX);
        let took = begun.elapsed();
        assert!(took < limit && html.is_some(), "{name}: {took:?}");
    }
}
