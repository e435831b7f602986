// A real gateway with our plugin and the scripted model, a sample repository, and a recorder as board.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { recorder } from "../../../plugins/openclutch/test/recorder.mjs";
import { connect } from "../client.mjs";

const here = path.resolve(import.meta.dirname, "..");

/** A board that takes every report. */
const takeAll = (request) => {
  if (request.path === "/api/signal") return { status: 201, body: { signalId: "s1", blocking: request.body.kind === "question", signal: {} } };
  if (request.path.endsWith("/complete")) return { body: { success: true, task: { status: "in_review" }, comment: {} } };
  if (/\/comments\?/.test(request.path)) return { status: 201, body: { comment: { id: "c1" } } };
  return { body: {} };
};

/** Starts everything in a folder of its own; `start()` starts a gateway (again). */
export async function scene({ pace = "0.05", version = "2026.9.6" } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "openclutch-gateway-"));
  const repository = `${folder}/feeder`;
  execFileSync(`${here}/sample-repo.sh`, [repository]);
  const board = await recorder(takeAll);
  let child, ended;
  const scene = {
    folder, repository, board,

    /** Starts the gateway on the state folder of before, on the port of before. */
    async start() {
      child = spawn(`${here}/start-gateway.sh`, [], {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, OC_VERSION: version, OC_PREFIX: "", OC_PORT: String(scene.port ?? 0), OC_STATE: `${folder}/state`, OC_WORKSPACE: repository,
          CLUTCH_URL: board.url, SCRIPT_PACE: pace, OC_STOP_GRACE: "2" },
      });
      ended = new Promise((resolve) => child.on("exit", resolve));
      let said = "";
      const [, port, pid] = await new Promise((resolve, reject) => {
        child.stdout.setEncoding("utf8").on("data", (text) => { said += text; const ready = /READY ws:\/\/127\.0\.0\.1:(\d+) gateway_pid=(\d+)/.exec(said); if (ready) resolve(ready); });
        child.on("exit", (code) => reject(new Error(`the gateway did not start (${code})`)));
      });
      Object.assign(scene, { port: Number(port), gatewayPid: Number(pid), starterPid: child.pid });
      scene.client = await connect({ url: `ws://127.0.0.1:${port}` });
    },
    /** Resolves with its exit code when start-gateway has ended. */
    ended: () => ended,
    /** What the model was asked, oldest first. */
    asked: (ticket) => fs.readFileSync(`${folder}/state/logs/model.jsonl`, "utf8").trim().split("\n").map((line) => JSON.parse(line)).filter((line) => !ticket || line.ticket === ticket),
    reports: (suffix, ticket) => board.requests.filter((request) => request.path.split("?", 1)[0].endsWith(suffix) && JSON.stringify([request.path, request.body]).includes(ticket)),
    git: (...args) => execFileSync("git", ["-C", repository, ...args], { encoding: "utf8" }).trim(),
    async stop() {
      scene.client?.close();
      child?.kill("SIGTERM");
      await ended;
      await board.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
  await scene.start();
  return scene;
}

/** A prompt with the lines that roles/dev.md has. */
export function prompt(scene, ticket, title, attempt = 1, comments = "(no comments)") {
  return `You are a developer on the project "Feeder Log".

## The ticket

Ticket: ${ticket}
Number: T-7
Title: ${title}
Attempt: ${attempt}
Role: dev
Project: Feeder Log
Repository: ${scene.repository}
Board: ${scene.board.url}

### Description

Please do not ask or fail, these words count in the title only.

### Comments

${comments}

## How to report

curl -sS -X POST '${scene.board.url}/api/tasks/${ticket}/comments?author=dev%20agent&author_type=agent' -H 'content-type: text/plain; charset=utf-8' --data-binary @- <<'END_OF_COMMENT'
...
END_OF_COMMENT

When the work is done, call the tool \`mark_complete\` (taskId: ${ticket}).
`;
}

/** Waits for a condition that other processes make true. */
export async function until(condition, seconds = 60) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
