import { type Board, refusal } from "./board.ts";
import { chatOf, COORDINATOR } from "./chats.ts";
import type { HookContext, HookEvent, Logger } from "./host.ts";

const COOLDOWN = /cooldown|rate limit|too many requests/i;
const PAUSE = /(\d+)\s*(second|minute|hour)/i;
const UNIT_MS: Record<string, number> = { second: 1_000, minute: 60_000, hour: 3_600_000 };
const DEFAULT_PAUSE_MS = 60_000;

type Status = Record<string, unknown> & { delivery_status: "sent" | "delivered" | "processing" | "responded" | "failed" };

/**
 * Tells the board what becomes of a chat message: delivered when the gateway has it, processing when
 * a run begins, responded or failed when the run ends. The gateway never waits for any of this.
 */
export class Delivery {
  readonly #board: Board;
  readonly #logger: Logger;
  /** The last thing under way per chat: the reports of one chat go out in order. */
  readonly #tails = new Map<string, Promise<void>>();

  constructor(board: Board, logger: Logger) {
    this.#board = board;
    this.#logger = logger;
  }

  /** `message_received`. Old gateways do not say of which session; `started` makes up for it. */
  received(event: HookEvent, context: HookContext): void {
    this.#inOrder(event.sessionKey ?? context.sessionKey ?? context.conversationId, (chat) => this.#deliverSent(chat));
  }

  /** A run begins. */
  started(context: HookContext): void {
    this.#inOrder(context.sessionKey, async (chat) => {
      await this.#deliverSent(chat);
      const busy = await this.#message(chat, "oldest-processing-message");
      if (busy === undefined) {
        const next = await this.#message(chat, "oldest-delivered-message");
        if (next !== undefined) await this.#patch(chat, next, { delivery_status: "processing" });
      }
      await this.#typing(chat, true);
    });
  }

  /** A run ended; its text is not posted from here, the board reads it from the gateway. */
  ended(event: HookEvent, context: HookContext): void {
    this.#inOrder(context.sessionKey ?? event.sessionKey, async (chat) => {
      const message = await this.#message(chat, "oldest-processing-message");
      if (message !== undefined) await this.#patch(chat, message, outcome(event, Date.now()));
      await this.#typing(chat, false);
    });
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#tails.values());
  }

  #inOrder(sessionKey: string | undefined, report: (chat: string) => Promise<void>): void {
    const chat = chatOf(sessionKey);
    if (chat === undefined) return;
    const tail = (this.#tails.get(chat) ?? Promise.resolve())
      .then(() => report(encodeURIComponent(chat)))
      .catch((error: unknown) => this.#logger.warn(`openclutch: chat ${chat}: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => { if (this.#tails.get(chat) === tail) this.#tails.delete(chat); });
    this.#tails.set(chat, tail);
  }

  async #deliverSent(chat: string): Promise<void> {
    const sent = (await this.#get(chat, "all-sent-messages"))["messages"];
    for (const message of Array.isArray(sent) ? sent : []) await this.#patch(chat, String(message.id), { delivery_status: "delivered" });
  }

  async #message(chat: string, which: string): Promise<string | undefined> {
    const message = (await this.#get(chat, which))["message"] as { id?: unknown } | null | undefined;
    return message?.id === undefined ? undefined : String(message.id);
  }

  async #get(chat: string, what: string): Promise<Record<string, unknown>> {
    const answer = await this.#board.call("GET", `/api/chats/${chat}/${what}`);
    if (!answer.ok) throw new Error(refusal(answer));
    return answer.body;
  }

  async #patch(chat: string, message: string, status: Status): Promise<void> {
    const answer = await this.#board.call("PATCH", `/api/chats/${chat}/messages/${encodeURIComponent(message)}/status`, status);
    if (!answer.ok) throw new Error(refusal(answer));
  }

  async #typing(chat: string, typing: boolean): Promise<void> {
    await this.#board.call("POST", `/api/chats/${chat}/typing`, { typing, author: COORDINATOR, ...(typing ? { state: "thinking" } : {}) });
  }
}

/** What the end of a run means for the message it worked on. `now` is in epoch milliseconds. */
export function outcome(event: HookEvent, now: number): Status {
  if (event.success !== false) return { delivery_status: "responded" };
  const said = event.error instanceof Error ? event.error.message : typeof event.error === "string" ? event.error : "";
  if (!COOLDOWN.test(said)) return { delivery_status: "failed", failure_reason: said || "The run ended without an answer." };
  const [, count, unit] = PAUSE.exec(said) ?? [];
  const pause = count === undefined || unit === undefined ? DEFAULT_PAUSE_MS : Number(count) * (UNIT_MS[unit.toLowerCase()] ?? 1_000);
  return { delivery_status: "sent", cooldown_until: now + pause, failure_reason: "waiting for model availability" };
}
