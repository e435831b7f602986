// Words on their way: typed on meanwhile, pressed twice, sent while an answer is lost. Nothing of them is
// lost, and nothing is there twice.
import type { Page } from "@playwright/test";
import type { Board, Project } from "../support/board.ts";
import { address, generalChat, messages, said } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, panel, toasts } from "../support/look.ts";
import { until } from "../support/until.ts";

/** The server does it and its answer never arrives, the first `times`. */
async function loseAnswers(page: Page, what: RegExp, times = 1): Promise<void> {
  let left = times;
  await page.route(what, async (route) => {
    if (left-- <= 0) return route.continue();
    await route.fetch();
    await route.abort("connectionreset");
  });
}

/** Answers wait until the test lets them go. */
async function holdAnswers(page: Page, what: RegExp): Promise<() => void> {
  let release = () => {};
  const held = new Promise<void>((resolve) => { release = resolve; });
  await page.route(what, async (route) => {
    const response = await route.fetch();
    await held;
    await route.fulfill({ response }).catch((error: Error) => {
      if (!/closed|canceled|already handled|Invalid InterceptionId/i.test(error.message)) throw error; // the page was left
    });
  });
  return release;
}

/** Answers come so much later. */
async function delayAnswers(page: Page, what: RegExp, ms: number): Promise<void> {
  await page.route(what, async (route) => {
    const response = await route.fetch();
    await new Promise((resolve) => setTimeout(resolve, ms)); // the delay is what is tried
    await route.fulfill({ response });
  });
}

const LOST = [/ERR_CONNECTION_RESET/, /Failed to load resource/];
const NO_ANSWER = "No answer came. It may have been done; trying again does it only once.";

const message = (page: Page) => page.getByRole("textbox", { name: "Message", exact: true });
const onTheWay = (page: Page) => page.getByRole("list", { name: "On the way" }).getByRole("listitem");

async function aChat(board: Board): Promise<{ project: Project; chat: string; url: string }> {
  const project = await freshProject(board, "Lost");
  const chat = await generalChat(board, project);
  return { project, chat, url: address(board, project, chat) };
}

const words = async (board: Board, chat: string) => (await messages(board, chat)).map(({ content }) => content);

test("what is typed while a message is on its way is the next message", async ({ alone, visitor }) => {
  const { chat, url } = await aChat(alone);
  const me = await visitor();
  const page = await me.open(url);
  const release = await holdAnswers(page, /\/fn\/send_message/);
  await message(page).fill("First");
  await message(page).press("Enter");
  await expect(message(page)).toHaveValue("");
  await expect(onTheWay(page)).toHaveText([/^First.*On its way/]);
  await message(page).pressSequentially("Second");
  await message(page).press("Enter");
  await expect(onTheWay(page)).toHaveText([/^First/, /^Second.*Waits for the words before it/]);
  await message(page).pressSequentially("Third, half wri");
  await me.accessible();
  release();
  await expect(said(page)).toHaveCount(2);
  await expect(onTheWay(page)).toHaveCount(0);
  await expect(message(page)).toHaveValue("Third, half wri");
  expect(await words(alone, chat)).toEqual(["First", "Second"]);
  await page.reload();
  await me.live();
  await expect(message(page)).toHaveValue("Third, half wri");
});

test("an answer that is lost: the words come back, and a second press is the same message", async ({ alone, visitor }) => {
  const { chat, url } = await aChat(alone);
  const me = await visitor();
  me.expectTrouble(...LOST);
  const page = await me.open(url);
  await loseAnswers(page, /\/fn\/send_message/);
  await message(page).fill("Only once");
  await message(page).press("Enter");
  await expect(toasts(page)).toContainText(NO_ANSWER);
  await expect(message(page)).toHaveValue("Only once");
  await message(page).press("Enter");
  await expect(message(page)).toHaveValue("");
  await expect(onTheWay(page)).toHaveCount(0);
  await expect(said(page)).toHaveCount(1);
  expect(await words(alone, chat)).toEqual(["Only once"]);
  // Said again on purpose, it is another message.
  await message(page).fill("Only once");
  await message(page).press("Enter");
  await expect(said(page)).toHaveCount(2);
});

test("an answer that is lost, and other words: the first stay in sight until they are settled", async ({ alone, visitor }) => {
  const { chat, url } = await aChat(alone);
  const me = await visitor();
  me.expectTrouble(...LOST);
  const page = await me.open(url);
  await loseAnswers(page, /\/fn\/send_message/);
  await message(page).fill("Paint it green");
  await message(page).press("Enter");
  await expect(message(page)).toHaveValue("Paint it green");
  await message(page).fill("Paint it blue");
  await message(page).press("Enter");
  await expect(onTheWay(page)).toHaveText([/^Paint it green.*it may have been sent/]);
  await me.accessible();
  // A reload forgets neither the words nor their key.
  await page.reload();
  await me.live();
  await expect(onTheWay(page)).toHaveText([/^Paint it green.*it may have been sent/]);
  // On a phone it says so too, and stays inside the form.
  await page.setViewportSize({ width: 390, height: 800 });
  await expect(onTheWay(page).getByText("it may have been sent")).toBeVisible();
  expect(await page.locator(".chat-composer").evaluate((form) => form.scrollWidth <= form.clientWidth)).toBe(true);
  await onTheWay(page).getByRole("button", { name: "Try again" }).click();
  await expect(onTheWay(page)).toHaveCount(0);
  expect(await words(alone, chat)).toEqual(["Paint it green", "Paint it blue"]);
});

test("the server forgets a key after a day: words that lay longer are not said to arrive only once", async ({ alone, visitor }) => {
  const { url } = await aChat(alone);
  const me = await visitor();
  me.expectTrouble(...LOST);
  const page = await me.open(url);
  await loseAnswers(page, /\/fn\/send_message/);
  await message(page).fill("Long ago");
  await message(page).press("Enter");
  await expect(message(page)).toHaveValue("Long ago");
  await message(page).fill("Now");
  await message(page).press("Enter");
  await expect(onTheWay(page).getByRole("button", { name: "Try again" })).toBeVisible();
  await page.clock.setFixedTime(Date.now() + 13 * 3_600_000);
  await page.reload();
  await me.live();
  await expect(onTheWay(page)).toHaveText([/^Long ago.*Look before you send it again/]);
  await expect(onTheWay(page).getByRole("button", { name: "Try again" })).toHaveCount(0);
  await onTheWay(page).getByRole("button", { name: "Dismiss" }).click();
  await expect(onTheWay(page)).toHaveCount(0);
});

test("a reload while a message is on its way: it is there once", async ({ alone, visitor }) => {
  const { chat, url } = await aChat(alone);
  const me = await visitor();
  const page = await me.open(url);
  const release = await holdAnswers(page, /\/fn\/send_message/);
  await message(page).fill("Before the reload");
  await message(page).press("Enter");
  await until("the server has it", async () => (await words(alone, chat)).length === 1);
  await page.reload();
  release();
  // Not before: what is held when the routes go is sent on, and answered.
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await me.live();
  // A page that had time to notice put them back into the field.
  const again = onTheWay(page).filter({ hasText: /^Before the reload.*it may have been sent/ }).getByRole("button", { name: "Try again" });
  await expect.poll(async () => (await again.count()) + Number((await message(page).inputValue()) === "Before the reload")).toBe(1);
  if (await again.count()) await again.click();
  else await message(page).press("Enter");
  await expect(onTheWay(page)).toHaveCount(0);
  await expect(message(page)).toHaveValue("");
  expect(await words(alone, chat)).toEqual(["Before the reload"]);
});

test("what is refused comes back; what is written meanwhile is not touched", async ({ alone, visitor }) => {
  const { url } = await aChat(alone);
  const me = await visitor();
  me.expectTrouble(/409/);
  const page = await me.open(url);
  await message(page).fill("/compact");
  await message(page).press("Escape"); // the list of commands
  await message(page).press("Enter");
  await expect(toasts(page)).toContainText("Nothing was said here yet, so there is nothing to shorten.");
  await expect(message(page)).toHaveValue("/compact");
  const release = await holdAnswers(page, /\/fn\/send_message/);
  await message(page).press("Enter");
  await message(page).fill("Something else");
  release();
  await expect(onTheWay(page)).toHaveText([/^\/compact.*nothing to shorten/]);
  await expect(message(page)).toHaveValue("Something else");
  await onTheWay(page).getByRole("button", { name: "Edit" }).click();
  await expect(onTheWay(page)).toHaveCount(0);
  await expect(message(page)).toHaveValue("/compact\n\nSomething else");
});

async function aTicket(board: Board): Promise<{ project: Project; task: string; url: string }> {
  const project = await freshProject(board, "Lost");
  const task = await board.createTask(project, "Look twice");
  return { project, task: task.id, url: `${board.url}/projects/${project.slug}/board?task=T-${task.number}` };
}

test("comments: an impatient second press, a held key and a lost answer make one each; words typed meanwhile stay", async ({ alone, visitor }) => {
  const { task, url } = await aTicket(alone);
  const me = await visitor();
  me.expectTrouble(...LOST);
  const page = await me.open(url);
  const field = panel(page).getByLabel("Comment", { exact: true });
  const articles = panel(page).getByRole("region", { name: /^Comments/ }).getByRole("article");
  const contents = async () => (await alone.comments(task)).map(({ content }) => content);

  await delayAnswers(page, /\/fn\/add_comment/, 1_000);
  await field.fill("Impatient");
  await field.press("Control+Enter");
  await field.press("Control+Enter");
  await field.pressSequentially("Typed on");
  await expect(articles).toHaveCount(1);
  await expect(panel(page).getByRole("list", { name: "On the way" })).toHaveCount(0);
  await expect(field).toHaveValue("Typed on");
  expect(await contents()).toEqual(["Impatient"]);

  await field.fill("Held");
  await page.keyboard.down("Control");
  for (let press = 0; press < 6; press++) await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  await page.keyboard.up("Control");
  await expect(articles).toHaveCount(2);
  await expect(panel(page).getByRole("list", { name: "On the way" })).toHaveCount(0);
  expect(await contents()).toEqual(["Impatient", "Held"]);

  await page.unrouteAll({ behavior: "wait" });
  await loseAnswers(page, /\/fn\/add_comment/);
  await field.fill("Lost");
  await field.press("Control+Enter");
  await expect(toasts(page)).toContainText(NO_ANSWER);
  await expect(field).toHaveValue("Lost");
  await field.press("Control+Enter");
  await expect(field).toHaveValue("");
  await expect(panel(page).getByRole("list", { name: "On the way" })).toHaveCount(0);
  expect(await contents()).toEqual(["Impatient", "Held", "Lost"]);
});

test("an answer to a question: what is typed while it is on its way is not thrown away", async ({ alone, visitor }) => {
  const { task, url } = await aTicket(alone);
  for (const message of ["Which oil?", "Which cloth?"]) {
    await alone.call("POST", "/signal", { taskId: task, sessionKey: `main:lost:dev:${task}`, agentId: "kimi", kind: "question", message });
  }
  const me = await visitor();
  const page = await me.open(url);
  const questions = panel(page).getByRole("region", { name: "The agent asks you" });
  await expect(questions).toHaveCount(2);
  const release = await holdAnswers(page, /\/fn\/answer_signal/);
  const first = questions.filter({ hasText: "Which oil?" });
  await first.getByLabel("Answer").fill("Linseed");
  await first.getByLabel("Answer").press("Control+Enter");
  await questions.filter({ hasText: "Which cloth?" }).getByLabel("Answer").fill("Half an ans");
  release();
  await expect(questions).toHaveCount(1);
  await expect(questions.getByLabel("Answer")).toHaveValue("Half an ans");
  await expect(panel(page).getByRole("region", { name: /^Comments/ })).toContainText("Linseed");
});

test("a ticket: pressed twice, held, or its answer lost, it is made once", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Lost");
  const me = await visitor();
  me.expectTrouble(...LOST);
  const board = `${alone.url}/projects/${project.slug}/board`;
  const page = await me.open(`${board}?new`);
  const dialog = page.getByRole("dialog", { name: "New ticket" });
  const titles = async () => (await alone.tasks(project)).map(({ title }) => title).sort();

  await delayAnswers(page, /\/fn\/create_task/, 1_000);
  await dialog.getByLabel("Title").fill("Impatient");
  await dialog.getByLabel("Title").press("Control+Enter");
  await dialog.getByLabel("Title").press("Control+Enter");
  await page.keyboard.down("Control");
  for (let press = 0; press < 6; press++) await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  await page.keyboard.up("Control");
  await expect(dialog).toBeHidden();
  await expect(card(page, "Impatient")).toHaveCount(1);
  expect(await titles()).toEqual(["Impatient"]);

  await page.unrouteAll({ behavior: "wait" });
  await loseAnswers(page, /\/fn\/create_task/);
  await page.getByRole("button", { name: "New Ticket", exact: true }).click();
  await dialog.getByLabel("Title").fill("Lost");
  await dialog.getByRole("button", { name: "Create Task" }).click();
  await expect(dialog.getByRole("alert")).toContainText("the ticket may be there already");
  await expect(dialog.getByLabel("Title")).toHaveValue("Lost");
  await me.accessible();
  await dialog.getByRole("button", { name: "Create Task" }).click();
  await expect(dialog).toBeHidden();
  expect(await titles()).toEqual(["Impatient", "Lost"]);

  // Opened again, the dialog is empty, and the same words make another ticket.
  await page.getByRole("button", { name: "New Ticket", exact: true }).click();
  await expect(dialog.getByLabel("Title")).toHaveValue("");
  await dialog.getByLabel("Title").fill("Lost");
  await dialog.getByRole("button", { name: "Create Task" }).click();
  await expect(dialog).toBeHidden();
  expect(await titles()).toEqual(["Impatient", "Lost", "Lost"]);
});

test("a project and a chat whose answers are lost are made once, and lead to themselves", async ({ alone, visitor }) => {
  const me = await visitor();
  me.expectTrouble(...LOST);
  const page = await me.open(`${alone.url}/?new=project`);
  await loseAnswers(page, /\/fn\/create_project/);
  const dialog = page.getByRole("dialog", { name: "New project" });
  await dialog.getByLabel("Name").fill("Lost and found");
  await dialog.getByRole("button", { name: "Create project" }).click();
  await expect(toasts(page)).toContainText(NO_ANSWER);
  await dialog.getByRole("button", { name: "Create project" }).click();
  await expect(page).toHaveURL(/\/projects\/lost-and-found\/board$/);
  const { projects } = await alone.call<{ projects: Project[] }>("GET", "/projects");
  const [project, ...more] = projects.filter(({ name }) => name === "Lost and found");
  expect(more).toEqual([]);

  await page.goto(`${alone.url}/projects/${project.slug}/chat`);
  await me.live();
  await loseAnswers(page, /\/fn\/create_chat/);
  const make = page.getByRole("navigation", { name: "Chats" }).getByRole("button", { name: "New" });
  await make.click();
  await expect(toasts(page)).toContainText(NO_ANSWER);
  await make.click();
  await expect(page).toHaveURL(/chat\?chat=/);
  const { chats } = await alone.call<{ chats: { id: string }[] }>("GET", `/chats?projectId=${project.id}`);
  expect(chats).toHaveLength(2);
});

test("a new name of a chat whose saving fails stays in its field, and a second press keeps it", async ({ alone, visitor }) => {
  const { chat, url } = await aChat(alone);
  const me = await visitor();
  me.expectTrouble(...LOST);
  const page = await me.open(url);
  const names = page.getByLabel("Name of the chat");
  // Nothing reaches the server, the first time.
  let refused = 0;
  await page.route(/\/fn\/rename_chat/, (route) => refused++ === 0 ? route.abort("connectionreset") : route.continue());
  await page.getByRole("button", { name: "Rename" }).click();
  await names.fill("Release plans, second draft");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(toasts(page)).toContainText(NO_ANSWER);
  await expect(names).toHaveValue("Release plans, second draft");
  // What others do meanwhile takes nothing away.
  await alone.call("POST", `/chats/${chat}/messages`, { author: "kimi", content: "Meanwhile." });
  await expect(said(page).first()).toContainText("Meanwhile.");
  await expect(names).toHaveValue("Release plans, second draft");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Release plans, second draft" })).toBeVisible();
});
