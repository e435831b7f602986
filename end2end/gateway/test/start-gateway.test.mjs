// Nothing stays behind, however the starter ends; the lock files name no host.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { prompt, scene as startScene, until } from "./harness.mjs";

const here = path.resolve(import.meta.dirname, "..");
const { marked, startTime } = createRequire(import.meta.url)("../processes.cjs");
const gone = (scene, model) => marked(`${scene.folder}/state`).length === 0 && startTime(model) === undefined;

/** The scripted model's process: the starter's other child. */
const modelOf = (scene) => fs.readFileSync(`/proc/${scene.starterPid}/task/${scene.starterPid}/children`, "utf8").trim().split(" ").map(Number).find((pid) => pid !== scene.gatewayPid);

/** Leaves a command of an agent running in the gateway. */
async function leaveCommand(scene) {
  const ticket = "0aa0aa0a-0000-4000-8000-00000000000a";

  scene.client.call("agent", { message: prompt(scene, ticket, "A slow evening"), sessionKey: "feeder:dev:0aa0aa0a:r1", idempotencyKey: "evening" }).catch(() => {}); // its end is lost
  await until(() => marked(`${scene.folder}/state`).some((pid) => commandOf(pid).startsWith("sleep\0")));
}

/** The command line of a process, its words separated by NUL; empty when it has ended. */
function commandOf(pid) {
  try { return fs.readFileSync(`/proc/${pid}/cmdline`, "latin1"); } catch { return ""; }
}

test("SIGTERM in mid-run ends gateway, model and the agent's commands", { timeout: 180_000 }, async () => {
  const scene = await startScene({ pace: "1" });
  try {
    await leaveCommand(scene);
    const model = modelOf(scene);
    assert.ok(model && startTime(model));
    process.kill(scene.starterPid, "SIGTERM");
    assert.equal(await scene.ended(), 0);
    // The starter ends when they were told to; the kernel buries them a moment later.
    await until(() => gone(scene, model), 20);
    await assert.rejects(fetch(`http://127.0.0.1:${scene.port}/healthz`));
  } finally { await scene.stop(); }
});

test("SIGKILL of the starter ends them too, and the same state folder starts again", { timeout: 240_000 }, async () => {
  const scene = await startScene({ pace: "1" });
  try {
    const second = spawnSync(`${here}/start-gateway.sh`, { env: { ...process.env, OC_STATE: `${scene.folder}/state`, OC_PORT: "0", OC_PREFIX: "" }, encoding: "utf8" });
    assert.equal(second.status, 1);
    assert.match(second.stderr, /still uses .*: end that process, or choose another OC_STATE/);
    await leaveCommand(scene);
    const model = modelOf(scene);
    process.kill(scene.starterPid, "SIGKILL");
    await scene.ended();
    await until(() => gone(scene, model), 20);
    await scene.start();
  } finally { await scene.stop(); }
});

test("OC_FRESH empties only a gateway's state folder", async () => {
  const folder = fs.mkdtempSync("/tmp/openclutch-not-a-state-");
  try {
    fs.writeFileSync(`${folder}/letter.txt`, "keep me");
    const run = spawnSync(`${here}/start-gateway.sh`, { env: { ...process.env, OC_STATE: folder, OC_FRESH: "1", OC_PREFIX: "" }, encoding: "utf8" });
    assert.equal(run.status, 1);
    assert.match(run.stderr, /not a gateway's state folder/);
    assert.equal(fs.readFileSync(`${folder}/letter.txt`, "utf8"), "keep me");
  } finally { fs.rmSync(folder, { recursive: true }); }
});

test("the sample repository is made once and always the same", () => {
  const folder = fs.mkdtempSync("/tmp/openclutch-sample-");
  try {
    const head = (name) => {
      execFileSync(`${here}/sample-repo.sh`, [`${folder}/${name}`]);
      return execFileSync("git", ["-C", `${folder}/${name}`, "rev-parse", "HEAD"], { encoding: "utf8" });
    };
    const first = head("a");
    assert.equal(head("a"), first);
    assert.equal(head("b"), first);
    assert.deepEqual(fs.readdirSync(folder), ["a", "b"]);
    fs.writeFileSync(`${folder}/file`, "");
    assert.notEqual(spawnSync(`${here}/sample-repo.sh`, [folder]).status, 0);
  } finally { fs.rmSync(folder, { recursive: true }); }
});

test("the lock files name packages and checksums, but no host to fetch them from", () => {
  const locks = ["../package-lock.json", "node/package-lock.json", "openclaw/2026.9.6/package-lock.json", "openclaw/2026.2.17/package-lock.json"];
  for (const lock of locks) {
    const { packages } = JSON.parse(fs.readFileSync(`${here}/${lock}`, "utf8"));
    const entries = Object.entries(packages).filter(([name]) => name.startsWith("node_modules/"));
    assert.ok(entries.length > 0);
    for (const [name, entry] of entries) {
      assert.doesNotMatch(entry.resolved ?? "", /:/, `${lock}: ${name}`);
      assert.ok(entry.integrity || entry.link || entry.inBundle, `${lock}: ${name} has no checksum`);
    }
  }
});
