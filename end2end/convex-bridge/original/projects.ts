// As a deployment of the original system answers: public, to anybody.
import { queryGeneric } from "convex/server";

export const getAll = queryGeneric({ args: {}, handler: async (ctx) => await ctx.db.query("projects").take(100) });
