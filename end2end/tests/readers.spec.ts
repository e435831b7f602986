// Readers of every kind: without a mouse, with fingers, with large letters, in their own colours, from right to
// left, on paper.
import { devices, type Locator, type Page } from "@playwright/test";
import type { Board, Project } from "../support/board.ts";
import { generalChat, said, say } from "../support/chat.ts";
import { expect, freshProject, test, type Visitor } from "../support/fixtures.ts";
import { card, cardIn, column, openPanel, panel } from "../support/look.ts";

const ARABIC = "إصلاح الخطأ (v2)!";
const LONG = "averylongwordwithoutanyspace".repeat(6);
const WIDE = "WIDE".repeat(15);
const FINGER = { hasTouch: true, isMobile: true, deviceScaleFactor: 2, userAgent: devices["Pixel 7"].userAgent };

type Full = Project & { number: number };

/** A project with something of everything in it. */
async function full(board: Board): Promise<Full> {
  const project = await freshProject(board, "Readers");
  await board.createTask(project, `A title with ${LONG}`, { status: "backlog", tags: [WIDE, "short"], assignee: WIDE });
  const { number } = await board.createTask(project, ARABIC, { status: "ready", tags: ["وسم"], description: `${ARABIC}\n\nLatin words below.`, assignee: "ليلى" });
  for (const n of [1, 2, 3]) await board.createTask(project, `Plain ${n}`, { status: "backlog" });
  return { ...project, number };
}

/** Every page and everything that opens on one, each live. */
async function* pages(me: Visitor, board: Board, project: Full): AsyncGenerator<string> {
  const { page } = me;
  const at = `${board.url}/projects/${project.slug}`;
  for (const path of ["", "/?new=project"]) {
    await me.open(`${board.url}${path}`);
    yield path || "home";
  }
  for (const path of ["board", "board?new=ready", `board?task=T-${project.number}`, "tickets", "tickets?column=ready", "settings", "chat"]) {
    await me.open(`${at}/${path}`);
    yield path;
  }
  await me.open(`${at}/board`);
  await page.locator(".gateway summary").click();
  yield "what is said of the gateway";
  await page.locator(".gateway summary").click();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Commands and keys" })).toBeVisible();
  yield "the palette";
  await page.keyboard.press("Escape");
  await card(page, "Plain 1").getByRole("link").focus();
  await page.keyboard.press("m");
  await expect(page.getByRole("menu")).toBeVisible();
  yield "a card's menu";
}

for (const colorScheme of ["dark", "light"] as const) {
  test(`no page has a finding, ${colorScheme}`, async ({ alone, visitor }) => {
    test.setTimeout(120_000);
    const project = await full(alone);
    const me = await visitor({ colorScheme });
    for await (const what of pages(me, alone, project)) await test.step(what, async () => {
      await me.accessible();
      await expect(me.page.locator("#main [class$='-page'], #main [class*='-page ']"), "one root class").toHaveCount(1);
    });
    me.expectTrouble(/404/);
    await me.open(`${alone.url}/nothing/here`);
    await me.accessible();
  });
}

for (const [what, viewport] of [["a small phone", { width: 360, height: 640 }], ["a window at 200 %", { width: 720, height: 450 }]] as const) {
  test(`nothing sticks out, and fields do not make it zoom: ${what}`, async ({ alone, visitor }) => {
    test.setTimeout(120_000);
    const project = await full(alone);
    const me = await visitor({ viewport, ...FINGER });
    for await (const what of pages(me, alone, project)) {
      const wide = await me.page.evaluate(() => ({ content: document.documentElement.scrollWidth, window: innerWidth }));
      expect(wide, what).toEqual({ content: viewport.width, window: viewport.width });
      const small = await me.page.locator("input:visible, select:visible, textarea:visible").evaluateAll((all) => all
        .filter((field) => !["checkbox", "radio"].includes((field as HTMLInputElement).type))
        .filter((field) => parseFloat(getComputedStyle(field).fontSize) < 16).map((field) => field.outerHTML));
      expect(small, what).toEqual([]);
    }
  });
}

test("a board is one stop of the Tab key, and arrows lead everywhere on it", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Stops");
  for (const title of ["One", "Two", "Three"]) await alone.createTask(project, title, { status: "backlog" });
  await alone.createTask(project, "Other", { status: "in_progress" });
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  const link = (title: string) => page.getByRole("link", { name: title, exact: true });
  const press = async (key: string, there: Locator) => { await page.keyboard.press(key); await expect(there).toBeFocused(); };
  const inside = () => page.evaluate(() => document.activeElement?.closest(".board") !== null);

  await link("One").focus();
  await page.keyboard.press("Tab");
  expect(await inside()).toBe(false);
  await press("Shift+Tab", link("One"));
  await page.keyboard.press("Shift+Tab");
  expect(await inside()).toBe(false);
  await press("Tab", link("One"));
  await expect(link("One")).toHaveAccessibleDescription(/Space lifts/);

  await press("End", link("Three"));
  await press("Home", link("One"));
  await press("ArrowUp", link("New ticket in Backlog"));
  await press("ArrowRight", link("New ticket in Ready"));
  await press("ArrowLeft", link("New ticket in Backlog"));
  await press("ArrowDown", link("One"));
  await press("ArrowDown", link("Two"));
  await press("ArrowRight", link("Other"));
  await press("ArrowLeft", link("One"));
  // Whatever had the focus last is the stop.
  await press("ArrowDown", link("Two"));
  await page.keyboard.press("Shift+Tab");
  await press("Tab", link("Two"));
  // What else can be done, from every keyboard.
  await page.keyboard.press("m");
  await expect(page.getByRole("menu", { name: /^T-/ })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(link("Two")).toBeFocused();
});

test("the focus stays on its card, whatever others do with it", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Stops");
  const [one, two] = [await alone.createTask(project, "One", { status: "backlog" }), await alone.createTask(project, "Two", { status: "backlog" })];
  await alone.createTask(project, "Three", { status: "backlog" });
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  const link = (title: string) => page.getByRole("link", { name: title, exact: true });
  const change = (id: string, what: object) => alone.call("PATCH", `/tasks/${id}`, what);
  await link("Two").focus();
  await change(two.id, { title: "Two, renamed", priority: "urgent" });
  await expect(link("Two, renamed")).toBeFocused();
  await change(two.id, { status: "ready" });
  await expect(cardIn(page, "Ready", "Two, renamed")).toBeVisible();
  await expect(link("Two, renamed")).toBeFocused();
  await change(one.id, { status: "ready" });
  await expect(cardIn(page, "Ready", "One")).toBeVisible();
  await expect(link("Two, renamed")).toBeFocused();
  // Gone: the one beside it has it, and is the stop.
  await alone.call("DELETE", `/tasks/${two.id}`);
  await expect(link("Two, renamed")).toHaveCount(0);
  await expect(link("One")).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Shift+Tab");
  await expect(link("One")).toBeFocused();
});

test("words go the way of their own letters, in what is read and what is written", async ({ alone, visitor }) => {
  test.setTimeout(120_000);
  const project = await full(alone);
  const me = await visitor();
  const { page } = me;
  const way = (of: Locator) => of.evaluate((element) => getComputedStyle(element).direction);
  for await (const what of pages(me, alone, project)) {
    const fields = await page.locator("textarea:visible, input:visible").evaluateAll((all) => all
      .filter((field) => ["text", "search", "textarea"].includes((field as HTMLInputElement).type))
      .filter((field) => !field.hasAttribute("dir")).map((field) => field.outerHTML));
    expect(fields, `fields without a direction: ${what}`).toEqual([]);
  }
  await me.open(`${alone.url}/projects/${project.slug}/board`);
  const there = card(page, ARABIC);
  expect(await way(there.getByRole("link"))).toBe("rtl");
  expect(await way(there.getByText("وسم"))).toBe("rtl");
  expect(await way(there.getByText("ليلى"))).toBe("rtl");
  expect(await way(card(page, "Plain 1").getByRole("link"))).toBe("ltr");
  const opened = await openPanel(page, ARABIC);
  expect(await way(opened.getByRole("button", { name: ARABIC, exact: true }))).toBe("rtl");
  // The Arabic paragraph lies at the right, the Latin one at the left.
  const lies = (text: string) => opened.getByText(text, { exact: true }).last().evaluate((p) => {
    const range = document.createRange();
    range.selectNodeContents(p);
    const [words, whole] = [range.getBoundingClientRect(), p.getBoundingClientRect()];
    return words.left - whole.left < whole.right - words.right ? "left" : "right";
  });
  expect(await lies(ARABIC)).toBe("right");
  expect(await lies("Latin words below.")).toBe("left");
  const comment = opened.getByRole("textbox", { name: "Comment" });
  await comment.fill(ARABIC);
  expect(await way(comment)).toBe("rtl");
  await me.open(`${alone.url}/projects/${project.slug}/chat`);
  await page.getByRole("button", { name: "Rename" }).click();
  for (const name of ["Message", "Search messages", "Name of the chat"]) {
    const field = page.getByLabel(name, { exact: true });
    await field.fill(ARABIC);
    expect(await way(field), name).toBe("rtl");
    await field.fill("Latin");
    expect(await way(field), name).toBe("ltr");
  }
});

test("long tags and names end with dots, inside their card", async ({ alone, visitor }) => {
  const project = await full(alone);
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  const there = card(page, `A title with ${LONG}`);
  const box = (await there.boundingBox())!;
  for (const part of [there.locator(".tag").first(), there.locator(".who")]) {
    const mine = (await part.boundingBox())!;
    expect(mine.x + mine.width).toBeLessThanOrEqual(box.x + box.width);
    expect(mine.height).toBeLessThan(30);
    expect(await part.evaluate((element) => getComputedStyle(element).textOverflow)).toBe("ellipsis");
    expect(await part.evaluate((element) => element.scrollWidth > element.clientWidth)).toBe(true);
  }
});

test("in the reader's own colours everything is told apart", async ({ alone, visitor }) => {
  const project = await full(alone);
  const me = await visitor({ forcedColors: "active" });
  const page = await me.open(`${alone.url}/projects/${project.slug}/settings`);
  const look = (of: Locator) => of.screenshot({ animations: "disabled" }).then((png) => png.toString("base64"));
  /** What it looks like, and then, is not the same. */
  const differs = async (of: Locator, change: () => Promise<unknown>) => {
    const before = await look(of);
    await change();
    await expect.poll(() => look(of)).not.toBe(before);
  };
  const knob = page.locator(".switch .knob").first();
  await page.mouse.move(0, 0);
  await differs(knob, () => page.locator(".switch input").first().evaluate((input: HTMLInputElement) => { input.checked = !input.checked; }));

  await page.goto(`${alone.url}/projects/${project.slug}/board?new=ready`);
  await me.live();
  const high = page.getByRole("button", { name: "High" });
  const before = await high.evaluate((one) => getComputedStyle(one).outlineStyle);
  await high.click();
  await expect(high).not.toHaveCSS("outline-style", before);
  await page.keyboard.press("Escape");

  // The chosen card, a menu's focus, the line where a card would land, the dot of the feed.
  const plain = card(page, "Plain 2");
  await expect(plain).toHaveCSS("outline-style", "none");
  await openPanel(page, "Plain 2");
  await expect(plain).toHaveCSS("outline-style", "solid");
  await panel(page).getByRole("link", { name: "Close" }).click();
  await plain.getByRole("link").focus();
  await page.keyboard.press("m");
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("menu").locator(":focus")).toHaveCSS("outline-style", "solid");
  await page.keyboard.press("Escape");
  const dot = page.locator(".feed .pulse");
  const canvas = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await expect(dot).not.toHaveCSS("background-color", canvas);
  const from = (await plain.boundingBox())!, to = (await column(page, "Ready").boundingBox())!;
  await page.mouse.move(from.x + 40, from.y + 20);
  await page.mouse.down();
  await page.mouse.move(from.x + 60, from.y + 30);
  await page.mouse.move(to.x + 60, to.y + 100, { steps: 5 });
  const line = page.locator(".drop-line");
  await expect(line).toBeAttached();
  await expect(line).not.toHaveCSS("background-color", canvas);
  await page.keyboard.press("Escape");
  await page.mouse.up();
});

test("on paper the whole board is there, and nothing to press", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Paper");
  for (let n = 1; n <= 30; n++) await alone.createTask(project, `Backlog ${n}`, { status: "backlog" });
  await alone.createTask(project, "Done long ago", { status: "done", description: "What it was about." });
  const me = await visitor({ colorScheme: "dark" });
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  await page.emulateMedia({ media: "print" });
  await page.setViewportSize({ width: 760, height: 1000 });
  // Nothing scrolls, so nothing is cut off at the end of a box.
  const cut = await page.locator(".board, .cards, .room, .board-page").evaluateAll((all) => all
    .filter((box) => box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1).map((box) => box.className));
  expect(cut).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(wide).toBeLessThanOrEqual(0);
  for (const title of ["Backlog 1", "Backlog 30", "Done long ago"]) await expect(card(page, title)).toBeVisible();
  for (const name of ["Backlog", "Done"] as const) expect((await column(page, name).getByRole("heading", { name, exact: true }).boundingBox())?.height).toBeGreaterThan(10);
  await expect(page.getByRole("navigation", { name: "Projects" })).toBeHidden();
  await expect(page.getByRole("button")).toHaveCount(0);
  expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(255, 255, 255)");
  // A ticket that is open is what is printed.
  await page.emulateMedia({ media: null });
  await openPanel(page, "Done long ago");
  await page.emulateMedia({ media: "print" });
  await expect(panel(page).getByText("What it was about.")).toBeVisible();
  await expect(card(page, "Backlog 1")).toBeHidden();
});

test("on paper a chat is there from its first message to its last, and nothing to write in", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Paper");
  const chat = await generalChat(alone, project);
  for (let n = 1; n <= 30; n++) await alone.call("POST", `/chats/${chat}/messages`, { author: n % 2 ? "ada" : "dan", content: `Line ${n} of the story.\n\n\`\`\`\n${"wide ".repeat(60)}\n\`\`\`` });
  const me = await visitor({ colorScheme: "dark" });
  const page = await me.open(`${alone.url}/projects/${project.slug}/chat`);
  await say(page, "Mine.");
  await page.emulateMedia({ media: "print" });
  for (const width of [760, 1100]) {
    await page.setViewportSize({ width, height: 1000 });
    const cut = await page.locator(".chat-page, .chat-body, .chat, .thread, .thread .inner, .thread pre").evaluateAll((all) => all
      .filter((box) => box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1).map((box) => box.className || box.tagName));
    expect(cut).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    await expect(said(page)).toHaveCount(31);
    const places = await said(page).evaluateAll((all) => all.map((one) => one.getBoundingClientRect()).map(({ top, bottom }) => ({ top, bottom })));
    places.slice(1).forEach(({ top }, n) => expect(top).toBeGreaterThanOrEqual(places[n]!.bottom - 1));
    expect(places.at(-1)!.bottom - places[0]!.top, "all of it lies on the paper").toBeGreaterThan(1500);
    for (const away of [page.getByRole("textbox"), page.getByRole("button"), page.getByRole("navigation")]) await expect(away).toHaveCount(0);
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(255, 255, 255)");
  }
  await expect(page.getByRole("heading", { name: "General" })).toBeVisible();
});

test("nothing lies under the edges of a phone that is held across", async ({ alone, visitor }) => {
  const project = await full(alone);
  const me = await visitor({ viewport: { width: 844, height: 390 }, ...FINGER });
  const { page } = me;
  const session = await page.context().newCDPSession(page);
  await session.send("Emulation.setSafeAreaInsetsOverride" as never, { insets: { left: 47, right: 47, bottom: 21 } } as never);
  const EDGE = 47;
  const inside = async (page: Page, what: string) => {
    const out = await page.locator(":is(a, button, input, select, textarea, h1, h2, h3, p):visible").evaluateAll((all, edge) => all
      .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(".sr, .skip, .board, .rail:not(.open)"))
      .map((one) => ({ box: one.getBoundingClientRect(), one }))
      .filter(({ box }) => box.width > 1 && (box.left < edge || box.right > innerWidth - edge))
      .map(({ one }) => one.outerHTML.slice(0, 120)), EDGE);
    expect(out, what).toEqual([]);
  };
  for await (const what of pages(me, alone, project)) if (what !== "chat") await inside(page, what);
  await me.open(alone.url);
  await page.getByRole("button", { name: "Menu" }).click();
  await expect.poll(async () => (await page.locator(".rail").boundingBox())?.x).toBe(0);
  await inside(page, "the drawer");
});

test("whoever wants less motion sees none", async ({ alone, visitor }) => {
  const project = await full(alone);
  const me = await visitor({ reducedMotion: "reduce" });
  for await (const what of pages(me, alone, project)) {
    const moves = await me.page.evaluate(() => document.getAnimations().filter((one) => Number(one.effect?.getComputedTiming().duration ?? 0) > 1).length);
    expect(moves, what).toBe(0);
  }
});

test("the names that scripts know the board by", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Names");
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  await page.getByRole("button", { name: "New Ticket", exact: true }).click();
  await page.getByRole("textbox", { name: "Title", exact: true }).fill("Made by a script");
  await page.getByRole("button", { name: "Medium", exact: true }).click();
  await page.getByRole("button", { name: "Urgent", exact: true }).click();
  await page.getByRole("combobox", { name: "Role", exact: true }).selectOption("Research");
  await page.getByRole("button", { name: "Create Task", exact: true }).click();
  await expect(card(page, "Made by a script").getByRole("img", { name: "Urgent priority" })).toBeVisible();
});
