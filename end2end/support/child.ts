// Processes of the tests: each has a log, and is ended by its own id.
import { spawn, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** Folder of one run of the suite; made by setup.ts, inherited by the workers. */
export function runFolder(): string {
  const folder = process.env.OPENCLUTCH_END2END;
  if (!folder) throw new Error("The tests are started with playwright test.");
  return folder;
}

/** When a process started, in clock ticks since boot: with its id this names it for good. */
export function startTime(pid: number): string | undefined {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** A process with its log. */
export class Child {
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Whether it lives. */
  alive = true;
  private readonly process: ChildProcess;

  constructor(program: string, args: string[], options: { cwd: string; env: Record<string, string | undefined>; log: string }) {
    const log = fs.openSync(options.log, "a");
    this.process = spawn(program, args, { cwd: options.cwd, env: options.env as NodeJS.ProcessEnv, stdio: ["ignore", log, log] });
    fs.closeSync(log);
    this.ended = new Promise((resolve) => {
      const over = () => { this.alive = false; resolve(); };
      this.process.once("exit", over).once("error", over);
    });
    const { pid } = this.process;
    // A worker that is killed itself cannot clean up: setup.ts does, after all tests.
    if (pid !== undefined) fs.writeFileSync(path.join(runFolder(), "pids", String(pid)), startTime(pid) ?? "");
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  /** Ends it at once, as a power cut would. */
  cut(): void {
    if (this.alive) this.process.kill("SIGKILL");
  }

  /** Asks it to go, and ends it when it does not within `seconds`. */
  async stop(seconds = 15): Promise<void> {
    if (!this.alive) return;
    this.process.kill("SIGTERM");
    const late = setTimeout(() => this.cut(), seconds * 1000);
    await this.ended;
    clearTimeout(late);
  }
}
