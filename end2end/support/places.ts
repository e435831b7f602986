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

/** The newest build of the profile that the tests want, as `scripts/build.sh` keeps it. */
function newest(): string | undefined {
  const file = `${root}/target/app/fast.newest`;
  return fs.existsSync(file) ? path.join(fs.readFileSync(file, "utf8").trim(), "clutch") : undefined;
}

/** The system's Firefox: `FIREFOX_PATH`, else its usual places. */
export function firefox(): string {
  const found = existing([process.env.FIREFOX_PATH, "/usr/bin/firefox-esr", "/usr/bin/firefox"]);
  if (!found) throw new Error("No Firefox: install it, or set FIREFOX_PATH.");
  return found;
}

/** The program: `CLUTCH_BIN`, else what run.sh built last, else what cargo did. */
export function program(): string {
  if (process.env.CLUTCH_BIN && !fs.existsSync(process.env.CLUTCH_BIN)) throw new Error(`CLUTCH_BIN names ${process.env.CLUTCH_BIN}, which is not there.`);
  const found = existing([process.env.CLUTCH_BIN, newest(), `${root}/target/fast/clutch`, `${root}/target/debug/clutch`]);
  if (!found) throw new Error("The program is not built: run ./run.sh test --only build, or set CLUTCH_BIN.");
  return found;
}

/** The site's files: `LEPTOS_SITE_ROOT`, else those beside the program, else the folder of `./run.sh dev`. */
export function site(): string {
  const beside = path.join(path.dirname(program()), "site");
  return path.resolve(process.env.LEPTOS_SITE_ROOT || (fs.existsSync(beside) ? beside : `${root}/target/site-dev`));
}
