// Before all tests: a folder for this run. After them: no process of ours is left.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { startTime } from "./child.ts";
import { program } from "./places.ts";

export default function setup(): () => void {
  console.log(`program: ${program()}`);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "openclutch-end2end-"));
  fs.mkdirSync(path.join(folder, "pids"));
  process.env.OPENCLUTCH_END2END = folder;
  return () => {
    const left = fs.readdirSync(path.join(folder, "pids")).filter((pid) => {
      const started = startTime(Number(pid));
      return started !== undefined && started === fs.readFileSync(path.join(folder, "pids", pid), "utf8");
    });
    for (const pid of left) process.kill(Number(pid), "SIGKILL");
    fs.rmSync(path.join(folder, "pids"), { recursive: true });
    if (fs.readdirSync(folder).length === 0) fs.rmdirSync(folder);
    else console.log(`Kept, because something failed: ${folder}`);
    if (left.length) throw new Error(`The tests left processes behind: ${left.join(", ")}`);
  };
}
