// Pages that are left: nothing of them stays on the next one, and nothing of them goes on.
import type { Page } from "@playwright/test";
import type { Board, Project } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, cardIn, column, openPanel, panel } from "../support/look.ts";

const address = (board: Board, project: Project) => `${board.url}/projects/${project.slug}/board`;

async function withTicket(board: Board, title: string): Promise<Project> {
  const project = await freshProject(board, "Leave");
  await board.createTask(project, title, { status: "backlog" });
  return project;
}

/** Lifts a card with the mouse and holds it. */
async function lift(page: Page, title: string): Promise<{ x: number; y: number }> {
  const box = (await card(page, title).boundingBox())!;
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await page.mouse.move(at.x, at.y);
  await page.mouse.down();
  await page.mouse.move(at.x + 20, at.y + 10);
  await expect(page.locator(".ghost")).toBeVisible();
  return at;
}

/** Goes to a project's board as a link of the rail does, whatever the pointer holds. */
const go = (page: Page, project: Project) => page.locator(`.rail a[href="/projects/${project.slug}/board"]`).evaluate((link) => (link as HTMLElement).click());

/** How many frames the page asks for while twenty go by. */
const framesAskedFor = (page: Page) => page.evaluate(async () => {
  const own = window.requestAnimationFrame.bind(window);
  let asked = 0;
  window.requestAnimationFrame = (act) => { asked++; return own(act); };
  for (let n = 0; n < 20; n++) await new Promise((next) => own(next));
  window.requestAnimationFrame = own;
  return asked;
});

test("a board left in mid-drag leaves no ghost and asks for no more frames", async ({ alone, visitor }) => {
  const project = await withTicket(alone, "In the air");
  const me = await visitor();
  const page = await me.open(address(alone, project));
  await lift(page, "In the air");
  await page.evaluate(() => (document.querySelector('.rail a[href="/"].nav') as HTMLElement).click());
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.locator(".board")).toHaveCount(0);
  await expect(page.locator(".ghost")).toHaveCount(0);
  await expect(page.locator("body")).not.toHaveClass(/dragging/);
  expect(await framesAskedFor(page)).toBeLessThan(5);
  await page.mouse.up();
  expect((await alone.tasks(project))[0].status).toBe("backlog");
});

test("from one board to another: the second has its own cards, fields and drag, once", async ({ alone, visitor }) => {
  const first = await withTicket(alone, "Of the first");
  const second = await withTicket(alone, "Of the second");
  const me = await visitor();
  const page = await me.open(address(alone, first));
  await page.getByRole("searchbox", { name: "Filter tickets" }).fill("first");
  await expect(card(page, "Of the first")).toBeVisible();
  await go(page, second);
  await expect(card(page, "Of the second")).toBeVisible();
  await expect(page.getByRole("searchbox", { name: "Filter tickets" })).toHaveValue("");
  await lift(page, "Of the second");
  await expect(page.locator(".ghost")).toHaveCount(1);
  const target = (await column(page, "Ready").boundingBox())!;
  await page.mouse.move(target.x + target.width / 2, target.y + 120, { steps: 4 });
  await expect(page.locator(".drop-line")).toHaveCount(1);
  await page.mouse.up();
  await expect(cardIn(page, "Ready", "Of the second")).toBeVisible();
});

test("a ticket that was open on one board is not asked for on the next", async ({ alone, visitor }) => {
  const first = await withTicket(alone, "Open here");
  const second = await freshProject(alone, "Leave");
  const me = await visitor();
  const page = await me.open(address(alone, first));
  await openPanel(page, "Open here");
  await go(page, second);
  await expect(page.getByRole("heading", { level: 1, name: second.name })).toBeVisible();
  await expect(page).toHaveURL(address(alone, second));
  await expect(panel(page)).toHaveCount(0);
});

test("a second pointer neither takes nor drops what the first one holds", async ({ alone, visitor }) => {
  const project = await withTicket(alone, "Held");
  await alone.createTask(project, "Another", { status: "backlog" });
  const me = await visitor();
  const page = await me.open(address(alone, project));
  await lift(page, "Held");
  // A palm comes down on the other card and goes.
  await card(page, "Another").evaluate((element) => {
    const palm = { bubbles: true, isPrimary: true, pointerId: 77, pointerType: "touch", button: 0, clientX: 300, clientY: 300 };
    element.dispatchEvent(new PointerEvent("pointerdown", palm));
    element.dispatchEvent(new PointerEvent("pointerup", palm));
  });
  await expect(page.locator(".ghost")).toHaveCount(1);
  await expect(page.locator(".ghost")).toContainText("Held");
  const target = (await column(page, "Ready").boundingBox())!;
  await page.mouse.move(target.x + target.width / 2, target.y + 120, { steps: 4 });
  await expect(column(page, "Ready").locator(".drop-line")).toBeAttached();
  await page.mouse.up();
  await expect(cardIn(page, "Ready", "Held")).toBeVisible();
  await expect(page.locator(".ghost")).toHaveCount(0);
});

test("an answer that comes after the board was left changes nothing and breaks nothing", async ({ alone, visitor }) => {
  const project = await withTicket(alone, "Late");
  const me = await visitor();
  const page = await me.open(address(alone, project));
  let release = () => {};
  const held = new Promise<void>((resolve) => { release = resolve; });
  let answered = () => {};
  const told = new Promise<void>((resolve) => { answered = resolve; });
  await page.route(/\/fn\/move_task/, async (route) => {
    const response = await route.fetch();
    await held;
    await route.fulfill({ response });
    answered();
  });
  await card(page, "Late").getByRole("link").focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Space");
  await expect(cardIn(page, "Ready", "Late")).toBeVisible();
  await page.evaluate(() => (document.querySelector('.rail a[href="/"].nav') as HTMLElement).click());
  await expect(page.locator(".board")).toHaveCount(0);
  release();
  await told;
  // The page still works: what broke would have ended it, and the window's own check says so too.
  await go(page, project);
  await expect(cardIn(page, "Ready", "Late")).toBeVisible();
});

test("what is written for one ticket never stands in another's field", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Leave");
  await alone.createTask(project, "First", { status: "backlog" });
  await alone.createTask(project, "Second", { status: "backlog" });
  const me = await visitor();
  const page = await me.open(address(alone, project));
  await (await openPanel(page, "First")).getByLabel("Comment", { exact: true }).fill("Only for the first");
  await openPanel(page, "Second");
  await expect(panel(page).getByLabel("Comment", { exact: true })).toHaveValue("");
  await openPanel(page, "First");
  await expect(panel(page).getByLabel("Comment", { exact: true })).toHaveValue("Only for the first");
});

test("boards that were visited leave nothing in memory", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Leave");
  for (let n = 0; n < 12; n++) await alone.createTask(project, `Ticket ${n}`, { status: "backlog" });
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  const nodes = async () => {
    // What Rust holds for a listener it lets go in a task of its own, after JavaScript let go of that.
    await devtools.send("HeapProfiler.collectGarbage");
    await page.evaluate(() => new Promise((done) => setTimeout(done)));
    await devtools.send("HeapProfiler.collectGarbage");
    const { metrics } = await devtools.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "Nodes")!.value;
  };
  const trip = async () => {
    await page.evaluate(() => (document.querySelector('.rail a[href="/"].nav') as HTMLElement).click());
    await expect(page.locator(".board")).toHaveCount(0);
    await go(page, project);
    await expect(card(page, "Ticket 11")).toBeVisible();
  };
  for (let n = 0; n < 3; n++) await trip();
  const before = await nodes();
  for (let n = 0; n < 8; n++) await trip();
  // One board that stays would be some 600 nodes a visit.
  expect((await nodes()) - before).toBeLessThan(50);
});
