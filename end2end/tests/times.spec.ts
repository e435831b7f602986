// Moments, for readers in every zone: told by the clock and not only as an age, with and without a mouse.
import type { Locator, Page } from "@playwright/test";
import { address, generalChat, say, said } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, openPanel } from "../support/look.ts";

/** Three quarters beside the full hour, so no other zone is taken for it. */
const THERE = { timezoneId: "Asia/Kathmandu", locale: "en-GB" };

/** A moment as its reader writes it. */
const written = (page: Page, at: string, how?: object) => page.evaluate(([at, how]) => new Date(at).toLocaleString("en-GB", how), [at, how] as const);
/** The moment of an element, as it stands in the document. */
const moment = async (time: Locator) => (await time.getAttribute("datetime"))!;
/** Whether what is told of it is also to be seen. */
const seen = (time: Locator) => time.evaluate((element) => getComputedStyle(element, "::after").clipPath === "none");

test("an age has its moment in the reader's zone, told to all and seen by who has the focus there", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Times");
  await alone.createTask(project, "When", { status: "backlog" });
  const me = await visitor(THERE);
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  const age = card(page, "When").locator("time");
  const at = await moment(age);
  const whole = await written(page, at);
  expect(whole).not.toBe(new Date(at).toLocaleString("en-GB", { timeZone: "UTC" }));
  await expect(age).toHaveText("now");
  expect(await card(page, "When").ariaSnapshot()).toContain(whole);
  expect(await seen(age)).toBe(false);
  await card(page, "When").getByRole("link").focus();
  expect(await seen(age)).toBe(true);
  const [box, there] = [(await card(page, "When").boundingBox())!, (await age.boundingBox())!];
  expect(there.x + there.width).toBeLessThanOrEqual(box.x + box.width);

  // Where there is room for it, it stands there.
  const opened = await openPanel(page, "When");
  const made = opened.locator(".foot time");
  expect(await opened.locator(".foot").ariaSnapshot()).toContain(await written(page, await moment(made)));
  expect(await seen(made)).toBe(true);
  await opened.getByText("Activity").click();
  expect(await seen(opened.locator(".log time").first())).toBe(true);
  await me.accessible();

  await page.goto(alone.url);
  await me.live();
  const row = page.locator(".project").filter({ hasText: project.name }).last();
  expect(await row.ariaSnapshot()).toContain(await written(page, await moment(row.locator("time"))));
  await page.keyboard.press("Tab"); // from now on it is the keyboard that gives the focus
  await row.getByRole("link").focus();
  expect(await seen(row.locator("time"))).toBe(true);
});

test("a chat tells the time by the reader's clock, and before our code comes by UTC's", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Times");
  const chat = await generalChat(alone, project);
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "Good morning." });
  const me = await visitor(THERE);
  const page = await me.open(address(alone, project, chat));
  const time = said(page).first().locator(".by time");
  const at = await moment(time);
  await expect(time).toHaveText(await written(page, at, { timeStyle: "short" }));
  expect(await said(page).first().ariaSnapshot()).toContain(await written(page, at));
  await expect(said(page).first().getByRole("link", { name: /Link to this message/ })).toHaveAttribute("href", /^#m-/);
  await say(page, "And to you.");
  await expect(said(page).last().locator(".by time")).toHaveText(/^\d\d:\d\d$/);

  const plain = await visitor({ ...THERE, javaScriptEnabled: false });
  await plain.page.goto(address(alone, project, chat));
  await expect(said(plain.page).first().locator(".by time")).toHaveText(`${at.slice(11, 16)} UTC`);
});
