import { v } from "convex/values";

/**
 * What documents of a kind can be found by, besides their id and their scope. A kind whose documents
 * never hang on a parent needs no index for children: nothing would ever be in it, and each index is
 * a copy in storage.
 *
 * Held against `Body::index` of crates/domain/src/doc.rs by `docs:apply`, which refuses a document
 * that says more about itself than its table can find.
 */
export const FOUND_BY = {
  project: { parent: true, link: false, status: false },
  counts: { parent: true, link: false, status: false },
  task: { parent: true, link: false, status: true },
  dependency: { parent: true, link: true, status: false },
  comment: { parent: true, link: false, status: false },
  signal: { parent: true, link: false, status: true },
  notification: { parent: true, link: false, status: true },
  activity: { parent: true, link: false, status: false },
  run: { parent: true, link: true, status: true },
  loop_state: { parent: true, link: false, status: false },
  lease: { parent: false, link: false, status: false },
  chat: { parent: true, link: false, status: false },
  message: { parent: true, link: false, status: true },
  unique: { parent: false, link: false, status: false },
  counter: { parent: false, link: false, status: false },
} as const;

/** The kinds of documents; each has a table of this name. */
export type Kind = keyof typeof FOUND_BY;

/** All kinds. */
export const KINDS = Object.keys(FOUND_BY) as Kind[];

/** One of the kinds. */
export const kind = v.union(
  v.literal("project"),
  v.literal("counts"),
  v.literal("task"),
  v.literal("dependency"),
  v.literal("comment"),
  v.literal("signal"),
  v.literal("notification"),
  v.literal("activity"),
  v.literal("run"),
  v.literal("loop_state"),
  v.literal("lease"),
  v.literal("chat"),
  v.literal("message"),
  v.literal("unique"),
  v.literal("counter"),
);

/** Names one document. */
export const key = v.object({ kind, id: v.string() });
