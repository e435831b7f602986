// Who else is in a chat, and who thinks or types there.
import { address, generalChat, said, say } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { keepTexts } from "../support/look.ts";

test.describe.configure({ timeout: 120_000 });

test("one types in a window, the other sees it, and nothing moves", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  await alone.call("PATCH", `/projects/${project.slug}`, { chat_layout: "imessage" });
  const chat = await generalChat(alone, project);
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "Good morning." });
  const a = await visitor(), b = await visitor();
  await a.open(address(alone, project, chat));
  await expect(said(a.page)).toHaveCount(1);
  await expect(a.page.getByText("windows here")).toHaveCount(0);
  await b.open(address(alone, project, chat));
  for (const { page } of [a, b]) await expect(page.getByText("2 windows here")).toBeVisible();

  const types = a.page.getByText("Somebody else is typing…");
  const own = await keepTexts(b.page, ".signs");
  const box = () => said(a.page).first().boundingBox();
  const before = await box();
  const field = b.page.getByRole("textbox", { name: "Message", exact: true });
  await field.pressSequentially("Good mor");
  await expect(types).toBeVisible();
  expect(await box()).toEqual(before);
  await a.accessible();
  // Emptied, left, sent: each ends it.
  await field.fill("");
  await expect(types).toHaveCount(0);
  await field.pressSequentially("Good");
  await expect(types).toBeVisible();
  await field.blur();
  await expect(types).toHaveCount(0);
  await field.pressSequentially(" evening");
  await expect(types).toBeVisible();
  await field.press("Enter");
  await expect(said(a.page).nth(1)).toContainText("Good evening");
  await expect(types).toHaveCount(0);
  await a.accessible();
  expect(await own(), "nobody is told of what he types himself").toEqual([""]);

  // A window that goes while somebody types there takes both signs with it.
  await field.pressSequentially("And");
  await expect(types).toBeVisible();
  await b.page.goto(`${alone.url}/projects/${project.slug}/board`);
  await expect(types).toHaveCount(0);
  await expect(a.page.getByText("windows here")).toHaveCount(0);
});

test("what a program says of an agent is shown until it is taken back", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  const chat = await generalChat(alone, project);
  const me = await visitor();
  const page = await me.open(address(alone, project, chat));
  const sign = (body: object) => alone.call("POST", `/chats/${chat}/typing`, body);
  await sign({ typing: true });
  await expect(page.getByText("Ada is thinking…")).toBeVisible();
  await sign({ typing: true, author: "kimi", state: "typing" });
  await expect(page.getByText("Ada is thinking… · Kimi is typing…")).toBeVisible();
  // Whoever comes now sees it too.
  const late = await visitor();
  await late.open(address(alone, project, chat));
  await expect(late.page.getByText("Ada is thinking… · Kimi is typing…")).toBeVisible();
  await sign({ typing: false });
  await expect(page.getByText("Kimi is typing…", { exact: true })).toBeVisible();
  await sign({ typing: false, author: "kimi" });
  await expect(page.getByText(/is (thinking|typing)…/)).toHaveCount(0);
});

test("an agent that is seen at work is not said to think as well", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Chat", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const me = await visitor();
  const page = await me.open(address(board, project, chat));
  await say(page, "Tell it slow, please.");
  await expect(page.locator(".writing .bubble")).toContainText("Minute 2", { timeout: 60_000 });
  await board.call("POST", `/chats/${chat}/typing`, { typing: true });
  await board.call("POST", `/chats/${chat}/typing`, { typing: true, author: "kimi" });
  await expect(page.getByText("Kimi is thinking…", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(said(page).nth(1)).toContainText("Stopped here.", { timeout: 30_000 });
  await board.call("POST", `/chats/${chat}/typing`, { typing: false });
  await board.call("POST", `/chats/${chat}/typing`, { typing: false, author: "kimi" });
});
