// The gateway's sessions: found, read, shortened, emptied and removed.
import { connect } from "../gateway/client.mjs";
import { generalChat } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { Gateway } from "../support/gateway.ts";
import { PHONE } from "../support/hand.ts";

test.describe.configure({ timeout: 120_000 });

test("sessions are named by what they are for, filtered and summed, read, and deleted after a warning", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const client = await connect({ url: gateway.url, token: Gateway.token });
  const project = await freshProject(board, "Sessions");
  const chat = `clutch:${project.slug}:${await generalChat(board, project)}`;
  await client.run("chat.send", { sessionKey: chat, message: "Please look at the README", idempotencyKey: `${project.slug}-1` }, 60_000);
  const foreign = `by-hand-${project.slug}`;
  await client.run("chat.send", { sessionKey: foreign, message: "Good morning", idempotencyKey: `${project.slug}-2` }, 60_000);
  client.close();

  const me = await visitor();
  const { page } = me;
  await page.goto(`${board.url}/sessions`);
  const row = (words: string | RegExp) => page.getByRole("row").filter({ hasText: words });
  await expect(row(project.name)).toContainText("General");
  await expect(row(project.name)).toContainText("scripted/lively-1");
  await expect(row(project.name)).toContainText(/\d+(\.\d)?k? /);
  await expect(row(foreign)).toBeVisible();
  await me.accessible();

  await page.getByLabel("Ticket, chat or key").fill(project.slug);
  await page.getByLabel("Type").selectOption("chat");
  await page.getByRole("button", { name: "Filter" }).click();
  await expect(row(foreign)).toHaveCount(0);
  await expect(row(project.name)).toBeVisible();
  const together = page.getByRole("group", { name: "Together" });
  await expect(together).toContainText("1session");
  await expect(together).toContainText(/[\d.]+k?tokens read/);
  await expect(together).toContainText("$");

  await row(project.name).getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1, name: "General" })).toBeVisible();
  await expect(page.getByText("Please look at the README", { exact: true })).toBeVisible();
  await expect(page.getByRole("link", { name: "General" })).toHaveAttribute("href", new RegExp(`/projects/${project.slug}/chat`));
  await me.accessible();

  await page.goto(`${board.url}/sessions?text=${foreign}`);
  await row(foreign).getByRole("link").click();
  await page.getByText("Delete…").click();
  await expect(page.getByText("The session goes for good, with its transcript, its tokens and its cost.")).toBeVisible();
  await me.accessible();
  // A gateway takes seconds to delete one, and the press answers with what came of it.
  await page.getByRole("button", { name: "Delete for good" }).click({ timeout: 60_000 });
  await expect(page.getByRole("status")).toHaveText("The session is deleted, and what was said in it.");
  await expect(row(foreign)).toHaveCount(0);

  const phone = await visitor(PHONE);
  for (const at of ["/sessions", `/sessions/agent:main:${chat}`]) {
    await phone.page.goto(board.url + at);
    expect(await phone.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]), at).toEqual([390, 390]);
    await phone.accessible();
  }
});

test("an agent that is at work keeps its session", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "At work", { local_path: gateway.repository, work_loop_enabled: true });
  const task = await board.createTask(project, "A slow watch", { status: "ready" });
  await gateway.atStep(task.id, 2);
  const me = await visitor();
  const { page } = me;
  me.expectTrouble(/409/);
  await page.goto(`${board.url}/sessions?text=${project.slug}`);
  await page.getByRole("row").filter({ hasText: "A slow watch" }).getByRole("link").click();
  await page.getByText("Delete…").click();
  await page.getByRole("button", { name: "Delete for good" }).click();
  await expect(page.getByRole("alert")).toContainText("it would stop in the middle");
  await page.getByRole("alert").getByRole("link", { name: "Open the ticket" }).click();
  await expect(page).toHaveURL(new RegExp(`/projects/${project.slug}/board\\?task=T-${task.number}`));
  await me.live();
});
