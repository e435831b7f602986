// Finding old messages, and the address of each.
import { address, generalChat, said } from "../support/chat.ts";
import type { Board, Project } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { toasts } from "../support/look.ts";

test.describe.configure({ timeout: 120_000 });

/** A chat with so many lines; gives their ids. */
async function story(board: Board, chat: string, lines: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 1; n <= lines; n++) {
    const { message } = await board.call<{ message: { id: string } }>("POST", `/chats/${chat}/messages`, { author: "kimi", content: n === 5 ? "Here the **Magpie** & <i>her</i> nest are told of." : `Line ${n} of the story.` });
    ids.push(message.id);
  }
  return ids;
}

async function chatNamed(board: Board, project: Project, title: string): Promise<string> {
  return (await board.call<{ chat: { id: string } }>("POST", "/chats", { project_id: project.id, title })).chat.id;
}

test("a search finds what is old, and leads to it", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  const other = await generalChat(alone, project);
  const tales = await chatNamed(alone, project, "Tales");
  await story(alone, tales, 130);
  await alone.call("POST", `/chats/${other}/messages`, { author: "kimi", content: "Something else." });
  const me = await visitor();
  const page = await me.open(address(alone, project, other));
  await expect(page.getByRole("heading", { name: "General" })).toBeVisible();
  const list = page.getByRole("navigation", { name: "Chats" });
  const field = list.getByRole("searchbox", { name: "Search messages" });
  const hits = list.getByRole("list", { name: "Messages that were found" });

  await page.keyboard.press("/");
  await expect(field).toBeFocused();
  await field.fill("NEST magpie");
  await expect(hits.getByRole("link")).toHaveCount(1);
  await expect(hits.locator("mark")).toHaveText(["Magpie", "nest"]);
  await expect(hits.getByRole("link")).toContainText("A program, as kimi: Here the **Magpie** & <i>her</i> nest are told of.");
  await expect(list.getByRole("status")).toHaveText("1 message");
  await expect(list.getByRole("link", { name: /General/ })).toHaveCount(0);
  await me.accessible();

  await hits.getByRole("link").click();
  await expect(page.getByRole("heading", { name: "Tales" })).toBeVisible();
  const found = said(page).filter({ hasText: "Magpie" });
  await expect(found).toBeInViewport();
  await expect(found).toHaveClass(/aimed/);
  await expect(page.locator(".aimed")).toHaveCount(1);
  await expect(page.getByText(/\d+ new/), "what is old is not new").toHaveCount(0);

  await field.fill("no such words");
  await expect(list.getByRole("status")).toHaveText("Nothing found.");
  await field.press("Escape");
  await expect(field).toHaveValue("");
  await expect(list.getByRole("link", { name: /General/ })).toBeVisible();
});

test("many hits come in parts, the newest first", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  const chat = await generalChat(alone, project);
  await story(alone, chat, 62);
  const me = await visitor();
  const page = await me.open(address(alone, project, chat));
  const list = page.getByRole("navigation", { name: "Chats" });
  await list.getByRole("searchbox").fill("story");
  const links = list.getByRole("list", { name: "Messages that were found" }).getByRole("link");
  await expect(links).toHaveCount(50);
  await expect(links.first()).toContainText("Line 62 of the story.");
  await list.getByRole("button", { name: "Search older ones" }).click();
  await expect(links).toHaveCount(61);
  await expect(links.last()).toContainText("Line 1 of the story.");
  await expect(list.getByRole("button", { name: "Search older ones" })).toHaveCount(0);
});

test("a search that looked at enough says so, and goes on when it is asked to", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  const general = await generalChat(alone, project);
  const long = await chatNamed(alone, project, "Long");
  // A call looks at sixteen megabytes.
  for (const words of ["The needle.", ...Array<string>(20).fill("hay ".repeat(220_000))]) await alone.call("POST", `/chats/${long}/messages`, { author: "kimi", content: words });
  const me = await visitor();
  const page = await me.open(address(alone, project, general));
  const list = page.getByRole("navigation", { name: "Chats" });
  await list.getByRole("searchbox").fill("needle");
  await expect(list.getByRole("status")).toHaveText("Nothing found in the newest 20 messages.");
  await list.getByRole("button", { name: "Search older ones" }).click();
  await expect(list.getByRole("status")).toHaveText("1 message");
  await expect(list.getByRole("list", { name: "Messages that were found" }).getByRole("link")).toContainText("The needle.");
});

test("the address of a message leads to it, however old it is", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Chat");
  const chat = await generalChat(alone, project);
  const ids = await story(alone, chat, 330);
  const me = await visitor();
  const page = await me.open(`${address(alone, project, chat)}#m-${ids[9]}`);
  const line = (n: number) => page.locator(`#m-${ids[n - 1]}`);
  await expect(line(10)).toBeInViewport();
  await expect(line(10)).toHaveClass(/aimed/);
  // The address changes while the chat is open, as by hand or by the link of a message.
  await page.evaluate((id) => { location.hash = `m-${id}`; }, ids[299]);
  await expect(line(300)).toBeInViewport();
  await expect(line(300)).toHaveClass(/aimed/);
  await page.goBack();
  await expect(line(10)).toBeInViewport();
  await expect(page.locator(".aimed")).toHaveCount(1);
  await expect(line(10)).toHaveClass(/aimed/);
  await expect(toasts(page)).toBeEmpty();

  await page.evaluate(() => { location.hash = "m-00000000-0000-4000-8000-000000000000"; });
  await expect(toasts(page)).toContainText("is not in this chat any more");
  await expect(page.locator(".aimed")).toHaveCount(0);
});
