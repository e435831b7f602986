// A real gateway whose model is a script, and that model's request log.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { Child } from "./child.ts";
import { gatewayScripts } from "./places.ts";
import { Hopeless, until } from "./until.ts";

/** Pauses of the scripted model: quick, and still long enough to be seen at work. */
const PACE = "0.2";

/** A line of the model's log; gateway/scripted-model.mjs says what the fields mean. */
export interface Asked { at: number; kind: string; ticket?: string; attempt?: number; step?: number; name?: string; later?: number; session?: string; asked?: string; model?: string; introduced?: boolean; pictures?: number }

/** A gateway on a folder of its own. It keeps port and state over restarts. */
export class Gateway {
  static readonly token = "end2end-token";
  private child: Child | undefined;
  private pid = 0;
  /** The sample repository that its agents work in. */
  readonly repository: string;
  private readonly logs: string;

  private constructor(readonly folder: string, readonly port: number) {
    this.repository = path.join(folder, "sample");
    this.logs = path.join(folder, "gateway-logs");
  }

  /** A gateway that is not started yet, with a port and a sample repository. */
  static async prepare(folder: string): Promise<Gateway> {
    fs.mkdirSync(folder, { recursive: true });
    const gateway = new Gateway(folder, await freePort());
    execFileSync(path.join(gatewayScripts, "sample-repo.sh"), [gateway.repository]);
    return gateway;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Starts it. `board`: where its plugin reports. */
  async start(board: string, pace = PACE): Promise<void> {
    const out = path.join(this.folder, "gateway.out");
    fs.rmSync(out, { force: true });
    const env: Record<string, string | undefined> = { ...process.env };
    for (const name of Object.keys(env)) if (/^(OPENCLAW|CLUTCH|LEPTOS|SCRIPT)_|^OC_(?!PREFIX)/.test(name)) delete env[name];
    const child = new Child(path.join(gatewayScripts, "start-gateway.sh"), [], {
      cwd: this.folder, log: out,
      env: {
        ...env, OC_PORT: String(this.port), OC_STATE: path.join(this.folder, "gateway"), OC_LOG_DIR: this.logs, OC_WORKSPACE: this.repository,
        OC_TOKEN: Gateway.token, OC_STOP_GRACE: "1", CLUTCH_URL: board, SCRIPT_PACE: pace,
      },
    });
    this.child = child;
    this.pid = await until("the gateway is ready", () => {
      const said = fs.existsSync(out) ? fs.readFileSync(out, "utf8") : "";
      if (!child.alive) throw new Hopeless(`The gateway ended: ${said}`);
      return Number(/^READY .*gateway_pid=(\d+)/m.exec(said)?.[1] ?? 0);
    }, 120);
  }

  /** Ends the gateway's process as a power cut would, and waits until all that belongs to it is gone. */
  async cut(): Promise<void> {
    process.kill(this.pid, "SIGKILL");
    await this.child?.ended;
  }

  async stop(): Promise<void> {
    await this.child?.stop();
  }

  /** What the model was asked about a ticket, oldest first. */
  asked(ticket: string): Asked[] {
    return this.log().filter((line) => line.kind === "work" && line.ticket === ticket);
  }

  /** How often the model was asked in a chat with words that begin like this; other tests may say the same in theirs. */
  spoken(words: string, chat: string): number {
    return this.talk(words).filter((line) => line.session?.includes(chat)).length;
  }

  /** What the model was asked in chats with words that begin like this. */
  talk(words: string): Asked[] {
    return this.log().filter((line) => line.kind === "chat" && line.asked?.startsWith(words));
  }

  private log(): Asked[] {
    const log = path.join(this.logs, "model.jsonl");
    if (!fs.existsSync(log)) return [];
    return fs.readFileSync(log, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line) as Asked);
  }

  /** How often each attempt of a ticket was sent to an agent: its first step before any later message. */
  dispatches(ticket: string): Record<number, number> {
    const counts: Record<number, number> = {};
    for (const line of this.asked(ticket)) {
      if (line.step === 0 && line.later === 0) counts[line.attempt ?? 0] = (counts[line.attempt ?? 0] ?? 0) + 1;
    }
    return counts;
  }

  /** Waits until the agent of a ticket is at this step or beyond. */
  async atStep(ticket: string, step: number): Promise<void> {
    await until(`the agent of ${ticket} is at step ${step}`, () => this.asked(ticket).some((line) => (line.step ?? 0) >= step), 60);
  }

  /** Commits of the sample repository that belong to a ticket. */
  commits(ticket: string): string[] {
    const log = execFileSync("git", ["-C", this.repository, "log", "--format=%H", `--grep=Ticket: ${ticket}`], { encoding: "utf8" });
    return log.split("\n").filter(Boolean);
  }
}

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
