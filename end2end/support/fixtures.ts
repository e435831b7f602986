// What every test gets: servers and gateways, and browsers that tolerate no error.
import fs from "node:fs";
import path from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { test as base, expect, type Browser, type BrowserContextOptions, type Page } from "@playwright/test";
import { Board } from "./board.ts";
import { runFolder } from "./child.ts";
import { endEngines } from "./engine.ts";
import { Gateway, freePort } from "./gateway.ts";

export { expect };

/** A folder with servers and gateways of its own; kept when a test failed while it was used. */
export class House {
  failed = false;
  private readonly ends: (() => Promise<void>)[] = [];

  constructor(readonly folder: string) {}

  /** Called at the end, the last first. */
  atEnd(end: () => Promise<void>): void {
    this.ends.push(end);
  }

  async close(): Promise<void> {
    for (const end of this.ends.reverse()) await end();
    await endEngines(this.folder);
    if (!this.failed) fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

const houses = new Set<House>();

/** Makes a house; it is closed with the fixture that made it. */
export async function withHouse(name: string, use: (house: House) => Promise<void>): Promise<void> {
  const house = new House(fs.mkdtempSync(path.join(runFolder(), `${name}-`)));
  houses.add(house);
  try {
    await use(house);
  } catch (error) {
    house.failed = true;
    throw error;
  } finally {
    await house.close();
    houses.delete(house);
    if (house.failed) console.log(`Logs of ${name}: ${house.folder}`);
  }
}

/** A running server with its gateway. */
export interface Pair { board: Board; gateway: Gateway }

/** Starts a server whose gateway is never there. */
export async function startAlone(house: House): Promise<Board> {
  const board = new Board(path.join(house.folder, "board"), { url: `ws://127.0.0.1:${await freePort()}`, token: Gateway.token });
  house.atEnd(() => board.stop());
  return board.start();
}

/** Starts a gateway and a server that know each other. */
export async function startPair(house: House, between?: (gateway: Gateway) => Promise<string>, more: Record<string, string> = {}): Promise<Pair> {
  const gateway = await Gateway.prepare(path.join(house.folder, "gateway"));
  const url = between ? await between(gateway) : gateway.url;
  const board = new Board(path.join(house.folder, "board"), { url, token: Gateway.token }, more);
  house.atEnd(() => board.stop());
  await board.start();
  house.atEnd(() => gateway.stop());
  await gateway.start(board.url);
  await board.connected();
  return { board, gateway };
}

/** A browser window. Everything that goes wrong in it fails the test, unless it was expected. */
export class Visitor {
  private readonly troubles: string[] = [];
  private readonly expected: RegExp[] = [];

  constructor(readonly page: Page) {
    page.on("console", (message) => {
      if (message.type() === "error") this.trouble(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.trouble(`page error: ${error.message}`));
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText;
      // A navigation takes the place of what the page still loaded; "csp" is what a page without JavaScript says of scripts.
      if (why !== "net::ERR_ABORTED" && why !== "csp") this.trouble(`request: ${request.method()} ${request.url()} ${why}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) this.trouble(`answer: ${response.status()} ${response.request().method()} ${response.url()}`);
    });
  }

  private trouble(text: string): void {
    this.troubles.push(text);
  }

  /** From now on and before, errors with these words are part of the test. */
  expectTrouble(...patterns: RegExp[]): void {
    this.expected.push(...patterns);
  }

  /** What went wrong and was not expected. */
  unexpected(): string[] {
    return this.troubles.filter((text) => !this.expected.some((pattern) => pattern.test(text)));
  }

  /** Waits until the page's code runs, the live feed is there, and a board can be worked on. */
  async live(): Promise<void> {
    // No expect: it describes the whole page each time it looks in vain, which takes seconds with a thousand cards.
    await this.page.locator(".feed", { hasText: /^Live$/ }).waitFor({ state: "attached", timeout: 20_000 });
    // The code that drags and presses keys on a board comes by itself, a moment after the board.
    await this.page.locator(".board:not([data-hands])").waitFor({ state: "detached", timeout: 20_000 });
  }

  /** Opens an address and waits until it is live. */
  async open(url: string): Promise<Page> {
    await this.page.goto(url);
    await this.live();
    return this.page;
  }

  /** No finding of any kind on the page as it is now. */
  async accessible(): Promise<void> {
    const { violations } = await new AxeBuilder({ page: this.page }).setLegacyMode(true).analyze();
    expect(violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ target, failureSummary }) => `  ${target.join(" ")} ${failureSummary?.replace(/\s+/g, " ")}`).join("\n")}`)).toEqual([]);
  }
}

/** A window of its own, with its own cookies. Whoever asks closes its context. */
export async function newVisitor(browser: Browser, options?: BrowserContextOptions): Promise<Visitor> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(10_000);
  return new Visitor(await context.newPage());
}

interface TestFixtures {
  /** Opens a window of its own, with its own cookies. */
  visitor: (options?: BrowserContextOptions) => Promise<Visitor>;
  marked: void;
}
interface WorkerFixtures {
  /** A server with a gateway that works, shared by the tests of this worker. */
  shared: Pair;
  /** A server whose gateway is never there, shared by the tests of this worker. */
  alone: Board;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  shared: [async ({}, use) => {
    await withHouse("shared", async (house) => use(await startPair(house)));
  }, { scope: "worker", timeout: 180_000 }],

  alone: [async ({}, use) => {
    await withHouse("alone", async (house) => {
      await use(await startAlone(house));
    });
  }, { scope: "worker", timeout: 60_000 }],

  visitor: async ({ browser }, use) => {
    const visitors: Visitor[] = [];
    await use(async (options) => {
      const visitor = await newVisitor(browser, options);
      visitors.push(visitor);
      return visitor;
    });
    const troubles = visitors.flatMap((visitor) => visitor.unexpected());
    for (const visitor of visitors) await visitor.page.context().close();
    expect(troubles, "nothing goes wrong in the browser").toEqual([]);
  },

  // Houses that were open when a test failed keep their logs.
  marked: [async ({}, use, testInfo) => {
    await use();
    if (testInfo.status !== testInfo.expectedStatus) for (const house of houses) house.failed = true;
  }, { auto: true }],
});

let last = 0;

/** A project of its own for a test; slugs are unique within a worker's server. */
export async function freshProject(board: Board, name: string, more: { local_path?: string; work_loop_enabled?: boolean } = {}) {
  last += 1;
  const slug = `${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}-${last}`;
  return board.createProject({ name: `${name} ${last}`, slug, ...more });
}
