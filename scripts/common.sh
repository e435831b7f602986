# shellcheck shell=bash
# Words, clocks, locks and settings that all of run.sh shares. Sourced, never run.

say() { printf '%s\n' "$*"; }

# Status of a shell or subshell that has already said what is wrong. run.sh itself turns it into 1.
readonly EXPLAINED=113

# "yes" while a failing subshell is an answer, not the end (a red test stage).
errors_expected=no

# Ends the run with a sentence that tells what to do.
die() {
  printf '\n%s\n' "$*" >&2
  exit "$EXPLAINED"
}

# The ERR trap: whatever fails without having said why lands here, so nothing ends silently.
on_error() { # EXIT-CODE LINE FILE COMMAND
  [ "$1" != "$EXPLAINED" ] && [ "$errors_expected" = no ] || return 0
  case $4 in
    return*) printf '\nrun.sh stopped: the lines above say why. Put that right and run the same command again.\n' >&2 ;;
    *) printf '\nrun.sh stopped: "%s" ended with %s (%s, line %s). The lines above say why; put that right and run the same command again.\n' \
      "$4" "$1" "$3" "$2" >&2 ;;
  esac
  exit "$EXPLAINED"
}

on_exit() {
  local code=$?
  end_background
  [ "$code" != "$EXPLAINED" ] || exit 1
}

# stage TITLE COMMAND...: says what it does, does it, says how long it took.
stage() {
  local title=$1 started=$SECONDS code
  shift
  say "==> $title"
  "$@"
  code=$? # reached with a failure only where the caller asks for one: errexit is off in a condition
  [ $code = 0 ] || return $code
  say "    $title: $((SECONDS - started)) s"
}

# into_log FILE COMMAND...: output goes to FILE; on failure its end is shown.
into_log() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if "$@" >"$log" 2>&1; then return 0; fi
  tail -n 40 "$log" >&2
  printf 'The whole output is in %s.\n' "$log" >&2
  return 1
}

# with_lock FILE WHAT COMMAND...: one run at a time. The command runs in a subshell; what it starts
# and leaves running must close descriptor 9, or it keeps the lock (spawn in process.sh does).
with_lock() {
  local file=$1 what=$2
  shift 2
  mkdir -p "$(dirname "$file")"
  (
    if ! flock -n 9; then
      say "Waiting for another run of run.sh that is $what."
      flock 9
    fi
    "$@"
  ) 9>"$file"
}

# --- work in the background: downloads while cargo builds -------------------------------------------

declare -A background_pid=() background_log=() background_what=() background_start=()

# in_background NAME WHAT COMMAND...: a process group of its own, so that it can be ended whole.
in_background() {
  local name=$1 what=$2
  shift 2
  background_what[$name]=$what
  background_log[$name]=$run_logs/$name.log
  background_start[$name]=$SECONDS
  mkdir -p "$run_logs"
  say "==> $what (in the background)"
  set -m
  {
    trap - ERR # join_background says what failed
    "$@"
  } >"${background_log[$name]}" 2>&1 </dev/null &
  background_pid[$name]=$!
  set +m
}

# join_background NAME: waits for it; nothing to do when it was never started.
join_background() {
  local name=$1 pid=${background_pid[$1]:-}
  [ -n "$pid" ] || return 0
  unset "background_pid[$name]"
  if wait "$pid"; then
    say "    ${background_what[$name]}: $((SECONDS - background_start[$name])) s"
    return 0
  fi
  tail -n 40 "${background_log[$name]}" >&2
  die "This failed: ${background_what[$name]}. The lines above say why (all of them: ${background_log[$name]}). Put that right and run the same command again."
}

end_background() {
  local pid
  for pid in "${background_pid[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
}

# --- settings ---------------------------------------------------------------------------------------

# setting NAME DEFAULT: environment, then .env.local, then DEFAULT; the order of the program itself, and its
# way of reading: the last line that has a value counts. scripts/tests/settings.test.sh holds them together.
setting() {
  local name=$1 value
  if [ -n "${!name:-}" ]; then
    printf '%s' "${!name}"
    return
  fi
  value=
  if [ -f "$root/.env.local" ]; then
    value=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}${name}[[:space:]]*=[[:space:]]*//p" "$root/.env.local" |
      sed -e 's/[[:space:]]*$//;t unquote' -e ':unquote' -e 's/^"\(.*\)"$/\1/;t' -e "s/^'\(.*\)'\$/\1/" |
      sed '/^$/d' | tail -n 1 | sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//')
  fi
  printf '%s' "${value:-$2}"
}

# --- ports and HTTP ---------------------------------------------------------------------------------

# port_taken PORT [ADDRESS]: whether somebody listens there.
port_taken() { (exec 3<>"/dev/tcp/${2:-127.0.0.1}/$1") 2>/dev/null; }

# A free loopback port below the range that the kernel hands to outgoing connections.
free_port() { # PORTS-NOT-TO-TAKE...
  local port try
  for try in {1..200}; do
    port=$((20000 + (RANDOM % 1200) * 10))
    case " $* " in *" $port "*) continue ;; esac
    port_taken "$port" || { printf '%s' "$port"; return 0; }
  done
  die "No free port between 20000 and 32000 on 127.0.0.1 after $try attempts: end some of the programs that listen there."
}

# http METHOD URL [BODY]: prints the body; fails on 4xx and 5xx and says what the server answered.
http() {
  local method=$1 url=$2 body=${3-} answer code
  local args=(--noproxy '*' --silent --show-error --max-time 20 --request "$method" --write-out '\n%{http_code}')
  [ -z "$body" ] || args+=(--header 'content-type: application/json' --data-binary "$body")
  answer=$(curl "${args[@]}" "$url") || { printf '%s %s: no answer.\n' "$method" "$url" >&2; return 1; }
  code=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  if [ "$code" -ge 400 ]; then
    printf '%s %s answered %s: %s\n' "$method" "$url" "$code" "$answer" >&2
    return 1
  fi
  printf '%s' "$answer"
}

# json_object NAME=TEXT... NAME:=JSON...: an object, whatever the texts hold.
json_object() {
  node -e 'const pairs = process.argv.slice(1).map((pair) => {
    const [, name, raw, value] = /^([^=:]+)(:?)=(.*)$/s.exec(pair);
    return [name, raw ? JSON.parse(value) : value];
  });
  process.stdout.write(JSON.stringify(Object.fromEntries(pairs)));' -- "$@"
}

# json EXPRESSION: reads JSON from standard input as `it`, prints the value of a JavaScript expression.
json() {
  node -e 'let s = ""; process.stdin.on("data", (d) => (s += d)).on("end", () => {
    const v = new Function("it", "return (" + process.argv[1] + ")")(JSON.parse(s));
    process.stdout.write(v === undefined || v === null ? "" : typeof v === "string" ? v : JSON.stringify(v));
  });' "$1"
}
