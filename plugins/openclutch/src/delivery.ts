import { type Board, refusal } from "./board.ts";
import { chatOf, COORDINATOR } from "./chats.ts";
import type { HookContext, HookEvent, Logger } from "./host.ts";

const COOLDOWN = /cooldown|rate limit|too many requests/i;
const PAUSE = /(\d+)\s*(second|minute|hour)/i;
const UNIT_MS: Record<string, number> = { second: 1_000, minute: 60_000, hour: 3_600_000 };
const DEFAULT_PAUSE_MS = 60_000;

/** A longer pause is not believed. */
const PAUSE_MAX_MS = 24 * 3_600_000;
/** Newest messages of a chat that are looked at. */
const LOOK_BACK = 100;

type State = "sent" | "delivered" | "processing" | "responded" | "failed";
interface Status { delivery_status: State; failure_reason?: string; cooldown_until?: number }
/** What is read of the board's messages. */
interface Message { id: string; author: string; delivery_status?: State }

const oldest = (messages: Message[], state: State): Message | undefined => messages.find((message) => message.delivery_status === state);

/**
 * Tells the board what becomes of a chat message: delivered when the gateway has it, processing when
 * a run begins, responded or failed when the run ends. The gateway never waits for any of this.
 */
export class Delivery {
  readonly #board: Board;
  readonly #logger: Logger;
  /** The last thing under way per chat: the reports of one chat go out in order. */
  readonly #tails = new Map<string, Promise<void>>();

  readonly #later: (work: () => void, ms: number) => void;

  /** `later` does work after a while; the gateway's end does not wait for it. */
  constructor(board: Board, logger: Logger, later = (work: () => void, ms: number): void => { setTimeout(work, ms).unref(); }) {
    this.#board = board;
    this.#logger = logger;
    this.#later = later;
  }

  /** `message_received`. Old gateways do not say of which session; `started` makes up for it. */
  received(event: HookEvent, context: HookContext): void {
    this.#inOrder(event.sessionKey ?? context.sessionKey ?? context.conversationId, async (chat) => {
      await this.#deliverSent(chat, await this.#fromPeople(chat));
    });
  }

  /** A run begins. */
  started(context: HookContext): void {
    this.#inOrder(context.sessionKey, async (chat) => {
      const messages = await this.#fromPeople(chat);
      await this.#deliverSent(chat, messages);
      const next = oldest(messages, "delivered");
      if (oldest(messages, "processing") === undefined && next !== undefined) await this.#patch(chat, next, { delivery_status: "processing" });
      await this.#typing(chat, true);
    });
  }

  /** A run ended; its text is not posted from here, the board reads it from the gateway. */
  ended(event: HookEvent, context: HookContext): void {
    this.#inOrder(context.sessionKey ?? event.sessionKey, async (chat) => {
      const message = oldest(await this.#fromPeople(chat), "processing");
      if (message !== undefined) {
        const status = outcome(event, Date.now());
        await this.#patch(chat, message, status);
        if (status.cooldown_until !== undefined) this.#comeBack(chat, message.id, status.cooldown_until - Date.now());
      }
      await this.#typing(chat, false);
    });
  }

  /** After its pause a message waits no longer: if nobody has written since, the board is told so. */
  #comeBack(chat: string, id: string, pauseMs: number): void {
    this.#later(() => this.#inOrderOf(chat, async () => {
      const newest = (await this.#fromPeople(chat)).filter((message) => message.author !== "system").at(-1);
      if (newest?.id !== id || newest.delivery_status !== "sent") return;
      const answer = await this.#board.call("POST", `/api/chats/${chat}/messages/${encodeURIComponent(id)}/retry`);
      if (!answer.ok) throw new Error(refusal(answer));
    }), pauseMs);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#tails.values());
  }

  #inOrder(sessionKey: string | undefined, report: (chat: string) => Promise<void>): void {
    const chat = chatOf(sessionKey);
    if (chat !== undefined) this.#inOrderOf(encodeURIComponent(chat), report);
  }

  #inOrderOf(chat: string, report: (chat: string) => Promise<void>): void {
    const tail = (this.#tails.get(chat) ?? Promise.resolve())
      .then(() => report(chat))
      .catch((error: unknown) => this.#logger.warn(`openclutch: chat ${chat}: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => { if (this.#tails.get(chat) === tail) this.#tails.delete(chat); });
    this.#tails.set(chat, tail);
  }

  async #deliverSent(chat: string, messages: Message[]): Promise<void> {
    for (const message of messages) if (message.delivery_status === "sent") await this.#patch(chat, message, { delivery_status: "delivered" });
  }

  /** The chat's newest messages that are not an agent's, oldest first: all that a report needs to know, with one question. */
  async #fromPeople(chat: string): Promise<Message[]> {
    const answer = await this.#board.call("GET", `/api/chats/${chat}/messages?limit=${LOOK_BACK}`);
    if (!answer.ok) throw new Error(refusal(answer));
    const messages = answer.body["messages"];
    return Array.isArray(messages) ? (messages as Message[]).filter((message) => message.author !== COORDINATOR) : [];
  }

  async #patch(chat: string, message: Message, status: Status): Promise<void> {
    const answer = await this.#board.call("PATCH", `/api/chats/${chat}/messages/${encodeURIComponent(message.id)}/status`, status);
    if (!answer.ok) throw new Error(refusal(answer));
    message.delivery_status = status.delivery_status;
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
  return { delivery_status: "sent", cooldown_until: now + Math.min(pause, PAUSE_MAX_MS), failure_reason: "waiting for model availability" };
}
