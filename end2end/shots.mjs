// ./run.sh shots: pictures of the demo's pages, dark and light, wide and on a phone. Fails on what a
// picture would show as broken: sideways scroll, clipped text, text under 12 pixels.
//
//   CLUTCH_URL        address of a running demo (CLUTCH_SHOTS_URL wins)
//   CLUTCH_SHOTS_DIR  where the pictures go     (shots/ beside this folder)
//   CHROMIUM_PATH     Chromium                  (/usr/bin/chromium)
import fs from "node:fs";
import path from "node:path";
import { chromium } from "@playwright/test";

const address = (process.env.CLUTCH_SHOTS_URL || process.env.CLUTCH_URL || "").replace(/\/+$/, "");
const folder = path.resolve(process.env.CLUTCH_SHOTS_DIR || path.join(import.meta.dirname, "../shots"));
const SIZES = [[1440, 900], [390, 844]];
const LOOKS = ["dark", "light"];
const SMALLEST_PX = 12;

if (!address) {
  console.error("Set CLUTCH_URL to the address of a running OpenClutch; ./run.sh shots does it.");
  process.exit(2);
}

/** Faults of the page as it stands, each with the element that has it. Runs in the page. */
function faults(smallest) {
  const found = [];
  const name = (element) => {
    const classes = element.getAttribute("class")?.trim().split(/\s+/).map((word) => `.${word}`).join("") ?? "";
    const text = (element.textContent ?? "").trim().replace(/\s+/g, " ").slice(0, 50);
    return `<${element.localName}${element.id ? `#${element.id}` : ""}${classes}> "${text}"`;
  };
  /** Words that only screen readers get. */
  const unseen = (element) => {
    for (let here = element; here; here = here.parentElement) {
      if (getComputedStyle(here).clipPath === "inset(50%)" || (here.clientWidth === 1 && here.clientHeight === 1)) return true;
    }
    return false;
  };
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`the page scrolls sideways: ${root.scrollWidth} px in ${root.clientWidth}`);
  for (const element of document.body.querySelectorAll("*")) {
    if (!(element instanceof HTMLElement) || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0 || unseen(element)) continue;
    const ownText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    const size = parseFloat(style.fontSize);
    if ((ownText || element.matches("input, textarea, select")) && size < smallest) found.push(`text of ${size} px: ${name(element)}`);
    // What sticks out of the window where nothing can be scrolled to it.
    let holder = element.parentElement;
    while (holder && !/auto|scroll/.test(getComputedStyle(holder).overflowX)) holder = holder.parentElement;
    if (!holder && ownText && style.position !== "fixed" && box.right > root.clientWidth + 1 && !element.closest("[inert], nav:not(.open)")) found.push(`sticks out at the right: ${name(element)}`);
    if (!ownText) continue;
    const hides = /hidden|clip/;
    const dots = style.textOverflow === "ellipsis", clamped = style.webkitLineClamp !== "none" && style.webkitLineClamp !== "";
    if (hides.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1 && !dots && !clamped) found.push(`clipped at the side: ${name(element)}`);
    if (hides.test(style.overflowY) && element.scrollHeight > element.clientHeight + 1 && !clamped && !dots) found.push(`clipped below: ${name(element)}`);
    // Cut by what is around it, without dots there.
    for (let around = element.parentElement; around && around !== document.body; around = around.parentElement) {
      const outer = getComputedStyle(around);
      if (/auto|scroll/.test(outer.overflowX)) break;
      if (!hides.test(outer.overflowX)) continue;
      if (outer.textOverflow === "ellipsis" || (outer.webkitLineClamp !== "none" && outer.webkitLineClamp !== "")) break;
      const area = around.getBoundingClientRect();
      if (box.left < area.left - 1 || box.right > area.right + 1) found.push(`cut off by <${around.localName}.${around.className}>: ${name(element)}`);
      break;
    }
  }
  return found;
}

/** The page stands still: fonts are there, nothing moves that ends by itself, and it is live. */
async function settle(page) {
  await page.locator(".feed", { hasText: /^Live$/ }).waitFor({ state: "attached" });
  await page.evaluate(async () => {
    await document.fonts.ready;
    const ending = document.getAnimations().filter((animation) => Number.isFinite(animation.effect?.getComputedTiming().endTime));
    await Promise.all(ending.map((animation) => animation.finished.catch(() => {})));
  });
}

const projects = (await (await fetch(`${address}/api/projects`)).json()).projects;
const project = projects.toSorted((a, b) => b.task_count - a.task_count)[0];
if (!project) {
  console.error(`${address} has no project: start the demo first (./run.sh demo).`);
  process.exit(2);
}
const tasks = (await (await fetch(`${address}/api/tasks?projectId=${project.id}`)).json()).tasks;
// The ticket with the most to show.
const rank = ["in_progress", "in_review", "blocked", "ready", "done", "backlog"];
const task = tasks.toSorted((a, b) => rank.indexOf(a.status) - rank.indexOf(b.status))[0];
const board = `/projects/${project.slug}/board`;
const chat = (await (await fetch(`${address}/api/chats?projectId=${project.id}`)).json()).chats[0];
const pages = [
  ["home", "/"], ["board", board],
  ...(task ? [["panel", `${board}?task=T-${task.number}`]] : []),
  ...(chat ? [["chat", `/projects/${project.slug}/chat?chat=${chat.id}`]] : []),
];

fs.mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let bad = 0;
try {
  for (const colorScheme of LOOKS) {
    for (const [width, height] of SIZES) {
      const phone = width < 600;
      const context = await browser.newContext({ viewport: { width, height }, colorScheme, deviceScaleFactor: phone ? 2 : 1, isMobile: phone, hasTouch: phone });
      const page = await context.newPage();
      page.on("console", (message) => { if (message.type() === "error") { bad += 1; console.error(`console: ${message.text()}`); } });
      page.on("pageerror", (error) => { bad += 1; console.error(`page error: ${error.message}`); });
      for (const [name, route] of pages) {
        const file = `${name}-${colorScheme}-${width}.png`;
        await page.goto(address + route);
        await settle(page);
        await page.screenshot({ path: path.join(folder, file) });
        for (const fault of await page.evaluate(faults, SMALLEST_PX)) {
          bad += 1;
          console.error(`${file}: ${fault}`);
        }
        console.log(file);
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
}
if (bad) {
  console.error(`${bad} faults; the pictures are in ${folder}.`);
  process.exit(1);
}
console.log(`${pages.length * LOOKS.length * SIZES.length} pictures, no sideways scroll, no clipped text, none under ${SMALLEST_PX} px`);
