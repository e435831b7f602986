// The live feed over a restart of the server.
import { Board } from "../support/board.ts";
import { expect, freshProject, test, withHouse } from "../support/fixtures.ts";
import { Gateway, freePort } from "../support/gateway.ts";
import { card, cardIn, openPanel, panel } from "../support/look.ts";

for (const [how, end] of [["killed", (board: Board) => board.cut()], ["stopped", (board: Board) => void board.stop()]] as const) {
  test(`the server ${how} and started again: the page says so, keeps what was typed, and is live again`, async ({ visitor }) => {
    await withHouse("feed", async (house) => {
      const board = new Board(`${house.folder}/board`, { url: `ws://127.0.0.1:${await freePort()}`, token: Gateway.token });
      house.atEnd(() => board.stop());
      await board.start();
      const project = await board.createProject({ name: "Feed", slug: "feed" });
      const task = await board.createTask(project, "Before the restart");
      const me = await visitor();
      me.expectTrouble(/WebSocket connection to .*\/live/, /ERR_CONNECTION_REFUSED/);
      await me.open(`${board.url}/projects/feed/board`);
      const opened = await openPanel(me.page, task.title);
      await opened.getByLabel("Comment", { exact: true }).fill("Half a sent");

      end(board);
      await board.ended;
      await expect(me.page.locator(".feed")).toHaveText("The server does not answer. This page goes on by itself when it does.");
      await expect(me.page.locator(".stale")).toContainText(/As of \d\d:\d\d/);
      await me.page.setViewportSize({ width: 360, height: 740 });
      await expect(me.page.locator(".stale")).toBeInViewport();
      await me.page.setViewportSize({ width: 1440, height: 900 });
      await me.accessible();
      // What is done meanwhile has no answer, is told so, and nothing is lost.
      await opened.getByRole("button", { name: "Comment", exact: true }).click();
      await expect(me.page.getByText("No answer came. It may have been done; trying again does it only once.")).toBeVisible();
      await expect(opened.getByLabel("Comment", { exact: true })).toHaveValue("Half a sent");

      await board.start();
      // Changed before the page is back: it catches up.
      await board.call("PATCH", `/tasks/${task.id}`, { title: "After the restart", status: "in_review" });
      await me.live();
      await expect(me.page.locator(".stale")).toHaveCount(0);
      await expect(cardIn(me.page, "In review", "After the restart")).toBeVisible();
      await board.createTask(project, "Later still");
      await expect(card(me.page, "Later still")).toBeVisible();
      await expect(opened.getByLabel("Comment", { exact: true })).toHaveValue("Half a sent");
      await opened.getByRole("button", { name: "Comment", exact: true }).click();
      await expect(opened.getByRole("region", { name: /^Comments/ }).getByRole("article")).toContainText("Half a sent");
    });
  });
}

test("a server of another build has the page loaded anew once; drafts stay", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Feed");
  await alone.createTask(project, "Of an old page", { status: "backlog" });
  const me = await visitor();
  let tell = () => {};
  let said: string | null = null;
  await me.page.routeWebSocket(/\/live/, (socket) => {
    said = new URL(socket.url()).searchParams.get("build");
    socket.connectToServer();
    tell = () => void socket.close({ code: 4409, reason: "the server runs another build" });
  });
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  expect(said).toBe(await page.locator("html").getAttribute("data-build"));
  expect(said).toBeTruthy();
  await (await openPanel(page, "Of an old page")).getByLabel("Comment", { exact: true }).fill("Half a sentence");
  const loads: string[] = [];
  page.on("load", () => loads.push(page.url()));
  tell();
  await expect.poll(() => loads.length).toBe(1);
  await me.live();
  await expect(panel(page).getByLabel("Comment", { exact: true })).toHaveValue("Half a sentence");
  // It is no newer for that: it does not go round and round, the person decides.
  tell();
  await expect(page.locator(".stale")).toContainText("The server is of another build than this page.");
  expect(loads).toHaveLength(1);
  await page.locator(".stale").getByRole("button", { name: "Reload" }).click();
  await expect.poll(() => loads.length).toBe(2);
  await me.live();
});

test("a socket that only looks open is not believed", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Feed");
  const me = await visitor();
  let deaf = false;
  await me.page.routeWebSocket(/\/live/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => { if (!deaf) server.send(message); });
    server.onMessage((message) => { if (!deaf) socket.send(message); });
  });
  await me.page.clock.install();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  deaf = true;
  await page.clock.fastForward("01:00");
  await expect(page.locator(".stale")).toContainText("The server does not answer.");
  deaf = false;
  await page.clock.fastForward("00:20");
  await me.live();
  await alone.createTask(project, "After the silence");
  await expect(card(page, "After the silence")).toBeVisible();
});

test("a page that could not be loaded comes by itself when the server is back", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Feed");
  await alone.createTask(project, "There again", { status: "backlog" });
  const me = await visitor();
  me.expectTrouble(/ERR_FAILED/, /Failed to load resource/, /load_board/);
  let cut = () => {};
  await me.page.routeWebSocket(/\/live/, (socket) => {
    socket.connectToServer();
    cut = () => void socket.close({ code: 1012, reason: "restart" });
  });
  const page = await me.open(alone.url);
  await page.route(/\/fn\/load_board/, (route) => route.abort("failed"));
  await page.locator(`.rail a[href="/projects/${project.slug}/board"]`).click();
  await expect(page.getByRole("heading", { name: "This page could not be loaded" })).toBeVisible();
  await page.unroute(/\/fn\/load_board/);
  cut();
  await expect(card(page, "There again")).toBeVisible();
});

test("a ticket that could not be loaded comes by itself, and the board beside it stays", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Feed");
  await alone.createTask(project, "Late", { status: "backlog" });
  const me = await visitor();
  me.expectTrouble(/ERR_FAILED/, /Failed to load resource/, /load_task/);
  let cut = () => {};
  await me.page.routeWebSocket(/\/live/, (socket) => {
    socket.connectToServer();
    cut = () => void socket.close({ code: 1012, reason: "restart" });
  });
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  let boards = 0;
  await page.route(/\/fn\/load_board/, (route) => { boards += 1; return route.continue(); });
  await page.route(/\/fn\/load_task/, (route) => route.abort("failed"));
  await card(page, "Late").getByRole("link", { name: "Late", exact: true }).click();
  await expect(page.getByRole("heading", { name: "This ticket could not be loaded" })).toBeVisible();
  await page.unroute(/\/fn\/load_task/);
  cut();
  await expect(page.getByRole("complementary", { name: /^Ticket / }).getByRole("heading", { name: "Late" })).toBeVisible();
  expect(boards).toBe(0);
});

test("a page is not loaded anew under a form that nothing keeps: the person decides", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Feed");
  const me = await visitor();
  let tell = () => {};
  await me.page.routeWebSocket(/\/live/, (socket) => {
    socket.connectToServer();
    tell = () => void socket.close({ code: 4409, reason: "the server runs another build" });
  });
  const page = await me.open(`${alone.url}/projects/${project.slug}/settings`);
  await page.getByLabel("Name", { exact: true }).fill("Half a name");
  tell();
  await expect(page.locator(".stale")).toContainText("What is written here and not saved is lost by reloading.");
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Half a name");
});
