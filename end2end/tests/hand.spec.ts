// What people do shows at once, arrives in its order, and goes back where it is refused.
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, openPanel } from "../support/look.ts";
import { until } from "../support/until.ts";

test("a refused choice falls back, and what was chosen quickly arrives in its order", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Hand");
  const task = await alone.createTask(project, "Choose", { status: "backlog" });
  const me = await visitor();
  me.expectTrouble(/ERR_FAILED/, /Failed to load resource/, /edit_task/);
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  const opened = await openPanel(page, "Choose");
  const priority = opened.getByLabel("Priority", { exact: true });
  let release = () => {};
  const held = new Promise<void>((resolve) => { release = resolve; });
  const asked: string[] = [];
  await page.route(/\/fn\/edit_task/, async (route) => {
    asked.push(new URLSearchParams(route.request().postData() ?? "").get("value") ?? "");
    await held;
    await route.continue();
  });
  await priority.selectOption("Low");
  // At once, on the card too.
  await expect(card(page, "Choose").getByRole("img", { name: "Low priority" })).toBeVisible();
  await priority.selectOption("High");
  await priority.selectOption("Urgent");
  release();
  await until("the last choice is kept", async () => (await alone.call<{ task: { priority: string } }>("GET", `/tasks/${task.id}`)).task.priority === "urgent");
  expect(asked).toEqual(["low", "urgent"]);
  await page.unroute(/\/fn\/edit_task/);
  await page.route(/\/fn\/edit_task/, (route) => route.abort("failed"));
  await priority.selectOption("Medium");
  await expect(priority).toHaveValue("urgent");
  await expect(card(page, "Choose").getByRole("img", { name: "Urgent priority" })).toBeVisible();
});
