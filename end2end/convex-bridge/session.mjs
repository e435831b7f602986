// One WebSocket of Convex's sync protocol: a set of queries, answered again when what they read changed.
import { failure } from "./engine.mjs";

/** As the real server pings. */
const PING_MS = 15_000;
/** Runs of all stale queries until none of them saw a write of another moment. */
const ATTEMPTS = 8;

const u64 = (n) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(n);
  return bytes.toString("base64");
};

export class Session {
  #socket;
  #bridge;
  #shown = { querySet: 0, identity: 0 }; // versions that the client has seen
  #wanted = { querySet: 0, identity: 0 };
  #ts = 0n;
  #queries = new Map();
  #removed = [];
  #admin = false;
  #busy = false;
  #again = false;
  #ping;

  /** @param bridge {engine, clock, faults, stats, adminKey, sleep} */
  constructor(socket, bridge) {
    this.#socket = socket;
    this.#bridge = bridge;
    this.#ping = setInterval(() => this.#send({ type: "Ping" }), PING_MS);
  }

  close() {
    clearInterval(this.#ping);
  }

  /** Live queries of this connection. */
  get watched() {
    return this.#queries.size;
  }

  /** Cuts the connection without a word. */
  cut() {
    this.#socket.terminate();
  }

  /** Marks what read one of these tables, or everything, and answers it again. */
  invalidate(tables) {
    let hit = false;
    for (const query of this.#queries.values()) {
      if (!query.stale && (tables === undefined || [...query.reads].some((table) => tables.has(table)))) query.stale = hit = true;
    }
    if (hit) void this.#update();
  }

  #send(message) {
    if (!this.#bridge.faults.silent && this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #fatal(error) {
    this.#send({ type: "FatalError", error });
    this.#socket.close(1011, error.slice(0, 120));
  }

  receive(message) {
    switch (message.type) {
      case "Connect":
      case "Event":
        return;
      case "Authenticate":
        return this.#authenticate(message);
      case "ModifyQuerySet":
        return this.#modify(message);
      default:
        // Mutations and actions go by HTTP: the Rust client applies them twice after a reconnect.
        return this.#fatal(`unknown message ${message.type}`);
    }
  }

  #authenticate({ baseVersion, tokenType, value }) {
    if (baseVersion !== this.#wanted.identity) return this.#fatal(`identity base version ${baseVersion} is not ${this.#wanted.identity}`);
    if (tokenType === "Admin" && value !== this.#bridge.adminKey) {
      const error = "The provided admin key was invalid for this instance";
      this.#send({ type: "AuthError", error, baseVersion, authUpdateAttempted: true });
      return this.#socket.close(1008, "AuthError");
    }
    this.#admin = tokenType === "Admin";
    this.#wanted.identity = baseVersion + 1;
    for (const query of this.#queries.values()) query.stale = true;
    return void this.#update();
  }

  #modify({ baseVersion, newVersion, modifications }) {
    if (baseVersion !== this.#wanted.querySet) return this.#fatal(`Base version ${baseVersion} passed up doesn't match the current version ${this.#wanted.querySet}`);
    this.#wanted.querySet = newVersion;
    for (const change of modifications) {
      if (change.type === "Add") this.#queries.set(change.queryId, { ...change, stale: true, reads: new Set() });
      else if (this.#queries.delete(change.queryId)) this.#removed.push(change.queryId);
    }
    return void this.#update();
  }

  async #update() {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    do {
      this.#again = false;
      await this.#transition();
    } while (this.#again);
    this.#busy = false;
  }

  async #transition() {
    const { faults, stats, sleep } = this.#bridge;
    const wanted = { ...this.#wanted };
    const start = { ...this.#shown, ts: u64(this.#ts) };
    const { ts, modifications } = await this.#run();
    for (const queryId of this.#removed.splice(0)) modifications.push({ type: "QueryRemoved", queryId });
    const moved = wanted.querySet !== this.#shown.querySet || wanted.identity !== this.#shown.identity;
    if (modifications.length === 0 && !moved) return;
    if (faults.delayMs) await sleep(faults.delayMs);
    this.#shown = wanted;
    this.#ts = ts > this.#ts ? ts : this.#ts;
    stats.transitions++;
    this.#send({ type: "Transition", startVersion: start, endVersion: { ...wanted, ts: u64(this.#ts) }, modifications });
  }

  // Runs what is stale until all of it saw one moment.
  async #run() {
    const { engine, clock } = this.#bridge;
    for (let attempt = 1; ; attempt++) {
      const [moment, ts] = [engine.writes, clock.now];
      const stale = [...this.#queries.values()].filter((query) => query.stale);
      const answers = [];
      for (const query of stale) answers.push(await this.#answer(query));
      if (moment !== engine.writes && attempt < ATTEMPTS) continue;
      const modifications = [];
      for (const { query, message, reads } of answers) {
        Object.assign(query, { stale: moment !== engine.writes, reads });
        const seen = JSON.stringify([message.type, message.value]);
        if (seen !== query.seen && this.#queries.has(query.queryId)) {
          query.seen = seen;
          modifications.push(message);
        }
      }
      if (moment !== engine.writes) this.#again = true;
      return { ts, modifications };
    }
  }

  async #answer(query) {
    const { engine, stats, faults } = this.#bridge;
    const reads = new Set();
    const base = { queryId: query.queryId, logLines: [], journal: null };
    stats.queryRuns++;
    try {
      const value = await engine.call("query", query.udfPath, query.args, this.#admin && !faults.undeployed, reads);
      return { query, reads, message: { type: "QueryUpdated", value, ...base } };
    } catch (error) {
      return { query, reads, message: { type: "QueryFailed", errorMessage: failure(error), ...base } };
    }
  }
}
