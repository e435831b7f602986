// Keys: the palette, the sheet of keys, other keyboards, taking back, and where one reads on.
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, cardIn, openPanel, toasts } from "../support/look.ts";
import { until } from "../support/until.ts";

test("the palette runs what is offered here, and leads to projects", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Keys"), other = await freshProject(alone, "Elsewhere");
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  const palette = page.getByRole("dialog", { name: "Commands and keys" });
  await page.keyboard.press("Control+k");
  await expect(palette).toBeVisible();
  await me.accessible();
  await expect(palette.getByRole("button", { name: "New Ticket" })).toContainText("C");
  await expect(palette).toContainText("Lift the card");
  await page.keyboard.type("new tick");
  await page.keyboard.press("Enter");
  await expect(palette).toBeHidden();
  await expect(page.getByRole("dialog", { name: "New ticket" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("?");
  await page.keyboard.type(other.name);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(`${alone.url}/projects/${other.slug}/board`);
  await page.keyboard.press("?");
  await expect(palette).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(palette).toBeHidden();
});

test("keys of other alphabets lie where they lie; a composed one is none", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Keys");
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  const dialog = page.getByRole("dialog", { name: "New ticket" });
  const press = (init: { key: string; code: string; isComposing?: boolean; keyCode?: number }) => page.evaluate((init) => void document.body.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init })), init);
  await press({ key: "c", code: "KeyC", isComposing: true });
  await press({ key: "c", code: "KeyC", keyCode: 229 });
  await press({ key: "j", code: "KeyC" });
  await expect(dialog).toHaveCount(0);
  await press({ key: "с", code: "KeyC" });
  await expect(dialog).toBeVisible();
});

test("Ctrl+Z takes back moves and choices, the last first", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Keys");
  const task = await alone.createTask(project, "There and back", { status: "backlog" });
  await alone.createTask(project, "Below it", { status: "backlog" });
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  await card(page, "There and back").getByRole("link").focus();
  for (const key of ["Space", "ArrowRight", "Space"]) await page.keyboard.press(key);
  await expect(cardIn(page, "Ready", "There and back")).toBeVisible();
  await until("it is moved", async () => (await alone.task(task.id)).status === "ready");
  await page.keyboard.press("Control+z");
  await expect(cardIn(page, "Backlog", "There and back")).toBeVisible();
  await until("it is moved back", async () => (await alone.tasks(project)).map((one) => `${one.title} ${one.status}`).join() === "There and back backlog,Below it backlog");
  await page.keyboard.press("Control+z");
  await expect(toasts(page)).toContainText("There is nothing to undo on this board.");
});

test("a lifted card that is left lies again where the server has it", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Keys");
  await alone.createTask(project, "Lifted", { status: "backlog" });
  await alone.createTask(project, "Other", { status: "backlog" });
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  await card(page, "Lifted").getByRole("link").focus();
  for (const key of ["Space", "ArrowRight"]) await page.keyboard.press(key);
  await expect(cardIn(page, "Ready", "Lifted")).toBeVisible();
  await page.getByRole("searchbox", { name: "Filter tickets" }).click();
  await expect(cardIn(page, "Backlog", "Lifted")).toBeVisible();
});

test("dialogs and the panel give the focus back", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Keys");
  await alone.createTask(project, "Keep me", { status: "backlog" });
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  await card(page, "Keep me").getByRole("link").focus();
  await page.keyboard.press("c");
  await expect(page.getByRole("dialog", { name: "New ticket" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(card(page, "Keep me").getByRole("link")).toBeFocused();
  // The panel, whichever way it is closed.
  await page.keyboard.press("Enter");
  await page.getByRole("complementary", { name: /^Ticket / }).getByRole("link", { name: "Close" }).first().click();
  await expect(card(page, "Keep me").getByRole("link")).toBeFocused();
});

test("a character that is being composed saves and sends nothing", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Keys");
  const task = await alone.createTask(project, "Half a word", { status: "backlog" });
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  const opened = await openPanel(page, "Half a word");
  await opened.getByRole("button", { name: "Half a word", exact: true }).click();
  const title = opened.getByLabel("Title");
  await title.fill("にほん");
  // As Chromium tells it, and as Safari does when the composition has just ended.
  for (const how of [{ isComposing: true }, { keyCode: 229 }]) {
    for (const key of ["Enter", "Escape"]) {
      await title.evaluate((field, init) => field.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init })), { key, ...how });
    }
  }
  await expect(title).toHaveValue("にほん");
  expect((await alone.task(task.id)).title).toBe("Half a word");
  await title.press("Enter");
  await expect(title).toHaveCount(0);
  await until("it is saved", async () => (await alone.task(task.id)).title === "にほん");
});

test("whoever has written by keys reads on where the form was", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Keys");
  await alone.createTask(project, "Oil the hinge");
  const me = await visitor();
  await me.open(`${alone.url}/projects/${project.slug}/board`);
  const ticket = await openPanel(me.page, "Oil the hinge");
  const title = (text: string) => ticket.getByRole("button", { name: text, exact: true });
  for (const [key, words] of [["Enter", "Oil both hinges"], ["Escape", "Oil both hinges"]]) {
    await title(key === "Enter" ? "Oil the hinge" : words).press("Enter");
    await ticket.getByLabel("Title").fill(key === "Enter" ? words : "Never mind");
    await ticket.getByLabel("Title").press(key);
    await expect(title(words)).toBeFocused();
  }
  await ticket.getByRole("button", { name: "Add a description" }).press("Enter");
  await ticket.getByRole("textbox", { name: "Description" }).fill("With *oil*.");
  await ticket.getByRole("textbox", { name: "Description" }).press("Control+Enter");
  await expect(ticket.getByRole("button", { name: "Edit the description" })).toBeFocused();
});
