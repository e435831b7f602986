// A message that was confirmed is answered, once, whatever dies: the model's log is the witness.
import { address, generalChat, messages, said, say } from "../support/chat.ts";
import { expect, freshProject, test as base } from "../support/fixtures.ts";
import type { Message as Frame } from "../support/proxy.ts";
import { until } from "../support/until.ts";
import { again, cutAt, withWire, type Wire } from "../support/wire.ts";

const test = base.extend<object, { wire: Wire }>({
  wire: [async ({}, use) => {
    await withWire("chat", use);
  }, { scope: "worker", timeout: 180_000 }],
});

test.describe.configure({ mode: "serial", timeout: 180_000 });

async function open(wire: Wire): Promise<{ chat: string; url: string }> {
  wire.proxy.rule = () => "pass";
  const project = await freshProject(wire.board, "Faults", { local_path: wire.gateway.repository });
  const chat = await generalChat(wire.board, project);
  return { chat, url: address(wire.board, project, chat) };
}

/** A message as the page sends it, by a program. */
const post = (wire: Wire, chat: string, content: string) =>
  wire.board.call("POST", `/chats/${chat}/messages`, { content, author: "dan", send: true });

/** Sent once, stored twice (words and answer), answered. */
async function answeredOnce(wire: Wire, chat: string, words: string): Promise<void> {
  await until("it is answered", async () => {
    const all = await messages(wire.board, chat);
    return all.some((m) => m.author === "ada") && all.every((m) => m.author === "ada" || m.delivery_status === "responded");
  }, 90);
  const all = await messages(wire.board, chat);
  expect(all.map((m) => m.author), "stored").toEqual(["dan", "ada"]);
  expect(wire.gateway.spoken(words), "asked of the model").toBe(1);
}

const sends = (frame: Frame, words: string): boolean =>
  frame.from === "server" && frame.method === "chat.send" && JSON.stringify(frame.params).includes(words);

test("killed after the message was confirmed, before it was sent", async ({ wire }) => {
  const { chat } = await open(wire);
  const words = "Confirmed, then dark.";
  const cut = cutAt(wire, (frame) => sends(frame, words));
  await post(wire, chat, words);
  await cut;
  await again(wire);
  await answeredOnce(wire, chat, words);
});

test("killed after it was sent, before the answer", async ({ wire }) => {
  const { chat } = await open(wire);
  const words = "Sent, then dark.";
  let request: string | undefined;
  const cut = cutAt(wire, (frame) => {
    if (sends(frame, words)) request = frame.id;
    return frame.from === "gateway" && frame.type === "res" && frame.id === request;
  });
  await post(wire, chat, words);
  await cut;
  await until("the model is asked", () => wire.gateway.spoken(words) > 0);
  await again(wire);
  await answeredOnce(wire, chat, words);
});

test("the tab closes at once: the message is answered all the same", async ({ wire, visitor }) => {
  const { chat, url } = await open(wire);
  const me = await visitor();
  await me.open(url);
  const words = "I have to go.";
  await say(me.page, words);
  await me.page.goto("about:blank");
  await answeredOnce(wire, chat, words);
});

test("the gateway is away at the sending: the page says that it waits, and the message goes when it comes", async ({ wire, visitor }) => {
  const { chat, url } = await open(wire);
  const me = await visitor();
  await me.open(url);
  await wire.gateway.cut();
  await expect(me.page.locator(".gateway summary")).toHaveText(/^(Connection lost|No gateway)$/);
  const words = "Is anybody there?";
  await say(me.page, words);
  await expect(said(me.page).first()).toContainText("Waits for the gateway");
  await wire.gateway.start(wire.board.url);
  await expect(said(me.page).nth(1)).toContainText("You asked", { timeout: 90_000 });
  await answeredOnce(wire, chat, words);
});

test("the gateway is killed while it streams: it goes on or is told, and we never send twice", async ({ wire, visitor }) => {
  const { chat, url } = await open(wire);
  const me = await visitor();
  await me.open(url);
  let sent = 0;
  const words = "Tell it slow while the lights flicker.";
  wire.proxy.rule = (frame) => {
    if (sends(frame, words)) sent += 1;
    return "pass";
  };
  await say(me.page, words);
  await expect(me.page.locator(".writing .bubble")).toContainText("Minute 3", { timeout: 60_000 });
  await wire.gateway.cut();
  await wire.gateway.start(wire.board.url);
  await until("it is settled", async () => (await messages(wire.board, chat))[0]?.delivery_status === "responded", 120);
  expect(sent, "sent to the gateway").toBe(1);
  // The gateway says by itself that it goes on; the answer is there once, and whole.
  const answers = (await messages(wire.board, chat)).filter((m) => m.author === "ada" && m.run_id);
  expect(answers.map((m) => m.content.endsWith("Minute 60: one more sparrow at the feeder.")), "answers").toEqual([true]);
  await expect(said(me.page).filter({ hasText: "Minute 60" })).toHaveCount(1);
});
