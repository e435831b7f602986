//! What there is to ask, read where it is declared, so that nothing new is forgotten.

use std::collections::BTreeSet;

fn source(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn sources(folder: &str) -> Vec<String> {
    let root = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "rs")).collect();
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Paths of all routes for programs, with `{…}` where something is filled in.
pub fn paths() -> Vec<String> {
    let all = [
        source("src/http/compat/mod.rs"),
        source("src/http/compat/webhooks/mod.rs"),
        source("src/compose.rs"),
        source("src/http/caller.rs"),
        source("src/http/uploads/mod.rs"),
    ];
    let quoted = all.iter().flat_map(|s| s.split('"')).filter(|s| s.starts_with('/') && !s.contains([' ', '\n', '*']));
    let paths: BTreeSet<String> = quoted.map(str::to_owned).collect();
    assert!(paths.len() >= 20 && paths.contains("/api/tasks") && paths.contains("/live"), "{paths:?}");
    paths.into_iter().collect()
}

/// Names of fields that some route reads.
pub fn fields() -> Vec<String> {
    let all = [sources("src/http/compat"), sources("src/http/compat/webhooks")].concat();
    let names = all.iter().flat_map(|s| s.split(['(', '[']).filter_map(|rest| rest.strip_prefix('"')));
    let names = names.filter_map(|rest| rest.split_once('"').map(|(name, _)| name));
    let is_name = |n: &&str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let fields: BTreeSet<String> = names.filter(is_name).map(str::to_owned).collect();
    assert!(fields.len() >= 25 && fields.contains("title"), "{fields:?}");
    fields.into_iter().collect()
}

/// Server functions: their path and the names of their arguments.
pub fn functions() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for text in sources("../app/src/api") {
        for part in text.split("endpoint = \"").skip(1) {
            let Some((name, rest)) = part.split_once('"') else { continue };
            let Some((_, rest)) = rest.split_once("fn ") else { continue };
            let Some((arguments, _)) = rest.split_once('(').and_then(|(_, rest)| rest.split_once(") ->")) else {
                continue;
            };
            let arguments = arguments.split(',').filter_map(|a| a.split_once(": ").map(|(name, _)| name));
            let arguments =
                arguments.filter_map(|a| a.split_whitespace().last().map(|a| a.trim_end_matches(':').to_owned()));
            found.push((format!("/fn/{name}"), arguments.collect::<Vec<String>>()));
        }
    }
    assert!(
        found.len() >= 25 && found.iter().any(|(p, a)| p == "/fn/move_task" && a.contains(&"task".to_owned())),
        "{found:?}"
    );
    found
}
