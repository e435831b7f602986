-- Each index is written with each document of its kind: those that no range of the kind asks for are gone. Only a
-- task has an order of its own; in all other kinds `ord` is `at`, so one index answers both.
DROP INDEX docs_by_parent_order;
CREATE INDEX docs_by_parent_order ON docs (parent, ord, id) WHERE kind = 'task' AND parent <> '';
DROP INDEX docs_by_parent_at;
CREATE INDEX docs_by_parent_at ON docs (kind, parent, at, id) WHERE kind <> 'task' AND parent <> '';
DROP INDEX docs_by_scope_status_order;
CREATE INDEX docs_by_scope_status_order ON docs (scope, status, ord, id) WHERE kind = 'task' AND status <> '';
DROP INDEX docs_by_status_order;
DROP INDEX docs_by_status_at;
CREATE INDEX docs_by_status_at ON docs (kind, status, at, id) WHERE kind <> 'task' AND status <> '';
DROP INDEX docs_by_scope_at;
CREATE INDEX docs_by_scope_at ON docs (kind, scope, at, id) WHERE kind IN ('activity', 'chat', 'comment', 'dependency', 'message', 'run', 'signal');
