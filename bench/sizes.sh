#!/usr/bin/env bash
# First board page on the wire, start to first answer, idle memory, against their limits.
#
#   bench/sizes.sh APP              APP is the folder of a release build: clutch, hash.txt, site/
#   bench/sizes.sh --page APP       only the page: for a build whose program is not made quick
#
# ./run.sh bench sizes builds it first. The result is printed and kept in APP/sizes for
# ./run.sh status. Exit status 1 if the page is over its ceiling.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/process.sh

page_only=no
if [ "${1:-}" = --page ]; then
  page_only=yes
  shift
fi
readonly CARDS=50 PAGE_AIM=200 PAGE_CEILING=280 START_AIM_MS=200 IDLE_AIM_MB=60 STARTS=5

app=$(cd "${1:?"usage: bench/sizes.sh [--page] APP"}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/openclutch-sizes-XXXXXX")
finish() {
  local code=$?
  stop_process "$work/server.pid" "the measured server" 10 >/dev/null
  rm -rf "$work"
  [ "$code" != "$EXPLAINED" ] || exit 1
}
trap finish EXIT
trap 'on_error $? "$LINENO" "${BASH_SOURCE[0]##*/}" "$BASH_COMMAND"' ERR

# A server with an empty data folder and no gateway; nothing of the user's settings.
start_server() {
  rm -f "$work/address"
  spawn server "$work" "$work/out" env -i -C "$work" PATH="$PATH" HOME="$work" \
    CLUTCH_DATA_DIR="$work/data" OPENCLAW_WS_URL=ws://127.0.0.1:9 WORK_LOOP_ENABLED=false \
    LEPTOS_SITE_ROOT="$app/site" LEPTOS_HASH_FILES=true \
    "$app/clutch" serve --host 127.0.0.1 --port 0 --ready-file "$work/address"
  wait_for 30 "The measured server" "$work/server.pid" "$work/out" test -s "$work/address"
  address=$(cat "$work/address")
  address=http://${address#http://}
}

# From the process's birth to the end of the first answer: the median of several starts.
measure_start() {
  local i begun times=()
  for ((i = 0; i < STARTS; i++)); do
    begun=$(now_ms)
    rm -f "$work/address"
    start_server
    answers "$address/health"
    times+=($(($(now_ms) - begun)))
    stop_process "$work/server.pid" "the measured server" 10 >/dev/null
  done
  mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
  start_ms=${times[$((STARTS / 2))]}
}

now_ms() { date +%s%3N; }

fill_board() {
  local project i
  project=$(http POST "$address/api/projects" '{"name": "Sizes", "slug": "sizes"}' | json it.project.id)
  for ((i = 1; i <= CARDS; i++)); do
    http POST "$address/api/tasks" "{\"project_id\": \"$project\", \"status\": \"backlog\", \"priority\": \"medium\",
      \"title\": \"Card $i: a title as long as people write them\", \"description\": \"Two or three sentences of text.\"}" >/dev/null
  done
}

# wire PATH: bytes of headers and body as they travel, brotli asked for; the body lies in $work/body.
wire() {
  curl --noproxy '*' --silent --fail --max-time 20 --header 'accept-encoding: br' --header 'accept: text/html,*/*' \
    --output "$work/body" --write-out '%{size_header} %{size_download}' "$address$1" | awk '{ print $1 + $2 }'
}

# What the page names, and what its script imports.
page_files() {
  local script
  grep -oE '/pkg/[A-Za-z0-9._-]+\.(css|js|wasm)' "$work/page.html"
  # shellcheck disable=SC2013 # names have no blanks
  for script in $(grep -oE '/pkg/[A-Za-z0-9._-]+\.js' "$work/page.html" | sort -u); do
    curl --noproxy '*' --silent --fail "$address$script" | grep -oE "from ?['\"]\./[A-Za-z0-9._-]+\.js" | sed -E "s|.*\./|/pkg/|" || true
  done
}

measure_page() {
  local path size file
  html=$(wire /projects/sizes/board) css=0 js=0 wasm=0
  # The same page once more, uncompressed, for the names of what it loads.
  curl --noproxy '*' --silent --fail "$address/projects/sizes/board" >"$work/page.html"
  while IFS= read -r path; do
    size=$(wire "$path") || die "The board page names $path and the server has no such file: build again (./run.sh bench sizes)."
    file=${path%%\?*}
    case $file in
      *.css) css=$((css + size)) ;;
      *.js) js=$((js + size)) ;;
      *.wasm) wasm=$((wasm + size)) ;;
    esac
  done < <(page_files | sort -u)
  [ "$wasm" -gt 0 ] || die "The board page names no WASM, so there is nothing to measure: open it and look."
}

# Resident memory once it stands still.
measure_memory() {
  local pid before=0 now i
  pid=$(pid_of "$work/server.pid")
  for ((i = 0; i < 20; i++)); do
    now=$(sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")
    [ $((now - before)) -gt $((now / 100)) ] || [ $((before - now)) -gt $((now / 100)) ] || break
    before=$now
    sleep 1
  done
  idle_mb=$((now / 1000))
}

kb() { printf '%s' $((($1 + 500) / 1000)); }

say_page() {
  printf 'first board page on the wire: %s kB of at most %s%s (HTML %s, CSS %s, JS %s, WASM %s; %s cards, brotli)\n' \
    "$(kb $page)" "$PAGE_CEILING" "$1" "$(kb "$html")" "$(kb "$css")" "$(kb "$js")" "$(kb "$wasm")" $CARDS
}

[ "$page_only" = yes ] || measure_start
start_server
fill_board
measure_page
page=$((html + css + js + wasm))
if [ "$page_only" = yes ]; then
  say "measured: $(say_page '')"
else
  measure_memory
  {
    say_page ", aim $PAGE_AIM"
    printf 'start to first answer: %s ms, aim %s (median of %s starts, empty data folder)\n' "$start_ms" $START_AIM_MS $STARTS
    printf 'idle memory: %s MB, aim %s (resident, after the above)\n' "$idle_mb" $IDLE_AIM_MB
  } | tee "$app/sizes"
fi
[ "$(kb $page)" -le "$PAGE_CEILING" ] ||
  die "The first board page is over its ceiling of $PAGE_CEILING kB: take something out of it, or load it later."
[ "$page_only" = no ] || say "check passed: the board page is no larger than it may be"
