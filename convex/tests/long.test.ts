import { convexTest } from "convex-test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { internal } from "../functions/_generated/api";
import { REST_BYTES } from "../functions/docs";
import { INDEX_VERSION } from "../functions/kinds";
import { bytesOf, HEAD } from "../functions/model/rows";
import schema from "../functions/schema";

const modules = import.meta.glob("../functions/**/*.ts");
/** What Convex itself lets a transaction read and write. */
const open = () => convexTest({ schema, modules, transactionLimits: true });
type House = ReturnType<typeof open>;

const MB = 1_000_000;
const children = { range: "children" as const, kind: "task" as const, parent: "p", limit: 99 };
const doc = (id: string) => ({ kind: "task" as const, id });
let commits = 0;
afterEach(() => void vi.useRealTimers());

const fields = (id: string) => ({ id, scope: "installation", parent: "p", link: "", status: "", ord: 0, at: 0n });

async function put(house: House, id: string, body: string[]): Promise<void> {
  const args = { key: `key-${++commits}`, expects: [], guards: [], deletes: [], touches: [], words: INDEX_VERSION };
  await house.mutation(internal.docs.apply, { ...args, puts: [{ kind: "task", ...fields(id), body }] });
}

async function fetched(house: House, partly?: boolean) {
  const args = partly === undefined ? {} : { partly };
  return (await house.query(internal.docs.fetch, { scopes: [], ranges: [children], ...args })).ranges[0]!;
}

const rows = (house: House) => house.run(async (ctx) => await ctx.db.query("task").collect());
const rest = (house: House) => house.run(async (ctx) => await ctx.db.query("rest").collect());

describe("a long inside", () => {
  test("lies beside its row, cut between characters, and comes back whole", async () => {
    const house = open();
    for (const [n, text] of ["a".repeat(HEAD), "é🦀".repeat(HEAD), `${"x".repeat(HEAD - 1)}🦀`].entries()) {
      await put(house, `t${n}`, [text]);
      const row = (await rows(house))[n]!;
      expect(bytesOf(row.body) <= HEAD && bytesOf(row.body) > HEAD - 4).toBe(true);
      expect(text.startsWith(row.body)).toBe(true);
      expect(() => encodeURIComponent(row.body), "no character is taken apart").not.toThrow();
      expect(row.size ?? 0).toBe(bytesOf(text) - bytesOf(row.body));
      expect((await fetched(house))[n]!.body).toBe(text);
    }
    expect((await rows(house)).map((row) => row.more)).toEqual([0, 1, 1]);
    await put(house, "t1", ["short"]);
    expect((await rest(house)).map((part) => part.id)).toEqual(["t2"]);
  });

  test("is left out where it is too much for one answer, and asked for by its revision", async () => {
    const house = open();
    const texts = Array.from({ length: 20 }, (_, n) => String(n % 10).repeat(MB));
    for (const [n, text] of texts.entries()) await put(house, `t${String(n).padStart(2, "0")}`, [text.slice(0, MB - 9), text.slice(MB - 9)]);
    await put(house, "z", ["short"]);
    // Programs of before take each for whole, and there is no such answer.
    await expect(fetched(house)).rejects.toThrow("Read too much data");
    const found = await fetched(house, true);
    expect(found.map((row) => row.lacks)).toEqual([undefined, ...Array.from({ length: 19 }, () => MB - HEAD), undefined]);
    expect([found[0]!.body, found.at(-1)!.body]).toEqual([texts[0], "short"]);
    expect(REST_BYTES).toBeGreaterThanOrEqual(MB);
    const ask = (...docs: [string, number][]) => house.query(internal.docs.whole, { docs: docs.map(([id, rev]) => ({ doc: doc(id), rev })) });
    expect(await ask(["t07", 1], ["t08", 2], ["t99", 1], ["z", 1])).toEqual([texts[7], null, null, "short"]);
    // What a change rests on is compared without reading insides.
    const seen = found.map(({ id, rev }) => ({ doc: doc(id), rev }));
    const args = { key: "guarded", expects: [], deletes: [], touches: [], words: INDEX_VERSION };
    const puts = [{ kind: "task" as const, ...fields("z"), body: ["longer"] }];
    expect(await house.mutation(internal.docs.apply, { ...args, guards: [{ range: children, seen }], puts })).toHaveProperty("scopes");
  });

  test("goes with as many others as a change takes along, and nothing of it stays", async () => {
    vi.useFakeTimers();
    const house = open();
    const ids = Array.from({ length: 20 }, (_, n) => `t${n}`);
    for (const id of ids) await put(house, id, ["a".repeat(MB / 2), "b".repeat(MB / 2)]);
    const args = { expects: [], guards: [], puts: [], touches: [], words: INDEX_VERSION };
    await house.mutation(internal.docs.apply, { ...args, key: "all", deletes: ids.map(doc) });
    expect(await fetched(house)).toEqual([]);
    // One is written anew before the old one is cleared away.
    await put(house, "t3", ["c".repeat(MB / 2)]);
    await house.finishAllScheduledFunctions(vi.runAllTimers);
    expect((await fetched(house)).map((row) => [row.id, row.rev, row.body])).toEqual([["t3", 2, "c".repeat(MB / 2)]]);
    expect((await rest(house)).map((part) => part.id)).toEqual(["t3"]);
  });

  test("of before is moved beside its row, and nothing is taken for it that is not", async () => {
    vi.useFakeTimers();
    const house = open();
    const text = "é".repeat(MB / 2);
    for (let n = 0; n < 18; n++) {
      await house.run(async (ctx) => {
        await ctx.db.insert("task", { ...fields(`t${n}`), rev: 4, body: text.slice(0, MB / 4), more: 1 });
        await ctx.db.insert("rest", { ...doc(`t${n}`), part: 0, text: text.slice(MB / 4) });
      });
    }
    await house.run(async (ctx) => void (await ctx.db.insert("task", { ...fields("z"), rev: 2, body: "short", more: 0 })));
    expect(await house.mutation(internal.retention.shorten, {})).toBe(false);
    await house.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await house.mutation(internal.retention.shorten, {})).toBe(true);
    for (const row of await rows(house)) expect(bytesOf(row.body) <= HEAD).toBe(true);
    const found = await fetched(house, true);
    expect(found.map((row) => [row.rev, row.lacks ?? 0])).toContainEqual([2, 0]);
    for (const { id, rev } of found.filter((row) => row.lacks !== undefined)) {
      expect(await house.query(internal.docs.whole, { docs: [{ doc: doc(id), rev }] })).toEqual([text]);
    }
  });
});
