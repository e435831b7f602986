import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalMutation } from "./_generated/server";
import { RETIRED } from "./kinds";
import { remove } from "./model/rows";
import { rowsOf } from "./model/ranges";

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

/** Removes documents of kinds that nothing reads any more; goes on by itself until none is left. */
export const retire = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    let removed = 0;
    for (const kind of RETIRED) {
      for (const row of await rowsOf(ctx, kind).take(FORGET_BATCH - removed)) {
        await remove(ctx, kind, row);
        removed++;
      }
    }
    if (removed === FORGET_BATCH) await ctx.scheduler.runAfter(0, internal.retention.retire, {});
    return removed;
  },
});
