// Stories 1, 2 and 5: tickets done by a real agent, seen from real browsers.
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, cardIn, column, keepTexts, openPanel, panel, toasts } from "../support/look.ts";

test.describe.configure({ timeout: 120_000 });

/** States that a card shows before the agent says what it does. */
const STATES = ["Starting", "Working", "Waits for an answer", "Claimed", ""];

test("1: a ticket made in one browser is done by an agent, live in both", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Feeder", { local_path: gateway.repository, work_loop_enabled: true });
  const address = `${board.url}/projects/${project.slug}/board`;
  const a = await visitor(), b = await visitor();
  await a.open(address);
  await b.open(address);
  const linesInA = await keepTexts(a.page, ".card .live .cut"), linesInB = await keepTexts(b.page, ".card .live .cut");
  const title = "Show the busiest day of the week";

  await a.page.getByRole("button", { name: "New Ticket", exact: true }).click();
  const dialog = a.page.getByRole("dialog", { name: "New ticket" });
  await dialog.getByLabel("Title").fill(title);
  await dialog.getByLabel("Description").fill("One more command for the log: which day had the most visits?");
  await expect(dialog.getByLabel("Column")).toHaveValue("ready");
  await expect(dialog).toContainText("An agent takes it in a moment.");
  await a.accessible();

  const claimed = a.page.waitForFunction((title) => {
    const cards = [...document.querySelectorAll("#col-in_progress [data-card] h3")];
    return cards.some((card) => card.textContent === title) && Date.now();
  }, title, { timeout: 20_000, polling: "raf" });
  const begun = Date.now();
  await dialog.getByRole("button", { name: "Create Task" }).click();
  const seconds = ((await (await claimed).jsonValue()) as number - begun) / 1000;
  console.log(`measured: Ready to claimed in ${seconds.toFixed(2)} s, from the click to the card in progress`);
  expect(seconds).toBeLessThan(10);
  await expect(dialog).toBeHidden();

  await expect(cardIn(b.page, "In progress", title)).toBeVisible();
  await a.accessible();
  for (const page of [a.page, b.page]) await expect(cardIn(page, "In review", title)).toBeVisible({ timeout: 60_000 });
  for (const lines of [await linesInA(), await linesInB()]) {
    expect(lines.filter((line) => !STATES.includes(line)), "what the agent did was shown").not.toEqual([]);
  }

  const [task] = await board.tasks(project);
  expect(gateway.dispatches(task.id)).toEqual({ 1: 1 });
  expect(gateway.commits(task.id)).toHaveLength(1);
  const opened = await openPanel(b.page, title);
  await expect(opened.getByRole("region", { name: "Runs" })).toContainText("attempt 1");
  await expect(opened.getByRole("region", { name: /^Comments/ })).toContainText("is committed; the tests pass");
  await b.accessible();
});

test("2: an agent's question is answered in the page, and the agent goes on", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Asking", { local_path: gateway.repository, work_loop_enabled: true });
  const title = "Ask which seed to log first";
  const task = await board.createTask(project, title, { status: "ready" });
  const me = await visitor();
  await me.open(`${board.url}/projects/${project.slug}/board`);

  await expect(card(me.page, title)).toContainText("Asks you", { timeout: 30_000 });
  // The tab counts what waits for a person in every project.
  const counted = async () => {
    const { pendingCount } = await board.call<{ pendingCount: number }>("GET", "/signal?limit=1");
    return pendingCount > 0 ? `(${pendingCount}) ` : "";
  };
  expect(await counted()).toMatch(/^\([1-9]/);
  await expect.poll(async () => (await me.page.title()) === `${await counted()}${project.name} · OpenClutch`).toBe(true);
  await expect(me.page.getByRole("button", { name: "1 needs you" })).toBeVisible();
  await me.accessible();

  const opened = await openPanel(me.page, title);
  const question = opened.getByRole("region", { name: "The agent asks you" });
  await expect(question).toContainText("which bird should it begin with?");
  await me.accessible();
  // The agent waits: it asks for nothing more until the answer comes.
  expect(gateway.asked(task.id).some((line) => line.name === "comment")).toBe(false);
  await question.getByLabel("Answer").fill("The robin, as always");
  await question.getByRole("button", { name: "Answer" }).click();

  await expect(question).toBeHidden();
  await expect(opened.getByRole("region", { name: /^Comments/ })).toContainText("The robin, as always");
  await expect(cardIn(me.page, "In review", title)).toBeVisible({ timeout: 60_000 });
  // What the agent says at the end is what it heard.
  await expect(opened.getByRole("region", { name: /^Comments/ })).toContainText('As you answered: "The robin, as always"');
  await expect.poll(async () => (await me.page.title()) === `${await counted()}${project.name} · OpenClutch`).toBe(true);
  expect(gateway.dispatches(task.id)).toEqual({ 1: 1 });
});

test("5: an agent that forgets to report, and one that fails", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Trouble", { local_path: gateway.repository, work_loop_enabled: true });
  const forgets = "Forget to report: sort the birds by name", fails = "Fail once, then count the sparrows";
  const failing = await board.createTask(project, fails, { status: "ready" });
  await board.createTask(project, forgets, { status: "ready" });
  const me = await visitor({ timezoneId: "Asia/Kathmandu", locale: "en-GB" });
  await me.open(`${board.url}/projects/${project.slug}/board`);

  const stuck = cardIn(me.page, "Blocked", forgets);
  await expect(stuck).toBeVisible({ timeout: 40_000 });
  await expect(stuck).toContainText("The agent ended without reporting. Its last words: The feeder looks fine to me");

  // Failed once: it says when it is tried again.
  await expect(cardIn(me.page, "Ready", fails)).toContainText(/Retries at \d\d:\d\d:\d\d$/m, { timeout: 40_000 });
  // By the clock of who reads it.
  const [hours, minutes] = /Retries at (\d\d):(\d\d)/.exec(await cardIn(me.page, "Ready", fails).locator(".why").innerText())!.slice(1).map(Number);
  const ahead = await me.page.evaluate(([hours, minutes]) => (hours! * 60 + minutes! - new Date().getHours() * 60 - new Date().getMinutes() + 1440) % 1440, [hours, minutes]);
  expect(ahead).toBeLessThan(15);
  await me.accessible();
  const opened = await openPanel(me.page, fails);
  await expect(opened.getByRole("region", { name: "Runs" })).toContainText(/Failed.*LLM request failed/);
  await expect(cardIn(me.page, "In review", fails)).toBeVisible({ timeout: 90_000 });
  await expect(opened.getByRole("region", { name: "Runs" })).toContainText("attempt 2");
  expect(gateway.dispatches(failing.id)).toEqual({ 1: 1, 2: 1 });
  await expect(toasts(me.page)).toBeEmpty();
  await expect(panel(me.page)).toBeVisible();
  await expect(column(me.page, "In progress").locator("[data-card]")).toHaveCount(0);
});
