// Where things are: the program under test, its site, Chromium, the gateway's scripts.
import fs from "node:fs";
import path from "node:path";

/** The repository. */
export const root = path.resolve(import.meta.dirname, "../..");

/** Scripts of the gateway and the sample repository. */
export const gatewayScripts = path.join(root, "end2end/gateway");

const existing = (candidates: (string | undefined)[]) => candidates.filter((file) => file !== undefined).find((file) => fs.existsSync(file));

/** The system's Chromium: `CHROMIUM_PATH`, else its usual places. */
export function chromium(): string {
  const found = existing([process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]);
  if (!found) throw new Error("No Chromium: install it, or set CHROMIUM_PATH.");
  return found;
}

/** The program: `CLUTCH_BIN`, else what cargo built last with the profile of the tests. */
export function program(): string {
  if (process.env.CLUTCH_BIN && !fs.existsSync(process.env.CLUTCH_BIN)) throw new Error(`CLUTCH_BIN names ${process.env.CLUTCH_BIN}, which is not there.`);
  const found = existing([process.env.CLUTCH_BIN, `${root}/target/fast/clutch`, `${root}/target/debug/clutch`]);
  if (!found) throw new Error("The program is not built: run ./run.sh test --only browser, or set CLUTCH_BIN.");
  return found;
}

/** The site's files: `LEPTOS_SITE_ROOT`, else the folder of a build by hand. */
export function site(): string {
  return path.resolve(process.env.LEPTOS_SITE_ROOT || `${root}/target/site`);
}
