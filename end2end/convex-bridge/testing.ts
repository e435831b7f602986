// Only ever put on a deployment that tests may empty: see deploy-test.sh.
import { v } from "convex/values";
import { internalMutation } from "./_generated/server";
import schema from "./schema";

/** Rows removed in one transaction. */
const BATCH = 2_000;

/** Removes rows of any table; whether some may be left. */
export const wipe = internalMutation({
  args: {},
  returns: v.boolean(),
  handler: async (ctx) => {
    let left = BATCH;
    for (const table of Object.keys(schema.tables) as (keyof typeof schema.tables)[]) {
      const rows = await ctx.db.query(table).take(left);
      for (const row of rows) await ctx.db.delete(row._id);
      left -= rows.length;
      if (left === 0) return true;
    }
    return false;
  },
});
