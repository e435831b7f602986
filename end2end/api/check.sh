#!/usr/bin/env bash
# API v1 against its own document: what the document says is sent, right and wrong, and each answer is held against it.
#
#   end2end/api/check.sh APP      APP is the folder of a build; SCHEMATHESIS is the folder of its programs
#
# Not asked: that a request which fits the document is always taken (a branch that git does not allow fits it, too).
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/common.sh
source scripts/process.sh

readonly EXAMPLES=50
app=$(cd "${1:?"usage: end2end/api/check.sh APP"}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/openclutch-api-XXXXXX")
finish() {
  local code=$?
  stop_process "$work/server.pid" "the server" 10 >/dev/null
  rm -rf "$work"
  [ "$code" != "$EXPLAINED" ] || exit 1
}
trap finish EXIT
trap 'on_error $? "$LINENO" "${BASH_SOURCE[0]##*/}" "$BASH_COMMAND"' ERR

spawn server "$work" "$work/out" env -i -C "$work" PATH="$PATH" HOME="$work" \
  CLUTCH_DATA_DIR="$work/data" OPENCLAW_WS_URL=ws://127.0.0.1:9 WORK_LOOP_ENABLED=false \
  LEPTOS_SITE_ROOT="$app/site" LEPTOS_HASH_FILES=true \
  "$app/clutch" serve --host 127.0.0.1 --port 0 --ready-file "$work/address"
wait_for 30 "The server" "$work/server.pid" "$work/out" test -s "$work/address"
api=$(cat "$work/address")/api/v1

# What end2end/api/schemathesis.toml names.
for name in Site Gone; do http POST "$api/projects" "{\"name\": \"$name\"}" >/dev/null; done
for title in One Two Three; do http POST "$api/projects/site/tasks" "{\"title\": \"$title\"}" >/dev/null; done

code=0
config=$PWD/end2end/api/schemathesis.toml
cd "$work" # it keeps what it found where it is started
# A stream of events never ends.
NO_PROXY=127.0.0.1 "${SCHEMATHESIS:?}/python" "$SCHEMATHESIS/schemathesis" --config-file "$config" run "$api/openapi.json" \
  --exclude-path /api/events --phases coverage,fuzzing --exclude-checks positive_data_acceptance \
  --max-examples "$EXAMPLES" --seed 1 --generation-database none --warnings off --no-color >"$work/report" 2>&1 || code=$?
sed -n '/^=* FAILURES/,$p' "$work/report"
[ "$code" = 0 ] || { say "Answers do not match the document (docs/openapi.json), or the server failed; see above."; exit 1; }
say "measured: $(sed -n 's/^  \([0-9]*\) generated.*/\1/p' "$work/report") requests"
say "check passed: every answer is one that the document names"
if grep -E ' ERROR |panicked' "$work/out"; then
  say "The server's log has errors; see above."
  exit 1
fi
say "check passed: the server's log has no error"
