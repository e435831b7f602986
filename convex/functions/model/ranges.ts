import { v, type Infer } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import { FOUND_BY, key, kind, type Kind } from "../kinds";

/** Most documents that one range answers: a list of Convex holds no more. */
export const RANGE_MOST = 8_192;

/** Where a page by time begins: behind this moment and id. */
const before = v.optional(v.object({ at: v.int64(), id: v.string() }));
/** Where a page by order begins. */
const place = v.optional(v.object({ order: v.number(), id: v.string() }));

/** One bounded read: `Range` of crates/domain/src/range.rs, which says what each means. */
export const range = v.union(
  v.object({ range: v.literal("doc"), key }),
  v.object({ range: v.literal("by_unique"), name: v.string() }),
  v.object({
    range: v.literal("children"),
    kind,
    parent: v.string(),
    after: place,
    limit: v.number(),
  }),
  v.object({ range: v.literal("newest_children"), kind, parent: v.string(), before, limit: v.number() }),
  v.object({ range: v.literal("linked"), kind, link: v.string(), limit: v.number() }),
  v.object({
    range: v.literal("by_status"),
    kind,
    scope: v.optional(v.string()),
    status: v.string(),
    order: v.union(v.literal("ordered"), v.literal("newest")),
    limit: v.number(),
  }),
  v.object({
    range: v.literal("status_page"),
    kind,
    scope: v.string(),
    status: v.string(),
    from: place,
    back: v.boolean(),
    limit: v.number(),
  }),
  v.object({
    range: v.literal("status_before"),
    kind,
    scope: v.string(),
    status: v.string(),
    before: v.object({ at: v.int64(), id: v.string() }),
    limit: v.number(),
  }),
  v.object({ range: v.literal("newest"), kind, scope: v.string(), before, limit: v.number() }),
  v.object({ range: v.literal("all"), kind, after: v.optional(v.string()), limit: v.number() }),
);

/** A row of any kind: `task` has every field and every index that a kind can have. */
export type Row = Doc<"task">;

/**
 * Rows of a kind. All tables have the same fields, and callers ask FOUND_BY before they use an index
 * that not every table has; the types of fifteen tables at once would say no more than this.
 */
export function rowsOf(ctx: QueryCtx, kind: Kind) {
  return ctx.db.query(kind as "task");
}

/** The row of one document. */
export async function find(ctx: QueryCtx, kind: Kind, id: string): Promise<Row | null> {
  return await rowsOf(ctx, kind)
    .withIndex("by_doc", (q) => q.eq("id", id))
    .unique();
}

/** What a range asks for, in its order: a kind and rows of it. */
export async function answer(ctx: QueryCtx, asked: Infer<typeof range>): Promise<{ kind: Kind; rows: Row[] }> {
  if (asked.range === "doc") return await one(ctx, asked.key.kind, asked.key.id);
  if (asked.range === "by_unique") {
    const name = await ctx.db
      .query("unique")
      .withIndex("by_doc", (q) => q.eq("id", asked.name))
      .unique();
    return name === null ? { kind: "unique", rows: [] } : await one(ctx, name.target.kind, name.target.id);
  }
  return { kind: asked.kind, rows: await several(ctx, asked) };
}

async function one(ctx: QueryCtx, kind: Kind, id: string): Promise<{ kind: Kind; rows: Row[] }> {
  const row = await find(ctx, kind, id);
  return { kind, rows: row === null ? [] : [row] };
}

async function several(ctx: QueryCtx, asked: Exclude<Infer<typeof range>, { range: "doc" | "by_unique" }>): Promise<Row[]> {
  switch (asked.range) {
    case "children":
      return await children(ctx, asked.kind, asked.parent, asked.after, most(asked.limit));
    case "newest_children": {
      const { kind, parent, before } = asked;
      const limit = most(asked.limit);
      if (!FOUND_BY[kind].parent || parent === "") return [];
      if (before === undefined) {
        return await rowsOf(ctx, kind)
          .withIndex("by_parent_at", (q) => q.eq("parent", parent))
          .order("desc")
          .take(limit);
      }
      const same = await rowsOf(ctx, kind)
        .withIndex("by_parent_at", (q) => q.eq("parent", parent).eq("at", before.at).lt("id", before.id))
        .order("desc")
        .take(limit);
      if (same.length === limit) return same;
      const older = await rowsOf(ctx, kind)
        .withIndex("by_parent_at", (q) => q.eq("parent", parent).lt("at", before.at))
        .order("desc")
        .take(limit - same.length);
      return [...same, ...older];
    }
    case "linked": {
      const { kind, link, limit } = asked;
      if (!FOUND_BY[kind].link || link === "") return [];
      return await rowsOf(ctx, kind)
        .withIndex("by_link_ord", (q) => q.eq("link", link))
        .take(most(limit));
    }
    case "by_status":
      return await byStatus(ctx, asked.kind, asked.scope, asked.status, asked.order, most(asked.limit));
    case "status_page":
      return await statusPage(ctx, asked);
    case "status_before":
      return await statusBefore(ctx, asked);
    case "newest": {
      const { kind, scope, before } = asked;
      const limit = most(asked.limit);
      if (before === undefined) {
        return await rowsOf(ctx, kind)
          .withIndex("by_scope_at", (q) => q.eq("scope", scope))
          .order("desc")
          .take(limit);
      }
      const same = await rowsOf(ctx, kind)
        .withIndex("by_scope_at", (q) => q.eq("scope", scope).eq("at", before.at).lt("id", before.id))
        .order("desc")
        .take(limit);
      if (same.length === limit) return same;
      const older = await rowsOf(ctx, kind)
        .withIndex("by_scope_at", (q) => q.eq("scope", scope).lt("at", before.at))
        .order("desc")
        .take(limit - same.length);
      return [...same, ...older];
    }
    case "all": {
      const { kind, after, limit } = asked;
      return await rowsOf(ctx, kind)
        .withIndex("by_doc", (q) => (after === undefined ? q : q.gt("id", after)))
        .take(most(limit));
    }
  }
}

function most(limit: number): number {
  return Math.min(limit, RANGE_MOST);
}

async function children(ctx: QueryCtx, kind: Kind, parent: string, after: { order: number; id: string } | undefined, limit: number): Promise<Row[]> {
  if (!FOUND_BY[kind].parent || parent === "") return [];
  if (after === undefined) {
    return await rowsOf(ctx, kind)
      .withIndex("by_parent_ord", (q) => q.eq("parent", parent))
      .take(limit);
  }
  // Behind (order, id): first those of the same order, then those of higher ones.
  const same = await rowsOf(ctx, kind)
    .withIndex("by_parent_ord", (q) => q.eq("parent", parent).eq("ord", after.order).gt("id", after.id))
    .take(limit);
  if (same.length === limit) return same;
  const higher = await rowsOf(ctx, kind)
    .withIndex("by_parent_ord", (q) => q.eq("parent", parent).gt("ord", after.order))
    .take(limit - same.length);
  return [...same, ...higher];
}

async function byStatus(
  ctx: QueryCtx,
  kind: Kind,
  scope: string | undefined,
  status: string,
  order: "ordered" | "newest",
  limit: number,
): Promise<Row[]> {
  if (!FOUND_BY[kind].status || status === "") return [];
  const rows = rowsOf(ctx, kind);
  if (scope === undefined) {
    return order === "ordered"
      ? await rows.withIndex("by_status_ord", (q) => q.eq("status", status)).take(limit)
      : await rows
          .withIndex("by_status_at", (q) => q.eq("status", status))
          .order("desc")
          .take(limit);
  }
  return order === "ordered"
    ? await rows.withIndex("by_scope_status_ord", (q) => q.eq("scope", scope).eq("status", status)).take(limit)
    : await rows
        .withIndex("by_scope_status_at", (q) => q.eq("scope", scope).eq("status", status))
        .order("desc")
        .take(limit);
}

/** One column from a place on: forwards behind (order, id), or backwards before it. */
async function statusPage(ctx: QueryCtx, asked: Extract<Infer<typeof range>, { range: "status_page" }>): Promise<Row[]> {
  const { kind, scope, status, from, back } = asked;
  const limit = most(asked.limit);
  if (!FOUND_BY[kind].status || status === "") return [];
  const way = back ? "desc" : "asc";
  if (from === undefined) {
    return await rowsOf(ctx, kind)
      .withIndex("by_scope_status_ord", (q) => q.eq("scope", scope).eq("status", status))
      .order(way)
      .take(limit);
  }
  const same = await rowsOf(ctx, kind)
    .withIndex("by_scope_status_ord", (q) => {
      const here = q.eq("scope", scope).eq("status", status).eq("ord", from.order);
      return back ? here.lt("id", from.id) : here.gt("id", from.id);
    })
    .order(way)
    .take(limit);
  if (same.length === limit) return same;
  const beyond = await rowsOf(ctx, kind)
    .withIndex("by_scope_status_ord", (q) => {
      const here = q.eq("scope", scope).eq("status", status);
      return back ? here.lt("ord", from.order) : here.gt("ord", from.order);
    })
    .order(way)
    .take(limit - same.length);
  return [...same, ...beyond];
}

/** One column by time, newest first, behind (at, id). */
async function statusBefore(ctx: QueryCtx, asked: Extract<Infer<typeof range>, { range: "status_before" }>): Promise<Row[]> {
  const { kind, scope, status, before } = asked;
  const limit = most(asked.limit);
  if (!FOUND_BY[kind].status || status === "") return [];
  const same = await rowsOf(ctx, kind)
    .withIndex("by_scope_status_at", (q) => q.eq("scope", scope).eq("status", status).eq("at", before.at).lt("id", before.id))
    .order("desc")
    .take(limit);
  if (same.length === limit) return same;
  const older = await rowsOf(ctx, kind)
    .withIndex("by_scope_status_at", (q) => q.eq("scope", scope).eq("status", status).lt("at", before.at))
    .order("desc")
    .take(limit - same.length);
  return [...same, ...older];
}
