import { v } from "convex/values";
import { internalQuery } from "./_generated/server";

/** Most lines of one answer. */
const LINES_MOST = 1_000;

/**
 * Lines of the log behind a place, in the order of their commits: whoever reads on from the last line
 * that it saw misses none, whatever the clocks of several servers say. Lines of one commit share its
 * timestamp and are told apart by id.
 */
export const after = internalQuery({
  args: { commit: v.int64(), id: v.string(), limit: v.number() },
  returns: v.array(v.object({ commit: v.commitTs(), id: v.string(), body: v.string() })),
  handler: async (ctx, { commit, id, limit }) => {
    const most = Math.min(limit, LINES_MOST);
    const same = await ctx.db
      .query("activity")
      .withIndex("by_commit", (q) => q.eq("commit", commit).gt("id", id))
      .take(most);
    const later = await ctx.db
      .query("activity")
      .withIndex("by_commit", (q) => q.gt("commit", commit))
      .take(most - same.length);
    return [...same, ...later].map((line) => ({ commit: line.commit, id: line.id, body: line.body }));
  },
});
