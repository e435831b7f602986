import { type Board, refusal } from "./board.ts";
import { chatOfTarget, COORDINATOR } from "./chats.ts";
import type { Outgoing } from "./host.ts";

const ACCOUNT = "default";

interface AccountContext {
  abortSignal: AbortSignal;
  setStatus?: (status: object) => void;
}

/**
 * The channel `clutch`: what the gateway delivers to it becomes a message in a chat of the board.
 * Answers of a chat's own session do not come this way: the board reads those from the gateway.
 */
export function clutchChannel(board: Board): object {
  const chatPath = (to: string, rest: string): string => `/api/chats/${encodeURIComponent(chatOfTarget(to))}/${rest}`;

  const post = async (to: string, content: string): Promise<{ channel: string; ok: true; messageId: string }> => {
    const answer = await board.call("POST", chatPath(to, "messages"), { author: COORDINATOR, content, is_automated: false });
    // 409: the board has this answer already.
    if (!answer.ok && answer.status !== 409) throw new Error(`The board did not take the message: ${refusal(answer)}`);
    const message = answer.body["message"] as { id?: unknown } | undefined;
    return { channel: "clutch", ok: true, messageId: String(message?.id ?? "") };
  };

  return {
    id: "clutch",
    meta: {
      id: "clutch", label: "OpenClutch", selectionLabel: "OpenClutch", docsPath: "/channels/clutch",
      blurb: "Chats of an OpenClutch board.", order: 50,
    },
    capabilities: { chatTypes: ["direct", "group"] },
    config: {
      listAccountIds: () => [ACCOUNT],
      resolveAccount: () => ({ accountId: ACCOUNT, enabled: true, configured: true }),
      inspectAccount: () => ({ enabled: true, configured: true }),
    },
    gateway: {
      // The gateway takes an account for stopped, and itself for not ready, once this ends.
      startAccount: async (context: AccountContext): Promise<void> => {
        context.setStatus?.({ accountId: ACCOUNT, running: true, connected: true });
        if (context.abortSignal.aborted) return;
        await new Promise<void>((done) => context.abortSignal.addEventListener("abort", () => done(), { once: true }));
      },
    },
    messaging: { targetResolver: { looksLikeId: () => true, hint: "<chat id>" } },
    outbound: {
      deliveryMode: "direct",
      sendText: ({ to, text }: Outgoing) => post(to, text ?? ""),
      sendMedia: ({ to, text, mediaUrl }: Outgoing) =>
        post(to, `${text === undefined || text === "" ? "📎 Attachment" : text}\n\n📎 ${mediaUrl ?? ""}`),
      sendTypingIndicator: async ({ to, isTyping }: { to: string; isTyping: boolean }): Promise<void> => {
        await board.call("POST", chatPath(to, "typing"), { typing: isTyping, author: COORDINATOR, ...(isTyping ? { state: "typing" } : {}) });
      },
    },
  };
}
