// Listens to the gateway in a thread of its own, so that its times do not wait for a hundred viewers' frames:
// posts {at, text} for each piece of an answer in a chat.
import { parentPort, workerData } from "node:worker_threads";
import { canonical, connect, textOf } from "../gateway/client.mjs";

const client = await connect(workerData);
client.event((frame) => {
  const at = Date.now();
  if (frame.event === "chat" && frame.payload.state === "delta" && canonical(frame.payload.sessionKey).includes(workerData.chat)) {
    parentPort.postMessage({ at, text: textOf(frame.payload.message) });
  }
  return false;
}, 2 ** 31 - 1).catch(() => {}); // it listens until its thread is ended
parentPort.postMessage({ at: Date.now(), text: "" });
