// The closed door, from outside: only this machine, only our own pages.
import http from "node:http";
import { Board } from "../support/board.ts";
import { expect, freshProject, test, withHouse } from "../support/fixtures.ts";
import { Gateway, freePort } from "../support/gateway.ts";
import { openPanel, panel } from "../support/look.ts";

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

/** Everything by which a page reaches another origin; each answers what it could read, or a word for nothing. */
async function attacks(board: string): Promise<Record<string, string>> {
  const nothing = (error: Error) => error.name;
  const read = (url: string, init: RequestInit) => fetch(board + url, init).then(async (answer) => answer.type === "opaque" ? "opaque" : `read ${await answer.text()}`, nothing);
  const form = () => new URLSearchParams({ name: "From elsewhere" });
  const json = JSON.stringify({ name: "From elsewhere", slug: "elsewhere" });
  const element = (make: () => HTMLElement & { onload: unknown; onerror: unknown }) => new Promise<string>((resolve) => {
    const it = make();
    it.onload = () => resolve("loaded");
    it.onerror = () => resolve("error");
    document.body.append(it);
  });
  const submitted = (action: string, type: string, method = "post") => new Promise<string>((resolve) => {
    const frame = Object.assign(document.createElement("iframe"), { name: `frame-${Math.random()}` });
    document.body.append(frame);
    const it = Object.assign(document.createElement("form"), { action: board + action, method, enctype: type, target: frame.name });
    it.append(Object.assign(document.createElement("input"), { name: type === "text/plain" ? `{"name":"From elsewhere","slug":"e` : "name", value: type === "text/plain" ? `":1}` : "From elsewhere" }));
    document.body.append(it);
    frame.onload = () => {
      if (frame.contentDocument?.URL === "about:blank") return;
      let seen = "nothing";
      try { seen = frame.contentDocument === null ? "nothing" : `read ${frame.contentDocument.body.innerText}`; } catch { /* another origin's */ }
      resolve(seen);
    };
    it.submit();
  });
  const image = new FormData();
  image.append("image", new Blob([new Uint8Array([0x89, 0x50, 0x4e, 0x47])], { type: "image/png" }), "x.png");
  return {
    "form by fetch": await read("/fn/create_project", { method: "POST", body: form(), mode: "no-cors", credentials: "include" }),
    "form by fetch, asked for": await read("/fn/create_project", { method: "POST", body: form(), credentials: "include" }),
    "text by fetch": await read("/api/projects", { method: "POST", body: json, mode: "no-cors", credentials: "include" }),
    "json by fetch": await read("/api/projects", { method: "POST", body: json, headers: { "content-type": "application/json" }, credentials: "include" }),
    "patch": await read("/api/projects/known", { method: "PATCH", body: JSON.stringify({ name: "From elsewhere" }) }),
    "delete": await read("/api/projects/known", { method: "DELETE" }),
    "list": await read("/api/projects", { credentials: "include" }),
    "list, blind": await read("/api/projects", { mode: "no-cors", credentials: "include" }),
    "page": await read("/projects/known/board", { credentials: "include" }),
    "words of the board": await read("/fn/load_home", { method: "POST", body: "", credentials: "include" }),
    "picture by fetch": await read("/api/upload/image", { method: "POST", body: image, mode: "no-cors" }),
    "beacon": String(navigator.sendBeacon(`${board}/fn/create_project`, form())),
    "image": await element(() => Object.assign(document.createElement("img"), { src: `${board}/api/projects` })),
    "script": await element(() => Object.assign(document.createElement("script"), { src: `${board}/api/projects` })),
    "style": await element(() => Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${board}/api/projects` })),
    "form": await submitted("/fn/create_project", "application/x-www-form-urlencoded"),
    "form of pieces": await submitted("/fn/create_project", "multipart/form-data"),
    "form of text": await submitted("/api/projects", "text/plain"),
    "form by address": await submitted("/fn/create_project", "application/x-www-form-urlencoded", "get"),
    "events": await new Promise<string>((resolve) => {
      const events = new EventSource(`${board}/live`);
      events.onopen = () => resolve("read events");
      events.onerror = () => resolve("error");
    }),
    "socket": await new Promise<string>((resolve) => {
      const socket = new WebSocket(`${board.replace("http", "ws")}/live`);
      socket.onopen = () => resolve("read frames");
      socket.onclose = () => resolve("closed");
    }),
  };
}

test("a page of another site reads and changes nothing, whatever it tries", async ({ alone, visitor }) => {
  const project = await alone.createProject({ name: "Known", slug: "known" });
  // A sandboxed page is of no origin at all.
  const stranger = http.createServer((request, response) => {
    if (request.url === "/sandbox") response.setHeader("content-security-policy", "sandbox allow-scripts allow-forms");
    response.setHeader("content-type", "text/html").end("<!doctype html><title>elsewhere</title><body></body>");
  });
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const { port } = stranger.address() as { port: number };
  try {
    const before = await alone.call("GET", "/projects");
    const me = await visitor();
    me.expectTrouble(/./);
    // The browser has the cookie of a person who has opened the board.
    await me.page.goto(`${alone.url}/`);
    for (const origin of [`http://127.0.0.1:${port}/`, `http://localhost:${port}/`, `http://127.0.0.1:${port}/sandbox`]) {
      await me.page.goto(origin);
      const outcome = await me.page.evaluate(attacks, alone.url);
      expect(Object.keys(outcome).length).toBeGreaterThan(20);
      for (const [what, seen] of Object.entries(outcome)) expect(seen, `${what} from ${origin}`).not.toMatch(/^read|^loaded/);
      expect(await alone.call("GET", "/projects"), origin).toEqual(before);
    }
    expect((await alone.call<{ project: { name: string } }>("GET", `/projects/${project.id}`)).project.name).toBe("Known");
    // The same from a page of ours: what is tried is what works.
    await me.page.goto(`${alone.url}/`);
    const outcome = await me.page.evaluate(attacks, alone.url);
    for (const what of ["list", "page", "form by fetch, asked for", "socket"]) expect(outcome[what], what).toMatch(/^read/);
    expect(await alone.call("GET", "/projects")).not.toEqual(before);
  } finally {
    await new Promise((resolve) => stranger.close(resolve));
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

test("two boards in one browser: whoever is at both is the person at both", async ({ alone, visitor }) => {
  await withHouse("second", async (house) => {
    const second = new Board(`${house.folder}/board`, { url: `ws://127.0.0.1:${await freePort()}`, token: Gateway.token });
    house.atEnd(() => second.stop());
    await second.start();
    const me = await visitor();
    // Both are 127.0.0.1 to the browser, which keeps cookies by host and not by port.
    const tabs = [me.page, await me.page.context().newPage()];
    const boards = [alone, second];
    const tasks = [];
    for (const [n, board] of boards.entries()) {
      const project = await freshProject(board, "Both");
      tasks.push(await board.createTask(project, `On board ${n}`));
      await tabs[n].goto(`${board.url}/projects/${project.slug}/board`);
      await expect(tabs[n].locator(".feed")).toHaveText("Live", { timeout: 20_000 });
    }
    for (const round of ["before", "after each other"]) {
      for (const [n, tab] of tabs.entries()) {
        const opened = round === "before" ? await openPanel(tab, tasks[n].title) : panel(tab);
        const thread = opened.getByRole("region", { name: /^Comments/ });
        await thread.getByLabel("Comment", { exact: true }).fill(`Mine, ${round}`);
        await thread.getByRole("button", { name: "Comment", exact: true }).click();
        const comment = thread.getByRole("article").filter({ hasText: `Mine, ${round}` });
        await expect(comment).toContainText("You");
      }
    }
    for (const [n, board] of boards.entries()) {
      const comments = await board.call<{ comments: { author_type: string; by?: string }[] }>("GET", `/tasks/${tasks[n].id}/comments`);
      expect(comments.comments.map(({ author_type }) => author_type)).toEqual(["human", "human"]);
    }
  });
});

test("a browser that is refused reads why, and where the board is", async ({ alone, browser }) => {
  const page = await browser.newPage({ colorScheme: "dark", viewport: { width: 390, height: 700 } });
  const answer = await page.goto(`http://board.localhost:${alone.listens}/projects`);
  expect(answer?.status()).toBe(403);
  await expect(page.getByRole("heading", { name: "OpenClutch serves only its own machine" })).toBeVisible();
  await expect(page.getByRole("main")).toContainText(`sent to “board.localhost:${alone.listens}”`);
  // Its look is its own: it is dark, and nothing is wider than a phone.
  expect(await page.evaluate(() => [getComputedStyle(document.body).fontSize, document.documentElement.scrollWidth])).toEqual(["16px", 390]);
  await page.getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1 })).not.toContainText("only its own machine");
  expect(page.url()).toBe(`http://127.0.0.1:${alone.listens}/`);
  await page.close();
});
