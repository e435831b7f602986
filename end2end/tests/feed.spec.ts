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
      await me.accessible();
      // What is done meanwhile has no answer, is told so, and nothing is lost.
      await opened.getByRole("button", { name: "Comment", exact: true }).click();
      await expect(me.page.getByText("No answer came. It may have been done; trying again does it only once.")).toBeVisible();
      await expect(opened.getByLabel("Comment", { exact: true })).toHaveValue("Half a sent");

      await board.start();
      // Changed before the page is back: it catches up.
      await board.call("PATCH", `/tasks/${task.id}`, { title: "After the restart", status: "in_review" });
      await me.live();
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
  await expect(page.locator(".feed")).toHaveText("The server is of another build than this page. Reload the page.");
  expect(loads).toHaveLength(1);
});
