// Pages that somebody else has changed before they woke, clocks that go wrong, and what is left of pages that were left.
import type { Page, WebSocketRoute } from "@playwright/test";
import type { Project } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, panel } from "../support/look.ts";

/** Changes the page as soon as it has an element, before any code of ours runs: as extensions and translators do. */
async function changed(page: Page, selector: string, change: (element: Element) => void): Promise<void> {
  await page.addInitScript(`new MutationObserver((_, observer) => {
    const element = document.querySelector(${JSON.stringify(selector)});
    if (element) { observer.disconnect(); (${change.toString()})(element); }
  }).observe(document, { childList: true, subtree: true });`);
}

test("what an extension puts into the page does not keep it from waking", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Awake");
  await alone.createTask(project, "Wake up");
  const me = await visitor();
  await changed(me.page, "body > *", (first) => {
    first.before(Object.assign(document.createElement("div"), { textContent: "An extension" }));
    first.after(Object.assign(document.createElement("aside"), { textContent: "More of it" }));
  });
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  await expect(page.locator("body > :first-child")).toHaveText("An extension");
  await card(page, "Wake up").getByRole("link").click();
  await expect(panel(page).getByRole("button", { name: "Wake up", exact: true })).toBeVisible();
});

test("a page that does not find its way in what was made of it says so; its links and forms work", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Asleep");
  await alone.createTask(project, "Read me");
  const me = await visitor();
  me.expectTrouble(/page error/, /console/);
  // As a translator does it: an element where there was none.
  await changed(me.page, "ul.cards", (list) => list.before(document.createElement("font")));
  const { page } = me;
  await page.goto(`${alone.url}/projects/${project.slug}/board`);
  await expect(page.getByText("This page could not start its code")).toBeVisible();
  await me.accessible();
  await page.getByRole("link", { name: "Settings" }).click();
  await expect(page.getByLabel("Name")).toHaveValue(project.name);
  await me.live();
  await page.goto(`${alone.url}/projects/${project.slug}/board?new`);
  await expect(page.getByText("This page could not start its code")).toBeVisible();
  await page.getByLabel("Title").fill("Made without code");
  await page.getByRole("button", { name: "Create Task" }).click();
  await expect(card(page, "Made without code")).toBeVisible();
});

test("ages are the server's, whatever the browser's clock says", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Clock");
  for (const hours of [3, -3]) {
    const task = await alone.createTask(project, `Ahead by ${hours}`);
    const me = await visitor();
    await me.page.addInitScript((ms) => {
      const real = Date.now.bind(Date);
      Date.now = () => real() + ms;
    }, hours * 3_600_000);
    const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
    await expect(card(page, task.title).locator(".age")).toHaveText("now");
    // One that is made while the page is open, too.
    await alone.createTask(project, `Later ${hours}`);
    await expect(card(page, `Later ${hours}`).locator(".age")).toHaveText("now");
    expect(await card(page, task.title).locator(".age").textContent()).toBe("now");
  }
});

test("what an agent says is not shown any more when the feed is gone", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Stream");
  const { chats: [chat] } = await alone.call<{ chats: { id: string }[] }>("GET", `/chats?projectId=${project.id}`);
  const me = await visitor();
  let socket: WebSocketRoute | undefined;
  let away = false;
  await me.page.routeWebSocket(/\/live/, (route) => {
    if (away) return void route.close({ code: 1011 });
    socket = route;
    route.connectToServer();
  });
  const page = await me.open(`${alone.url}/projects/${project.slug}/chat?chat=${chat.id}`);
  const stream = { run: "r", who: "Ada", said: true, blocks: [], open: "<p>Half an answer</p>" };
  socket!.send(JSON.stringify({ t: "stream", chat: chat.id, stream }));
  await expect(page.getByText("Half an answer")).toBeVisible();
  away = true;
  await socket!.close({ code: 1011 });
  await expect(page.locator(".stale")).toBeVisible();
  await expect(page.getByText("Half an answer")).toHaveCount(0);
});

test("a server that takes the feed and lets it go at once is asked less and less; one that does not understand is not asked again", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Refused");
  const me = await visitor();
  const { page } = me;
  const tries: number[] = [];
  let code = 1011;
  await page.routeWebSocket(/\/live/, (route) => {
    tries.push(Date.now());
    void route.close({ code });
  });
  await page.goto(`${alone.url}/projects/${project.slug}/board`);
  await expect.poll(() => tries.length, { timeout: 30_000 }).toBeGreaterThan(5);
  const waits = tries.slice(1).map((at, n) => at - tries[n]);
  // Doubled each time, and up to half of it by chance: two steps on it is always more.
  expect(waits[4], `${waits}`).toBeGreaterThan(waits[0]);
  expect(waits[4], `${waits}`).toBeGreaterThan(2_000);
  code = 4400;
  await expect(page.locator(".stale")).toContainText("The server does not understand this page.", { timeout: 20_000 });
  const asked = tries.length;
  // Whoever looks at the tab again would have it tried at once.
  await page.evaluate(() => window.dispatchEvent(new Event("online")));
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  expect(tries.length).toBe(asked);
});

test("boards that were left are forgotten", async ({ alone, visitor }) => {
  const [many, few] = [await freshProject(alone, "Many"), await freshProject(alone, "Few")];
  await alone.createTasks(many, Array.from({ length: 150 }, (_, n) => `Task ${n + 1}`));
  await alone.createTask(few, "The only one");
  const me = await visitor();
  await me.page.addInitScript(() => {
    const { instantiateStreaming } = WebAssembly;
    WebAssembly.instantiateStreaming = async (...args) => {
      const made = await instantiateStreaming(...args);
      const { memory } = made.instance.exports;
      if (memory instanceof WebAssembly.Memory) Object.assign(window, { ours: memory });
      return made;
    };
  });
  const page = await me.open(`${alone.url}/projects/${few.slug}/board`);
  const open = async (project: Project, cards: number) => {
    await page.getByRole("navigation", { name: "Projects" }).getByRole("link", { name: project.name }).click();
    await expect(page.locator("[data-card]")).toHaveCount(cards);
    await me.live();
  };
  const visits = async (times: number) => {
    for (let n = 0; n < times; n++) {
      await open(many, 150);
      await open(few, 1);
    }
    return page.evaluate(() => (window as unknown as { ours: WebAssembly.Memory }).ours.buffer.byteLength / 65_536);
  };
  const first = await visits(3), later = await visits(12);
  // Of each visit 30 kB were left once: five pages of memory.
  expect(later - first, "pages of memory").toBeLessThanOrEqual(2);
});
