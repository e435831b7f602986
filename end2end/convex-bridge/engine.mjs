// Runs the functions of a folder inside convex-test, the official mock of Convex's runtime, and tells
// what they read and wrote.
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** The function is not there, or only the admin may call it. */
export class NotFound extends Error {}

const WRITES = new Set(["1.0/insert", "1.0/shallowMerge", "1.0/replace", "1.0/remove"]);

export class Engine {
  /** Raised by each write of any function: a run of several queries repeats when it moved meanwhile. */
  writes = 0;
  /** Rows that queries and mutations were given. */
  documentsRead = 0;
  /** Called with the names of the tables written since the last call, after their transaction. */
  onChange = () => {};
  #dirty = new Set();
  #waking = false;
  #tracking = new AsyncLocalStorage(); // the tables that the query being run reads
  // Called from inside a running function: its context must be left, or convex-test would take what
  // follows for nested calls of that function.
  #outside = new AsyncResource("convex-bridge");

  /** @param {string} folder of functions; @param {string} modules the node_modules to run them with. */
  static async open(folder, modules) {
    const engine = new Engine();
    // By file, so that bundle and bridge share one instance of each module.
    const file = (name) => import(pathToFileURL(path.join(modules, name)).href);
    const { convexTest } = await file("convex-test/dist/index.js");
    ({ convexToJson: engine.toJson, jsonToConvex: engine.fromJson } = await file("convex/dist/esm/values/index.js"));
    ({ makeFunctionReference: engine.reference } = await file("convex/dist/esm/server/index.js"));
    await engine.#bundle(folder, modules, await file("esbuild/lib/main.js"));
    // What Convex lets one transaction read and write.
    engine.house = convexTest({ schema: engine.schema, modules: engine.modules, transactionLimits: true });
    engine.#listen();
    return engine;
  }

  async #bundle(folder, nodeModules, esbuild) {
    const sources = readdirSync(folder, { recursive: true })
      .map((name) => String(name).split(path.sep).join("/"))
      .filter((name) => /\.[jt]s$/.test(name) && !/\.d\.ts$/.test(name) && name !== "crons.ts");
    const built = mkdtempSync(path.join(tmpdir(), "convex-bridge-"));
    try {
      symlinkSync(nodeModules, path.join(built, "node_modules"));
      await this.#load(folder, built, sources, esbuild);
    } finally {
      // All of it is loaded by now. Whoever ends this process may leave it no time to clean up.
      rmSync(built, { recursive: true, force: true });
    }
  }

  async #load(folder, built, sources, esbuild) {
    await (esbuild.default ?? esbuild).build({
      entryPoints: sources.map((name) => path.join(folder, name)), outbase: folder, outdir: path.join(built, "convex"),
      bundle: true, splitting: true, format: "esm", platform: "node", target: "node20", packages: "external",
      sourcemap: "inline", outExtension: { ".js": ".mjs" }, logLevel: "error",
    });
    this.modules = {};
    for (const name of sources) {
      const base = name.replace(/\.[^.]+$/, "");
      const module = await import(pathToFileURL(path.join(built, "convex", `${base}.mjs`)).href);
      this.modules[`/convex/${base}.js`] = async () => module;
    }
    this.modules["/convex/_generated/anchor.js"] ??= async () => ({});
    this.schema = (await this.modules["/convex/schema.js"]?.())?.default;
  }

  // Every call of a function into Convex passes this object.
  #listen() {
    const inner = Object.getOwnPropertyDescriptors(globalThis.Convex);
    const outer = {};
    for (const name of ["syscall", "asyncSyscall", "jsSyscall"]) {
      const get = () => {
        const call = inner[name].get();
        return (op, args) => {
          this.#observe(op, typeof args === "string" ? args : "{}");
          const answer = call(op, args);
          return answer instanceof Promise ? answer.then((text) => this.#count(op, text)) : answer;
        };
      };
      Object.defineProperty(outer, name, { get, configurable: true, enumerable: true });
    }
    globalThis.Convex = outer;
  }

  #observe(op, json) {
    const reads = this.#tracking.getStore();
    const args = JSON.parse(json);
    const source = args.query?.source;
    if (reads && source) reads.add(source.tableName ?? String(source.indexName).split(".")[0]);
    if (reads && op === "1.0/get") reads.add(args.table);
    if (WRITES.has(op)) {
      this.#dirty.add(args.table ?? "*");
      this.writes++;
      if (!this.#waking) {
        this.#waking = true;
        this.#outside.runInAsyncScope(() => setImmediate(() => this.#wake()));
      }
    }
  }

  #count(op, text) {
    if (typeof text === "string") {
      if (op === "1.0/queryStreamNext" && !JSON.parse(text).done) this.documentsRead++;
      if (op === "1.0/queryPage") this.documentsRead += JSON.parse(text).page.length;
      if (op === "1.0/get" && text !== "null") this.documentsRead++;
    }
    return text;
  }

  async #wake() {
    this.#waking = false;
    // An empty transaction waits for the engine's lock: until the writer has committed.
    await this.house.run(async () => {}).catch(() => {});
    const tables = this.#dirty;
    this.#dirty = new Set();
    this.onChange(tables);
  }

  async #find(name, admin) {
    const [module, rest = "default"] = name.replace(/\.js(?=:|$)/, "").split(":");
    const load = this.modules[`/convex/${module}.js`];
    const found = load && (await load())[rest];
    if (!found || (!found.isPublic && !admin)) {
      throw new NotFound(`Could not find public function for '${module}:${rest}'. Did you forget to run \`npx convex dev\` or \`npx convex deploy\`?`);
    }
    return this.reference(`${module}:${rest}`);
  }

  /** Runs a function. Arguments and answer in Convex's own JSON; `reads` gets the tables that it read. */
  async call(kind, name, args, admin, reads = new Set()) {
    const reference = await this.#find(name, admin);
    const given = this.fromJson((Array.isArray(args) ? args[0] : args) ?? {});
    const value = await this.#tracking.run(reads, () => this.house[kind](reference, given));
    return this.toJson(value ?? null);
  }

  /** Puts rows into a table as they are, for a deployment that somebody else used. */
  async insert(table, rows) {
    await this.house.run(async (ctx) => {
      for (const row of rows) await ctx.db.insert(table, this.fromJson(row));
    });
  }

  /** Puts these rows in the place of all that are there. */
  async replace(tables) {
    await this.house.run(async (ctx) => {
      for (const table of Object.keys(this.schema.tables)) {
        for (const { _id } of await ctx.db.query(table).collect()) await ctx.db.delete(_id);
        for (const row of tables[table] ?? []) await ctx.db.insert(table, this.fromJson(row));
      }
    });
  }

  /** All rows of all tables of the schema, without what Convex adds to them, as `insert` takes them. */
  async rows() {
    const found = {};
    for (const table of Object.keys(this.schema.tables)) {
      const rows = await this.house.run(async (ctx) => await ctx.db.query(table).collect());
      found[table] = rows.map(({ _id, _creationTime, ...row }) => this.toJson(row));
    }
    return found;
  }
}

/** A function's error as Convex words it. */
export function failure(error) {
  const id = Math.random().toString(16).slice(2, 18);
  const words = error instanceof NotFound ? error.message : `Uncaught ${error?.name ?? "Error"}: ${error?.message ?? error}`;
  return `[Request ID: ${id}] Server Error\n${words}`;
}
