// An agent's day by the Model Context Protocol: with the official clients of both ages, by HTTP and by standard input and
// output, and with no gateway anywhere. CLUTCH_BIN and LEPTOS_SITE_ROOT name the program and its site.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as OldHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Client as NewClient, StreamableHTTPClientTransport as NewHttp } from "@modelcontextprotocol/client";
import { StdioClientTransport as NewStdio } from "@modelcontextprotocol/client/stdio";

const bin = process.env.CLUTCH_BIN ?? assert.fail("CLUTCH_BIN names the program");
const DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

let folder, server, url;

/** Calls the board as a program does. */
async function api(method, target, body) {
  const answer = await fetch(url + target, { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) });
  const told = await answer.json();
  assert.ok(answer.ok, `${method} ${target}: ${JSON.stringify(told)}`);
  return told;
}

/** Resolves once the condition holds; the test's own time-out ends it. */
async function until(look) {
  for (;;) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "openclutch-mcp-"));
  const address = path.join(folder, "address");
  server = spawn(bin, ["serve", "--host", "127.0.0.1", "--port", "0", "--ready-file", address], {
    cwd: folder, stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env.PATH, HOME: folder, CLUTCH_DATA_DIR: path.join(folder, "data"), OPENCLAW_WS_URL: "ws://127.0.0.1:9",
      LEPTOS_SITE_ROOT: process.env.LEPTOS_SITE_ROOT, LEPTOS_HASH_FILES: "true",
    },
  });
  url = await until(() => fs.existsSync(address) && fs.readFileSync(address, "utf8").trim());
  await api("POST", "/api/v1/projects", { name: "Site" });
});

after(async () => {
  const ended = new Promise((resolve) => server.on("exit", resolve));
  server.kill("SIGTERM");
  assert.equal(await ended, 0, "the server goes when it is asked to, whoever is connected");
  fs.rmSync(folder, { recursive: true, force: true });
});

const http = (Transport) => () => new Transport(new URL("/mcp", url));
const stdio = (Transport) => () => new Transport({ command: bin, args: ["mcp"], env: { PATH: process.env.PATH, CLUTCH_URL: url } });
const old = () => new OldClient({ name: "old-agent", version: "1" });
const fresh = () => new NewClient({ name: "new-agent", version: "1" }, { versionNegotiation: { mode: { pin: "2026-07-28" } } });

describe("an MCP client alone takes a ticket to In Review", { timeout: 60_000 }, () => {
  for (const [name, client, transport] of [
    ["2025-11-25 by HTTP, with a session", old, http(OldHttp)],
    ["2025-11-25 by stdio", old, stdio(OldStdio)],
    ["2026-07-28 by HTTP, without a session", fresh, http(NewHttp)],
    ["2026-07-28 by stdio", fresh, stdio(NewStdio)],
  ]) {
    it(name, async () => {
      const ticket = await api("POST", "/api/v1/projects/site/tasks", { title: `Paint (${name})`, status: "ready", description: "The door." });
      const agent = client();
      await agent.connect(transport());
      const tool = async (of, args) => {
        const result = await agent.callTool({ name: of, arguments: args });
        assert.ok(!result.isError, `${of}: ${JSON.stringify(result.content)}`);
        return result.structuredContent;
      };

      const tools = (await agent.listTools()).tools.map((one) => one.name);
      for (const needed of ["claim_task", "read_task", "comment", "signal", "get_signal", "heartbeat", "attach_picture", "complete_task", "create_task", "split_task", "search_tasks"]) {
        assert.ok(tools.includes(needed), `${needed} is among ${tools}`);
      }
      assert.ok((await agent.listPrompts()).prompts.some((prompt) => prompt.name === "dev"));
      assert.match((await agent.getPrompt({ name: "dev", arguments: { project: "site" } })).messages[0].content.text, /claim_task/);
      assert.ok((await agent.listResources()).resources.some((board) => board.uri === "openclutch://projects/site"));
      const read = await agent.readResource({ uri: `openclutch://tasks/${ticket.name}` });
      assert.equal(JSON.parse(read.contents[0].text).task.id, ticket.id);

      const { claim } = await tool("claim_task", { project: "site", role: "dev" });
      assert.equal(claim.task.id, ticket.id);
      assert.match(claim.prompt, /The door\./);
      const run = claim.run.id;
      assert.equal((await api("GET", `/api/v1/tasks/${ticket.name}`)).status, "in_progress");
      await tool("comment", { task: ticket.name, content: "I begin." });
      assert.equal((await tool("heartbeat", { run })).held_by, claim.agent);

      // It asks and waits; a person answers meanwhile.
      const asking = tool("signal", { task: ticket.name, run, kind: "question", message: "Which colour?", options: ["Red", "Blue"], wait_seconds: 30 });
      const asked = await until(async () => (await api("GET", "/api/v1/signals")).items.find((one) => one.task_id === ticket.id));
      assert.deepEqual(asked.options, ["Red", "Blue"]);
      await api("POST", `/api/v1/signals/${asked.id}/answer`, { response: "Blue" });
      assert.equal((await asking).response, "Blue");
      assert.equal((await tool("get_signal", { signal: asked.id })).waits, false);

      const part = await tool("create_task", { project: "site", title: `Sand (${name})` });
      await tool("split_task", { task: part.name, subtasks: [{ title: "Fine" }, { title: "Coarse" }] });
      const found = await tool("search_tasks", { project: "site", query: "coarse" });
      assert.ok(found.items.length >= 1);
      // They are for others.
      for (const { name: other } of (await tool("search_tasks", { project: "site", status: "ready" })).items) {
        await api("POST", `/api/v1/tasks/${other}/move`, { to: "backlog" });
      }
      await tool("attach_picture", { task: ticket.name, content: DOT, caption: "So it looks." });
      const done = await tool("complete_task", { task: ticket.name, run, summary: "Painted blue." });
      assert.equal(done.status, "in_review");

      const context = await tool("read_task", { task: ticket.name });
      assert.deepEqual(context.comments.map((one) => one.kind), ["message", "message", "completion"]);
      assert.deepEqual(context.comments.map((one) => one.by.kind), ["program", "program", "agent"]);
      const nothing = await tool("claim_task", { project: "site" });
      assert.equal(nothing.claim, null);
      assert.match(nothing.why, /No task/);
      const refused = await agent.callTool({ name: "heartbeat", arguments: { run } });
      assert.ok(refused.isError && /run_ended/.test(refused.content[0].text));
      await agent.close();
    });
  }

  it("says what to do where no board answers", async () => {
    const agent = old();
    await agent.connect(new OldStdio({ command: bin, args: ["mcp", "--url", "http://127.0.0.1:9"], env: { PATH: process.env.PATH } }));
    const told = await agent.callTool({ name: "list_projects", arguments: {} });
    assert.ok(told.isError);
    assert.match(told.content[0].text, /http:\/\/127\.0\.0\.1:9\/ does not answer.*CLUTCH_URL/);
    await agent.close();
  });
});
