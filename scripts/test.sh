# shellcheck shell=bash
# ./run.sh test: cheap checks first, the first red stage ends it. The last line adds up all stages.

readonly STAGES=(format lints compile build api rust sim convex docs plugin script browser firefox demo)
# Parts of the stage rust, for --only.
readonly RUST_PARTS=(domain core server gateway)
# With --engine convex: what depends on where data is kept.
readonly CONVEX_STAGES=(compile build convex browser)
# What runs beside another stage, as one waits where the other computes: on two cores a compiler's last crate
# leaves one idle, and a gateway that starts both. Reported when its own turn comes.
declare -rA BESIDE=([lints]=build [compile]=plugin [rust]=script)

declare -A STAGE_TITLES=(
  [format]="Formatting, shellcheck, and run.sh's own functions"
  [lints]="Lints (clippy, warnings are errors; types of the TypeScript)"
  [compile]="Compiling the tests"
  [rust]="Rules, use-cases, stores, simulator, server, pages, gateway client against real gateways"
  [domain]="Domain: the rules"
  [core]="Orchestrator, stores, simulator"
  [convex]="Convex: its functions, the store on the bridge (or on CONVEX_TEST_URL), the wire contract"
  [sim]="Simulator: built as the program is, and with its switches, the same days"
  [server]="Server and pages"
  [docs]="Examples in the documentation"
  [plugin]="Plugin"
  [script]="The tests' own gateway scripts and scripted model"
  [gateway]="Gateway client against real gateways"
  [build]="Building the program, profile fast; the size of its page"
  [api]="API v1 against its own document (schemathesis); MCP with its official clients; no secret in the built site"
  [browser]="Browser: real Chromium, real gateway, real server"
  [firefox]="Firefox: dialogs, dragging, writing and pasting"
  [demo]="The README's own words: demo, one ticket to In Review, demo again, stop"
)

command_test() {
  local only='' name beside seconds summary=() stages=("${STAGES[@]}")
  if [ "${1:-}" = --engine ]; then
    case ${2:-} in
      sqlite) ;;
      convex)
        export CLUTCH_TEST_ENGINE=convex
        stages=("${CONVEX_STAGES[@]}")
        ;;
      *) die "There is no engine \"${2:-}\": it is sqlite or convex." ;;
    esac
    shift 2
  fi
  case ${1:-} in
    '') ;;
    --list)
      for name in "${STAGES[@]}"; do printf '%-8s %s\n' "$name" "${STAGE_TITLES[$name]}"; done
      say "Parts of rust, for --only:"
      for name in "${RUST_PARTS[@]}"; do printf '%-8s %s\n' "$name" "${STAGE_TITLES[$name]}"; done
      return 0
      ;;
    --only)
      only=${2:-}
      [ -n "${STAGE_TITLES[${only:-none}]:-}" ] || die "There is no stage \"$only\": ./run.sh test --list names them."
      ;;
    *) die "\"test $1\" is unknown: it is ./run.sh test [--engine sqlite|convex] [--only STAGE | --list]." ;;
  esac
  local started=$SECONDS total=0 passed=0 failed=0 code=0
  test_tools "$only"
  [ -z "$only" ] || stages=("$only")
  for name in "${stages[@]}"; do
    case $name in plugin | script | rust | gateway | browser | firefox | demo) join_openclaw "$OPENCLAW" "$OPENCLAW_OLD" ;; esac
    beside=${BESIDE[$name]:-}
    case " ${stages[*]} " in *" $beside "*) [ -z "$beside" ] || begin_stage "$beside" ;; esac
    finish_stage "$name"
    case $name in
      lints | compile | docs) ;;
      *) if [ "$code" = 0 ] && [ "$passed" = 0 ]; then
        say "Not one test ran, and this stage has some."
        code=1
      fi ;;
    esac
    if [ "$code" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    total=$((total + passed))
    summary+=("$(printf '%-8s %5d passed %5d s' "$name" "$passed" "$seconds")")
    if [ "$failed" -gt 0 ]; then
      printf '\nRed: %s. The lines above say why; all of them: %s. This stage alone: ./run.sh test --only %s\n' \
        "${STAGE_TITLES[$name]}" "$run_logs/test-$name.log" "$name"
      say "$total passed, $failed failed"
      exit 1
    fi
  done
  say ""
  printf '%s\n' "${summary[@]}"
  say "in $((SECONDS - started)) s"
  slowest "${stages[@]}"
  say "$total passed, 0 failed"
}

# The ten tests that took longest, of the stages that ran.
slowest() { # STAGES...
  local name logs=() list
  for name; do logs+=("$run_logs/test-$name.log"); done
  list=$(slow_tests "${logs[@]}" | LC_ALL=C sort -rn | sed -n 1,10p)
  [ -n "$list" ] || return 0
  say ""
  say "The slowest tests, in seconds:"
  say "$list"
}

# slow_tests LOGS...: "SECONDS STAGE NAME" of every test that nextest, node --test (TAP), Vitest or Playwright timed.
slow_tests() {
  awk '
    FNR == 1 { stage = FILENAME; sub(/.*test-/, "", stage); sub(/\.log$/, "", stage) }
    { gsub(/\033\[[0-9;]*m/, "") }
    /^ +(PASS|FAIL|TIMEOUT|LEAK) \[ *[>0-9.]+s\]/ {
      line = $0; sub(/^[^\[]*\[ *>?/, "", line); seconds = line + 0; sub(/^[0-9.]*s\] *(\([ 0-9\/]*\) *)?/, "", line)
      printf "%8.1f %-8s %s\n", seconds, stage, line; next
    }
    /^ *(ok|not ok) [0-9]+ - / { test = $0; sub(/^ *(not )?ok [0-9]+ - /, "", test); next }
    /^ *duration_ms: / && test != "" { printf "%8.1f %-8s %s\n", $2 / 1000, stage, test; test = ""; next }
    /^ +(✓|✘|ok|x) +[0-9]+ / && /\([0-9.]+(ms|s|m)\)$/ {
      time = $NF; gsub(/[()]/, "", time)
      seconds = time ~ /ms$/ ? time / 1000 : time ~ /m$/ ? time * 60 : time + 0
      line = $0; sub(/^ +[^ ]+ +[0-9]+ (\[[^\]]*\] › )?/, "", line); sub(/ \([^ ]*\)$/, "", line)
      printf "%8.1f %-8s %s\n", seconds, stage, line
    }' "$@"
}

# Downloads run while cargo builds; one stage alone gets only what it needs.
test_tools() { # STAGE, or nothing for all
  need_machine
  need_rust
  case $1 in '' | format) need_shellcheck ;; esac
  case $1 in '' | compile | api | rust | domain | core | convex | server | gateway) need_nextest ;; esac
  # The original's gate script needs it, and a test runs that script.
  case $1 in '' | rust | server) command -v jq >/dev/null || apt_install jq ;; esac
  case $1 in '' | rust | server) need_nginx ;; esac
  start_npm_dependencies
  start_convex_dependencies
  case $1 in '' | api | plugin | script | rust | gateway | browser | firefox | demo) start_openclaw "$OPENCLAW" "$OPENCLAW_OLD" ;; esac
  case $1 in '' | api) need_schemathesis ;; esac
  case $1 in '' | browser) need_chromium ;; esac
  case $1 in '' | firefox) need_firefox ;; esac
  join_background npm
  join_background convex
  case $1 in format | plugin | script) ;; *) with_lock "$target/.openclutch-build.lock" "building" seed_dependencies ;; esac
}

# begin_stage NAME: runs stage_NAME in the background, in a process group of its own, its output in a log.
begin_stage() {
  local name=$1
  [ -z "${stage_pid[$name]:-}" ] || return 0
  mkdir -p "$run_logs"
  stage_begun[$name]=$SECONDS
  errors_expected=yes
  set -m
  (
    set -e
    errors_expected=no
    "stage_$name"
  ) >"$run_logs/test-$name.log" 2>&1 </dev/null &
  stage_pid[$name]=$!
  set +m
  errors_expected=no
  background_pid["stage $name"]=${stage_pid[$name]} # ended with run.sh
}
declare -A stage_pid=() stage_begun=()

# finish_stage NAME: begins it where that has not been done, waits for it; sets code, passed, failed and seconds.
finish_stage() {
  local name=$1 log=$run_logs/test-$1.log
  say "==> ${STAGE_TITLES[$name]}"
  begin_stage "$name"
  code=0
  wait "${stage_pid[$name]}" || code=$?
  unset "background_pid[stage $name]"
  seconds=$((SECONDS - stage_begun[$name]))
  count_tests "$log"
  sed -n 's/^ *\(measured: .*\)/\1/p' "$log" | sort -u
  if [ "$code" != 0 ]; then tail -n 150 "$log"; fi
  say "    ${STAGE_TITLES[$name]}: $passed passed, $failed failed, $seconds s"
}

# Understands nextest, libtest (doc tests), node --test (TAP), Vitest, Playwright's list reporter, and our
# own "check passed: ". What is flaky has failed.
count_tests() { # LOG
  local numbers
  numbers=$(sed -r 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    /^ *Summary \[/ { for (i = 1; i < NF; i++) { if ($(i + 1) ~ /^passed/) p += $i; if ($(i + 1) ~ /^(failed|timed|exec)/) f += $i; if ($(i + 1) ~ /^flaky/) { sub(/^\(/, "", $i); f += $i } } }
    /^test result: / { for (i = 1; i < NF; i++) { if ($(i + 1) ~ /^passed/) p += $i; if ($(i + 1) ~ /^failed/) f += $i } }
    /^# pass [0-9]+$/ { p += $3 }
    /^# fail [0-9]+$/ { f += $3 }
    /^  [0-9]+ passed( \(|$)/ { p += $1 }
    /^  [0-9]+ (failed|flaky|interrupted)$/ { f += $1 }
    /^ +Tests +/ { for (i = 1; i < NF; i++) { if ($(i + 1) == "passed") p += $i; if ($(i + 1) == "failed") f += $i } }
    /^check passed: / { p += 1 }
    END { print p + 0, f + 0 }')
  passed=${numbers% *} failed=${numbers#* }
}

# --- the stages -------------------------------------------------------------------------------------

stage_format() {
  cargo fmt --all --check
  # The parts of run.sh are looked at together, as they share variables; the others share some with them.
  shellcheck --check-sourced --external-sources --source-path=SCRIPTDIR run.sh
  shellcheck --external-sources --source-path=SCRIPTDIR --exclude=SC2034,SC2154 .ci/run scripts/tests/*.sh bench/*.sh end2end/*/*.sh
  for_each_script_test
}

# What run.sh's own functions do, each file in a shell of its own.
for_each_script_test() {
  local file
  for file in scripts/tests/*.test.sh; do
    say "--- $file"
    bash "$file"
  done
}

# The frontend is never built together with the others: its feature `hydrate` would reach the server.
stage_lints() {
  cargo clippy --locked --all-targets --features "$TEST_FEATURES" -- -D warnings
  cargo clippy --locked -p clutch-frontend --target wasm32-unknown-unknown -- -D warnings
  cargo clippy --locked -p clutch-frontend --target wasm32-unknown-unknown --features split -- -D warnings
  end2end/node_modules/.bin/tsc -p plugins/openclutch
  end2end/node_modules/.bin/tsc -p end2end
  (cd convex && npm run --silent typecheck && npm run --silent lint)
  same_duplicates
}

# Two versions of a crate are compiled, and carried, twice.
same_duplicates() {
  local now kept
  now=$({
    duplicates -p clutch --target "$(rustc -vV | sed -n 's/^host: //p')"
    duplicates -p clutch-frontend --target wasm32-unknown-unknown
  } | sort -u)
  kept=$(sed -e '/^#/d' -e 's/ .*//' scripts/duplicates.txt | sort -u)
  [ "$now" != "$kept" ] || return 0
  say "Not as scripts/duplicates.txt has it (< listed there, > found by \"cargo tree --duplicates\"):"
  diff <(printf '%s\n' "$kept") <(printf '%s\n' "$now") | grep '^[<>]'
  return 1
}

duplicates() { # FLAGS...
  cargo tree --locked --duplicates --depth 0 --prefix none -e normal "$@" |
    sed -n 's/^\([A-Za-z0-9_-]*\) v\([0-9.]*\).*/\1 \2/p' | sort -u | cut -d' ' -f1 | uniq -d
}

readonly TEST_FEATURES=clutch/real-gateway,clutch-gateway/real-gateway,clutch-store/convex-bridge,clutch-sim/sabotage
# Days that the simulator runs, each twice. A test that is run by hand runs fewer.
readonly SIMULATED_DAYS=2000

# All tests with the same features, always: asked for one crate at a time, cargo would compile shared
# dependencies again for each choice of features. What is fresh costs a second.
rust_tests() { # SUBCOMMAND FLAGS...
  local subcommand=$1
  shift
  OC_PREFIX="$cache/openclaw-$OPENCLAW" OC_PREFIX_OLD="$cache/openclaw-$OPENCLAW_OLD" \
    CLUTCH_SIM_SEEDS=${CLUTCH_SIM_SEEDS:-$SIMULATED_DAYS} \
    cargo nextest "$subcommand" --locked --cargo-quiet --features "$TEST_FEATURES" "$@"
}

# run_tests FILTERSET FLAGS...: the tests that a filterset of nextest names; none is a failure.
run_tests() {
  local set=$1
  shift
  rust_tests run --no-tests fail --success-output immediate -E "$set" "$@"
}

stage_compile() {
  rust_tests run --no-run
  save_dependencies
}

# Tests that wait and tests that compute, mixed: one more at a time than there are cores.
stage_rust() { run_tests 'all() - binary(/^convex/)' --test-threads $(($(nproc) + 1)); }
stage_domain() { run_tests 'package(clutch-domain)'; }
stage_core() { run_tests 'package(clutch-orchestrator) + package(clutch-sim) + (package(clutch-store) - binary(/^convex/))'; }
# Switches that take safeguards away are compiled into the tests only. That they change nothing while none is used is
# seen on days of the very code that people run.
stage_sim() {
  local without=$target/fast/clutch-sim with=$target/debug/clutch-sim
  # With the program beside it everything but the simulator itself is compiled already.
  cargo build --locked --profile fast -p clutch -p clutch-sim --bin clutch --bin clutch-sim
  cargo build --locked --features "$TEST_FEATURES" --bin clutch-sim
  cmp <("$without" --hashes --seeds "$COMPARED_DAYS") <("$with" --hashes --seeds "$COMPARED_DAYS")
  say "check passed: $COMPARED_DAYS days are the same with switches and without"
}
readonly COMPARED_DAYS=100

stage_convex() {
  local flags=()
  # A real deployment is one for all.
  [ -z "${CONVEX_TEST_URL:-}" ] || flags=(--test-threads 1)
  (cd convex && FORCE_COLOR=0 npm run --silent test)
  run_tests 'package(clutch-store) & binary(/^convex/)' "${flags[@]}"
  # On the bridge, whatever deployment the store is tried on.
  run_tests 'package(clutch) & binary(wire) & test(on_convex)' --run-ignored only
}
stage_server() { run_tests 'package(clutch-app) + package(clutch)'; }
stage_docs() { cargo test --locked --doc --features "$TEST_FEATURES"; }

stage_gateway() { run_tests 'package(clutch-gateway)'; }
# The page that people get, with the program compiled quickly.
stage_build() {
  cargo test --locked --quiet -p clutch-site # what makes the page's files; no default member, so in no other stage
  build_app_with_canaries
  bench/sizes.sh --page "$app"
}

# What stands in the environment of a build must not get into it. Cargo builds anew what asks for one of these.
readonly CANARY=canary-in-the-environment-of-the-build
build_app_with_canaries() {
  local name
  for name in CLUTCH_PASSWORD OPENCLAW_TOKEN CONVEX_DEPLOY_KEY CONVEX_SELF_HOSTED_ADMIN_KEY GH_TOKEN GITHUB_TOKEN \
    NEXT_PUBLIC_OPENCLAW_TOKEN LEPTOS_SECRET; do
    local -x "$name=$CANARY-$name"
  done
  build_app fast
}

stage_api() {
  build_app_with_canaries # made by the stage before; only its name is wanted
  SCHEMATHESIS=$cache/schemathesis-$SCHEMATHESIS_VERSION/bin end2end/api/check.sh "$app"
  CLUTCH_BIN=$app/clutch LEPTOS_SITE_ROOT=$app/site CLUTCH_CANARY=$CANARY \
    run_tests 'package(clutch) & binary(serve) & test(=canary::planted_secrets_are_not_in_the_built_site)' \
    --run-ignored only
  cd end2end/mcp
  export CLUTCH_BIN="$app/clutch" LEPTOS_SITE_ROOT="$app/site"
  private_node --test --test-reporter=tap ./*.test.mjs
}

stage_plugin() {
  cd plugins/openclutch
  private_node --test --test-reporter=tap test/*.test.mjs
}

stage_script() {
  cd end2end/gateway
  # One file after the other: a gateway takes 700 MB, and another stage may have one, too.
  private_node --test --test-reporter=tap --test-concurrency=1 test/*.test.mjs
}

# The Node of the gateway, so that the machine's own version does not matter.
private_node() { PATH=$cache/openclaw-$OPENCLAW/node/bin:$PATH node "$@"; }

stage_browser() {
  build_app fast # made by the stage before; only its name is wanted
  cd end2end
  export CI=1 FORCE_COLOR=0 CLUTCH_BIN="$app/clutch" LEPTOS_SITE_ROOT="$app/site" LEPTOS_HASH_FILES=true CHROMIUM_PATH
  private_node node_modules/@playwright/test/cli.js test --reporter=list
}

stage_firefox() {
  build_app fast # made by the stage before; only its name is wanted
  cd end2end
  export CI=1 FORCE_COLOR=0 CLUTCH_BIN="$app/clutch" LEPTOS_SITE_ROOT="$app/site" LEPTOS_HASH_FILES=true FIREFOX_PATH
  private_node node_modules/@playwright/test/cli.js test --config firefox.config.ts --reporter=list
}

# --- the demo round ---------------------------------------------------------------------------------

# A fresh home and data folder; tool cache, cargo's own folders and the build are shared.
stage_demo() {
  fresh=$(mktemp -d "${TMPDIR:-/tmp}/openclutch-round-XXXXXX") # not local: the trap needs it
  trap 'fresh_run "$fresh" stop >/dev/null 2>&1; rm -rf "$fresh"' EXIT
  demo_round "$fresh"
}

fresh_run() { # FOLDER ARGUMENTS...
  local fresh=$1
  shift
  env -u CLUTCH_DATA_DIR -u CLUTCH_LOG_DIR -u CARGO_BUILD_JOBS HOME="$fresh/home" XDG_DATA_HOME="$fresh/data" XDG_CACHE_HOME="${cache%/openclutch}" \
    CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" \
    OPENCLUTCH_ROUND="$fresh" "$root/run.sh" "$@"
}

demo_round() { # FOLDER
  local fresh=$1 output address again api project ticket status seen='' end begun left
  mkdir -p "$fresh/home" "$fresh/data"

  output=$(fresh_run "$fresh" demo)
  printf '%s\n' "$output"
  address=$(printf '%s\n' "$output" | sed -n '$s/^OpenClutch is ready: \(http:\/\/127\.0\.0\.1:[0-9]*\)$/\1/p')
  [ -n "$address" ] || { say "The last line of ./run.sh demo is not \"OpenClutch is ready: http://127.0.0.1:<port>\"."; return 1; }
  say "check passed: demo starts and its last line is the address"

  api=$address/api
  project=$(http GET "$api/projects" | json 'it.projects[0]?.id')
  begun=$(date +%s%3N)
  ticket=$(http POST "$api/tasks" "{\"project_id\": \"$project\", \"status\": \"ready\", \"title\": \"Note the first swallow\", \"description\": \"One line in the log.\"}" | json it.task.id)
  end=$((SECONDS + 120))
  while [ $SECONDS -lt $end ]; do
    status=$(http GET "$api/tasks/$ticket" | json it.task.status)
    if [ "$status" != "$seen" ]; then say "measured: ticket $status after $(($(date +%s%3N) - begun)) ms"; fi
    seen=$status
    [ "$status" != in_review ] || break
    sleep 0.2
  done
  [ "$status" = in_review ] || { say "The ticket is \"$status\" after two minutes, not in review."; fresh_run "$fresh" logs; return 1; }
  say "check passed: a ticket goes through to In Review"

  begun=$SECONDS
  output=$(fresh_run "$fresh" demo)
  again=$(printf '%s\n' "$output" | tail -n 1)
  [ "$again" = "OpenClutch is ready: $address" ] || { say "The second ./run.sh demo ends with \"$again\"."; return 1; }
  say "measured: second demo in $((SECONDS - begun)) s"
  [ "$(http GET "$api/tasks/$ticket" | json it.task.status)" = in_review ] || { say "The ticket did not survive the second ./run.sh demo."; return 1; }
  say "check passed: demo again gives the same address and the same board"

  # shellcheck source=/dev/null
  source "$fresh/data/openclutch-demo/ports"
  fresh_run "$fresh" stop
  left=$(grep -lz "^OPENCLUTCH_ROUND=$fresh\$" /proc/[0-9]*/environ 2>/dev/null | grep -v -e "^/proc/$$/" -e "^/proc/$BASHPID/" || true)
  if [ -n "$left" ]; then
    say "After ./run.sh stop these processes are left:"
    for left in $left; do tr '\0' ' ' <"${left%environ}cmdline" && echo; done
    return 1
  fi
  for left in "$server_port" "$gateway_port" "$model_port"; do
    if port_taken "$left"; then say "After ./run.sh stop port $left is still taken."; return 1; fi
  done
  say "check passed: after stop no process and no port is left"
}
