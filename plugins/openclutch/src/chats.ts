/** Session keys of the board's chats: `clutch:<project slug>:<chat id>`, with or without the gateway's prefix. */
const CHAT_KEY = /^(?:agent:[^:]+:)?clutch:([^:]+):([^:]+)$/i;

/** The chat's id of a session key; `undefined` for every other session. */
export function chatOf(sessionKey: string | undefined): string | undefined {
  return sessionKey === undefined ? undefined : CHAT_KEY.exec(sessionKey)?.[2];
}

/** The chat's id of an address that the gateway delivers to: a session key or the id itself. */
export const chatOfTarget = (to: string): string => chatOf(to) ?? to.replace(/^clutch:/i, "");

/** The author under which the board knows its coordinator. */
export const COORDINATOR = "ada";
