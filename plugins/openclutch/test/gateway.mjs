// A real gateway with this plugin and a model that the test plays itself.
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { connect } from "../../../end2end/gateway/client.mjs";

const start = path.resolve(import.meta.dirname, "../../../end2end/gateway/start-gateway.sh");

/**
 * An OpenAI-compatible model server. `replies` is what it says next, one per request:
 * `{text}` or `{tool, args}`. Every request's body is kept in `requests`.
 */
export async function puppetModel() {
  const replies = [], requests = [];
  const server = http.createServer(async (incoming, response) => {
    let text = "";
    for await (const part of incoming) text += part;
    requests.push(JSON.parse(text || "{}"));
    const reply = replies.shift() ?? { text: "Nothing more to say." };
    const id = `reply-${requests.length}`;
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (delta, finish_reason = null) => response.write(
      `data: ${JSON.stringify({ id, object: "chat.completion.chunk", created: 1, model: "puppet", choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
    send({ role: "assistant", content: reply.text ?? "" });
    if (reply.tool) send({ tool_calls: [{ index: 0, id: `call_${requests.length}`, type: "function", function: { name: reply.tool, arguments: JSON.stringify(reply.args) } }] });
    send({}, reply.tool ? "tool_calls" : "stop");
    response.end("data: [DONE]\n\n");
  });
  await new Promise((resolve, reject) => server.on("error", reject).listen(0, "127.0.0.1", resolve));
  return { replies, requests, url: `http://127.0.0.1:${server.address().port}/v1`, close: () => { server.closeAllConnections(); server.close(); } };
}

/** Starts gateway `version` with this plugin against the board at `boardUrl`; `{client, log(), stop()}`. */
export async function gateway({ version, boardUrl, modelUrl }) {
  const state = fs.mkdtempSync(path.join(os.tmpdir(), `openclutch-plugin-${version}-`));
  const child = spawn(start, [], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, OC_VERSION: version, OC_PREFIX: "", OC_PORT: "0", OC_STATE: state, OC_MODEL_URL: modelUrl, OC_READY_PATH: "/readyz", CLUTCH_URL: boardUrl, OC_STOP_GRACE: "2" },
  });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const hear = (text) => { said += text; const ready = /READY (\S+)/.exec(said); if (ready) resolve(ready[1]); };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    child.on("exit", (code) => reject(new Error(`the gateway did not start (${code}): ${said}`)));
  });
  const client = await connect({ url });
  return {
    client,
    log: () => fs.readFileSync(`${state}/logs/gateway.log`, "utf8").replace(/\x1b\[\d+m/g, ""),
    async stop() { client.close(); child.kill("SIGTERM"); await ended; fs.rmSync(state, { recursive: true, force: true }); },
  };
}
