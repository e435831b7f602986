// The look of what comes later is a sheet of its own: a board does not load it first, and nothing that needs it is seen without.
import type { Page } from "@playwright/test";
import { expect, freshProject, test } from "../support/fixtures.ts";

const LATER = /-later\.[\w-]+\.css$/;

/** How an element is laid out in the moment in which it comes. */
const firstSeen = (page: Page, selector: string): Promise<string> =>
  page.evaluate((selector) => new Promise<string>((done) => {
    const look = () => {
      const it = document.querySelector(selector);
      if (it) done(getComputedStyle(it).display);
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true });
  }), selector);

test("what a board leads to waits for its look, and is never seen without", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Look");
  const { page } = await visitor();
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(LATER, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${alone.url}/projects/${project.slug}/board`);
  await expect(page.locator("link[rel=stylesheet]")).toHaveCount(1);
  await expect(page.locator(".feed")).toHaveText("Live");
  const seen = firstSeen(page, "form.form");
  const code = page.waitForResponse(/split_elsewhere/);
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  await (await code).finished();
  release();
  expect(await seen).toBe("grid");
  await expect(page.locator("link#later")).toHaveCount(1);
});

test("what is painted by the server has its look from the first", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Look");
  const task = await alone.createTask(project, "Paint the door");
  const { page } = await visitor({ javaScriptEnabled: false });
  for (const [where, selector] of [["settings", "form.form"], ["chat", ".chat-body"], [`board?task=T-${task.number}`, ".panel .fields"], ["board?new=ready", "dialog .form"]]) {
    await page.goto(`${alone.url}/projects/${project.slug}/${where}`);
    await expect(page.locator(selector!).first(), where).toHaveCSS("display", "grid");
    await expect(page.locator("link#later"), where).toHaveCount(1);
  }
});

test("where the look does not come, the page says so, and has it when somebody tries again", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Look");
  const me = await visitor();
  me.expectTrouble(/-later\./);
  const { page } = me;
  await page.route(LATER, (route) => route.abort());
  await page.goto(`${alone.url}/projects/${project.slug}/board`);
  await expect(page.locator(".feed")).toHaveText("Live");
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  await expect(page.getByText("This part of the page could not be fetched.")).toBeVisible();
  await page.unroute(LATER);
  await page.goBack();
  await expect(page).toHaveURL(/board$/);
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  await expect(page.locator("form.form")).toHaveCSS("display", "grid");
});
