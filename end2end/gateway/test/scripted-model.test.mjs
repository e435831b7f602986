// The scripted parts in a real gateway: prompt, tools, commit and reports are all real.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { after, before, describe, test } from "node:test";
import { textOf } from "../client.mjs";
import { prompt, scene as startScene, until } from "./harness.mjs";

for (const version of ["2026.9.6", "2026.2.17"]) {
  describe(`scripted model in gateway ${version}`, { timeout: 300_000 }, () => {
    let scene;
    before(async () => { scene = await startScene({ version }); });
    after(() => scene?.stop());

    const key = (ticket, attempt = 1) => `feeder:dev:${ticket.slice(0, 8)}:r${attempt}`;
    const work = (ticket, title, attempt = 1) => scene.client.run("agent", { message: prompt(scene, ticket, title, attempt), sessionKey: key(ticket, attempt) });
    const names = (ticket) => scene.asked(ticket).map((line) => line.name);

    test("a ticket is read, built, committed, commented and completed with the agent's own tools", async () => {
      const ticket = crypto.randomUUID();
      const before = scene.git("rev-list", "--count", "HEAD");
      const { runId, end } = await work(ticket, "Count the nuthatch's visits");
      assert.match(textOf(end.message), /Done: src\/\w+-[0-9a-f]{8}\.js is committed/);
      assert.deepEqual(names(ticket), ["read", "look", "comment", "write", "check", "commit", "report", "complete", "done"]);
      assert.deepEqual(scene.asked(ticket).map((line) => line.step), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
      assert.equal(Number(scene.git("rev-list", "--count", "HEAD")), Number(before) + 1);
      assert.equal(scene.git("log", "-1", "--format=%s|%b").trim(), `Count the nuthatch's visits|Ticket: ${ticket}`);
      assert.equal(scene.git("status", "--short"), "");
      const comments = scene.reports("/comments", ticket);
      assert.deepEqual(comments.map((request) => request.path.split("?")[1]), Array(2).fill("author=dev%20agent&author_type=agent"));
      assert.match(comments[0].text, /^I have read the code\. I will add `src\/[^`]+`/);
      const [report] = scene.reports("/complete", ticket);
      assert.equal(report.body.sessionKey, `agent:main:${key(ticket)}`);
      if (version === "2026.9.6") assert.equal(report.body.run_id, runId);
    });

    test("'ask' signals a question, waits, and goes on with the answer", async () => {
      const ticket = crypto.randomUUID();
      const asked = await work(ticket, "Ask which bird comes first");
      assert.match(textOf(asked.end.message), /wait for the answer/);
      const [signal] = scene.reports("/api/signal", ticket);
      assert.equal(signal.body.kind, "question");
      assert.equal(scene.reports("/complete", ticket).length, 0);
      const { end } = await scene.client.run("chat.send", {
        sessionKey: signal.body.sessionKey,
        message: `[Question Response from Human]\n\nOriginal question:\n${signal.body.message}\n\nResponse:\nThe "wren", it's shy`,
      });
      assert.match(textOf(end.message), /Done: /);
      assert.equal(scene.reports("/api/signal", ticket).length, 1);
      const [report] = scene.reports("/complete", ticket);
      assert.match(report.body.summary, /As you answered: "The "wren", it's shy"/);
      assert.match(scene.git("show", "HEAD"), /As answered: The "wren", it's shy/);
    });

    test("'ask' does not ask again what the prompt answers", async () => {
      const ticket = crypto.randomUUID();
      const comments = "(no comments)\n\nAnswered before:\n- Question: Which bird?\n  Answer: The robin\n";
      const { end } = await scene.client.run("agent", { message: prompt(scene, ticket, "Ask once", 2, comments), sessionKey: key(ticket, 2) });
      assert.match(textOf(end.message), /Done: /);
      assert.equal(scene.reports("/api/signal", ticket).length, 0);
      assert.match(scene.reports("/complete", ticket)[0].body.summary, /As you answered: "The robin"/);
    });

    test("'fail' fails on the first attempt and works on the second", async () => {
      const ticket = crypto.randomUUID();
      const first = await work(ticket, "Fail, then do better");
      assert.equal(first.end.state, "error");
      assert.equal(scene.reports("/complete", ticket).length, 0);
      const second = await work(ticket, "Fail, then do better", 2);
      assert.match(textOf(second.end.message), /Done: /);
      assert.deepEqual(scene.asked(ticket).filter((line) => line.step === 0).map((line) => line.attempt), [1, 2]);
    });

    test("'forget' ends without a report", async () => {
      const ticket = crypto.randomUUID();
      const { end } = await work(ticket, "Forget to say anything");
      assert.equal(end.state, "final");
      assert.equal(scene.board.requests.filter((request) => JSON.stringify([request.path, request.body]).includes(ticket)).length, 0);
    });

    test("'slow' shows two minutes of work, shortened here by the pace", async () => {
      const ticket = crypto.randomUUID();
      await work(ticket, "A slow count");
      assert.equal(names(ticket).filter((name) => name === "watch").length, 24);
      assert.equal(scene.reports("/complete", ticket).length, 1);
    });

    test("the words count as whole words only", async () => {
      const ticket = crypto.randomUUID();
      const { end } = await work(ticket, "Slowly unmask a failure of the forgetful");
      assert.match(textOf(end.message), /Done: /);
    });

    test("two agents in one repository both commit", async () => {
      const tickets = [crypto.randomUUID(), crypto.randomUUID()];
      const runs = await Promise.all(tickets.map((ticket) => work(ticket, "Share the feeder")));
      for (const { end } of runs) assert.match(textOf(end.message), /Done: /);
      for (const ticket of tickets) assert.equal(scene.git("log", "--oneline", "--grep", ticket).split("\n").filter(Boolean).length, 1);
      assert.equal(scene.git("status", "--short", "src"), "");
    });

    test("plain chat gets a sentence, and another one the next time", async () => {
      const say = async (message) => textOf((await scene.client.run("chat.send", { sessionKey: "clutch:feeder:c-2", message })).end.message);
      const first = await say("Hello!");
      assert.ok(first.length > 20);
      assert.notEqual(await say("Tell me more."), first);
    });

    if (version !== "2026.9.6") return;

    test("killed in mid-run and started again, the run goes on where it was", async () => {
      const ticket = crypto.randomUUID();
      scene.client.call("agent", { message: prompt(scene, ticket, "Survive a slow storm"), sessionKey: key(ticket), idempotencyKey: crypto.randomUUID() }).catch(() => {}); // its end is lost with the gateway
      await until(() => names(ticket).filter((name) => name === "watch").length >= 3);
      process.kill(scene.gatewayPid, "SIGKILL");
      assert.equal(await scene.ended(), 1);
      await scene.start();
      await until(() => scene.reports("/complete", ticket).length === 1, 90);
      const lines = scene.asked(ticket);
      assert.equal(lines.filter((line) => line.step === 0).length, 1);
      assert.equal(lines.filter((line) => line.name === "comment").length, 1);
      assert.ok(lines.some((line) => line.later > 0), "the gateway's own message after the restart was seen");
      assert.equal(scene.git("log", "--oneline", "--grep", ticket).split("\n").length, 1);
    });
  });
}
