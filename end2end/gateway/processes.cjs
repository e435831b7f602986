// Finds and ends what a gateway left running: every process whose environment carries its mark.
"use strict";
const fs = require("node:fs");

/** Environment name that start-gateway gives to the gateway; everything it starts inherits it. */
const MARK = "OC_GATEWAY_MARK";

/** Ids of the processes, other than this one, that carry `mark`. A process that ends meanwhile is skipped. */
function marked(mark) {
  const wanted = `\0${MARK}=${mark}\0`;
  return fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    if (pid === process.pid) return false;
    try {
      return `\0${fs.readFileSync(`/proc/${pid}/environ`, "latin1")}\0`.includes(wanted) && state(pid) !== "Z";
    } catch { return false; } // gone, or somebody else's
  });
}

/** The one-letter state of a process: Z has ended and waits for its parent to notice. */
function state(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2)[0];
}

/** When a process started, in clock ticks since boot: with the id it names a process for good. */
function startTime(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch { return undefined; }
}

/** Ends all that carry `mark` at once; the dead cannot start others, so a few rounds find everyone. */
function endMarked(mark) {
  for (let round = 0; round < 20; round++) {
    const pids = marked(mark);
    if (pids.length === 0) return;
    for (const pid of pids) try { process.kill(pid, "SIGKILL"); } catch { /* it was faster */ }
  }
}

module.exports = { MARK, marked, startTime, endMarked };
