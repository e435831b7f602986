// The part that a scripted person plays in a chat about the sample project: a colleague who looks
// things up and answers in a few lines. Pure, like script.mjs. Words in a message change the part:
// "slow" talks for long, "fail" ends in an error, "huge" answers with a megabyte, "look" reads a file first,
// "permission" runs a command, which a guarded session lets nobody do without a person, and "dilemma" asks one by the
// gateway's own tool.

const HUGE_BYTES = 1_000_000;
const SLOW_SENTENCES = 60;

/** What was asked last, and what was done about it. `messages` as in script.mjs. */
export function readChat(messages) {
  let asked, folder, ticket, introduced = false, pictures = 0, results = 0, result = "", turn = 0;
  for (const message of messages) {
    if (message.role === "user") {
      folder = /^Working directory: *(.+?) *$/m.exec(message.text)?.[1] ?? folder;
      introduced = message.text.includes("[Project Context]");
      ticket = /^## The ticket that this chat is about: (.*)$/m.exec(message.text)?.[1] ?? ticket;
      pictures = message.pictures ?? 0;
      asked = (/\[User Message\]\s*([\s\S]*)$/.exec(message.text)?.[1] ?? message.text).trim();
      results = 0;
      turn += 1;
    } else if (message.role === "tool") [results, result] = [results + 1, message.text];
  }
  return asked === undefined ? undefined : { asked, folder, ticket, introduced, pictures, results, result, turn };
}

/** What to say or do now: `{say, call?, fail?}`. */
export function nextWords({ asked, folder, results, result, turn }, offered) {
  const says = (word) => new RegExp(`\\b${word}\\b`, "i").test(asked);
  if (says("fail")) return { fail: { status: 400, message: "The model lost its thread." } };
  if (says("huge")) return { say: "All the visits of all the years:\n\n" + "sparrow robin wren tit \n".repeat(Math.ceil(HUGE_BYTES / 23)), whole: true };
  if (says("slow")) return { say: Array.from({ length: SLOW_SENTENCES }, (_, n) => `Minute ${n + 1}: one more sparrow at the feeder.`).join(" ") };
  if (says("look") && folder !== undefined && offered.has("read") && results === 0) {
    return { say: "I look into the repository.", call: { name: "read", args: { path: `${folder}/README.md` } } };
  }
  for (const [word, call] of [["permission", PERMISSION], ["dilemma", DILEMMA]]) {
    if (!says(word) || !offered.has(call.name)) continue;
    return results === 0 ? { say: "That is not mine alone to decide.", call } : { say: `I was told: ${result.slice(0, 500)}` };
  }
  if (results > 0) return { say: FOUND };
  return { say: `You asked: “${firstLine(asked)}”\n\n${ANSWERS[(turn - 1) % ANSWERS.length]}` };
}

const firstLine = (text) => text.split("\n", 1)[0].slice(0, 120);

const PERMISSION = { name: "exec", args: { command: "echo the robin may come in", title: "Let the robin in" } };
const DILEMMA = {
  name: "ask_user",
  args: { questions: [{ id: "bird", header: "Bird", question: "Which bird comes first?", options: [
    { label: "robin", description: "It sings early" }, { label: "wren", description: "It is small" },
  ] }] },
};

const FOUND = `I have read the README. In short:

| Command | What it does |
| --- | --- |
| \`visits\` | lists who came to the feeder |
| \`count\` | counts visits by bird |

The log is one line per visit, so a new command is a **small file in \`src/\`** and a test beside it.`;

const ANSWERS = [
  "Sparrows come first, mostly around eight. The log has it:\n\n```\n08:02  sparrow\n08:04  sparrow\n08:11  robin\n```\n\nShall I make a ticket to count them by hour?",
  "Three things would help:\n\n1. a command for the **busiest day**,\n2. names of birds in one place,\n3. a test for an empty log.\n\nThe first is an hour's work.",
  "Yes. `src/visits.js` reads the log once and keeps nothing, so it stays fast with years of visits.",
  "- [x] README says how to run it\n- [ ] the log's format has no version\n\nI would write the version down before the first release.",
];
