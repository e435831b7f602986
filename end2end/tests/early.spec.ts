// What hands begin before their code is there (a chunk of its own, fetched once the board is awake) is done when it comes.
import type { Locator, Page } from "@playwright/test";
import type { Board, Project } from "../support/board.ts";
import { expect, freshProject, test, type Visitor } from "../support/fixtures.ts";
import { card, cardIn, column, titles } from "../support/look.ts";

async function withCards(board: Board): Promise<Project> {
  const project = await freshProject(board, "Early");
  for (const title of ["One", "Two", "Three"]) await board.createTask(project, title, { status: "backlog" });
  return project;
}

/** Opens a board that is awake and whose hands have not come; gives what lets them come. */
async function handless(me: Visitor, url: string): Promise<() => Promise<void>> {
  const { page } = me;
  let release = () => {};
  const held = new Promise<void>((resolve) => { release = resolve; });
  await page.route(/split_hands/, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(url);
  await expect(page.locator(".feed")).toHaveText("Live");
  await expect(page.locator(".board")).not.toHaveAttribute("data-hands");
  return async () => {
    release();
    await expect(page.locator(".board")).toHaveAttribute("data-hands");
  };
}

const middle = async (of: Locator) => {
  const box = (await of.boundingBox())!;
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
};

/** Takes a card by the mouse and holds it over a point. */
async function hold(page: Page, from: Locator, to: { x: number; y: number }): Promise<void> {
  const start = await middle(from);
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 5 });
}

test("a drag that began before is gone on with, and one that was over is not", async ({ alone, visitor }) => {
  const project = await withCards(alone);
  const me = await visitor({ viewport: { width: 1920, height: 900 } });
  const { page } = me;
  const come = await handless(me, `${alone.url}/projects/${project.slug}/board`);
  const target = column(page, "Blocked");
  // Let go too early, even outside of the board: nothing is in the air later.
  await hold(page, card(page, "One"), await middle(target));
  await page.mouse.move(60, 500);
  await page.mouse.up();
  await hold(page, card(page, "Two"), await middle(target));
  await come();
  await expect(page.locator(".ghost")).toHaveCount(1);
  await expect(page.locator(".ghost")).toContainText("Two");
  await expect(target.locator(".drop-line")).toBeAttached();
  await page.mouse.up();
  await expect(cardIn(page, "Blocked", "Two")).toBeVisible();
  await expect(page.locator(".ghost")).toHaveCount(0);
  await expect.poll(async () => (await alone.tasks(project)).filter((task) => task.status === "blocked").map((task) => task.title)).toEqual(["Two"]);
  expect(await titles(page, "Backlog")).toEqual(["One", "Three"]);
});

test("a press that was over before lifts nothing", async ({ alone, visitor }) => {
  const project = await withCards(alone);
  const me = await visitor({ viewport: { width: 1920, height: 900 } });
  const { page } = me;
  const come = await handless(me, `${alone.url}/projects/${project.slug}/board`);
  await hold(page, card(page, "One"), await middle(column(page, "Blocked")));
  await page.mouse.move(60, 500);
  await page.mouse.up();
  await come();
  await page.mouse.move(700, 400, { steps: 3 });
  await expect(page.locator(".ghost")).toHaveCount(0);
  expect(await titles(page, "Backlog")).toEqual(["One", "Two", "Three"]);
});

test("keys that were pressed before are pressed, each where the one before has led", async ({ alone, visitor }) => {
  const project = await withCards(alone);
  const me = await visitor({ viewport: { width: 1920, height: 900 } });
  const { page } = me;
  const come = await handless(me, `${alone.url}/projects/${project.slug}/board`);
  await card(page, "One").getByRole("link").focus();
  for (const key of ["ArrowDown", "ArrowDown", "Space", "ArrowRight", "Enter"]) await page.keyboard.press(key);
  await come();
  await expect(cardIn(page, "Ready", "Three")).toBeVisible();
  await expect(card(page, "Three").getByRole("link")).toBeFocused();
  await expect(page).toHaveURL(/board$/);
  await expect.poll(async () => (await alone.tasks(project)).find((task) => task.title === "Three")?.status).toBe("ready");
});

test("taking back that was asked for before is done", async ({ alone, visitor }) => {
  const project = await withCards(alone);
  const me = await visitor();
  const { page } = me;
  const come = await handless(me, `${alone.url}/projects/${project.slug}/board`);
  await page.keyboard.press("Control+z");
  await come();
  await expect(page.locator(".toasts")).toContainText("There is nothing to undo on this board.");
});
