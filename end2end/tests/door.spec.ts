// The closed door, from outside: only this machine, only our own pages.
import http from "node:http";
import { expect, test } from "../support/fixtures.ts";

interface Answer { status: number; body: string }

/** A request with exactly these headers; an upgrade answers 101. */
function ask(url: string, method: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text) => { body += text; }).on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, body: "" });
    });
    request.on("error", reject).end();
  });
}

const UPGRADE = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };

test("another host name, a proxy and another site are refused in words", async ({ alone }) => {
  const port = String(alone.listens), own = `127.0.0.1:${port}`;
  const refused: [string, string, Record<string, string>][] = [
    ["GET", "/", { host: `board.example:${port}` }],
    ["GET", "/api/projects", { host: "board.example" }],
    ["GET", "/", { host: "127.0.0.1" }],
    ["GET", "/", { host: own, "x-forwarded-for": "192.0.2.7" }],
    ["GET", "/", { host: own, forwarded: "for=192.0.2.7" }],
    ["POST", "/fn/create_project", { host: own, origin: "http://evil.example" }],
    ["POST", "/fn/create_project", { host: own, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }],
    ["POST", "/api/projects", { host: own, "sec-fetch-site": "same-site" }],
    ["GET", "/live", { host: own, origin: "http://evil.example", ...UPGRADE }],
    ["GET", "/live", { host: `evil.example:${port}`, origin: `http://evil.example:${port}`, ...UPGRADE }],
    ["GET", "/live", { host: own, origin: `http://127.0.0.1:${Number(port) + 1}`, ...UPGRADE }],
  ];
  for (const [method, route, headers] of refused) {
    const { status, body } = await ask(alone.url + route, method, headers);
    expect(status, `${method} ${route} ${JSON.stringify(headers)}`).toBe(403);
    expect(JSON.parse(body).error).toContain("only this machine");
  }
  const allowed: [string, Record<string, string>, number][] = [
    ["/", { host: own }, 200],
    ["/", { host: `localhost:${port}` }, 200],
    ["/", { host: own, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }, 200],
    ["/live", { host: own, origin: `http://${own}`, ...UPGRADE }, 101],
  ];
  for (const [route, headers, status] of allowed) {
    expect((await ask(alone.url + route, "GET", headers)).status, `${route} ${JSON.stringify(headers)}`).toBe(status);
  }
});

test("a page of another site cannot listen or write", async ({ alone, visitor }) => {
  const stranger = http.createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>elsewhere</title>"));
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const { port } = stranger.address() as { port: number };
  try {
    const before = (await alone.call<{ projects: unknown[] }>("GET", "/projects")).projects.length;
    const me = await visitor();
    me.expectTrouble(/WebSocket connection to .* failed/, /403/, /blocked by CORS/, /ERR_FAILED/, /ERR_BLOCKED/, /favicon/);
    await me.page.goto(`http://127.0.0.1:${port}/`);
    const outcome = await me.page.evaluate(async (board) => {
      const live = await new Promise<string>((resolve) => {
        const socket = new WebSocket(`${board.replace("http", "ws")}/live`);
        socket.onopen = () => resolve("open");
        socket.onclose = () => resolve("closed");
      });
      const body = new URLSearchParams({ name: "From elsewhere" });
      const wrote = await fetch(`${board}/fn/create_project`, { method: "POST", body, mode: "no-cors" }).then((answer) => answer.type, (error: Error) => error.name);
      return { live, wrote };
    }, alone.url);
    expect(outcome.live).toBe("closed");
    expect((await alone.call<{ projects: unknown[] }>("GET", "/projects")).projects).toHaveLength(before);
  } finally {
    await new Promise((resolve) => stranger.close(resolve));
  }
});
