//! The house's own rules, as tests rather than wishes (ARCHITECTURE.md).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use clutch_domain::refusal::Refusal;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let out = Command::new(cargo).args(args).args(["--offline", "--locked"]).current_dir(root()).output().unwrap();
    assert!(out.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// What the packages of the workspace name in `[dependencies]`: name, and whether it is optional.
fn declared() -> BTreeMap<String, BTreeMap<String, bool>> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let dependencies = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let normal = all.filter(|d| d["kind"].is_null());
        normal.map(|d| (d["name"].as_str().unwrap().to_owned(), d["optional"].as_bool().unwrap())).collect()
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.map(|p| (p["name"].as_str().unwrap().to_owned(), dependencies(p))).collect()
}

/// Every package that ends up in this one on this machine.
fn tree(package: &str) -> BTreeSet<String> {
    let text = cargo(&["tree", "-p", package, "-e", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let names: BTreeSet<String> = text.lines().filter_map(|l| l.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains(package), "{names:?}");
    names
}

/// Safeguards that can be switched off are the simulator's; what people run has no switches.
#[test]
fn the_program_has_all_its_safeguards() {
    let lines = cargo(&["tree", "-p", "clutch", "-e", "normal,build", "--prefix", "none", "--format", "{p} [{f}]"]);
    let ours: Vec<&str> = lines.lines().filter(|line| line.starts_with("clutch")).collect();
    assert!(ours.iter().any(|line| line.starts_with("clutch-domain ")), "{ours:#?}");
    assert!(ours.iter().all(|line| !line.contains("sabotage")), "{ours:#?}");
    // Nor can a feature of the program turn them on: only the simulator and the domain itself know the word.
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let knows = packages.filter(|p| {
        p["features"].to_string().contains("sabotage")
            || p["dependencies"].as_array().unwrap().iter().any(|d| d["features"].to_string().contains("sabotage"))
    });
    let knows: BTreeSet<&str> = knows.map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(knows, BTreeSet::from(["clutch-domain", "clutch-sim"]));
}

/// Who may name whom. Anything else is a new arrow: change ARCHITECTURE.md first.
const ARROWS: &[(&str, &[&str])] = &[
    ("clutch-domain", &[]),
    ("clutch-orchestrator", &["clutch-domain"]),
    ("clutch-store", &["clutch-orchestrator", "clutch-domain"]),
    ("clutch-gateway", &["clutch-orchestrator", "clutch-domain"]),
    ("clutch-sim", &["clutch-orchestrator", "clutch-store", "clutch-domain"]),
    ("clutch-app", &["clutch-orchestrator", "clutch-domain"]),
    ("clutch-frontend", &["clutch-app"]),
    ("clutch-site", &[]),
    ("clutch", &["clutch-app", "clutch-orchestrator", "clutch-store", "clutch-gateway", "clutch-domain"]),
];

#[test]
fn arrows_between_crates() {
    let declared = declared();
    assert_eq!(
        declared.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        ARROWS.iter().map(|(name, _)| *name).collect()
    );
    for (name, allowed) in ARROWS {
        let ours = declared[*name].keys().filter(|d| declared.contains_key(*d));
        let wrong: Vec<&String> = ours.filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(wrong.is_empty(), "{name} may not depend on {wrong:?}");
    }
    assert!(declared["clutch-app"]["clutch-orchestrator"], "the app reaches the orchestrator under `ssr` only");
}

#[test]
fn the_domain_knows_three_crates() {
    let names: Vec<String> = declared()["clutch-domain"].keys().cloned().collect();
    assert_eq!(names, ["serde", "thiserror", "uuid"]);
    let tree = tree("clutch-domain");
    for random in ["getrandom", "rand", "rand_core", "tokio", "web-time", "chrono", "time"] {
        assert!(!tree.contains(random), "the domain has no {random}, not even through others");
    }
}

#[test]
fn the_orchestrator_knows_no_adapter() {
    let tree = tree("clutch-orchestrator");
    for adapter in [
        "rusqlite",
        "libsqlite3-sys",
        "convex",
        "reqwest",
        "hyper",
        "axum",
        "leptos",
        "tungstenite",
        "tokio-tungstenite",
        "mio",
    ] {
        assert!(!tree.contains(adapter), "the orchestrator names {adapter}");
    }
}

/// Features unify: built together with `frontend`, a server would be half a browser.
#[test]
fn the_server_renders_and_does_not_hydrate() {
    let features =
        |package: &str| cargo(&["tree", "-p", package, "-e", "normal,features", "-i", "leptos", "--prefix", "none"]);
    let server = features("clutch");
    assert!(server.contains("leptos feature \"ssr\""));
    for browser in ["hydrate", "csr", "islands"] {
        assert!(
            !server.contains(&format!("leptos feature \"{browser}\"")),
            "the browser's {browser} has crept into the server"
        );
    }
    let frontend = features("clutch-frontend");
    assert!(frontend.contains("leptos feature \"hydrate\"") && !frontend.contains("leptos feature \"ssr\""));
}

#[test]
fn one_cryptography_and_no_foreign_tls() {
    let tree = tree("clutch");
    assert!(tree.contains("ring"));
    for other in ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls"] {
        assert!(!tree.contains(other), "{other} is in the program");
    }
}

/// Files of these kinds below these places; generated and installed things are left out.
fn files(places: &[&str], extensions: &[&str]) -> Vec<(String, String)> {
    let root = root();
    let mut waiting: Vec<PathBuf> = places.iter().map(|p| root.join(p)).collect();
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() {
            if name == "target"
                || name == "node_modules"
                || name.starts_with("target-")
                || (name.starts_with('.') && path != root)
            {
                continue;
            }
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e)) {
            let shown = path.strip_prefix(&root).unwrap().display().to_string();
            found.push((shown, std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "{places:?} hold nothing");
    found
}

/// Rust that goes into the program: no test folders, no `#[cfg(test)]` modules at the end of files.
fn product(places: &[&str]) -> Vec<(String, String)> {
    let is_test = |path: &str| {
        path.contains("/tests/") || path.contains("/test/") || path.ends_with("tests.rs") || path.contains("/examples/")
    };
    files(places, &["rs", "ts", "md"])
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| {
            let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
            (path, text[..end].to_owned())
        })
        .collect()
}

#[track_caller]
fn nowhere(sources: &[(String, String)], words: &[&str]) {
    let mut seen = Vec::new();
    for (path, text) in sources {
        for (n, line) in text.lines().enumerate() {
            let small = line.to_lowercase();
            seen.extend(words.iter().filter(|w| small.contains(**w)).map(|w| format!("{path}:{}: {w}", n + 1)));
        }
    }
    assert!(seen.is_empty(), "{seen:#?}");
}

/// What a gateway calls its methods and sessions is its adapter's to know.
#[test]
fn the_engine_speaks_no_gateways_language() {
    let words = [
        "agent:main",
        "agent.wait",
        "chat.send",
        "chat.history",
        "chat.abort",
        "tasks.list",
        "sessions.patch",
        "sessions.abort",
        "sessions.delete",
        "sessions.describe",
        "sessions.reset",
        "sessions.compact",
        "sessions.list",
    ];
    nowhere(&product(&["crates/domain/src", "crates/orchestrator/src"]), &words);
}

/// A phase is a row of one table: whoever adds one adds nothing anywhere else.
#[test]
fn phases_are_named_in_their_table_only() {
    let mut sources = product(&["crates/domain/src", "crates/orchestrator/src", "server/src", "app/src"]);
    sources.retain(|(path, _)| path != "crates/domain/src/phase.rs");
    nowhere(&sources, &["phase::work"]);
}

/// The demo's script plays people's parts; the product never does.
#[test]
fn no_directive_of_a_demo_or_a_test() {
    let mut sources = product(&[
        "app/src",
        "server/src",
        "crates/domain/src",
        "crates/orchestrator/src",
        "crates/store/src",
        "crates/gateway/src",
        "roles",
        "plugins",
    ]);
    assert!(sources.len() > 100, "{}", sources.len());
    for (_, text) in &mut sources {
        // People may be told how to try it.
        *text = text.replace("./run.sh demo", "");
    }
    let words = [
        "[[say",
        "[[ask",
        "[[tool",
        "[[fail",
        "[[slow",
        "scripted",
        "script_pace",
        "script_models",
        "script_log",
        "script_port",
        "lively-1",
        "demo",
        "test_mode",
        "is_test",
        "mock",
    ];
    nowhere(&sources, &words);
    // Words of a ticket that change the scripted model's part mean nothing to the product.
    let mut parts = Vec::new();
    for part in ["ask", "fail", "slow", "forget"] {
        parts.extend([
            format!("contains(\"{part}\")"),
            format!("== \"{part}\""),
            format!("includes(\"{part}\")"),
            format!("=== \"{part}\""),
        ]);
    }
    nowhere(&sources, &parts.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn channels_are_bounded() {
    let sources = product(&["app", "server/src", "crates"]);
    nowhere(&sources, &["unbounded_channel", "mpsc::unbounded", "unboundedsender", "async_channel::unbounded"]);
}

/// A task whose handle is dropped is one whose end nobody notices.
#[test]
fn nothing_of_the_server_works_unwatched() {
    let sources = product(&["server/src"]);
    assert!(sources.iter().any(|(path, _)| path == "server/src/supervise.rs"));
    nowhere(&sources, &["tokio::spawn", "task::spawn(", "task::spawn_local", "thread::spawn"]);
}

/// What a page asks its browser for ends with the page, so one module asks: a listener beside it stays on an
/// element that another page gets, and a timer beside it comes to a page that is gone.
#[test]
fn one_module_listens_and_waits_in_the_browser() {
    let mut sources = product(&["app/src", "frontend/src"]);
    let listens = "app/src/ui/listen.rs";
    assert!(sources.iter().any(|(path, _)| path == listens));
    sources.retain(|(path, _)| path != listens);
    let ways = [
        "add_event_listener",
        "window_event_listener",
        "closure::",
        "into_js_value",
        "set_interval",
        "set_timeout",
        "request_animation_frame",
        "request_idle_callback",
        "observer::new",
        ".set_on",
    ];
    nowhere(&sources, &ways);
}

/// Keys mean nothing while somebody composes a character, and one module knows how browsers tell that.
#[test]
fn one_module_reads_keys() {
    let mut sources = product(&["app/src"]);
    let reads = "app/src/ui/keys.rs";
    assert!(sources.iter().any(|(path, _)| path == reads));
    sources.retain(|(path, _)| path != reads);
    nowhere(&sources, &["event.key()", "ev.key()", "e.key()", ".key_code()", ".is_composing()", "event.code()"]);
}

#[test]
fn time_and_chance_come_from_outside() {
    let clocks = ["systemtime", "std::time::instant", "instant::now", "std::env", "std::fs", "rand::", "new_v4"];
    nowhere(&product(&["crates/domain/src"]), &clocks);
    let mut driven = product(&["crates/orchestrator/src"]);
    driven.retain(|(path, _)| path.contains("/work") || path.contains("/jobs") || path.ends_with("office.rs"));
    assert!(driven.len() >= 12, "{}", driven.len());
    nowhere(&driven, &["tokio::spawn", "tokio::time", "tokio::select", "systemtime", "instant::now", "new_v4"]);
}

#[test]
fn one_place_picks_the_adapters() {
    let mut sources = product(&["server/src", "app"]);
    sources.retain(|(path, _)| path != "server/src/compose.rs");
    nowhere(&sources, &["sqlitestore::", "memorystore::", "openclaw::connect"]);
}

/// One component sets inner HTML, and takes only what one module sanitised.
#[test]
fn html_is_set_in_one_place_and_made_in_one_place() {
    let mut sources = product(&["app", "frontend", "server/src", "crates"]);
    let count = |path: &str, word: &str| {
        let (_, text) = sources.iter().find(|(p, _)| p == path).unwrap_or_else(|| panic!("{path} is gone"));
        text.matches(word).count()
    };
    assert_eq!(count("app/src/ui/markdown.rs", "inner_html=html.into_string()"), 1);
    assert_eq!(count("app/src/ui/markdown.rs", "inner_html"), 1);
    // The document's own constants, before any words of people.
    assert_eq!(count("app/src/document.rs", "inner_html=EARLY") + count("app/src/document.rs", "inner_html=SPRITE"), 2);
    assert_eq!(count("app/src/document.rs", "inner_html"), 2);
    assert_eq!(count("app/src/markdown.rs", "SafeHtml::sanitised("), 1);
    assert_eq!(count("app/src/safe.rs", "Self("), 1);
    assert_eq!(count("app/src/safe.rs", "pub struct SafeHtml(String);"), 1);
    sources.retain(|(path, _)| !["app/src/ui/markdown.rs", "app/src/document.rs"].contains(&path.as_str()));
    let ways = [
        "inner_html",
        "innerhtml",
        "outer_html",
        "insert_adjacent_html",
        "srcdoc",
        "document.write",
        "contextual_fragment",
    ];
    nowhere(&sources, &ways);
    sources.retain(|(path, _)| path != "app/src/markdown.rs");
    nowhere(&sources, &["::sanitised("]);
}

/// What renders markdown is large, and the browser is handed HTML.
#[test]
fn the_browser_renders_no_markdown() {
    let browser = tree("clutch-frontend");
    for heavy in ["comrak", "ammonia", "html5ever", "image", "syntect", "two-face", "fancy-regex"] {
        assert!(!browser.contains(heavy), "{heavy} is on its way into the WASM");
    }
    let server = tree("clutch");
    assert!(server.contains("comrak") && server.contains("ammonia") && server.contains("syntect"));
}

#[test]
fn pages_do_not_fetch_what_is_for_programs() {
    let mut sources = product(&["app"]);
    sources.retain(|(path, _)| path.ends_with(".rs"));
    // Uploads are the one exception: a server function would hold a whole picture in memory twice.
    for (path, text) in &mut sources {
        if path == "app/src/pages/chat/files.rs" {
            *text = text.replace("\"/api/upload/image\"", "");
        }
    }
    nowhere(&sources, &["\"/api/", "(\"/api", "format!(\"/api"]);
}

#[test]
fn every_refusal_has_its_own_code_and_a_sentence() {
    let mut codes = BTreeSet::new();
    for refusal in Refusal::ALL {
        let (code, sentence) = (refusal.code(), refusal.to_string());
        assert!(codes.insert(code), "two refusals have the code {code}");
        assert!(!code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
        assert!(sentence.len() > 8 && sentence.trim() == sentence, "{code}: {sentence:?}");
    }
    assert!(codes.len() > 30);
}

/// Longer than one sitting, each with the reason.
const LONG: &[(&str, &str)] = &[];
const LINES_MAX: usize = 500;

#[test]
fn files_are_read_in_one_sitting() {
    let long: BTreeMap<String, usize> = files(&["app", "frontend", "server", "crates"], &["rs"])
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    let without: Vec<_> = long.iter().filter(|(path, _)| !LONG.iter().any(|(p, _)| p == path)).collect();
    assert!(without.is_empty(), "split these, or say in LONG why not: {without:?}");
    for (path, reason) in LONG {
        assert!(long.contains_key(*path) && reason.len() > 10, "{path} is short by now, or has no reason");
    }
}
