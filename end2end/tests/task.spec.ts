// The panel of a ticket.
import type { Board, Project, Task } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, cardIn, column, openPanel, panel, toasts } from "../support/look.ts";
import { until } from "../support/until.ts";

async function withTasks(board: Board, names: string[]): Promise<{ project: Project; tasks: Task[]; address: string }> {
  const project = await freshProject(board, "Panel");
  const tasks: Task[] = [];
  for (const name of names) tasks.push(await board.createTask(project, name));
  return { project, tasks, address: `${board.url}/projects/${project.slug}/board` };
}

test("a link to a ticket is whole before any code runs", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Oil the hinge"]);
  await alone.call("PATCH", `/tasks/${task.id}`, { description: "It squeaks at night." });
  await alone.call("POST", `/tasks/${task.id}/comments`, { content: "I hear it too.", author: "ada", author_type: "human" });
  for (const name of [`T-${task.number}`, String(task.number), task.id]) {
    const html = await (await fetch(`${address}?task=${name}`, { headers: { accept: "text/html" } })).text();
    for (const words of ["Oil the hinge", "It squeaks at night.", "I hear it too."]) expect(html, name).toContain(words);
  }
  const me = await visitor();
  await me.open(`${address}?task=T-${task.number}`);
  await expect(panel(me.page).getByRole("button", { name: "Oil the hinge" })).toBeVisible();
  await me.accessible();
  await me.page.emulateMedia({ colorScheme: "dark" });
  await me.accessible();
  await me.page.keyboard.press("Escape");
  await expect(panel(me.page)).toHaveCount(0);
  // Nothing of ours lies behind a link: its own entry is written over.
  await expect(me.page).toHaveURL(address);
  await me.page.reload();
  await me.live();
  await expect(panel(me.page)).toHaveCount(0);
});

test("a ticket that is not there says so in its panel", async ({ alone, visitor }) => {
  const { address } = await withTasks(alone, []);
  const me = await visitor();
  me.expectTrouble(/404/);
  await me.open(`${address}?task=T-99999`);
  await expect(panel(me.page).getByRole("heading", { name: "No such ticket" })).toBeVisible();
  await panel(me.page).getByRole("link", { name: "Close" }).click();
  await expect(panel(me.page)).toHaveCount(0);
});

test("beside a ticket that is not there the board stays as it was painted", async ({ alone, visitor }) => {
  const { address } = await withTasks(alone, ["Stay"]);
  const me = await visitor();
  me.expectTrouble(/404/);
  const again: string[] = [];
  await me.page.route(/fn\/load_(board|task)/, async (route) => {
    again.push(route.request().url());
    await route.continue();
  });
  await me.open(`${address}?task=T-99999`);
  await expect(panel(me.page).getByRole("heading", { name: "No such ticket" })).toBeVisible();
  await panel(me.page).getByRole("link", { name: "Close" }).click();
  await expect(panel(me.page)).toHaveCount(0);
  await expect(cardIn(me.page, "Backlog", "Stay")).toBeVisible();
  expect(again, "nothing is loaded once more").toEqual([]);
});

test("a panel whose code does not come says so, and comes when it is opened again", async ({ alone, visitor }) => {
  const { address } = await withTasks(alone, ["Fetch me"]);
  const me = await visitor();
  me.expectTrouble(/split_ticket|Failed to fetch|ERR_FAILED/);
  await me.page.route(/split_ticket/, (route) => route.abort("failed"));
  await me.open(address);
  await card(me.page, "Fetch me").click();
  await expect(panel(me.page)).toContainText("This part of the page could not be fetched. Reload the page");
  await panel(me.page).getByRole("link", { name: "Close" }).click();
  await expect(panel(me.page)).toHaveCount(0);
  await me.page.unroute(/split_ticket/);
  await card(me.page, "Fetch me").click();
  await expect(panel(me.page).getByRole("heading", { name: "Fetch me" })).toBeVisible();
});

test("title and description: unsaved words survive what others change, and a reload", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Oil the hinge"]);
  const a = await visitor(), b = await visitor();
  a.expectTrouble(/409/);
  await a.open(address);
  await b.open(address);
  const mine = await openPanel(a.page, "Oil the hinge"), theirs = await openPanel(b.page, "Oil the hinge");

  await mine.getByRole("button", { name: "Oil the hinge" }).click();
  await mine.getByLabel("Title").fill("Oil both hinges");
  await mine.getByRole("button", { name: "Add a description" }).click();
  await mine.getByLabel("Description").last().fill("Half a thought");
  // Somebody else changes the same ticket meanwhile.
  await alone.call("PATCH", `/tasks/${task.id}`, { priority: "urgent", description: "From elsewhere" });
  await alone.call("POST", `/tasks/${task.id}/comments`, { content: "Which oil?", author: "bob", author_type: "human" });
  await expect(mine.getByLabel("Priority", { exact: true })).toHaveValue("urgent");
  await expect(mine.getByRole("region", { name: /^Comments/ })).toContainText("Which oil?");
  await expect(mine.getByLabel("Title")).toHaveValue("Oil both hinges");
  await expect(mine.getByRole("textbox", { name: "Description" })).toHaveValue("Half a thought");
  await expect(theirs).toContainText("From elsewhere");
  await a.accessible();

  await a.page.reload();
  await a.live();
  await mine.getByRole("button", { name: "Oil the hinge" }).click();
  await expect(mine.getByLabel("Title")).toHaveValue("Oil both hinges");
  await mine.getByLabel("Title").press("Enter");
  for (const { page } of [a, b]) {
    await expect(panel(page).getByRole("button", { name: "Oil both hinges" })).toBeVisible();
    await expect(cardIn(page, "Backlog", "Oil both hinges")).toBeVisible();
  }
  await mine.getByRole("button", { name: "Edit the description" }).click();
  const description = mine.getByRole("textbox", { name: "Description" });
  await expect(description).toHaveValue("Half a thought");
  await description.fill("A whole thought");
  await description.press("Control+Enter");
  // The draft was begun when there was no description: what came meanwhile is shown beside it.
  const overtaken = mine.getByRole("alert");
  await expect(overtaken).toContainText("Somebody else saved meanwhile.");
  await expect(overtaken).toContainText("From elsewhere");
  await expect(description).toHaveValue("A whole thought");
  await expect(theirs).toContainText("From elsewhere");
  await a.accessible();
  await overtaken.getByRole("button", { name: "Keep mine" }).click();
  await expect(theirs).toContainText("A whole thought");

  // Escape gives up and forgets.
  await mine.getByRole("button", { name: "Oil both hinges" }).click();
  await mine.getByLabel("Title").fill("Nonsense");
  await mine.getByLabel("Title").press("Escape");
  await expect(mine.getByRole("button", { name: "Oil both hinges" })).toBeVisible();
  await mine.getByRole("button", { name: "Oil both hinges" }).click();
  await expect(mine.getByLabel("Title")).toHaveValue("Oil both hinges");
  expect((await alone.task(task.id)).title).toBe("Oil both hinges");
});

test("an empty title is refused in words", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Keep me"]);
  const me = await visitor();
  me.expectTrouble(/400/);
  await me.open(address);
  const opened = await openPanel(me.page, "Keep me");
  await opened.getByRole("button", { name: "Keep me" }).click();
  await opened.getByLabel("Title").fill("   ");
  await opened.getByRole("button", { name: "Save" }).click();
  await expect(toasts(me.page)).toContainText("A task needs a title.");
  expect((await alone.task(task.id)).title).toBe("Keep me");
});

test("fields are saved as they are chosen, and seen in another window", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Choose"]);
  const a = await visitor(), b = await visitor();
  await a.open(address);
  await b.open(address);
  const mine = await openPanel(a.page, "Choose"), theirs = await openPanel(b.page, "Choose");
  await mine.getByLabel("Priority", { exact: true }).selectOption("High");
  await expect(theirs.getByLabel("Priority", { exact: true })).toHaveValue("high");
  await mine.getByLabel("Role").selectOption("Research");
  await expect(card(b.page, "Choose")).toContainText("Research");
  await mine.getByLabel("Assignee").fill("ada");
  await mine.getByLabel("Assignee").press("Tab");
  await expect(theirs.getByLabel("Assignee")).toHaveValue("ada");
  await mine.getByLabel("Tags").fill("garden, birds");
  await mine.getByLabel("Tags").press("Tab");
  await expect(card(b.page, "Choose")).toContainText("garden");
  await mine.getByText("Not needed").click();
  await expect(theirs.getByText("A person looks before it is done")).toBeVisible();
  // Cleared again.
  await mine.getByLabel("Assignee").fill("");
  await mine.getByLabel("Assignee").press("Tab");
  await expect(theirs.getByLabel("Assignee")).toHaveValue("");
  await mine.getByLabel("Status").selectOption("In review");
  await expect(cardIn(b.page, "In review", "Choose")).toContainText("Your review is wanted");
  // The log says who did it.
  await mine.getByText("Activity").click();
  await expect(mine.locator(".log")).toContainText("You moved it from Backlog to In review");
  await a.accessible();
  const kept = await alone.task(task.id);
  expect(kept.status).toBe("in_review");
});

test("what somebody is writing in a field is not written over by what others do", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Write here"]);
  const me = await visitor();
  await me.open(address);
  const opened = await openPanel(me.page, "Write here");
  const assignee = opened.getByLabel("Assignee"), tags = opened.getByLabel("Tags");
  await assignee.fill("ad");
  // Something of the ticket changes, and the page has it.
  await alone.call("PATCH", `/tasks/${task.id}`, { priority: "urgent", tags: ["garden"] });
  await expect(opened.getByLabel("Priority", { exact: true })).toHaveValue("urgent");
  await expect(tags).toHaveValue("garden");
  await expect(assignee).toHaveValue("ad");
  await assignee.pressSequentially("a");
  await assignee.press("Tab");
  await until("it is kept", async () => (await alone.call<{ task: { assignee: string } }>("GET", `/tasks/${task.id}`)).task.assignee === "ada");
  // Left as it is, it follows again.
  await alone.call("PATCH", `/tasks/${task.id}`, { assignee: "bob" });
  await expect(assignee).toHaveValue("bob");
});

test("a choice that was not kept is not shown", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Choose in vain"]);
  const me = await visitor();
  me.expectTrouble(/ERR_FAILED/, /Failed to load resource/);
  await me.open(address);
  const opened = await openPanel(me.page, "Choose in vain");
  await me.page.route(/\/fn\/edit_task/, (route) => route.abort("failed"));
  await opened.getByLabel("Priority", { exact: true }).selectOption("Urgent");
  await expect(toasts(me.page)).toContainText("No answer came.");
  await expect(opened.getByLabel("Priority", { exact: true })).toHaveValue("medium");
  await opened.getByLabel("Role").selectOption("Research");
  await expect(opened.getByLabel("Role")).toHaveValue("");
  await opened.getByLabel("Tags").fill("owl");
  await opened.getByLabel("Tags").press("Tab");
  await expect(opened.getByLabel("Tags")).toHaveValue("");
  await opened.getByText("Not needed").click();
  await expect(opened.getByText("Not needed")).toBeVisible();
  await expect(opened.getByRole("checkbox", { name: "Not needed" })).not.toBeChecked();
  expect((await alone.call<{ task: { priority: string } }>("GET", `/tasks/${task.id}`)).task.priority).toBe("medium");
});

test("a description with the line ends of another system is no draft: what others write shows, and nothing is saved", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Line ends"]);
  await alone.call("PATCH", `/tasks/${task.id}`, { description: "one\r\ntwo" });
  const me = await visitor();
  await me.open(address);
  const opened = await openPanel(me.page, "Line ends");
  const edit = opened.getByRole("button", { name: "Edit the description" }), editor = opened.getByRole("textbox", { name: "Description" });
  await edit.click();
  await expect(editor).toHaveValue("one\ntwo");
  await opened.getByRole("link", { name: "Close" }).click();
  await expect(panel(me.page)).toHaveCount(0);
  await alone.call("PATCH", `/tasks/${task.id}`, { description: "three" });
  await openPanel(me.page, "Line ends");
  await edit.click();
  await expect(editor).toHaveValue("three");
  await editor.press("Control+Enter");
  await expect(editor).toHaveCount(0);
  const { description } = await alone.task(task.id);
  expect(description).toBe("three");
});

test("what is typed while the title is being saved stays in the form", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Old title"]);
  const me = await visitor();
  await me.open(address);
  const opened = await openPanel(me.page, "Old title");
  let release = () => {};
  const held = new Promise<void>((resolve) => { release = resolve; });
  await me.page.route(/\/fn\/edit_task/, async (route) => {
    const response = await route.fetch();
    await held;
    await route.fulfill({ response });
  });
  await opened.getByRole("button", { name: "Old title" }).click();
  await opened.getByLabel("Title").fill("New title");
  await opened.getByLabel("Title").press("Enter");
  await until("it is kept", async () => (await alone.task(task.id)).title === "New title");
  await opened.getByLabel("Title").pressSequentially(", and more");
  release();
  await expect(card(me.page, "New title")).toBeVisible();
  await expect(opened.getByLabel("Title")).toHaveValue("New title, and more");
  await opened.getByLabel("Title").press("Enter");
  await expect(opened.getByRole("button", { name: "New title, and more" })).toBeVisible();
});

test("dependencies: added, named on both sides, cycles refused in words, removed", async ({ alone, visitor }) => {
  const { tasks: [walls, roof], address } = await withTasks(alone, ["Build the walls", "Build the roof"]);
  const me = await visitor();
  me.expectTrouble(/400/);
  await me.open(address);
  const opened = await openPanel(me.page, "Build the roof");
  await opened.getByRole("button", { name: "Add a ticket that this one waits for" }).click();
  await opened.getByRole("textbox", { name: "Ticket that this one waits for" }).fill("walls");
  await me.accessible();
  await opened.getByRole("button", { name: /Build the walls/ }).click();
  const waits = opened.getByRole("region", { name: "Waits for" });
  await expect(waits.getByRole("link", { name: /Build the walls/ })).toBeVisible();
  await expect(card(me.page, "Build the roof").getByRole("img", { name: "Waits for 1 ticket" })).toBeVisible();
  await expect(card(me.page, "Build the walls").getByRole("img", { name: "1 ticket waits for this one" })).toBeVisible();

  // The other way round would be a circle.
  await waits.getByRole("link", { name: /Build the walls/ }).click();
  await expect(opened.getByRole("button", { name: "Build the walls", exact: true })).toBeVisible();
  await expect(opened.getByRole("heading", { name: "Blocks" })).toBeVisible();
  await opened.getByRole("button", { name: "Add a ticket that this one waits for" }).click();
  await opened.getByRole("textbox", { name: "Ticket that this one waits for" }).fill(`T-${roof.number}`);
  await opened.getByRole("textbox", { name: "Ticket that this one waits for" }).press("Enter");
  await expect(toasts(me.page)).toContainText("Adding this dependency would create a cycle");

  await alone.call("GET", `/tasks/${walls.id}/dependencies`);
  await card(me.page, "Build the roof").getByRole("link", { name: "Build the roof" }).click();
  await opened.getByRole("button", { name: `Do not wait for T-${walls.number}` }).click();
  await expect(opened.getByText("Nothing: it can start when it is Ready.")).toBeVisible();
  await expect(card(me.page, "Build the roof").getByRole("img", { name: /^Waits for/ })).toHaveCount(0);
});

test("comments are seen in two windows as they come", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Talk about it"]);
  const a = await visitor(), b = await visitor();
  await a.open(`${address}?task=T-${task.number}`);
  await b.open(`${address}?task=T-${task.number}`);
  const thread = (window: typeof a) => panel(window.page).getByRole("region", { name: /^Comments/ });
  await thread(a).getByLabel("Comment", { exact: true }).fill("Shall we?\n<b>yes</b>");
  await thread(a).getByRole("button", { name: "Comment", exact: true }).click();
  for (const window of [a, b]) await expect(thread(window).getByRole("article")).toContainText("<b>yes</b>");
  await expect(thread(a).getByLabel("Comment", { exact: true })).toHaveValue("");
  await thread(b).getByLabel("Comment", { exact: true }).fill("Let us.");
  await thread(b).getByLabel("Comment", { exact: true }).press("Control+Enter");
  await expect(thread(a).getByRole("article")).toHaveCount(2);
  await expect(thread(a).getByRole("article").last()).toContainText("Let us.");
  const comments = await alone.comments(task.id);
  expect(comments.map((comment) => comment.author_type)).toEqual(["human", "human"]);
});

test("markdown shows what it means, and nothing in it runs", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Written by an agent"]);
  const words = [
    "## Task Completed", "", "Ran `make test`, **all** green:", "", "- [x] feeder", "- [ ] lamp", "",
    "| bird | seen |", "|---|--:|", `| wren | ${"often ".repeat(60)} |`, "",
    "```sh", `echo ${"very ".repeat(60)}long`, "```", "",
    "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>", "",
    "[bad](javascript:document.title='broken') [good](https://example.org/a) ![far](https://example.org/cat.png)",
  ].join("\n");
  await alone.call("PATCH", `/tasks/${task.id}`, { description: words });
  await alone.call("POST", `/tasks/${task.id}/comments`, { content: words, author: "ada", author_type: "agent" });
  const me = await visitor();
  await me.open(`${address}?task=T-${task.number}`);
  const description = panel(me.page).getByRole("region", { name: "Description" });
  for (const part of [description, panel(me.page).getByRole("article")]) {
    await expect(part.getByRole("heading", { name: "Task Completed" })).toBeVisible();
    await expect(part.locator("p > code")).toHaveText("make test");
    await expect(part.getByRole("checkbox").first()).toBeChecked();
    await expect(part.getByRole("checkbox").first()).toBeDisabled();
    await expect(part.getByRole("checkbox").last()).not.toBeChecked();
    await expect(part.getByRole("cell", { name: "wren" })).toBeVisible();
    await expect(part).toContainText("<script>document.title='broken'</script>");
    await expect(part.locator("script, img")).toHaveCount(0);
    await expect(part.getByRole("link", { name: "bad" })).toHaveCount(0);
    await expect(part.getByRole("link", { name: "far" })).toHaveAttribute("href", "https://example.org/cat.png");
    const good = part.getByRole("link", { name: "good" });
    await expect(good).toHaveAttribute("target", "_blank");
    await expect(good).toHaveAttribute("rel", "noopener noreferrer nofollow");
    // Code scrolls inside itself; the panel is not pushed wider.
    expect(await part.locator("pre").evaluate((pre) => pre.scrollWidth > pre.clientWidth)).toBe(true);
  }
  expect(await panel(me.page).locator(".body").evaluate((body) => body.scrollWidth <= body.clientWidth)).toBe(true);
  expect(await me.page.title()).not.toBe("broken");
  await me.accessible();
  await me.page.emulateMedia({ colorScheme: "dark" });
  await me.accessible();

  // The editor has the words as they were typed; what is saved is shown rendered.
  await panel(me.page).getByRole("button", { name: "Edit the description" }).click();
  const editor = panel(me.page).getByRole("textbox", { name: "Description" });
  await expect(editor).toHaveValue(words);
  await editor.fill("Now *shorter*.");
  await editor.press("Control+Enter");
  await expect(description.locator("em")).toHaveText("shorter");
  await expect(description).toContainText("Now shorter.");
});

test("a ticket is deleted; for ten seconds it can be taken back, then other windows see it go", async ({ alone, visitor }) => {
  const { project, tasks: [task], address } = await withTasks(alone, ["Short-lived", "Beside it"]);
  const a = await visitor(), b = await visitor();
  await a.open(address);
  await b.open(`${address}?task=T-${task.number}`);
  const going = toasts(a.page).filter({ hasText: `Deleting T-${task.number} with its comments and history.` });
  const opened = await openPanel(a.page, "Short-lived");
  await opened.getByRole("button", { name: "Delete" }).click();
  await expect(card(a.page, "Short-lived")).toHaveCount(0);
  await expect(panel(a.page)).toHaveCount(0);
  await expect(column(a.page, "Backlog").locator("header .c")).toHaveText("1");
  await a.accessible();
  await going.getByRole("button", { name: "Undo" }).click();
  await expect(card(a.page, "Short-lived")).toBeVisible();
  await expect(going).toHaveCount(0);
  // From the menu, and back by the key.
  await card(a.page, "Short-lived").getByRole("button", { name: /^Actions/ }).click();
  await a.page.getByRole("menuitem", { name: "Delete" }).click();
  await expect(card(a.page, "Short-lived")).toHaveCount(0);
  await expect(card(a.page, "Beside it").getByRole("link")).toBeFocused();
  await a.page.keyboard.press("Control+z");
  await expect(card(a.page, "Short-lived")).toBeVisible();
  await expect(card(b.page, "Short-lived")).toBeVisible();
  expect(await alone.tasks(project)).toHaveLength(2);
  // Whoever does not want to take it back need not wait.
  await (await openPanel(a.page, "Short-lived")).getByRole("button", { name: "Delete" }).click();
  await going.getByRole("button", { name: "Dismiss" }).click();
  await expect(card(b.page, "Short-lived")).toHaveCount(0);
  await expect(panel(b.page)).toContainText("This ticket was deleted.");
  await expect(card(a.page, "Short-lived")).toHaveCount(0);
  await until("it is gone", async () => (await alone.tasks(project)).length === 1);
});

test("a deletion comes by itself after a while, not while somebody reads, and also when the page is left", async ({ alone, visitor }) => {
  const { project, address } = await withTasks(alone, ["First", "Second", "Third"]);
  const me = await visitor();
  const page = await me.open(address);
  const remove = async (title: string) => {
    await card(page, title).getByRole("button", { name: /^Actions/ }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
  };
  await remove("First");
  await until("it is gone", async () => (await alone.tasks(project)).length === 2, 20);
  // What does not come to pass is not shown as if it had.
  me.expectTrouble(/delete_task/, /ERR_FAILED/);
  await page.route(/\/fn\/delete_task/, (route) => route.abort());
  await remove("Second");
  await toasts(page).getByRole("button", { name: "Dismiss" }).click();
  await expect(toasts(page)).toContainText(/No answer came/);
  await expect(card(page, "Second")).toBeVisible();
  await page.unroute(/\/fn\/delete_task/);
  await remove("Third");
  await page.goto(`${alone.url}/`);
  await until("it is gone", async () => (await alone.tasks(project)).map((one) => one.title).join() === "Second");
});

test("a message stays while the pointer or the focus is on it", async ({ alone, visitor }) => {
  const { address } = await withTasks(alone, ["Read about me"]);
  const me = await visitor();
  await me.page.clock.install();
  const page = await me.open(address);
  await card(page, "Read about me").getByRole("button", { name: /^Actions/ }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  const undo = toasts(page).getByRole("button", { name: "Undo" });
  await undo.hover();
  await page.clock.runFor(30_000);
  await expect(undo).toBeVisible();
  await page.mouse.move(5, 5);
  await undo.focus();
  await page.clock.runFor(30_000);
  await page.keyboard.press("Enter");
  await expect(card(page, "Read about me")).toBeVisible();
});

test("a form that is filled in before our code arrives keeps its words", async ({ alone, visitor }) => {
  const { address } = await withTasks(alone, []);
  const me = await visitor();
  // The code arrives when the test says so.
  let release = () => {};
  const held = new Promise<void>((resolve) => { release = resolve; });
  await me.page.route(/\.wasm/, async (route) => {
    await held;
    await route.continue();
  });
  await me.page.goto(`${address}?new`);
  const dialog = me.page.getByRole("dialog", { name: "New ticket" });
  await dialog.getByLabel("Title").fill("Typed early");
  release();
  await me.live();
  await expect(dialog.getByLabel("Title")).toHaveValue("Typed early");
  await dialog.getByRole("button", { name: "Create Task" }).click();
  await expect(card(me.page, "Typed early")).toBeVisible();
});

test("a form that is sent before our code arrives is posted by the browser itself", async ({ alone, visitor }) => {
  const { address } = await withTasks(alone, []);
  const me = await visitor();
  await me.page.route(/\.wasm/, () => {}); // never arrives
  await me.page.goto(`${address}?new`);
  const dialog = me.page.getByRole("dialog", { name: "New ticket" });
  await dialog.getByLabel("Title").fill("Sent early");
  await dialog.getByRole("button", { name: "Create Task" }).click();
  await expect(card(me.page, "Sent early")).toBeVisible();
  await me.page.unrouteAll({ behavior: "ignoreErrors" });
});

test("two people write one description: theirs can be taken, and both put together", async ({ alone, visitor }) => {
  const { tasks: [task], address } = await withTasks(alone, ["Paint the door"]);
  await alone.call("PATCH", `/tasks/${task.id}`, { description: "Green" });
  const me = await visitor();
  me.expectTrouble(/409/);
  const page = await me.open(address);
  const opened = await openPanel(page, "Paint the door");
  const write = async (mine: string, theirs: string) => {
    await opened.getByRole("button", { name: "Edit the description" }).click();
    const field = opened.getByRole("textbox", { name: "Description" });
    await field.fill(mine);
    await alone.call("PATCH", `/tasks/${task.id}`, { description: theirs });
    await field.press("Control+Enter");
    await expect(opened.getByRole("alert")).toContainText(theirs);
    return field;
  };
  await write("Red", "Blue");
  await opened.getByRole("button", { name: "Take theirs" }).click();
  await expect(opened.getByRole("textbox", { name: "Description" })).toHaveCount(0);
  await expect(opened.getByRole("region", { name: "Description", exact: true })).toContainText("Blue");
  const field = await write("Blue, and a red frame", "Blue, in two coats");
  await opened.getByRole("button", { name: "Put both together" }).click();
  await expect(field).toHaveValue("Blue, and a red frame\n\nBlue, in two coats");
  await field.press("Control+Enter");
  await expect(field).toHaveCount(0);
  await until("both are kept", async () => (await alone.task(task.id)).description === "Blue, and a red frame\n\nBlue, in two coats");
});
