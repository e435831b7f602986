import type { HookContext, HookEvent } from "./host.ts";

/** Calls remembered at most; a call is asked about right after it was announced. */
const REMEMBERED = 256;

/**
 * Which run each tool call belongs to. A tool is not told; the hook before it is, in gateways that
 * know runs at all (2026.2 does not).
 */
export class CallRuns {
  readonly #runs = new Map<string, string>();

  /** Takes note of a `before_tool_call`. */
  heard(event: HookEvent, context: HookContext): void {
    const callId = event.toolCallId ?? context.toolCallId;
    const runId = event.runId ?? context.runId;
    if (callId === undefined || runId === undefined) return;
    const key = keyOf(context.sessionKey, callId);
    this.#runs.delete(key);
    this.#runs.set(key, runId);
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= REMEMBERED) break;
      this.#runs.delete(oldest);
    }
  }

  /** The run of a call, if the gateway said. */
  of(sessionKey: string | undefined, callId: string): string | undefined {
    return this.#runs.get(keyOf(sessionKey, callId));
  }
}

/** Call ids are unique only within a conversation. */
const keyOf = (sessionKey: string | undefined, callId: string): string => `${(sessionKey ?? "").toLowerCase()}\n${callId}`;
