//! Every statement prepares, and no range looks at more rows than it returns.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{open, sql};

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

#[test]
fn no_statement_scans_or_sorts() {
    let (_dir, db) = database();
    let mut looked = 0;
    for (name, sql) in sql::ALL {
        let first = sql.split_whitespace().next().expect("a word");
        if !["SELECT", "UPDATE", "DELETE"].contains(&first) || sql.contains("sqlite_schema") {
            continue;
        }
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
        let values = vec![Value::Null; plan.parameter_count()];
        let steps: Vec<String> = plan
            .query_map(params_from_iter(values), |row| row.get("detail"))
            .expect("steps")
            .collect::<Result<_, _>>()
            .expect("details");
        let bad = |step: &String| step.contains("SCAN") || step.contains("TEMP B-TREE");
        assert!(!steps.iter().any(bad), "{name} would look at more rows than it needs: {steps:?}");
        assert!(steps.iter().any(|step| step.contains("SEARCH")), "{name}: {steps:?}");
        looked += 1;
    }
    assert!(looked >= 15, "{looked} plans were looked at");
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
