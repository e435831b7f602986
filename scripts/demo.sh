# shellcheck shell=bash
# The demo: a real gateway whose model is a script, a sample project with a real repository, the
# server. Everything lies in one folder of its own; it never touches the data of `start`.

demo=$data_home/openclutch-demo
demo_run=$demo/run
demo_logs=${CLUTCH_LOG_DIR:-$demo/data/logs}

# Variables of the user's real installation that must not leak into the demo.
readonly DEMO_UNSET=(PORT HOST CLUTCH_HOST CLUTCH_PASSWORD CLUTCH_ALLOWED_HOSTS CLUTCH_TRUSTED_PROXIES CLUTCH_UPLOAD_DIR CLUTCH_ROOTS
  CLUTCH_WEBHOOKS_PRIVATE CLUTCH_WEBHOOKS_KEY
  CLUTCH_TOKEN CLUTCH_API_URL CONVEX_URL CONVEX_SELF_HOSTED_URL NEXT_PUBLIC_CONVEX_URL NEXT_PUBLIC_CONVEX_SELF_HOSTED_URL
  NEXT_PUBLIC_OPENCLAW_TOKEN OPENCLAW_HOST OPENCLAW_PORT WORK_LOOP_ENABLED WORK_LOOP_CYCLE_MS WORK_LOOP_MAX_AGENTS
  WORK_LOOP_MAX_AGENTS_PER_PROJECT WORK_LOOP_MAX_DEV_AGENTS WORK_LOOP_MAX_REVIEWER_AGENTS
  WORK_LOOP_STALE_TASK_MINUTES WORK_LOOP_STALE_REVIEW_MINUTES)

# shellcheck disable=SC2120 # run.sh passes arguments, by the command's name
command_demo() {
  local foreground=no
  case ${1:-} in
    '') ;;
    --foreground) foreground=yes ;;
    *) die "\"demo $1\" is unknown: it is ./run.sh demo [--foreground]." ;;
  esac
  demo_tools
  build_app fast
  join_openclaw "$OPENCLAW"
  with_lock "$demo/lock" "starting or stopping the demo" demo_up "$app"
  demo_ports
  say "OpenClutch is ready: http://127.0.0.1:$server_port"
  if [ "$foreground" = yes ]; then
    trap 'command_stop demo; exit 0' INT TERM
    stay "$demo_run/server.pid" "$demo_run/gateway.pid"
    die "The demo's server or gateway ended: ./run.sh logs shows why, ./run.sh demo starts it again."
  fi
}

# Downloads run while cargo builds.
demo_tools() {
  need_machine
  need_rust
  start_npm_dependencies
  start_openclaw "$OPENCLAW"
  join_background npm
}

demo_up() {
  demo_ports
  demo_sample_repository
  demo_gateway
  demo_server "$1"
  demo_sample_project
}

# The ports are remembered, so that a bookmark and the gateway's state stay good.
demo_ports() {
  local name
  mkdir -p "$demo" "$demo_run"
  server_port='' gateway_port='' model_port='' gateway_token=''
  # shellcheck source=/dev/null
  [ ! -e "$demo/ports" ] || source "$demo/ports"
  for name in server gateway; do demo_port "$name"; done
  gateway_token=${gateway_token:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}
  (umask 077 && printf 'server_port=%s\ngateway_port=%s\nmodel_port=%s\ngateway_token=%s\n' \
    "$server_port" "$gateway_port" "$model_port" "$gateway_token" >"$demo/ports")
}

# demo_port server|gateway: keeps the remembered port while it is ours or free.
demo_port() {
  local name=$1 variable=$1_port port taken=no
  port=${!variable}
  if [ -n "$port" ]; then
    pid_of "$demo_run/$name.pid" >/dev/null && return 0
    port_taken "$port" && taken=yes
    if [ "$name" = gateway ] && port_taken "$model_port"; then taken=yes; fi
    [ "$taken" = yes ] || return 0
    say "Port $port of the demo's $name is taken by another program: the demo moves to a free one."
  fi
  printf -v "$variable" '%s' "$(free_port "$server_port" "$gateway_port" "$model_port")"
  if [ "$name" = gateway ]; then model_port=$(free_port "$server_port" "$gateway_port"); fi
}

demo_sample_repository() {
  [ ! -e "$demo/sample/.git" ] || return 0
  stage "Making the sample repository" end2end/gateway/sample-repo.sh "$demo/sample" ||
    die "The sample repository could not be made in $demo/sample: remove that folder, then run ./run.sh demo again."
}

# --- the gateway ------------------------------------------------------------------------------------

demo_gateway() {
  local version
  version=$(demo_gateway_version)
  if pid_of "$demo_run/gateway.pid" >/dev/null; then
    [ "$(cat "$demo_run/gateway.version" 2>/dev/null)" != "$version" ] || return 0
    say "Plugin or scripts of the gateway have changed: it is started again."
  fi
  stop_process "$demo_run/gateway.pid" "the demo's gateway" 20
  rotate "$demo_logs/gateway.out" # gateway.log and model.log are written, and rotated, by start-gateway.sh
  stage "Starting the gateway with the scripted model" demo_gateway_now
  printf '%s\n' "$version" >"$demo_run/gateway.version"
}

demo_gateway_version() {
  {
    printf '%s\n' "$OPENCLAW" "$root" "$server_port" "$gateway_port" "$model_port"
    find end2end/gateway plugins/openclutch -type f -not -path '*/node_modules/*' -not -path '*/test/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-16
}

demo_gateway_now() {
  spawn gateway "$demo_run" "$demo_logs/gateway.out" env \
    OC_PREFIX="$cache/openclaw-$OPENCLAW" OC_STATE="$demo/gateway" OC_PORT="$gateway_port" OC_MODEL_PORT="$model_port" \
    OC_TOKEN="$gateway_token" OC_PLUGIN_PATHS="$root/plugins/openclutch" OC_LOG_DIR="$demo_logs" \
    CLUTCH_URL="http://127.0.0.1:$server_port" \
    "$root/end2end/gateway/start-gateway.sh"
  wait_for 120 "The gateway" "$demo_run/gateway.pid" "$demo_logs/gateway.out" answers "http://127.0.0.1:$gateway_port/startupz"
}

# --- the server -------------------------------------------------------------------------------------

demo_server() { # APP
  if pid_of "$demo_run/server.pid" >/dev/null; then
    if [ "$(cat "$demo_run/server.app" 2>/dev/null)" = "$1 $server_port $gateway_port" ] && answers "http://127.0.0.1:$server_port/health"; then return 0; fi
    say "The program has changed since the demo was started: its server is started again."
  fi
  stop_process "$demo_run/server.pid" "the demo's server" 15
  stage "Starting the server" demo_server_now "$1"
  printf '%s\n' "$1 $server_port $gateway_port" >"$demo_run/server.app"
}

# Environment of the demo's server; `dev` uses it too. Started in the demo's folder, where no
# .env.local of the real installation lies.
demo_environment() { # APP
  local name
  demo_env=(env -C "$demo")
  for name in "${DEMO_UNSET[@]}"; do demo_env+=(-u "$name"); done
  demo_env+=(CLUTCH_DATA_DIR="$demo/data" CLUTCH_LOG_DIR="$demo_logs" OPENCLAW_WS_URL="ws://127.0.0.1:$gateway_port"
    OPENCLAW_TOKEN="$gateway_token" CLUTCH_URL="http://127.0.0.1:$server_port")
}

demo_server_now() { # APP
  local demo_env
  demo_environment
  spawn server "$demo_run" "$demo_logs/server.out" "${demo_env[@]}" LEPTOS_SITE_ROOT="$1/site" LEPTOS_HASH_FILES=true \
    "$1/clutch" serve --host 127.0.0.1 --port "$server_port" --data-dir "$demo/data"
  wait_for 30 "The server" "$demo_run/server.pid" "$demo_logs/server.out" answers "http://127.0.0.1:$server_port/health"
  wait_for 30 "The server's connection to the gateway" "$demo_run/server.pid" "$demo_logs/server.log" demo_connected
}

demo_connected() { http GET "http://127.0.0.1:$server_port/api/openclaw/status" | grep -q '"connected": *true'; }

# --- the sample project -----------------------------------------------------------------------------

demo_sample_project() {
  local api=http://127.0.0.1:$server_port/api project
  project=$(http GET "$api/projects" | json 'it.projects.find((p) => p.slug === "feeder-log")?.id')
  [ -z "$project" ] || return 0
  stage "Making the sample project" demo_sample_project_now "$api"
}

demo_sample_project_now() {
  local api=$1 project chat
  project=$(http POST "$api/projects" "$(json_object name='Feeder Log' slug=feeder-log local_path="$demo/sample" \
    description='A sample: who came to the bird feeder today? A small git repository.' work_loop_enabled:=true)" | json it.project.id)
  # What the words do is the scripted model's part: "ask", "fail", "slow" and "forget" change it.
  demo_ticket "$api" "$project" medium "Show the busiest day of the week" \
    "One more command for the log: which day had the most visits?"
  demo_ticket "$api" "$project" high "Ask which seed to log first" \
    "Sunflower or millet? Find out before anything is written down."
  demo_ticket "$api" "$project" medium "Fail once, then count the sparrows" \
    "The first attempt goes wrong, the second one counts."
  demo_ticket "$api" "$project" low "Slow and careful: tidy the log format" \
    "Two minutes of patient work. Watch the card meanwhile."
  demo_ticket "$api" "$project" medium "Forget to report: sort the birds by name" \
    "The work is done but nobody says so. See where the ticket ends, and why."
  demo_ticket "$api" "$project" low "Explain the file's fields in the README" \
    "A short paragraph for people who open data/visits.json for the first time."
  # A first word in the project's chat; the scripted partner answers it.
  chat=$(http GET "$api/chats?projectId=$project" | json 'it.chats[0]?.id')
  http POST "$api/chats/$chat/messages" '{"content": "Please look into the repository: what would you build next?", "send": true}' >/dev/null
}

demo_ticket() { # API PROJECT PRIORITY TITLE DESCRIPTION
  http POST "$1/tasks" "$(json_object project_id="$2" status=backlog priority="$3" title="$4" description="$5")" >/dev/null
}
