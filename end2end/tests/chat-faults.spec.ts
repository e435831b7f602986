// A message that was confirmed is answered, once, whatever dies: the model's log is the witness.
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { address, generalChat, messages, said, say } from "../support/chat.ts";
import { expect, freshProject, test as base } from "../support/fixtures.ts";
import { form, png } from "../support/picture.ts";
import { connect } from "../gateway/client.mjs";
import { Gateway } from "../support/gateway.ts";
import type { Message as Frame } from "../support/proxy.ts";
import { until } from "../support/until.ts";
import { toasts } from "../support/look.ts";
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
  expect(wire.gateway.spoken(words, chat), "asked of the model").toBe(1);
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
  await until("the model is asked", () => wire.gateway.spoken(words, chat) > 0);
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

test("the same webhook twice: the answer is stored once, and the second call is told so", async ({ wire, visitor }) => {
  const { chat, url } = await open(wire);
  const me = await visitor();
  await me.open(url);
  const answer = { author: "ada", content: "Told by the plugin, twice.", is_automated: false, session_key: `agent:main:clutch:faults:${chat}`, run_id: "run-told-twice" };
  const tell = () => fetch(`${wire.board.url}/api/chats/${chat}/messages`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(answer),
  });
  // At once, and once more when it is long stored.
  const answers = [...await Promise.all([tell(), tell()]), await tell()];
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  const refused = await Promise.all(answers.filter(({ status }) => status === 409).map((answer) => answer.json()));
  for (const body of refused) expect(JSON.stringify(body)).toContain("Message already exists");
  expect((await messages(wire.board, chat)).map((m) => m.content)).toEqual([answer.content]);
  await expect(said(me.page).filter({ hasText: answer.content })).toHaveCount(1);
});

for (const [which, withRun] of [["ours, with the run's id", true], ["an older one, without", false]] as const) {
  test(`gateway and plugin (${which}) both report one run: stored once, shown once`, async ({ wire, visitor }) => {
    const { chat, url } = await open(wire);
    const me = await visitor();
    await me.open(url);
    const words = `Who tells first, ${which}?`;
    await say(me.page, words);
    await answeredOnce(wire, chat, words);
    const [, answer] = await messages(wire.board, chat);
    expect(answer!.run_id).toBeTruthy();
    const told = await fetch(`${wire.board.url}/api/chats/${chat}/messages`, {
      method: "POST", headers: { "content-type": "application/json" },
      // The plugin reads the words from the transcript: spaces and line ends may differ.
      body: JSON.stringify({ author: "ada", is_automated: false, ...(withRun
        ? { content: answer!.content, session_key: `agent:main:clutch:faults:${chat}`, run_id: answer!.run_id }
        : { content: ` ${answer!.content.replaceAll("\n", " \n")}\n` }) }),
    });
    expect(told.status).toBe(409);
    expect(await told.text()).toContain("Message already exists");
    await answeredOnce(wire, chat, words);
    await expect(said(me.page)).toHaveCount(2);
  });
}

/** What lies in the folder of pictures; files that are being written too. */
const pictures = (wire: Wire): string[] => {
  const folder = path.join(wire.board.folder, "data/uploads/images");
  return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
};

test("an image bomb is refused in words, and nothing is kept of it", async ({ wire, visitor }) => {
  const { url } = await open(wire);
  const me = await visitor();
  me.expectTrouble(/413/);
  const page = await me.open(url);
  const before = pictures(wire);
  const bomb = png(30_000, 30_000);
  expect(bomb.length, "a small file").toBeLessThan(1_000_000);
  const field = page.getByRole("textbox", { name: "Message", exact: true });
  await field.fill("Kept.");
  const told = page.waitForResponse("**/api/upload/image");
  await field.evaluate((element, numbers) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(numbers), (c) => c.charCodeAt(0))], "bomb.png", { type: "image/png" }));
    element.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, bomb.toString("base64"));
  expect((await told).status()).toBe(413);
  await expect(toasts(page)).toContainText(/larger|large|pixels|points/i);
  await expect(field).toHaveValue("Kept.");
  expect(pictures(wire)).toEqual(before);
  const size = Number(/^VmHWM:\s*(\d+) kB/m.exec(fs.readFileSync(`/proc/${wire.board.pid}/status`, "utf8"))![1]);
  expect(size, "never unpacked: 900 million points").toBeLessThan(600_000);
  // The page works on, and so do uploads.
  const fine = await fetch(`${wire.board.url}/api/upload/image`, { method: "POST", body: form(png(40, 30)) });
  expect(fine.status).toBe(200);
  await field.press("Enter");
  await expect(said(page).first()).toContainText("Kept.");
});

test("an upload that is cut in the middle leaves nothing behind", async ({ wire }) => {
  const before = pictures(wire);
  const whole = Buffer.from(await new Response(form(png(800, 600))).arrayBuffer());
  const boundary = /^--(\S+)/.exec(whole.toString("latin1"))![1]!;
  for (const part of [0.1, 0.5, 0.99]) {
    const sent = whole.subarray(0, Math.floor(whole.length * part));
    const socket = net.connect(wire.board.listens, "127.0.0.1");
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.write(`POST /api/upload/image HTTP/1.1\r\nhost: 127.0.0.1:${wire.board.listens}\r\ncontent-type: multipart/form-data; boundary=${boundary}\r\ncontent-length: ${whole.length}\r\n\r\n`);
      socket.write(sent, () => resolve());
    });
    // The other side has read all of it before the line goes dead.
    const port = socket.localPort!;
    await until("the server has read it", () => unread(wire.board.listens, port) === 0);
    const gone = new Promise((resolve) => socket.once("close", resolve));
    socket.resetAndDestroy();
    await gone;
    await until("the server has let it go", () => unread(wire.board.listens, port) === undefined);
    expect(pictures(wire), `after ${part * 100} % of it`).toEqual(before);
  }
  const again = await fetch(`${wire.board.url}/api/upload/image`, { method: "POST", body: form(png(800, 600)) });
  const { filename } = await again.json() as { filename: string };
  expect(pictures(wire)).toEqual([...before, filename].sort());
});

/** Bytes that wait to be read at the server's end of a connection, or nothing when there is none (any more). */
function unread(server: number, client: number): number | undefined {
  const port = (address: string) => parseInt(address.slice(-4), 16);
  for (const line of fs.readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1)) {
    const [, local, remote, state, queues] = line.trim().split(/\s+/);
    if (local && remote && port(local) === server && port(remote) === client && state === "01") return parseInt(queues!.split(":")[1]!, 16);
  }
  return undefined;
}

const ROWS = 6_000, WORST = "<img src=x onerror='window.bad=1'>";

test("a huge table and broken HTML are words, and the page stays quick", async ({ wire, visitor }) => {
  const { chat, url } = await open(wire);
  const tell = (content: string) => wire.board.call("POST", `/chats/${chat}/messages`, { author: "ada", content });
  await tell(`| a | b |\n|---|---|\n${`| ${WORST} | [x](javascript:window.bad=2) |\n`.repeat(ROWS)}`);
  await tell(`</div></article></main></body><svg><style>${WORST}</style><table><tr><td><form><math><mtext></form><mglyph>\n\n\`\`\`html\n</pre></div>${WORST}\n\`\`\`\n\n<plaintext><!-- ${WORST}`);
  await tell("The end.");
  const me = await visitor();
  const page = await me.open(url);
  await expect(said(page)).toHaveCount(3);
  const [table, broken, last] = [said(page).nth(0), said(page).nth(1), said(page).nth(2)];
  await expect(table.getByRole("row")).toHaveCount(ROWS + 1);
  await expect(broken.locator("pre")).toContainText(WORST);
  await expect(broken).toContainText("<plaintext>");
  await expect(said(page).locator("svg svg, img, form, math, style, script, [onerror], a[href^='javascript']")).toHaveCount(0);
  expect(await page.evaluate(() => (window as unknown as { bad?: number }).bad)).toBeUndefined();
  // Nothing got out of its message: what comes after it is there, and can be used.
  await expect(last).toContainText("The end.");
  await say(page, "Still here?");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide, "nothing is wider than the page").toBe(0);
});

test("what the agent said while the server was away is fetched, once", async ({ wire }) => {
  const { chat } = await open(wire);
  const words = "A first question.";
  await post(wire, chat, words);
  await answeredOnce(wire, chat, words);
  const { chat: { session_key: session } } = await wire.board.call<{ chat: { session_key: string } }>("GET", `/chats/${chat}`);
  wire.board.cut();
  const other = await connect({ url: wire.gateway.url, token: Gateway.token });
  await other.run("chat.send", { sessionKey: session, message: "Told from elsewhere." });
  other.close();
  for (let time = 0; time < 2; time++) {
    await again(wire);
    await until("the answer is there", async () => (await messages(wire.board, chat)).length > 2);
    if (time === 0) wire.board.cut();
  }
  const all = await messages(wire.board, chat);
  expect(all.map((m) => m.author)).toEqual(["dan", "ada", "ada"]);
  expect(all[2]!.content).toContain("You asked: “Told from elsewhere.”");
});
