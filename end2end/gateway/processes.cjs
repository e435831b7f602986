// Finds and ends what a gateway left running: every process whose environment carries its mark.
"use strict";
const fs = require("node:fs");

/** Environment name that start-gateway gives to the gateway; everything it starts inherits it. */
const MARK = "OC_GATEWAY_MARK";

/** State letter and start time (clock ticks since boot) of a process; throws when there is none. */
function stat(pid) {
  const text = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0], started: fields[19] };
}

/** When a living process started: with its id it names a process for good. A zombie lives no more. */
function startTime(pid) {
  try {
    const { state, started } = stat(pid);
    return state === "Z" ? undefined : started;
  } catch { return undefined; }
}

/** Ids of the living processes, other than this one, that carry `mark`. */
function marked(mark) {
  const wanted = `\0${MARK}=${mark}\0`;
  return fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    if (pid === process.pid) return false;
    try {
      return `\0${fs.readFileSync(`/proc/${pid}/environ`, "latin1")}\0`.includes(wanted) && startTime(pid) !== undefined;
    } catch { return false; } // gone, or somebody else's
  });
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
