// The list of a project's chats, their names, and the days of what was said.
import { address, generalChat, said } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { toasts } from "../support/look.ts";

test.describe.configure({ timeout: 120_000 });

test("every chat can be reached, however many there are", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "List");
  for (let n = 1; n <= 106; n++) await alone.call("POST", "/chats", { project_id: project.id, title: `Talk ${n}` });
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${project.slug}/chat`);
  const list = page.getByRole("navigation", { name: "Chats" });
  const links = list.getByRole("listitem").getByRole("link");
  await expect(links).toHaveCount(100);
  await list.getByRole("button", { name: "Older chats" }).click();
  await expect(links).toHaveCount(107);
  await expect(list.getByRole("button", { name: "Older chats" })).toHaveCount(0);
  await expect(links.last()).toContainText("General");
  await me.accessible();
  // One that is spoken in comes to the front, and none goes for it.
  const general = /chat=([0-9a-f-]+)/.exec(await links.last().getAttribute("href") ?? "")![1];
  await alone.call("POST", `/chats/${general}/messages`, { author: "ada", content: "Here." });
  await expect(links.first()).toContainText("Ada: Here.");
  await expect(links).toHaveCount(107);
  // An old one is deleted, and goes.
  await links.filter({ hasText: /^Talk 2\D/ }).click();
  await expect(page.getByRole("heading", { name: "Talk 2", exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Delete this chat" }).click();
  await expect(links).toHaveCount(106);
  await expect(links.filter({ hasText: /^Talk 2\D/ })).toHaveCount(0);
});

test("a name that is not kept stays in its field", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "List");
  const chat = await generalChat(alone, project);
  const me = await visitor();
  me.expectTrouble(/503|Service/);
  const page = await me.open(address(alone, project, chat));
  await page.route(/fn\/rename_chat/, (route) => route.fulfill({ status: 503, body: "" }), { times: 1 });
  await page.getByRole("button", { name: "Rename" }).click();
  const name = page.getByLabel("Name of the chat");
  await name.fill("عن الطيور (v2)!");
  await name.press("Enter");
  await expect(toasts(page)).not.toBeEmpty();
  await expect(name).toHaveValue("عن الطيور (v2)!");
  await name.press("Enter");
  // It is read in its own direction.
  const heading = page.getByRole("heading", { name: "عن الطيور (v2)!" });
  await expect(heading).toBeVisible();
  const direction = (of: typeof heading) => of.evaluate((element) => getComputedStyle(element).direction);
  expect(await direction(heading)).toBe("rtl");
  expect(await direction(page.getByRole("navigation", { name: "Chats" }).locator("b").first())).toBe("rtl");
  await page.getByRole("textbox", { name: "Message", exact: true }).fill("مرحبا.\n\nThis is much longer than the other ones.\n\nLeft to right.");
  expect(await direction(page.getByRole("textbox", { name: "Message", exact: true }))).toBe("rtl");
  await page.keyboard.press("Enter");
  const lines = said(page).first().locator("p").filter({ hasText: /\.$/ });
  await expect(lines).toHaveCount(3);
  const [right, left] = [lines.first(), lines.last()];
  const edge = async (of: typeof heading) => of.evaluate((p) => {
    const range = document.createRange();
    range.selectNodeContents(p);
    const [text, box] = [range.getBoundingClientRect(), p.getBoundingClientRect()];
    return text.left - box.left < box.right - text.right ? "left" : "right";
  });
  expect([await edge(right!), await edge(left!)]).toEqual(["right", "left"]);
});

test("a chat of another project is not shown under this one's name", async ({ alone, visitor }) => {
  const [one, other] = [await freshProject(alone, "List"), await freshProject(alone, "List")];
  const me = await visitor();
  const page = await me.open(`${alone.url}/projects/${one.slug}/chat?chat=${await generalChat(alone, other)}`);
  await expect(page.getByRole("heading", { name: "This chat is not there" })).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Message", exact: true })).toHaveCount(0);
});

test("days begin at the reader's midnight", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "List");
  const chat = await generalChat(alone, project);
  const { message } = await alone.call<{ message: { created_at: number } }>("POST", `/chats/${chat}/messages`, { author: "ada", content: "Said." });
  const at = new Date(message.created_at);
  // At each hour it is another day somewhere: fourteen hours ahead, or eleven behind.
  const timezoneId = at.getUTCHours() >= 10 ? "Pacific/Kiritimati" : "Pacific/Pago_Pago";
  const me = await visitor({ timezoneId });
  const page = await me.open(address(alone, project, chat));
  await expect(page.locator(".day")).toHaveText(["Today"]);
  const there = new Intl.DateTimeFormat("en-GB", { timeZone: timezoneId, day: "numeric", month: "long", year: "numeric" }).format(at);
  expect(there).not.toBe(new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "long", year: "numeric" }).format(at));
  // Two days later it is a date, of the same place. The server's clock goes on, the page's with it.
  await page.routeWebSocket(/\/live/, (route) => {
    const server = route.connectToServer();
    server.onMessage((frame) => route.send(String(frame).replace(/("t":"beat","now":)(\d+)/, (_, head: string, now: string) => `${head}${Number(now) + 2 * 86_400_000}`)));
    route.onMessage((frame) => server.send(frame));
  });
  await page.reload();
  await me.live();
  await expect(page.locator(".day")).toHaveText([there]);
});

test("a search finds words with and without their accents", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "List");
  const chat = await generalChat(alone, project);
  await alone.call("POST", `/chats/${chat}/messages`, { author: "ada", content: "The cafe\u0301 of the birds." });
  const me = await visitor();
  const page = await me.open(address(alone, project, chat));
  const list = page.getByRole("navigation", { name: "Chats" });
  for (const words of ["café", "CAFE", "cafe\u0301"]) {
    await list.getByRole("searchbox").fill(words);
    await expect(list.getByRole("status")).toHaveText("1 message");
    await expect(list.locator("mark")).toHaveText(["cafe\u0301"]);
  }
});
