// The field of a chat: what its keys do, what is pasted and dropped into it, and that all of it can be undone.
import type { Locator, Page } from "@playwright/test";
import { address, generalChat, said } from "../support/chat.ts";
import type { Board } from "../support/board.ts";
import { expect, freshProject, test, type Visitor } from "../support/fixtures.ts";
import { toasts } from "../support/look.ts";
import { png } from "../support/picture.ts";

const field = (page: Page): Locator => page.getByRole("textbox", { name: "Message", exact: true });
const attach = (page: Page): Locator => page.locator(".attach input");
const NOTE = { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("a note") };
const BLOCK = "**note.txt**\n\n```txt\na note\n```";

async function opened(board: Board, me: Visitor): Promise<Page> {
  const project = await freshProject(board, "Write");
  return await me.open(address(board, project, await generalChat(board, project)));
}

/** Puts the caret somewhere into the field. */
const caret = (page: Page, from: number, to = from): Promise<void> => field(page).evaluate((field, [from, to]) => (field as HTMLTextAreaElement).setSelectionRange(from, to), [from, to] as const);

test("a file goes where the caret is, and can be undone", async ({ alone, visitor }) => {
  const me = await visitor();
  const page = await opened(alone, me);
  await field(page).pressSequentially("one two");
  await caret(page, 3);
  await attach(page).setInputFiles(NOTE);
  await expect(field(page)).toHaveValue(`one\n\n${BLOCK}\n\n two`);
  await expect(field(page)).toBeFocused();
  await page.keyboard.press("Control+z");
  await expect(field(page)).toHaveValue("one two");
  await page.keyboard.press("Control+Shift+z");
  await expect(field(page)).toHaveValue(`one\n\n${BLOCK}\n\n two`);
  // It takes the place of what is marked.
  await field(page).fill("all of it");
  await caret(page, 0, 9);
  await attach(page).setInputFiles(NOTE);
  await expect(field(page)).toHaveValue(BLOCK);
  // Whoever writes elsewhere meanwhile goes on there.
  const find = page.getByRole("searchbox", { name: "Search messages" });
  await page.route(/upload\/image/, async (route) => {
    await find.fill("elsewhere");
    await route.continue();
  });
  await attach(page).setInputFiles({ name: "dot.png", mimeType: "image/png", buffer: png(2, 2) });
  await expect(field(page)).toHaveValue(/```\n\n!\[Image\]\(\/uploads\/images\/[0-9a-f]+\.png\)$/);
  await expect(find).toBeFocused();
});

/** Pastes this; says whether the browser was kept from pasting words. */
const paste = (page: Page, words: string | undefined, files: { name: string; type: string; bytes: number[] }[], html?: string): Promise<boolean> => field(page).evaluate((field, [words, files, html]) => {
  const data = new DataTransfer();
  if (words !== undefined) data.setData("text/plain", words as string);
  if (html !== undefined) data.setData("text/html", html as string);
  for (const file of files as { name: string; type: string; bytes: number[] }[]) data.items.add(new File([new Uint8Array(file.bytes)], file.name, { type: file.type }));
  return !field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}, [words, files, html] as const);

test("cells of a table are pasted as words, a picture and a copied file as files", async ({ alone, visitor }) => {
  const me = await visitor();
  const page = await opened(alone, me);
  const picture = { name: "image.png", type: "image/png", bytes: [...png(2, 2)] };
  expect(await paste(page, "wren\t3\nrobin\t5", [picture], "<table><tr><td>wren</td></tr></table>"), "the browser pastes the words").toBe(false);
  await expect(field(page)).toHaveValue("");
  expect(await paste(page, undefined, [picture], "<img src='x.png'>")).toBe(true);
  await expect(field(page)).toHaveValue(/^!\[Image\]\(\/uploads\/images\//);
  await field(page).fill("");
  // A file that is copied in a file manager has its name as words.
  expect(await paste(page, "note.txt", [{ name: "note.txt", type: "text/plain", bytes: [...NOTE.buffer] }])).toBe(true);
  await expect(field(page)).toHaveValue(BLOCK);
});

test("a long text is pasted whole", async ({ alone, visitor }) => {
  const me = await visitor();
  const page = await opened(alone, me);
  await field(page).focus();
  await page.evaluate(() => document.execCommand("insertText", false, "x".repeat(199_996) + " end."));
  await page.keyboard.insertText("!");
  expect((await field(page).inputValue()).length).toBe(200_002);
  await field(page).press("Enter");
  await expect(said(page).first()).toContainText(/x end\.!/);
});

/** Drags something over the page and drops it, as the browser's own drag does. */
async function drag(page: Page, at: { x: number; y: number }, kind: "files" | "words", drop: boolean): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = kind === "files"
    ? { items: [], files: [FILE], dragOperationsMask: 1 }
    : { items: [{ mimeType: "text/plain", data: "dragged words" }], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", ...drop ? ["drop"] as const : []] as const) await session.send("Input.dispatchDragEvent", { type, ...at, data });
  await session.detach();
}

let FILE = "";
test.beforeAll(async ({}, info) => {
  const [fs, path] = [await import("node:fs"), await import("node:path")];
  FILE = path.join(info.project.outputDir, `dropped-${process.pid}.txt`);
  fs.mkdirSync(path.dirname(FILE), { recursive: true });
  fs.writeFileSync(FILE, "dropped");
});

test("files are dropped anywhere on the chat; beside it nothing happens, and words are the browser's", async ({ alone, visitor }) => {
  const me = await visitor();
  const page = await opened(alone, me);
  await field(page).fill("Look:");
  const target = page.getByText("Drop pictures and text files here");
  const middle = async (of: Locator) => {
    const box = (await of.boundingBox())!;
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  };
  const beside = await middle(page.getByRole("navigation", { name: "Chats" })), chat = await middle(page.locator(".chat"));
  await drag(page, chat, "files", false);
  await expect(target).toBeVisible();
  await drag(page, beside, "files", false);
  await expect(target).toHaveCount(0);
  const address = page.url();
  await drag(page, beside, "files", true);
  await drag(page, await middle(page.getByRole("link", { name: "Board", exact: true })), "files", true);
  expect(page.url()).toBe(address);
  await expect(field(page)).toHaveValue("Look:");
  await drag(page, chat, "files", true);
  await expect(field(page)).toHaveValue(/^Look:\n\n\*\*dropped-\d+\.txt\*\*\n\n```txt\ndropped\n```$/);
  await expect(target).toHaveCount(0);
  await drag(page, chat, "words", false);
  await expect(target).toHaveCount(0);
  expect(page.url()).toBe(address);
});

test("Enter sends by mouse and begins a line by finger; an empty field and a composed character send nothing", async ({ alone, visitor }) => {
  const me = await visitor();
  const page = await opened(alone, me);
  // Safari ends a composition before its Enter: only the number tells.
  await field(page).fill("にほん");
  for (const how of [{ keyCode: 229 }, { isComposing: true }]) {
    await field(page).evaluate((field, how) => field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...how })), how);
  }
  await expect(field(page)).toHaveValue("にほん");
  await field(page).press("Shift+Enter");
  await expect(field(page)).toHaveValue("にほん\n");
  await field(page).press("Control+Enter");
  await expect(said(page)).toHaveCount(1);
  // What the browser would say of an empty field is told by this event.
  await page.evaluate(() => document.addEventListener("invalid", () => { document.title = "scolded"; }, true));
  await field(page).press("Enter");
  await field(page).fill("  ");
  await field(page).press("Enter");
  await expect(page).not.toHaveTitle("scolded");
  await expect(said(page)).toHaveCount(1);

  const phone = await visitor({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const there = await phone.open(page.url());
  await field(there).fill("one");
  await field(there).press("Enter");
  await field(there).pressSequentially("two");
  await expect(field(there)).toHaveValue("one\ntwo");
  expect(await field(there).evaluate((field) => getComputedStyle(field).fontSize)).toBe("16px");
  await there.getByRole("button", { name: "Send" }).click();
  await expect(said(there)).toHaveCount(2);
});

test("a message at the lower edge stands above the field", async ({ alone, visitor }) => {
  for (const viewport of [{ width: 390, height: 844 }, { width: 1440, height: 900 }]) {
    const me = await visitor({ viewport });
    const page = await opened(alone, me);
    await field(page).fill("one\ntwo\nthree\nfour\nfive");
    await attach(page).setInputFiles({ name: "song.bin", mimeType: "application/octet-stream", buffer: Buffer.from([0, 159]) });
    const toast = toasts(page).getByText("song.bin is no text file");
    await expect(toast).toBeVisible();
    const [low, high] = [(await toast.boundingBox())!, (await page.locator(".chat-composer").boundingBox())!];
    expect(low.y + low.height).toBeLessThan(high.y);
  }
});

test("suggestions are asked for when nobody types, and go when the caret goes elsewhere", async ({ alone, visitor }) => {
  const me = await visitor();
  const page = await opened(alone, me);
  let asked = 0;
  page.on("request", (request) => { if (request.url().includes("/fn/find_mentions")) asked += 1; });
  const choices = page.getByRole("listbox", { name: "Suggestions" });
  await field(page).focus();
  await page.evaluate(() => { for (const letter of "say @ada") document.execCommand("insertText", false, letter); });
  await expect(choices.getByRole("option")).toHaveCount(1);
  expect(asked).toBe(1);
  await field(page).press("Home");
  await expect(choices).toHaveCount(0);
  await field(page).press("Enter");
  await expect(said(page).first()).toContainText("say @ada");
});

test("where a field does not grow by itself, it is made as high as its words", async ({ alone, visitor }) => {
  const me = await visitor();
  const { page } = me;
  // A browser without `field-sizing`: it leaves it out of the style, and knows no such property.
  let left = false;
  await page.route(/\.css$/, async (route) => {
    const answer = await route.fetch();
    const css = await answer.text();
    left ||= /field-sizing: ?content/.test(css);
    await route.fulfill({ response: answer, body: css.replaceAll(/field-sizing: ?content;?/g, "") });
  });
  await page.addInitScript(() => {
    const { getPropertyValue } = CSSStyleDeclaration.prototype;
    CSSStyleDeclaration.prototype.getPropertyValue = function (name) { return name === "field-sizing" ? "" : getPropertyValue.call(this, name); };
  });
  await opened(alone, me);
  const height = async () => (await field(page).boundingBox())!.height;
  const whole = () => field(page).evaluate((field) => field.scrollHeight - field.clientHeight);
  const one = await height();
  await field(page).pressSequentially("one");
  expect(await height()).toBe(one);
  for (const word of ["two", "three", "four"]) {
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type(word);
  }
  expect(await height()).toBeGreaterThan(one * 2.5);
  expect(await whole()).toBe(0);
  const four = await height();
  // A draft that is put back is shown whole, too.
  await page.reload();
  await me.live();
  await expect(field(page)).toHaveValue("one\ntwo\nthree\nfour");
  await expect.poll(height).toBe(four);
  // To a part of the screen; from there on it scrolls.
  await field(page).fill("line\n".repeat(200));
  expect(await height()).toBeLessThanOrEqual(900 * 0.4);
  expect(await whole()).toBeGreaterThan(0);
  await field(page).fill("");
  expect(await height()).toBe(one);
  await field(page).fill("a\nb\nc");
  await page.keyboard.press("Enter");
  await expect(field(page)).toHaveValue("");
  await expect.poll(height, "sent, it is as it was").toBe(one);
});
