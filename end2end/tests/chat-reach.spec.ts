// A chat of any length: only what is near where somebody reads is on the page, and what is read stays where it is.
import type { Locator, Page } from "@playwright/test";
import type { Board } from "../support/board.ts";
import { address, generalChat, said, writer } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { until } from "../support/until.ts";

test.describe.configure({ timeout: 300_000 });

/** More are never on the page at once: two hundred, and two pages more for a moment. */
const PAINTED = 300;

const log = (page: Page): Locator => page.getByRole("log", { name: "Messages" });
const line = (page: Page, n: number): Locator => said(page).filter({ hasText: `Line ${n} of` });

/** A chat of so many lines, every tenth of them long. */
async function story(board: Board, lines: number): Promise<{ chat: string; url: string; ids: string[] }> {
  const project = await freshProject(board, "Reach");
  const chat = await generalChat(board, project);
  const ids: string[] = [];
  for (let n = 1; n <= lines; n++) {
    const content = `Line ${n} of the story.${n % 10 === 0 ? "\n\n- it\n- goes\n- on".repeat(3) : ""}`;
    const { message } = await board.call<{ message: { id: string } }>("POST", `/chats/${chat}/messages`, { author: "ada", content });
    ids.push(message.id);
  }
  return { chat, url: address(board, project, chat), ids };
}

/** The line that is topmost in view, or this one, and where its words lie. */
const top = (page: Page, id?: string): Promise<{ id: string; y: number }> => log(page).evaluate((log, id) => {
  const edge = log.getBoundingClientRect().top;
  const first = [...log.querySelectorAll("article[id]")].find((article) => id === undefined ? article.getBoundingClientRect().bottom > edge + 1 : article.id === id)!;
  return { id: first.id, y: Math.round(first.querySelector(".bubble")!.getBoundingClientRect().top - edge) };
}, id);

/** Whether a line is in view. */
const inView = (page: Page, n: number): Promise<boolean> => log(page).evaluate((log, n) => {
  const box = log.getBoundingClientRect();
  const line = [...log.querySelectorAll("article[id]")].find((article) => article.textContent?.includes(`Line ${n} of`))?.getBoundingClientRect();
  return line !== undefined && line.bottom > box.top && line.top < box.bottom;
}, n);

/** Scrolls by screens as a wheel does until it is so; looks after each whether too much is on the page. */
async function wheel(page: Page, screens: number, done: () => Promise<boolean>): Promise<void> {
  let most = 0;
  await until("it was scrolled there", async () => {
    await log(page).evaluate((log, screens) => log.scrollBy(0, screens * log.clientHeight), screens);
    most = Math.max(most, await said(page).count());
    return await done();
  }, 120);
  expect(most).toBeLessThan(PAINTED);
}

test("all of a long chat is walked through, up and down, and never more than a part of it is on the page", async ({ alone, visitor }) => {
  const { url, chat } = await story(alone, 420);
  const me = await visitor();
  const page = await me.open(url);
  await expect(line(page, 420)).toBeInViewport();
  await wheel(page, -0.8, () => inView(page, 1));
  await expect(line(page, 1)).toBeInViewport();
  await expect(page.getByText("Older messages")).toHaveCount(0);
  await expect(line(page, 420)).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Newest" })).toBeVisible();
  await me.accessible();

  // What comes meanwhile is counted, and the reader stays.
  const before = await top(page);
  for (let n = 421; n <= 480; n++) await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: `Line ${n} of the story.` });
  await expect(page.getByRole("button", { name: "60 new", exact: true })).toBeVisible();
  expect(await top(page)).toEqual(before);

  // Down again: each line comes after the one before, none is left out.
  const seen = new Set<number>();
  await wheel(page, 0.5, async () => {
    for (const text of await said(page).allTextContents()) seen.add(Number(/Line (\d+) of/.exec(text)?.[1]));
    return await inView(page, 480);
  });
  expect([...Array(480).keys()].map((n) => n + 1).filter((n) => !seen.has(n)), "left out").toEqual([]);
  await wheel(page, 1, () => log(page).evaluate((log) => log.scrollTop > -2)); // where its height is no whole number, the end is beside 0
  await expect(page.getByRole("button", { name: /new/i })).toHaveCount(1); // of the list of chats
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "Line 481 of the story." });
  await expect(line(page, 481)).toBeInViewport();
});

test("what is read stays where it is while older, newer and growing things come around it", async ({ alone, visitor }) => {
  const { url, chat } = await story(alone, 400);
  const me = await visitor();
  const send = await writer(me.page, chat);
  // What is loaded comes when the test says so.
  const held: (() => void)[] = [];
  await me.page.route(/load_older/, async (route) => {
    await new Promise<void>((release) => held.push(release));
    await route.continue();
  });
  const page = await me.open(url);
  const number = async (which: Locator) => Number(/Line (\d+) of/.exec(await which.textContent() ?? "")?.[1]);
  const ends = async () => [await number(said(page).first()), await number(said(page).last())] as const;
  /** Scrolls to a place, so many screens away from the upper (or the lower) end, where more is loaded. */
  const goTo = (screens: number, down = false) => log(page).evaluate((log, [screens, down]) => {
    const away = Number(screens) * log.clientHeight;
    log.scrollTo(0, down ? -away : away + log.clientHeight - log.scrollHeight);
  }, [screens, down] as const);
  const still = async (what: string, act: () => Promise<void>) => {
    const before = await top(page);
    await act();
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const after = await top(page, before.id);
    expect(Math.abs(after.y - before.y), what).toBeLessThanOrEqual(2);
  };
  const load = async (what: string, screens: number, down: boolean) => {
    await until("nothing is under way", async () => {
      held.shift()?.();
      return await log(page).getAttribute("aria-busy") === "false";
    });
    const before = await ends();
    await goTo(screens, down);
    await until("more is asked for", () => held.length > 0);
    await still(what, async () => {
      held.shift()!();
      await until("more is there", async () => {
        const now = await ends();
        return down ? now[1] > before[1] : now[0] < before[0];
      });
    });
  };
  // At the very end of what is there, too.
  for (const screens of [1, 0.3, 0, 1, 0.5]) await load("older ones come", screens, false);
  expect((await ends())[1], "the newest were let go").toBeLessThan(400);
  for (const screens of [1.2, 0]) await load("newer ones come", screens, true);
  // Older ones that come late do not take away what is read at the other end meanwhile.
  await goTo(0.5);
  await until("more is asked for", () => held.length > 0);
  await goTo(1, true);
  await still("older ones come late", async () => {
    held.shift()!();
    await expect(log(page)).toHaveAttribute("aria-busy", "false");
  });
  await still("somebody speaks", async () => {
    await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "Line 401 of the story." });
    await expect(page.getByRole("button", { name: "1 new", exact: true })).toBeVisible();
  });
  // What grew is heard of only when it is painted, and the page hears of the scrolling before that.
  const before = await top(page);
  await log(page).evaluate((log) => {
    log.scrollBy(0, -7);
    ([...log.querySelectorAll("article[id]")].at(-1) as HTMLElement).style.paddingBottom = "300px";
  });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  expect(Math.abs((await top(page, before.id)).y - before.y - 7), "something grows while it is scrolled").toBeLessThanOrEqual(2);
  const stream = (blocks: string[], open: string, from: number) => send({ from, blocks, open });
  await still("somebody writes", async () => {
    stream(["<p>Much.</p>"], "<p>More of it</p>", 0);
    await expect(page.locator(".writing .bubble")).toContainText("More of it");
    stream(Array<string>(20).fill("<p>Much.</p>"), "<p>And more</p>", 1);
    await expect(page.locator(".writing .bubble")).toContainText("And more");
  });
});

test("a person who speaks while reading old words is brought to the end", async ({ alone, visitor }) => {
  const { url } = await story(alone, 320);
  const me = await visitor();
  const page = await me.open(url);
  await wheel(page, -0.8, () => inView(page, 1));
  await expect(line(page, 320)).toHaveCount(0);
  const field = page.getByRole("textbox", { name: "Message", exact: true });
  await field.fill("I have read it.");
  await field.press("Enter");
  await expect(said(page).last()).toContainText("I have read it.");
  await expect(said(page).last()).toBeInViewport();
  await expect(line(page, 320)).toBeInViewport();
  await wheel(page, -0.8, () => inView(page, 1));
});

test("the keyboard stays in the list when the message it is in goes, and what is marked does not go", async ({ alone, visitor }) => {
  const { url } = await story(alone, 420);
  const me = await visitor();
  const page = await me.open(url);
  await line(page, 420).getByRole("button", { name: "Copy" }).focus();
  await wheel(page, -0.8, () => inView(page, 1));
  await expect(line(page, 420)).toHaveCount(0);
  await expect(log(page)).toBeFocused();
  await page.keyboard.press("PageDown");

  await page.getByRole("button", { name: "Newest" }).click();
  await expect(line(page, 420)).toBeInViewport();
  await line(page, 419).locator("p").last().selectText();
  for (let n = 0; n < 400 && !await inView(page, 1); n++) await log(page).evaluate((log) => log.scrollBy(0, -0.8 * log.clientHeight));
  await expect(line(page, 1)).toBeInViewport();
  expect(await page.evaluate(() => getSelection()?.toString())).toBe("Line 419 of the story.");
});
