// A question of an agent that came by itself: its answers are offered, and one click gives one.
import type { Board } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, panel } from "../support/look.ts";
import { until } from "../support/until.ts";

/** A ticket whose agent asks. */
async function asked(board: Board, title: string): Promise<{ address: string; answer: () => Promise<string | null> }> {
  const project = await freshProject(board, "Pulled");
  const task = await board.createTask(project, title);
  await board.call("POST", `/v1/tasks/${task.id}/move`, { to: "ready" });
  const { claim } = await board.call("POST", "/v1/claims", { task: task.id, agent: "claude" }) as { claim: { run: { id: string } } };
  const question = { kind: "question", run: claim.run.id, message: "Which colour?", options: ["Red", "Blue, as the shutters"] };
  const signal = await board.call("POST", `/v1/tasks/${task.id}/signals`, question) as { id: string };
  const answer = async () => (await board.call("GET", `/v1/signals/${signal.id}`) as { response: string | null }).response;
  return { address: `${board.url}/projects/${project.slug}/board?task=T-${task.number}`, answer };
}

test("one click gives an answer that the agent offers", async ({ alone, visitor }) => {
  const { address, answer } = await asked(alone, "Paint the door");
  const me = await visitor();
  await me.open(address);
  await me.live();
  await expect(card(me.page, "Paint the door")).toContainText("Asks you");
  const offered = panel(me.page).getByRole("group", { name: "Answers that it offers" });
  await expect(offered.getByRole("button")).toHaveText(["Red", "Blue, as the shutters"]);
  await me.accessible();
  await offered.getByRole("button", { name: "Blue" }).click();
  await until("the answer is there", async () => (await answer()) === "Blue, as the shutters");
  await expect(offered).toHaveCount(0);
  await expect(panel(me.page)).toContainText("Blue, as the shutters");
  await expect(card(me.page, "Paint the door")).not.toContainText("Asks you");
});

test("an offered answer is given before any code runs", async ({ alone, visitor }) => {
  const { address, answer } = await asked(alone, "Oil the hinge");
  const still = await visitor({ javaScriptEnabled: false });
  await still.page.goto(address);
  await panel(still.page).getByRole("button", { name: "Red" }).click();
  await until("the answer is there", async () => (await answer()) === "Red");
});
