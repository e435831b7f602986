// The plugin in real gateways, the newest that we know and the oldest that we support: a model calls
// its tools in a turn, and a recorder stands in for the board.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { textOf } from "../../../end2end/gateway/client.mjs";
import { gateway, puppetModel } from "./gateway.mjs";
import { recorder } from "./recorder.mjs";

const TASK = "5f0c7d7e-3a54-4b35-9a0e-1f4f3c1d2b6a";
const VERSIONS = [
  { version: "2026.9.6", namesRuns: true },
  { version: "2026.2.17", namesRuns: false },
];

for (const { version, namesRuns } of VERSIONS) {
  describe(`gateway ${version}`, { timeout: 240_000 }, () => {
    let board, model, host, refuse = 0;
    const message = { id: "m1", author: "dan", delivery_status: "sent" };

    before(async () => {
      board = await recorder((request) => {
        if (refuse > 0) { refuse--; return { status: 503, body: { error: "The board is starting." } }; }
        if (request.path === "/api/signal") return { status: 201, body: { signalId: "s1", blocking: request.body.kind === "question", signal: {} } };
        if (request.path.endsWith("/complete")) return { body: { success: true, task: { id: TASK, status: "in_review" }, comment: {} } };
        if (request.path.endsWith("/messages?limit=100")) return { body: { messages: [message], hasMore: false, cursor: null } };
        if (request.path.endsWith("/m1/status")) Object.assign(message, request.body);
        if (request.path.endsWith("/messages")) return { status: 201, body: { message: { id: "m2" } } };
        return { body: { ok: true } };
      });
      model = await puppetModel();
      host = await gateway({ version, boardUrl: board.url, modelUrl: model.url });
    });

    after(async () => { await host?.stop(); model?.close(); await board?.close(); });

    /** One turn of a work session in which the model says `replies`; the requests that the board got. */
    async function turn(attempt, replies) {
      const first = board.requests.length;
      model.replies.push(...replies);
      const run = await host.client.run("agent", { message: "Do the work.", sessionKey: `feeder:dev:5f0c7d7e:r${attempt}` });
      return { ...run, requests: board.requests.slice(first) };
    }

    test("the log names no trouble with the plugin", () => {
      const trouble = host.log().split("\n").filter((line) => /clutch|signal|mark_complete/.test(line) && /error|fail|invalid|not found|unknown|ignored|missing/i.test(line));
      assert.deepEqual(trouble, []);
    });

    test("the model is offered both tools with the contract's parameters", async () => {
      await turn(1, [{ text: "Hello." }]);
      const tools = Object.fromEntries(model.requests.at(-1).tools.map(({ function: tool }) => [tool.name, tool.parameters]));
      assert.deepEqual(Object.keys(tools.signal.properties), ["taskId", "kind", "message", "severity"]);
      assert.deepEqual(tools.signal.properties.kind.enum, ["question", "blocker", "alert", "fyi"]);
      assert.deepEqual(tools.signal.properties.severity.enum, ["normal", "urgent", "critical"]);
      assert.deepEqual(tools.signal.required, ["taskId", "kind", "message"]);
      assert.deepEqual(Object.keys(tools.mark_complete.properties), ["taskId", "summary", "prUrl", "notes"]);
      assert.deepEqual(tools.mark_complete.required, ["taskId", "summary"]);
    });

    test("a signal reaches the board with session and run, and its guidance reaches the model", async () => {
      const { runId, end, requests } = await turn(2, [
        { tool: "signal", args: { taskId: TASK, kind: "question", message: "Which bird?" } }, { text: "I wait for the answer." },
      ]);
      assert.equal(end.state, "final");
      assert.equal(textOf(end.message), "I wait for the answer.");
      assert.equal(requests.length, 1);
      assert.deepEqual(requests[0].body, {
        taskId: TASK, kind: "question", message: "Which bird?", severity: "normal",
        agentId: "main", sessionKey: "agent:main:feeder:dev:5f0c7d7e:r2", ...(namesRuns ? { run_id: runId } : {}),
      });
      const result = model.requests.at(-1).messages.findLast((message) => message.role === "tool");
      assert.match(JSON.stringify(result.content), /answer comes as a message in this session/);
    });

    test("mark_complete is repeated after a 503 under one key", async () => {
      refuse = 2;
      const { runId, requests } = await turn(3, [{ tool: "mark_complete", args: { taskId: TASK, summary: "Added wrens." } }, { text: "Done." }]);
      assert.equal(requests.length, 3);
      assert.equal(new Set(requests.map((request) => request.headers["idempotency-key"])).size, 1);
      assert.equal(requests[2].path, `/api/tasks/${TASK}/complete`);
      assert.deepEqual(requests[2].body, {
        summary: "Added wrens.", agent: "main", sessionKey: "agent:main:feeder:dev:5f0c7d7e:r3", ...(namesRuns ? { run_id: runId } : {}),
      });
      assert.match(JSON.stringify(model.requests.at(-1).messages.at(-1).content) + JSON.stringify(model.requests.at(-1).messages), /now in review/);
    });

    test("a chat message goes through its states, its answer is not posted", async () => {
      const first = board.requests.length;
      model.replies.push({ text: "Two robins." });
      const { end } = await host.client.run("chat.send", { message: "Who came today?", sessionKey: "clutch:feeder:c-1" });
      assert.equal(textOf(end.message), "Two robins.");
      await until(() => board.requests.slice(first).some((request) => request.path.endsWith("/typing") && request.body.typing === false));
      const said = board.requests.slice(first);
      const statuses = said.filter((request) => request.method === "PATCH").map((request) => request.body.delivery_status);
      assert.equal(statuses[0], "delivered");
      assert.equal(statuses.at(-1), "responded");
      assert.deepEqual(said.filter((request) => request.path.endsWith("/messages")), []);
    });

    test("what the gateway sends to the channel becomes a message", async () => {
      const first = board.requests.length;
      await host.client.call("send", { channel: "clutch", to: "c-1", message: "A robin came.", idempotencyKey: `send-${version}` });
      const [request] = board.requests.slice(first).filter(({ path }) => path.endsWith("/messages"));
      assert.equal(request.path, "/api/chats/c-1/messages");
      assert.deepEqual(request.body, { author: "ada", content: "A robin came.", is_automated: false });
    });
  });
}

/** Waits for a condition that other processes make true; fails after ten seconds. */
async function until(condition) {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not within ten seconds: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
