// Made from the table of kinds in crates/domain/src/doc.rs. Do not edit it; change the table, then run
//   CLUTCH_WRITE_KINDS=1 cargo test -p clutch-store --test kinds
import { v } from "convex/values";

/**
 * What documents of a kind can be found by, besides their id. A kind whose documents never hang on a
 * parent needs no index for children: nothing would ever be in it, and each index is a copy in storage.
 * `docs:apply` refuses a document that says more about itself than its table can find.
 */
export const FOUND_BY = {
  project: { parent: true, link: false, status: false },
  counts: { parent: true, link: false, status: false },
  task: { parent: true, link: true, status: true },
  dependency: { parent: true, link: true, status: false },
  comment: { parent: true, link: false, status: false },
  signal: { parent: true, link: true, status: true },
  activity: { parent: true, link: false, status: false },
  run: { parent: true, link: false, status: true },
  loop_state: { parent: true, link: false, status: false },
  lease: { parent: false, link: false, status: false },
  chat: { parent: true, link: false, status: false },
  message: { parent: true, link: false, status: true },
  unique: { parent: false, link: false, status: false },
  counter: { parent: false, link: false, status: false },
  token: { parent: true, link: false, status: false },
  account: { parent: true, link: false, status: false },
  browser_session: { parent: true, link: false, status: false },
  notice: { parent: true, link: true, status: false },
  prompt_version: { parent: true, link: false, status: false },
  webhook: { parent: true, link: true, status: true },
  delivery: { parent: true, link: true, status: false },
  notification: { parent: true, link: false, status: true },
} as const;

/** The kinds of documents, also those that only older programs know; each has a table of this name. */
export type Kind = keyof typeof FOUND_BY;

/** Kinds that programs of before had. `retention:retire` removes such documents. */
export const RETIRED: Kind[] = ["notification"];

/** The kinds that a program of this age knows. */
export const KINDS = (Object.keys(FOUND_BY) as Kind[]).filter((kind) => !RETIRED.includes(kind));

/** Version of the words that documents are found by: whoever writes older ones would hide documents from newer programs. */
export const INDEX_VERSION = 1;

/** One of the kinds. */
export const kind = v.union(
  v.literal("project"),
  v.literal("counts"),
  v.literal("task"),
  v.literal("dependency"),
  v.literal("comment"),
  v.literal("signal"),
  v.literal("activity"),
  v.literal("run"),
  v.literal("loop_state"),
  v.literal("lease"),
  v.literal("chat"),
  v.literal("message"),
  v.literal("unique"),
  v.literal("counter"),
  v.literal("token"),
  v.literal("account"),
  v.literal("browser_session"),
  v.literal("notice"),
  v.literal("prompt_version"),
  v.literal("webhook"),
  v.literal("delivery"),
  v.literal("notification"),
);

/** Names one document. */
export const key = v.object({ kind, id: v.string() });
