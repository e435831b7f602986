// The board: making, moving and finding tickets, by mouse, finger and keyboard.
import type { Page } from "@playwright/test";
import type { Board, Project } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { drag, Finger, middle } from "../support/hand.ts";
import { card, cardIn, column, titles, toasts, type Column } from "../support/look.ts";
import { until } from "../support/until.ts";

/** A project whose loop is off, with tickets in one column. */
async function withTickets(board: Board, names: string[], status = "backlog"): Promise<Project> {
  const project = await freshProject(board, "Board");
  for (const name of names) await board.createTask(project, name, { status });
  return project;
}

const address = (board: Board, project: Project) => `${board.url}/projects/${project.slug}/board`;

/** All six columns are on the screen. */
const WIDE = { viewport: { width: 1920, height: 900 } };

test("a ticket is made; it says what happens where, and who is told", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Board");
  const a = await visitor(), b = await visitor();
  await a.open(address(alone, project));
  await b.open(address(alone, project));
  await a.accessible();
  await a.page.getByRole("button", { name: "New Ticket", exact: true }).click();
  const dialog = a.page.getByRole("dialog", { name: "New ticket" });
  // The loop is off here, so a ticket begins in the backlog.
  await expect(dialog.getByLabel("Column")).toHaveValue("backlog");
  await expect(dialog).toContainText("An agent starts when this is Ready.");
  await dialog.getByLabel("Column").selectOption("Ready");
  await expect(dialog).toContainText("An agent takes it as soon as the loop runs here.");
  await dialog.getByLabel("Column").selectOption("Blocked");
  await expect(dialog).toContainText("No agent starts from this column.");
  await dialog.getByLabel("Column").selectOption("Ready");
  await dialog.getByLabel("Title").fill("Fill the feeder");
  await dialog.getByRole("button", { name: "Urgent", exact: true }).click();
  await dialog.getByLabel("Role").selectOption("Research");
  await dialog.getByLabel("Title").press("Control+Enter");
  await expect(dialog).toBeHidden();
  for (const { page } of [a, b]) {
    const made = cardIn(page, "Ready", "Fill the feeder");
    await expect(made).toBeVisible();
    await expect(made).toContainText(/T-\d+/);
    await expect(made).toContainText("Research");
    await expect(made.getByRole("img", { name: "Urgent priority" })).toBeVisible();
    // Why nothing happens to it.
    await expect(made).toContainText("The work loop is off in this project.");
  }
  await a.accessible();
});

test("an empty title is not sent", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Board");
  const me = await visitor();
  await me.open(`${address(alone, project)}?new`);
  const dialog = me.page.getByRole("dialog", { name: "New ticket" });
  await dialog.getByRole("button", { name: "Create Task" }).click();
  await expect(dialog.getByLabel("Title")).toHaveJSProperty("validity.valueMissing", true);
  expect(await alone.tasks(project)).toHaveLength(0);
  await me.page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(me.page).toHaveURL(address(alone, project));
});

test("a press inside a dialog keeps it, wherever the browser says it was; one beside it closes it", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Board");
  const me = await visitor();
  await me.open(`${address(alone, project)}?new`);
  const dialog = me.page.getByRole("dialog", { name: "New ticket" });
  // So Firefox tells of an option that is chosen with the mouse: without a place.
  await dialog.getByLabel("Role").locator("option").last().evaluate((option) => option.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, cancelable: true, composed: true })));
  await dialog.getByLabel("Title").fill("Still here");
  await expect(dialog).toBeVisible();
  await me.page.mouse.click(20, 450);
  await expect(dialog).toBeHidden();
});

test("by mouse: across columns and within one, seen in another window", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["One", "Two", "Three"]);
  const a = await visitor(), b = await visitor();
  await a.open(address(alone, project));
  await b.open(address(alone, project));
  const backlog = column(a.page, "Backlog"), review = column(a.page, "In review");
  await expect.poll(() => titles(a.page, "Backlog")).toEqual(["One", "Two", "Three"]);

  // Within: the third goes above the first.
  const first = await cardIn(a.page, "Backlog", "One").boundingBox();
  await drag(a.page, cardIn(a.page, "Backlog", "Three"), { x: first!.x + 40, y: first!.y + 4 }, backlog);
  for (const { page } of [a, b]) await expect.poll(() => titles(page, "Backlog")).toEqual(["Three", "One", "Two"]);

  // Across: into an empty column, then beside another.
  await drag(a.page, cardIn(a.page, "Backlog", "One"), await middle(review), review);
  for (const { page } of [a, b]) await expect.poll(() => titles(page, "In review")).toEqual(["One"]);
  const one = await cardIn(a.page, "In review", "One").boundingBox();
  await drag(a.page, cardIn(a.page, "Backlog", "Two"), { x: one!.x + 40, y: one!.y + 4 }, review);
  for (const { page } of [a, b]) await expect.poll(() => titles(page, "In review")).toEqual(["Two", "One"]);
  await expect(backlog.locator("header .c")).toHaveText("1");
  await expect(review.locator("header .c")).toHaveText("2");

  // The server has the same, in the same order.
  await until("the server has it", async () => (await alone.tasks(project)).map((task) => `${task.title} ${task.status}`).join() === "Three backlog,Two in_review,One in_review");
  // A drag is no click: no panel opened.
  await expect(a.page.getByRole("complementary", { name: /^Ticket / })).toHaveCount(0);
  await a.page.reload();
  await expect.poll(() => titles(a.page, "In review")).toEqual(["Two", "One"]);
});

test("by mouse: Escape puts a card back", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["Stay"]);
  const me = await visitor(WIDE);
  const page = await me.open(address(alone, project));
  const start = await middle(card(page, "Stay")), end = await middle(column(page, "Blocked"));
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move(end.x, end.y, { steps: 4 });
  await expect(column(page, "Blocked").locator(".drop-line")).toBeAttached();
  await page.keyboard.press("Escape");
  await expect(page.locator(".ghost")).toHaveCount(0);
  await page.mouse.up();
  await expect(cardIn(page, "Backlog", "Stay")).toBeVisible();
  expect((await alone.tasks(project))[0].status).toBe("backlog");
});

test("by finger: hold, drag and drop; a quick swipe scrolls and moves nothing", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["One", "Two"]);
  const me = await visitor({ hasTouch: true });
  const page = await me.open(address(alone, project));
  const finger = await Finger.of(page);

  const from = await middle(card(page, "One")), to = await middle(column(page, "Ready"));
  await finger.down(from);
  await expect(page.locator(".ghost")).toBeVisible();
  await finger.move(from, to);
  await expect(column(page, "Ready").locator(".drop-line")).toBeAttached();
  await finger.up();
  await expect(cardIn(page, "Ready", "One")).toBeVisible();
  await until("the server has it", async () => (await alone.tasks(project)).find((task) => task.title === "One")?.status === "ready");

  const two = await middle(card(page, "Two"));
  await finger.down(two);
  await finger.move(two, { x: two.x + 120, y: two.y }, 4);
  await finger.up();
  await expect(page.locator(".ghost")).toHaveCount(0);
  await expect(cardIn(page, "Backlog", "Two")).toBeVisible();
});

test("keys that come faster than pictures all reach the card that they move", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["One", "Two", "Three"]);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const link = page.getByRole("link", { name: "Two", exact: true });
  await link.focus();
  // No picture is painted meanwhile, as on a machine that is busy.
  await page.evaluate(() => { window.requestAnimationFrame = (later) => window.setTimeout(later, 60_000); });
  for (const key of ["Space", "ArrowRight", "ArrowRight", "ArrowDown", "Space"]) await page.keyboard.press(key);
  await until("the server has it", async () => (await alone.tasks(project)).find((task) => task.title === "Two")?.status === "in_progress");
  await expect(link).toBeFocused();
  for (const key of ["Space", "ArrowLeft", "Escape", "Enter"]) await page.keyboard.press(key);
  await expect(page.getByRole("complementary", { name: /^Ticket / })).toBeVisible();
});

test("by keyboard: walk, lift, move, drop, put back, all of it said", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["One", "Two", "Three"]);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const said = page.locator("[aria-live=assertive]");
  const link = (title: string) => page.getByRole("link", { name: title, exact: true });
  await link("One").focus();
  await page.keyboard.press("ArrowDown");
  await expect(link("Two")).toBeFocused();

  await page.keyboard.press("Space");
  await expect(said).toContainText("Two lifted. Backlog, 2 of 3.");
  await page.keyboard.press("ArrowDown");
  await expect.poll(() => titles(page, "Backlog")).toEqual(["One", "Three", "Two"]);
  await expect(said).toContainText("Backlog, 3 of 3");
  await expect(link("Two")).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await expect(cardIn(page, "Ready", "Two")).toBeVisible();
  await expect(link("Two")).toBeFocused();
  await page.keyboard.press("Space");
  await expect(said).toContainText("Two dropped");
  await until("the server has it", async () => (await alone.tasks(project)).find((task) => task.title === "Two")?.status === "ready");
  await expect(link("Two")).toBeFocused();

  // Lifted and given up: as it was, here and on the server.
  await page.keyboard.press("Space");
  await expect(said).toContainText("Two lifted. Ready");
  await page.keyboard.press("ArrowLeft");
  await expect(cardIn(page, "Backlog", "Two")).toBeVisible();
  await expect(link("Two")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(cardIn(page, "Ready", "Two")).toBeVisible();
  expect((await alone.tasks(project)).find((task) => task.title === "Two")?.status).toBe("ready");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: /^Ticket / })).toBeVisible();
});

test("a late answer to one move leaves the card in the hand that lifted it again", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["One", "Two"]);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const said = page.locator("[aria-live=assertive]");
  const link = page.getByRole("link", { name: "Two", exact: true });
  let answer = () => {};
  const asked = new Promise<void>((resolve) => (answer = resolve));
  await page.route(/\/fn\/move_task/, async (route) => {
    const response = await route.fetch();
    await asked;
    await route.fulfill({ response });
  });
  await link.focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowRight");
  await expect(cardIn(page, "Ready", "Two")).toBeVisible();
  await expect(link).toBeFocused();
  await page.keyboard.press("Space");
  await until("the server has it", async () => (await alone.tasks(project)).find((task) => task.title === "Two")?.status === "ready");

  await page.keyboard.press("Space");
  await expect(said).toContainText("Two lifted. Ready");
  await page.keyboard.press("ArrowLeft");
  await expect(cardIn(page, "Backlog", "Two")).toBeVisible();
  const answered = page.waitForResponse(/\/fn\/move_task/);
  answer();
  await (await answered).finished();
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await expect(cardIn(page, "Backlog", "Two")).toBeVisible();
  await expect(link).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(said).toContainText("Two put back. Ready");
  await expect(cardIn(page, "Ready", "Two")).toBeVisible();
});

test("a move that the server refuses is taken back, and said", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["Stubborn"]);
  const me = await visitor(WIDE);
  me.expectTrouble(/move_task/, /ERR_FAILED/);
  const page = await me.open(address(alone, project));
  const said = page.locator("p.sr[aria-live=assertive]");
  let drop = () => {};
  await page.route(/\/fn\/move_task/, async (route) => {
    await new Promise<void>((go) => { drop = go; });
    await route.abort();
  });
  await drag(page, card(page, "Stubborn"), await middle(column(page, "Ready")), column(page, "Ready"));
  await expect(said).toContainText("Stubborn dropped in Ready.");
  drop();
  await expect(cardIn(page, "Backlog", "Stubborn")).toBeVisible();
  await expect(said).toContainText("Stubborn is back in Backlog.");
});

test("by the card's menu, from the keyboard too", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["One", "Two"]);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  await card(page, "Two").getByRole("button", { name: /^Actions for T-/ }).focus();
  await page.keyboard.press("Enter");
  const menu = page.getByRole("menu");
  await expect(menu.getByRole("menuitem", { name: "Move to top" })).toBeFocused();
  await me.accessible();
  await page.keyboard.press("Enter");
  await expect.poll(() => titles(page, "Backlog")).toEqual(["Two", "One"]);
  await card(page, "Two").getByRole("button", { name: /^Actions for T-/ }).click();
  await menu.getByRole("menuitem", { name: "Blocked" }).click();
  await expect(cardIn(page, "Blocked", "Two")).toBeVisible();
  await card(page, "Two").getByRole("button", { name: /^Actions for T-/ }).click();
  await page.keyboard.press("Escape");
  await expect(menu).toHaveCount(0);
});

test("what waits for another ticket does not start: refused at once, in words", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["First", "Second"]);
  const [first, second] = await alone.tasks(project);
  await alone.call("POST", `/tasks/${second.id}/dependencies`, { depends_on_id: first.id });
  const me = await visitor();
  const page = await me.open(address(alone, project));
  await expect(card(page, "Second").getByRole("img", { name: "Waits for 1 ticket" })).toBeVisible();
  const target = column(page, "In progress");
  await drag(page, cardIn(page, "Backlog", "Second"), await middle(target), target);
  await expect(toasts(page)).toContainText("dependencies not complete");
  await expect(cardIn(page, "Backlog", "Second")).toBeVisible();
  await me.accessible();
  expect((await alone.task(second.id)).status).toBe("backlog");
  // Once the other is done it goes.
  await alone.move(first.id, "done");
  await expect(card(page, "Second").getByRole("img", { name: "Everything it waited for is done" })).toBeVisible();
  await drag(page, cardIn(page, "Backlog", "Second"), await middle(target), target);
  await until("it moved", async () => (await alone.task(second.id)).status === "in_progress");
});

test("done is left on purpose only", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["Finished"], "done");
  const [task] = await alone.tasks(project);
  const me = await visitor(WIDE);
  const page = await me.open(address(alone, project));
  const target = column(page, "Backlog");
  await drag(page, cardIn(page, "Done", "Finished"), await middle(target), target);
  const question = page.getByRole("dialog", { name: /^Reopen T-\d+\?$/ });
  await expect(question).toContainText("It is done. Moving it to Backlog opens it again.");
  await me.accessible();
  await question.getByRole("button", { name: "Cancel" }).click();
  await expect(cardIn(page, "Done", "Finished")).toBeVisible();
  expect((await alone.task(task.id)).status).toBe("done");
  await drag(page, cardIn(page, "Done", "Finished"), await middle(target), target);
  await question.getByRole("button", { name: "Reopen" }).click();
  await expect(cardIn(page, "Backlog", "Finished")).toBeVisible();
  await until("it is open again", async () => (await alone.task(task.id)).status === "backlog");
});

test("the filter finds by words, number and role", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["Robin redbreast", "Great tit", "Robin hood"]);
  const [robin] = await alone.tasks(project);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const filter = page.getByRole("searchbox", { name: "Filter tickets" });
  await filter.fill("robin");
  await expect.poll(() => titles(page, "Backlog")).toEqual(["Robin redbreast", "Robin hood"]);
  await filter.fill(`t-${robin.number}`);
  await expect.poll(() => titles(page, "Backlog")).toEqual(["Robin redbreast"]);
  await filter.fill("");
  await expect.poll(() => titles(page, "Backlog")).toHaveLength(3);
});

test("the loop is switched on, paused and off in the header, in every window", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Loop");
  const a = await visitor(), b = await visitor();
  await a.open(address(alone, project));
  await b.open(address(alone, project));
  const loop = (page: Page) => page.getByRole("group", { name: "Work loop" });
  await expect(loop(a.page)).toContainText("Loop off");
  await loop(a.page).getByRole("button", { name: "Switch on" }).click();
  for (const { page } of [a, b]) {
    await expect(loop(page)).toContainText("Loop on");
    await expect(page.getByText("No agent starts before this project knows its repository.")).toBeVisible();
  }
  await a.accessible();
  await loop(b.page).getByRole("button", { name: "Pause" }).click();
  for (const { page } of [a, b]) await expect(loop(page)).toContainText("Paused");
  await loop(a.page).getByRole("button", { name: "Resume" }).click();
  await expect(loop(b.page)).toContainText("Loop on");
});

test("columns are in the order of work, each with its count", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Columns");
  const order: [Column, string][] = [["Backlog", "backlog"], ["Ready", "ready"], ["In progress", "in_progress"], ["In review", "in_review"], ["Blocked", "blocked"], ["Done", "done"]];
  for (const [index, [, status]] of order.entries()) {
    for (let n = 0; n <= index % 3; n++) await alone.createTask(project, `${status} ${n}`, { status });
  }
  const me = await visitor();
  const page = await me.open(address(alone, project));
  await expect(page.locator(".col h2")).toHaveText(order.map(([name]) => name));
  for (const [index, [name]] of order.entries()) {
    await expect(column(page, name).locator("header .c")).toHaveText(String((index % 3) + 1));
    await expect(column(page, name).locator("[data-card]")).toHaveCount((index % 3) + 1);
  }
  await me.accessible();
  await page.emulateMedia({ colorScheme: "dark" });
  await me.accessible();
});

test("at 1440 pixels all six columns are seen; an empty one is a strip that takes a card", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["Here", "There"]);
  await alone.createTask(project, "At work", { status: "ready" });
  const me = await visitor();
  const page = await me.open(address(alone, project));
  for (const name of ["Backlog", "Ready", "In progress", "In review", "Blocked", "Done"] as const) {
    await expect(column(page, name)).toBeInViewport({ ratio: 1 });
  }
  const board = page.locator(".board");
  expect(await board.evaluate((element) => element.scrollWidth <= element.clientWidth)).toBe(true);
  const strip = (await column(page, "Blocked").boundingBox())!;
  expect(strip.width).toBeLessThan(60);
  await drag(page, card(page, "Here"), await middle(column(page, "Blocked")), column(page, "Blocked"));
  await expect(cardIn(page, "Blocked", "Here")).toBeVisible();
  expect((await column(page, "Blocked").boundingBox())!.width).toBeGreaterThan(160);
  await me.accessible();
});

test("the filter is in the address: a reload and a link show the same", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["Oil the hinge", "Paint the door"]);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  await page.getByRole("searchbox", { name: "Filter tickets" }).fill("Hinge");
  await expect.poll(() => titles(page, "Backlog")).toEqual(["Oil the hinge"]);
  await expect(page).toHaveURL(/[?&]q=hinge/);
  // What the address says else comes and goes beside it.
  await card(page, "Oil the hinge").getByRole("link").click();
  await expect(page).toHaveURL(/task=T-\d+/);
  await expect(page).toHaveURL(/[?&]q=hinge/);
  await page.reload();
  await me.live();
  await expect(page.getByRole("searchbox", { name: "Filter tickets" })).toHaveValue("hinge");
  expect(await titles(page, "Backlog")).toEqual(["Oil the hinge"]);
  await page.getByRole("searchbox", { name: "Filter tickets" }).fill("");
  await expect(page).not.toHaveURL(/q=/);
  await expect.poll(() => titles(page, "Backlog")).toEqual(["Oil the hinge", "Paint the door"]);
});

test("a long tag and a long name end where their card does", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["Plain"]);
  await alone.createTask(project, "Tagged", { status: "backlog", tags: ["x".repeat(50), "y".repeat(50)], assignee: "z".repeat(50) });
  for (const viewport of [{ width: 1440, height: 900 }, { width: 360, height: 740 }]) {
    const me = await visitor({ viewport });
    const page = await me.open(address(alone, project));
    const out = await card(page, "Tagged").evaluate((element) => {
      const right = element.getBoundingClientRect().right;
      return [...element.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > right + 0.5).map((one) => one.className);
    });
    expect(out).toEqual([]);
  }
});

test("one column with cards does not leave half of the page empty, several have it for themselves", async ({ alone, visitor }) => {
  const project = await withTickets(alone, ["Lonely"]);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const board = (await page.locator(".board").boundingBox())!;
  const places = async () => Promise.all((["Backlog", "Ready", "In progress", "In review", "Blocked", "Done"] as const).map(async (name) => (await column(page, name).boundingBox())!));
  const all = await places();
  expect(board.x + board.width - all[5]!.x - all[5]!.width, "it ends where the page does").toBeLessThan(40);
  expect(all[0]!.width).toBeGreaterThan(260);
  for (const empty of all.slice(1)) expect(empty.width).toBeGreaterThanOrEqual(160);
  await expect(column(page, "Ready").getByText("Put a ticket here and an agent takes it.")).toBeVisible();
  // Beside the panel there is no room for them.
  await card(page, "Lonely").getByRole("link").click();
  await expect.poll(async () => (await places())[1]!.width).toBe(46);
  await page.keyboard.press("Escape");
  await expect.poll(async () => (await places())[1]!.width).toBeGreaterThanOrEqual(160);
  await alone.createTask(project, "Ready one", { status: "ready" });
  await expect.poll(async () => (await places()).map((place) => place.width === 46)).toEqual([false, false, true, true, true, true]);
});
