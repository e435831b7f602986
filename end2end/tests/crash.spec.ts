// Story 4: the server is killed at the worst moments. Nothing confirmed is lost, the agent's run is
// taken up again, and no work is handed out twice: the model's request log is the witness.
import { Board, type Project } from "../support/board.ts";
import { engine } from "../support/engine.ts";
import { expect, freshProject, test as base } from "../support/fixtures.ts";
import type { Message } from "../support/proxy.ts";
import { until } from "../support/until.ts";
import { again, cutAt, withWire, type Wire } from "../support/wire.ts";

const test = base.extend<{ project: Project }, { wire: Wire }>({
  wire: [async ({}, use) => {
    await withWire("crash", use);
  }, { scope: "worker", timeout: 180_000 }],

  project: async ({ wire }, use) => {
    wire.proxy.rule = () => "pass";
    await use(await freshProject(wire.board, "Crash", { local_path: wire.gateway.repository, work_loop_enabled: true }));
  },
});

/** The request that hands a ticket to an agent. */
const hands = (message: Message, ticket: () => string): boolean =>
  message.from === "server" && message.method === "agent" && JSON.stringify(message.params).includes(ticket());

/** The ticket ends in review, done once: one dispatch, one commit, one report. */
async function doneOnce(wire: Wire, ticket: string): Promise<void> {
  await wire.board.reaches(ticket, "in_review", 60);
  expect(wire.gateway.dispatches(ticket), "sent to an agent once").toEqual({ 1: 1 });
  expect(wire.gateway.commits(ticket)).toHaveLength(1);
  expect((await wire.board.comments(ticket)).filter((comment) => comment.type === "completion")).toHaveLength(1);
}

test("killed after the claim, before the dispatch: the claim is taken up and sent once", async ({ wire, project }) => {
  let ticket = "";
  const cut = cutAt(wire, (message) => hands(message, () => ticket));
  const task = await wire.board.createTask(project, "Count the wrens");
  ticket = task.id;
  await wire.board.move(ticket, "ready");
  await cut;
  await again(wire);
  const kept = await wire.board.task(ticket);
  expect(kept.status, "the claim was kept").toBe("in_progress");
  await doneOnce(wire, ticket);
});

test("killed after the dispatch, before it is recorded: the run is adopted", async ({ wire, project }) => {
  let ticket = "", request: string | undefined;
  const cut = cutAt(wire, (message) => {
    if (hands(message, () => ticket)) request = message.id;
    // The gateway has accepted; the server never hears it.
    return message.from === "gateway" && message.type === "res" && message.id === request && message.ok === true;
  });
  const task = await wire.board.createTask(project, "Count the siskins");
  ticket = task.id;
  await wire.board.move(ticket, "ready");
  await cut;
  // The agent works on without the server.
  await wire.gateway.atStep(ticket, 1);
  await again(wire);
  await doneOnce(wire, ticket);
});

test("killed in mid-run: nothing that was confirmed is lost, and the run goes on", async ({ wire, project }) => {
  const task = await wire.board.createTask(project, "Count the finches", { status: "ready" });
  await wire.gateway.atStep(task.id, 1);

  // Writes go on until the kill; each that was confirmed must still be there afterwards.
  const confirmed: string[] = [];
  let writing = true;
  const writers = [1, 2, 3].map(async (writer) => {
    for (let n = 1; writing; n++) {
      const content = `note ${writer}.${n}`;
      const kept = await wire.board.call("POST", `/tasks/${task.id}/comments`, { content, author: "ada", author_type: "human" }).then(() => true, () => false);
      if (!kept) return;
      confirmed.push(content);
    }
  });
  await until("some writes are confirmed", () => confirmed.length > 30);
  wire.board.cut();
  await wire.board.ended;
  writing = false;
  await Promise.all(writers);

  await again(wire);
  const found = new Set((await wire.board.comments(task.id)).map((comment) => comment.content));
  expect(confirmed.filter((content) => !found.has(content)), "confirmed and lost").toEqual([]);
  console.log(`measured: ${confirmed.length} confirmed writes survived SIGKILL`);
  await doneOnce(wire, task.id);
});

test("the answer that a run has ended is lost: the server finds out by asking", async ({ wire, project }) => {
  let ticket = "", request: string | undefined, answers = 0, lost = 0, waited = 0;
  wire.proxy.rule = (message) => {
    if (hands(message, () => ticket)) request = message.id;
    if (message.from === "server" && message.method === "agent.wait") waited += 1;
    if (message.from === "gateway" && message.type === "res" && message.id === request) {
      answers += 1;
      if (answers === 2) {
        lost += 1;
        return "drop";
      }
    }
    // Nor is there an event that says so.
    if (message.from === "gateway" && message.event === "agent" && ends(message)) return "drop";
    return "pass";
  };
  const task = await wire.board.createTask(project, "Forget the owls, count the wagtails");
  ticket = task.id;
  await wire.board.move(ticket, "ready");
  const ended = await wire.board.reaches(ticket, "blocked", 60);
  expect(ended.status).toBe("blocked");
  expect(lost, "the second answer came and was dropped").toBe(1);
  expect(waited).toBeGreaterThan(0);
  expect(wire.gateway.dispatches(ticket)).toEqual({ 1: 1 });
});

function ends(message: Message): boolean {
  const payload = message.payload as { stream?: string; data?: { phase?: string } } | undefined;
  return payload?.stream === "lifecycle" && payload.data?.phase === "end";
}

test("a second server on the same data folder is refused in words", async ({ wire }) => {
  test.skip(engine === "convex", "several servers may share a Convex deployment");
  const second = new Board(wire.board.folder, { url: wire.gateway.url, token: "x" });
  await expect(second.start()).rejects.toThrow(/another|already|in use|second/i);
});
