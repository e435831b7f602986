# shellcheck shell=bash
# start, stop, status, logs, dev, shots, bench.

start_data=$(setting CLUTCH_DATA_DIR "$(setting XDG_DATA_HOME "$data_home")/openclutch")
start_run=$start_data/run
start_logs=$(setting CLUTCH_LOG_DIR "$start_data/logs")

command_start() {
  local foreground=no
  case ${1:-} in
    '') ;;
    --foreground) foreground=yes ;;
    *) die "\"start $1\" is unknown: it is ./run.sh start [--foreground]; settings come from the environment or .env.local (README.md lists them)." ;;
  esac
  need_machine
  need_rust
  start_npm_dependencies
  join_background npm
  build_app release
  # A page over its ceiling is said, and no reason not to serve.
  [ -e "$app/sizes" ] || bench/sizes.sh "$app" || true
  with_lock "$start_run/lock" "starting or stopping OpenClutch" start_up "$app"
  say "OpenClutch is ready: $(start_address)"
  if [ "$foreground" = yes ]; then
    trap 'command_stop start; exit 0' INT TERM
    stay "$start_run/server.pid"
    die "The server ended: ./run.sh logs server shows why, ./run.sh start starts it again."
  fi
}

start_address() {
  local address
  address=$(cat "$start_run/address" 2>/dev/null) || return 1
  printf 'http://%s' "${address#http://}"
}

start_up() { # APP
  local port host
  if pid_of "$start_run/server.pid" >/dev/null; then
    if [ "$(cat "$start_run/server.app" 2>/dev/null)" = "$1 $(settings_hash)" ] && answers "$(start_address)/health"; then
      say "It runs already, with these settings."
      return 0
    fi
    say "The program or its settings have changed since it was started: it is started again."
  fi
  stop_process "$start_run/server.pid" "the server" 15
  port=$(setting PORT 3002)
  host=$(start_host)
  if [ "$port" != 0 ] && port_taken "$port" "$host"; then
    die "Port $port of $host is taken by another program: end that one, or take another port with \"PORT=3010 ./run.sh start\" (or a line PORT=3010 in .env.local)."
  fi
  stage "Starting the server" start_server_now "$1"
  printf '%s\n' "$1 $(settings_hash)" >"$start_run/server.app"
}

# Where the program will listen. HOST counts only as an address: some shells export the machine's name.
start_host() {
  local host address='^[0-9.]+$|:'
  host=$(setting CLUTCH_HOST '')
  if [ -z "$host" ]; then
    host=$(setting HOST '')
    [[ $host =~ $address ]] || host=127.0.0.1
  fi
  printf '%s' "$host"
}

# Whether a running server has the settings that this call brings; a hash, as there are secrets among them.
settings_hash() {
  {
    env | { grep -E '^(HOST|PORT|CLUTCH_|OPENCLAW_|WORK_LOOP_|CONVEX_|NEXT_PUBLIC_|SSL_CERT_FILE)' || true; } | LC_ALL=C sort
    [ ! -e .env.local ] || cat .env.local
  } | sha256sum | cut -c1-16
}

# In the repository's folder: there the program looks for .env.local.
start_server_now() {
  mkdir -p "$start_run"
  rm -f "$start_run/address"
  rotate "$start_logs/server.out"
  spawn server "$start_run" "$start_logs/server.out" env LEPTOS_SITE_ROOT="$1/site" LEPTOS_HASH_FILES=true \
    "$1/clutch" serve --ready-file "$start_run/address"
  wait_for 30 "The server" "$start_run/server.pid" "$start_logs/server.out" start_answers
}

start_answers() { [ -s "$start_run/address" ] && answers "$(start_address)/health"; }

# --- stop, status, logs -----------------------------------------------------------------------------

command_stop() {
  case ${1:-all} in
    all | demo | start) ;;
    *) die "\"stop $1\" is unknown: it is ./run.sh stop [demo|start]." ;;
  esac
  local found=no file
  for file in "$demo_run"/{server,gateway}.pid "$start_run/server.pid"; do [ ! -e "$file" ] || found=yes; done
  if [ "$found" = no ]; then
    say "Nothing runs that run.sh started."
    return 0
  fi
  if [ "${1:-all}" != start ] && [ -d "$demo" ]; then with_lock "$demo/lock" "starting or stopping the demo" stop_demo; fi
  if [ "${1:-all}" != demo ] && [ -d "$start_run" ]; then with_lock "$start_run/lock" "starting or stopping OpenClutch" stop_process "$start_run/server.pid" "the server" 15; fi
}

stop_demo() {
  stop_process "$demo_run/server.pid" "the demo's server" 15
  stop_process "$demo_run/gateway.pid" "the demo's gateway" 20
}

command_status() {
  local sizes
  if [ -e "$demo/ports" ]; then
    demo_read_ports
    status_line "demo server" "$demo_run/server.pid" "http://127.0.0.1:$server_port" /health
    status_line "demo gateway" "$demo_run/gateway.pid" "http://127.0.0.1:$gateway_port" /startupz
  else
    say "demo          never started here: ./run.sh demo"
  fi
  if [ -e "$start_run/server.pid" ]; then
    status_line "server" "$start_run/server.pid" "$(start_address || echo '?')" /health
  else
    say "server        not running: ./run.sh start"
  fi
  say "data          demo $demo, real $start_data"
  say "tools         $cache, $(du -sh "$cache" 2>/dev/null | cut -f1 || echo nothing yet)"
  say "logs          demo $demo_logs, real $start_logs"
  # shellcheck disable=SC2012 # names of our own
  sizes=$(ls -t "$target"/app/release-*/sizes 2>/dev/null | head -n 1) || true
  if [ -n "$sizes" ]; then cat "$sizes"; else say "sizes         not measured yet: ./run.sh bench sizes"; fi
}

# shellcheck disable=SC2034 # the callers'
demo_read_ports() {
  server_port='' gateway_port='' model_port='' gateway_token=''
  # shellcheck source=/dev/null
  source "$demo/ports"
}

status_line() { # WHAT PIDFILE URL PATH
  local pid down
  if [ ! -e "$2" ]; then
    printf '%-13s not running\n' "$1"
  elif ! pid=$(pid_of "$2"); then
    printf '%-13s ended without being asked (stale pid file; ./run.sh stop clears it, ./run.sh logs says why)\n' "$1"
  elif answers "$3$4"; then
    printf '%-13s answers at %s (process %s)\n' "$1" "$3" "$pid"
    down=$(http GET "$3$4" 2>/dev/null | parts_down) || down=
    [ -z "$down" ] || printf '%-13s does not work: %s; ./run.sh logs says why\n' '' "$down"
  else
    printf '%-13s process %s runs but does not answer at %s; ./run.sh logs says why\n' "$1" "$pid" "$3"
  fi
}

# The names of the parts that /health says to be down.
parts_down() { { grep -o '"part":"[^"]*"' || true; } | cut -d'"' -f4 | paste -sd, - | sed 's/,/, /g'; }

command_logs() {
  local name='' follow=no word folder=$start_logs files=()
  for word; do
    case $word in
      -f) follow=yes ;;
      -*) die "\"logs $word\" is unknown: it is ./run.sh logs [name] [-f]." ;;
      *) name=$word ;;
    esac
  done
  # Whichever runs; of both, the demo; of none, the one that wrote last.
  if pid_of "$demo_run/server.pid" >/dev/null || pid_of "$demo_run/gateway.pid" >/dev/null; then
    folder=$demo_logs
  elif ! pid_of "$start_run/server.pid" >/dev/null && [ "$demo_logs" -nt "$start_logs" ]; then
    folder=$demo_logs
  fi
  [ ! -d "$folder" ] || mapfile -t files < <(find "$folder" -maxdepth 1 -type f \( -name "${name:-*}.log" -o -name "${name:-*}.out" \) -size +0 2>/dev/null | sort)
  [ ${#files[@]} -gt 0 ] || die "No log ${name:+called \"$name\" }in $folder: names are server, loop, bridge, and in a demo gateway, model."
  if [ "$follow" = yes ]; then exec tail -n 40 -F "${files[@]}"; fi
  tail -n 200 "${files[@]}"
}

# --- dev --------------------------------------------------------------------------------------------

command_dev() {
  local demo_env
  [ $# = 0 ] || die "\"dev $1\" is unknown: it is ./run.sh dev."
  demo_tools
  need_leptos_tools
  join_openclaw "$OPENCLAW"
  with_lock "$target/.openclutch-build.lock" "building" seed_dependencies
  with_lock "$demo/lock" "starting or stopping the demo" dev_up
  demo_ports
  demo_environment
  trap 'with_lock "$demo/lock" "starting or stopping the demo" stop_demo; on_exit' EXIT
  say "The page will be at http://127.0.0.1:$server_port; Ctrl-C ends it and the gateway."
  # The demo's environment, but in the repository, where cargo is at home. Names without a hash:
  # cargo-leptos renames files only in its first build, so a changed page would never be fetched.
  "${demo_env[@]}" env -C "$root" LEPTOS_SITE_ROOT=target/site-dev LEPTOS_HASH_FILES=false \
    LEPTOS_SITE_ADDR="127.0.0.1:$server_port" LEPTOS_RELOAD_PORT="$(free_port "$server_port")" PORT="$server_port" \
    cargo leptos watch
}

dev_up() {
  demo_ports
  demo_sample_repository
  demo_gateway
  stop_process "$demo_run/server.pid" "the demo's server" 15
}

# --- shots and bench --------------------------------------------------------------------------------

command_shots() {
  need_chromium
  # shellcheck disable=SC2119 # nor the caller's arguments
  command_demo
  demo_read_ports
  stage "Taking screenshots into shots/" env CLUTCH_SHOTS_URL="http://127.0.0.1:$server_port" CLUTCH_SHOTS_DIR="$root/shots" \
    PATH="$cache/openclaw-$OPENCLAW/node/bin:$PATH" node end2end/shots.mjs ||
    die "The screenshots show a fault (or could not be taken); the lines above name page and size."
  say "Look at them: $root/shots"
}

command_bench() {
  local name=${1:-}
  if [ -z "$name" ]; then
    for name in bench/*.sh; do say "./run.sh bench $(basename "$name" .sh)   $(sed -n '2s/^# //p' "$name")"; done
    return 0
  fi
  [ -x "bench/$name.sh" ] || die "There is no measurement \"$name\": ./run.sh bench lists them."
  need_machine
  need_rust
  start_npm_dependencies
  # In a browser; chats with a gateway, too.
  case $name in chat | board) need_chromium ;; esac
  if [ "$name" = chat ]; then start_openclaw "$OPENCLAW"; fi
  # Commits of the same kind are measured with Node's own SQLite.
  if [ "$name" = engine ]; then
    install_private_node || die "The private Node could not be installed; the lines above say why. Put that right, then run the same command again."
  fi
  join_background npm
  build_app release
  join_openclaw "$OPENCLAW"
  "bench/$name.sh" "$app"
}
