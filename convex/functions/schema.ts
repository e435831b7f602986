import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
import { key, kind } from "./kinds";

/** The call that a commit answers: a hash of what was asked, and the name of the decision that was applied. */
export const request = v.object({ hash: v.string(), decision: v.string() });

/** What every document has: its id and revision, what ranges look at, and its inside. */
const fields = {
  id: v.string(),
  /** From 1; each write raises it by one. */
  rev: v.number(),
  scope: v.string(),
  /** What it hangs on; empty when nothing. */
  parent: v.string(),
  /** A second thing that it hangs on; empty when nothing. */
  link: v.string(),
  /** Empty when it has none. */
  status: v.string(),
  /** Order among its siblings; never -0, which Convex would sort before 0. */
  ord: v.number(),
  /** Milliseconds since 1970. */
  at: v.int64(),
  /** The inside as JSON, or its beginning (`HEAD` of model/rows.ts). */
  body: v.string(),
  /** How many rows of `rest` hold what is behind that. */
  more: v.number(),
  /** Their bytes, where there are such; functions of version 2 did not tell. */
  size: v.optional(v.number()),
};

// Every kind is found by its id, and by its scope with the newest first.
const plain = () => defineTable(fields).index("by_doc", ["id"]).index("by_scope_at", ["scope", "at", "id"]);
const child = () => plain().index("by_parent_ord", ["parent", "ord", "id"]).index("by_parent_at", ["parent", "at", "id"]);
const linked = () => child().index("by_link_ord", ["link", "ord", "id"]);
const staged = () =>
  child()
    .index("by_scope_status_ord", ["scope", "status", "ord", "id"])
    .index("by_scope_status_at", ["scope", "status", "at", "id"])
    .index("by_status_ord", ["status", "ord", "id"])
    .index("by_status_at", ["status", "at", "id"]);

const asking = () => staged().index("by_link_ord", ["link", "ord", "id"]);

// One table per kind (see kinds.ts for which indexes it needs; a test compares), and three that are ours.
// The original system's tables have other names, all in the plural, so both are told apart.
export default defineSchema({
  project: child(),
  counts: child(),
  task: asking(),
  dependency: linked(),
  comment: child(),
  signal: asking(),
  /** `commit` is what functions of version 1 wrote. */
  activity: defineTable({ ...fields, commit: v.optional(v.any()) })
    .index("by_doc", ["id"])
    .index("by_scope_at", ["scope", "at", "id"])
    .index("by_parent_ord", ["parent", "ord", "id"])
    .index("by_parent_at", ["parent", "at", "id"]),
  run: staged(),
  loop_state: child(),
  lease: plain(),
  chat: child(),
  message: staged(),
  /** `target` is the document that has the name, so that a range finds it without reading the inside. */
  unique: defineTable({ ...fields, target: key }).index("by_doc", ["id"]).index("by_scope_at", ["scope", "at", "id"]),
  counter: plain(),
  token: child(),
  account: child(),
  browser_session: child(),
  notice: linked(),
  prompt_version: child(),
  webhook: asking(),
  delivery: linked(),
  /** Retired: only programs of before wrote it, and `retention:retire` empties it. */
  notification: staged(),

  /** Revisions of scopes. A row is made at the first touch and never removed. */
  scope: defineTable({ name: v.string(), rev: v.number() }).index("by_name", ["name"]),
  /** Commits by their key, with the answer that a repetition gets. Found by age through `_creationTime`. */
  ledger: defineTable({
    key: v.string(),
    scopes: v.array(v.object({ scope: v.string(), rev: v.number() })),
    made: v.optional(key),
    request: v.optional(request),
  }).index("by_key", ["key"]),
  /**
   * The last revisions of documents that are gone, so that none is given again: whoever still holds one must
   * not take a new document under the same key for the old. Found by age through `_creationTime`.
   */
  gone: defineTable({ kind, id: v.string(), rev: v.number() }).index("by_doc", ["kind", "id"]),
  /** The parts of long insides behind their beginnings, in the order of `part`. */
  rest: defineTable({ kind, id: v.string(), part: v.number(), text: v.string() }).index("by_doc", ["kind", "id", "part"]),
});
