// Log-in, as people meet it: with and without JavaScript, and what opens the house besides.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { Board, type Project } from "../support/board.ts";
import { engineFor } from "../support/engine.ts";
import { expect, test as base, withHouse } from "../support/fixtures.ts";
import { Gateway, freePort } from "../support/gateway.ts";
import { program } from "../support/places.ts";

const PASSWORD = "correct horse battery";

/** A server where people log in, a project there, and what its owner says on the command line. */
interface Locked { board: Board; project: Project; clutch: (...words: string[]) => string; answers: (token: string, route: string) => Promise<number> }

const test = base.extend<object, { locked: Locked }>({
  locked: [async ({}, use) => {
    await withHouse("locked", async (house) => {
      const folder = path.join(house.folder, "board");
      const board = new Board(folder, { url: `ws://127.0.0.1:${await freePort()}`, token: Gateway.token }, { CLUTCH_PASSWORD: PASSWORD });
      house.atEnd(() => board.stop());
      await board.start();
      const env = { HOME: path.join(folder, "home"), ...await engineFor(folder) };
      const clutch = (...words: string[]) =>
        execFileSync(program(), [...words, "--data-dir", path.join(folder, "data")], { encoding: "utf8", env, stdio: ["ignore", "pipe", "ignore"] }).trim();
      const ask = (token: string, method: string, route: string, body?: object) =>
        fetch(board.url + route, { method, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, body: body && JSON.stringify(body) });
      const made = await ask(clutch("token", "create", "tests"), "POST", "/api/projects", { name: "Locked", slug: "locked" });
      const { project } = await made.json() as { project: Project };
      await use({ board, project, clutch, answers: async (token, route) => (await ask(token, "GET", route)).status });
    });
  }, { scope: "worker", timeout: 60_000 }],
});

for (const javaScriptEnabled of [true, false]) {
  test(`one logs in, is led back, and logs out, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async ({ locked, visitor }) => {
    const me = await visitor({ javaScriptEnabled });
    const { page } = me;
    me.expectTrouble(/403/);
    const wanted = `${locked.board.url}/projects/${locked.project.slug}/board`;
    await page.goto(wanted);
    await expect(page).toHaveTitle("Log in · OpenClutch");
    await expect(page.getByLabel("Password")).toBeFocused();
    if (javaScriptEnabled) await me.accessible();
    await page.keyboard.type("a wrong password");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toHaveText("This is not the password. Try again.");
    if (javaScriptEnabled) await me.accessible();
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page).toHaveURL(wanted);
    await expect(page.getByRole("heading", { name: "Locked" }).first()).toBeVisible();
    if (javaScriptEnabled) await me.live();
    const [cookie] = await page.context().cookies();
    expect([cookie.httpOnly, cookie.sameSite]).toEqual([true, "Lax"]);
    await page.goto(`${locked.board.url}/logout`);
    await page.getByRole("button", { name: "Log out" }).click();
    await expect(page).toHaveURL(`${locked.board.url}/login`);
    await page.goto(wanted);
    await expect(page).toHaveTitle("Log in · OpenClutch");
  });
}

test("the page follows the colours of the system", async ({ locked, visitor }) => {
  const grounds: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    const me = await visitor({ colorScheme });
    await me.page.goto(`${locked.board.url}/login`);
    await me.accessible();
    grounds.push(await me.page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  expect(grounds[0]).not.toBe(grounds[1]);
});

test("a session that is ended elsewhere ends", async ({ locked, visitor }) => {
  const me = await visitor({ userAgent: "Mozilla/5.0 (X11; Linux) Firefox/130.0" });
  const { page } = me;
  await page.goto(`${locked.board.url}/login?next=/`);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await me.live();
  const row = locked.clutch("session", "list").split("\n").find((line) => line.includes("Firefox on Linux"))!;
  me.expectTrouble(/401/);
  locked.clutch("session", "end", row.split(" ")[0]);
  await page.reload();
  await expect(page).toHaveTitle("Log in · OpenClutch");
});

for (const javaScriptEnabled of [true, false]) {
  test(`a token is made, shown once and revoked, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async ({ locked, visitor }) => {
    const me = await visitor({ javaScriptEnabled, permissions: ["clipboard-read", "clipboard-write"] });
    const { page } = me;
    const name = `Build ${javaScriptEnabled ? "with" : "without"}`;
    await page.goto(`${locked.board.url}/projects/${locked.project.slug}/settings`);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Who may come in" }).click();
    await expect(page).toHaveURL(`${locked.board.url}/access`);
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("It may").selectOption("read");
    await page.getByRole("button", { name: "Make token" }).click();
    await expect(page.getByRole("status")).toContainText("It is shown this once");
    const secret = await page.getByLabel("Token", { exact: true }).inputValue();
    if (javaScriptEnabled) {
      await me.accessible();
      await page.getByRole("button", { name: "Copy" }).click();
      await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
    } else {
      await expect(page.getByRole("button", { name: "Copy" })).toBeHidden();
    }
    expect(await locked.answers(secret, "/api/projects")).toBe(200);
    await page.goto(`${locked.board.url}/access`);
    expect(await page.content()).not.toContain(secret);
    // What was done lately names it, too.
    const row = page.getByRole("listitem").filter({ hasText: new RegExp(`^${name}\\s*[0-9a-f]{8}`) });
    await row.getByText("Revoke…").click();
    await row.getByRole("button", { name: `Revoke “${name}” now` }).click();
    await expect(row).toContainText("revoked");
    expect(await locked.answers(secret, "/api/projects")).toBe(401);
    // This browser stands in the list, and is logged out there as another would be.
    const mine = page.getByRole("listitem").filter({ hasText: "(this one)" });
    await mine.getByText("Log out…").click();
    await mine.getByRole("button", { name: /^Log out “/ }).click();
    await expect(page).toHaveTitle("Log in · OpenClutch");
  });
}

test("a tab that comes back after its session has ended says so", async ({ locked, visitor }) => {
  const me = await visitor({ userAgent: "Mozilla/5.0 (X11; Linux) Firefox/131.0" });
  const { page } = me;
  await page.goto(`${locked.board.url}/login?next=/`);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await me.live();
  me.expectTrouble(/401|WebSocket/);
  // The browser is away while its session ends, and the feed is dialled anew when it is back.
  await locked.board.stop();
  await expect(page.getByTitle("The server does not answer.")).toBeVisible();
  const row = locked.clutch("session", "list").split("\n").find((line) => line.includes("Firefox on Linux"))!;
  locked.clutch("session", "end", row.split(" ")[0]);
  await locked.board.start();
  await expect(page.getByTitle("You are logged out.")).toBeVisible();
  await page.reload();
  await expect(page).toHaveTitle("Log in · OpenClutch");
});

// These let others in, and from then on the form asks for a name: they come last.
for (const javaScriptEnabled of [true, false]) {
  test(`people are let in, and each may do what they may, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async ({ locked, visitor }) => {
    const owner = await visitor({ javaScriptEnabled });
    const { page } = owner;
    const enter = async (who: typeof owner, name: string | null, password: string, next: string) => {
      await who.page.goto(`${locked.board.url}/login?next=${next}`);
      if (name) await who.page.getByLabel("Name").fill(name);
      await who.page.getByLabel("Password").fill(password);
      await who.page.keyboard.press("Enter");
    };
    await enter(owner, javaScriptEnabled ? null : "owner", PASSWORD, "/access");
    const viewer = javaScriptEnabled ? "vic" : "val";
    await page.getByLabel("Their name").fill(viewer);
    await page.getByRole("heading", { name: "Let somebody in" }).locator("..").getByLabel("They may").selectOption("viewer");
    await page.getByLabel(/^Password/).fill("a password for them");
    await page.getByRole("button", { name: "Let them in" }).click();
    const row = page.getByRole("listitem").filter({ hasText: new RegExp(`^${viewer}\\s*viewer`) });
    await expect(row).toBeVisible();
    if (javaScriptEnabled) await owner.accessible();

    const them = await visitor({ javaScriptEnabled });
    them.expectTrouble(/401|403|WebSocket/);
    await enter(them, viewer, "a password for them", `/projects/${locked.project.slug}/board`);
    await expect(them.page.getByRole("heading", { name: "Locked" }).first()).toBeVisible();
    await expect(them.page.getByRole("button", { name: "New Ticket" })).toBeHidden();
    await them.page.goto(`${locked.board.url}/projects/${locked.project.slug}/settings`);
    await expect(them.page.getByRole("button", { name: "Delete project" })).toBeHidden();
    await them.page.goto(`${locked.board.url}/access`);
    await expect(them.page.getByRole("heading", { name: `You are ${viewer}` })).toBeVisible();
    if (javaScriptEnabled) await them.accessible();

    // Made a member, they get the controls with the next page.
    await row.getByText("Change…").click();
    await row.getByLabel("They may").selectOption("member");
    await row.getByRole("button", { name: `Change what ${viewer} may do` }).click();
    await them.page.goto(`${locked.board.url}/projects/${locked.project.slug}/board`);
    await expect(them.page.getByRole("button", { name: "New Ticket" })).toBeVisible();
    await page.getByRole("link", { name: "Who did what" }).click();
    await expect(page.getByRole("listitem").filter({ hasText: `made ${viewer} member` })).toBeVisible();
    if (javaScriptEnabled) await owner.accessible();
    await page.getByLabel("By", { exact: true }).selectOption("agent");
    await page.getByRole("button", { name: "Show" }).click();
    await expect(page.getByText("There is nothing.")).toBeVisible();

    // Where people log in, the settings have the way out, too.
    await them.page.goto(`${locked.board.url}/projects/${locked.project.slug}/settings`);
    await them.page.getByRole("button", { name: "Log out" }).click();
    await expect(them.page).toHaveTitle("Log in · OpenClutch");
  });
}

test("everybody changes their own password, and only this browser stays", async ({ locked, visitor }) => {
  const words = "a password for them";
  const [me, other] = [await visitor({ javaScriptEnabled: false }), await visitor()];
  const env = { HOME: path.join(locked.board.folder, "home"), ...await engineFor(locked.board.folder) };
  execFileSync(program(), ["user", "add", "pat", "--data-dir", path.join(locked.board.folder, "data")], { env, input: words, stdio: ["pipe", "ignore", "ignore"] });
  for (const who of [me, other]) {
    who.expectTrouble(/401|403|WebSocket/);
    await who.page.goto(`${locked.board.url}/login?next=/projects/${locked.project.slug}/settings`);
    await who.page.getByLabel("Name", { exact: true }).fill("pat");
    await who.page.getByLabel("Password").fill(words);
    await who.page.keyboard.press("Enter");
    await expect(who.page.getByRole("link", { name: "Your account" })).toBeVisible();
  }
  const { page } = me;
  await page.getByRole("link", { name: "Your account" }).click();
  await expect(page.getByRole("heading", { name: "You are pat" })).toBeVisible();
  const change = async (current: string, fresh: string) => {
    await page.getByLabel("Current password").fill(current);
    await page.getByLabel("New password").fill(fresh);
    await page.getByRole("button", { name: "Change my password" }).click();
  };
  await change("not the password", "another password for me");
  await expect(page.getByRole("alert")).toHaveText("This is not your password. Nothing was changed; try again.");
  await expect(page.getByLabel("Current password")).toBeFocused();
  await change(words, "another password for me");
  await expect(page.getByRole("status")).toHaveText("Your password is another one now. Your one other browser was logged out.");
  await page.goto(`${locked.board.url}/account`);
  await expect(page.getByRole("listitem")).toHaveCount(1);
  await other.page.reload();
  await expect(other.page).toHaveTitle("Log in · OpenClutch");
  await other.page.goto(`${locked.board.url}/login?next=/account`);
  await other.page.getByLabel("Name", { exact: true }).fill("pat");
  await other.page.getByLabel("Password").fill("another password for me");
  await other.page.keyboard.press("Enter");
  await expect(other.page.getByRole("heading", { name: "You are pat" })).toBeVisible();
  await other.accessible();
});
