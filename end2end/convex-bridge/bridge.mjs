#!/usr/bin/env node
// A TEST server on the loopback address that speaks Convex's protocols (WebSocket sync and the HTTP
// function API) and runs the real functions of a folder inside the official mock `convex-test`.
// See README.md for what it proves and what it cannot.
//
//   node bridge.mjs [--dir ../../convex/functions] [--port 0] [--admin-key K] [--tls-cert F --tls-key F]
//
// Prints "READY <port> <control port>". SIGTERM ends it, and so does the end of its standard input
// when it was started with --with-parent. The control port takes what tests ask for:
//
//   POST /drop                 cut every socket
//   POST /down, POST /up       stop listening and cut every connection; listen again on the same port
//   POST /quiet                answers when no socket is left
//   POST /faults {...}         see `faults` below; what is not named stays
//   POST /insert {table, rows} rows as somebody else left them
//   GET  /rows                 every row of every table, as /insert takes them
//   POST /rows {table: rows}   these rows and no others, as GET /rows gave them
//   GET  /stats
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import path from "node:path";
import { Engine, failure } from "./engine.mjs";
import { Session } from "./session.mjs";

const flag = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const folder = path.resolve(flag("dir", path.join(import.meta.dirname, "../../convex/functions")));
const adminKey = flag("admin-key", "test|bridge-admin-key");
// The lock file of convex/ is the bridge's too.
const project = path.join(import.meta.dirname, "../../convex");
const { WebSocketServer } = createRequire(path.join(project, "package.json"))("ws");
const engine = await Engine.open(folder, path.join(project, "node_modules"));

const faults = {
  /** Milliseconds before each answer. */
  delayMs: 0,
  /** Takes everything and answers nothing. */
  silent: false,
  /** So many next mutations are applied, and their answer is lost. */
  loseAnswers: 0,
  /** So many next mutations are lost before they are looked at. */
  loseRequests: 0,
  /** So many next calls are answered with `status` and `body`. */
  refuse: { times: 0, status: 503, body: {} },
  /** Lets no WebSocket through, as some proxies do. */
  noSockets: false,
  /** As if nobody had deployed the functions. */
  undeployed: false,
};
const stats = { connections: 0, queryRuns: 0, queries: 0, mutations: 0, transitions: 0 };
const clock = {
  now: BigInt(Date.now()) * 1_000_000n,
  tick() {
    const now = BigInt(Date.now()) * 1_000_000n;
    this.now = now > this.now ? now : this.now + 1n;
  },
};
/** Between two looks whether all sockets are gone. */
const QUIET_LOOK_MS = 2;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const bridge = { engine, faults, stats, clock, adminKey, sleep };
const sessions = new Set();
engine.onChange = (tables) => {
  clock.tick();
  for (const session of sessions) session.invalidate(tables);
};

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

function answer(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

async function call(request, response, kind) {
  const input = JSON.parse(await body(request));
  if (faults.silent) return; // the connection stays open
  if (kind === "mutation" && faults.loseRequests > 0) {
    faults.loseRequests--;
    return request.socket.destroy();
  }
  if (faults.refuse.times > 0) {
    faults.refuse.times--;
    return answer(response, faults.refuse.status, faults.refuse.body);
  }
  const key = /^Convex (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (key !== undefined && key !== adminKey) {
    return answer(response, 401, { code: "BadAdminKey", message: "The provided admin key was invalid for this instance" });
  }
  stats[kind === "query" ? "queries" : "mutations"]++;
  let result;
  try {
    result = { status: "success", value: await engine.call(kind, input.path, input.args, key !== undefined && !faults.undeployed), logLines: [] };
  } catch (error) {
    result = { status: "error", errorMessage: failure(error), logLines: [] };
  }
  if (kind === "mutation" && faults.loseAnswers > 0) {
    faults.loseAnswers--;
    return request.socket.destroy();
  }
  if (faults.delayMs) await sleep(faults.delayMs);
  answer(response, 200, result);
}

async function serve(request, response) {
  const kind = /^\/api\/(query|mutation)$/.exec(request.url)?.[1];
  if (kind && request.method === "POST") return await call(request, response, kind);
  if (request.url === "/version") return response.end("convex-bridge");
  answer(response, 404, { code: "NotFound", message: "This bridge knows /api/query and /api/mutation." });
}

async function control(request, response) {
  const input = await body(request);
  switch (`${request.method} ${request.url}`) {
    case "POST /drop":
      for (const session of [...sessions]) session.cut();
      break;
    case "POST /quiet":
      while (sessions.size > 0) await sleep(QUIET_LOOK_MS);
      break;
    case "POST /down":
      await new Promise((done) => {
        server.close(done);
        for (const socket of [...sockets]) socket.destroy();
      });
      break;
    case "POST /up":
      await new Promise((done) => server.listen(port, "127.0.0.1", done));
      break;
    case "POST /faults":
      Object.assign(faults, JSON.parse(input));
      for (const session of sessions) session.invalidate();
      break;
    case "POST /insert": {
      const { table, rows } = JSON.parse(input);
      await engine.insert(table, rows);
      break;
    }
    case "POST /rows":
      await engine.replace(JSON.parse(input));
      break;
    case "GET /rows":
      return answer(response, 200, await engine.rows());
    case "GET /stats":
      return answer(response, 200, { ...stats, sessions: sessions.size, watched: [...sessions].reduce((sum, { watched }) => sum + watched, 0), documentsRead: engine.documentsRead, rssMb: Math.round(process.memoryUsage().rss / 1_048_576) });
    default:
      return answer(response, 404, { message: "There is no such control." });
  }
  answer(response, 200, {});
}

const safely = (handler) => (request, response) =>
  void handler(request, response).catch((error) => {
    if (!response.headersSent) response.writeHead(500);
    response.end(String(error?.stack ?? error));
  });

const tls = flag("tls-cert") && { cert: readFileSync(flag("tls-cert")), key: readFileSync(flag("tls-key")) };
const server = tls ? https.createServer(tls, safely(serve)) : http.createServer(safely(serve));
const sockets = new Set();
server.on(tls ? "secureConnection" : "connection", (socket) => {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket)).on("error", () => {});
});
const upgrades = new WebSocketServer({ noServer: true, maxPayload: 64 << 20 });
server.on("upgrade", (request, socket, head) => {
  if (faults.noSockets || !/^\/api\/([^/]+\/)?sync$/.test(request.url)) return socket.destroy();
  socket.setNoDelay?.(true);
  upgrades.handleUpgrade(request, socket, head, (opened) => {
    const session = new Session(opened, bridge);
    sessions.add(session);
    stats.connections++;
    const over = () => {
      session.close();
      sessions.delete(session);
    };
    opened.on("message", (text) => session.receive(JSON.parse(text))).on("close", over).on("error", over);
  });
});

const listening = (on, at) => new Promise((done) => on.listen(at, "127.0.0.1", () => done(on.address().port)));
const port = await listening(server, Number(flag("port", 0)));
const controls = await listening(http.createServer(safely(control)), 0);
console.log(`READY ${port} ${controls}`);

const over = () => process.exit(0);
process.on("SIGTERM", over).on("SIGINT", over);
if (process.argv.includes("--with-parent")) process.stdin.on("end", over).resume();
