// The gateway comes, dies and comes back: the pages say so, and nothing is done twice.
import path from "node:path";
import { Board } from "../support/board.ts";
import { engine } from "../support/engine.ts";
import { expect, freshProject, test as base, withHouse, type Pair } from "../support/fixtures.ts";
import { Gateway } from "../support/gateway.ts";
import { cardIn } from "../support/look.ts";
import { until } from "../support/until.ts";

const test = base.extend<object, { apart: Pair }>({
  // A server whose gateway is not started yet.
  apart: [async ({}, use) => {
    await withHouse("gateway", async (house) => {
      const gateway = await Gateway.prepare(path.join(house.folder, "gateway"));
      const board = new Board(path.join(house.folder, "board"), { url: gateway.url, token: Gateway.token });
      house.atEnd(() => board.stop());
      house.atEnd(() => gateway.stop());
      await use({ board: await board.start(), gateway });
    });
  }, { scope: "worker", timeout: 60_000 }],
});

test.describe.configure({ mode: "serial", timeout: 180_000 });

test("home says that no gateway answers and what to do, and turns green when it comes", async ({ apart, visitor }) => {
  const { board, gateway } = apart;
  const me = await visitor();
  await me.open(board.url);
  const steps = me.page.getByRole("region", { name: /^First steps/ });
  const line = (title: string) => steps.getByRole("listitem").filter({ has: me.page.getByRole("heading", { name: title, exact: true }) });
  await expect(line("Store")).toContainText("Done");
  await expect(line("Store")).toContainText(engine === "convex" ? "Convex" : "SQLite");
  await expect(line("OpenClaw gateway")).toContainText("Needs you");
  await expect(line("OpenClaw gateway")).toContainText(`Nothing answers at ${gateway.url}`);
  await expect(line("OpenClaw gateway").locator("pre")).toHaveText("openclaw gateway run");
  await expect(line("OpenClutch plugin")).toContainText("Later");
  await me.accessible();

  await gateway.start(board.url);
  await expect(line("OpenClaw gateway")).toContainText("Connected to OpenClaw 2026.9.6", { timeout: 60_000 });
  await expect(line("OpenClutch plugin")).toContainText("Loaded", { timeout: 20_000 });
  await expect(steps).toContainText("3 of 5");
  await me.accessible();
});

test("3: the gateway killed in mid-run and restarted: told honestly, heals, nothing sent twice", async ({ apart, visitor }) => {
  const { board, gateway } = apart;
  const project = await freshProject(board, "Restart", { local_path: gateway.repository, work_loop_enabled: true });
  const me = await visitor();
  await me.open(`${board.url}/projects/${project.slug}/board`);
  const chip = me.page.locator(".gateway summary");
  await expect(chip).toHaveText("Connected");

  const title = "Count the nuthatches twice";
  const task = await board.createTask(project, title, { status: "ready" });
  await gateway.atStep(task.id, 2);
  await gateway.cut();
  await expect(chip).toHaveText(/^(Connection lost|No gateway)$/);
  // Somebody who makes a ticket now is told why it waits.
  const waits = "Watch the woodpecker";
  await board.createTask(project, waits, { status: "ready" });
  await expect(cardIn(me.page, "Ready", waits)).toContainText("The gateway does not answer", { timeout: 20_000 });
  await expect(cardIn(me.page, "In progress", title)).toBeVisible();
  await chip.click();
  await expect(me.page.locator(".gateway .pop-body")).toContainText("OpenClaw gateway");
  await me.accessible();
  await chip.click();

  const before = gateway.asked(task.id).length;
  await gateway.start(board.url);
  await expect(chip).toHaveText("Connected", { timeout: 60_000 });
  await expect(cardIn(me.page, "In review", title)).toBeVisible({ timeout: 120_000 });
  await expect(cardIn(me.page, "In review", waits)).toBeVisible({ timeout: 60_000 });
  // The gateway went on by itself; the server did not send the work again.
  expect(gateway.asked(task.id).length).toBeGreaterThan(before);
  await until("both are settled", async () => (await board.tasks(project)).every((found) => found.status === "in_review"));
  for (const found of await board.tasks(project)) {
    expect(gateway.dispatches(found.id), found.title).toEqual({ 1: 1 });
    expect(gateway.commits(found.id), found.title).toHaveLength(1);
  }
});
