// Talking to an agent, with a real gateway: streamed, stored once, shown everywhere.
import { address, generalChat, messages, said, say } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { keepTexts, toasts } from "../support/look.ts";
import { until } from "../support/until.ts";

test.describe.configure({ timeout: 120_000 });

test("a message is answered: streamed as it comes, stored once, seen in two windows", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Chat", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const a = await visitor(), b = await visitor();
  await a.open(`${board.url}/projects/${project.slug}/board`);
  await a.page.getByRole("link", { name: "Chat", exact: true }).click();
  await expect(a.page.getByRole("heading", { name: "General" })).toBeVisible();
  await b.open(address(board, project, chat));
  await a.accessible();

  const words = "How is the feeder log built?";
  const streamed = await keepTexts(b.page, ".writing .bubble");
  await say(a.page, words);
  for (const { page } of [a, b]) {
    await expect(said(page).first()).toContainText(words);
    await expect(said(page).nth(1)).toContainText("Sparrows come first", { timeout: 60_000 });
    await expect(said(page).nth(1).locator("pre code")).toContainText("sparrow");
    await expect(said(page)).toHaveCount(2);
    await expect(page.locator(".writing article, .thinking")).toHaveCount(0);
  }
  // Words came piece by piece, before the message was there.
  const pieces = await streamed();
  expect(pieces.filter((text) => text.length > 0 && !text.includes("count them by hour")).length).toBeGreaterThan(1);
  const stored = await messages(board, chat);
  expect(stored.map((m) => [m.author, m.delivery_status])).toEqual([["dan", "responded"], ["ada", undefined]]);
  expect(gateway.spoken(words, chat), "the model was asked once").toBe(1);
  await a.accessible();

  // What was said is there for whoever comes later, painted by the server.
  const late = await visitor({ javaScriptEnabled: false });
  await late.page.goto(address(board, project, chat));
  await expect(said(late.page)).toHaveCount(2);
});

test("the agent looks things up, and its table is a table", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Chat", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const me = await visitor();
  await me.open(address(board, project, chat));
  const lines = await keepTexts(me.page, ".writing .calls");
  await say(me.page, "Please look into the repository.");
  await expect(said(me.page).nth(1).getByRole("table")).toContainText("counts visits by bird", { timeout: 60_000 });
  expect((await lines()).some((text) => text.includes("README.md")), "the tool call was shown").toBe(true);
});

test("two windows send at once: each message finds its own answer, in order", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Chat", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const a = await visitor(), b = await visitor();
  await a.open(address(board, project, chat));
  await b.open(address(board, project, chat));
  const words = ["Who came first?", "And who came last?"];
  await Promise.all([say(a.page, words[0]!), say(b.page, words[1]!)]);
  for (const { page } of [a, b]) {
    for (const asked of words) await expect(said(page).filter({ hasText: `You asked: “${asked}”` })).toHaveCount(1, { timeout: 60_000 });
    await expect(said(page)).toHaveCount(4);
  }
  const stored = await messages(board, chat);
  expect(stored.filter((m) => m.author === "dan").map((m) => m.delivery_status)).toEqual(["responded", "responded"]);
  expect(words.map((asked) => gateway.spoken(asked, chat))).toEqual([1, 1]);
});

test("stop keeps what was said so far, and says so", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Chat", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const me = await visitor();
  await me.open(address(board, project, chat));
  await say(me.page, "Tell it slow, please.");
  await expect(me.page.locator(".writing .bubble")).toContainText("Minute 3", { timeout: 60_000 });
  await me.page.getByRole("button", { name: "Stop" }).click();
  await expect(said(me.page).nth(1)).toContainText("Stopped here.", { timeout: 30_000 });
  await expect(said(me.page).nth(1)).toContainText("Minute 2");
  await expect(me.page.getByRole("button", { name: "Stop" })).toHaveCount(0);
  const stored = await messages(board, chat);
  expect(stored).toHaveLength(2);
  expect(stored[1]!.content).not.toContain("Minute 60");
});

test("an agent that fails is said in words, is not asked again by itself, and the message can be sent again", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Chat", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const me = await visitor();
  await me.open(address(board, project, chat));
  const words = "Fail, for once.";
  await say(me.page, words);
  await expect(said(me.page).first()).toContainText("Not answered:", { timeout: 60_000 });
  const [failed] = await messages(board, chat);
  expect(failed).toMatchObject({ delivery_status: "failed" });
  expect(failed!.failure_reason).toBeTruthy();
  const before = gateway.spoken(words, chat);
  await expect(said(me.page).first()).not.toContainText("Tried again in a moment");
  await me.page.getByRole("button", { name: "Send again" }).click();
  await until("it is sent again", () => gateway.spoken(words, chat) > before);
});

test("an answer of a megabyte arrives whole, once", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Chat", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const me = await visitor();
  await me.open(address(board, project, chat));
  await say(me.page, "A huge answer, please.");
  const stored = await until("it is stored", async () => {
    const all = await messages(board, chat);
    return all.length === 2 ? all : undefined;
  }, 60);
  expect(stored[1]!.content.length).toBeGreaterThan(900_000);
  await expect(said(me.page).nth(1)).toContainText("All the visits of all the years", { timeout: 30_000 });
});

test("words that attack are words", async ({ shared, visitor }) => {
  const { board } = shared;
  const project = await freshProject(board, "Chat");
  const chat = await generalChat(board, project);
  const content = "<script>window.bad = 1</script><img src=x onerror='window.bad = 2'>\n\n[click](javascript:window.bad=3) **bold**\n\n<b onclick=\"window.bad=4\">raw</b>";
  await board.call("POST", `/chats/${chat}/messages`, { author: "ada", content });
  const me = await visitor();
  await me.open(address(board, project, chat));
  await expect(said(me.page).first().locator("strong")).toHaveText("bold");
  expect(await me.page.evaluate(() => (window as unknown as { bad?: number }).bad)).toBeUndefined();
  await expect(said(me.page).first().locator("script, img, [onclick], a[href^='javascript']")).toHaveCount(0);
});

test("chats are made, renamed, kept apart and deleted; a draft survives a reload", async ({ shared, visitor }) => {
  const { board } = shared;
  const project = await freshProject(board, "Chat");
  const me = await visitor();
  const page = await me.open(`${board.url}/projects/${project.slug}/chat`);
  const list = page.getByRole("navigation", { name: "Chats" });
  await list.getByRole("button", { name: "New" }).click();
  await expect(page.getByRole("heading", { name: "New chat" })).toBeVisible();
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByLabel("Name of the chat").fill("Release");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("heading", { name: "Release" })).toBeVisible();
  await expect(list.getByRole("link")).toHaveCount(2);

  await page.getByRole("textbox", { name: "Message", exact: true }).fill("half a thought");
  await page.reload();
  await me.live();
  await expect(page.getByRole("textbox", { name: "Message", exact: true })).toHaveValue("half a thought");
  await list.getByRole("link", { name: /General/ }).click();
  await expect(page.getByRole("heading", { name: "General" })).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Message", exact: true })).toHaveValue("");

  await list.getByRole("link", { name: /Release/ }).click();
  await expect(page.getByRole("heading", { name: "Release" })).toBeVisible();
  await page.getByRole("button", { name: "Delete this chat" }).click();
  await expect(list.getByRole("link")).toHaveCount(1);
});

test("scrolling up loads what is older, and new words do not push the reader away", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  const chat = await generalChat(alone, project);
  for (let n = 1; n <= 120; n++) await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: `Line ${n} of the story.` });
  const me = await visitor();
  const page = await me.open(address(alone, project, chat));
  await expect(said(page).filter({ hasText: "Line 120 " })).toBeInViewport();
  await expect(said(page)).toHaveCount(50);
  const log = page.getByRole("log", { name: "Messages" });
  await until("all is loaded", async () => {
    await log.evaluate((element) => element.scrollTo(0, -element.scrollHeight));
    return await said(page).count() === 120;
  });
  await expect(page.getByText("Older messages")).toHaveCount(0);
  await log.evaluate((element) => element.scrollTo(0, -element.scrollHeight));
  await expect(said(page).filter({ hasText: "Line 1 of" })).toBeInViewport();
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "One more line." });
  await page.getByRole("button", { name: "1 new", exact: true }).click();
  await expect(said(page).filter({ hasText: "One more line." })).toBeInViewport();
  await expect(said(page)).toHaveCount(121);
});

const DOT = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

test("a picture is pasted, uploaded and shown; what is no picture is refused in words", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  const chat = await generalChat(alone, project);
  const me = await visitor();
  me.expectTrouble(/400/);
  const page = await me.open(address(alone, project, chat));
  const field = page.getByRole("textbox", { name: "Message", exact: true });
  const paste = (bytes: Buffer) => field.evaluate((element, numbers) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(numbers)], "dot.png", { type: "image/png" }));
    element.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, [...bytes]);
  await field.fill("Look:");
  await paste(DOT);
  await expect(field).toHaveValue(/^Look:\n\n!\[Image\]\(\/uploads\/images\/[0-9a-f]+\.png\)$/);
  await field.press("Enter");
  const picture = said(page).first().getByRole("img", { name: "Image" });
  await expect(picture).toBeVisible();
  await until("it is loaded", () => picture.evaluate((image) => (image as HTMLImageElement).naturalWidth === 1));

  await field.fill("Kept.");
  await paste(Buffer.from("not a picture"));
  await expect(toasts(page)).toContainText(/picture|image|file/i);
  await expect(field).toHaveValue("Kept.");
});

test("a ticket is made of a message, and leads back to it", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  const chat = await generalChat(alone, project);
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "## Count by hour\n\nThe log has **all** that is needed." });
  const me = await visitor();
  const page = await me.open(address(alone, project, chat));
  await said(page).first().hover();
  await said(page).first().getByRole("button", { name: "Make a ticket" }).click();
  await expect(toasts(page)).toContainText(/T-\d+ made in Backlog/);
  const [task] = await alone.tasks(project);
  expect(task).toMatchObject({ title: "Count by hour", status: "backlog" });
  await page.goto(`${alone.url}/projects/${project.slug}/board?task=T-${task!.number}`);
  await me.live();
  await page.getByRole("link", { name: /From the chat/ }).click();
  await expect(said(page).first()).toContainText("The log has all that is needed.");
  await page.goBack();
  await expect(page.getByRole("link", { name: /From the chat/ })).toBeVisible();
});

test("a ticket is made of what is marked in a message", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  const chat = await generalChat(alone, project);
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "First this.\n\nThen paint the perch.\n\nAnd rest." });
  const me = await visitor();
  const page = await me.open(address(alone, project, chat));
  await said(page).first().getByText("Then paint the perch.").selectText();
  await said(page).first().hover();
  await said(page).first().getByRole("button", { name: "Make a ticket" }).click();
  await expect(toasts(page)).toContainText(/T-\d+ made in Backlog/);
  const [task] = await alone.tasks(project);
  expect(task).toMatchObject({ title: "Then paint the perch." });
  expect(task!.description).not.toContain("First this.");
});
