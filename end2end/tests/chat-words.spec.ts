// What can be done with words in a chat: code is coloured and copied, pictures are looked at.
import type { Board } from "../support/board.ts";
import { address, generalChat, messages, said, say } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { form, png } from "../support/picture.ts";
import { until } from "../support/until.ts";

/** A chat in which this was said. */
async function chatWith(board: Board, content: string): Promise<{ chat: string; url: string }> {
  const project = await freshProject(board, "Words");
  const chat = await generalChat(board, project);
  await board.call("POST", `/chats/${chat}/messages`, { author: "ada", content });
  return { chat, url: address(board, project, chat) };
}

const RUST = `// Counts <b>birds</b> & "others".
pub fn count(visits: &[Visit]) -> usize {
\tlet birds = "sparrow";

    visits.iter().filter(|v| v.bird == birds && v.hour < 12).count()
}`;
const ALL_KINDS = "```ts\n// why\nexport class Bird extends Animal { name = 'x'; size: number = 12; is(): boolean { return count(true); } }\n```\n\n```html\n<b class=\"x\">a</b>\n```\n\n```diff\n-old\n+new\n```\n\n```toml\n[a]\nb = 1\n```";

test("code is coloured, and its button copies it as it was written", async ({ alone, visitor }) => {
  const { url } = await chatWith(alone, `Like this:\n\n\`\`\`rust\n${RUST}\n\`\`\`\n\nand\n\n\`\`\`\nplain\n\`\`\`\n\n${ALL_KINDS}`);
  const me = await visitor({ permissions: ["clipboard-read", "clipboard-write"] });
  const page = await me.open(url);
  const block = said(page).first().locator(".code").first();
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await expect(block.locator(".hl-f").first()).toHaveText("count");
  const colour = (of: string) => block.locator(of).first().evaluate((element) => getComputedStyle(element).color);
  expect(new Set(await Promise.all([".hl-c", ".hl-k", ".hl-s", "code"].map(colour))).size, "comment, keyword, string and the rest").toBe(4);

  const copy = block.locator(".copy-code");
  await expect(copy).toHaveCSS("opacity", "0");
  await block.hover();
  await expect(copy).toHaveCSS("opacity", "1");
  await copy.click();
  await expect(copy).toHaveAccessibleName("Copied");
  expect(await clipboard()).toBe(RUST);
  await expect(copy).toHaveAccessibleName("Copy the code");

  // The next one, by keyboard.
  const plain = said(page).first().locator(".code").nth(1);
  await plain.locator("pre").focus();
  await page.keyboard.press("Shift+Tab");
  await expect(plain.locator(".copy-code")).toBeFocused();
  await expect(plain.locator(".copy-code")).toHaveCSS("opacity", "1");
  await page.keyboard.press("Enter");
  await until("it is copied", async () => await clipboard() === "plain");

  for (const colorScheme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme });
    await me.accessible();
  }
});

test("where nothing hovers the button is always there; without JavaScript it is not", async ({ alone, visitor }) => {
  const { url } = await chatWith(alone, `\`\`\`rust\n${RUST}\n\`\`\``);
  const phone = await visitor({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, permissions: ["clipboard-read", "clipboard-write"] });
  const page = await phone.open(url);
  const copy = said(page).first().locator(".copy-code");
  await expect(copy).toHaveCSS("opacity", "1");
  await copy.tap();
  await expect(copy).toHaveAccessibleName("Copied");
  await phone.accessible();
  const still = await visitor({ javaScriptEnabled: false });
  await still.page.goto(url);
  await expect(said(still.page).first().locator("pre .hl-f").first()).toHaveText("count");
  await expect(said(still.page).first().locator(".copy-code")).toBeHidden();
});

const WIDTH = 2400, HEIGHT = 1600;

test("a picture is a thumbnail, opens whole, and closes by Escape, a click and its button", async ({ alone, visitor }) => {
  const answer = await fetch(`${alone.url}/api/upload/image`, { method: "POST", body: form(png(WIDTH, HEIGHT)) });
  const { url: picture } = await answer.json() as { url: string };
  const { url } = await chatWith(alone, `Look: ![The feeder](${picture}) and [the list](/)`);
  const me = await visitor();
  const page = await me.open(url);
  const link = said(page).first().getByRole("link", { name: "The feeder" });
  const small = link.getByRole("img");
  await until("it is loaded", () => small.evaluate((image) => (image as HTMLImageElement).naturalWidth === 2400));
  expect((await small.boundingBox())!.height, "a thumbnail").toBeLessThanOrEqual(320);
  const dialog = page.getByRole("dialog", { name: "The feeder" });

  const closings: (() => Promise<void>)[] = [
    () => page.keyboard.press("Escape"),
    () => dialog.getByRole("button", { name: "Close" }).click(),
    () => page.mouse.click(700, 500),
  ];
  for (const close of closings) {
    await link.focus();
    await page.keyboard.press("Enter");
    await expect(dialog).toBeVisible();
    const big = (await dialog.getByRole("img").boundingBox())!;
    expect([big.width, big.height], "in its own size").toEqual([WIDTH, HEIGHT]);
    await me.accessible();
    await close();
    await expect(dialog).toHaveCount(0);
    await expect(link).toBeFocused();
  }
  await small.click();
  await expect(dialog).toBeVisible();
  await page.keyboard.press("Escape");
  expect(page.context().pages(), "no other tab was opened").toHaveLength(1);

  // As a link like others: with a key held, and without JavaScript.
  const opened = page.context().waitForEvent("page");
  await small.click({ modifiers: ["Control"] });
  expect((await opened).url()).toBe(alone.url + picture);
  const still = await visitor({ javaScriptEnabled: false });
  await still.page.goto(url);
  await expect(said(still.page).first().getByRole("link", { name: "The feeder" })).toHaveAttribute("href", picture);
});

test("a long message travels once, however often its state changes", async ({ shared, visitor }) => {
  const { board } = shared;
  const project = await freshProject(board, "Words");
  const chat = await generalChat(board, project);
  const me = await visitor(), other = await visitor();
  const frames: string[] = [];
  other.page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => frames.push(payload.toString())));
  await other.open(address(board, project, chat));
  await me.open(address(board, project, chat));
  const before = frames.length;
  const words = "sparrow robin wren tit ".repeat(4_400);
  await say(me.page, words);
  await expect(said(other.page)).toHaveCount(2, { timeout: 30_000 });
  await until("it is answered", async () => (await messages(board, chat))[0]?.delivery_status === "responded");
  const id = (await messages(board, chat))[0]!.id;
  // The last state is told, too.
  await until("all of it is told", async () => frames.some((frame) => frame.includes(`"w:${id}"`) && frame.includes('"responded"')));
  const told = frames.slice(before);
  const naming = (part: string) => told.filter((frame) => frame.includes(`"${part}:${id}":`));
  const long = told.filter((frame) => frame.length > words.length / 2);
  expect(long.length, "frames with its words").toBe(1);
  expect(naming("m").length).toBe(1);
  expect(naming("w").length, "its states").toBeGreaterThan(2);
  const bytes = told.reduce((sum, frame) => sum + frame.length, 0);
  expect(bytes - long[0]!.length, "all else together").toBeLessThan(20_000);
  await expect(said(other.page).first().locator(".way")).toHaveCount(0);
});
