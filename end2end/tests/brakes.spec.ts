// What bounds agents: one is stopped from its ticket, and a day's budget is set and met.
import type { Board } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { PHONE } from "../support/hand.ts";
import { card, cardIn, panel } from "../support/look.ts";
import { until } from "../support/until.ts";

/** A ticket with an agent that came by itself, so that the end of its run is the board's alone. */
async function taken(board: Board, title: string): Promise<{ address: string; ended: () => Promise<unknown> }> {
  const project = await freshProject(board, "Braked");
  const task = await board.createTask(project, title);
  await board.call("POST", `/v1/tasks/${task.id}/move`, { to: "ready" });
  const { claim } = await board.call("POST", "/v1/claims", { task: task.id, agent: "claude" }) as { claim: { run: { id: string } } };
  const ended = async () => (await board.call("GET", `/v1/runs/${claim.run.id}`) as { outcome: unknown }).outcome;
  return { address: `${board.url}/projects/${project.slug}/board?task=T-${task.number}`, ended };
}

test("an agent is stopped from its ticket, once somebody means it", async ({ alone, visitor }) => {
  const { address, ended } = await taken(alone, "Paint the door");
  const me = await visitor();
  await me.open(address);
  await me.live();
  const stop = panel(me.page).getByRole("button", { name: "Stop the agent" });
  await stop.click();
  const sure = me.page.getByRole("dialog", { name: "Stop the agent?" });
  await me.accessible();
  await sure.getByRole("button", { name: "Cancel" }).click();
  await expect(sure).toHaveCount(0);
  expect(await ended()).toBeNull();
  await stop.click();
  await sure.getByRole("button", { name: "Stop", exact: true }).click();
  await until("it is stopped", async () => (await ended()) === "aborted");
  await expect(panel(me.page)).toContainText("A person stopped the agent. Move the task to Ready to start another.");
  await expect(stop).toHaveCount(0);
  await expect(cardIn(me.page, "Blocked", "Paint the door")).toBeVisible();
});

test("an agent is stopped before any code runs", async ({ alone, visitor }) => {
  const { address, ended } = await taken(alone, "Oil the hinge");
  const still = await visitor({ javaScriptEnabled: false });
  await still.page.goto(address);
  await panel(still.page).getByRole("button", { name: "Stop the agent" }).click();
  await until("it is stopped", async () => (await ended()) === "aborted");
});

test("a budget is set, and a ticket that it holds says so", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Bounded", { local_path: gateway.repository, work_loop_enabled: true });
  const me = await visitor();
  await me.page.goto(`${board.url}/projects/${project.slug}/settings`);
  await me.page.getByRole("link", { name: "Brakes" }).click();
  await expect(me.page.getByRole("heading", { level: 1 })).toContainText("Brakes of");
  await me.accessible();
  await me.page.getByLabel("Tokens").fill("two million");
  me.expectTrouble(/400/);
  await me.page.getByRole("button", { name: "Save" }).click();
  await expect(me.page.getByRole("alert")).toContainText("A budget is a whole number of agents");
  await expect(me.page.getByLabel("Tokens")).toHaveValue("two million");
  await me.page.getByLabel("Tokens").fill("2,000,000");
  await me.page.getByLabel("Agents started").fill("0");
  await me.page.getByRole("button", { name: "Save" }).click();
  await expect(me.page.getByRole("status").first()).toHaveText("Saved.");
  const task = await board.createTask(project, "Wait for tomorrow");
  await board.call("POST", `/v1/tasks/${task.id}/move`, { to: "ready" });
  await me.open(`${board.url}/projects/${project.slug}/board`);
  await expect(card(me.page, "Wait for tomorrow")).toContainText("budget of 0 agents is used up");

  const phone = await visitor(PHONE);
  await phone.page.goto(`${board.url}/projects/${project.slug}/brakes`);
  expect(await phone.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])).toEqual([390, 390]);
  await phone.accessible();
});
