import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalMutation } from "./_generated/server";
import { FOUND_BY, key, kind, RETIRED, type Kind } from "./kinds";
import { bytesOf, clearRest, isLong, remove, shorten as shortenRow } from "./model/rows";
import { find, rowsOf, type Row } from "./model/ranges";

/** How long a commit's key is known, in milliseconds: 24 hours. */
export const LEDGER_KEPT_MS = 24 * 60 * 60 * 1_000;
/** Rows removed in one transaction. */
export const FORGET_BATCH = 1_000;

/** Forgets keys of commits that nobody can repeat any more, and revisions of documents that went as long ago; goes on by itself until none is left. */
export const forget = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const old = await ctx.db
      .query("ledger")
      .withIndex("by_creation_time", (q) => q.lt("_creationTime", Date.now() - LEDGER_KEPT_MS))
      .take(FORGET_BATCH);
    for (const row of old) await ctx.db.delete("ledger", row._id);
    const gone = await ctx.db
      .query("gone")
      .withIndex("by_creation_time", (q) => q.lt("_creationTime", Date.now() - LEDGER_KEPT_MS))
      .take(FORGET_BATCH);
    for (const row of gone) await ctx.db.delete("gone", row._id);
    if (old.length === FORGET_BATCH || gone.length === FORGET_BATCH) await ctx.scheduler.runAfter(0, internal.retention.forget, {});
    return old.length;
  },
});

/** Bytes of insides that are looked at, or cleared, in one transaction. */
const SOME_BYTES = 4 << 20;

/** Clears what lay beside the rows of documents that are gone; goes on by itself until all are done. Answers how many were. */
export const clear = internalMutation({
  args: { docs: v.array(key) },
  returns: v.number(),
  handler: async (ctx, { docs }) => {
    let bytes = 0;
    for (const [done, { kind, id }] of docs.entries()) {
      if (bytes >= SOME_BYTES) {
        await ctx.scheduler.runAfter(0, internal.retention.clear, { docs: docs.slice(done) });
        return done;
      }
      // Whoever wrote it anew has cleared it.
      if ((await find(ctx, kind, id)) === null) bytes += await clearRest(ctx, kind, id);
    }
    return docs.length;
  },
});

/** Removes documents of kinds that nothing reads any more; goes on by itself until none is left. */
export const retire = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const old = [];
    for (const kind of RETIRED) {
      for (const row of await rowsOf(ctx, kind).take(FORGET_BATCH - old.length)) old.push({ kind, row });
    }
    await remove(ctx, old);
    if (old.length === FORGET_BATCH) await ctx.scheduler.runAfter(0, internal.retention.retire, {});
    return old.length;
  },
});

/** Says in the table of scopes that no row is long any more; no scope has this word. */
const SHORT = "#short";

/**
 * Shortens rows that functions of version 2 wrote: a range over such may read more than Convex lets it. Begins behind
 * a document and goes on by itself until all were looked at; true when they were.
 */
export const shorten = internalMutation({
  args: { from: v.optional(v.object({ kind, after: v.string() })) },
  returns: v.boolean(),
  handler: async (ctx, { from }) => {
    const mark = ctx.db.query("scope").withIndex("by_name", (q) => q.eq("name", SHORT));
    if ((await mark.unique()) !== null) return true;
    const kinds = Object.keys(FOUND_BY) as Kind[];
    const long: [Kind, Row][] = [];
    let [bytes, rows] = [0, 0];
    let stopped: { kind: Kind; after: string } | undefined;
    look: for (const kind of kinds.slice(from === undefined ? 0 : kinds.indexOf(from.kind))) {
      const behind = rowsOf(ctx, kind).withIndex("by_doc", (q) => (from?.kind === kind ? q.gt("id", from.after) : q));
      for await (const row of behind) {
        if (isLong(row)) long.push([kind, row]);
        bytes += bytesOf(row.body);
        rows++;
        if (bytes >= SOME_BYTES || rows >= FORGET_BATCH) {
          stopped = { kind, after: row.id };
          break look;
        }
      }
    }
    for (const [kind, row] of long) await shortenRow(ctx, kind, row);
    if (stopped === undefined) await ctx.db.insert("scope", { name: SHORT, rev: 1 });
    else await ctx.scheduler.runAfter(0, internal.retention.shorten, { from: stopped });
    return stopped === undefined;
  },
});
