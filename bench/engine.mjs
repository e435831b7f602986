// Measures a running server over HTTP and /live, beside a bare loop of commits with the same SQLite settings on
// the same file system: node engine.mjs ADDRESS FOLDER PID. Prints one line for each figure, and at the end what each
// must be, what is aimed at, and which of that is met; asserts nothing.
//
// The client speaks HTTP itself: on a machine of two cores a comfortable one would take more time than the server.
import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const [address, folder, pid] = process.argv.slice(2);
const { hostname, port } = new URL(address);
const TASKS = Number(process.env.CLUTCH_BENCH_TASKS ?? 1000);
const SECONDS = Number(process.env.CLUTCH_BENCH_SECONDS ?? 3);
const now = () => performance.now();
const say = (line) => process.stdout.write(`${line}\n`);

/** One connection that is kept; one request at a time. */
class Connection {
  #socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
  #taken = Buffer.alloc(0);
  #waits = null;

  constructor() {
    this.#socket.on("data", (bytes) => {
      this.#taken = this.#taken.length === 0 ? bytes : Buffer.concat([this.#taken, bytes]);
      this.#settle();
    });
    this.#socket.on("error", (error) => this.#waits?.reject(error));
    this.#socket.on("close", () => this.#waits?.reject(new Error("the server closed the connection")));
  }

  request(method, path, body) {
    const text = body === undefined ? "" : JSON.stringify(body);
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`;
    return new Promise((resolve, reject) => {
      this.#waits = { resolve, reject };
      this.#socket.write(head + text);
    }).then(({ status, body }) => {
      if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${body.toString().slice(0, 300)}`);
      return body;
    });
  }

  #settle() {
    const end = this.#taken.indexOf("\r\n\r\n");
    if (end < 0 || this.#waits === null) return;
    const head = this.#taken.toString("latin1", 0, end).toLowerCase();
    const status = Number(head.slice(9, 12));
    const length = /content-length: (\d+)/.exec(head);
    let body, used;
    if (length !== null) {
      used = end + 4 + Number(length[1]);
      if (this.#taken.length < used) return;
      body = this.#taken.subarray(end + 4, used);
    } else {
      const pieces = [];
      for (used = end + 4; ; ) {
        const line = this.#taken.indexOf("\r\n", used);
        if (line < 0) return;
        const size = parseInt(this.#taken.toString("latin1", used, line), 16);
        if (this.#taken.length < line + 4 + size) return;
        pieces.push(this.#taken.subarray(line + 2, line + 2 + size));
        used = line + 4 + size;
        if (size === 0) break;
      }
      body = Buffer.concat(pieces);
    }
    this.#taken = this.#taken.subarray(used);
    const { resolve } = this.#waits;
    this.#waits = null;
    resolve({ status, body });
  }

  end() {
    this.#waits = null;
    this.#socket.destroy();
  }
}

const at = (times, part) => times.sort((a, b) => a - b)[Math.floor((times.length - 1) * part)];
const ms = (time) => (time < 10 ? time.toFixed(2) : time.toFixed(0));
const resident = () => Math.round(Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1000);

/** What is met and what is not; told at the end. */
const verdicts = [];

/** Holds a figure against what it must be and what is aimed at; `least` where more is better. */
function judge(what, value, unit, { must, aim, least = false }) {
  const word = (name, goal) => {
    if (goal === undefined) return "";
    const met = least ? value >= goal : value <= goal;
    return `   ${name} ${least ? "at least" : "at most"} ${goal}${unit}: ${met ? "met" : "NOT MET"}`;
  };
  const told = value < 10 ? value.toFixed(2) : Math.round(value);
  verdicts.push(`${what.padEnd(44)} ${`${told}${unit}`.padStart(10)}${word("must be", must)}${word("aim", aim)}`);
}

async function timed(times, action) {
  const began = now();
  const answer = await action();
  times.push(now() - began);
  return answer;
}

/** Commits with the server's settings: a write-ahead log that is flushed each time. */
class Bare {
  #db = new DatabaseSync(join(folder, "bare.db"));
  #put;
  #n = 0;

  constructor() {
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT)");
    this.#put = this.#db.prepare("INSERT INTO docs (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body");
  }

  /** Takes the time of one. The same words again would not be written. */
  commit(times) {
    const n = this.#n++;
    const body = `${n} `.repeat(150);
    const began = now();
    this.#put.run(n % 1000, body);
    times.push(now() - began);
  }

  /** How many in a second. */
  rate() {
    const times = [];
    const began = now();
    while (now() - began < 1000) this.commit(times);
    return times.length / ((now() - began) / 1000);
  }
}

const one = new Connection();
const json = async (method, path, body) => JSON.parse(await one.request(method, path, body));
const card = (project, n) => ({
  project_id: project,
  status: n % 4 === 0 ? "ready" : "backlog",
  priority: "medium",
  title: `Card ${n}: a title as long as people write them`,
  description: "Two or three sentences of text, as people write them on their cards. ".repeat(4),
});
const make = (connection, project, n) => connection.request("POST", "/api/tasks", card(project, n)).then((body) => JSON.parse(body).task.id);
const change = (connection, task, n) => connection.request("PATCH", `/api/tasks/${task}`, { title: `Card, changed for the ${n}th time` });

async function board(slug, tasks) {
  const { project } = await json("POST", "/api/projects", { name: slug, slug });
  const ids = [];
  for (let n = 0; n < tasks; n++) ids.push(await make(one, project.id, n));
  return { project: project.id, slug, ids };
}

/** From the moment at which a write is sent to the frame that shows it at another client. */
async function frames({ project, ids }, writes) {
  const socket = new WebSocket(`ws://${hostname}:${port}/live`, { headers: { origin: address } });
  let heard = () => {};
  const next = (type) => new Promise((resolve) => (heard = (frame) => frame.t === type && resolve(frame)));
  socket.onmessage = ({ data }) => heard(JSON.parse(data));
  await new Promise((resolve, reject) => ((socket.onopen = resolve), (socket.onerror = reject)));
  const first = next("snapshot");
  socket.send(JSON.stringify({ t: "open", sub: 1, query: { query: "board", project } }));
  await first;
  const times = [];
  for (let n = 0; n < writes; n++) {
    const frame = next("delta");
    const began = now();
    await change(one, ids[n % 20], `${writes}-${n}`);
    await frame;
    times.push(now() - began);
    await new Promise((resolve) => setTimeout(resolve, 40)); // people do not write faster
  }
  socket.close();
  return { p50: at(times, 0.5), p99: at(times, 0.99) };
}

/** So many clients create and change at once in one project. */
async function writers(count, { project, ids }) {
  const times = [];
  const until = now() + SECONDS * 1000;
  const began = now();
  await Promise.all(
    Array.from({ length: count }, async (_, writer) => {
      const connection = new Connection();
      for (let n = 0; now() < until; n++) {
        const task = ids[(writer * 37 + n * 11) % ids.length];
        await timed(times, () => (n % 2 === 0 ? change(connection, task, `${writer}-${n}`) : make(connection, project, n)));
      }
      connection.end();
    }),
  );
  return { rate: times.length / ((now() - began) / 1000), p50: at(times, 0.5), p99: at(times, 0.99) };
}

const idle = resident();
const bare = new Bare();

/** Takes the times of so many actions, each beside a bare commit: other work on the disk hits both alike. */
async function besideBare(name, count, action) {
  const [times, commits] = [[], []];
  for (let n = 0; n < count; n++) {
    bare.commit(commits);
    await timed(times, () => action(n));
  }
  const [time, commit] = [at(times, 0.5), at(commits, 0.5)];
  say(`${name}: p50 ${ms(time)} ms, p99 ${ms(at(times, 0.99))} ms, ${(time / commit).toFixed(1)} bare commits of ${ms(commit)} ms`);
  return { time, commits: time / commit };
}

const large = await board("large", TASKS);
const small = await board("small", Math.round(TASKS / 10));

const lists = [];
for (let n = 0; n < 40; n++) await timed(lists, () => one.request("GET", `/api/tasks?projectId=${large.project}`));
say(`list of all ${TASKS}: p50 ${ms(at(lists, 0.5))} ms, p99 ${ms(at(lists, 0.99))} ms`);
judge(`list of all ${TASKS}, p50`, at(lists, 0.5), " ms", { must: 10, aim: 4 });

const together = [];
await Promise.all(
  Array.from({ length: 8 }, async () => {
    const connection = new Connection();
    for (let n = 0; n < 20; n++) await timed(together, () => connection.request("GET", `/api/tasks?projectId=${large.project}`));
    connection.end();
  }),
);
say(`eight lists at once: p50 ${ms(at(together, 0.5))} ms, p99 ${ms(at(together, 0.99))} ms`);

const pages = [];
for (let n = 0; n < 40; n++) await timed(pages, () => one.request("GET", `/projects/${large.slug}/board`));
say(`board page: p50 ${ms(at(pages, 0.5))} ms, p99 ${ms(at(pages, 0.99))} ms`);
judge("board page, p50", at(pages, 0.5), " ms", { must: 20, aim: 12 });

for (const [name, most, action] of [
  ["update", 5, (n) => change(one, large.ids[n % large.ids.length], n)],
  ["create", 8, (n) => make(one, large.project, n)],
]) {
  const { time, commits } = await besideBare(name, 400, action);
  judge(`${name}, in bare commits`, commits, "", { must: most });
  judge(`${name}, p50`, time, " ms", { aim: 0.5 });
}

const few = await frames(small, 100);
const many = await frames(large, 100);
say(`write to frame, ${small.ids.length} cards: p50 ${ms(few.p50)} ms, p99 ${ms(few.p99)} ms`);
say(`write to frame, ${large.ids.length} cards: p50 ${ms(many.p50)} ms, p99 ${ms(many.p99)} ms, ${(many.p50 / few.p50).toFixed(1)} times that of a tenth`);
judge(`write to frame, ${large.ids.length} cards, p50`, many.p50, " ms", { must: 5, aim: 2 });
judge(`write to frame, ${large.ids.length} cards, p99`, many.p99, " ms", { aim: 8 });
judge("write to frame, ten times the cards", many.p50 / few.p50, " times", { must: 1.5, aim: 1.2 });

for (const count of [8, 64]) {
  const before = bare.rate();
  const { rate, p50, p99 } = await writers(count, large);
  const loop = (before + bare.rate()) / 2;
  say(`${count} writers: ${Math.round(rate)}/s, ${(rate / loop).toFixed(2)} of a bare loop's ${Math.round(loop)}/s, p50 ${ms(p50)} ms, p99 ${ms(p99)} ms`);
  if (count === 8) {
    judge("eight writers", rate, "/s", { must: 2500, aim: 4500, least: true });
    judge("eight writers, p99", p99, " ms", { must: 20, aim: 5 });
  } else judge(`${count} writers, of the bare loop`, rate / loop, "", { aim: 0.5, least: true });
}
const after = resident();
say(`resident memory: ${idle} MB idle, ${after} MB after all of this`);
judge("resident memory, idle", idle, " MB", { must: 24 });
judge("resident memory, after all of this", after, " MB", { must: 60 });
say("");
verdicts.forEach(say);
one.end();
