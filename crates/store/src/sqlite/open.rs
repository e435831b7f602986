//! Opening a database: is it ours, is it not newer than we are, and bringing it up to date.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{STATEMENTS_CACHED, rows, sql};

/// Forward-only; the number of a migration is its place, counted from 1. Never edit one that was released.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/001_documents.sql"),
    include_str!("migrations/002_no_notifications.sql"),
    include_str!("migrations/003_gone.sql"),
    include_str!("migrations/004_fewer_indexes.sql"),
];

/// Marks a file as ours (`PRAGMA application_id`): the letters "Cltc".
const APPLICATION_ID: i32 = 0x436c_7463;

/// Bytes to which the write-ahead log is cut after it grew.
const WAL_KEPT: i64 = 64 << 20;

/// Why the database cannot be opened. Each sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses the folder.
    #[error("Another OpenClutch{} uses the data folder {}. Stop it, or choose another folder with --data-dir.",
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default(), dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Its process id, if the lock file tells it.
        holder: Option<u32>,
    },
    /// The folder cannot be made or written.
    #[error("The data folder {} cannot be used: {why}. Give the user that runs OpenClutch the right to write there, or choose another folder with --data-dir.", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The file may only be read.
    #[error("The database {} is read-only. Give the user that runs OpenClutch the right to write the file and its folder.", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a database of OpenClutch. Move it away, or choose another folder with --data-dir.", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer program.
    #[error("{} was written by a newer OpenClutch (schema {found}, this program knows up to {known}). Start the newer program, or restore a backup from before the upgrade.", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Schema of the file.
        found: usize,
        /// Newest schema that this program knows.
        known: usize,
    },
    /// Anything else.
    #[error("The database {} cannot be opened: {why}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What happened.
        why: String,
    },
}

/// Opens or makes the file for the writer.
pub(super) fn open(path: &Path, max_pages: Option<u32>) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotOurs { path: path.to_path_buf() },
        Some(ErrorCode::ReadOnly) => OpenError::ReadOnly { path: path.to_path_buf() },
        _ => OpenError::Database { path: path.to_path_buf(), why: rows::fault(path, &error).what },
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(failed)?;
    prepare(&db).map_err(failed)?;
    // SQLite opens a file that it may not write for reading, without a word.
    if db.is_readonly("main").map_err(failed)? {
        return Err(OpenError::ReadOnly { path: path.to_path_buf() });
    }
    let found = schema(&db, path).map_err(failed)??;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        let why = format!(
            "its file system allows no write-ahead log (journal mode {mode}). Choose a folder on a local disk with --data-dir."
        );
        return Err(OpenError::Database { path: path.to_path_buf(), why });
    }
    // Confirmed means on the disk: each commit is flushed before it is answered.
    db.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    db.pragma_update_and_check(None, "journal_size_limit", WAL_KEPT, |_| Ok(())).map_err(failed)?;
    if let Some(pages) = max_pages {
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(failed)?;
    }
    migrate(&mut db, found, MIGRATIONS).map_err(failed)?;
    Ok(db)
}

/// What every connection is set to: statements are compiled once. Without the guarantee SQLite looks at each new value
/// whether another plan would suit it better, and compiles most of ours again each time that they are used; they say in
/// words which index they want (`sql.rs`).
pub(super) fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// The file's schema number; 0 for a new file.
fn schema(db: &Connection, path: &Path) -> rusqlite::Result<Result<usize, OpenError>> {
    let found: i64 = db.query_row(sql::USER_VERSION, [], |row| row.get(0))?;
    let tables: i64 = db.query_row(sql::TABLES, [], |row| row.get(0))?;
    let mark: i32 = db.query_row(sql::MARK, [], |row| row.get(0))?;
    let path = path.to_path_buf();
    Ok(match usize::try_from(found) {
        Ok(0) if tables == 0 => Ok(0),
        Ok(found) if mark == APPLICATION_ID && found <= MIGRATIONS.len() => Ok(found),
        Ok(found) if mark == APPLICATION_ID => Err(OpenError::Newer { path, found, known: MIGRATIONS.len() }),
        _ => Err(OpenError::NotOurs { path }),
    })
}

/// Runs what is missing, each migration whole or not at all.
fn migrate(db: &mut Connection, found: usize, migrations: &[&str]) -> rusqlite::Result<()> {
    for (place, migration) in migrations.iter().enumerate().skip(found) {
        let step = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.pragma_update(None, "user_version", i64::try_from(place + 1).unwrap_or(i64::MAX))?;
        step.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_runs_once_and_whole() {
        let mut db = Connection::open_in_memory().expect("memory");
        let version =
            |db: &Connection| db.query_row(sql::USER_VERSION, [], |row| row.get::<_, i64>(0)).expect("number");
        let steps = [
            "CREATE TABLE one (a) STRICT_",
            "CREATE TABLE one (a INTEGER) STRICT",
            "CREATE TABLE two (a INTEGER) STRICT",
        ];
        migrate(&mut db, 0, &steps[..1]).expect_err("the first does not parse");
        assert_eq!(version(&db), 0);
        migrate(&mut db, 0, &steps[1..2]).expect("one step");
        assert_eq!(version(&db), 1);
        migrate(&mut db, 1, &steps[1..]).expect("only the second step is missing");
        assert_eq!(version(&db), 2);
        let broken = "CREATE TABLE three (a INTEGER) STRICT; INSERT INTO nowhere VALUES (1)";
        migrate(&mut db, 2, &[steps[1], steps[2], broken]).expect_err("its second statement fails");
        let tables: i64 = db.query_row(sql::TABLES, [], |row| row.get(0)).expect("count");
        assert_eq!((version(&db), tables), (2, 2), "nothing of the failed step is left");
    }
}
