// A phone, 390 pixels wide: one column at a time, nothing sticks out.
import type { WebSocketRoute } from "@playwright/test";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { PHONE } from "../support/hand.ts";
import { card, cardIn, column, openPanel, panel } from "../support/look.ts";

test("home, board, dialog and panel fit, and the columns are one tap away", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "A project with rather a long name for a phone");
  await alone.createTask(project, "Ready first", { status: "ready" });
  await alone.createTask(project, "A title that is long enough to need two or three lines on a small screen, and has averylongwordwithoutanyspaceinitsothatitmustbreaksomewhere", { status: "backlog" });
  const me = await visitor(PHONE);
  const { page } = me;
  const fits = async (what: string) => {
    // A phone makes its window as wide as what sticks out, so both are looked at.
    expect(await page.evaluate(() => ({ content: document.documentElement.scrollWidth, window: innerWidth })), `${what} is as wide as the screen`).toEqual({ content: 390, window: 390 });
    await me.accessible();
  };
  await me.open(alone.url);
  await fits("home");
  await page.getByRole("button", { name: "Menu" }).click();
  await expect(page.getByRole("navigation", { name: "Projects" }).getByRole("link", { name: project.name })).toBeInViewport();
  await fits("the drawer");
  await page.getByRole("navigation", { name: "Projects" }).getByRole("link", { name: project.name }).click();
  await me.live();

  // First the column where something happens, also when the page is loaded whole.
  await fits("the board");
  await expect(cardIn(page, "Ready", "Ready first")).toBeInViewport();
  await page.reload();
  await me.live();
  await expect(cardIn(page, "Ready", "Ready first")).toBeInViewport();
  await expect(column(page, "Backlog")).not.toBeInViewport({ ratio: 0.1 });
  const width = (await column(page, "Ready").boundingBox())!.width;
  expect(width).toBeGreaterThan(330);
  expect(width).toBeLessThanOrEqual(390);
  const tabs = page.getByRole("group", { name: "Columns" });
  await tabs.getByRole("button", { name: /Backlog/ }).click();
  await expect(column(page, "Backlog")).toBeInViewport({ ratio: 0.9 });
  await expect(column(page, "Ready")).not.toBeInViewport({ ratio: 0.1 });
  await fits("the backlog");

  await page.getByRole("button", { name: "New Ticket", exact: true }).click();
  await expect(page.getByRole("dialog", { name: "New ticket" })).toBeVisible();
  await fits("the dialog");
  await page.getByRole("dialog", { name: "New ticket" }).getByRole("link", { name: "Close" }).click();

  await tabs.getByRole("button", { name: /Ready/ }).click();
  await openPanel(page, "Ready first");
  await expect.poll(async () => (await panel(page).boundingBox())?.width).toBe(390);
  await fits("the panel");
  await panel(page).getByRole("link", { name: "Close" }).click();
  await expect(card(page, "Ready first")).toBeVisible();
});

test("the drawer has the focus while it is open, and gives it back", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Drawer");
  const me = await visitor({ ...PHONE, viewport: { width: 360, height: 740 } });
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  const menu = page.getByRole("button", { name: "Menu" });
  const rail = page.getByRole("navigation", { name: "Projects" });
  await menu.click();
  await expect(rail.getByRole("link", { name: "Home" })).toBeFocused();
  await expect(page.locator("#main")).toHaveAttribute("inert");
  await me.accessible();
  // Wherever the focus is by then.
  await menu.focus();
  await page.keyboard.press("Escape");
  await expect(rail).not.toBeInViewport();
  await expect(menu).toBeFocused();
  await expect(page.locator("#main")).not.toHaveAttribute("inert");
  // Going somewhere shuts it, and the page can be used.
  await menu.click();
  await rail.getByRole("link", { name: "Home" }).press("Enter");
  await expect(page.getByRole("heading", { name: "Projects", level: 1 })).toBeVisible();
  await expect(page.locator("#main")).not.toHaveAttribute("inert");
  // A window that grows has none.
  await menu.click();
  await page.setViewportSize({ width: 1440, height: 900 });
  await expect(page.locator("#main")).not.toHaveAttribute("inert");
});

test("a finger moves a card by its menu", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Tap");
  await alone.createTask(project, "Tap me", { status: "ready" });
  const me = await visitor(PHONE);
  const page = await me.open(`${alone.url}/projects/${project.slug}/board`);
  await card(page, "Tap me").getByRole("button", { name: /^Actions for T-/ }).tap();
  await expect(page.getByRole("menu")).toBeInViewport({ ratio: 1 });
  await page.getByRole("menuitem", { name: "Blocked" }).tap();
  await expect(cardIn(page, "Blocked", "Tap me")).toBeAttached();
});

test("a chat fits: the list first, then the chat, and back", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Talk");
  const { chats } = await alone.call<{ chats: { id: string }[] }>("GET", `/chats?projectId=${project.id}`);
  await alone.call("POST", `/chats/${chats[0]!.id}/messages`, { author: "ada", content: "A table:\n\n| a | b |\n|---|---|\n| averylongwordwithoutanyspaceinitsothatitmustscroll | averylongwordwithoutanyspaceinitsothatitmustscroll |\n\n```\nand a line of code that is much longer than the screen of a phone is wide\n```" });
  const me = await visitor(PHONE);
  let socket: WebSocketRoute | undefined;
  // What the server itself tells of its gateway, which is away, is left out.
  await me.page.routeWebSocket(/\/live/, (route) => {
    socket = route;
    route.connectToServer().onMessage((frame) => { if (!frame.toString().startsWith('{"t":"gateway"')) route.send(frame); });
  });
  const tell = (state: string, word: string) => socket!.send(JSON.stringify({ t: "gateway", gateway: { state, word, sentence: "", checks: [] } }));
  const page = await me.open(`${alone.url}/projects/${project.slug}/chat`);
  const fits = async () => expect(await page.evaluate(() => ({ content: document.documentElement.scrollWidth, window: innerWidth }))).toEqual({ content: 390, window: 390 });
  await fits();
  // The gateway is told of in the line of the project's name; only trouble has a line of its own.
  const gateway = page.locator(".gateway summary"), name = page.getByRole("heading", { level: 1 });
  const line = async () => (await gateway.boundingBox())!.y - (await name.boundingBox())!.y;
  for (const [state, word, own] of [["ok", "Connected", false], ["wait", "Connecting", false], ["bad", "Refused", true]] as const) {
    tell(state, word);
    await expect(gateway).toContainText(word);
    if (own) expect(await line()).toBeGreaterThan(30);
    else expect(Math.abs(await line())).toBeLessThan(20);
    await expect(gateway.locator(".cut")).toHaveCSS("width", own ? /\d\d/ : "1px");
  }
  tell("ok", "Connected");
  await page.getByRole("navigation", { name: "Chats" }).getByRole("link", { name: /General/ }).click();
  await expect(page.getByRole("textbox", { name: "Message", exact: true })).toBeInViewport({ ratio: 1 });
  await expect(page.getByRole("log", { name: "Messages" }).getByRole("table")).toBeVisible();
  await fits();
  await me.accessible();
  await page.getByRole("link", { name: "All chats" }).click();
  await expect(page.getByRole("navigation", { name: "Chats" }).getByRole("link", { name: /General/ })).toBeInViewport();
});
