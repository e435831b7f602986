// Figures: of many times, of processes, and the table that is printed.
import fs from "node:fs";
import type { Browser, Page } from "@playwright/test";

/** The value that this share (0 to 1) of all does not exceed. */
export function share(values: number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/** `p50 12 ms, p99 40 ms, most 55 ms (300)`. */
export const spread = (values: number[]): string =>
  `p50 ${Math.round(share(values, 0.5))} ms, p99 ${Math.round(share(values, 0.99))} ms, most ${Math.round(Math.max(...values))} ms (of ${values.length})`;

/** Resident memory of a process in MB; `peak`: the most that it ever had. */
export function memory(pid: number, peak = false): number {
  const line = new RegExp(`^${peak ? "VmHWM" : "VmRSS"}:\\s*(\\d+) kB`, "m").exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(line![1]) / 1000);
}

/** Resident memory of the largest page's process, in MB. */
export async function tabMemory(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return Math.max(...processInfo.filter(({ type }) => type === "renderer").map(({ id }) => memory(id)));
}

/** What a page has used so far; megabytes after what is not needed was let go, seconds of its main thread. */
export interface Used { heap: number; nodes: number; script: number; task: number }

/** Gives a way to ask what a page has used. */
export async function usage(page: Page): Promise<() => Promise<Used>> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  return async () => {
    await session.send("HeapProfiler.collectGarbage");
    const { metrics } = await session.send("Performance.getMetrics");
    const of = (name: string) => metrics.find((metric) => metric.name === name)!.value;
    return { heap: of("JSHeapUsedSize") / 1e6, nodes: of("Nodes"), script: of("ScriptDuration"), task: of("TaskDuration") };
  };
}

const TICKS_PER_SECOND = 100;

/** Seconds of processor time that a process has used. */
export function processor(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Writes lines of the table: for whoever looks on, and for the file that the script prints at the end. */
export function figure(what: string, ...lines: string[]): void {
  const text = `${what}\n${lines.map((line) => `  ${line}\n`).join("")}`;
  console.log(text);
  if (process.env.CLUTCH_FIGURES) fs.appendFileSync(process.env.CLUTCH_FIGURES, text);
}
