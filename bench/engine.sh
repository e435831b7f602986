#!/usr/bin/env bash
# Lists, writes, pages and live frames with 1,000 tasks, beside a bare loop of commits and what is aimed at; asserts no time.
#
#   bench/engine.sh APP      APP is the folder of a build: clutch, hash.txt, site/
#
# ./run.sh bench engine builds it first. Data lie in a temporary folder (TMPDIR moves it: what is measured is the
# disk, too). The result is printed and kept in APP/engine.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/tools.sh
source scripts/process.sh
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/openclutch

app=$(cd "${1:?"usage: bench/engine.sh APP"}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/openclutch-engine-XXXXXX")
finish() {
  local code=$?
  stop_process "$work/server.pid" "the measured server" 10 >/dev/null
  rm -rf "$work"
  [ "$code" != "$EXPLAINED" ] || exit 1
}
trap finish EXIT
trap 'on_error $? "$LINENO" "${BASH_SOURCE[0]##*/}" "$BASH_COMMAND"' ERR

# An empty data folder and no gateway; nothing of the user's settings.
spawn server "$work" "$work/out" env -i -C "$work" PATH="$PATH" HOME="$work" \
  CLUTCH_DATA_DIR="$work/data" OPENCLAW_WS_URL=ws://127.0.0.1:9 WORK_LOOP_ENABLED=false RUST_LOG=error \
  LEPTOS_SITE_ROOT="$app/site" LEPTOS_HASH_FILES=true \
  "$app/clutch" serve --host 127.0.0.1 --port 0 --ready-file "$work/address"
wait_for 30 "The measured server" "$work/server.pid" "$work/out" test -s "$work/address"
address=$(cat "$work/address")
address=http://${address#http://}
sleep 1 # memory is read once it stands still

say "Measuring ${app##*/}: about a minute."
"$(private_node_folder)/bin/node" bench/engine.mjs "$address" "$work" "$(pid_of "$work/server.pid")" >"$work/figures" ||
  { cat "$work/figures" "$work/out" >&2; die "A measurement could not be taken; the lines above say which."; }
mv "$work/figures" "$app/engine"
say "engine, measured with ${app##*/} on $(nproc) cores"
cat "$app/engine"
