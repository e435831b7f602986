// What people see when the data is kept far away and that place has a bad day.
import { Board } from "../support/board.ts";
import { engine, troubleConvex } from "../support/engine.ts";
import { expect, freshProject, test as base, withHouse } from "../support/fixtures.ts";
import { Gateway, freePort } from "../support/gateway.ts";
import { card, openPanel } from "../support/look.ts";

const test = base.extend<{ far: Board }>({
  // A server with a deployment that nobody else uses.
  far: async ({}, use) => {
    test.skip(engine !== "convex", "the data is on this machine");
    await withHouse("convex", async (house) => {
      const board = new Board(`${house.folder}/board`, { url: `ws://127.0.0.1:${await freePort()}`, token: Gateway.token });
      house.atEnd(() => board.stop());
      await use(await board.start());
    });
  },
});

test.describe.configure({ timeout: 120_000 });

test("Convex goes and comes back: the page says what it waits for, and nothing is lost", async ({ far, visitor }) => {
  const project = await freshProject(far, "Far");
  const task = await far.createTask(project, "Before the storm");
  const me = await visitor();
  me.expectTrouble(/answer: 5\d\d/, /status of 5\d\d/);
  await me.open(`${far.url}/projects/${project.slug}/board`);
  const opened = await openPanel(me.page, task.title);
  await opened.getByLabel("Comment", { exact: true }).fill("Half a sent");

  await troubleConvex(far.folder, "down");
  await expect(me.page.locator(".feed")).toContainText("The database does not answer", { timeout: 20_000 });
  await me.accessible();
  const answer = await fetch(`${far.url}/api/projects`);
  expect(answer.status).toBeGreaterThanOrEqual(500);

  await troubleConvex(far.folder, "up");
  await me.live();
  await far.createTask(project, "After the storm");
  await expect(card(me.page, "After the storm")).toBeVisible();
  await expect(opened.getByLabel("Comment", { exact: true })).toHaveValue("Half a sent");
  await opened.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(opened.getByRole("region", { name: /^Comments/ }).getByRole("article")).toContainText("Half a sent");
});

test("an answer that is lost is asked for again: one ticket, not two", async ({ far, visitor }) => {
  const project = await freshProject(far, "Lossy");
  const me = await visitor();
  await me.open(`${far.url}/projects/${project.slug}/board`);
  await troubleConvex(far.folder, "faults", { loseAnswers: 2, loseRequests: 1 });
  const task = await far.createTask(project, "Once");
  await expect(card(me.page, "Once")).toHaveCount(1);
  expect((await far.tasks(project)).map(({ id }) => id)).toEqual([task.id]);
});

test("sockets that are cut again and again are not worth a word", async ({ far, visitor }) => {
  const project = await freshProject(far, "Cut");
  const me = await visitor();
  await me.open(`${far.url}/projects/${project.slug}/board`);
  for (const title of ["One", "Two", "Three"]) {
    await troubleConvex(far.folder, "drop");
    await far.createTask(project, title);
    await expect(card(me.page, title)).toBeVisible();
    await me.live();
  }
});
