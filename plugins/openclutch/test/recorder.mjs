// An HTTP server that records what it gets and answers what the test says.
import http from "node:http";

/**
 * `answer(request)` gives `{status, body}` (or undefined for 200 and `{}`); a request is
 * `{method, path, headers, text, body, at}`; `body` is the text's JSON, undefined for plain text. `drop: true` in the answer cuts the connection instead.
 */
export async function recorder(answer = () => undefined) {
  const requests = [];
  const server = http.createServer(async (incoming, response) => {
    let text = "";
    for await (const part of incoming) text += part;
    const plain = /^text\/plain\b/.test(incoming.headers["content-type"] ?? "");
    const request = { method: incoming.method, path: incoming.url, headers: incoming.headers, text, body: text && !plain ? JSON.parse(text) : undefined, at: Date.now() };
    requests.push(request);
    const { status = 200, body = {}, drop = false, silent = false } = (await answer(request, requests)) ?? {};
    if (silent) return;
    if (drop) { incoming.socket.destroy(); return; }
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise((resolve, reject) => server.on("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    requests,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }),
  };
}
