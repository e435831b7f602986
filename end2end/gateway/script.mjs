// The part that a scripted person plays for one ticket: which step comes next, given all that was
// said in the session so far. Pure: no clock, no network; the model server (scripted-model.mjs) asks
// it once per request. Nothing is remembered between requests, so a part goes on after any restart.

const WAIT_SLICES = 24; // of "slow", each five seconds: two minutes at pace 1
const SLICE_SECONDS = 5;

/** Reads the work loop's prompt; `undefined` when the text is none. Words in the title change the part. */
export function readPrompt(text) {
  const line = (name) => new RegExp(`^${name}: *(.*?) *$`, "m").exec(text)?.[1];
  const ticket = /^Ticket: *([0-9a-f]{8}-[0-9a-f-]{27}) *$/m.exec(text)?.[1];
  const title = line("Title");
  if (!ticket || !title) return undefined;
  const says = (word) => new RegExp(`\\b${word}\\b`, "i").test(title);
  return {
    ticket, title,
    attempt: Number(line("Attempt") || 1),
    repository: line("Repository"),
    board: line("Board")?.replace(/\/+$/, ""),
    commentWith: /^(curl [^\n]*\/comments[^\n]*<<'(\w+)')\n\.\.\.\n\2$/m.exec(text), // as the reporting instructions say
    answered: /^Answered before:\n[\s\S]*?^ *Answer: *(.*)$/m.exec(text)?.[1].trim(), // in an earlier attempt
    asks: says("ask"), fails: says("fail"), slow: says("slow"), forgets: says("forget"),
  };
}

/** The answer in a message that the board sends to an asking agent. */
export function readAnswer(text) {
  if (!/\[(Question|Blocker|Alert|Fyi) Response from (?:Human|Program)\]/i.test(text)) return undefined;
  return /\bResponse:\s*([\s\S]*)$/.exec(text)?.[1].trim(); // old gateways fold the lines of a message into one
}

/**
 * Finds the prompt that counts and what was done since. `messages` are the request's messages with
 * plain text: `{role, text, calls: [{id, name, args}], callId}`.
 */
export function readSession(messages) {
  let session;
  for (const message of messages) {
    const prompt = message.role === "user" ? readPrompt(message.text) : undefined;
    if (prompt && (session?.prompt.ticket !== prompt.ticket || session.prompt.attempt !== prompt.attempt)) {
      session = { prompt, prompts: 1, calls: [], results: new Map(), answer: undefined, said: [], later: 0 };
    } else if (prompt) {
      session.prompts += 1; // the same prompt again: go on, never start over
    } else if (session && message.role === "user") {
      session.answer = readAnswer(message.text) ?? session.answer;
      session.later += 1;
      session.said = [];
    } else if (session && message.role === "assistant") {
      session.calls.push(...message.calls);
      if (!message.calls.length) session.said.push(message.text);
    } else if (session && message.role === "tool") {
      session.results.set(message.callId, message.text);
    }
  }
  return session;
}

/** A result that the gateway made up for a call that its own end cut off: the step did not happen for sure. */
const CUT_OFF = /synthetic error result|missing tool result|interrupted by|tool call aborted|gateway restart/i;

/**
 * What to do now: `{step, name, say, call?, fail?}`. `step` counts from 0; `call` is `{name, args}`;
 * without `call` the turn ends with `say`. `pace` stretches what sleeps inside commands.
 */
export function nextStep(session, pace) {
  const { prompt } = session;
  const steps = stepsOf(session, pace);
  for (const [step, wanted] of steps.entries()) {
    if (wanted.fail) return { step, ...wanted };
    if (!wanted.call) {
      // An end of the turn: passed only when what it waits for has come.
      if (!wanted.until) return { step, ...wanted };
      continue;
    }
    const result = resultOf(session, wanted.call);
    if (result === undefined) return { step, ...wanted };
    if (wanted.mustWork && /"error"|fatal:|exit(ed)? (with )?code [1-9]/i.test(result)) {
      return { step, name: "stuck", say: `I am stuck at "${wanted.name}": ${firstLines(result)}` };
    }
  }
  return { step: steps.length, name: "end", say: `Nothing is left to do for "${prompt.title}".` };
}

/** The result of the newest call that does what `call` does; `undefined` when there is none that counts. */
function resultOf(session, call) {
  for (const made of session.calls.toReversed()) {
    if (made.name !== call.name || keyOf(made) !== keyOf(call)) continue;
    const result = session.results.get(made.id);
    if (result !== undefined && !CUT_OFF.test(result)) return result;
  }
  return undefined;
}

/** What makes two calls of one tool the same step. */
const keyOf = ({ args }) => String(args.command ?? args.path ?? args.taskId);

function stepsOf({ prompt, answer = prompt.answered }, pace) {
  const { ticket, title, attempt, repository, board, commentWith } = prompt;
  const id8 = ticket.slice(0, 8);
  const made = moduleFor(ticket, title, answer);
  const file = `src/${made.name}-${id8}.js`;
  const exec = (command, title) => ({ name: "exec", args: { command, workdir: repository, title } });
  const comment = (key, content) => {
    const more = `-f --max-time 10 -H 'idempotency-key: ${ticket}-r${attempt}-${key}'`;
    const [, head, end] = commentWith ?? [, `curl -sS -X POST '${board}/api/tasks/${ticket}/comments?author=dev&author_type=agent' ` +
      "-H 'content-type: text/plain; charset=utf-8' --data-binary @- <<'END'", "END"];
    return exec(`${head.replace(/^curl/, `curl ${more}`)} || echo 'The board did not take the comment.'\n${content}\n${end}`, "Comment on the ticket");
  };

  const steps = [{ name: "read", say: `I look at the project first, to see where "${title}" belongs.`, call: { name: "read", args: { path: `${repository}/README.md` } } }];
  if (prompt.fails && attempt === 1) return [...steps, { name: "fail", fail: { status: 400, message: "The model lost its thread in the middle of the work." } }];
  steps.push({ name: "look", say: "The README is short and clear. Now the recent commits and the code.", call: exec("git log --oneline -3 && ls src && cat src/visits.js", "Look at recent commits") });
  if (prompt.forgets) return [...steps, { name: "forgotten", say: "The feeder looks fine to me, and the robins agree." }];
  if (prompt.asks && prompt.answered === undefined) {
    steps.push(
      { name: "ask", mustWork: true, say: "One thing is not mine to decide, so I ask.", call: { name: "signal", args: { taskId: ticket, kind: "question", message: `Before I go on with "${title}": which bird should it begin with?` } } },
      { name: "waiting", until: answer, say: "I have asked on the ticket and wait for the answer before I go on." });
  }
  const begun = answer === undefined ? "I have read the code" : `Thank you for the answer ("${answer}")`;
  steps.push({ name: "comment", say: "I tell people what I am about to do.", call: comment("plan", `${begun}. I will add \`${file}\`, which ${made.does}.`) });
  if (prompt.slow) {
    for (let slice = 1; slice <= WAIT_SLICES; slice++) {
      steps.push({ name: "watch", say: `Watching the feeder, ${slice} of ${WAIT_SLICES}.`, call: exec(`echo 'watching the feeder, part ${slice} of ${WAIT_SLICES}'; sleep ${SLICE_SECONDS * pace}`, "Watch the feeder") });
    }
  }
  steps.push(
    { name: "write", say: `I write \`${file}\`.`, call: { name: "write", args: { path: `${repository}/${file}`, content: made.code } } },
    { name: "check", say: "The tests should still pass, and the new file should load.", call: exec(`node --test 2>&1 | tail -8; node -e 'import("./${file}").then((made) => console.log("it gives", Object.keys(made).join(", ")))'; sleep ${2 * pace}`, "Run the tests") },
    // Another agent may hold the index for a moment; a repeat after a restart finds the commit made.
    { name: "commit", mustWork: true, say: "All is well, so I commit it.", call: exec(
      `for try in 1 2 3 4 5; do said=$({ git add ${file} && { git diff --cached --quiet -- ${file} || git commit -q -m ${quoted(title)} -m 'Ticket: ${ticket}' -- ${file}; }; } 2>&1) && said= && break; sleep 1; done; echo "$said"; git log --oneline -1 -- ${file}`, "Commit") },
    { name: "report", say: "A last word on the ticket.", call: comment("done", `\`${file}\` is committed; the tests pass. ${made.try}`) },
    { name: "complete", mustWork: true, say: "And I hand it over for review.", call: { name: "mark_complete", args: { taskId: ticket, summary: `Added \`${file}\`, which ${made.does}.${answer === undefined ? "" : ` As you answered: "${answer}".`}`, notes: made.try } } },
    { name: "done", say: `Done: ${file} is committed and waits for review.` });
  return steps;
}

/** One of a few small modules for the sample project, always the same one for a ticket. */
function moduleFor(ticket, title, answer) {
  const remark = `// ${title.replace(/\s+/g, " ")}\n${answer === undefined ? "" : `// As answered: ${answer.replace(/\s+/g, " ")}\n`}`;
  const modules = [
    { name: "busiest", does: "finds the busiest bird of a day", code: `import { countByBird } from "./visits.js";

/** The bird that came most on a day, or undefined on a quiet one. */
export function busiest(visits, day) {
  return Object.entries(countByBird(visits, day)).sort(([, a], [, b]) => b - a)[0]?.[0];
}
` },
    { name: "early", does: "tells which birds come before eight", code: `/** The birds that were seen before the given hour. */
export function earlyBirds(visits, hour = 8) {
  const early = visits.filter((visit) => Number(visit.at.slice(11, 13)) < hour);
  return [...new Set(early.map((visit) => visit.bird))];
}
` },
    { name: "seed", does: "estimates how much seed a day costs", code: `const GRAMS = { robin: 3, "great tit": 4, nuthatch: 6 };

/** Grams of seed for a day's counts; an unknown bird eats four. */
export function seedFor(counts) {
  return Object.entries(counts).reduce((sum, [bird, count]) => sum + count * (GRAMS[bird] ?? 4), 0);
}
` },
    { name: "rarest", does: "finds the rarest visitor of all", code: `/** The bird with the fewest visits, the first in the alphabet if several share the place. */
export function rarest(visits) {
  const totals = {};
  for (const { bird, count } of visits) totals[bird] = (totals[bird] ?? 0) + count;
  return Object.entries(totals).sort(([a, x], [b, y]) => x - y || a.localeCompare(b))[0]?.[0];
}
` },
  ];
  const made = modules[parseInt(ticket.slice(0, 8), 16) % modules.length];
  return { ...made, code: remark + made.code, try: `Try it with \`node --test\`; the new function is in \`src/${made.name}-${ticket.slice(0, 8)}.js\`.` };
}

const CHAT = [
  "The robins are in early today; the log already counts seven before breakfast.",
  "Feeder Log is small on purpose: one JSON file, three modules, and a test that fits on a postcard.",
  "I would teach it a weekly summary next, so that the nuthatch gets the credit it deserves.",
  "The great tits ate most of the sunflower seed again, and the numbers can prove it.",
  "Write it on a ticket and set it to Ready: I will pick it up before the kettle boils.",
];

/** A short sentence about the sample project for everything that is no work; `turn` makes it vary. */
export const chatSentence = (turn) => CHAT[turn % CHAT.length];

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const firstLines = (text) => text.split("\n").slice(0, 3).join(" ").slice(0, 300);
