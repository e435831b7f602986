// The page in Firefox: dialogs, dragging, writing and pasting.
import type { Board, Project } from "../support/board.ts";
import { generalChat, messages } from "../support/chat.ts";
import { expect, test } from "../support/firefox.ts";
import { freshProject } from "../support/fixtures.ts";
import { png } from "../support/picture.ts";
import { until } from "../support/until.ts";

const address = (board: Board, project: Project, query = ""): string => `${board.url}/projects/${project.slug}/board${query}`;

test("a dialog: what is chosen from a list with the mouse keeps it open; a press beside it closes it", async ({ alone, tab }) => {
  const project = await freshProject(alone, "Fox");
  await tab.open(address(alone, project, "?new"));
  await (await tab.find("dialog input[name=title]")).type("Chosen in Firefox");
  await tab.choose("dialog select[name=status]", "Ready");
  await tab.shows("dialog small", "An agent takes it as soon as the loop runs here.");
  await tab.choose("dialog select[name=role]", "Research");
  expect(await tab.value("dialog select[name=role]")).toBe("research");
  await (await tab.find("dialog .btn.p")).click();
  await tab.shows("[data-card] h3", "Chosen in Firefox");
  const [made] = await alone.tasks(project);
  expect([made.title, made.status]).toEqual(["Chosen in Firefox", "ready"]);

  await (await tab.find("button.new")).click();
  await tab.find("dialog input[name=title]");
  await tab.page.mouse.click(20, 450);
  await until("the dialog is closed", async () => (await tab.page.$("dialog")) === null);
  // Escape as well; the form had the focus.
  await (await tab.find("button.new")).click();
  await tab.find("dialog input[name=title]");
  await tab.page.keyboard.press("Escape");
  await until("the dialog is closed", async () => (await tab.page.$("dialog")) === null);
});

test("a card is dragged with the mouse, and Escape puts it back", async ({ alone, tab }) => {
  const project = await freshProject(alone, "Fox");
  const task = await alone.createTask(project, "Carry me");
  await tab.open(address(alone, project));
  const [from, to] = [await tab.middle(`#card-${task.id}`), await tab.middle("#col-ready")];
  const lift = async () => {
    await tab.page.mouse.move(from.x, from.y);
    await tab.page.mouse.down();
    await tab.page.mouse.move(from.x + 12, from.y + 6);
    await tab.find(".ghost");
    await tab.page.mouse.move(to.x, to.y, { steps: 5 });
    await until("it would land in Ready", async () => (await tab.page.$("#col-ready .drop-line")) !== null);
  };
  await lift();
  await tab.page.keyboard.press("Escape");
  await tab.page.mouse.up();
  await until("the card is back", async () => (await tab.page.$(".ghost")) === null && (await tab.page.$(`#col-backlog #card-${task.id}`)) !== null);
  expect((await alone.task(task.id)).status).toBe("backlog");
  await lift();
  await tab.page.mouse.up();
  await tab.find(`#col-ready #card-${task.id}`);
  await until("the server has it", async () => (await alone.task(task.id)).status === "ready");
  // A drag is no click.
  expect(tab.page.url()).toBe(address(alone, project));
});

test("a message is written, sent with Enter and typed on; text and a picture are pasted", async ({ alone, tab }) => {
  const project = await freshProject(alone, "Fox");
  const chat = await generalChat(alone, project);
  await tab.open(`${alone.url}/projects/${project.slug}/chat?chat=${chat}`);
  const field = "textarea[name=content]";
  const contents = async () => (await messages(alone, chat)).map(({ content }) => content);

  await (await tab.find(field)).type("One line");
  await tab.page.keyboard.down("Shift");
  await tab.page.keyboard.press("Enter");
  await tab.page.keyboard.up("Shift");
  await tab.page.keyboard.type("and another");
  // Copied from the field, and pasted into it.
  await tab.page.keyboard.down("Control");
  for (const key of ["a", "c"] as const) await tab.page.keyboard.press(key);
  await tab.page.keyboard.up("Control");
  await tab.page.keyboard.press("Enter");
  await tab.shows("[role=log] article", "and another");
  await until("the field is free", async () => (await tab.value(field)) === "");
  await tab.page.keyboard.down("Control");
  await tab.page.keyboard.press("v");
  await tab.page.keyboard.up("Control");
  await until("it is pasted", async () => (await tab.value(field)) === "One line\nand another");
  expect(await contents()).toEqual(["One line\nand another"]);

  // A picture is uploaded and named in the text.
  await tab.page.$eval(field, (element, base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "stripes.png", { type: "image/png" }));
    const paste = new ClipboardEvent("paste", { bubbles: true, cancelable: true });
    // Firefox leaves the files out of what it is given for an event that a script makes.
    Object.defineProperty(paste, "clipboardData", { value: data });
    element.dispatchEvent(paste);
  }, png(64, 64).toString("base64"));
  await until("the picture is named", async () => /^One line\nand another\n\n!\[Image\]\(\/uploads\/images\/.+\)$/.test(await tab.value(field)));
  await tab.page.keyboard.press("Enter");
  await tab.find("[role=log] article img");
});
