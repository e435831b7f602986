//! What programs of the original send, and what they must be answered (facts §2, §4, §8), in one place.
//!
//! `cases/*.http` are the contract, written out: who sends what, header for header, and which answer it must get. One
//! table, two engines: `sqlite` is part of the stage `rust`, `on_convex` of the stage `convex` of `./run.sh test`. That
//! each built row of docs/wire-compatibility.md has its cases is a test of its own ([`document`]).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on says so by panicking")]

mod case;
mod document;
mod exchange;
mod gateway;
mod pattern;
mod program;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use case::{Case, File};
use document::Row;
use pattern::{Kept, differences};
use program::Program;

/// What each file asks of the store before it is nobody's business but its own; the gate tells of everything, so it is
/// first.
fn files() -> Vec<File> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/cases");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "http")).collect();
    paths.sort_by_key(|path| (!path.ends_with("gate.http"), path.clone()));
    paths.iter().map(|path| File::read(path)).collect()
}

/// Asks all cases of one program in their order; what is not as it must be is told together at the end.
fn ask(program: &Program, files: &[File], rows: &[Row], wrong: &mut Vec<String>) -> BTreeMap<String, usize> {
    let shapes = pattern::shapes();
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        let mut kept = Kept::new();
        kept.insert("home".into(), program.home().into());
        for case in &file.cases {
            let answer = exchange::exchange(program.address, &case.bytes(program.address, &kept));
            let found = differences(&shapes, &case.answer, &answer, &mut kept);
            if !found.is_empty() {
                let said = String::from_utf8_lossy(&answer.body);
                let said: String = said.chars().take(1_500).collect();
                let all = found.join("\n    ");
                wrong.push(format!("{}: {}\n    {all}\n    answered: {} {said}", file.name, case.what, answer.status));
            }
            if let Some(row) = case.row(rows) {
                *asked.entry(format!("{} {}", row.method, row.path)).or_default() += 1;
            }
        }
    }
    asked
}

fn hold(engine: &str, start: impl Fn(Option<&str>) -> Program) {
    let began = Instant::now();
    let rows = document::built();
    let (beside, alone): (Vec<File>, Vec<File>) = files().into_iter().partition(|file| file.gateway);
    let mut wrong = Vec::new();
    let program = start(None);
    for row in document::rows().iter().filter(|row| !row.built) {
        let (status, code) = program.asked(&row.method, &row.path.replace([':', '*'], "x"));
        if (status, code.as_str()) != (501, "not_built_yet") {
            wrong.push(format!("{} {}: {status} {code}", row.method, row.path));
        }
    }
    let mut asked = ask(&program, &alone, &rows, &mut wrong);
    program.is_well(&mut wrong);
    drop(program);
    let gateway = gateway::open();
    let program = start(Some(&gateway));
    program.connected();
    for (route, count) in ask(&program, &beside, &rows, &mut wrong) {
        *asked.entry(route).or_default() += count;
    }
    program.is_well(&mut wrong);
    let cases: usize = alone.iter().chain(&beside).map(|file| file.cases.len()).sum();
    println!(
        "measured: wire on {engine}: {cases} cases on {} of {} routes in {:.1} s",
        asked.len(),
        rows.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(wrong.is_empty(), "{} of {cases} cases on {engine}:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn on_sqlite() {
    hold("SQLite", |gateway| Program::start(gateway, &[]));
}

/// On the bridge of end2end/convex-bridge, which needs `npm ci` in convex/.
#[test]
#[ignore = "needs what convex/ installs: ./run.sh test --only convex runs it"]
fn on_convex() {
    hold("Convex", |gateway| {
        let bridge = program::Bridge::start();
        Program::start(gateway, &bridge.settings()).over(bridge)
    });
}

#[test]
fn every_built_route_has_its_cases() {
    let rows = document::built();
    let files = files();
    let cases: Vec<&Case> = files.iter().flat_map(|file| &file.cases).collect();
    let answered: Vec<(Option<&Row>, u16)> = cases.iter().map(|case| (case.row(&rows), case.answer.status)).collect();
    let mut lack = Vec::new();
    for row in &rows {
        let mut of_row = answered.iter().filter(|(of, _)| *of == Some(row)).map(|(_, status)| *status);
        let (taken, refused) = (of_row.clone().any(|status| status < 400), of_row.any(|status| status >= 400));
        let name = format!("{} {}", row.method, row.path);
        let never = document::NEVER_REFUSES.contains(&name.as_str());
        if !taken {
            lack.push(format!("{name} is never taken"));
        }
        if never == refused {
            lack.push(format!("{name} is {}", if never { "refused" } else { "never refused" }));
        }
    }
    let starred = rows.iter().filter(|row| row.starred).count();
    println!("measured: wire: {} cases for {} routes, {starred} of them ★", cases.len(), rows.len());
    assert!(lack.is_empty(), "{lack:#?}");
    // Two cases of one name are one that nobody finds.
    let names: BTreeSet<&str> = cases.iter().map(|case| case.what.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.iter().all(|case| case.what.starts_with('§')), "each case says where the facts say so");
}
