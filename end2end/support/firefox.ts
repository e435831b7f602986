// Firefox, as Debian builds it: Playwright drives only a build of its own, so it is driven over WebDriver BiDi.
// What every test gets is a tab of its own in which nothing goes wrong.
import puppeteer, { type Browser, type ElementHandle, type Page } from "puppeteer-core";
import { expect, test as base } from "./fixtures.ts";
import { firefox } from "./places.ts";
import { until } from "./until.ts";

export { expect };

/** A tab, and how people use it. */
export class Tab {
  constructor(readonly page: Page, private readonly browser: Browser) {}

  /** Opens an address and waits until the page is live, and a board can be worked on. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.shows(".feed", "Live");
    await until("a board hears", () => this.page.evaluate(() => document.querySelector(".board:not([data-hands])") === null));
  }

  /** Waits until an element with these words is there. */
  async shows(selector: string, words: string): Promise<void> {
    await until(`${selector} shows "${words}"`, () => this.page.evaluate(
      (selector, words) => [...document.querySelectorAll(selector)].some((element) => element.textContent?.includes(words)), selector, words));
  }

  /** The texts of all elements. */
  texts(selector: string): Promise<string[]> {
    return this.page.$$eval(selector, (all) => all.map((element) => element.textContent ?? ""));
  }

  /** The value of a field. */
  value(selector: string): Promise<string> {
    return this.page.$eval(selector, (field) => (field as HTMLInputElement).value);
  }

  /** The element, once it is there and seen. */
  async find(selector: string): Promise<ElementHandle<Element>> {
    const found = await this.page.waitForSelector(selector, { visible: true, timeout: 10_000 });
    if (!found) throw new Error(`${selector} is not there`);
    return found;
  }

  /** Where the middle of an element is. */
  async middle(selector: string): Promise<{ x: number; y: number }> {
    const box = await (await this.find(selector)).boundingBox();
    if (!box) throw new Error(`${selector} is not visible`);
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }

  /** Chooses from a list with the mouse. Its options are a window of the browser's, so the choice is made there, as a press makes it. */
  async choose(selector: string, label: string): Promise<void> {
    await (await this.find(selector)).click();
    const { connection } = this.browser as unknown as { connection: { send(method: string, parameters: object): Promise<{ result: Answer }> } };
    const { result } = await connection.send("browsingContext.getTree", { "moz:scope": "chrome" });
    const press = `(async () => {
      const popup = document.querySelector("#ContentSelectDropdown menupopup");
      while (popup.state !== "open") await new Promise((then) => popup.addEventListener("popupshown", then, { once: true }));
      const item = [...popup.querySelectorAll("menuitem")].find((item) => item.label === ${JSON.stringify(label)});
      const hidden = new Promise((then) => popup.addEventListener("popuphidden", then, { once: true }));
      popup.activateItem(item);
      await hidden;
    })()`;
    const said = await connection.send("script.evaluate", { target: { context: result.contexts?.[0]?.context }, awaitPromise: true, expression: press });
    expect(said.result.type, JSON.stringify(said.result)).toBe("success");
  }
}

interface Answer { type?: string; contexts?: { context: string }[] }

export const test = base.extend<{ tab: Tab }, { fox: Browser }>({
  fox: [async ({}, use) => {
    // System access is for the lists of options, see above.
    const browser = await puppeteer.launch({ browser: "firefox", executablePath: firefox(), headless: true, args: ["--remote-allow-system-access"] });
    await use(browser);
    await browser.close();
  }, { scope: "worker", timeout: 60_000 }],

  tab: async ({ fox }, use) => {
    const context = await fox.createBrowserContext();
    const page = await context.newPage();
    await page.setViewport({ width: 1440, height: 900 });
    const troubles: string[] = [];
    page.on("pageerror", (error) => troubles.push(`page error: ${String(error)}`));
    page.on("console", (message) => { if (message.type() === "error") troubles.push(`console: ${message.text()}`); });
    await use(new Tab(page, fox));
    await context.close();
    expect(troubles, "nothing goes wrong in the browser").toEqual([]);
  },
});
