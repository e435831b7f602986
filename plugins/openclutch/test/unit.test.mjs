// The plugin's parts against a recorder, without a gateway.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import plugin from "../index.ts";
import { Board } from "../src/board.ts";
import { chatOf, chatOfTarget } from "../src/chats.ts";
import { clutchChannel } from "../src/channel.ts";
import { Delivery, outcome } from "../src/delivery.ts";
import { CallRuns } from "../src/runs.ts";
import { readSettings } from "../src/settings.ts";
import { markCompleteTool, signalTool } from "../src/tools.ts";
import { recorder } from "./recorder.mjs";

const TASK = "5f0c7d7e-3a54-4b35-9a0e-1f4f3c1d2b6a";
const CONTEXT = { sessionKey: "agent:main:feeder:dev:5f0c7d7e:r1", agentId: "main" };
const QUICK = { pausesMs: [1, 1], timeoutMs: 2_000 };
const boardAt = (server, more = {}) => new Board({ url: server.url, token: undefined }, { ...QUICK, ...more });

/** Runs a test with a recorder that is closed whatever happens. */
const withRecorder = (name, answer, body) => test(name, async () => {
  const server = await recorder(answer);
  try { await body(server); } finally { await server.close(); }
});

test("the address comes from the plugin's setting, the gateway's env, CLUTCH_URL, CLUTCH_API_URL, then port 3002", () => {
  const url = (pluginConfig, env, environment) => readSettings({ pluginConfig, config: { env } }, environment).url;
  const all = { CLUTCH_URL: "http://c", CLUTCH_API_URL: "http://d" };
  assert.equal(url({ url: "http://a/" }, { CLUTCH_URL: "http://b" }, all), "http://a");
  assert.equal(url({}, { CLUTCH_URL: "http://b" }, all), "http://b");
  assert.equal(url({}, { vars: { CLUTCH_URL: "http://bv" } }, all), "http://bv");
  assert.equal(url({ url: "  " }, undefined, all), "http://c");
  assert.equal(url(undefined, undefined, { CLUTCH_API_URL: "http://d" }), "http://d");
  assert.equal(readSettings({}, {}).url, "http://localhost:3002");
});

test("the token comes from the plugin's setting, then CLUTCH_TOKEN", () => {
  assert.equal(readSettings({ pluginConfig: { token: "t1" } }, { CLUTCH_TOKEN: "t2" }).token, "t1");
  assert.equal(readSettings({}, { CLUTCH_TOKEN: "t2" }).token, "t2");
  assert.equal(readSettings({}, {}).token, undefined);
});

test("a chat is recognised with and without the gateway's prefix, a work session is not", () => {
  assert.equal(chatOf("clutch:feeder:abc-1"), "abc-1");
  assert.equal(chatOf("agent:main:clutch:feeder:abc-1"), "abc-1");
  assert.equal(chatOf("agent:main:feeder:dev:5f0c7d7e:r1"), undefined);
  assert.equal(chatOf("agent:main:main"), undefined);
  assert.equal(chatOf(undefined), undefined);
  assert.equal(chatOfTarget("agent:main:clutch:feeder:abc-1"), "abc-1");
  assert.equal(chatOfTarget("clutch:abc-1"), "abc-1");
  assert.equal(chatOfTarget("abc-1"), "abc-1");
});

withRecorder("signal posts exactly the contract's fields, the session and the run",
  () => ({ status: 201, body: { signalId: "s1", blocking: true, signal: {} } }),
  async (server) => {
    const runs = new CallRuns();
    runs.heard({ toolCallId: "call_0", runId: "run-7" }, { sessionKey: CONTEXT.sessionKey.toUpperCase() });
    const tool = signalTool(boardAt(server), runs, CONTEXT);
    const { details, content } = await tool.execute("call_0", { taskId: TASK, kind: "question", message: "Which bird?" });
    const [request] = server.requests;
    assert.equal(`${request.method} ${request.path}`, "POST /api/signal");
    assert.deepEqual(request.body, {
      taskId: TASK, kind: "question", message: "Which bird?", severity: "normal",
      agentId: "main", sessionKey: CONTEXT.sessionKey, run_id: "run-7",
    });
    assert.match(details._guidance, /answer comes as a message in this session/);
    assert.deepEqual(JSON.parse(content[0].text), details);
  });

withRecorder("an fyi tells the agent to go on; a severity is passed on",
  () => ({ status: 201, body: { signalId: "s1", blocking: false } }),
  async (server) => {
    const tool = signalTool(boardAt(server), new CallRuns(), {});
    const { details } = await tool.execute("c", { taskId: TASK, kind: "fyi", message: "Done soon.", severity: "urgent" });
    assert.match(details._guidance, /go on/);
    assert.equal(server.requests[0].body.severity, "urgent");
    assert.equal(server.requests[0].body.agentId, "unknown");
    assert.equal("run_id" in server.requests[0].body, false);
  });

withRecorder("mark_complete posts the report to its ticket and names the status that the board gives",
  () => ({ body: { success: true, task: { id: TASK, status: "in_review" }, comment: {} } }),
  async (server) => {
    const tool = markCompleteTool(boardAt(server), new CallRuns(), { ...CONTEXT, runId: "run-9" });
    const { details } = await tool.execute("c", { taskId: TASK, summary: "Added wrens.", prUrl: "https://x.example/pull/3" });
    const [request] = server.requests;
    assert.equal(`${request.method} ${request.path}`, `POST /api/tasks/${TASK}/complete`);
    assert.deepEqual(request.body, {
      summary: "Added wrens.", prUrl: "https://x.example/pull/3", agent: "main", sessionKey: CONTEXT.sessionKey, run_id: "run-9",
    });
    assert.deepEqual(details, { success: true, status: "in_review", message: "The ticket is now in review. Your work on it is finished." });
  });

withRecorder("a ticket id cannot leave its place in the address",
  () => ({ status: 404, body: { error: "Task not found" } }),
  async (server) => {
    const tool = markCompleteTool(boardAt(server), new CallRuns(), CONTEXT);
    await tool.execute("c", { taskId: "../settings?x=", summary: "s" });
    assert.equal(server.requests[0].path, "/api/tasks/..%2Fsettings%3Fx%3D/complete");
  });

withRecorder("a refusal reaches the agent as the board said it, without a repeat",
  () => ({ status: 404, body: { error: "Task not found", code: "task_unknown" } }),
  async (server) => {
    const { details } = await signalTool(boardAt(server), new CallRuns(), CONTEXT).execute("c", { taskId: "x", kind: "fyi", message: "m" });
    assert.deepEqual(details, { error: "Task not found" });
    assert.equal(server.requests.length, 1);
  });

for (const [what, bad] of [["503", { status: 503 }], ["429", { status: 429 }], ["a cut connection", { drop: true }]]) {
  withRecorder(`after ${what} the call is repeated twice with the same key`,
    (_request, all) => (all.length < 3 ? bad : { status: 201, body: { blocking: false } }),
    async (server) => {
      const { details } = await signalTool(boardAt(server), new CallRuns(), CONTEXT).execute("c", { taskId: TASK, kind: "fyi", message: "m" });
      assert.equal(details.blocking, false);
      const keys = server.requests.map((request) => request.headers["idempotency-key"]);
      assert.equal(keys.length, 3);
      assert.equal(new Set(keys).size, 1);
      assert.ok(keys[0]);
    });
}

withRecorder("after the third 503 the agent is told; two calls have different keys",
  () => ({ status: 503, body: { error: "The board is starting." } }),
  async (server) => {
    const tool = signalTool(boardAt(server), new CallRuns(), CONTEXT);
    const { details } = await tool.execute("c", { taskId: TASK, kind: "fyi", message: "m" });
    assert.deepEqual(details, { error: "The board is starting." });
    await tool.execute("c", { taskId: TASK, kind: "fyi", message: "m" });
    assert.equal(server.requests.length, 6);
    assert.equal(new Set(server.requests.map((request) => request.headers["idempotency-key"])).size, 2);
  });

withRecorder("a board that keeps silent runs into the time-out of each attempt",
  () => ({ silent: true }),
  async (server) => {
    const tool = signalTool(boardAt(server, { timeoutMs: 50 }), new CallRuns(), CONTEXT);
    const { details } = await tool.execute("c", { taskId: TASK, kind: "fyi", message: "m" });
    assert.match(details.error, /^The signal was not sent: the board at http:\/\/127\.0\.0\.1:\d+ does not answer/);
    assert.equal(server.requests.length, 3);
  });

test("where nothing listens the agent gets a sentence with the address", async () => {
  const server = await recorder();
  await server.close();
  const { details } = await markCompleteTool(boardAt(server), new CallRuns(), CONTEXT).execute("c", { taskId: TASK, summary: "s" });
  assert.match(details.error, /^The report was not sent: the board at http:\/\/127\.0\.0\.1:\d+ does not answer \(ECONNREFUSED\)/);
});

withRecorder("a stopped run stops the repeats",
  () => ({ status: 503 }),
  async (server) => {
    const stop = new AbortController();
    const board = boardAt(server, { pausesMs: [60_000, 60_000] });
    const call = board.call("POST", "/x", {}, stop.signal);
    while (server.requests.length === 0) await new Promise(setImmediate);
    stop.abort();
    await assert.rejects(call, /the call was stopped/);
    assert.equal(server.requests.length, 1);
  });

withRecorder("a token goes along as bearer", () => undefined, async (server) => {
  await new Board({ url: server.url, token: "secret" }, QUICK).call("GET", "/api/x");
  assert.equal(server.requests[0].headers.authorization, "Bearer secret");
  await boardAt(server).call("GET", "/api/x");
  assert.equal("authorization" in server.requests[1].headers, false);
});

withRecorder("the channel posts text, media and typing, and takes 409 for delivered",
  (request) => (request.path.endsWith("/messages") ? (request.body.content === "again" ? { status: 409, body: { error: "Message already exists" } } : { status: 201, body: { message: { id: "m1" } } }) : { body: { ok: true } }),
  async (server) => {
    const { outbound } = clutchChannel(boardAt(server));
    assert.deepEqual(await outbound.sendText({ to: "agent:main:clutch:feeder:c-1", text: "Hello" }), { channel: "clutch", ok: true, messageId: "m1" });
    assert.equal((await outbound.sendText({ to: "c-1", text: "again" })).ok, true);
    await outbound.sendMedia({ to: "c-1", mediaUrl: "https://x.example/a.png" });
    await outbound.sendTypingIndicator({ to: "c-1", isTyping: true });
    await outbound.sendTypingIndicator({ to: "c-1", isTyping: false });
    assert.deepEqual(server.requests.map((request) => [request.path, request.body]), [
      ["/api/chats/c-1/messages", { author: "ada", content: "Hello", is_automated: false }],
      ["/api/chats/c-1/messages", { author: "ada", content: "again", is_automated: false }],
      ["/api/chats/c-1/messages", { author: "ada", content: "📎 Attachment\n\n📎 https://x.example/a.png", is_automated: false }],
      ["/api/chats/c-1/typing", { typing: true, author: "ada", state: "typing" }],
      ["/api/chats/c-1/typing", { typing: false, author: "ada" }],
    ]);
  });

withRecorder("a message that the board refuses is an error for the gateway",
  () => ({ status: 404, body: { error: "Chat not found" } }),
  async (server) => {
    await assert.rejects(clutchChannel(boardAt(server)).outbound.sendText({ to: "c-1", text: "x" }), /did not take the message: Chat not found/);
  });

test("the channel's account stays running until it is told to stop", async () => {
  const stop = new AbortController();
  const statuses = [];
  let ended = false;
  const account = clutchChannel(new Board({ url: "http://127.0.0.1:1", token: undefined })).gateway
    .startAccount({ abortSignal: stop.signal, setStatus: (status) => statuses.push(status) }).then(() => { ended = true; });
  await new Promise(setImmediate);
  assert.equal(ended, false);
  assert.deepEqual(statuses, [{ accountId: "default", running: true, connected: true }]);
  stop.abort();
  await account;
});

/** A board with one chat `c-1`; its messages are `{id, author, delivery_status}`. */
function chatBoard(messages) {
  return (request) => {
    if (request.path.endsWith("/messages?limit=100")) return { body: { messages, hasMore: false, cursor: null } };
    const [, id, what] = /messages\/([^/]+)\/(status|retry)$/.exec(request.path) ?? [];
    const message = messages.find((one) => one.id === id);
    if (what === "status") Object.assign(message, request.body);
    if (what === "retry") { message.delivery_status = "sent"; delete message.cooldown_until; }
    return { body: { ok: true } };
  };
}
const silentLog = { info() {}, warn() {} };
const CHAT = { sessionKey: "agent:main:clutch:feeder:c-1" };

const person = (id, delivery_status = "sent") => ({ id, author: "dan", delivery_status });
const messages = [person("m1"), { id: "a1", author: "ada" }, person("m2")];
withRecorder("a chat message is delivered, processing and responded, in this order, and typing follows", chatBoard(messages), async (server) => {
  const delivery = new Delivery(boardAt(server), silentLog);
  const states = () => messages.map((message) => message.delivery_status);
  delivery.received({}, { conversationId: CHAT.sessionKey });
  delivery.started(CHAT);
  await delivery.settled();
  assert.deepEqual(states(), ["processing", undefined, "delivered"]);
  delivery.ended({ success: true }, CHAT);
  delivery.started(CHAT);
  delivery.ended({ success: false, error: "429 Too Many Requests: wait 2 minutes" }, CHAT);
  await delivery.settled();
  assert.deepEqual(states(), ["responded", undefined, "sent"]);
  const typing = server.requests.filter((request) => request.path.endsWith("/typing")).map((request) => request.body.typing);
  assert.deepEqual(typing, [true, false, true, false]);
  assert.equal(server.requests.filter((request) => request.method === "GET").length, 5, "one question for each report");
});

const cooled = [person("m1"), person("m2")];
withRecorder("a message that waits for its model comes back after the pause, if nobody has written since", chatBoard(cooled), async (server) => {
  const timers = [];
  const delivery = new Delivery(boardAt(server), silentLog, (work, ms) => timers.push([work, ms]));
  const retries = () => server.requests.filter((request) => request.path.endsWith("/retry")).map((request) => request.path);
  for (const end of [{ success: false, error: "provider in cooldown" }, { success: false, error: "rate limit, retry in 30 seconds" }]) {
    delivery.started(CHAT);
    delivery.ended(end, CHAT);
    await delivery.settled();
    // Both runs work on the first: it is the oldest that is delivered.
    assert.ok(cooled[0].cooldown_until > Date.now(), "it says until when it waits");
  }
  assert.deepEqual(timers.map(([, ms]) => Math.round(ms / 1_000)), [60, 30]);
  for (const [work] of timers) work();
  await delivery.settled();
  assert.deepEqual(retries(), [], "somebody has written since");
  cooled.pop();
  timers[0][0]();
  await delivery.settled();
  assert.deepEqual(retries(), ["/api/chats/c-1/messages/m1/retry"]);
  assert.equal(cooled[0].cooldown_until, undefined);
});

withRecorder("sessions that are no chats of the board cause no call", () => undefined, async (server) => {
  const delivery = new Delivery(boardAt(server), silentLog);
  delivery.received({ sessionKey: "agent:main:main" }, {});
  delivery.started(CONTEXT);
  delivery.ended({ success: true }, CONTEXT);
  await delivery.settled();
  assert.equal(server.requests.length, 0);
});

withRecorder("trouble with the board is logged, never thrown into the gateway", () => ({ status: 404, body: { error: "Chat not found" } }), async (server) => {
  const warned = [];
  const delivery = new Delivery(boardAt(server), { info() {}, warn: (line) => warned.push(line) });
  delivery.received({}, CHAT);
  await delivery.settled();
  assert.deepEqual(warned, ["openclutch: chat c-1: Chat not found"]);
});

test("the end of a run decides what its message becomes", () => {
  assert.deepEqual(outcome({ success: true }, 1000), { delivery_status: "responded" });
  assert.deepEqual(outcome({ success: false, error: "no credit" }, 1000), { delivery_status: "failed", failure_reason: "no credit" });
  assert.deepEqual(outcome({ success: false }, 1000), { delivery_status: "failed", failure_reason: "The run ended without an answer." });
  const wait = { delivery_status: "sent", failure_reason: "waiting for model availability" };
  assert.deepEqual(outcome({ success: false, error: "provider in cooldown" }, 1000), { ...wait, cooldown_until: 61_000 });
  assert.deepEqual(outcome({ success: false, error: "rate limit, retry in 30 seconds" }, 1000), { ...wait, cooldown_until: 31_000 });
  assert.deepEqual(outcome({ success: false, error: "too many requests: 1 hour" }, 1000), { ...wait, cooldown_until: 3_601_000 });
  assert.deepEqual(outcome({ success: false, error: "cooldown: 99999999 hours" }, 1000), { ...wait, cooldown_until: 86_401_000 });
});

test("calls are remembered with their run, the oldest are forgotten", () => {
  const runs = new CallRuns();
  for (let call = 0; call < 300; call++) runs.heard({ toolCallId: `call_${call}`, runId: `run-${call}` }, { sessionKey: "k" });
  runs.heard({ toolCallId: "old gateway" }, { sessionKey: "k" });
  assert.equal(runs.of("k", "call_299"), "run-299");
  assert.equal(runs.of("k", "call_0"), undefined);
  assert.equal(runs.of("other", "call_299"), undefined);
  assert.equal(runs.of("k", "old gateway"), undefined);
});

test("registering twice starts nothing, and names the tools and channel of the manifest", () => {
  const seen = { tools: new Set(), hooks: new Set(), channels: new Set() };
  const timers = process.getActiveResourcesInfo().length;
  const api = {
    config: {}, pluginConfig: {}, logger: silentLog,
    registerTool: (factory, options) => { const tool = factory(CONTEXT); assert.equal(tool.name, options.name); seen.tools.add(tool.name); },
    registerChannel: ({ plugin: channel }) => seen.channels.add(channel.id),
    on: (hook) => seen.hooks.add(hook),
  };
  plugin.register(api);
  plugin.register(api);
  assert.equal(process.getActiveResourcesInfo().length, timers);
  const manifest = JSON.parse(fs.readFileSync(new URL("../openclaw.plugin.json", import.meta.url), "utf8"));
  assert.equal(plugin.id, manifest.id);
  assert.deepEqual([...seen.tools], manifest.contracts.tools);
  assert.deepEqual([...seen.channels], manifest.channels);
  assert.equal(seen.hooks.has("before_agent_finalize"), false);
});
