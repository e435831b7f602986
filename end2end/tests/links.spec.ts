// Links in what people and agents write.
import { expect, freshProject, test } from "../support/fixtures.ts";
import { panel } from "../support/look.ts";

test("links to our own pages stay in the tab, and Back leads back", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Links");
  const [first, second] = [await alone.createTask(project, "Paint the door"), await alone.createTask(project, "Buy paint")];
  const board = `/projects/${project.slug}/board`;
  await alone.call("PATCH", `/tasks/${first.id}`, { description: `After T-${second.number}, see [the board](${board}).` });
  const me = await visitor();
  await me.open(`${alone.url}${board}?task=T-${first.number}`);

  await panel(me.page).getByRole("link", { name: `T-${second.number}` }).click();
  await expect(me.page).toHaveURL(`${alone.url}${board}?task=T-${second.number}`);
  await expect(panel(me.page).getByRole("button", { name: "Buy paint" })).toBeVisible();
  await me.page.goBack();
  await expect(panel(me.page).getByRole("button", { name: "Paint the door" })).toBeVisible();

  await me.live();
  await panel(me.page).getByRole("link", { name: "the board" }).click();
  await expect(panel(me.page)).toHaveCount(0);
  await expect(me.page).toHaveURL(`${alone.url}${board}`);
  await me.page.goBack();
  await expect(panel(me.page).getByRole("button", { name: "Paint the door" })).toBeVisible();
  expect(me.page.context().pages()).toHaveLength(1);
});
