//! Every statement prepares, and no range looks at more rows than it returns.

use clutch_domain::{
    doc::{Kind, Scope},
    range::{After, Before, Order, Range},
    time::Millis,
};
use rusqlite::{Connection, params_from_iter, types::Value};

use super::{open, rows, sql};

fn database() -> (tempfile::TempDir, Connection) {
    let dir = tempfile::tempdir().expect("a folder");
    let db = open::open(&dir.path().join("clutch.db"), None).expect("a database");
    (dir, db)
}

#[test]
fn every_statement_prepares() {
    let (_dir, db) = database();
    assert!(sql::ALL.len() > 20, "the list is generated from the statements");
    for (name, sql) in sql::ALL {
        db.prepare(sql).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// The steps of a statement's plan.
fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
    let values = vec![Value::Null; plan.parameter_count()];
    let steps = plan.query_map(params_from_iter(values), |row| row.get("detail")).expect("steps");
    steps.collect::<Result<_, _>>().expect("details")
}

fn looks_at_what_it_returns(steps: &[String]) -> bool {
    let bad = |step: &String| step.contains("SCAN") || step.contains("TEMP B-TREE");
    !steps.iter().any(bad) && steps.iter().any(|step| step.contains("SEARCH"))
}

#[test]
fn no_statement_scans_or_sorts() {
    let (_dir, db) = database();
    let mut looked = 0;
    for (name, sql) in sql::ALL {
        let first = sql.split_whitespace().next().expect("a word");
        if !["SELECT", "UPDATE", "DELETE"].contains(&first) || sql.contains("sqlite_schema") {
            continue;
        }
        let steps = plan(&db, sql);
        assert!(looks_at_what_it_returns(&steps), "{name} would look at more rows than it needs: {steps:?}");
        looked += 1;
    }
    assert!(looked >= 15, "{looked} plans were looked at");
}

/// Every range of a kind, in both directions and from a place on.
fn ranges_of(kind: Kind) -> Vec<Range> {
    let (parent, status, limit) = (String::from("p"), String::from("s"), 9);
    let scope = Scope::Installation;
    let after = || [None, Some(After { order: 1.0, id: "i".into() })];
    let before = || [None, Some(Before::moment(Millis(1)))];
    let mut ranges = vec![Range::linked(kind, "l", limit), Range::All { kind, after: None, limit }];
    ranges.extend(after().map(|after| Range::Children { kind, parent: parent.clone(), after, limit }));
    ranges.extend(before().map(|before| Range::NewestChildren { kind, parent: parent.clone(), before, limit }));
    ranges.extend(before().map(|before| Range::Newest { kind, scope, before, limit }));
    for (scope, order) in
        [(None, Order::Ordered), (None, Order::Newest), (Some(scope), Order::Ordered), (Some(scope), Order::Newest)]
    {
        ranges.push(Range::ByStatus { kind, scope, status: status.clone(), order, limit });
    }
    let at = Before::moment(Millis(1));
    ranges.push(Range::StatusBefore { kind, scope, status: status.clone(), before: at, limit });
    for back in [false, true] {
        ranges.extend(after().map(|from| Range::StatusPage { kind, scope, status: status.clone(), from, back, limit }));
    }
    ranges
}

/// The conditions of the indexes are words in statements, and the table of kinds is Rust.
#[test]
fn a_statement_finds_the_kinds_that_it_serves() {
    let (_dir, db) = database();
    let conditions = [
        "kind = 'task'",
        "kind <> 'task'",
        "kind IN ('activity', 'chat', 'comment', 'dependency', 'message', 'run', 'signal')",
    ];
    let mut held = 0;
    for (kind, range) in Kind::ALL.iter().flat_map(|kind| ranges_of(*kind).into_iter().map(move |range| (kind, range)))
    {
        let sql = rows::statement(&range);
        for condition in conditions.iter().filter(|condition| sql.contains(**condition)) {
            let ask = format!("SELECT {condition} FROM (SELECT '{}' AS kind)", kind.word());
            let found: bool = db.query_row(&ask, [], |row| row.get(0)).expect("an answer");
            assert!(found || !range.is_served(), "{range:?} is served, and {sql} finds none of its kind");
            held += usize::from(found);
        }
    }
    assert!(held > 40, "{held} conditions were held");
}

/// A killed process cannot show this: the system still has what was never flushed.
#[test]
fn a_commit_is_flushed_before_it_is_answered() {
    let (_dir, db) = database();
    let number = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, i64>(0)).expect(pragma);
    let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("a word");
    assert_eq!((mode.as_str(), number("PRAGMA synchronous")), ("wal", 2));
}

/// Most of our statements name an index by its condition; compiled again for each value, they cost more than they do.
#[test]
fn a_statement_is_compiled_once() {
    let (_dir, db) = database();
    let mut used = db.prepare(sql::STATUS_ORDERED).expect("a statement");
    for status in ["ready", "backlog", "done", "ready"] {
        let found = used.query_map(("task", "installation", status, 5), |_| Ok(())).expect("rows");
        assert_eq!(found.count(), 0);
    }
    assert_eq!(used.get_status(rusqlite::StatementStatus::RePrepare), 0);
}
