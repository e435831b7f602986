// Tickets beyond those that a board holds: every one is reachable, and what was looked at is said.
import type { Board, Project } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, cardIn, column, openPanel, panel } from "../support/look.ts";

/** Cards that a board holds of an open column, and of the finished ones. */
const OPEN = 500, DONE = 50;

const address = (board: Board, project: Project) => `${board.url}/projects/${project.slug}/board`;

/** So many tickets in a column, "Bird 1" first. */
async function birds(board: Board, project: Project, status: string, count: number, name = "Bird"): Promise<void> {
  for (let n = 1; n <= count; n += 1) await board.createTask(project, `${name} ${n}`, { status });
}

test("a long column: the next page is shown on the board, and stays true", async ({ alone, visitor }) => {
  test.setTimeout(120_000);
  const project = await freshProject(alone, "Long");
  await birds(alone, project, "backlog", OPEN + 3);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const backlog = column(page, "Backlog");
  await expect(backlog.locator("header .c")).toHaveText(String(OPEN + 3));
  await expect(backlog.locator("[data-card]")).toHaveCount(OPEN);
  await expect(backlog.getByText("3 more tickets below are not shown")).toBeVisible();
  await backlog.getByRole("button", { name: "Show 3 more" }).click();
  await expect(backlog.locator("[data-card]")).toHaveCount(OPEN + 3);
  await expect(backlog.getByText("not shown")).toHaveCount(0);
  // They are as live as the others.
  const last = (await alone.tasks(project)).find((task) => task.title === `Bird ${OPEN + 3}`)!;
  await alone.call("PATCH", `/tasks/${last.id}`, { title: "Wren" });
  // By its id: to look for a name among five hundred takes the browser seconds each time.
  const wren = (status: string) => page.locator(`#col-${status} #card-${last.id}`);
  await expect(wren("backlog")).toContainText("Wren");
  await alone.move(last.id, "blocked");
  await expect(wren("blocked")).toBeVisible();
  await expect(backlog.locator("[data-card]")).toHaveCount(OPEN + 2);
});

test("finished tickets: older ones on the board, all of them as a list, page by page, with words", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Finished");
  await birds(alone, project, "done", 11, "Wren");
  await birds(alone, project, "done", DONE - 4);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const done = column(page, "Done");
  await expect(done.locator("[data-card]")).toHaveCount(DONE);
  await expect(done.getByText("7 older tickets are not shown")).toBeVisible();
  await me.accessible();
  await done.getByRole("button", { name: "Show 7 more" }).click();
  await expect(done.locator("[data-card]")).toHaveCount(DONE + 7);

  await page.reload();
  await me.live();
  await done.getByRole("link", { name: "All as a list" }).click();
  const list = page.getByRole("list", { name: "Done" });
  await expect(list.getByRole("listitem")).toHaveCount(50);
  await expect(page.getByText("The first 50 of 57 tickets.")).toBeVisible();
  await expect(list.getByRole("listitem").first()).toContainText("Bird 46");
  await me.accessible();
  await page.getByRole("link", { name: "Older" }).click();
  await expect(page.getByText("The last 7 of 57 tickets.")).toBeVisible();
  await expect(list.getByRole("listitem").last()).toContainText("Wren 1");
  await page.getByRole("link", { name: "To the newest" }).click();
  await page.getByRole("searchbox", { name: "Find tickets in Done" }).fill("wren");
  await page.getByRole("button", { name: "Find" }).click();
  await expect(page.getByText("11 found among all 57 tickets of this column.")).toBeVisible();
  await expect(page).toHaveURL(/q=wren/);
  // One that is finished meanwhile is there.
  await alone.createTask(project, "Wren 300", { status: "done" });
  await expect(page.getByText("12 found among all 58 tickets of this column.")).toBeVisible();
  // A line leads to its panel, also where the board does not hold its card.
  await list.getByRole("link", { name: "Wren 3", exact: true }).click();
  await expect(panel(page).getByRole("button", { name: "Wren 3", exact: true })).toBeVisible();
  await page.goBack();
  await expect(page.getByText("12 found among all 58")).toBeVisible();
});

test("the list works without our code, and says of nonsense that it is", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Plain");
  await birds(alone, project, "done", 1, "Wren");
  await birds(alone, project, "done", 52);
  const me = await visitor({ javaScriptEnabled: false });
  const page = me.page;
  const list = `${alone.url}/projects/${project.slug}/tickets`;
  await page.goto(list);
  await page.getByRole("link", { name: "Older" }).click();
  await expect(page.getByRole("list", { name: "Done" }).getByRole("listitem")).toHaveCount(3);
  await page.getByRole("searchbox").fill("wren");
  await page.getByRole("button", { name: "Find" }).click();
  await expect(page.getByText("1 found among all 53 tickets of this column.")).toBeVisible();
  await page.goto(`${list}?from=nonsense&column=nonsense`);
  await expect(page.getByText("There is no such place among the tickets.")).toBeVisible();
  await page.goto(`${list}?column=ready`);
  await expect(page.getByText("No ticket is in this column.")).toBeVisible();
});

test("the filter finds what the board does not hold, and says what was looked at", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Filter");
  await alone.createTask(project, "Snowy owl", { status: "done" });
  await alone.createTask(project, "Caf\u0065\u0301 sparrow", { status: "done" });
  await birds(alone, project, "done", DONE);
  await alone.createTask(project, "Barn owl", { status: "backlog" });
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const filter = page.getByRole("searchbox", { name: "Filter tickets" });
  await filter.fill("OWL");
  await expect(cardIn(page, "Done", "Snowy owl")).toBeVisible();
  await expect(cardIn(page, "Backlog", "Barn owl")).toBeVisible();
  await expect(page.getByText("2 found among all 53 tickets.")).toBeVisible();
  // However it was typed.
  await filter.fill("CAFÉ");
  await expect(cardIn(page, "Done", "Caf\u0065\u0301 sparrow")).toBeVisible();
  await expect(column(page, "Backlog").getByText("Nothing here is shown by the filter.")).toBeAttached();
  await filter.fill("ostrich");
  await expect(page.getByText("None found among all 53 tickets.")).toBeVisible();
  await me.accessible();
  // A found card is a card: it opens, and moves to where it is then.
  await filter.fill("snowy");
  await openPanel(page, "Snowy owl");
  await panel(page).getByRole("combobox", { name: "Status" }).selectOption("Blocked");
  await page.getByRole("button", { name: "Reopen" }).click();
  await expect(cardIn(page, "Blocked", "Snowy owl")).toBeVisible();
  await panel(page).getByRole("link", { name: "Close" }).click();
  await filter.fill("");
  await expect(page.getByText("tickets were looked at")).toHaveCount(0);
  await expect(cardIn(page, "Blocked", "Snowy owl")).toBeVisible();
  await expect(card(page, "Caf\u0065\u0301 sparrow")).toHaveCount(0);
});

test("a server that does not answer: only what is on the board was looked at, and that is said", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Away");
  await birds(alone, project, "done", DONE + 1);
  const me = await visitor();
  me.expectTrouble(/find_tickets/, /ERR_FAILED/);
  const page = await me.open(address(alone, project));
  await page.route(/\/fn\/find_tickets/, (route) => route.abort());
  await page.getByRole("searchbox", { name: "Filter tickets" }).fill("bird 1");
  await expect(page.getByText("Only the tickets on this board were looked at.")).toBeVisible();
  await page.unroute(/\/fn\/find_tickets/);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText(/^\d+ found among all 51 tickets\.$/)).toBeVisible();
});

test("the picker finds tickets that the board does not hold", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Picker");
  await alone.createTask(project, "Old oak", { status: "done" });
  await birds(alone, project, "done", DONE);
  await alone.createTask(project, "New nest", { status: "backlog" });
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const opened = await openPanel(page, "New nest");
  await opened.getByRole("button", { name: "Add a ticket that this one waits for" }).click();
  const field = opened.getByRole("textbox", { name: "Ticket that this one waits for" });
  await field.fill("ostrich");
  await expect(opened.getByText("No other ticket of this project has these words.")).toBeVisible();
  await field.fill("old oak");
  await opened.getByRole("button", { name: /Old oak/ }).click();
  await expect(opened.getByRole("link", { name: /Old oak/ })).toBeVisible();
});
