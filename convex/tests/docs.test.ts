import { convexTest, type TestConvex } from "convex-test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { internal } from "../functions/_generated/api";
import { FOUND_BY, INDEX_VERSION, KINDS, type Kind } from "../functions/kinds";
import { RANGE_MOST } from "../functions/model/ranges";
import { FORGET_BATCH, LEDGER_KEPT_MS } from "../functions/retention";
import schema from "../functions/schema";

const modules = import.meta.glob("../functions/**/*.ts");
type House = TestConvex<typeof schema>;

const open = (): House => convexTest({ schema, modules });

let commits = 0;
afterEach(() => void vi.useRealTimers());

interface Fields {
  kind?: Kind;
  scope?: string;
  parent?: string;
  link?: string;
  status?: string;
  ord?: number;
  at?: bigint;
  body?: string[];
  target?: { kind: Kind; id: string };
}

const put = (id: string, fields: Fields = {}) => ({
  kind: "counter" as Kind,
  id,
  scope: "installation",
  parent: "",
  link: "",
  status: "",
  ord: 0,
  at: 0n,
  body: [`{"${id}":1}`],
  ...fields,
});

const change = (fields: Partial<Parameters<typeof apply>[1]> = {}) => ({
  key: `key-${++commits}`,
  expects: [],
  guards: [],
  deletes: [],
  puts: [],
  touches: ["installation"],
  words: INDEX_VERSION as number | undefined,
  ...fields,
});

async function apply(house: House, args: (typeof internal.docs.apply)["_args"]) {
  return await house.mutation(internal.docs.apply, args);
}

type Asked = (typeof internal.docs.fetch)["_args"]["ranges"][number];
async function finds(house: House, asked: Asked): Promise<string[]> {
  const { ranges } = await house.query(internal.docs.fetch, { scopes: [], ranges: [asked] });
  return ranges[0]!.map(({ body }) => Object.keys(JSON.parse(body) as object)[0]!);
}

describe("apply", () => {
  test("writes a whole change and raises its scopes", async () => {
    const house = open();
    const done = await apply(house, change({ puts: [put("a"), put("b")], touches: ["installation", "loop"] }));
    expect(done).toEqual({ scopes: [{ scope: "installation", rev: 1 }, { scope: "loop", rev: 1 }] });
    const seen = await house.query(internal.docs.fetch, {
      scopes: ["loop", "never", "installation"],
      ranges: [{ range: "doc", key: { kind: "counter", id: "a" } }, { range: "doc", key: { kind: "counter", id: "c" } }],
    });
    expect(seen).toEqual({ scopes: [1, 0, 1], ranges: [[{ kind: "counter", id: "a", rev: 1, body: '{"a":1}' }], []] });
  });

  test("writes nothing when one expectation does not hold, and names it", async () => {
    const house = open();
    await apply(house, change({ puts: [put("a")] }));
    const expects = [
      { doc: { kind: "counter" as const, id: "a" }, rev: 1 },
      { scope: "installation", rev: 1 },
      { doc: { kind: "counter" as const, id: "b" }, rev: 4 },
    ];
    const refused = await apply(house, change({ key: "k", expects, puts: [put("a"), put("c")] }));
    expect(refused).toEqual({ conflict: { expect: 2, found: 0 } });
    expect(await finds(house, { range: "all", kind: "counter", limit: 9 })).toEqual(["a"]);
    // A conflict is not remembered: the key may be used again.
    expect(await apply(house, change({ key: "k", puts: [put("c")] }))).toEqual({ scopes: [{ scope: "installation", rev: 2 }] });
  });

  test("answers a known key with the first result, whatever the change says", async () => {
    const house = open();
    const first = await apply(house, change({ key: "k", puts: [put("a")] }));
    await apply(house, change({ puts: [put("a")] }));
    const expects = [{ doc: { kind: "counter" as const, id: "a" }, rev: 77 }];
    expect(await apply(house, change({ key: "k", expects, puts: [put("b")], touches: [] }))).toEqual(first);
    expect(await finds(house, { range: "doc", key: { kind: "counter", id: "b" } })).toEqual([]);
  });

  test("looks at the state before the change: a deleted document that is expected may go", async () => {
    const house = open();
    await apply(house, change({ puts: [put("a")] }));
    const a = { kind: "counter" as const, id: "a" };
    expect(await apply(house, change({ expects: [{ doc: a, rev: 1 }], deletes: [a, { kind: "counter", id: "never" }] }))).toHaveProperty("scopes");
    expect(await finds(house, { range: "doc", key: a })).toEqual([]);
  });

  test("keeps an inside of several pieces, and leaves none behind", async () => {
    vi.useFakeTimers();
    const house = open();
    const left = () => house.run(async (ctx) => (await ctx.db.query("rest").take(9)).length);
    const inside = async () =>
      (await house.query(internal.docs.fetch, { scopes: [], ranges: [{ range: "doc", key: { kind: "counter", id: "a" } }] })).ranges[0];
    await apply(house, change({ puts: [put("a", { body: ["one ", "two ", "three"] })] }));
    expect(await inside()).toMatchObject([{ rev: 1, body: "one two three" }]);
    await apply(house, change({ puts: [put("a", { body: ["uno ", "due"] })] }));
    expect(await inside()).toMatchObject([{ rev: 2, body: "uno due" }]);
    expect(await left()).toBe(1);
    await apply(house, change({ deletes: [{ kind: "counter", id: "a" }] }));
    await house.finishAllScheduledFunctions(vi.runAllTimers);
    expect([await inside(), await left()]).toEqual([[], 0]);
  });

  test("refuses a document that could not be found again", async () => {
    const house = open();
    for (const [kind, by] of Object.entries(FOUND_BY) as [Kind, (typeof FOUND_BY)[Kind]][]) {
      for (const what of ["parent", "link", "status"] as const) {
        const target = kind === "unique" ? { target: { kind: "task" as const, id: "t" } } : {};
        const trying = apply(house, change({ puts: [put("x", { kind, [what]: "y", ...target })] }));
        if (by[what]) await trying;
        else await expect(trying).rejects.toThrow("older than the program");
      }
    }
    await expect(apply(house, change({ puts: [put("x", { body: [] })] }))).rejects.toThrow();
  });
});

describe("a change that rests on what was read", () => {
  const children = { range: "children" as const, kind: "task" as const, parent: "p", limit: 5 };
  const task = (id: string) => put(id, { kind: "task", parent: "p" });
  const saw = (...revs: [string, number][]) => [{ range: children, seen: revs.map(([id, rev]) => ({ doc: { kind: "task" as const, id }, rev })) }];

  test("is applied while the range finds the same, the empty answer too", async () => {
    const house = open();
    const other = { kind: "counter" as const, id: "x" };
    expect(await apply(house, change({ guards: saw(), puts: [task("a")] }))).toHaveProperty("scopes");
    expect(await apply(house, change({ guards: saw(["a", 1]), puts: [put("x")] }))).toHaveProperty("scopes");
    const expects = [{ doc: other, rev: 1 }];
    const conflict = { conflict: { expect: 1, found: 0 } };
    expect(await apply(house, change({ expects, guards: saw(), puts: [put("y")] }))).toEqual(conflict);
    expect(await apply(house, change({ expects, guards: saw(["a", 2]), puts: [put("y")] }))).toEqual(conflict);
    expect(await apply(house, change({ expects, guards: saw(["a", 1], ["b", 1]), puts: [put("y")] }))).toEqual(conflict);
    expect(await finds(house, { range: "doc", key: { kind: "counter", id: "y" } })).toEqual([]);
  });

  test("a revision goes on when a document comes again", async () => {
    const house = open();
    const a = { kind: "counter" as const, id: "a" };
    const rev = async () => (await house.query(internal.docs.fetch, { scopes: [], ranges: [{ range: "doc", key: a }] })).ranges[0]![0]?.rev;
    await apply(house, change({ puts: [put("a")] }));
    await apply(house, change({ puts: [put("a")] }));
    await apply(house, change({ deletes: [a] }));
    expect(await rev()).toBeUndefined();
    await apply(house, change({ expects: [{ doc: a, rev: 0 }], puts: [put("a")] }));
    expect(await rev()).toBe(3);
  });

  test("a key knows what was made and asked", async () => {
    const house = open();
    const request = { hash: "h", decision: "d" };
    const made = { kind: "counter" as const, id: "a" };
    expect(await house.query(internal.docs.known, { key: "k" })).toBeNull();
    const done = await apply(house, change({ key: "k", puts: [put("a")], made, request }));
    expect(done).toEqual({ scopes: [{ scope: "installation", rev: 1 }], made, request });
    expect(await house.query(internal.docs.known, { key: "k" })).toEqual(done);
    expect(await apply(house, change({ key: "k", puts: [put("b")], request: { hash: "i", decision: "e" } }))).toEqual(done);
  });
});

describe("fetch", () => {
  test("has a table and a path for each kind", async () => {
    expect(KINDS.every((kind) => kind in schema.tables)).toBe(true);
    const house = open();
    for (const kind of KINDS) {
      const target = kind === "unique" ? { target: { kind: "task" as const, id: "t" } } : {};
      await apply(house, change({ puts: [put(kind, { kind, ...target })] }));
      expect(await finds(house, { range: "doc", key: { kind, id: kind } })).toEqual([kind]);
      expect(await finds(house, { range: "all", kind, limit: 5 })).toEqual([kind]);
      // Without an index there is nothing to be found, and no error.
      for (const order of ["ordered", "newest"] as const) expect(await finds(house, { range: "by_status", kind, status: "s", order, limit: 5 })).toEqual([]);
      expect(await finds(house, { range: "linked", kind, link: "l", limit: 5 })).toEqual([]);
      expect(await finds(house, { range: "children", kind, parent: "p", limit: 5 })).toEqual([]);
    }
  });

  test("pages children behind an order and an id", async () => {
    const house = open();
    const puts = [["a", 1], ["b", 1], ["c", 1], ["d", 2]].map(([id, ord]) => put(id as string, { kind: "task", parent: "p", ord: ord as number }));
    await apply(house, change({ puts }));
    const page = (id: string, limit: number) => finds(house, { range: "children", kind: "task", parent: "p", after: { order: 1, id }, limit });
    expect(await page("a", 1)).toEqual(["b"]);
    expect(await page("a", 9)).toEqual(["b", "c", "d"]);
    expect(await page("c", 9)).toEqual(["d"]);
  });

  test("leads from a unique name to its document", async () => {
    const house = open();
    await apply(house, change({ puts: [put("t", { kind: "task" }), put("slug:x", { kind: "unique", target: { kind: "task", id: "t" } })] }));
    expect(await finds(house, { range: "by_unique", name: "slug:x" })).toEqual(["t"]);
    expect(await finds(house, { range: "by_unique", name: "slug:y" })).toEqual([]);
  });

  test("never asks for more than a list can hold", async () => {
    const house = open();
    await apply(house, change({ puts: [put("a")] }));
    expect(await finds(house, { range: "all", kind: "counter", limit: 4_294_967_295 })).toEqual(["a"]);
    expect(RANGE_MOST).toBeLessThanOrEqual(8_192);
  });
});

test("a table has the indexes of its kind and no other", () => {
  const wanted = { parent: ["by_parent_at", "by_parent_ord"], link: ["by_link_ord"], status: ["by_scope_status_at", "by_scope_status_ord", "by_status_at", "by_status_ord"] };
  for (const [kind, by] of Object.entries(FOUND_BY) as [Kind, (typeof FOUND_BY)[Kind]][]) {
    const has = schema.tables[kind][" indexes"]().map((index) => index.indexDescriptor);
    const ways = (["parent", "link", "status"] as const).filter((way) => by[way]).flatMap((way) => wanted[way]);
    expect(has.sort(), kind).toEqual(["by_doc", "by_scope_at", ...ways].sort());
  }
});

test("all of a kind come in pages, by id", async () => {
  const house = open();
  await apply(house, change({ puts: ["c", "a", "b"].map((id) => put(id)) }));
  expect(await finds(house, { range: "all", kind: "counter", limit: 2 })).toEqual(["a", "b"]);
  expect(await finds(house, { range: "all", kind: "counter", after: "b", limit: 2 })).toEqual(["c"]);
});

test("an older program may read, and writes nothing", async () => {
  const house = open();
  await apply(house, change({ puts: [put("a")] }));
  const older = change({ puts: [put("b")] });
  delete older.words;
  await expect(apply(house, older)).rejects.toThrow("Update OpenClutch there");
  expect(await finds(house, { range: "all", kind: "counter", limit: 9 })).toEqual(["a"]);
});

test("what nothing reads any more is removed in batches", async () => {
  vi.useFakeTimers();
  const house = open();
  await house.run(async (ctx) => {
    for (let n = 0; n < FORGET_BATCH + 2; n++) {
      await ctx.db.insert("notification", {
        id: `n-${n}`, rev: 1, scope: "installation", parent: "installation", link: "", status: "unread", ord: n, at: 0n, body: "{", more: n === 0 ? 1 : 0,
      });
    }
    await ctx.db.insert("rest", { kind: "notification", id: "n-0", part: 0, text: "}" });
  });
  expect(await house.mutation(internal.retention.retire, {})).toBe(FORGET_BATCH);
  await house.finishAllScheduledFunctions(vi.runAllTimers);
  const left = await house.run(async (ctx) => [(await ctx.db.query("notification").take(9)).length, (await ctx.db.query("rest").take(9)).length]);
  expect(left).toEqual([0, 0]);
});

test("old keys are forgotten in batches, young ones stay", async () => {
  vi.useFakeTimers();
  const house = open();
  await house.run(async (ctx) => {
    for (let n = 0; n < FORGET_BATCH + 5; n++) await ctx.db.insert("ledger", { key: `old-${n}`, scopes: [] });
  });
  vi.advanceTimersByTime(LEDGER_KEPT_MS + 1);
  await apply(house, change({ key: "young" }));
  expect(await house.mutation(internal.retention.forget, {})).toBe(FORGET_BATCH);
  await house.finishAllScheduledFunctions(vi.runAllTimers);
  expect(await house.run(async (ctx) => (await ctx.db.query("ledger").take(9)).map((row) => row.key))).toEqual(["young"]);
});

test("about tells the original system's tables", async () => {
  const house = open();
  expect(await house.query(internal.docs.about, {})).toMatchObject({ original: [], kinds: KINDS });
  await convexTestInsert(house, "tasks");
  expect((await house.query(internal.docs.about, {})).original).toEqual(["tasks"]);
});

// A table that our schema does not have, as an older deployment left it.
async function convexTestInsert(house: House, table: string): Promise<void> {
  await house.run(async (ctx) => void (await ctx.db.insert(table as "counter", { title: "old" } as never)));
}

test("nothing is public", async () => {
  const seen: string[] = [];
  for (const [path, load] of Object.entries(modules)) {
    for (const [name, thing] of Object.entries((await load()) as Record<string, object>)) {
      if (typeof thing !== "function" || !["isQuery", "isMutation", "isAction", "isHttp"].some((mark) => mark in thing)) continue;
      seen.push(name);
      expect("isInternal" in thing && thing.isInternal === true && !("isPublic" in thing), `${path}: ${name}`).toBe(true);
    }
  }
  expect(seen.sort()).toEqual(["about", "apply", "clear", "fetch", "forget", "known", "retire", "shorten", "whole"]);
});
