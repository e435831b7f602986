//! What becomes of text that comes in: the table of `text.rs`, row by row, and what holds for any text.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use clutch_domain::{
    refusal::Refusal,
    text::{BODY_MAX, Body, Name, TITLE_MAX, Title, cut, line, lines, preview},
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

/// What comes in, what it is on one line, and what in many.
const TABLE: &[(&str, &str, &str)] = &[
    // Line ends, tabs, white space.
    ("one\r\ntwo", "one two", "one\ntwo"),
    ("one\rtwo", "one two", "one\ntwo"),
    ("a\r\n\r\nb\r", "a b", "a\n\nb"),
    ("a\u{b}b\u{c}c\u{85}d\u{2028}e\u{2029}f", "a b c d e f", "a\nb\nc\nd\ne\nf"),
    ("\tif x:\n\t\ty  ", "if x: y", "if x:\n\t\ty"),
    ("two  trailing  \nblanks", "two trailing blanks", "two  trailing  \nblanks"),
    ("a\u{a0}b\u{3000}c", "a b c", "a\u{a0}b\u{3000}c"),
    ("  \u{2003} \n", "", ""),
    // Control characters.
    ("\0", "", ""),
    ("a\0b\u{1}\u{8}\u{7f}\u{9f}c", "abc", "abc"),
    ("don\u{92}t", "dont", "dont"),
    // Codes for terminals.
    ("\u{1b}[31mFAIL\u{1b}[0m", "FAIL", "FAIL"),
    ("\u{1b}[38;5;196;1mred\u{1b}[m \u{1b}[?25l\u{1b}[2Kx", "red x", "red x"),
    ("\u{1b}[38:2::255:0:0mred", "red", "red"),
    ("\u{9b}31mFAIL\u{9b}0m", "FAIL", "FAIL"),
    ("\u{9b}quoted\u{8b}", "quoted", "quoted"),
    ("\u{1b}]0;title\u{7}done", "done", "done"),
    ("\u{1b}]8;;https://x.example\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link", "link"),
    ("\u{9d}0;title\u{9c}done", "done", "done"),
    ("\u{1b}P+q544e\u{1b}\\done\u{1b}_payload\u{1b}\\", "done", "done"),
    ("\u{1b}]0;cut off\nwords", "0;cut off words", "0;cut off\nwords"),
    ("\u{1b}]never ended", "never ended", "never ended"),
    ("\u{1b}(B\u{1b}7\u{1b}=\u{1b}>\u{1b}cx", "x", "x"),
    ("\u{1b}\0[31mFAIL\u{1b}[3\u{0}1m", "FAIL", "FAIL"),
    ("\u{1b}\u{1b}[1mx\u{1b}", "x", "x"),
    ("\u{1b}[31", "", ""),
    ("x\u{1b}[31\ny", "x y", "x\ny"),
    ("^[[31m and \\u001b[31m as text", "^[[31m and \\u001b[31m as text", "^[[31m and \\u001b[31m as text"),
    // Nothing to see.
    ("\u{200b}", "", ""),
    ("\u{2060}\u{feff}\u{ad}\u{200e}\u{61c}\u{180e}", "", ""),
    ("\u{3164}", "", ""),
    ("\u{115f}\u{1160}\u{ffa0}\u{2800}", "", ""),
    ("\u{fe0f}\u{200d}\u{200c}", "", ""),
    ("\u{e0041}\u{e0042}\u{e0001}", "", ""),
    ("\u{301}\u{300}", "", ""),
    ("\u{202e}\u{2066}", "", ""),
    // Unseen between what is seen.
    ("a\u{200b}b\u{ad}c\u{2060}d", "abcd", "a\u{200b}b\u{ad}c\u{2060}d"),
    ("a\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}b", "ab", "a\u{200b}\u{200b}\u{200b}b"),
    ("\u{feff}# Read me\u{fffc}", "# Read me", "# Read me"),
    ("a\u{e0070}\u{e0077}\u{e006e}b", "ab", "ab"),
    ("a\u{fdd0}\u{fffe}\u{ffff}\u{10ffff}b", "ab", "ab"),
    ("a\u{fe0f}\u{fe00}\u{e0100}\u{e0101}b", "a\u{fe0f}b", "a\u{fe0f}b"),
    ("ad\u{200d}min", "admin", "ad\u{200d}min"),
    // Direction.
    ("a\u{202e}gnp.exe", "agnp.exe", "a\u{202e}gnp.exe\u{202c}"),
    ("\u{2067}abc\nd", "abc d", "\u{2067}abc\u{2069}\nd"),
    ("\u{202b}a\u{2067}b\u{202c}c\u{2069}d", "abcd", "\u{202b}a\u{2067}bc\u{2069}d\u{202c}"),
    ("\u{2066}a\u{202e}b\u{2069}c", "abc", "\u{2066}a\u{202e}b\u{2069}c"),
    ("\u{202c}\u{2069}a", "a", "a"),
    ("\u{200f}C++\u{200f}", "\u{200f}C++\u{200f}", "\u{200f}C++\u{200f}"),
    // What stays.
    ("👩‍👩‍👧‍👦 ❤️‍🔥 🏳️‍🌈 👍🏽 1️⃣ 🇩🇪", "👩‍👩‍👧‍👦 ❤️‍🔥 🏳️‍🌈 👍🏽 1️⃣ 🇩🇪", "👩‍👩‍👧‍👦 ❤️‍🔥 🏳️‍🌈 👍🏽 1️⃣ 🇩🇪"),
    ("🏴󠁧󠁢󠁥󠁮󠁧󠁿🏴", "🏴󠁧󠁢󠁥󠁮󠁧󠁿🏴", "🏴󠁧󠁢󠁥󠁮󠁧󠁿🏴"),
    ("می\u{200c}خواهم ه\u{200d}", "می\u{200c}خواهم ه\u{200d}", "می\u{200c}خواهم ه\u{200d}"),
    ("क्\u{200d}ष क्\u{200c}ष", "क्\u{200d}ष क्\u{200c}ष", "क्\u{200d}ष क्\u{200c}ष"),
    ("إصلاح الخطأ (v2)!", "إصلاح الخطأ (v2)!", "إصلاح الخطأ (v2)!"),
    (
        "Проект 加粗。 cafe\u{301} e\u{323}\u{302}",
        "Проект 加粗。 cafe\u{301} e\u{323}\u{302}",
        "Проект 加粗。 cafe\u{301} e\u{323}\u{302}",
    ),
    ("ᠮᠣᠩᠭᠣᠯ\u{180e}ᠠ ⠓⠊⠀⠽⠕⠥", "ᠮᠣᠩᠭᠣᠯ\u{180e}ᠠ ⠓⠊⠀⠽⠕⠥", "ᠮᠣᠩᠭᠣᠯ\u{180e}ᠠ ⠓⠊⠀⠽⠕⠥"),
    (
        "\u{fffd} \u{e000} <b>&amp;</b> `$(x)`",
        "\u{fffd} \u{e000} <b>&amp;</b> `$(x)`",
        "\u{fffd} \u{e000} <b>&amp;</b> `$(x)`",
    ),
];

#[test]
fn the_table() {
    for (given, one, many) in TABLE {
        assert_eq!(line(given), *one, "one line of {given:?}");
        assert_eq!(lines(given), *many, "many lines of {given:?}");
    }
}

#[test]
fn marks_do_not_pile_up() {
    let zalgo = format!("Z{}a", "\u{336}".repeat(500));
    assert_eq!(line(&zalgo), format!("Z{}a", "\u{336}".repeat(8)));
    assert_eq!(lines(&zalgo), line(&zalgo));
}

#[test]
fn names_that_nobody_sees_are_refused() {
    for unseen in
        ["", " ", "\0", "\u{200b}", "\u{2060}", "\u{feff}", "\u{ad}", "\u{3164}", "\u{2800}", "\u{e0041}", "\u{1b}[31m"]
    {
        assert_eq!(Title::parse(unseen), Err(Refusal::TitleMissing), "{unseen:?}");
        assert_eq!(Name::parse(unseen), Err(Refusal::NameMissing), "{unseen:?}");
        assert_eq!(Body::parse(unseen), Ok(None), "{unseen:?}");
    }
}

#[test]
fn bounds_count_what_is_kept() {
    let most = "ü".repeat(TITLE_MAX);
    assert_eq!(Title::parse(&format!("\0{most}\u{200b}\r\n")).unwrap().as_str(), most);
    assert_eq!(Title::parse(&format!("{most}ü")), Err(Refusal::TitleTooLong));
    let most = "x".repeat(BODY_MAX);
    assert_eq!(Body::parse(&format!("{most}\0\0")).unwrap().unwrap().as_str().len(), BODY_MAX);
    assert_eq!(Body::parse(&format!("{most}x")), Err(Refusal::TextTooLong));
}

/// Texts that would be slow if each beginning were followed to the end of the text.
#[test]
fn no_text_is_slow() {
    let began = std::time::Instant::now();
    for piece in [
        "\u{1b}]",
        "\u{9d}",
        "\u{1b}[",
        "\u{1b}[1;",
        "\u{1b}(",
        "\u{1b}\0",
        "\u{202e}",
        "\u{2067}\n",
        "\u{1f3f4}\u{e0067}",
        "\u{200d}",
    ] {
        black_box(lines(&piece.repeat(300_000)));
        black_box(line(&piece.repeat(300_000)));
    }
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn what_is_stored_from_before_is_cleaned_when_it_is_read() {
    let title: Title = serde_json::from_str(r#""a\u0000\u202e b\n""#).unwrap();
    assert_eq!(title.as_str(), "a b");
    let nameless: Name = serde_json::from_str(r#""\u200b""#).unwrap();
    assert_eq!(nameless.as_str(), "(no name)");
    let body: Body = serde_json::from_str(r#""one\r\ntwo\u0000\u001b[0m""#).unwrap();
    assert_eq!(body.as_str(), "one\ntwo");
    // Longer than what is taken today: never refused.
    let long = format!("\"{}\"", "x".repeat(TITLE_MAX + 1));
    assert_eq!(serde_json::from_str::<Title>(&long).unwrap().as_str().len(), TITLE_MAX + 1);
}

#[test]
fn cuts_do_not_part_what_belongs_together() {
    for (text, most, want) in [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("", 0, ""),
        ("abc", 0, "…"),
        ("ae\u{301}x", 3, "a…"),
        ("a👩‍👧b", 3, "a…"),
        ("a👩‍👧b", 5, "a👩‍👧b"),
        ("a👩‍👧bc", 5, "a👩‍👧…"),
        ("a👍🏽b", 3, "a…"),
    ] {
        assert_eq!(cut(text, most), want, "{text:?} at {most}");
    }
    assert_eq!(preview("one\n\ttwo \u{202e}three", 40), "one two three");
    assert_eq!(preview("one two three", 8), "one two…");
    assert_eq!(preview(&format!("a{}", "\0".repeat(100_000)), 10), "a…");
    assert_eq!(preview(&"xy ".repeat(100_000), 5), "xy x…");
}

/// Documents of before the rules: no field that pages show brings in what they cannot show.
#[test]
fn documents_of_before_are_read_clean() {
    let id = "00000000-0000-0000-0000-000000000001";
    let bad = "a\0b\u{202e}c\u{1b}[31m";
    let times = json!({ "created_at": 1, "updated_at": 1, "status_changed_at": 1, "claimed_at": 1, "at": 1 });
    let with = |fields: Value| {
        let mut all = times.as_object().unwrap().clone();
        all.extend(fields.as_object().unwrap().clone());
        Value::Object(all)
    };
    let docs = [
        json!({ "project": with(json!({ "id": id, "slug": "x", "name": bad, "description": bad, "color": bad, "repo_url": bad,
            "context_path": bad, "local_path": bad, "github_repo": bad, "role_model_overrides": { "dev": bad } })) }),
        json!({ "task": with(json!({ "id": id, "project": id, "number": 1, "title": bad, "description": bad, "status": "ready",
            "priority": "low", "assignee": bad, "tags": [bad, "\u{200b}"], "session_id": bad, "prompt_version_id": bad,
            "agent_session_key": bad, "trouble": bad, "branch": bad, "review_comments": bad, "post_merge_steps": bad,
            "verification_output": bad, "dispatch_requested_by": bad, "position": 1.0 })) }),
        json!({ "comment": with(json!({ "id": id, "task": id, "project": id, "author": bad, "author_type": "human",
            "content": bad, "kind": "message" })) }),
        json!({ "signal": with(json!({ "id": id, "task": id, "project": id, "session_key": bad, "agent_id": bad, "kind": "fyi",
            "severity": "normal", "message": bad, "response": bad, "delivery_error": bad })) }),
        json!({ "run": with(json!({ "id": id, "task": id, "project": id, "role": "dev", "attempt": 1, "action_id": "a",
            "key": "k", "session_key": "s", "prompt_version": "v", "state": "ended", "model": bad, "last_words": bad })) }),
        json!({ "loop_state": with(json!({ "project": id, "notes": { id: bad }, "notice": bad })) }),
        json!({ "chat": with(json!({ "id": id, "project": id, "title": bad, "participants": [bad], "session_key": bad,
            "last": { "content": bad, "author": bad, "created_at": 1 } })) }),
        json!({ "message": with(json!({ "id": id, "chat": id, "author": bad, "content": bad, "run_id": bad, "session_key": bad,
            "failure_reason": bad, "calls": [{ "line": bad }] })) }),
        json!({ "activity": with(json!({ "id": id, "what": "w", "actor": { "who": "program", "claim": bad },
            "data": { "reason": bad } })) }),
        json!({ "activity": with(json!({ "id": id, "what": "w", "actor": { "who": "agent", "name": bad } })) }),
    ];
    for doc in docs {
        let read: clutch_domain::doc::Body = serde_json::from_value(doc.clone()).unwrap();
        let written = serde_json::to_string(&read).unwrap();
        let clean = !written.contains("\\u0000") && !written.contains("\\u001b") && !written.contains("[31m");
        assert!(clean && written.contains("ab"), "{written}");
    }
}

/// Pieces of every class, so that random text has them beside each other.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "\u{1b}", "\u{1b}[31m", "[", "]", "\u{1b}]0;t", "\u{7}", "\u{9b}", "1", ";", "m", "\\", "\u{9c}", "\u{9d}",
    "\0", "\r", "\n", "\r\n", "\t", " ", "\u{a0}", "\u{85}", "\u{2028}", "\u{200b}", "\u{200c}", "\u{200d}",
    "\u{200e}", "\u{2060}", "\u{ad}", "\u{202a}", "\u{202b}", "\u{202c}", "\u{202d}", "\u{202e}", "\u{2066}",
    "\u{2067}", "\u{2068}", "\u{2069}", "\u{fe0f}", "\u{e0100}", "\u{180b}", "\u{301}", "\u{20e3}", "\u{1f3f4}",
    "\u{e0067}", "\u{e007f}", "\u{1f468}", "\u{1f3fd}", "\u{feff}", "\u{fffc}", "\u{fffe}", "\u{3164}",
    "\u{2800}", "\u{115f}", "a", "é", "ب", "क", "\u{94d}", "字", "<", "&", "`",
];

fn odd() -> impl Strategy<Value = String> {
    vec(prop_oneof![4 => select(PIECES).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)], 0..24)
        .prop_map(|pieces| pieces.concat())
}

fn never(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
        || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

fn directs(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cleaning_clean_text_changes_nothing(text in odd()) {
        let one = line(&text);
        prop_assert_eq!(line(&one), one.clone(), "one line");
        let many = lines(&text);
        prop_assert_eq!(lines(&many), many.clone(), "many lines");
    }

    #[test]
    fn nothing_harmful_is_left(text in odd()) {
        let (one, many) = (line(&text), lines(&text));
        prop_assert!(!one.contains(never) && !one.contains(['\n', '\t']) && !one.contains("  "), "{:?}", one);
        prop_assert!(one.trim() == one && !one.contains(directs), "{:?}", one);
        prop_assert!(!many.contains(never) && many.trim() == many, "{:?}", many);
        for line in many.lines() {
            let count = |of: &[char]| line.matches(of).count();
            prop_assert!(count(&['\u{2066}', '\u{2067}', '\u{2068}']) == count(&['\u{2069}']), "isolates of {:?}", line);
            prop_assert!(count(&['\u{202c}']) <= count(&['\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}']), "{:?}", line);
        }
    }

    #[test]
    fn letters_of_all_kinds_stay(text in "[a-z0-9äßçñЖ字ب가😀 ]{0,40}") {
        let kept = text.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(line(&text), kept);
        prop_assert_eq!(lines(&text), text.trim());
    }

    #[test]
    fn what_is_accepted_is_read_back_the_same(text in odd()) {
        if let Ok(title) = Title::parse(&text) {
            let json = serde_json::to_string(&title).unwrap();
            prop_assert_eq!(serde_json::from_str::<Title>(&json).unwrap(), title);
        }
        if let Ok(Some(body)) = Body::parse(&text) {
            let json = serde_json::to_string(&body).unwrap();
            prop_assert_eq!(serde_json::from_str::<Body>(&json).unwrap(), body);
        }
    }
}

/// Fields that hold what this program or a gateway made, and that are compared byte by byte.
const MADE_BY_MACHINES: &[&str] =
    &["run_id", "action_id", "key", "session_key", "prompt_version", "successors", "holder", "lease", "boot", "what"];

/// A text field that joins a document is cleaned when it is read, or is named above.
#[test]
fn every_text_of_a_document_is_cleaned_when_it_is_read() {
    let sources = [
        include_str!("../src/activity.rs"),
        include_str!("../src/actor.rs"),
        include_str!("../src/chat.rs"),
        include_str!("../src/project.rs"),
        include_str!("../src/prompt.rs"),
        include_str!("../src/run.rs"),
        include_str!("../src/talk.rs"),
        include_str!("../src/task.rs"),
    ];
    let (mut cleaned, mut left) = (0, Vec::new());
    for field in sources.iter().flat_map(|source| source.split("///")).filter(|part| part.contains("    pub ")) {
        let Some((before, rest)) = field.split_once("    pub ") else { continue };
        let Some((name, kind)) = rest.split_once([',', '\n']).and_then(|(line, _)| line.split_once(": ")) else {
            continue;
        };
        if !matches!(kind, "String" | "Option<String>" | "Vec<String>") || name.contains(['(', ' ']) {
            continue;
        }
        if before.contains("text::stored::") {
            cleaned += 1;
        } else if !MADE_BY_MACHINES.contains(&name) {
            left.push(name);
        }
    }
    assert!(left.is_empty(), "not cleaned when they are read: {left:?}");
    assert!(cleaned > 30, "the fields are not found: {cleaned}");
}
