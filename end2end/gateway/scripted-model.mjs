#!/usr/bin/env node
// An OpenAI-compatible model server for the demo and the browser tests, without dependencies. It
// recognises the work loop's prompt and plays a person's part with the agent's own tools; to
// everything else it says a sentence about the sample project. The parts are in script.mjs.
//
//   SCRIPT_PORT    port, 0 = a free one                                    (0)
//   SCRIPT_PACE    stretches all pauses: 1 = 10 to 20 seconds for a ticket (1)
//   SCRIPT_MODELS  ","-separated model ids                                 (lively-1)
//   SCRIPT_LOG     file that gets one JSON line per request                ()
//
// A line of the log: {at, kind: "work" | "chat" | "summary", session, messages}, for chat {model, asked,
// ticket, introduced, pictures}: the words, the ticket that the chat is about, whether the project's context stood
// before them, and pictures with them; for work {ticket, attempt, step, name,
// prompts, later}: `step` 0 is the first call of an attempt, so more than one line with step 0 and
// `later` 0 for one ticket and attempt means that it was dispatched twice. `prompts` counts the loop's
// prompt in the session, `later` the messages after it (an answer, or the gateway's own after its restart).
import fs from "node:fs";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { nextWords, readChat } from "./chat-script.mjs";
import { chatSentence, nextStep, readSession } from "./script.mjs";

const PACE = Number(process.env.SCRIPT_PACE || 1);
const MODELS = (process.env.SCRIPT_MODELS || "lively-1").split(",");
const LOG = process.env.SCRIPT_LOG || "";
const THINK_MS = 600, WORD_MS = 60; // before the first word, and between words, at pace 1
let made = 0;

const textOf = (content) => typeof content === "string" ? content
  : Array.isArray(content) ? content.map((part) => (typeof part === "string" ? part : part?.text ?? "")).join("\n") : "";

/** A user's words without what gateways wrap around them. */
const userText = (content) => textOf(content)
  .replace(/<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>[\s\S]*?(<<<END_OPENCLAW_INTERNAL_CONTEXT>>>|$)/g, "")
  .replace(/^Conversation info \(untrusted metadata\):\n```json[\s\S]*?```\n+/, "")
  .replace(/^\[[A-Z][a-z]{2} \d{4}-\d\d-\d\d [^\]]*\] /, "")
  .replace(/\n+Runtime: (name=[^|\n]*\| )?agent=[^\n]*/g, "")
  .trim();

function plain(message) {
  const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => {
    try { return { id, name, args: JSON.parse(args || "{}") }; } catch { return { id, name, args: {} }; }
  });
  const pictures = Array.isArray(message.content) ? message.content.filter((part) => part?.type === "image_url").length : 0;
  return { role: message.role, pictures, text: message.role === "user" ? userText(message.content) : textOf(message.content), calls, callId: message.tool_call_id };
}

// A gateway that shortens a session takes only a summary with these sections.
const SUMMARY = ["## Decisions", "## Open TODOs", "## Constraints/Rules", "## Pending user asks", "## Exact identifiers"];
const summary = () => SUMMARY.map((section) => `${section}\n- The feeder log stays one line per visit.`).join("\n\n");

/** What to answer to a request, and what to write about it into the log. */
function decide(body) {
  const messages = (body.messages ?? []).map(plain).filter((message) => message.role !== "user" || message.text);
  const offered = new Set((body.tools ?? []).map((tool) => tool.function?.name));
  const session = /\bsession=(\S+)/.exec((body.messages ?? []).map((message) => textOf(message.content)).join("\n"))?.[1];
  const work = readSession(messages);
  const users = messages.filter((message) => message.role === "user").length;
  // A gateway also asks for titles and summaries, without tools.
  const talk = work ? undefined : readChat(messages);
  if (talk && offered.size && /(^|:)clutch:/.test(session ?? "clutch:")) {
    const { say = "", call, fail, whole } = nextWords(talk, offered);
    const { asked, ticket, introduced, pictures } = talk;
    return { note: { kind: "chat", session, model: body.model, messages: users, asked: asked.slice(0, 200), ticket, introduced, pictures }, say, call, fail, whole };
  }
  if (messages.some((message) => message.text.includes(SUMMARY[0]))) return { note: { kind: "summary", session, messages: users }, say: summary() };
  if (!work || !offered.has("exec")) return { note: { kind: "chat", session, messages: users }, say: chatSentence(users - 1) };
  const { step, name, say, call, fail } = nextStep(work, PACE);
  const note = { kind: "work", session, messages: users, ticket: work.prompt.ticket, attempt: work.prompt.attempt, step, name, prompts: work.prompts, later: work.later };
  if (call && !offered.has(call.name)) {
    return { note: { ...note, name: "no tool" }, say: `I was not given the tool "${call.name}", so I stop here. The gateway hides it or the plugin is not loaded.` };
  }
  // Somebody writes into the session after the work was handed over.
  if (!call && name === "done" && work.said.length) return { note: { ...note, name: "chat" }, say: chatSentence(users) };
  return { note, say, call, fail };
}

async function chat(response, body) {
  const { note, say, call, fail, whole } = decide(body);
  if (LOG) fs.appendFileSync(LOG, JSON.stringify({ at: Date.now(), ...note }) + "\n");
  console.log(`${new Date().toISOString()} ${note.ticket?.slice(0, 8) ?? "chat"} ${note.name ?? ""}`);
  let open = true;
  response.on("close", () => { open = false; });
  await sleep(THINK_MS * PACE);
  if (fail) return json(response, fail.status, { error: { message: fail.message, type: "invalid_request_error" } });

  const id = `chatcmpl-${process.pid}-${++made}`;
  const words = whole ? say.match(/[\s\S]{1,65536}/g) : say.match(/\S+\s*/g) ?? [];
  const usage = { prompt_tokens: Math.ceil(JSON.stringify(body.messages ?? []).length / 4), completion_tokens: words.length + (call ? 20 : 0) };
  usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  const calls = call ? [{ id: `call_${process.pid}_${made}`, type: "function", function: { name: call.name, arguments: JSON.stringify(call.args) } }] : [];
  const finish = call ? "tool_calls" : "stop";
  const head = { id, created: Math.floor(Date.now() / 1000), model: body.model ?? MODELS[0] };
  if (!body.stream) {
    const message = { role: "assistant", content: say, ...(call ? { tool_calls: calls } : {}) };
    return json(response, 200, { ...head, object: "chat.completion", choices: [{ index: 0, message, finish_reason: finish }], usage });
  }

  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const send = (data) => open && response.write(`data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...data })}\n\n`);
  const delta = (delta, finish_reason = null) => send({ choices: [{ index: 0, delta, finish_reason }] });
  delta({ role: "assistant", content: "" });
  for (const word of words) {
    if (!open) return;
    delta({ content: word });
    await sleep(WORD_MS * PACE);
  }
  for (const [index, one] of calls.entries()) delta({ tool_calls: [{ index, ...one }] });
  delta({}, finish);
  send({ choices: [], usage });
  if (open) response.end("data: [DONE]\n\n");
}

function json(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

const server = http.createServer(async (request, response) => {
  const path = new URL(request.url, "http://local").pathname.replace(/^\/v1(?=\/)/, "");
  if (path === "/healthz") return json(response, 200, { ok: true });
  if (request.method === "GET" && path === "/models") return json(response, 200, { object: "list", data: MODELS.map((id) => ({ id, object: "model", owned_by: "openclutch" })) });
  if (request.method !== "POST" || path !== "/chat/completions") return json(response, 404, { error: { message: `no route ${path}` } });
  let text = "";
  for await (const part of request) text += part;
  try { await chat(response, JSON.parse(text)); } catch (error) {
    console.error(error);
    if (response.headersSent) response.destroy(); else json(response, 400, { error: { message: String(error) } });
  }
});
server.listen(Number(process.env.SCRIPT_PORT || 0), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}/v1`));
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
