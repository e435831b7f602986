import { v, type Infer } from "convex/values";
import type { WithoutSystemFields } from "convex/server";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { FOUND_BY, key, kind, type Kind } from "../kinds";
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

/** Removes a document, and remembers its revision. */
export async function remove(ctx: MutationCtx, kind: Kind, row: Row): Promise<void> {
  await removeRest(ctx, kind, row);
  await ctx.db.insert("gone", { kind, id: row.id, rev: row.rev });
  await ctx.db.delete(kind as "task", row._id);
}

async function removeRest(ctx: MutationCtx, kind: Kind, row: Row): Promise<void> {
  if (row.more === 0) return;
  for (const part of await restOf(ctx, kind, row)) await ctx.db.delete("rest", part._id);
}

/** The last revision of a document that is gone, or 0; whoever writes it anew takes it on from there. */
export async function takeGone(ctx: MutationCtx, kind: Kind, id: string): Promise<number> {
  const rows = await ctx.db
    .query("gone")
    .withIndex("by_doc", (q) => q.eq("kind", kind).eq("id", id))
    .take(2);
  for (const row of rows) await ctx.db.delete("gone", row._id);
  return Math.max(0, ...rows.map((row) => row.rev));
}

/** Writes a document in place of `old`, with the revision behind `last`. */
export async function write(ctx: MutationCtx, put: Put, old: Row | null, last: number): Promise<void> {
  const { kind, id, scope, parent, link, status, ord, at, target } = put;
  const [body, ...rest] = put.body;
  const by = FOUND_BY[kind];
  if (body === undefined || (parent !== "" && !by.parent) || (link !== "" && !by.link) || (status !== "" && !by.status)) {
    throw new Error(`A ${kind} says more than these functions can find: they are older than the program that calls them.`);
  }
  const row = {
    id,
    rev: last + 1,
    scope,
    parent,
    link,
    status,
    ord,
    at,
    body,
    more: rest.length,
    ...(target === undefined ? {} : { target }),
  } as WithoutSystemFields<Row>;
  if (old === null) {
    await ctx.db.insert(kind as "task", row);
  } else {
    await removeRest(ctx, kind, old);
    await ctx.db.replace(kind as "task", old._id, row);
  }
  for (const [part, text] of rest.entries()) await ctx.db.insert("rest", { kind, id, part, text });
}


