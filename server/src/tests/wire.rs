//! `docs/wire-compatibility.md` says of each handler of the original how it stands here; the router is asked whether that
//! is so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{House, NOBODY};
use crate::http::compat::not_built::{CODE, NOT_BUILT};

/// How many handlers the original had (facts §2.1).
const HANDLERS: usize = 128;

/// A row of the table.
struct Row {
    method: String,
    path: String,
    status: String,
    how: String,
}

fn document() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wire-compatibility.md");
    std::fs::read_to_string(file).unwrap()
}

/// Rows of the table under this heading: `| METHOD | `/path` | mark | status | how |`.
fn rows(heading: &str) -> Vec<Row> {
    let text = document();
    let part = text.split("\n## ").find(|part| part.starts_with(heading)).unwrap_or_else(|| panic!("no {heading}"));
    let cells = part.lines().filter(|line| line.starts_with("| ")).map(|line| {
        let line = line.trim().trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    });
    let rows = cells.filter(|cells| cells.len() == 5 && cells[1].starts_with("`/"));
    rows.map(|cells| Row {
        method: cells[0].clone(),
        path: cells[1].trim_matches('`').to_owned(),
        status: cells[3].clone(),
        how: cells[4].clone(),
    })
    .collect()
}

/// All routes under `/api`, and of pictures, read where they are declared: method and path.
pub fn routes() -> BTreeSet<(String, String)> {
    let sources = [
        include_str!("../http/compat/mod.rs"),
        include_str!("../http/compat/webhooks/mod.rs"),
        &include_str!("../http/uploads/mod.rs").replace("PATH,", &format!("\"{}\",", crate::http::uploads::PATH)),
    ]
    .map(str::to_owned);
    let mut found = BTreeSet::new();
    for source in &sources {
        for declared in source.split(".route(").skip(1) {
            let declared = match declared.trim_start().strip_prefix("rpc::PATH,") {
                Some(rest) => format!("\"/api/openclaw/rpc\",{rest}"),
                None => declared.to_owned(),
            };
            let Some((path, rest)) = declared.trim_start().strip_prefix('"').and_then(|d| d.split_once('"')) else {
                continue;
            };
            // Up to the end of this call.
            let mut depth = 1;
            let end = rest.find(|c: char| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                depth == 0
            });
            let handlers = &rest[..end.unwrap_or(rest.len())];
            for (word, method) in
                [("get(", "GET"), ("post(", "POST"), ("patch(", "PATCH"), ("put(", "PUT"), ("delete(", "DELETE")]
            {
                let named = handlers.split(word).count() > 1;
                if named && !handlers.contains("any(") && !handlers.contains("(unknown)") {
                    found.insert((method.to_owned(), path.to_owned()));
                }
            }
        }
    }
    assert!(found.len() > 60, "{}", found.len());
    found
}

fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with([':', '{']) { NOBODY } else { part });
    parts.collect::<Vec<_>>().join("/").replace('*', "x.png")
}

/// The same path whatever its parts are called.
fn bare(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with([':', '{', '*']) { ":" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

const OURS: &str = "Beside the original";

#[test]
fn all_handlers_of_the_original_are_there_once() {
    let all = rows("The handlers of the original");
    let mut seen = BTreeSet::new();
    for row in &all {
        assert!(seen.insert((row.method.clone(), bare(&row.path))), "{} {} twice", row.method, row.path);
        assert!(
            ["same", "differs", "not built yet"].contains(&row.status.as_str()),
            "{} {}: {:?}",
            row.method,
            row.path,
            row.status
        );
        assert!(row.status != "differs" || row.how.len() >= 10, "{} {}: how?", row.method, row.path);
    }
    assert_eq!(all.len(), HANDLERS);
    // The numbers of the text are those of the table.
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    all.iter().for_each(|row| *counts.entry(row.status.as_str()).or_default() += 1);
    let text = document();
    for (status, count) in counts {
        assert!(text.contains(&format!("| {status} | {count} |")), "{status}: {count}");
    }
}

#[tokio::test]
async fn the_router_answers_as_the_document_says() {
    let house = House::new();
    let all: Vec<Row> = rows("The handlers of the original").into_iter().chain(rows(OURS)).collect();
    for row in &all {
        let reply = house.raw(&row.method, &filled(&row.path), &[], "{}").await;
        let code = reply.json()["code"].clone();
        let what = format!("{} {}: {} {}", row.method, row.path, reply.status, reply.text);
        if row.status == "not built yet" {
            assert_eq!((reply.status.as_u16(), &code), (501, &Value::from(CODE)), "{what}");
        } else {
            assert!(code != "route_not_found" && code != "method_not_allowed" && code != CODE, "{what}");
            assert!(reply.status != 405 && reply.status != 501, "{what}");
        }
    }
}

#[test]
fn every_route_is_in_the_document() {
    let all: Vec<Row> = rows("The handlers of the original").into_iter().chain(rows(OURS)).collect();
    let named = |row: &Row| (row.method.clone(), bare(&row.path));
    let (all, built): (BTreeSet<_>, BTreeSet<_>) =
        (all.iter().map(named).collect(), all.iter().filter(|row| row.status != "not built yet").map(named).collect());
    let there: BTreeSet<(String, String)> = routes().into_iter().map(|(method, path)| (method, bare(&path))).collect();
    let missing: Vec<_> = there.difference(&all).collect();
    assert!(missing.is_empty(), "docs/wire-compatibility.md does not name {missing:?}");
    let invented: Vec<_> = built.difference(&there).collect();
    assert!(invented.is_empty(), "docs/wire-compatibility.md names {invented:?}, and there is no such route");
}

#[test]
fn what_is_not_built_is_listed_as_such_and_nothing_else() {
    let unbuilt: BTreeSet<(String, String)> = rows("The handlers of the original")
        .into_iter()
        .chain(rows(OURS))
        .filter(|row| row.status == "not built yet")
        .map(|row| (row.method, bare(&row.path)))
        .collect();
    let listed: BTreeSet<(String, String)> =
        NOT_BUILT.iter().map(|(method, path)| ((*method).to_owned(), bare(path))).collect();
    assert_eq!(unbuilt, listed);
}
