#!/usr/bin/env bash
# One entry to OpenClutch: sets up what is missing, then does what was asked. Run it twice, it does
# nothing twice.

# Before anything that an old bash would stumble over.
[ "$(uname -s)" = Linux ] || { echo "run.sh knows Linux only (this is $(uname -s)): use a Linux machine, a container or WSL." >&2; exit 1; }
[ "${BASH_VERSINFO[0]}${BASH_VERSINFO[1]}" -ge 44 ] || { echo "This bash is $BASH_VERSION, run.sh needs 4.4 or newer." >&2; exit 1; }
set -Eeuo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$root"

# Services and containers may start without it; cargo and npm want it, too.
HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
[ -n "$HOME" ] || { echo "There is no HOME, and no home folder of user $(id -u) is known: set HOME to a folder, then run the same command again." >&2; exit 1; }
export HOME

# Places. XDG variables move them; the tool cache is shared by all clones of this user.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/openclutch
data_home=${XDG_DATA_HOME:-$HOME/.local/share}
target=${CARGO_TARGET_DIR:-$root/target}
run_logs=$target/run-logs

source scripts/common.sh
source scripts/tools.sh
source scripts/build.sh
source scripts/process.sh
source scripts/demo.sh
source scripts/start.sh
source scripts/test.sh
source scripts/fuzz.sh

usage() {
  cat <<'TEXT'
./run.sh demo  [--foreground]   gateway with a scripted model, sample project, server; prints one address
./run.sh start [--foreground]   serve for real use, with the settings listed in README.md
./run.sh stop  [demo|start]     end what the two commands above left running
./run.sh status                 what runs, where, and the measured sizes
./run.sh logs  [name] [-f]      server, loop, bridge, gateway or model; -f follows
./run.sh dev                    demo gateway and `cargo leptos watch`: edit, save, the browser shows it
./run.sh test  [--only STAGE]   every check, cheap ones first; ./run.sh test --list names the stages
./run.sh test  --engine convex  the store and the browser stories with the data in Convex
./run.sh fuzz  [--requests N] [--seed S] [--minutes M] [--log-in] [--again FILE]
                                a flood of nonsense over every route of a server of its own
./run.sh shots                  screenshots of the demo into shots/
./run.sh bench [name]           measurements of bench/; without a name, their list
TEXT
}

trap 'on_error $? "$LINENO" "${BASH_SOURCE[0]##*/}" "$BASH_COMMAND"' ERR
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

case ${1:-} in
  demo | start | stop | status | logs | dev | test | fuzz | shots | bench)
    command=$1
    shift
    "command_$command" "$@"
    ;;
  '' | help | -h | --help) usage ;;
  *)
    usage >&2
    die "There is no command \"$1\": the list is above."
    ;;
esac
