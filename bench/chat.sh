#!/usr/bin/env bash
# Chats: how late words are in the browser, 100 viewers of one stream, 10,000 messages; asserts no time.
#
#   bench/chat.sh APP      APP is the folder of a build: clutch, hash.txt, site/
#
# ./run.sh bench chat builds it first. Needs Chromium and the gateway of the tests. The result is printed
# and kept in APP/chat. CLUTCH_BENCH_ANSWERS and CLUTCH_BENCH_MESSAGES make it smaller or larger.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/tools.sh
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/openclutch

app=$(cd "${1:?"usage: bench/chat.sh APP"}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/openclutch-chat-XXXXXX")
finish() {
  local code=$?
  rm -rf "$work"
  [ "$code" != "$EXPLAINED" ] || exit 1
}
trap finish EXIT
trap 'on_error $? "$LINENO" "${BASH_SOURCE[0]##*/}" "$BASH_COMMAND"' ERR

say "Measuring ${app##*/}: about six minutes."
(
  cd end2end
  PATH="$cache/openclaw-$OPENCLAW/node/bin:$PATH" CLUTCH_BIN="$app/clutch" LEPTOS_SITE_ROOT="$app/site" LEPTOS_HASH_FILES=true \
    CLUTCH_FIGURES="$work/figures" node_modules/.bin/playwright test -c bench.config.ts >"$work/out" 2>&1
) || { cat "$work/out" >&2; die "A measurement could not be taken; the lines above say which."; }
mv "$work/figures" "$app/chat"
say "chats, measured with ${app##*/} on $(nproc) cores"
cat "$app/chat"
