# shellcheck shell=bash
# Sourced first by every test of run.sh's functions: a folder that goes away, and words for what is wrong.

set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$(pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/openclutch run test-XXXXXX") # with blanks, as a user's folder may have
target=$work/target cache=$work/cache data_home=$work/data run_logs=$work/logs
mkdir -p "$run_logs"
trap 'rm -rf "$work"' EXIT
trap 'echo "${BASH_SOURCE[0]##*/}, line $LINENO: $BASH_COMMAND" >&2' ERR

# same WHAT HAVE WANTED: says and fails when they differ.
same() {
  [ "$2" = "$3" ] && return 0
  printf '%s: it is "%s" and should be "%s"\n' "$1" "$2" "$3" >&2
  return 1
}

# passed WHAT: a line that the stage counts.
passed() { printf 'check passed: %s\n' "$1"; }
