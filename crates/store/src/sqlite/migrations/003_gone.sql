-- The last revision of each document that went, so that it is never given again: whoever still holds it must
-- not take a new document under the same key for the old one. Old rows are removed in batches.
CREATE TABLE gone (
    kind TEXT    NOT NULL,
    id   TEXT    NOT NULL,
    rev  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX gone_by_at ON gone (at);
