// An answer that is being written leaves alone what is read, marked and listened to meanwhile.
import type { Locator, Page } from "@playwright/test";
import { address, generalChat, messages, said, say, writer } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { keepTexts } from "../support/look.ts";
import { until } from "../support/until.ts";

test.describe.configure({ timeout: 120_000 });

const writing = (page: Page) => page.locator(".writing .bubble");

/** How far each block of an answer lies below the one before; they begin at one line. */
async function gaps(bubble: Locator): Promise<number[]> {
  const lie = await bubble.evaluate((bubble) => [...bubble.querySelectorAll(":scope > .md > *")].map((block) => {
    const { left, top, bottom } = block.getBoundingClientRect();
    return { left, top, bottom };
  }));
  expect(new Set(lie.map(({ left }) => left)).size).toBe(1);
  return lie.slice(1).map(({ top }, n) => Math.round(top - lie[n]!.bottom));
}

test("what is marked in an answer stays marked while it goes on, and so does the scroll of its code", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Stream");
  const chat = await generalChat(alone, project);
  const me = await visitor();
  const send = await writer(me.page, chat);
  const page = await me.open(address(alone, project, chat));
  const code = `<div class="code"><pre tabindex="0"><code>${"wide ".repeat(200)}</code></pre></div>`;
  send({ from: 0, blocks: ["<p>Sparrows come first.</p>", code], open: "<p>Then" });
  await expect(writing(page)).toContainText("Then");
  await page.getByText("Sparrows come first.").selectText();
  await writing(page).locator("pre").evaluate((pre) => { pre.scrollLeft = 120; });
  await page.evaluate(() => { (window as unknown as { block: Element }).block = document.querySelector(".writing .bubble pre")!; });
  for (let n = 0; n < 50; n++) send({ from: 2, blocks: [], open: `<p>Then ${"more ".repeat(n)}` });
  send({ from: 2, blocks: ["<p>Then all.</p>"], open: "<p>The end.</p>" });
  await expect(writing(page)).toContainText("The end.");
  expect(await page.evaluate(() => getSelection()?.toString())).toBe("Sparrows come first.");
  expect(await writing(page).locator("pre").evaluate((pre) => [pre.scrollLeft, pre === (window as unknown as { block: Element }).block])).toEqual([120, true]);
  await expect(writing(page).locator("p")).toHaveText(["Sparrows come first.", "Then all.", "The end."]);
  // They lie as those of the message will: each below the one before, and as wide as the list.
  expect(await gaps(writing(page))).toEqual([10, 10, 10]);
  // The message takes the place of what was being written; what is marked stays marked in it.
  send({ from: 0, blocks: ["<p>Sparrows <em>come</em> first.</p>"], open: "<p>Then robins.</p>" });
  await expect(writing(page).locator("p")).toHaveText(["Sparrows come first.", "Then robins."]);
  await page.evaluate(() => {
    const [one, two] = document.querySelectorAll(".writing .bubble p");
    getSelection()!.setBaseAndExtent(one!.querySelector("em")!.firstChild!, 0, two!.firstChild!, 4);
  });
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "Sparrows *come* first.\n\nThen robins.", run_id: "r" });
  await expect(said(page)).toHaveCount(1);
  await expect(page.locator(".writing article")).toHaveCount(0);
  await expect.poll(() => page.evaluate(() => [getSelection()?.toString().replace(/\s+/g, " "), getSelection()?.anchorNode?.parentElement?.closest("article")?.id.slice(0, 2)])).toEqual(["come first. Then", "m-"]);
  expect(await gaps(said(page).locator(".bubble"))).toEqual([10]);
});

test("what is taken back is not shown any more", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Stream");
  const chat = await generalChat(alone, project);
  const me = await visitor();
  const send = await writer(me.page, chat);
  const page = await me.open(address(alone, project, chat));
  send({ from: 0, blocks: ["<p>One.</p>", "<p>Two.</p>"], open: "" });
  await expect(writing(page).locator("p")).toHaveText(["One.", "Two."]);
  send({ from: 0, blocks: ["<p>Otherwise.</p>"], open: "" });
  await expect(writing(page).locator("p")).toHaveText(["Otherwise."]);
});

test("who listens to the page is told once that somebody writes, and then the answer", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Stream", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const me = await visitor();
  const page = await me.open(address(board, project, chat));
  // Nothing of what is being written stands in a region that is read out.
  const regions = await keepTexts(page, ".chat [role=status], .chat [aria-live]:not([aria-live=off])");
  const loud = page.evaluate(() => new Promise<number>((resolve) => {
    let loud = 0;
    const region = (node: Node): string | null | undefined => (node instanceof Element ? node : node.parentElement)?.closest("[aria-live], [role=log], [role=status]")?.getAttribute("aria-live");
    new MutationObserver((all) => {
      loud += all.filter(({ target }) => (target instanceof Element ? target : target.parentElement)?.closest(".writing") && region(target) !== "off").length;
      if ([...document.querySelectorAll("article[id]")].some((article) => article.textContent?.includes("Minute 60"))) resolve(loud);
    }).observe(document.querySelector(".chat")!, { subtree: true, childList: true, characterData: true });
  }));
  await say(page, "Tell it slow, please.");
  await expect(writing(page)).toContainText("Minute 3", { timeout: 60_000 });
  await expect(said(page).nth(1)).toContainText("Minute 60", { timeout: 60_000 });
  expect(await loud).toBe(0);
  const told = (await regions()).filter((text) => text !== "");
  expect(told).toContain("Ada is writing");
  expect(told.filter((text) => text.includes("Minute")), "no piece of the answer").toEqual([]);
  expect(new Set(told).size, told.join(" | ")).toBeLessThan(6);
});

test("nobody has a message any more once it is answered", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Stream", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const me = await visitor();
  const page = await me.open(address(board, project, chat));
  await page.evaluate(() => {
    const seen = window as unknown as { after: string[] };
    seen.after = [];
    new MutationObserver(() => {
      if (document.querySelectorAll("article[id]").length === 2) seen.after.push(document.querySelector(".writing")!.innerHTML.replace(/<!--.*?-->/g, ""));
    }).observe(document.querySelector(".chat")!, { subtree: true, childList: true, characterData: true });
  });
  await say(page, "Who came first?");
  await expect(said(page)).toHaveCount(2, { timeout: 60_000 });
  await until("it is over", async () => (await messages(board, chat)).every((m) => m.author === "ada" || m.delivery_status === "responded"));
  await expect(page.locator(".way")).toHaveCount(0);
  expect(await page.evaluate(() => (window as unknown as { after: string[] }).after.filter((html) => html.includes("thinking")))).toEqual([]);
});

test("words for the gateway are never shown", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Stream");
  const chat = await generalChat(alone, project);
  const me = await visitor();
  const page = await me.open(address(alone, project, chat));
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "NO_REPLY" });
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "Done.\n\nNO_REPLY" });
  await expect(said(page)).toHaveCount(1);
  await expect(said(page).first().locator(".bubble")).toHaveText("Done.");
  await expect(page.getByRole("navigation", { name: "Chats" })).not.toContainText("NO_REPLY");
});
