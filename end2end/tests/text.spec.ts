// Text that programs send, painted: whatever is taken is shown, and no page breaks on it.
import { address, generalChat, messages, said } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { panel, titles } from "../support/look.ts";

test.describe.configure({ timeout: 180_000 });

/** Characters of every kind that parsers, painters and people stumble over. */
const PIECES = [
  "\0", "\x01", "\x07", "\b", "\x0b", "\x0c", "\x7f", "\x80", "\x85", "\x9b", "\r", "\n", "\r\n", "\t", "  ",
  "\x1b[31m", "\x1b[0m", "\x1b]0;t\x07", "\x1b]8;;https://x.example\x1b\\", "\x1b(B", "\x1b",
  "\u00a0", "\u00ad", "\u034f", "\u061c", "\u115f", "\u17b4", "\u180e", "\u200b", "\u200c", "\u200d", "\u200e", "\u200f",
  "\u2028", "\u2029", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2060", "\u2063", "\u2066", "\u2067", "\u2068", "\u2069",
  "\u206a", "\u2800", "\u3000", "\u3164", "\ufe0f", "\ufeff", "\ufff9", "\ufffc", "\ufffd", "\ufffe", "\uffff", "\ufdd0", "\ue000",
  "\u{1d173}", "\u{e0001}", "\u{e0041}", "\u{e0100}", "\u{10ffff}", "\u{f0000}",
  "e\u0301", "Z\u0336\u0336\u0336\u0336\u0336\u0336\u0336\u0336\u0336\u0336\u0336", "👩‍👩‍👧‍👦", "❤️‍🔥", "👍🏽", "1️⃣", "🇩🇪", "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
  "می\u200cخواهم", "إصلاح الخطأ (v2)!", "שלום (1)", "क्\u200dष", "ภาษาไทย", "한국어", "加粗。", "Проект",
  "<b>", "</textarea>", "<!--", "-->", "]]>", "&amp;", "&#0;", "&nbsp", "\"", "'", "`", "\\", "\\0", "%00", "${x}", "{{x}}",
  "*", "**", "_", "# ", "> ", "- ", "|", "```", "[x](y)", "![x](y)", "https://example.org/a，",
];

/** A few hundred texts: each piece alone, between letters, and each beside others. */
const TEXTS = PIECES.flatMap((piece, n) => {
  const other = PIECES[(n * 7 + 3) % PIECES.length]!, third = PIECES[(n * 13 + 5) % PIECES.length]!;
  return [piece, `a${piece}b ${n}`, `${piece}${n}${other}${third}x`];
});

test("a few hundred odd texts are shown as they are kept, with and without code", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Odd");
  const chat = await generalChat(alone, project);
  const one = await alone.createTask(project, "All of them");
  let refused = 0;
  for (const text of TEXTS) {
    const fields = { description: text, assignee: text, tags: [text] };
    await alone.createTask(project, text, fields).catch((error: Error) => {
      expect(error.message).toContain("400");
      refused += 1;
    });
    for (const [route, body] of [[`/tasks/${one.id}/comments`, { author: text, content: text }], [`/chats/${chat}/messages`, { author: text, content: text }]] as const) {
      await alone.call("POST", route, body).catch((error: Error) => expect(error.message).toContain("content_missing"));
    }
  }
  expect(TEXTS.length).toBeGreaterThan(300);
  expect(refused, "only what nobody can see is refused").toBeLessThan(80);

  const board = `${alone.url}/projects/${project.slug}/board`;
  const kept = (await alone.tasks(project)).map((task) => task.title);
  for (const title of kept) expect(title).not.toMatch(/[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]|^\s|\s$/);
  const me = await visitor();
  await me.open(board);
  expect(await titles(me.page, "Backlog")).toEqual(kept);
  const bare = await visitor({ javaScriptEnabled: false });
  await bare.page.goto(board);
  expect(await titles(bare.page, "Backlog")).toEqual(kept);

  // All of them as comments of one ticket, and as messages of one chat, each painted by the server and woken.
  await me.open(`${board}?task=T-${one.number}`);
  await expect(panel(me.page).getByRole("article")).toHaveCount((await alone.comments(one.id)).length);
  await me.open(address(alone, project, chat));
  const last = (await messages(alone, chat)).slice(-50);
  await expect(said(me.page)).toHaveCount(last.length);
});

test("names with odd characters do not break the pages that list them", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Names");
  // A name of nothing but what a parser drops is a text that the page's code looks for in vain.
  for (const piece of PIECES) await alone.call("POST", "/chats", { project_id: project.id, title: piece, participants: [piece] });
  for (const name of ["\0", "\u200b", "\ufeff", "\x1b[0m"]) {
    await expect(alone.call("PATCH", `/projects/${project.slug}`, { name })).rejects.toThrow("name_missing");
  }
  await alone.call("PATCH", `/projects/${project.slug}`, { name: `Odd ${PIECES.slice(0, 60).join("")}`, description: PIECES.join("\n") });
  const me = await visitor();
  await me.open(`${alone.url}/projects/${project.slug}/chat`);
  await me.open(`${alone.url}/projects/${project.slug}/settings`);
  await me.open(alone.url);
});

test("line ends of another system are no change of the description", async ({ alone, visitor }) => {
  const project = await freshProject(alone, "Ends");
  const task = await alone.createTask(project, "Mend the fence", { description: "one\r\ntwo" });
  const me = await visitor();
  await me.open(`${alone.url}/projects/${project.slug}/board?task=T-${task.number}`);
  const edit = panel(me.page).getByRole("button", { name: "Edit the description" });
  const field = panel(me.page).getByRole("textbox", { name: "Description" });
  await edit.click();
  await expect(field).toHaveValue("one\ntwo");
  await field.press("Control+Enter");
  await expect(field).toHaveCount(0);
  await expect(panel(me.page)).not.toContainText("changed description");
  // No draft is left that would hide what others write.
  await alone.call("PATCH", `/tasks/${task.id}`, { description: "three" });
  await expect(panel(me.page).getByRole("region", { name: "Description" })).toContainText("three");
  await edit.click();
  await expect(field).toHaveValue("three");
});
