-- Documents: columns are what ranges filter and sort on, `body` is the document itself as JSON.
CREATE TABLE docs (
    kind   TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    rev    INTEGER NOT NULL,
    scope  TEXT    NOT NULL,
    parent TEXT    NOT NULL,
    link   TEXT    NOT NULL,
    status TEXT    NOT NULL,
    ord    REAL    NOT NULL,
    at     INTEGER NOT NULL,
    body   TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

-- One index per kind of range. Where a column is empty nothing can be found by it: partial indexes.
CREATE INDEX docs_by_parent_order ON docs (kind, parent, ord, id) WHERE parent <> '';
CREATE INDEX docs_by_parent_at ON docs (kind, parent, at, id) WHERE parent <> '';
CREATE INDEX docs_by_link ON docs (kind, link, ord, id) WHERE link <> '';
CREATE INDEX docs_by_scope_status_order ON docs (kind, scope, status, ord, id) WHERE status <> '';
CREATE INDEX docs_by_scope_status_at ON docs (kind, scope, status, at, id) WHERE status <> '';
CREATE INDEX docs_by_status_order ON docs (kind, status, ord, id) WHERE status <> '';
CREATE INDEX docs_by_status_at ON docs (kind, status, at, id) WHERE status <> '';
CREATE INDEX docs_by_scope_at ON docs (kind, scope, at, id);

-- Revisions of scopes. A row is made at the first touch and never removed.
CREATE TABLE scopes (
    scope TEXT PRIMARY KEY,
    rev   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Commits by idempotency key, with the answer that a repetition gets; old rows are removed in batches.
CREATE TABLE ledger (
    key    TEXT PRIMARY KEY,
    at     INTEGER NOT NULL,
    result TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_by_at ON ledger (at);
