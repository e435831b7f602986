// Nothing that people, agents or programs write ever runs: titles, names, descriptions, comments,
// questions, messages, tags, as they are painted, hydrated, and as they come by the live feed.
import type { Page } from "@playwright/test";
import type { Board, Project } from "../support/board.ts";
import { address, generalChat } from "../support/chat.ts";
import { expect, freshProject, test, type Visitor } from "../support/fixtures.ts";
import { panel } from "../support/look.ts";
import { VECTORS } from "../support/vectors.ts";

/** Ticket of so many vectors; a page of all would only be long. */
const AT_ONCE = 25;

/** Watches a window: whatever runs or asks is kept. */
async function watched(me: Visitor): Promise<string[]> {
  const ran: string[] = [];
  await me.page.exposeFunction("hit", (what: unknown) => ran.push(`ran: ${String(what)}`));
  me.page.on("dialog", (dialog) => {
    ran.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  me.page.on("popup", (popup) => ran.push(`window: ${popup.url()}`));
  me.page.on("frameattached", (frame) => ran.push(`frame: ${frame.url()}`));
  return ran;
}

/** Elements and attributes that nobody of ours puts into words. */
const strange = (page: Page): Promise<string[]> => page.evaluate(() => {
  const found: string[] = [];
  for (const element of document.body.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on") && name !== "one") found.push(`${element.tagName} ${name}`);
      if (["href", "src", "action", "formaction", "xlink:href"].includes(name) && /^[\s\u0000-\u0020]*(javascript|vbscript|data|blob):/i.test(value)) found.push(`${element.tagName} ${name}=${value}`);
    }
    if (["IFRAME", "OBJECT", "EMBED", "BASE", "META", "MARQUEE", "FRAMESET"].includes(element.tagName)) found.push(element.tagName);
    if (element.closest(".prose") && ["SCRIPT", "STYLE", "LINK", "FORM"].includes(element.tagName)) found.push(`${element.tagName} in words`);
  }
  return found;
});

/** A title is one line of at most 200 characters that shows something. */
const title = (vector: string): string => `x ${vector}`.replace(/\s+/g, " ").slice(0, 190);

async function write(board: Board, project: Project, vectors: string[]): Promise<{ task: string; number: number; chat: string }> {
  const task = await board.createTask(project, title(vectors[0]!), { description: vectors.join("\n\n"), tags: vectors.slice(0, 5).map((v) => v.replace(/[\s,]+/g, " ").slice(0, 40)) });
  const chat = await generalChat(board, project);
  await Promise.all(vectors.map((vector) => board.call("POST", `/tasks/${task.id}/comments`, { content: vector, author: "kimi", author_type: "agent" })));
  await board.call("POST", "/signal", { taskId: task.id, sessionKey: "s", agentId: "kimi", kind: "question", message: vectors.join("\n\n") });
  for (const vector of vectors) await board.call("POST", `/chats/${chat}/messages`, { content: vector, author: "kimi" });
  return { task: task.id, number: task.number, chat };
}

test(`${VECTORS.length} scripts are words everywhere`, async ({ alone, visitor }) => {
  test.setTimeout(240_000);
  expect(new Set(VECTORS).size).toBeGreaterThanOrEqual(150);
  const me = await visitor();
  // What is refused by the page's policy would be in the console; nothing even tries, so nothing is expected.
  const ran = await watched(me);
  for (let at = 0; at < VECTORS.length; at += AT_ONCE) {
    const vectors = VECTORS.slice(at, at + AT_ONCE);
    const project = await freshProject(alone, `S${at}`);
    await alone.call("PATCH", `/projects/${project.id}`, { name: title(vectors[1]!).slice(0, 90), description: vectors[2] });
    const { number, chat } = await write(alone, project, vectors);
    const pages = [`${alone.url}/projects/${project.slug}/board?task=T-${number}`, address(alone, project, chat), `${alone.url}/projects/${project.slug}/settings`, `${alone.url}/`];
    for (const page of pages) {
      await me.open(page);
      expect(await strange(me.page), page).toEqual([]);
    }
    // By the live feed, onto pages that are open.
    await me.open(pages[0]!);
    await expect(panel(me.page)).toBeVisible();
    const live = vectors.slice(0, 8);
    for (const vector of live) await alone.createTask(project, title(vector));
    await alone.call("POST", `/chats/${chat}/messages`, { content: "the last one", author: "kimi" });
    await expect(me.page.locator("[data-card]")).toHaveCount(1 + live.length);
    expect(await strange(me.page)).toEqual([]);
    await me.open(pages[1]!);
    await expect(me.page.getByText("the last one").last()).toBeVisible();
    await alone.call("POST", `/chats/${chat}/messages`, { content: vectors.join("\n\n"), author: "kimi" });
    await alone.call("POST", `/chats/${chat}/messages`, { content: "and the end", author: "kimi" });
    await expect(me.page.getByText("and the end").last()).toBeVisible();
    expect(await strange(me.page)).toEqual([]);
    expect(ran, `vectors from ${at}`).toEqual([]);
  }
});
