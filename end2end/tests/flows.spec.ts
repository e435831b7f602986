// What people do on a board every day: each flow by mouse and by keyboard with fifty cards, and some by finger on a
// phone with a thousand, while somebody else watches. What the watcher sees comes live, and the server has it.
import type { Locator, Page } from "@playwright/test";
import type { Board, Project, Task } from "../support/board.ts";
import { expect, freshProject, newVisitor, test, type Visitor } from "../support/fixtures.ts";
import { Hand, PHONE, type HandName, type Status } from "../support/hand.ts";
import { panel, toasts } from "../support/look.ts";
import { until } from "../support/until.ts";

const HANDS: { hand: HandName; cards: number }[] = [
  { hand: "mouse", cards: 50 },
  { hand: "keyboard", cards: 50 },
  { hand: "touch", cards: 1_000 },
];

// As in support/hand.ts: expect(locator) is too slow where a thousand cards are.
const shown = (what: Locator) => what.waitFor({ state: "attached" });
const gone = (what: Locator) => what.waitFor({ state: "detached" });

/** Every flow has a ticket of its own. */
const OWN = ["Discuss", "Carry", "Raise", "Change", "Find", "Delete", "Retract", "Ask", "Depend"] as const;
type Own = (typeof OWN)[number];

/** A board with so many cards, a hand that works on it, and somebody who watches. */
class Stage {
  private constructor(readonly board: Board, readonly project: Project, private readonly own: Record<Own, Task>, readonly hand: Hand, private readonly me: Visitor, private readonly watcher: Visitor) {}

  static async open(board: Board, cards: number, name: HandName, window: (phone: boolean) => Promise<Visitor>): Promise<Stage> {
    const project = await freshProject(board, "Flows");
    // A flow's ticket and its neighbour below are the first of the backlog; below them and beside them are the others.
    const own = {} as Record<Own, Task>;
    for (const title of OWN) own[title] = await board.createTask(project, title, { status: "backlog" });
    const columns: Status[] = ["backlog", "backlog", "ready", "ready", "in_progress", "in_review", "blocked"];
    const others = Array.from({ length: cards - OWN.length }, (_, n) => `Bird ${n + 1}`);
    await board.createTasks(project, others, (title) => ({ status: columns[Number(title.slice(5)) % columns.length] }));
    const [me, watcher] = [await window(name === "touch"), await window(false)];
    for (const { page } of [me, watcher]) await page.goto(`${board.url}/projects/${project.slug}/board`);
    for (const one of [me, watcher]) await one.live();
    // Whoever loaded the page again would see everything, too.
    await watcher.page.evaluate(() => { (window as unknown as { first: boolean }).first = true; });
    return new Stage(board, project, own, await Hand.of(name, me.page), me, watcher);
  }

  get page(): Page {
    return this.me.page;
  }

  get watching(): Page {
    return this.watcher.page;
  }

  id(title: Own): string {
    return this.own[title].id;
  }

  /** The card in the window of whoever watches; in a column, where one is named. */
  seen(id: string, status?: Status) {
    return this.watching.locator(status ? `#col-${status} #card-${id}` : `#card-${id}`);
  }

  /** Ids of a column's first cards, as the watcher sees them. */
  first(status: Status, count: number): Promise<string[]> {
    return this.watching.locator(`#col-${status} [data-card]`).evaluateAll((cards, count) => cards.slice(0, count).map((card) => card.id.slice(5)), count);
  }

  /** The watcher opens a ticket's panel. */
  async watch(id: string) {
    await this.seen(id).getByRole("link").click();
    await panel(this.watching).locator(".title").waitFor();
    return panel(this.watching);
  }

  /** Waits until the server has a ticket as `wanted` says. */
  async stored(id: string, wanted: Partial<Task>): Promise<void> {
    const words = Object.keys(wanted) as (keyof Task)[];
    await expect.poll(async () => {
      const task = await this.board.task(id);
      return Object.fromEntries(words.map((word) => [word, task[word]]));
    }, "the server has it").toEqual(wanted);
  }

  /** As it was before the flow: nothing open, nothing said, nothing went wrong, and the watcher's page is the first. */
  async over(): Promise<void> {
    await this.hand.dismiss();
    for (const page of [this.page, this.watching]) await gone(page.locator(".panel, dialog[open], .menu"));
    expect(await this.watching.evaluate(() => (window as unknown as { first?: boolean }).first)).toBe(true);
    expect([this.me, this.watcher].flatMap((one) => one.unexpected()), "nothing goes wrong in the browser").toEqual([]);
  }
}

interface Flow { name: string; touch?: true; run: (at: Stage) => Promise<void> }

const FLOWS: Flow[] = [
  { name: "a ticket is made", touch: true, run: async ({ hand, page, watching, board }) => {
    await hand.begin();
    const dialog = page.getByRole("dialog", { name: "New ticket" });
    await hand.write(dialog.getByLabel("Title"), "Fill the feeder");
    await hand.write(dialog.getByLabel("Description"), "With sunflower seeds.");
    await hand.press(dialog.getByRole("button", { name: "Urgent", exact: true }));
    await hand.choose(dialog.getByLabel("Column"), "Ready");
    await hand.send(dialog.getByRole("button", { name: "Create Task" }));
    await gone(dialog);
    const made = watching.locator("#col-ready [data-card]").filter({ hasText: "Fill the feeder" });
    await shown(made.getByRole("img", { name: "Urgent priority" }));
    const { title, description, priority, status } = await board.task((await made.getAttribute("data-card"))!);
    expect({ title, description, priority, status }).toEqual({ title: "Fill the feeder", description: "With sunflower seeds.", priority: "urgent", status: "ready" });
  } },

  { name: "a card goes to another column", touch: true, run: async (at) => {
    const id = at.id("Carry");
    await at.hand.carry(id, "ready");
    await shown(at.seen(id, "ready"));
    await at.stored(id, { status: "ready" });
    expect(await at.seen(id).count()).toBe(1);
  } },

  { name: "a card goes above another one of its column", touch: true, run: async (at) => {
    const [raised, above] = [at.id("Raise"), (await at.first("backlog", 1))[0]];
    expect(above).not.toBe(raised);
    await at.hand.raise(raised, above);
    await expect.poll(() => at.first("backlog", 2)).toEqual([raised, above]);
    await until("the server has it above", async () => (await at.board.task(raised)).position < (await at.board.task(above)).position);
  } },

  { name: "a ticket is opened, changed in all that it says, and closed", touch: true, run: async (at) => {
    const { hand } = at, id = at.id("Change");
    const theirs = await at.watch(id);
    const mine = await hand.open(id);
    await hand.press(mine.getByRole("button", { name: "Change", exact: true }));
    await hand.write(mine.getByRole("textbox", { name: "Title" }), "Changed");
    await hand.send(mine.getByRole("button", { name: "Save" }), "Enter");
    await hand.press(mine.getByRole("button", { name: "Add a description" }));
    await hand.write(mine.getByRole("textbox", { name: "Description" }), "By hand.");
    await hand.send(mine.getByRole("button", { name: "Save" }));
    await gone(mine.getByRole("textbox", { name: "Description" }));
    await hand.choose(mine.getByLabel("Priority", { exact: true }), "Urgent");
    await hand.choose(mine.getByLabel("Role"), "Research");
    await hand.close();
    await shown(at.seen(id).filter({ hasText: "Changed" }));
    await shown(at.seen(id).filter({ hasText: "Research" }));
    await shown(at.seen(id).getByRole("img", { name: "Urgent priority" }));
    await shown(theirs.getByRole("region", { name: "Description" }).filter({ hasText: "By hand." }));
    await at.stored(id, { title: "Changed", description: "By hand.", priority: "urgent", role: "research" });
    await theirs.getByRole("link", { name: "Close" }).click();
  } },

  { name: "a comment is written", run: async (at) => {
    const id = at.id("Discuss");
    const theirs = await at.watch(id);
    const mine = await at.hand.open(id);
    await at.hand.write(mine.getByRole("textbox", { name: "Comment", exact: true }), "Which seeds?");
    await at.hand.send(mine.getByRole("button", { name: "Comment", exact: true }));
    await shown(theirs.getByRole("article").filter({ hasText: "Which seeds?" }));
    expect((await at.board.comments(id)).map(({ author_type, content }) => `${author_type}: ${content}`)).toEqual(["human: Which seeds?"]);
    await at.hand.close();
    await theirs.getByRole("link", { name: "Close" }).click();
  } },

  { name: "the filter finds a ticket; it is opened and done", touch: true, run: async (at) => {
    const { hand, page } = at, id = at.id("Find");
    await hand.filter();
    await hand.write(page.getByRole("searchbox", { name: "Filter tickets" }), "find");
    await expect.poll(() => page.locator("[data-card]").count()).toBe(1);
    const mine = await hand.open(id);
    await hand.choose(mine.getByLabel("Status"), "Done");
    await shown(at.seen(id, "done"));
    await at.stored(id, { status: "done" });
    await hand.close();
    await hand.filter();
    await hand.write(page.getByRole("searchbox", { name: "Filter tickets" }), "");
    await shown(hand.card(at.id("Discuss")));
  } },

  { name: "a ticket is deleted, taken back, and deleted for good", run: async (at) => {
    const { hand, page } = at, id = at.id("Delete");
    await hand.take(id, "Delete");
    await gone(hand.card(id));
    await hand.undo();
    await shown(hand.card(id));
    await shown(at.seen(id));
    await at.stored(id, { status: "backlog" });
    await hand.take(id, "Delete");
    await gone(hand.card(id));
    await hand.press(toasts(page).getByRole("button", { name: "Dismiss" }));
    await gone(at.seen(id));
    await until("it is gone", async () => (await fetch(`${at.board.url}/api/tasks/${id}`)).status === 404);
  } },

  { name: "a move is taken back", touch: true, run: async (at) => {
    const id = at.id("Retract"), order = await at.first("backlog", 9);
    expect(order).toContain(id);
    await at.hand.take(id, "Blocked");
    await shown(at.seen(id, "blocked"));
    await at.stored(id, { status: "blocked" });
    await at.hand.undo();
    await expect.poll(() => at.first("backlog", 9)).toEqual(order);
    await at.stored(id, { status: "backlog" });
  } },

  { name: "a question is answered", run: async (at) => {
    const { hand, board } = at, id = at.id("Ask");
    const { signalId } = await board.call<{ signalId: string }>("POST", "/signal", { taskId: id, sessionKey: `main:flows:dev:${id}`, agentId: "kimi", kind: "question", message: "Which oil?" });
    for (const card of [hand.card(id), at.seen(id)]) await shown(card.filter({ hasText: "Which oil?" }));
    const mine = await hand.open(id);
    await hand.write(mine.getByRole("textbox", { name: "Answer" }), "Linseed.");
    await hand.send(mine.getByRole("button", { name: "Answer", exact: true }));
    await gone(at.seen(id).filter({ hasText: "Which oil?" }));
    const { signals } = await board.call<{ signals: { id: string; response: string | null }[] }>("GET", "/signal");
    expect(signals.find((one) => one.id === signalId)?.response).toBe("Linseed.");
    await hand.close();
  } },

  { name: "a ticket waits for another one", run: async (at) => {
    const { hand } = at, id = at.id("Depend");
    const mine = await hand.open(id);
    await hand.press(mine.getByRole("button", { name: "Add a ticket that this one waits for" }));
    await hand.write(mine.getByRole("textbox", { name: "Ticket that this one waits for" }), "discuss");
    await hand.press(mine.getByRole("button", { name: /Discuss/ }));
    await shown(at.seen(id).getByRole("img", { name: "Waits for 1 ticket" }));
    await shown(at.seen(at.id("Discuss")).getByRole("img", { name: "1 ticket waits for this one" }));
    const kept = await at.board.call<unknown>("GET", `/tasks/${id}/dependencies`);
    expect(JSON.stringify(kept)).toContain(at.id("Discuss"));
    await hand.close();
  } },
];

for (const { hand, cards } of HANDS) {
  test.describe(`by ${hand}, ${cards} cards`, () => {
    let stage: Stage;
    const visitors: Visitor[] = [];

    test.beforeAll(async ({ browser, alone }) => {
      stage = await Stage.open(alone, cards, hand, async (phone) => {
        const visitor = await newVisitor(browser, phone ? PHONE : undefined);
        visitors.push(visitor);
        return visitor;
      });
    });

    test.afterAll(async () => {
      for (const visitor of visitors) await visitor.page.context().close();
    });

    for (const { name, touch, run } of FLOWS) {
      if (hand === "touch" && !touch) continue;
      test(name, async () => {
        await run(stage);
        await stage.over();
      });
    }
  });
}
