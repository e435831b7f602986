// The real server, and what programs ask of it.
import fs from "node:fs";
import path from "node:path";
import { Child } from "./child.ts";
import { engine, engineFor } from "./engine.ts";
import { program, site } from "./places.ts";
import { Hopeless, until } from "./until.ts";

/** A task as REST shows it, as far as the tests look. */
export interface Task {
  id: string; number: number; title: string; status: string; description: string | null;
  priority: string; role: string | null; agent_session_key: string | null; agent_retry_count: number | null; position: number;
}
/** A comment as REST shows it. */
export interface Comment { id: string; author: string; author_type: string; content: string; type: string }
/** A project as REST shows it. */
export interface Project { id: string; slug: string; name: string; work_loop_enabled: number; task_count?: number }

/**
 * So many calls are under way where many are wanted. Convex is another machine, and who writes there at the same moment as
 * seven others may be asked to try again.
 */
const AT_ONCE = engine === "convex" ? 1 : 8;

/** A server on a folder of its own. It keeps its port over restarts. */
export class Board {
  url = "";
  private child: Child | undefined;
  private port = 0;

  constructor(readonly folder: string, private readonly gateway: { url: string; token: string }, private readonly more: Record<string, string> = {}) {
    fs.mkdirSync(path.join(folder, "home"), { recursive: true });
  }

  /** Starts it and waits until it answers. */
  async start(): Promise<this> {
    const ready = path.join(this.folder, "ready");
    fs.rmSync(ready, { force: true });
    const engine = await engineFor(this.folder);
    const inherited = Object.fromEntries(["PATH", "LANG", "LEPTOS_HASH_FILES"].map((name) => [name, process.env[name]]));
    this.child = new Child(program(), ["serve", "--port", String(this.port), "--ready-file", ready, "--data-dir", path.join(this.folder, "data")], {
      cwd: this.folder, // no .env.local here
      log: path.join(this.folder, "server.out"),
      env: {
        ...inherited, HOME: path.join(this.folder, "home"), LEPTOS_SITE_ROOT: site(),
        OPENCLAW_WS_URL: this.gateway.url, OPENCLAW_TOKEN: this.gateway.token, ...engine, ...this.more,
      },
    });
    const child = this.child;
    this.url = await until("the server is ready", () => {
      if (!child.alive) throw new Hopeless(fs.readFileSync(path.join(this.folder, "server.out"), "utf8"));
      return fs.existsSync(ready) ? fs.readFileSync(ready, "utf8").trim() : undefined;
    });
    this.port = Number(new URL(this.url).port);
    await until("the server answers", async () => (await fetch(`${this.url}/health`)).ok);
    return this;
  }

  /** Ends it as a power cut would. Returns at once; `ended` tells when it is gone. */
  cut(): void {
    this.child?.cut();
  }

  /** Resolves when the process is gone. */
  get ended(): Promise<void> {
    return this.child?.ended ?? Promise.resolve();
  }

  /** Whether the process lives. */
  get alive(): boolean {
    return this.child?.alive ?? false;
  }

  async stop(): Promise<void> {
    await this.child?.stop();
  }

  /** The process's id. */
  get pid(): number {
    return this.child?.pid ?? -1;
  }

  /** Port that it listens on. */
  get listens(): number {
    return this.port;
  }

  /** A REST call; fails unless the answer is a success. */
  async call<T>(method: string, route: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}/api${route}`, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  async createProject(fields: { name: string; slug: string; local_path?: string; work_loop_enabled?: boolean }): Promise<Project> {
    return (await this.call<{ project: Project }>("POST", "/projects", fields)).project;
  }

  async createTask(project: Project, title: string, fields: Record<string, unknown> = {}): Promise<Task> {
    return (await this.call<{ task: Task }>("POST", "/tasks", { project_id: project.id, title, ...fields })).task;
  }

  /** Many at once; their order is none in particular. */
  async createTasks(project: Project, titles: Iterable<string>, fields: (title: string) => Record<string, unknown> = () => ({})): Promise<void> {
    const left = titles[Symbol.iterator]();
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let next = left.next(); !next.done; next = left.next()) await this.createTask(project, next.value, fields(next.value));
    }));
  }

  async task(id: string): Promise<Task> {
    return (await this.call<{ task: Task }>("GET", `/tasks/${id}`)).task;
  }

  async tasks(project: Project): Promise<Task[]> {
    return (await this.call<{ tasks: Task[] }>("GET", `/tasks?projectId=${project.id}`)).tasks;
  }

  async comments(id: string): Promise<Comment[]> {
    return (await this.call<{ comments: Comment[] }>("GET", `/tasks/${id}/comments`)).comments;
  }

  async move(id: string, status: string): Promise<void> {
    await this.call("PATCH", `/tasks/${id}`, { status });
  }

  /** Waits until a task stands in a column. */
  async reaches(id: string, status: string, seconds = 60): Promise<Task> {
    return until(`${id} is ${status}`, async () => {
      const task = await this.task(id);
      if (task.status !== status) throw new Error(`it is ${task.status}`);
      return task;
    }, seconds);
  }

  /** Waits until the gateway is connected. */
  async connected(seconds = 60): Promise<void> {
    await until("the server is connected to the gateway", async () => {
      const status = await this.call<{ connected: boolean; error?: string }>("GET", "/openclaw/status");
      if (!status.connected) throw new Error(JSON.stringify(status));
      return true;
    }, seconds);
  }
}
