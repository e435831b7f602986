// Chats, measured: how late words are in the browser, what many viewers cost, and how a long chat opens and scrolls.
import { Worker } from "node:worker_threads";
import type { Page, WebSocket as PageSocket } from "@playwright/test";
import { canonical, connect, textOf, type Event as Frame } from "../gateway/client.mjs";
import type { Board } from "../support/board.ts";
import { address, generalChat, messages, said, say } from "../support/chat.ts";
import { expect, freshProject, test } from "../support/fixtures.ts";
import { Gateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";
import { figure, memory, processor, share, spread, tabMemory, usage } from "./figures.ts";

const ANSWERS = Number(process.env.CLUTCH_BENCH_ANSWERS ?? 60), VIEWERS = 100, STREAMS = 4, SENTENCES = 60;
const LONG = Number(process.env.CLUTCH_BENCH_MESSAGES ?? 10_000), AT_ONCE = 8, OPENINGS = 7;

const median = (values: number[]) => share(values, 0.5);

test("first token at the browser, after the first token at the gateway", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Bench", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const me = await visitor();
  const page = await me.open(address(board, project, chat));
  // Both clocks are the machine's.
  await page.evaluate(() => {
    const look = () => {
      const seen = window as unknown as { firstAt?: number };
      if (seen.firstAt === undefined && document.querySelector(".writing .bubble")?.textContent) seen.firstAt = Date.now();
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const client = await connect({ url: gateway.url, token: Gateway.token });
  const late: number[] = [], whole: number[] = [];
  for (let n = 1; n <= ANSWERS; n++) {
    await page.evaluate(() => { delete (window as unknown as { firstAt?: number }).firstAt; });
    let heard = 0;
    const first = client.event((frame: Frame) => {
      const mine = frame.event === "chat" && frame.payload.state === "delta" && canonical(frame.payload.sessionKey).includes(chat) && textOf(frame.payload.message) !== "";
      if (mine) heard = Date.now();
      return mine;
    });
    const begun = Date.now();
    await say(page, `Question ${n}: who came to the feeder?`);
    await first;
    const shown = await until("words are shown", () => page.evaluate(() => (window as unknown as { firstAt?: number }).firstAt));
    late.push(shown - heard);
    whole.push(shown - begun);
    await expect(said(page).filter({ hasText: `You asked: “Question ${n}:` })).toHaveCount(1, { timeout: 60_000 });
    await expect(page.locator(".writing article, .thinking")).toHaveCount(0);
  }
  client.close();
  figure("First token at the browser minus first token at the gateway's WebSocket", spread(late), `from Enter to the first token: ${spread(whole)}`);
});

/** What the page says on `/live`, its address, and the cookies that go with it. */
async function liveOf(page: Page, url: string, chat: string): Promise<{ url: string; open: string; headers: Record<string, string> }> {
  let socket: PageSocket | undefined, open: string | undefined;
  page.on("websocket", (found) => {
    if (new URL(found.url()).pathname !== "/live") return; // a page says its build behind it
    socket = found;
    found.on("framesent", ({ payload }) => { if (String(payload).includes(chat)) open = String(payload); });
  });
  await page.goto(url);
  await until("the page watches the chat", () => open);
  const cookies = await page.context().cookies();
  const headers = { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; "), origin: new URL(url).origin };
  return { url: socket!.url(), open: open!, headers };
}

test("many viewers of one stream", async ({ shared, visitor }) => {
  const { board, gateway } = shared;
  const project = await freshProject(board, "Bench", { local_path: gateway.repository });
  const chat = await generalChat(board, project);
  const me = await visitor();
  const live = await liveOf(me.page, address(board, project, chat), chat);
  await me.page.context().close();

  const minutes = (text: string) => Number([...text.matchAll(/Minute (\d+):/g)].at(-1)?.[1] ?? 0);
  // When each sentence was told by the gateway, and when each viewer had it. Compared afterwards: the gateway
  // tells the server first, so a viewer may well have it before us.
  const told: number[] = [], late: number[] = [];
  const had: number[][] = Array.from({ length: VIEWERS }, () => []);
  const over = new Set<string>();
  let frames = 0, bytes = 0, run = "";
  const calm = memory(board.pid);
  const sockets = await Promise.all(Array.from({ length: VIEWERS }, (_, viewer) => new Promise<WebSocket>((resolve, reject) => {
    // Node's WebSocket takes headers; the browser's types do not know.
    const socket = new (WebSocket as unknown as new (url: string, options: unknown) => WebSocket)(live.url, { headers: live.headers });
    socket.onerror = () => reject(new Error("a viewer is not let in"));
    socket.onopen = () => { socket.send(live.open); resolve(socket); };
    socket.onmessage = ({ data }) => {
      const now = Date.now();
      frames += 1;
      bytes += String(data).length;
      const { stream } = JSON.parse(String(data)) as { stream?: { run: string } };
      // The last words of an answer stay for a moment: they are of the round before.
      if (!stream || over.has(stream.run)) return;
      run = stream.run;
      const at = minutes(String(data));
      // Every sentence that is new to this viewer came with this frame.
      for (let n = at; n > 0 && had[viewer][n] === undefined; n--) had[viewer][n] = now;
    };
  })));
  const ear = new Worker(new URL("ear.mjs", import.meta.url), { workerData: { url: gateway.url, token: Gateway.token, chat }, execArgv: [], env: {} });
  let listens = false;
  ear.on("message", ({ at, text }: { at: number; text: string }) => {
    listens = true;
    for (let n = minutes(text); n > 0 && told[n] === undefined; n--) told[n] = at;
  });
  await until("the gateway is listened to", () => listens);

  const watched = memory(board.pid);
  let busy = 0, took = 0;
  for (let n = 1; n <= STREAMS; n++) {
    told.length = 0;
    over.add(run);
    for (const sentences of had) sentences.length = 0;
    await board.call("POST", `/chats/${chat}/messages`, { content: `Round ${n}, told slow.`, author: "dan", send: true });
    await until("it begins", () => told.length > 0, 60);
    const [cpu, begun] = [processor(board.pid), Date.now()];
    await until("it is stored", async () => (await messages(board, chat)).filter((m) => m.author === "ada").length === n, 120);
    busy += processor(board.pid) - cpu;
    took += (Date.now() - begun) / 1000;
    for (const sentences of had) sentences.forEach((at, n) => { if (told[n] !== undefined) late.push(at - told[n]); });
    await until("the next may begin", async () => (await messages(board, chat)).every((m) => m.author === "ada" || m.delivery_status === "responded"));
  }
  const most = memory(board.pid, true);
  for (const socket of sockets) socket.close();
  await ear.terminate();
  expect(late.length, "all sentences reached all viewers, but for those in the last frame").toBeGreaterThan(VIEWERS * STREAMS * SENTENCES * 0.5);
  figure(`${VIEWERS} viewers of one stream (${STREAMS} answers of ${SENTENCES} sentences, ${took.toFixed(0)} s)`,
    `from the gateway's event to the viewer's frame: ${spread(late)}`,
    `the server's processor: ${(100 * busy / took).toFixed(1)} % of one core; ${(frames / took).toFixed(0)} frames and ${(bytes / took / 1000).toFixed(0)} kB a second to all`,
    `the server's memory: ${calm} MB without them, ${watched} MB with them, ${most} MB at most`);
});

const CODE = "```rust\npub fn count(visits: &[Visit]) -> usize {\n    visits.iter().filter(|v| v.hour < 12).count()\n}\n```";

/** What was said, as people and agents do: short words, and now and then a list or code. */
const line = (n: number): string => n % 10 === 0 ? `Line ${n}. Like this:\n\n${CODE}` : n % 7 === 0 ? `Line ${n}:\n\n- sparrow\n- **robin**\n- \`wren\`` : `Line ${n} of a long talk about birds, as long as people write them on a quiet day.`;

async function fill(board: Board, chat: string): Promise<number> {
  const begun = Date.now();
  let next = 1;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let n = next++; n <= LONG; n = next++) {
      await board.call("POST", `/chats/${chat}/messages`, { author: Math.floor(n / 3) % 2 ? "ada" : "dan", content: line(n) });
    }
  }));
  return (Date.now() - begun) / 1000;
}

test("a long chat: opened, scrolled up through all of it, and spoken in", async ({ alone, visitor, browser }) => {
  const short = await freshProject(alone, "Short"), long = await freshProject(alone, "Long");
  const [few, many] = [await generalChat(alone, short), await generalChat(alone, long)];
  for (let n = 1; n <= 50; n++) await alone.call("POST", `/chats/${few}/messages`, { author: "ada", content: line(n) });
  const before = memory(alone.pid);
  const filled = await fill(alone, many);
  const after = memory(alone.pid);

  const opening = async (url: string) => {
    const painted: number[] = [], live: number[] = [];
    for (let n = 0; n < OPENINGS; n++) {
      const me = await visitor();
      const begun = Date.now();
      await me.page.goto(url, { waitUntil: "commit" });
      await said(me.page).last().waitFor();
      painted.push(Date.now() - begun);
      await me.live();
      live.push(Date.now() - begun);
      await me.page.context().close();
    }
    return `${median(painted)} ms until its words are there, ${median(live)} ms until it is live (median of ${OPENINGS} new windows)`;
  };
  const [openFew, openMany] = [await opening(address(alone, short, few)), await opening(address(alone, long, many))];

  const me = await visitor();
  const page = await me.open(address(alone, long, many));
  const used = await usage(page);
  const heap = async () => {
    const { heap, nodes } = await used();
    return `${Math.round(heap)} MB of JavaScript, ${nodes} nodes`;
  };
  const heapFirst = await heap(), tabFirst = await tabMemory(browser);
  // The page itself goes up, load by load, as a hand on the wheel would; every frame on the way counts.
  const up = await page.getByRole("log", { name: "Messages" }).evaluate(async (log) => {
    const oldest = () => log.querySelector("article[id]")?.id;
    const loads: number[] = [], frames: number[] = [];
    let most = 0, last = 0, going = true;
    const frame = (now: number) => {
      if (last > 0) frames.push(now - last);
      last = now;
      most = Math.max(most, log.querySelectorAll("article[id]").length);
      if (going) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    const begun = performance.now();
    while (log.querySelector(".older")) {
      const [had, from] = [oldest(), performance.now()];
      await new Promise<void>((resolve) => {
        const look = () => {
          if (oldest() !== had || !log.querySelector(".older")) return requestAnimationFrame(() => resolve());
          log.scrollBy(0, -400);
          requestAnimationFrame(look);
        };
        look();
      });
      loads.push(performance.now() - from);
    }
    going = false;
    return { took: (performance.now() - begun) / 1000, loads, frames, most };
  }, undefined, { timeout: 0 });
  const { loads } = up;
  const tenth = Math.ceil(loads.length / 10);
  const heapLast = await heap(), tabLast = await tabMemory(browser);

  // Down again at the pace of a wheel: how long a frame takes.
  const frames = await page.getByRole("log", { name: "Messages" }).evaluate((log) => new Promise<number[]>((resolve) => {
    const took: number[] = [];
    let last = performance.now(), left = 300;
    const frame = (now: number) => {
      took.push(now - last);
      last = now;
      log.scrollBy(0, 400);
      if (--left > 0) requestAnimationFrame(frame);
      else resolve(took);
    };
    requestAnimationFrame(frame);
  }));
  const spoken: number[] = [];
  await page.getByRole("button", { name: /^(Newest|\d+ new)$/ }).click();
  for (let n = 1; n <= 10; n++) {
    const words = `A new word, number ${n}.`;
    const begun = Date.now();
    await alone.call("POST", `/chats/${many}/messages`, { author: "ada", content: words });
    await said(page).last().filter({ hasText: words }).waitFor();
    spoken.push(Date.now() - begun);
  }
  const typed = await page.getByRole("textbox", { name: "Message", exact: true }).evaluate((field) => new Promise<number>((resolve) => {
    const begun = performance.now();
    (field as HTMLTextAreaElement).value = "x";
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - begun)));
  }));
  figure(`A chat of ${LONG} messages (written by REST in ${filled.toFixed(1)} s, ${AT_ONCE} at a time)`,
    `opened: ${openMany}`,
    `a chat of 50, to compare: ${openFew}`,
    `scrolled up through all: ${up.took.toFixed(1)} s in ${loads.length} loads; ${spread(loads)}; a frame on the way ${spread(up.frames)}; at most ${up.most} messages on the page; the first tenth ${Math.round(median(loads.slice(0, tenth)))} ms each, the last ${Math.round(median(loads.slice(-tenth)))} ms`,
    `scrolled down from the first: a frame ${spread(frames)}`,
    `a new message after all that: ${spread(spoken)}; a key in the field: ${Math.round(typed)} ms`,
    `the browser: ${heapFirst}, tab ${tabFirst} MB with the newest 50; ${heapLast}, tab ${tabLast} MB at the first message`,
    `the server's memory: ${before} MB before, ${after} MB after writing, ${memory(alone.pid)} MB after all, ${memory(alone.pid, true)} MB at most`);
});
