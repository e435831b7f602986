# shellcheck shell=bash
# Processes that outlive run.sh. A pid file names the process by id and start time, so a recycled id is
# never taken for ours; a random mark in the environment finds whatever it left behind.

process_functions=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/process.sh
readonly process_functions
readonly LOG_LIMIT=$((5 * 1024 * 1024)) LOGS_KEPT=3

# process_stat PID FIELD: a field of /proc/PID/stat by its number in proc(5), from 3 on.
process_stat() {
  local line fields
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  line=${line##*) } # the name, in brackets, may hold anything
  read -r -a fields <<<"$line"
  printf '%s' "${fields[$(($2 - 3))]}"
}

# spawn NAME RUN-FOLDER LOG COMMAND...: in a session of its own, output appended to LOG. The process
# writes its pid file before it becomes COMMAND: what could not be found again is never started.
spawn() {
  local name=$1 run=$2 log=$3 mark pid
  shift 3
  mkdir -p "$run" "$(dirname "$log")"
  rm -f "$run/$name.pid"
  mark=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
  # shellcheck disable=SC2016 # the new shell's own words
  OPENCLUTCH_MARK=$mark setsid bash -c '
    source "$1"
    printf "%s %s %s\n" "$$" "$(process_stat "$$" 22)" "$OPENCLUTCH_MARK" >"$2.part" && mv "$2.part" "$2" || exit 1
    shift 2
    exec "$@"' bash "$process_functions" "$run/$name.pid" "$@" >>"$log" 2>&1 </dev/null 9>&- &
  pid=$!
  disown "$pid"
  until [ -e "$run/$name.pid" ]; do
    kill -0 "$pid" 2>/dev/null || [ -e "$run/$name.pid" ] || {
      tail -n 5 "$log" >&2
      die "$run/$name.pid could not be written, so nothing was started: is there room on the disk, and may you write there?"
    }
    sleep 0.02
  done
}

# pid_of FILE: the process id if that very process still runs.
pid_of() {
  local pid start mark
  read -r pid start mark 2>/dev/null <"$1" || return 1
  same_process "$pid" "$start" || return 1
  printf '%s' "$pid"
}

same_process() { # PID START
  [ "$(process_stat "$1" 22)" = "$2" ] && [ "$(process_stat "$1" 3)" != Z ]
}

# Processes whose environment carries the mark, one "PID START" a line.
marked() { # MARK
  local file pid start
  for file in /proc/[0-9]*/environ; do
    grep -qz "^OPENCLUTCH_MARK=$1\$" "$file" 2>/dev/null || continue
    pid=${file#/proc/}
    pid=${pid%/environ}
    start=$(process_stat "$pid" 22) || continue
    [ "$(process_stat "$pid" 3)" = Z ] || printf '%s %s\n' "$pid" "$start"
  done
}

# stop_process FILE WHAT SECONDS: SIGTERM, SECONDS of grace, then SIGKILL; then whatever it left.
stop_process() {
  local file=$1 what=$2 grace=$3 pid start mark end rest
  [ -e "$file" ] || return 0
  read -r pid start mark <"$file" || true
  if [ -z "${mark:-}" ]; then
    say "$file does not name a process: removed."
    rm -f "$file"
    return 0
  fi
  if same_process "$pid" "$start"; then
    kill -TERM "$pid" 2>/dev/null || true
    end=$((SECONDS + grace))
    while same_process "$pid" "$start" && [ $SECONDS -lt $end ]; do sleep 0.1; done
    if same_process "$pid" "$start"; then
      say "$what (process $pid) did not end within $grace s of being asked: killed."
      kill -KILL "$pid" 2>/dev/null || true
    else
      say "Stopped $what (process $pid)."
    fi
  else
    say "$what had ended by itself: removed its pid file."
  fi
  end=$((SECONDS + 5))
  while rest=$(marked "$mark") && [ -n "$rest" ]; do
    while read -r pid start; do
      if same_process "$pid" "$start"; then kill -"$([ $SECONDS -lt $end ] && echo TERM || echo KILL)" "$pid" 2>/dev/null || true; fi
    done <<<"$rest"
    sleep 0.1
  done
  rm -f "$file"
}

# wait_for SECONDS WHAT PIDFILE LOG COMMAND...: until COMMAND succeeds, while the process lives.
wait_for() {
  local seconds=$1 what=$2 file=$3 log=$4 end=$((SECONDS + $1))
  shift 4
  until "$@" >/dev/null 2>&1; do
    if ! pid_of "$file" >/dev/null; then
      tail -n 30 "$log" >&2 || true
      die "$what ended while starting; its last words are above (all of them: $log)."
    fi
    if [ $SECONDS -ge "$end" ]; then
      tail -n 30 "$log" >&2 || true
      die "$what did not answer within $seconds s; its last words are above (all of them: $log). ./run.sh stop ends it."
    fi
    sleep 0.1
  done
}

answers() { curl --noproxy '*' --silent --fail --max-time 5 --output /dev/null "$1"; }

# stay PIDFILES...: for --foreground; ends when one of them ends.
stay() {
  local file
  while true; do
    for file; do pid_of "$file" >/dev/null || return 0; done
    sleep 0.5 &
    wait $!
  done
}

# rotate LOG: before a process gets it. The server rotates its own files itself.
rotate() {
  local log=$1 i
  [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -gt $LOG_LIMIT ] || return 0
  for ((i = LOGS_KEPT - 1; i >= 1; i--)); do [ ! -e "$log.$i" ] || mv "$log.$i" "$log.$((i + 1))"; done
  mv "$log" "$log.1"
}
