// "Needs you": what waits for a person in all projects, answered in its place: by mouse, by keys, without any code.
import type { Locator, Page } from "@playwright/test";
import { connect, type Client } from "../gateway/client.mjs";
import type { Board, Project } from "../support/board.ts";
import { generalChat } from "../support/chat.ts";
import { expect, freshProject, startAlone, test, withHouse } from "../support/fixtures.ts";
import { Gateway } from "../support/gateway.ts";
import { PHONE } from "../support/hand.ts";
import { until } from "../support/until.ts";

/** The card with these words. */
const ask = (page: Page, words: string | RegExp): Locator => page.getByRole("article").filter({ hasText: words });
const said = (page: Page): Locator => page.locator("#said");

/** A ticket whose agent asks; answers what it was told. */
async function asks(board: Board, project: Project, message: string, options: string[], severity = "normal") {
  const task = await board.createTask(project, `About ${message.slice(0, 80)}`);
  await board.call("POST", `/v1/tasks/${task.id}/move`, { to: "ready" });
  const { claim } = await board.call<{ claim: { run: { id: string } } }>("POST", "/v1/claims", { task: task.id, agent: "kimi" });
  const question = { kind: "question", run: claim.run.id, severity, message, options };
  const { id } = await board.call<{ id: string }>("POST", `/v1/tasks/${task.id}/signals`, question);
  const response = async () => (await board.call<{ response: string | null }>("GET", `/v1/signals/${id}`)).response;
  return Object.assign(response, { id });
}

/** Says something to the agent of a chat whose session lets nobody run a command without a person. */
async function guarded(client: Client, board: Board, project: Project): Promise<(words: string) => Promise<() => Promise<string>>> {
  const sessionKey = `clutch:${project.slug}:${await generalChat(board, project)}`;
  await client.call("sessions.patch", { key: sessionKey, permissionMode: "guarded" });
  let said = 0;
  return async (message) => {
    said += 1;
    await client.call("chat.send", { sessionKey, message, idempotencyKey: `${project.slug}-${said}` });
    return async () => JSON.stringify((await client.call("chat.history", { sessionKey, limit: 1 })).messages);
  };
}

// All that waits anywhere is in the list, so this one has a server of its own.
test("an agent's question is answered by one press, and by a key", async ({ visitor }) => {
  await withHouse("needs", async (house) => {
    const board = await startAlone(house);
    const project = await freshProject(board, "Asking");
    const first = await asks(board, project, "Which colour has the door?", ["Red", "Blue, as the shutters"]);
    const me = await visitor();
    const { page } = me;
    await page.goto(`${board.url}/needs-you`);
    const door = ask(page, "Which colour has the door?");
    await expect(door).toContainText(project.name);
    await expect(door.getByRole("link", { name: /T-\d+ About Which colour/ })).toBeVisible();
    await me.accessible();
    await door.getByRole("button", { name: "Blue, as the shutters" }).click();
    await until("the answer is there", async () => (await first()) === "Blue, as the shutters");
    await expect(door).toHaveCount(0);
    await expect(said(page)).toHaveText("Answered. The agent hears it next.");

    // What comes while the page is open shows by itself, the critical one above.
    const second = await asks(board, project, "Oak or ash?", ["Oak", "Ash"]);
    await expect(ask(page, "Oak or ash?")).toBeVisible();
    await asks(board, project, "The saw is gone.", [], "critical");
    await expect(page.getByRole("article").first()).toContainText("The saw is gone.");
    await expect(page).toHaveTitle(/^\(2\) Needs you/);
    // A digit presses only on the card that has the focus.
    await page.locator("body").press("2");
    await page.keyboard.press("j");
    await expect(ask(page, "The saw is gone.")).toBeFocused();
    await page.keyboard.press("j");
    await expect(ask(page, "Oak or ash?")).toBeFocused();
    expect(await second()).toBeNull();
    await page.keyboard.press("2");
    await until("the answer is there", async () => (await second()) === "Ash");
    // The focus goes on to the card beside it.
    await expect(ask(page, "The saw is gone.")).toBeFocused();
  });
});

test("words that are being written stay, whatever else comes and goes", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Writing");
  const answer = await asks(alone, project, "What is the wall made of?", []);
  const other = await asks(alone, project, "May I go home?", ["Yes"]);
  const me = await visitor();
  const { page } = me;
  await page.goto(`${alone.url}/needs-you`);
  const field = ask(page, "What is the wall made of?").getByRole("textbox", { name: "Your answer" });
  await field.pressSequentially("Brick, ");
  await asks(alone, project, "Is it late?", ["No"]);
  await expect(ask(page, "Is it late?")).toBeVisible();
  await alone.call("POST", `/v1/signals/${other.id}/answer`, { response: "Yes" });
  await expect(ask(page, "May I go home?")).toHaveCount(0);
  expect(await other()).toBe("Yes");
  await expect(field).toBeFocused();
  await field.pressSequentially("mostly");
  await ask(page, "What is the wall made of?").getByRole("button", { name: "Answer" }).click();
  await until("the answer is there", async () => (await answer()) === "Brick, mostly");
});

test("without code the page is links and forms, and fits a phone", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Plain, with rather a long name for a phone");
  const answer = await asks(alone, project, `Is it ${"very-".repeat(30)}long?`, ["Yes, and this answer is long enough to need two lines there", "No"]);
  const me = await visitor({ ...PHONE, javaScriptEnabled: false });
  const { page } = me;
  await page.goto(`${alone.url}/needs-you`);
  await ask(page, "very-very").getByRole("button", { name: "No", exact: true }).click();
  await expect(said(page)).toHaveText("Answered. The agent hears it next.");
  expect(await answer()).toBe("No");

  await asks(alone, project, `Is it ${"so-".repeat(60)}long?`, ["Yes, and this answer is long enough to need two lines there", "No"]);
  const phone = await visitor(PHONE);
  await phone.page.goto(`${alone.url}/needs-you`);
  await expect(ask(phone.page, "so-so")).toBeVisible();
  expect(await phone.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])).toEqual([390, 390]);
  await phone.accessible();
});

test.describe("at a gateway", () => {
  test.describe.configure({ mode: "serial", timeout: 120_000 });

  test("a command is allowed, another denied, and a question answered", async ({ shared, visitor }) => {
    const { board, gateway } = shared;
    const client = await connect({ url: gateway.url, token: Gateway.token });
    const project = await freshProject(board, "Guarded");
    const say = await guarded(client, board, project);
    const me = await visitor();
    const { page } = me;
    await page.goto(`${board.url}/needs-you`);
    await expect(page.getByText("Nobody waits for you")).toBeVisible();
    await me.accessible();

    const allowed = await say("The robin asks for permission");
    const command = ask(page, "echo the robin may come in");
    await expect(command).toBeVisible({ timeout: 30_000 });
    await expect(command).toContainText(/ends in \d+ min/);
    await expect(command.getByRole("link", { name: "General" })).toBeVisible();
    await me.accessible();
    await command.getByRole("button", { name: "Allow once" }).click();
    await expect(said(page)).toHaveText("Allowed this once. The agent goes on.");
    await expect(command).toHaveCount(0);
    await until("the agent goes on", async () => (await allowed()).includes("I was told: the robin may come in"), 60);

    await say("The robin asks for permission");
    await expect(command).toBeVisible({ timeout: 30_000 });
    await page.keyboard.press("j");
    const keys = await command.locator("kbd").allTextContents();
    await page.keyboard.press(keys.at(-1)!);
    await expect(said(page)).toHaveText("Denied. The agent is told.");
    await expect(command).toHaveCount(0);

    const chosen = await say("A dilemma of birds");
    const question = ask(page, "Which bird comes first?");
    await expect(question).toBeVisible({ timeout: 30_000 });
    await me.accessible();
    await question.getByRole("button", { name: "wren" }).click();
    await expect(question).toHaveCount(0);
    await until("the agent hears it", async () => (await chosen()).includes("wren"), 60);

    // The project's log says who.
    const { page: look } = await visitor();
    await look.goto(`${board.url}/audit`);
    await expect(look.getByRole("listitem").filter({ hasText: "decided" }).first()).toContainText("owner");
    client.close();
  });
});
