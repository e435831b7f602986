// A project's settings in two tabs: who saves writes what was changed here, and nothing else.
import fs from "node:fs";
import path from "node:path";
import type { Page } from "@playwright/test";
import type { Board } from "../support/board.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { toasts } from "../support/look.ts";

interface Kept { id: string; name: string; description: string | null; work_loop_enabled: number; work_loop_max_agents: number | null; local_path: string | null }

const kept = async (board: Board, slug: string): Promise<Kept> =>
  (await board.call<{ projects: (Kept & { slug: string })[] }>("GET", "/projects")).projects.find((project) => project.slug === slug)!;

/** Two folders that are there: a path that is not is refused. */
function folders(board: Board): [string, string] {
  const [a, b] = ["a", "b"].map((name) => path.join(board.folder, name));
  for (const folder of [a, b]) fs.mkdirSync(folder, { recursive: true });
  return [a, b];
}

/** Opens the settings in a tab that hears nothing of what others do, as one that slept. */
async function openDeaf(page: Page, board: Board, slug: string): Promise<void> {
  let wake = () => {};
  const awake = new Promise<void>((resolve) => (wake = resolve));
  await page.routeWebSocket(/\/live/, (socket) => socket.onMessage(() => wake()));
  await page.goto(`${board.url}/projects/${slug}/settings`);
  await awake;
}

const save = (page: Page) => page.getByRole("button", { name: "Save", exact: true }).click();

test("a tab that was open saves only what was changed in it: the loop stays off", async ({ alone, visitor }) => {
  const [a, b] = folders(alone);
  const project = await freshProject(alone, "Settings", { local_path: a, work_loop_enabled: true });
  const me = await visitor();
  await openDeaf(me.page, alone, project.slug);
  await alone.call("PATCH", `/projects/${project.id}`, { work_loop_enabled: false, work_loop_max_agents: 2, local_path: b });
  await me.page.getByLabel("Name", { exact: true }).fill("Other name");
  await save(me.page);
  await expect(toasts(me.page)).toContainText("Settings saved.");
  const now = await kept(alone, project.slug);
  expect([now.name, Boolean(now.work_loop_enabled), now.work_loop_max_agents, now.local_path]).toEqual(["Other name", false, 2, b]);
});

test("what somebody else changed meanwhile is told, with both values, and is not written over unseen", async ({ alone, visitor }) => {
  const [a] = folders(alone);
  const project = await freshProject(alone, "Settings", { local_path: a });
  const me = await visitor();
  me.expectTrouble(/409/);
  await openDeaf(me.page, alone, project.slug);
  await me.page.getByLabel(/^Description/).fill("Mine");
  await alone.call("PATCH", `/projects/${project.id}`, { description: "Theirs" });
  await save(me.page);
  await expect(toasts(me.page)).toContainText("Somebody changed the description to \u201cTheirs\u201d meanwhile; here it is \u201cMine\u201d.");
  expect((await kept(alone, project.slug)).description).toBe("Theirs");
  await expect(me.page.getByLabel(/^Description/)).toHaveValue("Mine");
  // Seen, it is the person's choice.
  await expect(me.page.getByText("Somebody changed this to \u201cTheirs\u201d meanwhile.")).toBeVisible();
  await save(me.page);
  await expect.poll(async () => (await kept(alone, project.slug)).description).toBe("Mine");
});

test("fields that nobody touched follow what others do; one that is worked on says what they made of it", async ({ alone, visitor }) => {
  const [a, b] = folders(alone);
  const project = await freshProject(alone, "Settings", { local_path: a, work_loop_enabled: true });
  const me = await visitor(), other = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/settings`);
  const there = await other.open(`${alone.url}/projects/${project.slug}/settings`);
  const name = page.getByLabel("Name", { exact: true });
  await name.fill("Mine");
  await there.getByLabel("Name", { exact: true }).fill("Theirs");
  await there.getByLabel(/^Repository on this machine/).fill(b);
  await there.getByText("Let agents take tickets that are Ready").click();
  await there.getByLabel("Messages in chats").selectOption("imessage");
  await there.getByRole("radio", { name: "Green" }).check({ force: true });
  await save(there);
  await expect(page.getByLabel(/^Repository on this machine/)).toHaveValue(b);
  await expect(page.getByRole("checkbox", { name: "Let agents take tickets that are Ready" })).not.toBeChecked();
  await expect(page.getByLabel("Messages in chats")).toHaveValue("imessage");
  await expect(page.getByRole("radio", { name: "Green" })).toBeChecked();
  await expect(name).toHaveValue("Mine");
  await expect(page.getByText("Somebody changed this to \u201cTheirs\u201d meanwhile.")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Theirs");
  await me.accessible();
  await save(page);
  await expect(toasts(page)).toContainText("Settings saved.");
  await expect(there.getByLabel("Name", { exact: true })).toHaveValue("Mine");
  const now = await kept(alone, project.slug);
  expect([now.name, Boolean(now.work_loop_enabled), now.local_path]).toEqual(["Mine", false, b]);
});

test("what a field names is looked at as it is left, and by a button", async ({ alone, visitor }) => {
  const home = path.join(alone.folder, "home");
  const [repo, plain] = ["repo", "plain"].map((name) => path.join(home, name));
  fs.mkdirSync(path.join(repo, ".git"), { recursive: true });
  fs.mkdirSync(plain, { recursive: true });
  fs.writeFileSync(path.join(repo, ".git", "HEAD"), "ref: refs/heads/trunk\n");
  const project = await freshProject(alone, "Settings", { local_path: repo });
  const me = await visitor();
  me.expectTrouble(/400/);
  const page = await me.open(`${alone.url}/projects/${project.slug}/settings`);
  const field = page.getByLabel(/^Repository on this machine/);
  const check = page.getByRole("button", { name: "Check the repository on this machine" });
  const said = page.locator(".checked").filter({ has: check }).getByRole("status");
  await expect(said).toHaveText("");
  // One that hangs says so, and what is typed meanwhile is not answered by it.
  let go = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  await page.route("**/fn/check_setting", async (route) => { await held; await route.continue(); }, { times: 1 });
  await check.click();
  await expect(said).toHaveText("Looking…");
  await expect(check).toBeDisabled();
  await field.fill(plain);
  await expect(said).toHaveText("");
  await field.blur();
  await expect(said).toHaveText("This folder is there, but it is no git repository. It can be saved all the same.");
  const late = page.waitForResponse("**/fn/check_setting");
  go();
  await late;
  await field.fill(repo);
  await field.press("Tab");
  await expect(said).toHaveText("A git repository, on the branch trunk.");
  await me.accessible();
  // It warns, and forbids nothing.
  await field.fill(plain);
  await save(page);
  await expect(toasts(page)).toContainText("Settings saved.");
  expect((await kept(alone, project.slug)).local_path).toBe(plain);
  // What could not be saved either is said in the same words.
  const github = page.getByLabel(/^GitHub repository/);
  await github.fill("nonsense");
  await github.blur();
  await expect(page.getByText("github_repo must be in owner/repo format")).toBeVisible();
  // What GitHub says is told as it is.
  await page.route("**/fn/check_setting", (route) => route.fulfill({ json: { well: true, sentence: "o/r is there: public, with main as its main branch." } }), { times: 1 });
  await github.fill("o/r");
  await page.getByRole("button", { name: "Check the repository on GitHub" }).click();
  await expect(page.getByText("o/r is there: public, with main as its main branch.")).toBeVisible();
});
