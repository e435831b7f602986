//! Between documents and rows.

use std::{path::Path, sync::Arc};

use clutch_domain::{
    doc::{Body, Doc, DocKey, Kind, Rev, Scope},
    range::{Docs, Fetch, Order, Range, Versioned},
};
use clutch_orchestrator::store::{Committed, Fault, IdempotencyKey};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row, params};

use super::sql;
use crate::{cache::Sight, prepare::Put, text};

/// A document as it is written: its JSON is made before the writer sees it.
pub(super) struct Written {
    pub(super) put: Put,
    pub(super) json: String,
}

impl Written {
    pub(super) fn new(put: Put) -> Result<Self, Fault> {
        let json = text::write(&put.body, put.kept.as_deref())?;
        Ok(Self { put, json })
    }

    /// Writes it with the next revision, and answers that.
    pub(super) fn write(&self, db: &Connection) -> rusqlite::Result<Rev> {
        let Put { key, index, .. } = &self.put;
        let scope = index.scope.word();
        let values = params![
            key.kind.word(),
            key.id,
            scope,
            index.parent,
            index.link,
            index.status,
            index.order,
            index.at.0,
            self.json
        ];
        if !self.put.fresh {
            let rewritten = db.prepare_cached(sql::REWRITE)?.query_row(values, |row| row.get(0)).optional()?;
            if let Some(raised) = rewritten {
                return Ok(rev(raised));
            }
        }
        db.prepare_cached(sql::PUT)?.query_row(values, |row| row.get(0)).map(rev)
    }
}

/// A revision from its column, which never holds a negative number.
pub(super) fn rev(column: i64) -> u64 {
    column.unsigned_abs()
}

/// A scope's revision; 0 when it was never touched.
pub(super) fn scope_rev(db: &Connection, scope: Scope) -> rusqlite::Result<u64> {
    let found = db.prepare_cached(sql::SCOPE_REV)?.query_row([scope.word()], |row| row.get(0)).optional()?;
    Ok(found.map_or(0, rev))
}

/// The number of the last commit; 0 before the first.
pub(super) fn number(db: &Connection) -> rusqlite::Result<u64> {
    let found = db.prepare_cached(sql::NUMBER)?.query_row([], |row| row.get(0)).optional()?;
    Ok(found.map_or(0, rev))
}

/// A document's revision; 0 when it is absent.
pub(super) fn doc_rev(db: &Connection, key: &DocKey) -> rusqlite::Result<u64> {
    let found = db.prepare_cached(sql::DOC_REV)?.query_row([key.kind.word(), &key.id], |row| row.get(0)).optional()?;
    Ok(found.map_or(0, rev))
}

/// Answers a fetch. The caller has opened a transaction after it took the sight.
pub(super) fn read(db: &Connection, cache: Sight<'_>, fetch: &Fetch) -> rusqlite::Result<Versioned<Docs>> {
    let scopes = fetch
        .scopes
        .iter()
        .map(|scope| Ok((*scope, scope_rev(db, *scope)?)))
        .collect::<rusqlite::Result<Vec<(Scope, u64)>>>()?;
    let mut value = Docs::default();
    for wanted in &fetch.ranges {
        value.insert(wanted, range(db, cache, wanted)?);
    }
    Ok(Versioned { version: scopes.iter().map(|(_, rev)| rev).sum(), scopes, value })
}

/// What the ledger knows of a key.
pub(super) fn known(db: &Connection, key: &IdempotencyKey) -> rusqlite::Result<Option<Committed>> {
    let known: Option<String> = db.prepare_cached(sql::KNOWN)?.query_row([&key.0], |row| row.get(0)).optional()?;
    known
        .map(|known| {
            serde_json::from_str(&known)
                .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, e.into()))
        })
        .transpose()
}

/// The documents of a range.
pub(super) fn range(db: &Connection, cache: Sight<'_>, range: &Range) -> rusqlite::Result<Vec<Arc<Doc>>> {
    each(db, range, |kind, row| {
        let id = row.get_ref(1)?.as_str()?;
        cache.doc(kind, id, rev(row.get(0)?), || Ok(row.get_ref(2)?.as_str()?))
    })
}

/// Keys and revisions of a range's documents, which is what a guard compares: nothing is read of their texts.
pub(super) fn keys(db: &Connection, range: &Range) -> rusqlite::Result<Vec<(DocKey, Rev)>> {
    each(db, range, |kind, row| Ok((DocKey { kind, id: row.get(1)? }, rev(row.get(0)?))))
}

/// The statement that finds a range's documents. Only a kind with an order of its own has indexes by order; in all
/// others it follows from the moment.
pub(super) const fn statement(range: &Range) -> &'static str {
    match range {
        Range::Doc { .. } | Range::ByUnique { .. } => sql::DOC,
        Range::Children { kind, after, .. } => match (kind.found_by().order, after) {
            (true, None) => sql::CHILDREN,
            (true, Some(_)) => sql::CHILDREN_AFTER,
            (false, None) => sql::OLDEST_CHILDREN,
            (false, Some(_)) => sql::OLDEST_CHILDREN_AFTER,
        },
        Range::NewestChildren { before: None, .. } => sql::NEWEST_CHILDREN,
        Range::NewestChildren { before: Some(_), .. } => sql::NEWEST_CHILDREN_BEFORE,
        Range::Linked { .. } => sql::LINKED,
        Range::ByStatus { kind, scope: Some(_), order, .. } => match (kind.found_by().order, order) {
            (true, Order::Ordered) => sql::STATUS_ORDERED,
            (false, Order::Ordered) => sql::STATUS_OLDEST,
            (_, Order::Newest) => sql::STATUS_NEWEST,
        },
        Range::ByStatus { scope: None, order: Order::Ordered, .. } => sql::STATUS_OLDEST_EVERYWHERE,
        Range::ByStatus { scope: None, order: Order::Newest, .. } => sql::STATUS_NEWEST_EVERYWHERE,
        Range::StatusPage { kind, from, back, .. } => match (kind.found_by().order, back, from) {
            (true, false, None) => sql::STATUS_ORDERED,
            (true, false, Some(_)) => sql::STATUS_ORDERED_AFTER,
            (true, true, None) => sql::STATUS_LAST,
            (true, true, Some(_)) => sql::STATUS_LAST_BEFORE,
            (false, false, None) => sql::STATUS_OLDEST,
            (false, false, Some(_)) => sql::STATUS_OLDEST_AFTER,
            (false, true, None) => sql::STATUS_NEWEST,
            (false, true, Some(_)) => sql::STATUS_NEWEST_BEFORE,
        },
        Range::StatusBefore { .. } => sql::STATUS_NEWEST_BEFORE,
        Range::Newest { before: None, .. } => sql::NEWEST,
        Range::Newest { before: Some(_), .. } => sql::NEWEST_BEFORE,
        Range::All { .. } => sql::EVERY,
    }
}

/// Takes something of each row of a range, in the range's order.
fn each<T>(
    db: &Connection,
    range: &Range,
    take: impl FnMut(Kind, &Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let sql = statement(range);
    match range {
        Range::Doc { key } => rows(db, key.kind, sql, params![key.kind.word(), key.id], take),
        Range::ByUnique { name } => match target(db, name)? {
            Some(key) => rows(db, key.kind, sql, params![key.kind.word(), key.id], take),
            None => Ok(Vec::new()),
        },
        Range::Children { kind, parent, after: None, limit }
        | Range::NewestChildren { kind, parent, before: None, limit } => {
            rows(db, *kind, sql, params![kind.word(), parent, limit], take)
        }
        Range::Children { kind, parent, after: Some(after), limit } => {
            rows(db, *kind, sql, params![kind.word(), parent, after.order, after.id, limit], take)
        }
        Range::NewestChildren { kind, parent, before: Some(before), limit } => {
            rows(db, *kind, sql, params![kind.word(), parent, before.at.0, before.id, limit], take)
        }
        Range::Linked { kind, link, limit } => rows(db, *kind, sql, params![kind.word(), link, limit], take),
        Range::ByStatus { kind, scope: Some(scope), status, limit, .. }
        | Range::StatusPage { kind, scope, status, from: None, limit, .. } => {
            rows(db, *kind, sql, params![kind.word(), scope.word(), status, limit], take)
        }
        Range::ByStatus { kind, scope: None, status, limit, .. } => {
            rows(db, *kind, sql, params![kind.word(), status, limit], take)
        }
        Range::StatusPage { kind, scope, status, from: Some(from), limit, .. } => {
            rows(db, *kind, sql, params![kind.word(), scope.word(), status, from.order, from.id, limit], take)
        }
        Range::StatusBefore { kind, scope, status, before, limit } => {
            rows(db, *kind, sql, params![kind.word(), scope.word(), status, before.at.0, before.id, limit], take)
        }
        Range::Newest { kind, scope, before: None, limit } => {
            rows(db, *kind, sql, params![kind.word(), scope.word(), limit], take)
        }
        Range::Newest { kind, scope, before: Some(before), limit } => {
            rows(db, *kind, sql, params![kind.word(), scope.word(), before.at.0, before.id, limit], take)
        }
        Range::All { kind, after, limit } => {
            rows(db, *kind, sql, params![kind.word(), after.as_deref().unwrap_or_default(), limit], take)
        }
    }
}

/// The document that has a unique name.
fn target(db: &Connection, name: &str) -> rusqlite::Result<Option<DocKey>> {
    let key = DocKey::unique(name);
    let found = rows(db, key.kind, sql::DOC, params![key.kind.word(), key.id], |_, row| {
        Ok(text::read(&key, rev(row.get(0)?), row.get_ref(2)?.as_str()?).body)
    })?;
    Ok(found.into_iter().find_map(|body| if let Body::Unique(unique) = body { Some(unique.target) } else { None }))
}

/// Takes something of each row that a statement finds: revision, id, text.
fn rows<T>(
    db: &Connection,
    kind: Kind,
    sql: &str,
    values: impl Params,
    mut take: impl FnMut(Kind, &Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(take(kind, row)?);
    }
    Ok(found)
}

/// SQLite's error as a sentence for the person who runs the server.
pub(super) fn fault(path: &Path, error: &rusqlite::Error) -> Fault {
    let path = path.display();
    Fault::new(match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => format!(
            "The disk is full, so the change was not saved in {path}. What was saved before is safe. Free some space; OpenClutch goes on by itself."
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => format!(
            "{path} cannot be written, so the change was not saved ({error}). Give the user that runs OpenClutch the right to write the file and its folder."
        ),
        Some(ErrorCode::SystemIoFailure) => {
            format!("The disk that holds {path} reports an error ({error}). Check the disk and the space left on it.")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("{path} is damaged ({error}). Stop OpenClutch and restore a backup.")
        }
        _ => format!("The database {path} answered: {error}"),
    })
}
