#!/usr/bin/env bash
# Processes that outlive run.sh: known before they run, ended whole.
source "$(dirname "${BASH_SOURCE[0]}")/begin.sh"
source scripts/common.sh
source scripts/process.sh

run=$work/run
spawn sleeper "$run" "$work/out" env -C "$work" sleep 1000
pid=$(pid_of "$run/sleeper.pid")
same "the process" "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "sleep 1000 "
same "its session" "$(process_stat "$pid" 6)" "$pid"
passed "a process writes its pid file and becomes the program"

stop_process "$run/sleeper.pid" "the sleeper" 5 >/dev/null
if kill -0 "$pid" 2>/dev/null; then exit 1; fi
[ ! -e "$run/sleeper.pid" ]
passed "it is stopped, and its pid file is gone"

# Where the pid file cannot be written: a folder is in its place.
mkdir -p "$run/second.pid.part"
said=$( (spawn second "$run" "$work/out" touch "$work/started") 2>&1) && exit 1
[[ $said == *"could not be written, so nothing was started"* ]]
[ ! -e "$work/started" ]
passed "what cannot be found again is not started"

# A port that somebody has on another address is free on ours.
source scripts/start.sh
mkdir "$work/www"
python=$(command -v python3 || true)
if [ -n "$python" ]; then
  spawn listener "$run" "$work/listener" "$python" -u -c '
import socket
s = socket.socket()
s.bind(("127.0.0.2", 0))
s.listen()
print(s.getsockname()[1])
import time
time.sleep(60)'
  until [ -s "$work/listener" ]; do sleep 0.02; done
  port=$(cat "$work/listener")
  port_taken "$port" 127.0.0.2
  if port_taken "$port"; then exit 1; fi
  stop_process "$run/listener.pid" "the listener" 5 >/dev/null
fi
root=$work
same "without a setting" "$(unset CLUTCH_HOST HOST; start_host)" 127.0.0.1
same "a machine's name" "$(unset CLUTCH_HOST; HOST=box; start_host)" 127.0.0.1
same "an address" "$(unset CLUTCH_HOST; HOST=127.0.0.3; start_host)" 127.0.0.3
same "the setting" "$(CLUTCH_HOST=::1; start_host)" ::1
passed "the port is looked for where the program will listen"
