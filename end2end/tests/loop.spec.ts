// The work loop's page: how it stands, what waits and why, what needs somebody, what was decided; live, by hand, and
// before any code runs.
import type { Page } from "@playwright/test";
import type { Board, Project } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { PHONE } from "../support/hand.ts";
import { toasts } from "../support/look.ts";

const standing = (page: Page) => page.getByRole("group", { name: "Work loop" });
const address = (board: Board, project: Project) => `${board.url}/projects/${project.slug}/work-loop`;
const rows = (page: Page, part: string) => page.getByRole("region", { name: new RegExp(`^${part}`) }).getByRole("listitem");
const decided = (page: Page) => page.getByRole("region", { name: "What was decided" });

/** A project in which something of everything is, without an agent: the gateway is away. */
async function full(board: Board): Promise<{ project: Project; stuck: string }> {
  const project = await freshProject(board, "Loop", { local_path: board.folder, work_loop_enabled: true });
  const first = await board.createTask(project, "Buy paint", { status: "ready", role: "research" });
  const second = await board.createTask(project, "Paint the door of the shed behind the house, twice", { status: "ready", role: "dev" });
  await board.call("POST", `/tasks/${second.id}/dependencies`, { depends_on_id: first.id });
  const stuck = await board.createTask(project, "The hinge is broken", { status: "blocked", role: "dev" });
  const wanted = await board.createTask(project, "Choose a colour", { status: "blocked", role: "pm" });
  await board.call("POST", "/triage/escalate", { task_id: wanted.id, reason: "Only the owner knows the colour." });
  return { project, stuck: stuck.id };
}

test("the loop is paused and resumed by hand, and others see it at once", async ({ alone, visitor }) => {
  const { project } = await full(alone);
  const me = await visitor(), other = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  await page.getByRole("navigation", { name: "Project", exact: true }).getByRole("link", { name: "Loop" }).click();
  await expect(page).toHaveURL(address(alone, project));
  const seen = await other.open(`${alone.url}/work-loop`);
  await expect(standing(page)).toContainText("Gateway away");
  await me.accessible();
  const section = seen.getByRole("region", { name: project.name });
  await expect(section.getByRole("group", { name: "Work loop" })).toContainText("Gateway away");
  await other.accessible();
  await standing(page).getByRole("button", { name: "Pause" }).click();
  await expect(standing(page)).toContainText("Paused");
  await expect(section.getByRole("group", { name: "Work loop" })).toContainText("Nothing starts until somebody resumes it.");
  await expect(decided(page).getByRole("listitem").first()).toContainText("You paused the loop");
  await expect(decided(seen).getByRole("listitem").first()).toContainText("You paused the loop");
  await section.getByRole("button", { name: "Resume" }).click();
  await expect(standing(page)).toContainText("Gateway away");
  await expect(decided(page).getByRole("listitem").first()).toContainText("You resumed the loop");
});

test("before any code runs the page reads well, and its buttons work", async ({ alone, visitor }) => {
  const { project } = await full(alone);
  const { page } = await visitor({ javaScriptEnabled: false });
  const here = new RegExp(`/projects/${project.slug}/work-loop\\??$`);
  await page.goto(address(alone, project));
  await expect(rows(page, "Triage")).toHaveCount(2);
  await expect(rows(page, "Ready, and not taken")).toHaveCount(2);
  await standing(page).getByRole("button", { name: "Pause" }).click();
  await expect(page).toHaveURL(here);
  await expect(standing(page)).toContainText("Paused");
  await standing(page).getByRole("button", { name: "Resume" }).click();
  await expect(standing(page)).not.toContainText("Paused");
  await rows(page, "Triage").filter({ hasText: "The hinge is broken" }).getByRole("button", { name: /again$/ }).first().click();
  await expect(page).toHaveURL(here);
  await expect(rows(page, "Triage")).toHaveCount(1);
  await expect(decided(page)).toContainText("You unblocked");
});

test("why a ticket waits changes as the reason does, and a project that is off is switched on", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Loop", { work_loop_enabled: true });
  const task = await alone.createTask(project, "Paint the door", { status: "ready", role: "dev" });
  const me = await visitor();
  const page = await me.open(address(alone, project));
  await expect(standing(page)).toContainText("No repository");
  await expect(standing(page).getByRole("link", { name: "Give its path" })).toHaveAttribute("href", `/projects/${project.slug}/settings`);
  await alone.call("PATCH", `/projects/${project.id}`, { local_path: alone.folder });
  await expect(standing(page)).toContainText("Gateway away");
  await expect(standing(page).getByRole("link", { name: "Set it up" })).toHaveAttribute("href", "/?setup");
  // Its kind of agents comes by itself now, so the gateway is not what it waits for.
  await alone.call("PATCH", `/projects/${project.id}`, { runtimes: { dev: "pull" } });
  const row = rows(page, "Ready, and not taken").filter({ hasText: "Paint the door" });
  await expect(row).toContainText("Waits for an agent that takes it by itself");
  const first = await alone.createTask(project, "Buy paint", { status: "backlog" });
  await alone.call("POST", `/tasks/${task.id}/dependencies`, { depends_on_id: first.id });
  await expect(row).toContainText("Waits for 1 task");
  await expect(row.getByRole("link", { name: `T-${first.number}` })).toHaveAttribute("href", `/projects/${project.slug}/board?task=T-${first.number}`);
  await alone.call("PATCH", `/projects/${project.id}`, { work_loop_enabled: false });
  await expect(standing(page)).toContainText("Off");
  await standing(page).getByRole("button", { name: "Switch on" }).click();
  await expect(standing(page).getByRole("button", { name: "Pause" })).toBeVisible();
});

test("a ticket that does not go on is decided about with one press", async ({ alone, visitor }) => {
  const { project, stuck } = await full(alone);
  const me = await visitor();
  const page = await me.open(address(alone, project));
  const row = rows(page, "Triage").filter({ hasText: "The hinge is broken" });
  // What somebody asked a person for comes first.
  await expect(rows(page, "Triage").first()).toContainText("Only the owner knows the colour.");
  await row.getByText("More", { exact: true }).click();
  await row.getByRole("textbox", { name: "Why a person must look" }).fill("It needs a screw.");
  await row.getByRole("button", { name: "Ask for a person" }).click();
  await expect(row).toContainText("asked for one: It needs a screw.");
  await expect(decided(page).getByRole("listitem").first()).toContainText("You asked for a person at");
  await row.getByRole("button", { name: /again$/ }).first().click();
  await expect(toasts(page)).toContainText("It is Ready again.");
  await expect(row).toHaveCount(0);
  expect((await alone.task(stuck)).status).toBe("ready");
  await expect(rows(page, "Ready, and not taken").filter({ hasText: "The hinge is broken" })).toHaveCount(1);
});

test("what was decided comes as it is decided, and older ones when somebody asks", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Loop", { local_path: alone.folder, work_loop_enabled: true });
  const me = await visitor();
  const page = await me.open(address(alone, project));
  await expect(decided(page)).toContainText("Nothing yet");
  const task = await alone.createTask(project, "The hinge is broken", { status: "blocked" });
  for (let n = 0; n < 13; n++) {
    await alone.call("POST", "/triage/escalate", { task_id: task.id, reason: `Reason ${n}.` });
    await alone.call("POST", "/triage/unblock", { task_id: task.id });
    await alone.call("PATCH", `/tasks/${task.id}`, { status: "blocked" });
  }
  await expect(decided(page).getByRole("listitem").first()).toContainText("unblocked");
  await expect(decided(page)).toContainText("Reason 12.");
  await page.reload();
  await me.live();
  await expect(decided(page).getByRole("listitem")).toHaveCount(20);
  await expect(decided(page)).not.toContainText("Reason 0.");
  await decided(page).getByRole("button", { name: "Show more" }).click();
  await expect(decided(page)).toContainText("Reason 0.");
  await expect(decided(page).getByRole("button", { name: "Show more" })).toHaveCount(0);
});

test("on a phone everything fits", async ({ alone, visitor }) => {
  const { project } = await full(alone);
  const me = await visitor(PHONE);
  for (const where of [address(alone, project), `${alone.url}/work-loop`]) {
    const page = await me.open(where);
    await expect(page.getByText("Only the owner knows the colour.").first()).toBeVisible();
    expect(await page.evaluate(() => ({ content: document.documentElement.scrollWidth, window: innerWidth })), where).toEqual({ content: 390, window: 390 });
    await me.accessible();
  }
});
