// Preload (node --require): this process ends when the process that started it does, even if that
// one got SIGKILL. OC_LIFELINE_FD names a socket whose other end only the starter holds.
"use strict";
const fd = Number(process.env.OC_LIFELINE_FD || 0);
delete process.env.OC_LIFELINE_FD; // children and worker threads have other files under that number
if (fd) {
  const { MARK, endMarked } = require("./processes.cjs");
  const line = new (require("node:net").Socket)({ fd, readable: true, writable: false });
  const end = () => {
    if (process.env[MARK]) endMarked(process.env[MARK]);
    process.kill(process.pid, "SIGKILL");
  };
  line.on("end", end).on("error", end).on("close", end).resume().unref();
}
