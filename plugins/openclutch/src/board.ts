import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "./settings.ts";

/** How long one call may take, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000;
/** Pauses before the second and the third attempt, in milliseconds; up to a quarter is added by chance. */
const PAUSES_MS = [300, 1_200];

/** What the board said. */
export interface Answer {
  status: number;
  ok: boolean;
  /** The JSON object of the answer, empty when it was none. */
  body: Record<string, unknown>;
}

/** The board's HTTP API, for this plugin. */
export class Board {
  readonly #settings: Settings;
  readonly #pausesMs: readonly number[];
  readonly #timeoutMs: number;

  constructor(settings: Settings, limits: { pausesMs?: readonly number[]; timeoutMs?: number } = {}) {
    this.#settings = settings;
    this.#pausesMs = limits.pausesMs ?? PAUSES_MS;
    this.#timeoutMs = limits.timeoutMs ?? CALL_TIMEOUT_MS;
  }

  /**
   * One request with at most two repeats, after a lost connection, a time-out, 429 or a 5xx. All
   * attempts of a call carry the same `idempotency-key`, so that the board does it once and answers a
   * repeat with what it answered first. The key is not the model's call id: some models count those
   * from zero in every conversation.
   *
   * Rejects with a sentence when no attempt got an answer; a refusal of the board is an answer.
   */
  async call(method: "GET" | "POST" | "PATCH", path: string, body?: object, signal?: AbortSignal): Promise<Answer> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (method !== "GET") headers["idempotency-key"] = randomUUID();
    if (this.#settings.token !== undefined) headers["authorization"] = `Bearer ${this.#settings.token}`;
    const request = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };

    for (let attempt = 0; ; attempt++) {
      const pause = this.#pausesMs[attempt];
      try {
        const answer = await this.#once(path, request, signal);
        if (pause === undefined || !(answer.status === 429 || answer.status >= 500)) return answer;
      } catch (error) {
        if (signal?.aborted) throw new Error("the call was stopped");
        if (pause === undefined) throw new Error(`the board at ${this.#settings.url} does not answer (${reason(error)})`);
      }
      await sleep(pause * (1 + Math.random() / 4), undefined, signal === undefined ? {} : { signal })
        .catch(() => { throw new Error("the call was stopped"); });
    }
  }

  async #once(path: string, request: RequestInit, signal: AbortSignal | undefined): Promise<Answer> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const response = await fetch(this.#settings.url + path, { ...request, signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]) });
    const text = await response.text();
    let body: unknown;
    try { body = JSON.parse(text); } catch { body = {}; } // a proxy's page, or nothing at all
    return {
      status: response.status, ok: response.ok,
      body: body !== null && typeof body === "object" && !Array.isArray(body) ? (body as Record<string, unknown>) : {},
    };
  }
}

/** The sentence of a refusal, for a model or a log. */
export function refusal(answer: Answer): string {
  const said = answer.body["error"];
  return typeof said === "string" && said !== "" ? said : `HTTP ${answer.status}`;
}

/** The innermost reason: fetch wraps "connection refused" twice. */
function reason(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause !== undefined) inner = inner.cause;
  if (inner instanceof Error) return "code" in inner && typeof inner.code === "string" ? inner.code : inner.message;
  return String(inner);
}
