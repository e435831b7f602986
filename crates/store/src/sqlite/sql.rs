//! Every SQL string of the adapter, so that one test can prepare them all and look at their plans.

macro_rules! statements {
    ($($name:ident = $sql:literal;)+) => {
        $(pub(super) const $name: &str = $sql;)+

        /// All of them, by name.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name),)+];
    };
}

// Transactions.
statements! {
    BEGIN_READ = "BEGIN DEFERRED";
    BEGIN_WRITE = "BEGIN IMMEDIATE";
    COMMIT = "COMMIT";
    ROLLBACK = "ROLLBACK";

    SCOPE_REV = "SELECT rev FROM scopes WHERE scope = ?1";
    DOC_REV = "SELECT rev FROM docs WHERE kind = ?1 AND id = ?2";
    KNOWN = "SELECT result FROM ledger WHERE key = ?1";

    DELETE = "DELETE FROM docs WHERE kind = ?1 AND id = ?2";
    BURY = "INSERT INTO gone (kind, id, rev, at) SELECT kind, id, rev, ?3 FROM docs WHERE kind = ?1 AND id = ?2
        ON CONFLICT (kind, id) DO UPDATE SET rev = excluded.rev, at = excluded.at";
    CLEAR = "DELETE FROM gone WHERE (kind, id) IN (SELECT kind, id FROM gone WHERE at < ?1 ORDER BY at LIMIT ?2)
        RETURNING kind, id";
    // Most writes leave every index column as it is; then none of the indexes needs to be written.
    REWRITE = "UPDATE docs SET rev = rev + 1, body = ?9
        WHERE kind = ?1 AND id = ?2 AND scope = ?3 AND parent = ?4 AND link = ?5 AND status = ?6 AND ord = ?7 AND at = ?8
        RETURNING rev";
    // The first of its key, or the first after it was gone: its revisions go on.
    PUT = "INSERT INTO docs (kind, id, rev, scope, parent, link, status, ord, at, body)
        VALUES (?1, ?2, coalesce((SELECT rev FROM gone WHERE kind = ?1 AND id = ?2), 0) + 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (kind, id) DO UPDATE SET rev = docs.rev + 1, scope = excluded.scope, parent = excluded.parent,
        link = excluded.link, status = excluded.status, ord = excluded.ord, at = excluded.at, body = excluded.body
        RETURNING rev";
    TOUCH = "INSERT INTO scopes (scope, rev) VALUES (?1, 1) ON CONFLICT (scope) DO UPDATE SET rev = scopes.rev + 1 RETURNING rev";
    // Its place in the row of all commits; no scope has this word.
    NUMBER = "SELECT rev FROM scopes WHERE scope = '#'";
    COUNT = "INSERT INTO scopes (scope, rev) VALUES ('#', 1) ON CONFLICT (scope) DO UPDATE SET rev = scopes.rev + 1 RETURNING rev";
    REMEMBER = "INSERT INTO ledger (key, at, result) VALUES (?1, ?2, ?3)";
    FORGET = "DELETE FROM ledger WHERE key IN (SELECT key FROM ledger WHERE at < ?1 ORDER BY at LIMIT ?2)";

    DOC = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND id = ?2";

    // A partial index is used where its condition stands in the statement, word for word.
    CHILDREN = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind = 'task' AND parent = ?2 AND parent <> ''
        ORDER BY ord, id LIMIT ?3";
    CHILDREN_AFTER = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind = 'task' AND parent = ?2 AND parent <> '' AND (ord, id) > (?3, ?4)
        ORDER BY ord, id LIMIT ?5";
    OLDEST_CHILDREN = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind <> 'task' AND parent = ?2 AND parent <> ''
        ORDER BY at, id LIMIT ?3";
    OLDEST_CHILDREN_AFTER = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind <> 'task' AND parent = ?2 AND parent <> '' AND (at, id) > (?3, ?4)
        ORDER BY at, id LIMIT ?5";
    NEWEST_CHILDREN = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind <> 'task' AND parent = ?2 AND parent <> ''
        ORDER BY at DESC, id DESC LIMIT ?3";
    NEWEST_CHILDREN_BEFORE = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind <> 'task' AND parent = ?2 AND parent <> '' AND (at, id) < (?3, ?4)
        ORDER BY at DESC, id DESC LIMIT ?5";
    LINKED = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND link = ?2 AND link <> ''
        ORDER BY ord, id LIMIT ?3";
    STATUS_ORDERED = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind = 'task' AND scope = ?2 AND status = ?3 AND status <> ''
        ORDER BY ord, id LIMIT ?4";
    STATUS_ORDERED_AFTER = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind = 'task' AND scope = ?2 AND status = ?3 AND status <> '' AND (ord, id) > (?4, ?5)
        ORDER BY ord, id LIMIT ?6";
    STATUS_LAST = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind = 'task' AND scope = ?2 AND status = ?3 AND status <> ''
        ORDER BY ord DESC, id DESC LIMIT ?4";
    STATUS_LAST_BEFORE = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind = 'task' AND scope = ?2 AND status = ?3 AND status <> '' AND (ord, id) < (?4, ?5)
        ORDER BY ord DESC, id DESC LIMIT ?6";
    STATUS_OLDEST = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND scope = ?2 AND status = ?3 AND status <> ''
        ORDER BY at, id LIMIT ?4";
    STATUS_OLDEST_AFTER = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND scope = ?2 AND status = ?3 AND status <> '' AND (at, id) > (?4, ?5)
        ORDER BY at, id LIMIT ?6";
    STATUS_NEWEST = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND scope = ?2 AND status = ?3 AND status <> ''
        ORDER BY at DESC, id DESC LIMIT ?4";
    STATUS_NEWEST_BEFORE = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND scope = ?2 AND status = ?3 AND status <> '' AND (at, id) < (?4, ?5)
        ORDER BY at DESC, id DESC LIMIT ?6";
    STATUS_OLDEST_EVERYWHERE = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind <> 'task' AND status = ?2 AND status <> ''
        ORDER BY at, id LIMIT ?3";
    STATUS_NEWEST_EVERYWHERE = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind <> 'task' AND status = ?2 AND status <> ''
        ORDER BY at DESC, id DESC LIMIT ?3";
    NEWEST = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind IN ('activity', 'chat', 'comment', 'dependency', 'message', 'run', 'signal') AND scope = ?2
        ORDER BY at DESC, id DESC LIMIT ?3";
    NEWEST_BEFORE = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND kind IN ('activity', 'chat', 'comment', 'dependency', 'message', 'run', 'signal') AND scope = ?2 AND (at, id) < (?3, ?4)
        ORDER BY at DESC, id DESC LIMIT ?5";
    EVERY = "SELECT rev, id, body FROM docs WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3";

    USER_VERSION = "PRAGMA user_version";
    MARK = "PRAGMA application_id";
    TABLES = "SELECT count(*) FROM sqlite_schema";
    CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)";
}
