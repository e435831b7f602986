// Chats of a board, by REST and on the page.
import { expect, type Locator, type Page, type WebSocketRoute } from "@playwright/test";
import type { Board, Project } from "./board.ts";

export interface Message { id: string; author: string; content: string; run_id?: string; delivery_status?: string; failure_reason?: string; retry_count?: number }

/** The chat that every project begins with. */
export async function generalChat(board: Board, project: Project): Promise<string> {
  const { chats } = await board.call<{ chats: { id: string }[] }>("GET", `/chats?projectId=${project.id}`);
  return chats[0]!.id;
}

export async function messages(board: Board, chat: string): Promise<Message[]> {
  return (await board.call<{ messages: Message[] }>("GET", `/chats/${chat}/messages?limit=100`)).messages;
}

export const address = (board: Board, project: Project, chat: string): string => `${board.url}/projects/${project.slug}/chat?chat=${chat}`;

/** Messages on the page. */
export const said = (page: Page): Locator => page.getByRole("log", { name: "Messages" }).locator("article[id]");

/** Writes a message and sends it with Enter; returns when the server has confirmed it. */
export async function say(page: Page, words: string): Promise<void> {
  const field = page.getByRole("textbox", { name: "Message", exact: true });
  await field.fill(words);
  await field.press("Enter");
  await expect(field).toHaveValue("");
  await expect(said(page).filter({ hasText: words }).first()).toBeVisible();
}

/** Lets a test say what an agent is writing in a chat, as if its gateway did; before the page is opened. */
export async function writer(page: Page, chat: string): Promise<(stream: object) => void> {
  let socket: WebSocketRoute | undefined;
  await page.routeWebSocket(/\/live/, (route) => { socket = route; route.connectToServer(); });
  return (stream) => socket!.send(JSON.stringify({ t: "stream", chat, stream: { run: "r", who: "Ada", said: true, ...stream } }));
}
