// Boards, measured: how soon a move is painted, here and in another window, what a long board costs and whether it
// stays at that, and how it is dragged on. What is aimed at stands beside each figure; nothing here asserts a time.
import type { Page } from "@playwright/test";
import type { Board, Project } from "../support/board.ts";
import { freshProject, test, type Visitor } from "../support/fixtures.ts";
import { Hand, middle, type Status } from "../support/hand.ts";
import { figure, share, spread, tabMemory, usage, type Used } from "./figures.ts";

const SIZES = (process.env.CLUTCH_BENCH_TASKS ?? "1000,5000").split(",").map(Number);
const MOVES = Number(process.env.CLUTCH_BENCH_MOVES ?? 200), OWN_MOVES = 30, VISITS = Number(process.env.CLUTCH_BENCH_VISITS ?? 20), LOADS = 5;
const FEW = 50;

/** How a board in use is filled: of twenty tickets so many lie in each column. Of 5,000, the short columns are on the board whole. */
const FILLED: Status[] = [...Array<Status>(9).fill("backlog"), ...Array<Status>(4).fill("ready"), "in_progress", "in_review", "blocked", ...Array<Status>(4).fill("done")];

/** What the page itself notes; each time in milliseconds since 1970, so that two windows can be compared. */
interface Noted {
  tasks: { at: number; took: number }[];
  /** The wanted card lies in the wanted column: when that was painted, in which frame after `from`, and when `from` was. */
  painted?: { at: number; frame: number; from: number };
  frames: number[];
  memory?: WebAssembly.Memory;
}
type Noting = Window & { noted: Noted };

/** Runs before the page's own code: notes long tasks, and where the memory of our code is. */
function note(): void {
  const noted: Noted = { tasks: [], frames: [] };
  (window as unknown as Noting).noted = noted;
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) noted.tasks.push({ at: performance.timeOrigin + startTime, took: duration });
  }).observe({ type: "longtask", buffered: true });
  const { instantiateStreaming, instantiate } = WebAssembly;
  const keep = (made: WebAssembly.WebAssemblyInstantiatedSource) => {
    const { memory } = (made.instance ?? made).exports;
    if (memory instanceof WebAssembly.Memory) noted.memory ??= memory;
    return made;
  };
  WebAssembly.instantiateStreaming = async (...args) => keep(await instantiateStreaming(...args));
  WebAssembly.instantiate = (async (...args: Parameters<typeof instantiate>) => keep(await instantiate(...args) as never)) as never;
}

/** From now on the page looks, after each of its frames, whether a card lies in a column; `event` begins the count of frames. */
const expectMove = (page: Page, id: string, status: Status, event?: string, key?: string): Promise<void> => page.evaluate(([id, status, event, key]) => {
  const { noted } = window as unknown as Noting;
  delete noted.painted;
  const channel = new MessageChannel();
  let frame = 0, from = 0, over = false;
  // After a frame is painted, before anything else is done.
  channel.port1.onmessage = () => {
    if (over) return;
    frame += 1;
    if (document.querySelector(`#col-${status} #card-${id}`)) {
      over = true;
      noted.painted = { at: performance.timeOrigin + performance.now(), frame, from };
      return channel.port1.close();
    }
    look();
  };
  const look = () => void requestAnimationFrame(() => channel.port2.postMessage(0));
  if (!event) {
    look();
    return;
  }
  const hear = (heard: Event) => {
    if (key && (heard as KeyboardEvent).key !== key) return;
    window.removeEventListener(event, hear, true);
    from = performance.timeOrigin + heard.timeStamp;
    look();
  };
  window.addEventListener(event, hear, true);
}, [id, status, event, key] as const);

const painted = async (page: Page) => (await page.waitForFunction(() => (window as unknown as Noting).noted.painted, undefined, { polling: 20 })).jsonValue() as Promise<NonNullable<Noted["painted"]>>;

const holds = (page: Page, cards: number) => page.waitForFunction((cards) => document.querySelectorAll("[data-card]").length === cards, cards, { polling: 20 });

const longTasks = async (page: Page, since = 0): Promise<number[]> => (await page.evaluate(() => (window as unknown as Noting).noted.tasks)).filter(({ at }) => at >= since).map(({ took }) => took);
const longest = (tasks: number[]): string => tasks.length === 0 ? "none over 50 ms" : `longest ${Math.round(Math.max(...tasks))} ms, ${tasks.filter((took) => took > 100).length} over 100 ms, ${tasks.length} over 50 ms`;
const ofOurs = (page: Page): Promise<number> => page.evaluate(() => ((window as unknown as Noting).noted.memory?.buffer.byteLength ?? 0) / 1e6);
const mb = (value: number): string => `${value.toFixed(1)} MB`;

/** `30 of 30 in the same frame (aim: all)`, and how long after the event. */
function sameFrame(what: string, moves: NonNullable<Noted["painted"]>[]): string {
  const same = moves.filter(({ frame }) => frame === 1).length;
  return `${what}: ${same} of ${moves.length} painted in the same frame (aim: all); from the event to the painted frame ${spread(moves.map(({ at, from }) => at - from))}`;
}

async function fill(board: Board, count: number): Promise<{ project: Project; first: string; filled: number }> {
  const project = await freshProject(board, `Bench ${count}`);
  const begun = Date.now();
  const first = await board.createTask(project, "The one that is moved", { status: "backlog" });
  await board.createTasks(project, Array.from({ length: count - 1 }, (_, n) => `Watch bird number ${n + 1} at the feeder`), (title) => ({ status: FILLED[Number(/\d+/.exec(title)![0]) % FILLED.length], priority: "high", tags: ["garden"] }));
  return { project, first: first.id, filled: (Date.now() - begun) / 1000 };
}

const address = (board: Board, project: Project) => `${board.url}/projects/${project.slug}/board`;

/** A window on a board, and what it has used since before it was loaded. */
async function opened(visitor: () => Promise<Visitor>, url: string): Promise<{ me: Visitor; page: Page; used: () => Promise<Used> }> {
  const me = await visitor();
  await me.page.addInitScript(note);
  const used = await usage(me.page);
  return { me, page: await me.open(url), used };
}

for (const size of SIZES) {
  test(`a board of ${size} tasks`, async ({ alone, visitor, browser }) => {
    const { project, first, filled } = await fill(alone, size);
    const url = address(alone, project);

    const live: number[] = [], loading: number[] = [], script: number[] = [], busy: number[] = [];
    for (let n = 0; n < LOADS; n++) {
      const begun = Date.now();
      const { page, used } = await opened(visitor, url);
      live.push(Date.now() - begun);
      const { script: scripting, task } = await used();
      script.push(1000 * scripting);
      busy.push(1000 * task);
      loading.push(Math.max(0, ...await longTasks(page)));
      await page.context().close();
    }

    const a = await opened(visitor, url), b = await opened(visitor, url);
    const { me, page, used } = a, since = await page.evaluate(() => performance.timeOrigin + performance.now());
    const cards = await page.locator("[data-card]").count();
    const loaded = { ...await used(), ours: await ofOurs(page), tab: await tabMemory(browser) };

    // By keys, here: a lifted card goes to the next column with the arrow.
    const byKey: NonNullable<Noted["painted"]>[] = [], byDrop: NonNullable<Noted["painted"]>[] = [], byMenu: NonNullable<Noted["painted"]>[] = [], across: number[] = [];
    const link = page.locator(`#card-${first}`).getByRole("link");
    await link.focus();
    for (let n = 0; n < MOVES; n++) {
      const [key, to]: [string, Status] = n % 2 === 0 ? ["ArrowRight", "ready"] : ["ArrowLeft", "backlog"];
      await page.keyboard.press("Space");
      if (n < OWN_MOVES) await expectMove(page, first, to, "keydown", key);
      await page.keyboard.press(key);
      if (n < OWN_MOVES) byKey.push(await painted(page));
      await page.waitForFunction((id) => document.activeElement?.closest("[data-card]")?.id === `card-${id}`, first, { polling: 5 });
      // In the other window: from the key that drops it, and so asks the server, to its frame there.
      await expectMove(b.page, first, to);
      await expectMove(page, first, to, "keydown", " ");
      await page.keyboard.press("Space");
      const [here, there] = [await painted(page), await painted(b.page)];
      across.push(there.at - here.from);
    }
    const moving = await longTasks(page, since);

    const menu = await Hand.of("mouse", page);
    await menu.take(first, "Move to top"); // the menu's code is there from now on
    for (let n = 0; n < OWN_MOVES; n++) {
      const [item, to]: [string, Status] = n % 2 === 0 ? ["Blocked", "blocked"] : ["In review", "in_review"];
      await page.locator(`#card-${first} [data-menu]`).click();
      await expectMove(page, first, to, "click");
      await page.getByRole("menuitem", { name: item, exact: true }).click();
      byMenu.push(await painted(page));
    }
    await menu.take(first, "Move to top");

    // By mouse: over all columns and back, then down the first; every frame on the way counts.
    const dragging = await page.evaluate(() => performance.timeOrigin + performance.now());
    const frames: number[] = [];
    for (let n = 0; n < 6; n++) {
      const to: Status = n % 2 === 0 ? "ready" : "backlog";
      const card = page.locator(`#card-${first}`);
      await card.scrollIntoViewIfNeeded();
      const from = await middle(card), far = await middle(page.locator("#col-done")), target = await middle(page.locator(`#col-${to}`));
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      await page.mouse.move(from.x + 12, from.y + 6);
      await page.locator(".ghost").waitFor();
      await page.evaluate(() => {
        const { noted } = window as unknown as Noting;
        let last = 0;
        const frame = (now: number) => {
          if (!document.querySelector(".ghost")) return;
          if (last > 0) noted.frames.push(now - last);
          last = now;
          requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
      });
      await page.mouse.move(far.x, far.y, { steps: 40 });
      await page.mouse.move(target.x, target.y, { steps: 40 });
      await expectMove(page, first, to, "pointerup");
      await page.mouse.up();
      byDrop.push(await painted(page));
    }
    frames.push(...await page.evaluate(() => (window as unknown as Noting).noted.frames));
    const dragged = await longTasks(page, dragging);

    // There and back, as somebody with two projects does, without loading the page again.
    const other = await freshProject(alone, "Other");
    await alone.createTasks(other, Array.from({ length: FEW }, (_, n) => `Other ${n + 1}`));
    const visiting = await page.evaluate(() => performance.timeOrigin + performance.now());
    const visits: { heap: number; nodes: number; ours: number }[] = [], turned: number[] = [];
    const rail = page.getByRole("navigation", { name: "Projects" });
    for (let n = 0; n < VISITS; n++) {
      await rail.locator(`a[href*="/${other.slug}/"]`).click();
      await holds(page, FEW);
      await me.live();
      const begun = Date.now();
      await rail.locator(`a[href*="/${project.slug}/"]`).click();
      await holds(page, cards);
      await me.live();
      turned.push(Date.now() - begun);
      visits.push({ ...await used(), ours: await ofOurs(page) });
    }
    const visited = await longTasks(page, visiting);
    const at = (n: number) => `${mb(visits[n].heap)} + ${mb(visits[n].ours)}, ${visits[n].nodes} nodes`;

    figure(`A board of ${size} tasks, ${cards} of them cards on the page (written by REST in ${filled.toFixed(1)} s)`,
      `loaded: live after ${Math.round(share(live, 0.5))} ms; ${Math.round(share(script, 0.5))} ms of script, ${Math.round(share(busy, 0.5))} ms of the main thread, longest task ${Math.round(share(loading, 0.5))} ms (median of ${LOADS} new windows)`,
      `loaded: ${mb(loaded.heap)} of JavaScript + ${mb(loaded.ours)} of our code, ${loaded.nodes} nodes, tab ${loaded.tab} MB`,
      sameFrame("a key moves a lifted card", byKey),
      sameFrame("a click in the menu moves a card", byMenu),
      sameFrame("a card is dropped", byDrop),
      `from the key in one window to the painted frame in the other: ${spread(across)} (aim: p99 under 33 ms)`,
      `tasks after loading, while cards are moved by keys: ${longest(moving)} (aim: none over 100 ms)`,
      `dragged over all columns: a frame ${spread(frames)}; tasks: ${longest(dragged)} (aim: none over 100 ms)`,
      `visited ${VISITS} times from another board: ${Math.round(share(turned, 0.5))} ms until it is live; JavaScript + our code: ${at(0)} at first, ${at(Math.floor(VISITS / 2))} in the middle, ${at(VISITS - 1)} at last (aim: flat); tab ${await tabMemory(browser)} MB; tasks: ${longest(visited)}`);
  });
}
