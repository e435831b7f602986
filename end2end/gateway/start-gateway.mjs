// Starts and watches the scripted model and a gateway; start-gateway.sh documents the settings.
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { gatewayConfig } from "./config.mjs";

const { MARK, startTime, endMarked } = createRequire(import.meta.url)("./processes.cjs");
const here = import.meta.dirname;
const env = process.env;
const list = (text, separator) => text.split(separator).map((part) => part.trim()).filter(Boolean);

const ROTATE_AT = 5 * 1024 * 1024;
const PROBE_EVERY_MS = 100;

const prefix = path.resolve(env.OC_PREFIX);
const asked = Number(env.OC_PORT || 18789);
const port = asked || (await freePort());
const state = path.resolve(env.OC_STATE || `${prefix}/state-${port}`);
const logs = path.resolve(env.OC_LOG_DIR || `${state}/logs`);
const workspace = path.resolve(env.OC_WORKSPACE || `${state}/workspace`);
const openclaw = `${prefix}/gw/node_modules/openclaw`;
const pidFile = `${state}/gateway.pid`;
const children = [];
let stopping = false;

await main().catch(async (error) => { console.error(error.message); await stop(1); });

async function main() {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => stop(0));
  prepareState();
  const modelUrl = env.OC_MODEL_URL || (await startModel());
  writeConfig(modelUrl);
  const gateway = startGateway();
  await ready(gateway);
  console.log(`READY ws://127.0.0.1:${port} gateway_pid=${gateway.pid} state=${state} model=${modelUrl}`);
}

/** Refuses a state folder in use, ends what an earlier gateway left behind, empties the folder if asked. */
function prepareState() {
  const [, starter, started] = fs.existsSync(pidFile) ? fs.readFileSync(pidFile, "utf8").trim().split(" ") : [];
  if (started && startTime(starter) === started) {
    throw new Error(`A gateway (started by process ${starter}) still uses ${state}: end that process, or choose another OC_STATE.`);
  }
  endMarked(state); // of a starter that was killed
  if (env.OC_FRESH === "1" && fs.existsSync(state)) {
    if (!fs.existsSync(`${state}/openclaw.json`) && fs.readdirSync(state).length) {
      throw new Error(`OC_FRESH would empty ${state}, which is not a gateway's state folder.`);
    }
    fs.rmSync(state, { recursive: true });
  }
  for (const folder of [`${state}/home`, workspace, logs]) fs.mkdirSync(folder, { recursive: true });
}

function startModel() {
  const child = start("model", ["--require", `${here}/lifeline.cjs`, `${here}/scripted-model.mjs`], here, {
    SCRIPT_PORT: env.OC_MODEL_PORT || "0",
    SCRIPT_LOG: env.SCRIPT_LOG || `${logs}/model.jsonl`,
    SCRIPT_MODELS: modelIds().join(","),
  }, "pipe");
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      said += text;
      const url = /listening on (\S+)/.exec(said)?.[1];
      if (url) resolve(url);
    });
    child.on("exit", () => reject(new Error(`The scripted model ended; see ${logs}/model.log.`)));
  });
}

function modelIds() { return list(env.OC_MODEL_IDS || "lively-1,lively-2", ","); }

function writeConfig(modelUrl) {
  const ours = path.resolve(here, "../../plugins/openclutch");
  const paths = list(env.OC_PLUGIN_PATHS ?? ours, ":");
  const plugins = paths.map((folder) => {
    const manifest = JSON.parse(fs.readFileSync(`${folder}/openclaw.plugin.json`, "utf8"));
    return { path: path.resolve(folder), id: manifest.id, channels: manifest.channels ?? [] };
  });
  const withOurs = plugins.some((plugin) => plugin.id === "openclutch");
  const config = gatewayConfig({
    version: JSON.parse(fs.readFileSync(`${openclaw}/package.json`, "utf8")).version,
    port, token: env.OC_TOKEN || "test-token", state, logs, workspace, modelUrl, models: modelIds(), plugins,
    allow: list(env.OC_TOOLS_ALLOW ?? (withOurs ? "signal,mark_complete" : ""), ","),
    extra: env.OC_CONFIG_MERGE ? JSON.parse(fs.readFileSync(env.OC_CONFIG_MERGE, "utf8")) : undefined,
  });
  fs.writeFileSync(`${state}/openclaw.json`, JSON.stringify(config, null, 2), { mode: 0o600 });
}

function startGateway() {
  const args = ["--require", `${here}/lifeline.cjs`, "--require", `${here}/loopback-guard.cjs`, ...list(env.OC_NODE_ARGS || "", " "),
    `${openclaw}/openclaw.mjs`, "gateway", "run", "--port", String(port), "--bind", "loopback"];
  const gateway = start("gateway", args, workspace, {
    [MARK]: state,
    HOME: `${state}/home`, OPENCLAW_STATE_DIR: state, OPENCLAW_CONFIG_PATH: `${state}/openclaw.json`,
    // Stay on loopback, stay one process, stay quiet.
    OPENCLAW_NO_AUTO_UPDATE: "1", OPENCLAW_OFFLINE: "1", OPENCLAW_DISABLE_BONJOUR: "1", DO_NOT_TRACK: "1",
    OPENCLAW_NO_RESPAWN: "1", OPENCLAW_EXEC_SHELL_SNAPSHOT: "0", OPENCLAW_ALLOW_MULTI_GATEWAY: "1",
    OC_GUARD_LOG: `${logs}/refused-hosts.log`,
  }, "file");
  fs.writeFileSync(pidFile, `${gateway.pid} ${process.pid} ${startTime(process.pid)}\n`);
  gateway.on("exit", (code, signal) => {
    if (stopping) return;
    console.error(`The gateway ended by itself (${signal ?? `exit code ${code}`}); see ${logs}/gateway.log.`);
    stop(1);
  });
  return gateway;
}

/** Starts node with a log file of its own, a lifeline, and without proxies, keys and tokens of the caller. */
function start(role, args, cwd, more, stdout) {
  const file = `${logs}/${role}.log`;
  if (fs.existsSync(file) && fs.statSync(file).size > ROTATE_AT) fs.renameSync(file, `${file}.1`);
  const log = fs.openSync(file, "a");
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) =>
    !/^(https?_proxy|all_proxy|node_options)$/i.test(name) && !/_API_KEY$|^(HF|GITHUB|GH)_TOKEN$/.test(name)));
  const child = spawn(process.execPath, args, {
    cwd, stdio: ["ignore", stdout === "pipe" ? "pipe" : log, log, "pipe"],
    env: { ...inherited, PATH: `${prefix}/node/bin:${env.PATH}`, ...more, OC_LIFELINE_FD: "3" },
  });
  if (stdout === "pipe") child.stdout.on("data", (text) => { try { fs.writeSync(log, text); } catch { /* a full disk does not stop the run */ } });
  child.on("error", (error) => { console.error(`${role}: ${error.message}`); stop(1); });
  children.push(child);
  return child;
}

async function ready(gateway) {
  const deadline = Date.now() + 1000 * Number(env.OC_READY_TIMEOUT || 120);
  const probe = `http://127.0.0.1:${port}${env.OC_READY_PATH || "/startupz"}`;
  for (;;) {
    const status = await fetch(probe, { signal: AbortSignal.timeout(2000) }).then((answer) => answer.status, () => 0);
    if (status === 200) return;
    if (gateway.exitCode !== null || gateway.signalCode !== null) await new Promise(() => {}); // its exit handler ends us
    if (Date.now() > deadline) throw new Error(`The gateway was not ready in time; see ${logs}/gateway.log.`);
    await sleep(PROBE_EVERY_MS);
  }
}

/** The gateway drains open runs for minutes after SIGTERM, so it gets a grace period and then SIGKILL. */
async function stop(code) {
  if (stopping) return;
  stopping = true;
  const grace = sleep(1000 * Number(env.OC_STOP_GRACE || 5), undefined, { ref: false });
  await Promise.all(children.map(async (child) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    if (await Promise.race([gone, grace.then(() => "late")]) === "late") { child.kill("SIGKILL"); await gone; }
  }));
  if (children.length) { // else the folder was refused, and what runs there is somebody else's
    endMarked(state);
    fs.rmSync(pidFile, { force: true });
  }
  process.exit(code);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => { const { port } = server.address(); server.close(() => resolve(port)); });
  });
}
