# shellcheck shell=bash
# What the measurements in a browser share (bench/chat.sh, bench/board.sh).

# browser_bench NAME WHAT TIME APP: runs end2end/bench/NAME.bench.ts with the build in the folder APP, prints its
# figures and keeps them in APP/NAME.
browser_bench() {
  local name=$1 what=$2 time=$3 app
  app=$(cd "$4" && pwd)
  work=$(mktemp -d "${TMPDIR:-/tmp}/openclutch-$name-XXXXXX") # not local: the trap needs it
  trap browser_bench_over EXIT
  trap 'on_error $? "$LINENO" "${BASH_SOURCE[0]##*/}" "$BASH_COMMAND"' ERR
  say "Measuring ${app##*/}: about $time."
  (
    cd end2end
    CLUTCH_BIN="$app/clutch" LEPTOS_SITE_ROOT="$app/site" LEPTOS_HASH_FILES=true CLUTCH_FIGURES="$work/figures" \
      node node_modules/@playwright/test/cli.js test -c bench.config.ts "$name.bench.ts" >"$work/out" 2>&1
  ) || { cat "$work/out" >&2; die "A measurement could not be taken; the lines above say which."; }
  mv "$work/figures" "$app/$name"
  say "$what, measured with ${app##*/} on $(nproc) cores"
  cat "$app/$name"
}

browser_bench_over() {
  local code=$?
  rm -rf "$work"
  [ "$code" != "$EXPLAINED" ] || exit 1
}
