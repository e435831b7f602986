// A small gateway client for tests and scripts (node 22 or newer). It works with protocol 3 and 4:
// it offers 3..4, signs with a device key (v2) and asks for every scope that a board needs.
//   const gateway = await connect({ url, token });
//   const { end } = await gateway.run("agent", { message, sessionKey });
//   gateway.close();
import crypto from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const SCOPES = ["operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.questions"];
const TERMINAL = new Set(["final", "aborted", "error"]);
const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

/** The gateway's form of a session key: prefixed and lower-cased. */
export const canonical = (key) => (key.startsWith("agent:") ? key : `agent:main:${key}`).toLowerCase();

/** The text of a chat message, whichever of the two shapes its content has. */
export const textOf = (message) => typeof message?.content === "string" ? message.content
  : (message?.content ?? []).filter((part) => part.type === "text").map((part) => part.text).join("");

/** Connects, trying again while the gateway says that it is still starting. Fails after `timeoutMs`. */
export async function connect({ url, token = "test-token", timeoutMs = 60_000 }) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const client = new Client(url, token);
    try { await client.open(); return client; } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(200);
    }
  }
}

class Client {
  #pending = new Map();
  #waiting = new Set();
  #next = 0;
  /** Every event frame so far, oldest first. */
  events = [];

  constructor(url, token) { this.url = url; this.token = token; }

  open() {
    return new Promise((resolve, reject) => {
      this.socket = new WebSocket(this.url);
      this.socket.onerror = (event) => reject(new Error(`websocket: ${event.message ?? "failed"}`));
      this.socket.onclose = (event) => {
        const error = new Error(`closed ${event.code} ${event.reason}`);
        for (const call of this.#pending.values()) call.reject(error);
        this.#pending.clear();
        reject(error);
      };
      this.socket.onmessage = ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type === "event" && frame.event === "connect.challenge") this.#hello(frame.payload).then(resolve, reject);
        else if (frame.type === "event") this.#event(frame);
        else this.#answer(frame);
      };
    });
  }

  async #hello({ nonce, ts }) {
    const { publicKey, privateKey } = crypto.generateKeyPairSync("ed25519");
    const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
    const id = crypto.createHash("sha256").update(raw).digest("hex");
    const client = { id: "gateway-client", version: "1.0.0", platform: "linux", mode: "backend" };
    const signed = ["v2", id, client.id, client.mode, "operator", SCOPES.join(","), String(ts), this.token, nonce].join("|");
    this.hello = await this.call("connect", {
      minProtocol: 3, maxProtocol: 4, client, role: "operator", scopes: SCOPES, caps: ["tool-events"], auth: { token: this.token },
      device: { id, publicKey: base64url(raw), signedAt: ts, nonce, signature: base64url(crypto.sign(null, Buffer.from(signed), privateKey)) },
    });
    return this;
  }

  #event(frame) {
    this.events.push(frame);
    for (const waiter of this.#waiting) if (waiter.test(frame)) waiter.found(frame);
  }

  #answer(frame) {
    const call = this.#pending.get(frame.id);
    if (!call) return; // the second answer of `agent`
    this.#pending.delete(frame.id);
    if (frame.ok) call.resolve(frame.payload);
    else call.reject(Object.assign(new Error(frame.error?.message), { error: frame.error }));
  }

  /** One request. Rejects with the gateway's error. */
  call(method, params = {}) {
    const id = `r${++this.#next}`;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ type: "req", id, method, params }));
    });
  }

  /** The first event from now on that passes `test`. */
  event(test, timeoutMs = 90_000) {
    return new Promise((resolve, reject) => {
      const waiter = { test, found: (frame) => { clearTimeout(timer); this.#waiting.delete(waiter); resolve(frame); } };
      const timer = setTimeout(() => { this.#waiting.delete(waiter); reject(new Error("no such event in time")); }, timeoutMs);
      this.#waiting.add(waiter);
    });
  }

  /** Starts a run (`agent` or `chat.send`) and waits for its end: `{ runId, end }`, `end` being the last chat event. */
  async run(method, params, timeoutMs = 90_000) {
    const runId = params.idempotencyKey ?? crypto.randomUUID();
    const ended = this.event((frame) => frame.event === "chat" && frame.payload.runId === runId && TERMINAL.has(frame.payload.state), timeoutMs);
    ended.catch(() => {}); // reported below, unless the call itself fails first
    await this.call(method, { ...params, idempotencyKey: runId });
    return { runId, end: (await ended).payload };
  }

  close() { this.socket.close(); }
}
