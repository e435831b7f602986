import { v, type Infer } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import { FOUND_BY, key, kind, type Kind } from "../kinds";

/** Most documents that one range answers: a list of Convex holds no more. */
export const RANGE_MOST = 8_192;

/** One bounded read: `Range` of crates/domain/src/range.rs, which says what each means. */
export const range = v.union(
  v.object({ range: v.literal("doc"), key }),
  v.object({ range: v.literal("by_unique"), name: v.string() }),
  v.object({
    range: v.literal("children"),
    kind,
    parent: v.string(),
    after: v.optional(v.object({ order: v.number(), id: v.string() })),
    limit: v.number(),
  }),
  v.object({ range: v.literal("newest_children"), kind, parent: v.string(), before: v.optional(v.int64()), limit: v.number() }),
  v.object({ range: v.literal("linked"), kind, link: v.string(), limit: v.number() }),
  v.object({
    range: v.literal("by_status"),
    kind,
    scope: v.optional(v.string()),
    status: v.string(),
    order: v.union(v.literal("ordered"), v.literal("newest")),
    limit: v.number(),
  }),
  v.object({ range: v.literal("newest"), kind, scope: v.string(), before: v.optional(v.int64()), limit: v.number() }),
);

/** A row of any kind: `run` has every field and every index that a kind can have. */
export type Row = Doc<"run">;

/**
 * Rows of a kind. All tables have the same fields, and callers ask FOUND_BY before they use an index
 * that not every table has; the types of fifteen tables at once would say no more than this.
 */
export function rowsOf(ctx: QueryCtx, kind: Kind) {
  return ctx.db.query(kind as "run");
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
      const { kind, parent, before, limit } = asked;
      if (!FOUND_BY[kind].parent || parent === "") return [];
      return await rowsOf(ctx, kind)
        .withIndex("by_parent_at", (q) => (before === undefined ? q.eq("parent", parent) : q.eq("parent", parent).lt("at", before)))
        .order("desc")
        .take(most(limit));
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
    case "newest": {
      const { kind, scope, before, limit } = asked;
      return await rowsOf(ctx, kind)
        .withIndex("by_scope_at", (q) => (before === undefined ? q.eq("scope", scope) : q.eq("scope", scope).lt("at", before)))
        .order("desc")
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
