import { v, type Infer } from "convex/values";
import type { WithoutSystemFields } from "convex/server";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { FOUND_BY, key, kind, type Kind } from "../kinds";
import { internal } from "../_generated/api";
import { find, type Row } from "./ranges";

/** One document to write. */
export const put = v.object({
  kind,
  id: v.string(),
  scope: v.string(),
  parent: v.string(),
  link: v.string(),
  status: v.string(),
  ord: v.number(),
  at: v.int64(),
  /** The inside as JSON, cut into pieces that fit into a document of Convex each; never empty. */
  body: v.array(v.string()),
  /** Of a unique name: the document that has it. */
  target: v.optional(key),
});

/** One document to write. */
export type Put = Infer<typeof put>;

/**
 * Bytes of an inside that lie in its row; whatever is behind them lies in `rest`. A range reads rows, and Convex ends a
 * transaction that reads more than some megabytes: were insides in their rows, seventeen tickets with a pasted log
 * would close a board for ever.
 */
export const HEAD = 4_096;
/** Most bytes of one row of `rest`: older programs cut insides into such pieces. */
const PIECE = 900_000;

/** Where a text is cut so that at most `most` bytes are before it, and no character is taken apart; and their number. */
function measured(text: string, most: number): { at: number; bytes: number } {
  let bytes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const pair = code >= 0xd800 && code < 0xdc00;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : pair ? 4 : 3;
    if (bytes + size > most) return { at, bytes };
    bytes += size;
    if (pair) at++;
  }
  return { at: text.length, bytes };
}

/** Bytes of a text as it is stored. */
export function bytesOf(text: string): number {
  return measured(text, Infinity).bytes;
}

/** What of a row's inside lies in `rest`, in bytes. Rows that functions of version 2 wrote do not tell: at most so many. */
export function lacks(row: Row): number {
  return row.more === 0 ? 0 : (row.size ?? row.more * PIECE);
}

/** The whole inside of a document. */
export async function bodyOf(ctx: QueryCtx, kind: Kind, row: Row): Promise<string> {
  if (row.more === 0) return row.body;
  const rest = await restOf(ctx, kind, row);
  return row.body + rest.map((part) => part.text).join("");
}

async function restOf(ctx: QueryCtx, kind: Kind, row: Row) {
  return await ctx.db
    .query("rest")
    .withIndex("by_doc", (q) => q.eq("kind", kind).eq("id", row.id))
    .take(row.more);
}

/**
 * The documents and scopes that one change looks at. Each is read once, as it stood before the change:
 * nothing is written before everything is read.
 */
export class Before {
  private readonly rows = new Map<string, Row | null>();
  private readonly scopes = new Map<string, { rev: number; write: (rev: number) => Promise<void> }>();

  constructor(private readonly ctx: MutationCtx) {}

  /** The row of a document, or null. */
  async row(kind: Kind, id: string): Promise<Row | null> {
    const name = `${kind}/${id}`;
    let row = this.rows.get(name);
    if (row === undefined) {
      row = await find(this.ctx, kind, id);
      this.rows.set(name, row);
    }
    return row;
  }

  /** The revision of a scope, and how to raise it. */
  async scope(name: string): Promise<{ rev: number; write: (rev: number) => Promise<void> }> {
    const known = this.scopes.get(name);
    if (known !== undefined) return known;
    const { db } = this.ctx;
    const row = await db
      .query("scope")
      .withIndex("by_name", (q) => q.eq("name", name))
      .unique();
    const scope =
      row === null
        ? { rev: 0, write: async (rev: number) => void (await db.insert("scope", { name, rev })) }
        : { rev: row.rev, write: async (rev: number) => await db.patch("scope", row._id, { rev }) };
    this.scopes.set(name, scope);
    return scope;
  }
}

/**
 * Removes documents, and remembers their revisions. What lies beside their rows is cleared afterwards, a part at a time:
 * with a ticket go all of its comments, and to read away twenty megabytes is more than Convex lets one change do.
 */
export async function remove(ctx: MutationCtx, rows: readonly { kind: Kind; row: Row }[]): Promise<void> {
  for (const { kind, row } of rows) {
    await ctx.db.insert("gone", { kind, id: row.id, rev: row.rev });
    await ctx.db.delete(kind as "task", row._id);
  }
  const docs = rows.filter(({ row }) => row.more > 0).map(({ kind, row }) => ({ kind, id: row.id }));
  if (docs.length > 0) await ctx.scheduler.runAfter(0, internal.retention.clear, { docs });
}

/** Removes all parts beside the row of a document, and tells their bytes. */
export async function clearRest(ctx: MutationCtx, kind: Kind, id: string): Promise<number> {
  let bytes = 0;
  for await (const part of ctx.db.query("rest").withIndex("by_doc", (q) => q.eq("kind", kind).eq("id", id))) {
    bytes += bytesOf(part.text);
    await ctx.db.delete("rest", part._id);
  }
  return bytes;
}

/** The last revision of a document that is gone, or 0; whoever writes it anew takes it on from there, and finds nothing of the old one. */
export async function takeGone(ctx: MutationCtx, kind: Kind, id: string): Promise<number> {
  const rows = await ctx.db
    .query("gone")
    .withIndex("by_doc", (q) => q.eq("kind", kind).eq("id", id))
    .take(2);
  if (rows.length > 0) await clearRest(ctx, kind, id);
  for (const row of rows) await ctx.db.delete("gone", row._id);
  return Math.max(0, ...rows.map((row) => row.rev));
}

/** Writes a document in place of `old`, with the revision behind `last`. */
export async function write(ctx: MutationCtx, put: Put, old: Row | null, last: number): Promise<void> {
  const { kind, id, scope, parent, link, status, ord, at, target } = put;
  const [first, ...others] = put.body;
  const by = FOUND_BY[kind];
  if (first === undefined || (parent !== "" && !by.parent) || (link !== "" && !by.link) || (status !== "" && !by.status)) {
    throw new Error(`A ${kind} says more than these functions can find: they are older than the program that calls them.`);
  }
  const head = measured(first, HEAD).at;
  const rest = head === first.length ? others : [first.slice(head), ...others];
  const row = {
    id,
    rev: last + 1,
    scope,
    parent,
    link,
    status,
    ord,
    at,
    body: first.slice(0, head),
    more: rest.length,
    ...(rest.length === 0 ? {} : { size: rest.reduce((sum, text) => sum + bytesOf(text), 0) }),
    ...(target === undefined ? {} : { target }),
  } as WithoutSystemFields<Row>;
  if (old === null) {
    await ctx.db.insert(kind as "task", row);
  } else {
    if (old.more > 0) await clearRest(ctx, kind, id);
    await ctx.db.replace(kind as "task", old._id, row);
  }
  for (const [part, text] of rest.entries()) await ctx.db.insert("rest", { kind, id, part, text });
}

/** Whether a row holds more of its inside than it should: functions of version 2 wrote such. */
export function isLong(row: Row): boolean {
  return measured(row.body, HEAD).at < row.body.length;
}

/** Moves what a row holds too much of into `rest`. Its inside stays what it is, and so does its revision. */
export async function shorten(ctx: MutationCtx, kind: Kind, row: Row): Promise<void> {
  const { at } = measured(row.body, HEAD);
  const text = row.body.slice(at);
  // Before the parts that are there, which begin with 0.
  await ctx.db.insert("rest", { kind, id: row.id, part: -1, text });
  await ctx.db.patch(kind as "task", row._id, { body: row.body.slice(0, at), more: row.more + 1, size: lacks(row) + bytesOf(text) });
}
