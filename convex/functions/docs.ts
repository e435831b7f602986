import { v } from "convex/values";
import { internalMutation, internalQuery, type QueryCtx } from "./_generated/server";
import { INDEX_VERSION, key, kind, KINDS } from "./kinds";
import { answer, find, range } from "./model/ranges";
import { request } from "./schema";
import { Before, bodyOf, lacks, put, remove, takeGone, write } from "./model/rows";

// Everything here is internal: only the server, with the deployment's admin key, can call it. Nobody
// who merely knows the address can. No rule of OpenClutch is here; the server decides, and these
// functions read, compare revisions, and write.

/** Raised whenever the server and these functions must be of the same age. */
export const VERSION = 3;

/** Tables of the original system, which kept its data on Convex too. */
const ORIGINAL = ["tasks", "projects", "comments", "chats", "chatMessages", "taskDependencies", "workLoopRuns", "promptVersions"];

/** What this deployment is. */
export const about = internalQuery({
  args: {},
  returns: v.object({ version: v.number(), kinds: v.array(v.string()), original: v.array(v.string()) }),
  handler: async (ctx) => {
    const original: string[] = [];
    for (const table of ORIGINAL) {
      // Not tables of our schema, so the types do not know them; reading an absent one finds nothing.
      if ((await ctx.db.query(table as "scope").first()) !== null) original.push(table);
    }
    return { version: VERSION, kinds: KINDS, original };
  },
});

/** Bytes that one answer brings of insides beyond their rows, and how many documents it brings them of. */
export const REST_BYTES = 1 << 20;
export const REST_MOST = 1_000;

/**
 * Answers all ranges of one moment, and the revisions of the scopes at that moment.
 *
 * What one answer may read is bounded. Whoever asks `partly` is given long insides whole while there is room for them
 * and only the beginnings of the others; `lacks` tells what is missing, and `whole` has it.
 */
export const fetch = internalQuery({
  args: {
    scopes: v.array(v.string()),
    ranges: v.array(range),
    /** Programs of before took every inside for whole. */
    partly: v.optional(v.boolean()),
  },
  returns: v.object({
    scopes: v.array(v.number()),
    ranges: v.array(
      v.array(
        v.object({
          kind,
          id: v.string(),
          rev: v.number(),
          /** The inside, or its beginning. */
          body: v.string(),
          /** Bytes of the inside that are left out. */
          lacks: v.optional(v.number()),
        }),
      ),
    ),
  }),
  handler: async (ctx, args) => {
    const scopes = await Promise.all(
      args.scopes.map(async (name) => {
        const row = await ctx.db
          .query("scope")
          .withIndex("by_name", (q) => q.eq("name", name))
          .unique();
        return row?.rev ?? 0;
      }),
    );
    const found = await Promise.all(args.ranges.map((asked) => answer(ctx, asked)));
    let [bytes, documents] = args.partly === true ? [REST_BYTES, REST_MOST] : [Infinity, Infinity];
    const ranges = found.map(({ kind, rows }) =>
      rows.map(async (row) => {
        const { id, rev } = row;
        const left = lacks(row);
        if (left > 0 && (left > bytes || documents === 0)) return { kind, id, rev, body: row.body, lacks: left };
        if (left > 0) {
          bytes -= left;
          documents--;
        }
        return { kind, id, rev, body: await bodyOf(ctx, kind, row) };
      }),
    );
    return { scopes, ranges: await Promise.all(ranges.map((rows) => Promise.all(rows))) };
  },
});

/**
 * The whole insides of documents that have these revisions; null for one that has another by now. What it may read is
 * the caller's to keep in bounds: `lacks` has told how much that is.
 */
export const whole = internalQuery({
  args: { docs: v.array(v.object({ doc: key, rev: v.number() })) },
  returns: v.array(v.union(v.string(), v.null())),
  handler: async (ctx, args) =>
    await Promise.all(
      args.docs.map(async ({ doc, rev }) => {
        const row = await find(ctx, doc.kind, doc.id);
        return row?.rev === rev ? await bodyOf(ctx, doc.kind, row) : null;
      }),
    ),
});

const expectation = v.union(v.object({ doc: key, rev: v.number() }), v.object({ scope: v.string(), rev: v.number() }));

/** A range that was read, and what it found: it must still find exactly that, the empty answer too. */
const guard = v.object({ range, seen: v.array(v.object({ doc: key, rev: v.number() })) });

const committed = v.object({
  scopes: v.array(v.object({ scope: v.string(), rev: v.number() })),
  /** The document that was made. */
  made: v.optional(key),
  /** The call that was answered. */
  request: v.optional(request),
});

/** What was committed under a key, or null. */
export const known = internalQuery({
  args: { key: v.string() },
  returns: v.union(committed, v.null()),
  handler: async (ctx, args) => await remembered(ctx, args.key),
});

async function remembered(ctx: QueryCtx, name: string) {
  const row = await ctx.db
    .query("ledger")
    .withIndex("by_key", (q) => q.eq("key", name))
    .unique();
  if (row === null) return null;
  const { scopes, made, request } = row;
  return { scopes, ...(made === undefined ? {} : { made }), ...(request === undefined ? {} : { request }) };
}

/**
 * Applies a change whole or not at all, only if all that it expects holds, once per key. A known key
 * answers the stored result and looks at no revision. `conflict` names the first expectation that does
 * not hold, by its place in `expects`, and the revision that was found; guards come behind the
 * expectations. Nothing was written then.
 */
export const apply = internalMutation({
  args: {
    key: v.string(),
    expects: v.array(expectation),
    guards: v.optional(v.array(guard)),
    made: v.optional(key),
    request: v.optional(request),
    deletes: v.array(key),
    puts: v.array(put),
    touches: v.array(v.string()),
    /** Version of the words in `puts`. Programs of before bodies had versions do not tell it. */
    words: v.optional(v.number()),
  },
  returns: v.union(
    committed,
    v.object({ conflict: v.object({ expect: v.number(), found: v.number() }) }),
  ),
  handler: async (ctx, args) => {
    const known = await remembered(ctx, args.key);
    if (known !== null) return known;
    // An older program would write documents that newer ones do not find, and drop what it does not know.
    if ((args.words ?? 0) < INDEX_VERSION) throw new Error("These functions are newer than the program that calls them. Update OpenClutch there.");

    const before = new Before(ctx);
    for (const [expect, wanted] of args.expects.entries()) {
      const found = "doc" in wanted ? ((await before.row(wanted.doc.kind, wanted.doc.id))?.rev ?? 0) : (await before.scope(wanted.scope)).rev;
      if (found !== wanted.rev) return { conflict: { expect, found } };
    }
    for (const [place, { range, seen }] of (args.guards ?? []).entries()) {
      const { kind, rows } = await answer(ctx, range);
      const same = rows.length === seen.length && rows.every((row, n) => row.id === seen[n]?.doc.id && row.rev === seen[n].rev && kind === seen[n].doc.kind);
      if (!same) return { conflict: { expect: args.expects.length + place, found: 0 } };
    }
    const gone = [];
    for (const { kind, id } of args.deletes) {
      const row = await before.row(kind, id);
      if (row !== null) gone.push({ kind, row });
    }
    await remove(ctx, gone);
    for (const put of args.puts) {
      const old = await before.row(put.kind, put.id);
      await write(ctx, put, old, old === null ? await takeGone(ctx, put.kind, put.id) : old.rev);
    }
    const scopes = [];
    for (const scope of args.touches) {
      const old = await before.scope(scope);
      const rev = old.rev + 1;
      await old.write(rev);
      scopes.push({ scope, rev });
    }
    const { made, request } = args;
    const done = { scopes, ...(made === undefined ? {} : { made }), ...(request === undefined ? {} : { request }) };
    await ctx.db.insert("ledger", { key: args.key, ...done });
    return done;
  },
});
