// The home page: first steps, projects, and what happens without our code.
import { Board } from "../support/board.ts";
import { expect, freshProject, test as base, withHouse } from "../support/fixtures.ts";
import { Gateway, freePort } from "../support/gateway.ts";
import { cardIn, toasts } from "../support/look.ts";

const test = base.extend<{ empty: Board }>({
  /** A server without any project, and without a gateway. */
  empty: async ({}, use) => {
    await withHouse("empty", async (house) => {
      const board = new Board(`${house.folder}/board`, { url: `ws://127.0.0.1:${await freePort()}`, token: Gateway.token });
      house.atEnd(() => board.stop());
      await use(await board.start());
    });
  },
});

test("a first project is made, and a second window sees it at once", async ({ empty, visitor }) => {
  const a = await visitor({ colorScheme: "dark" }), b = await visitor({ colorScheme: "light" });
  for (const window of [a, b]) {
    await window.open(empty.url);
    await expect(window.page.getByRole("heading", { name: "Welcome" })).toBeVisible();
    await window.accessible();
  }
  const form = a.page.getByRole("region", { name: "Your first project" });
  await form.getByLabel("Name").fill("Bird Feeder");
  await expect(form).toContainText("/projects/bird-feeder/board");
  await form.getByLabel("Description").fill("Who came today?");
  await form.getByRole("button", { name: "Create project" }).click();
  await expect(a.page).toHaveURL(/\/projects\/bird-feeder\/board$/);
  await expect(a.page.getByRole("heading", { name: "Bird Feeder" })).toBeVisible();

  const list = b.page.getByRole("main").getByRole("listitem");
  await expect(list.filter({ hasText: "Bird Feeder" })).toContainText("Who came today?");
  await expect(b.page.getByRole("navigation", { name: "Projects" }).getByRole("link", { name: /Bird Feeder/ })).toBeVisible();
  await expect(b.page.getByRole("heading", { name: "Projects", level: 1 })).toBeVisible();
  await b.accessible();

  // The other way round, from the dialog.
  await b.page.getByRole("main").getByRole("link", { name: "New project" }).click();
  const dialog = b.page.getByRole("dialog", { name: "New project" });
  await dialog.getByLabel("Name").fill("Weather Log");
  await b.accessible();
  await dialog.getByRole("button", { name: "Create project" }).click();
  await expect(b.page).toHaveURL(/\/projects\/weather-log\/board$/);
  await expect(a.page.getByRole("navigation", { name: "Projects" }).getByRole("link", { name: /Weather Log/ })).toBeVisible();
});

test("what cannot be made is refused in words, and nothing that was typed is lost", async ({ empty, visitor }) => {
  await empty.createProject({ name: "Taken", slug: "taken" });
  const me = await visitor();
  await me.open(`${empty.url}/?new=project`);
  const dialog = me.page.getByRole("dialog", { name: "New project" });
  await dialog.getByLabel("Name").fill("Taken");
  await dialog.getByLabel("Description").fill("Another one");
  await dialog.getByLabel(/^Repository on this machine/).fill("shed");
  me.expectTrouble(/400/);
  await dialog.getByRole("button", { name: "Create project" }).click();
  await expect(me.page.getByText("The repository's path must be absolute")).toBeVisible();
  await expect(dialog.getByLabel("Description")).toHaveValue("Another one");
  // The same name twice is no trouble: the second gets an address of its own.
  await dialog.getByLabel(/^Repository on this machine/).fill("/tmp");
  await dialog.getByRole("button", { name: "Create project" }).click();
  await expect(me.page).toHaveURL(/\/projects\/taken-[^/]+\/board$/);
});

test("without JavaScript: make a project, make a ticket, move it, comment on it", async ({ empty, visitor }) => {
  const me = await visitor({ javaScriptEnabled: false });
  const { page } = me;
  await page.goto(empty.url);
  const form = page.getByRole("region", { name: "Your first project" });
  await form.getByLabel("Name").fill("Plain Paper");
  await form.getByRole("button", { name: "Create project" }).click();
  await expect(page).toHaveURL(/\/projects\/plain-paper\/board/);
  await expect(page.getByRole("heading", { name: "Plain Paper" })).toBeVisible();

  await page.getByRole("button", { name: "New Ticket", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "New ticket" });
  await dialog.getByLabel("Title").fill("Sharpen the pencil");
  await dialog.getByLabel("Description").fill("Both ends.");
  await dialog.getByLabel("Column").selectOption("Backlog");
  await dialog.getByRole("button", { name: "Create Task" }).click();
  await expect(cardIn(page, "Backlog", "Sharpen the pencil")).toBeVisible();

  await page.getByRole("link", { name: "Sharpen the pencil" }).click();
  const opened = page.getByRole("complementary", { name: /^Ticket / });
  await expect(opened).toContainText("Both ends.");
  // Nothing looks like a button that would do nothing.
  await expect(opened.getByRole("heading", { name: "Sharpen the pencil" })).toBeVisible();
  await expect(opened.getByRole("button", { name: "Sharpen the pencil" })).toHaveCount(0);
  await opened.getByLabel("Status").selectOption("In review");
  await opened.getByRole("button", { name: "Move" }).click();
  await expect(cardIn(page, "In review", "Sharpen the pencil")).toBeVisible();
  const [project] = (await empty.call<{ projects: { id: string }[] }>("GET", "/projects")).projects;
  const [task] = (await empty.call<{ tasks: { id: string; status: string }[] }>("GET", `/tasks?projectId=${project.id}`)).tasks;
  expect(task.status).toBe("in_review");

  await page.goto(`${empty.url}/projects/plain-paper/board?task=${task.id}`);
  await opened.getByLabel("Comment", { exact: true }).fill("Done with a knife.");
  await opened.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(opened).toContainText("Done with a knife.");

  // A refusal is a sentence on the page, too.
  await page.goto(`${empty.url}/?new=project`);
  await page.getByRole("dialog", { name: "New project" }).getByLabel("Name").fill("Crooked Path");
  await page.getByRole("dialog", { name: "New project" }).getByLabel(/^Repository on this machine/).fill("shed");
  await page.getByRole("button", { name: "Create project" }).click();
  await expect(page.getByRole("alert")).toContainText("The repository's path must be absolute");
});

test("an address that leads nowhere says so, with the status of it", async ({ empty, visitor }) => {
  const me = await visitor();
  me.expectTrouble(/404/);
  for (const route of ["/nowhere", "/projects/none/board", "/projects/none/settings"]) {
    const answer = await me.page.goto(empty.url + route);
    expect(answer?.status(), route).toBe(404);
    await expect(me.page.getByRole("heading", { name: "Nothing lives here" }), route).toBeVisible();
    await me.live();
    await expect(me.page.getByRole("heading", { name: "Nothing lives here" }), route).toBeVisible();
    await me.accessible();
  }
  await me.page.getByRole("link", { name: "Go home" }).click();
  await expect(me.page.getByRole("heading", { name: "Welcome" })).toBeVisible();
});

test("dark, light, or as the system says, also after a reload", async ({ empty, visitor }) => {
  const me = await visitor({ colorScheme: "light" });
  const page = await me.open(empty.url);
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const bars = () => page.evaluate(() => [...document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")].map((m) => m.content));
  const system = await bars();
  expect(new Set(system).size).toBe(2);
  // Systems that put the page on their home screen ask for a picture that is no drawing.
  const icon = await page.locator("link[rel=apple-touch-icon]").getAttribute("href");
  const answer = await page.request.get(empty.url + icon);
  expect([answer.status(), answer.headers()["content-type"]]).toEqual([200, "image/png"]);
  const light = await background();
  await page.getByRole("button", { name: "Dark" }).click();
  await expect.poll(background).not.toBe(light);
  const dark = await background();
  await me.accessible();
  await page.reload();
  // Before our code runs already.
  expect(await background()).toBe(dark);
  expect(await bars()).toEqual([system[1], system[1]]);
  await me.live();
  expect(await background()).toBe(dark);
  await expect(page.getByRole("button", { name: "Dark" })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "Light" }).click();
  await expect.poll(bars).toEqual([system[0], system[0]]);
  await page.getByRole("button", { name: "Like the system" }).click();
  await expect.poll(background).toBe(light);
  await expect.poll(bars).toEqual(system);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(background).toBe(dark);
});

test("settings are kept and shown, and a project goes with all it has", async ({ empty, visitor }) => {
  const project = await empty.createProject({ name: "Old Shed", slug: "old-shed" });
  await empty.createTask(project, "Paint the door");
  const a = await visitor(), b = await visitor();
  await a.open(`${empty.url}/projects/old-shed/settings`);
  await b.open(`${empty.url}/projects/old-shed/board`);
  await a.accessible();
  await a.page.getByLabel("Name").fill("New Shed");
  await a.page.getByLabel(/^Repository on this machine/).fill("not/absolute");
  a.expectTrouble(/400/);
  await a.page.getByRole("button", { name: "Save" }).click();
  // Beside the field by the look at what it names, and as what saving was refused for.
  const refused = "The repository's path must be absolute";
  await expect(a.page.locator("#main").getByText(refused)).toBeVisible();
  await expect(toasts(a.page).getByText(refused)).toBeVisible();
  await a.page.getByLabel(/^Repository on this machine/).fill("/tmp");
  await a.page.getByRole("button", { name: "Save" }).click();
  await expect(a.page.getByText("Settings saved.")).toBeVisible();
  await expect(b.page.getByRole("heading", { name: "New Shed" })).toBeVisible();

  await a.page.getByLabel("I mean it").check();
  await a.page.getByRole("button", { name: "Delete project" }).click();
  await expect(a.page.getByRole("heading", { name: "Welcome" })).toBeVisible();
  await expect(b.page.getByText("This project was deleted")).toBeVisible();
});

test("code that was compiled otherwise than the server leaves the page as it was painted", async ({ empty, visitor }) => {
  await empty.createProject({ name: "Shed", slug: "shed" });
  const me = await visitor();
  const page = await me.open(`${empty.url}/projects/shed/board`);
  await expect(page.locator("html")).toHaveAttribute("data-views", "erased");

  await page.route("**/board", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace('data-views="erased"', 'data-views="typed"') });
  });
  me.expectTrouble(/compiled with different flags/);
  const said = page.waitForEvent("console", (message) => message.text().includes("compiled with different flags"));
  await page.reload();
  await said;
  await expect(page.getByRole("heading", { name: "Shed" })).toBeVisible();
  // It says so, and works as a page without code does.
  await expect(page.getByText("This page could not start its code")).toBeVisible();
  await page.getByRole("link", { name: "Settings" }).click();
  await me.live();
});

test("a clipboard that is closed to the page is not said to have the words", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Clipboard");
  for (const closed of [
    () => Object.defineProperty(navigator, "clipboard", { value: { writeText: () => Promise.reject(new DOMException("no", "NotAllowedError")) } }),
    () => Object.defineProperty(navigator, "clipboard", { value: undefined }),
  ]) {
    const me = await visitor();
    await me.page.addInitScript(closed);
    const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
    await page.locator("details.gateway summary").click();
    await page.locator("details.gateway").getByRole("button", { name: "Copy" }).first().click();
    await expect(page.locator(".toasts")).toContainText("The browser does not let this page copy.");
    await expect(page.locator("details.gateway").getByRole("button", { name: "Copied" })).toHaveCount(0);
  }
});

test("beside a project stands how many tickets are open in it, as they come and are done", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Counted");
  const first = await alone.createTask(project, "Open", { status: "backlog" });
  await alone.createTask(project, "Over", { status: "done" });
  const me = await visitor();
  const page = await me.open(alone.url);
  const line = page.getByRole("navigation", { name: "Projects" }).getByRole("link", { name: project.name });
  const count = line.locator(".n");
  await expect(count).toHaveText("1");
  await alone.createTask(project, "Another", { status: "in_review" });
  await expect(count).toHaveText("2");
  // In one line with the name, however long that is.
  const [number, whole] = [(await count.boundingBox())!, (await line.boundingBox())!];
  expect(number.height).toBeLessThan(22);
  expect(number.x + number.width).toBeLessThanOrEqual(whole.x + whole.width);
  await alone.call("PATCH", `/tasks/${first.id}`, { status: "done" });
  await expect(count).toHaveText("1");
});
