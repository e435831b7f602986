// Where the servers under test keep their data: SQLite in their own folder, or, with CLUTCH_TEST_ENGINE=convex,
// a Convex deployment of their own, which is the bridge in end2end/convex-bridge.
import fs from "node:fs";
import path from "node:path";
import { Child } from "./child.ts";
import { root } from "./places.ts";
import { Hopeless, until } from "./until.ts";

/** The engine of this run. */
export const engine: "sqlite" | "convex" = process.env.CLUTCH_TEST_ENGINE === "convex" ? "convex" : "sqlite";

const KEY = "test|bridge-admin-key";
const running = new Map<string, { child: Child; url: string; control: string }>();

/** Settings that give the server of a folder its engine. The engine outlives the server's restarts. */
export async function engineFor(folder: string): Promise<Record<string, string>> {
  if (engine === "sqlite") return {};
  let bridge = running.get(folder);
  if (!bridge) {
    const log = path.join(folder, "convex.out");
    const child = new Child(process.execPath, [path.join(root, "end2end/convex-bridge/bridge.mjs"), "--admin-key", KEY], {
      cwd: folder, log, env: { PATH: process.env.PATH, HOME: path.join(folder, "home") },
    });
    const [, port, control] = await until("the Convex bridge is ready", () => {
      const said = fs.readFileSync(log, "utf8");
      if (!child.alive) throw new Hopeless(said);
      return /^READY (\d+) (\d+)$/m.exec(said);
    });
    bridge = { child, url: `http://127.0.0.1:${port}`, control: `http://127.0.0.1:${control}` };
    running.set(folder, bridge);
  }
  return { CONVEX_URL: bridge.url, CONVEX_SELF_HOSTED_ADMIN_KEY: KEY };
}

/** Asks something of the control port of a folder's Convex bridge: see end2end/convex-bridge/bridge.mjs. */
export async function troubleConvex(folder: string, what: string, body: unknown = {}): Promise<void> {
  const answer = await fetch(`${running.get(folder)?.control}/${what}`, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${what}: ${await answer.text()}`);
}

/** Ends the engines of all folders in a folder. */
export async function endEngines(within: string): Promise<void> {
  for (const [folder, { child }] of running) {
    if (!folder.startsWith(within)) continue;
    running.delete(folder);
    await child.stop();
  }
}
