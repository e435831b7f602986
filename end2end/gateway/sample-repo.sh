#!/usr/bin/env bash
# Makes the small git repository that the demo and the browser tests give to agents: a bird-feeder
# log in plain JavaScript, with two commits and an author of its own.
#   sample-repo.sh DIR      does nothing where DIR already is a git repository
set -euo pipefail
dir=$(realpath -m -- "${1:?"usage: sample-repo.sh DIR"}")
if [ -d "$dir/.git" ]; then exit 0; fi
if [ -e "$dir" ] && [ -n "$(ls -A "$dir")" ]; then
  echo "$dir exists and is not a git repository: choose an empty folder." >&2
  exit 1
fi
mkdir -p "$(dirname "$dir")"
building=$(mktemp -d "$(dirname "$dir")/.sample-XXXXXX")
trap 'rm -rf "$building"' EXIT
cd "$building"

# The repository must be the same whatever the person's own git settings are.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
git init -q -b main
git config user.name "Feeder Crew"
git config user.email "crew@feeder.example"
git config commit.gpgsign false
git config core.hooksPath .git/hooks

mkdir -p src test data
cat >README.md <<'TXT'
# Feeder Log

Who came to the bird feeder today? Feeder Log keeps the visits in one JSON file and answers small
questions about them.

    node src/cli.js add robin 2
    node src/cli.js today
    node --test

| File | What it does |
| --- | --- |
| `src/visits.js` | adds visits and counts them, without touching the disk |
| `src/store.js` | reads and writes `data/visits.json` |
| `src/cli.js` | the commands |
TXT
cat >package.json <<'TXT'
{
  "name": "feeder-log",
  "version": "0.1.0",
  "private": true,
  "type": "module",
  "scripts": { "test": "node --test" }
}
TXT
cat >src/visits.js <<'TXT'
/** Adds a visit to the list and gives the new list. */
export function addVisit(visits, bird, count, at) {
  if (!bird) throw new Error("which bird was it?");
  return [...visits, { bird: bird.toLowerCase(), count, at }];
}

/** How many birds of each kind came on the given day (YYYY-MM-DD). */
export function countByBird(visits, day) {
  const counts = {};
  for (const visit of visits) {
    if (!visit.at.startsWith(day)) continue;
    counts[visit.bird] = (counts[visit.bird] ?? 0) + visit.count;
  }
  return counts;
}
TXT
cat >src/store.js <<'TXT'
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../data/visits.json", import.meta.url);

export const load = () => JSON.parse(readFileSync(FILE, "utf8"));

export const save = (visits) => writeFileSync(FILE, JSON.stringify(visits, null, 2) + "\n");
TXT
cat >data/visits.json <<'TXT'
[
  { "bird": "robin", "count": 2, "at": "2026-03-02T07:41" },
  { "bird": "great tit", "count": 5, "at": "2026-03-02T08:10" },
  { "bird": "nuthatch", "count": 1, "at": "2026-03-03T07:58" }
]
TXT
export GIT_AUTHOR_DATE="2026-03-02T09:00:00+00:00" GIT_COMMITTER_DATE="2026-03-02T09:00:00+00:00"
git add -A
git commit -qm "Keep visits and count them by bird"

cat >src/cli.js <<'TXT'
import { addVisit, countByBird } from "./visits.js";
import { load, save } from "./store.js";

const [command, ...words] = process.argv.slice(2);
const now = new Date().toISOString().slice(0, 16);

if (command === "add") {
  const count = Number(words.at(-1)) || 1;
  const bird = words.filter((word) => Number.isNaN(Number(word))).join(" ");
  save(addVisit(load(), bird, count, now));
} else if (command === "today") {
  console.table(countByBird(load(), now.slice(0, 10)));
} else {
  console.log("usage: cli.js add BIRD [COUNT] | today");
}
TXT
cat >test/visits.test.js <<'TXT'
import assert from "node:assert/strict";
import test from "node:test";
import { addVisit, countByBird } from "../src/visits.js";

test("visits of one day are counted by bird", () => {
  let visits = addVisit([], "Robin", 2, "2026-03-02T07:41");
  visits = addVisit(visits, "robin", 1, "2026-03-02T09:00");
  visits = addVisit(visits, "wren", 1, "2026-03-03T09:00");
  assert.deepEqual(countByBird(visits, "2026-03-02"), { robin: 3 });
});
TXT
export GIT_AUTHOR_DATE="2026-03-03T09:00:00+00:00" GIT_COMMITTER_DATE="2026-03-03T09:00:00+00:00"
git add -A
git commit -qm "Add commands and a first test"

chmod 755 .
cd /
if [ -d "$dir" ]; then rmdir "$dir"; fi
mv "$building" "$dir"
