// Back and forward: what was closed stays closed, and what is opened lies on top of what is there.
import type { Page } from "@playwright/test";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { card, cardIn, openPanel, panel } from "../support/look.ts";

const dialog = (page: Page) => page.getByRole("dialog", { name: "New ticket" });
const home = (page: Page) => expect(page.getByRole("heading", { name: "Projects", level: 1 })).toBeVisible();

test("a dialog that was closed, or has done its work, does not come back by going back", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "History");
  const me = await visitor();
  const page = await me.open(alone.url);
  const board = new RegExp(`/projects/${project.slug}/board$`);
  await page.getByRole("navigation", { name: "Projects" }).getByRole("link", { name: project.name }).click();
  for (const close of [
    () => page.keyboard.press("Escape"),
    () => dialog(page).getByRole("link", { name: "Close" }).click(),
    async () => {
      await dialog(page).getByLabel("Title").fill("Made here");
      await dialog(page).getByRole("button", { name: "Create Task" }).click();
    },
  ]) {
    await page.getByRole("button", { name: "New Ticket", exact: true }).click();
    await expect(dialog(page)).toBeVisible();
    await close();
    await expect(dialog(page)).toHaveCount(0);
    await expect(page).toHaveURL(board);
  }
  await expect(card(page, "Made here")).toBeVisible();
  await page.goBack();
  await home(page);
  await expect(dialog(page)).toHaveCount(0);
  // A link to a dialog has nothing of ours behind it.
  await page.goto(`${alone.url}/projects/${project.slug}/board?new=blocked`);
  await me.live();
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toHaveCount(0);
  await expect(page).toHaveURL(board);
});

test("a project that was made is where its dialog was", async ({ alone, visitor }) => {
  await freshProject(alone, "History");
  const me = await visitor();
  const page = await me.open(alone.url);
  await page.getByRole("main").getByRole("link", { name: "New project" }).click();
  const form = page.getByRole("dialog", { name: "New project" });
  await form.getByLabel("Name").fill("Проект");
  // The address that it gets, in any script; a second one of the name says so before.
  await expect(form).toContainText(/Address: \/projects\/project(-\d+)?\/board/);
  const told = (await form.getByText(/^Address:/).textContent())!.replace("Address: ", "");
  await form.getByRole("button", { name: "Create project" }).click();
  await expect(page).toHaveURL(`${alone.url}${told}`);
  await expect(page.getByRole("heading", { name: "Проект" })).toBeVisible();
  await page.goBack();
  await home(page);
  await expect(form).toHaveCount(0);
  await page.getByRole("main").getByRole("link", { name: "New project" }).click();
  await form.getByLabel("Name").fill("Проект");
  await expect(form.getByText(/^Address:/)).not.toHaveText(`Address: ${told}`);
  await expect(form.getByText(/^Address:/)).toHaveText(/\/projects\/project-\d+\/board/);
});

test("the panel: opened and closed it leaves nothing behind; a dialog lies on top of it", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "History");
  for (const title of ["One", "Two"]) await alone.createTask(project, title, { status: "backlog" });
  const me = await visitor();
  const page = await me.open(alone.url);
  await page.getByRole("navigation", { name: "Projects" }).getByRole("link", { name: project.name }).click();
  await openPanel(page, "One");
  await panel(page).getByRole("link", { name: "Close" }).click();
  await expect(panel(page)).toHaveCount(0);
  await page.goBack();
  await home(page);
  await page.goForward();
  await openPanel(page, "One");
  await page.keyboard.press("Escape");
  await expect(panel(page)).toHaveCount(0);

  await openPanel(page, "Two");
  await page.keyboard.press("c");
  await expect(dialog(page)).toBeVisible();
  await expect(page).toHaveURL(/task=T-\d+/);
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toHaveCount(0);
  await expect(panel(page).getByRole("button", { name: "Two", exact: true })).toBeVisible();
  await expect(cardIn(page, "Backlog", "One")).toBeVisible();
});
