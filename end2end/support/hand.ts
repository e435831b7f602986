// The three hands that work on a board: mouse, keyboard and finger. A test says what is done, a hand how.
//
// They wait with waitFor and poll, not with expect(locator): that describes the whole page whenever it has to look
// again, which takes seconds where a thousand cards are, and no timer of the page runs meanwhile.
import { devices, type BrowserContextOptions, type CDPSession, type Locator, type Page } from "@playwright/test";
import { expect } from "./fixtures.ts";
import { panel, toasts } from "./look.ts";

export type HandName = "mouse" | "keyboard" | "touch";

/** A phone, 390 pixels wide: one column at a time. */
export const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, userAgent: devices["Pixel 7"].userAgent };

export interface Point { x: number; y: number }

/** The middle of what is visible. */
export async function middle(of: Locator): Promise<Point> {
  const box = await of.boundingBox();
  if (!box) throw new Error("not visible");
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Drags with the mouse: lifts, moves to a point, waits until `where` shows a landing line, drops. */
export async function drag(page: Page, from: Locator, to: Point, where: Locator): Promise<void> {
  const start = await middle(from);
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move(start.x + 12, start.y + 6);
  await page.locator(".ghost").waitFor();
  await page.mouse.move(to.x, to.y, { steps: 5 });
  await where.locator(".drop-line").waitFor({ state: "attached" });
  await page.mouse.up();
  await page.locator(".ghost").waitFor({ state: "detached" });
}

/** One finger on the glass. */
export class Finger {
  private constructor(private readonly touch: CDPSession) {}

  static async of(page: Page): Promise<Finger> {
    return new Finger(await page.context().newCDPSession(page));
  }

  down(at: Point): Promise<unknown> {
    return this.send("touchStart", [at]);
  }

  /** Goes from one point to another. */
  async move(from: Point, to: Point, steps = 6): Promise<void> {
    for (let step = 1; step <= steps; step++) {
      await this.send("touchMove", [{ x: from.x + ((to.x - from.x) * step) / steps, y: from.y + ((to.y - from.y) * step) / steps }]);
    }
  }

  up(): Promise<unknown> {
    return this.send("touchEnd", []);
  }

  private send(type: "touchStart" | "touchMove" | "touchEnd", touchPoints: Point[]): Promise<unknown> {
    return this.touch.send("Input.dispatchTouchEvent", { type, touchPoints });
  }
}

const COLUMNS = ["backlog", "ready", "in_progress", "in_review", "blocked", "done"] as const;
/** A column, by the word of its status. */
export type Status = (typeof COLUMNS)[number];

/** What is done on a board, whichever hand does it. */
export abstract class Hand {
  constructor(readonly page: Page) {}

  static async of(name: HandName, page: Page): Promise<Hand> {
    if (name === "keyboard") return new Keyboard(page);
    return name === "mouse" ? new Mouse(page) : new Touch(page, await Finger.of(page));
  }

  card(id: string): Locator {
    return this.page.locator(`#card-${id}`);
  }

  column(status: Status): Locator {
    return this.page.locator(`#col-${status}`);
  }

  /** Presses a button, a link, or into a field. */
  abstract press(target: Locator): Promise<void>;
  /** Opens a ticket's panel from its card. */
  abstract open(id: string): Promise<Locator>;
  /** Begins a new ticket. */
  abstract begin(): Promise<void>;
  /** Goes into the filter's field. */
  abstract filter(): Promise<void>;
  /** Takes a card to another column. */
  abstract carry(id: string, to: Status): Promise<void>;
  /** Takes a card right above another one of its column. */
  abstract raise(id: string, above: string): Promise<void>;
  /** Sends a form: with the button, or with the key that `key` names. */
  abstract send(button: Locator, key?: string): Promise<void>;
  /** Takes back what was done last. */
  abstract undo(): Promise<void>;
  /** Closes the panel. */
  abstract close(): Promise<void>;
  /** Chooses one of the options of a list. */
  abstract choose(list: Locator, option: string): Promise<void>;
  /** Opens a card's menu and takes an item of it. */
  abstract take(id: string, item: string): Promise<void>;

  /** Writes in the place of what a field has. */
  async write(field: Locator, words: string): Promise<void> {
    await field.waitFor();
    if (!await this.has(field)) await this.press(field);
    await this.focused(field);
    await this.page.keyboard.press("Control+a");
    await (words === "" ? this.page.keyboard.press("Delete") : this.letters(words));
    await expect.poll(() => field.inputValue()).toBe(words);
  }

  /** Whether it has the focus. */
  protected has(target: Locator): Promise<boolean> {
    return target.evaluate((element) => element === document.activeElement);
  }

  protected async focused(target: Locator): Promise<void> {
    await expect.poll(() => this.has(target), "it has the focus").toBe(true);
  }

  protected letters(words: string): Promise<void> {
    return this.page.keyboard.type(words);
  }

  protected async opened(): Promise<Locator> {
    await panel(this.page).locator(".title").waitFor();
    return panel(this.page);
  }

  /** No message is left. */
  async dismiss(): Promise<void> {
    const left = toasts(this.page).getByRole("button", { name: "Dismiss" });
    while (await left.count() > 0) await this.press(left.first());
  }
}

/** Mouse and finger: what they press is what they see. */
abstract class Pointer extends Hand {
  async open(id: string): Promise<Locator> {
    await this.press(this.card(id).getByRole("link"));
    return this.opened();
  }

  begin(): Promise<void> {
    return this.press(this.page.getByRole("button", { name: "New Ticket", exact: true }));
  }

  filter(): Promise<void> {
    return this.press(this.page.getByRole("searchbox", { name: "Filter tickets" }));
  }

  send(button: Locator): Promise<void> {
    return this.press(button);
  }

  undo(): Promise<void> {
    return this.press(toasts(this.page).getByRole("button", { name: "Undo" }).last());
  }

  async close(): Promise<void> {
    await this.press(panel(this.page).getByRole("link", { name: "Close" }));
    await panel(this.page).waitFor({ state: "detached" });
  }

  // The browser's own list of options is none of the page's.
  async choose(list: Locator, option: string): Promise<void> {
    await list.selectOption(option);
  }

  async take(id: string, item: string): Promise<void> {
    await this.press(this.card(id).locator("[data-menu]"));
    await this.press(this.page.getByRole("menuitem", { name: item, exact: true }));
    await this.page.locator(".menu").waitFor({ state: "detached" });
  }
}

class Mouse extends Pointer {
  press(target: Locator): Promise<void> {
    return target.click();
  }

  async carry(id: string, to: Status): Promise<void> {
    await this.card(id).scrollIntoViewIfNeeded();
    await drag(this.page, this.card(id), await middle(this.column(to)), this.column(to));
  }

  async raise(id: string, above: string): Promise<void> {
    const box = (await this.card(above).boundingBox())!;
    await drag(this.page, this.card(id), { x: box.x + box.width / 2, y: box.y + 4 }, this.page.locator(".cards").filter({ has: this.card(above) }));
  }
}

class Touch extends Pointer {
  constructor(page: Page, private readonly finger: Finger) {
    super(page);
  }

  press(target: Locator): Promise<void> {
    return target.tap();
  }

  // A keyboard on glass sends words, not keys.
  protected override letters(words: string): Promise<void> {
    return this.page.keyboard.insertText(words);
  }

  /** Held until it is lifted. */
  private async lift(id: string): Promise<Point> {
    await this.card(id).scrollIntoViewIfNeeded();
    const from = await middle(this.card(id));
    await this.finger.down(from);
    await this.page.locator(".ghost").waitFor();
    return from;
  }

  private async drop(): Promise<void> {
    await this.finger.up();
    await this.page.locator(".ghost").waitFor({ state: "detached" });
  }

  async carry(id: string, to: Status): Promise<void> {
    const from = await this.lift(id);
    const { width } = this.page.viewportSize()!;
    const box = (await this.column(to).boundingBox())!;
    // What lies beside the screen comes nearer while the finger is at its edge.
    const edge = { x: box.x + box.width / 2 > width ? width - 4 : box.x + box.width / 2 < 0 ? 4 : box.x + box.width / 2, y: from.y };
    await this.finger.move(from, edge);
    await this.column(to).locator(".drop-line").waitFor({ state: "attached" });
    const there = await middle(this.column(to));
    await this.finger.move(edge, { x: Math.min(Math.max(there.x, 80), width - 80), y: from.y });
    await this.column(to).locator(".drop-line").waitFor({ state: "attached" });
    await this.drop();
  }

  async raise(id: string, above: string): Promise<void> {
    const from = await this.lift(id);
    const box = (await this.card(above).boundingBox())!;
    await this.finger.move(from, { x: from.x, y: box.y + 6 });
    await this.page.locator(`.drop-line + #card-${above}`).waitFor({ state: "attached" });
    await this.drop();
  }
}

/** Keys alone: what has the focus was led to with Tab and arrows. */
class Keyboard extends Hand {
  private key(key: string): Promise<void> {
    return this.page.keyboard.press(key);
  }

  /** Leads the focus there by Tab. */
  private async reach(target: Locator): Promise<void> {
    await target.waitFor();
    // Once round the page, however much there is on it.
    const stops = await this.page.locator("a[href], button, input, select, textarea, summary, [tabindex]").count();
    for (let tabs = 0; !await this.has(target); tabs++) {
      if (tabs > stops) throw new Error(`No Tab leads to ${String(target)}`);
      await this.key("Tab");
    }
  }

  async press(target: Locator): Promise<void> {
    await this.reach(target);
    if (!await target.evaluate((element) => element.matches("input, textarea, select"))) await this.key("Enter");
  }

  /** Leads the focus to a card: the board is one stop of Tab, arrows do the rest. */
  private async walk(id: string): Promise<void> {
    const link = this.card(id).getByRole("link");
    await link.waitFor({ state: "attached" });
    if (!await this.page.evaluate(() => document.activeElement?.matches("[data-card] a"))) await this.reach(this.page.locator("[data-card] a.cover:not([tabindex='-1'])"));
    const way = await this.page.evaluate((id) => {
      const spot = (card: Element) => ({ column: [...document.querySelectorAll(".col:has([data-card])")].indexOf(card.closest(".col")!), at: [...card.closest(".cards")!.querySelectorAll("[data-card]")].indexOf(card) });
      return { from: spot(document.activeElement!.closest("[data-card]")!), to: spot(document.getElementById(`card-${id}`)!) };
    }, id);
    await this.key("Home");
    for (let n = way.from.column; n !== way.to.column; n += Math.sign(way.to.column - n)) await this.key(n < way.to.column ? "ArrowRight" : "ArrowLeft");
    for (let n = 0; n < way.to.at; n++) await this.key("ArrowDown");
    await this.focused(link);
  }

  async open(id: string): Promise<Locator> {
    await this.walk(id);
    await this.key("Enter");
    return this.opened();
  }

  begin(): Promise<void> {
    return this.key("c");
  }

  filter(): Promise<void> {
    return this.key("/");
  }

  async carry(id: string, to: Status): Promise<void> {
    await this.walk(id);
    const from = COLUMNS.indexOf(await this.page.locator(".col").filter({ has: this.card(id) }).getAttribute("data-status") as Status);
    await this.key("Space");
    for (let n = from; n !== COLUMNS.indexOf(to); n += Math.sign(COLUMNS.indexOf(to) - n)) await this.key(n < COLUMNS.indexOf(to) ? "ArrowRight" : "ArrowLeft");
    await this.key("Space");
  }

  async raise(id: string, above: string): Promise<void> {
    await this.walk(id);
    const steps = await this.page.evaluate(([id, above]) => {
      const cards = [...document.getElementById(`card-${id}`)!.closest(".cards")!.querySelectorAll("[data-card]")].map((card) => card.id);
      return cards.indexOf(`card-${id}`) - cards.indexOf(`card-${above}`);
    }, [id, above]);
    await this.key("Space");
    for (let n = 0; n < steps; n++) await this.key("ArrowUp");
    await this.key("Space");
  }

  async send(_button: Locator, key = "Control+Enter"): Promise<void> {
    await this.key(key);
  }

  undo(): Promise<void> {
    return this.key("Control+z");
  }

  async close(): Promise<void> {
    await this.key("Escape");
    await panel(this.page).waitFor({ state: "detached" });
  }

  async choose(list: Locator, option: string): Promise<void> {
    await this.reach(list);
    await this.page.keyboard.type(option);
  }

  async take(id: string, item: string): Promise<void> {
    await this.walk(id);
    await this.key("m");
    const items = this.page.getByRole("menuitem"), wanted = this.page.getByRole("menuitem", { name: item, exact: true });
    await this.focused(items.first());
    for (let n = await items.count(); !await this.has(wanted); n--) {
      if (n === 0) throw new Error(`No arrow leads to ${item}`);
      await this.key("ArrowDown");
    }
    await this.key("Enter");
    await this.page.locator(".menu").waitFor({ state: "detached" });
  }
}
