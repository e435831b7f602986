#!/usr/bin/env bash
# A board of 1,000 and of 5,000 tasks in the browser: moves, another window, memory, frames, beside what is aimed at; asserts no time.
#
#   bench/board.sh APP      APP is the folder of a build: clutch, hash.txt, site/
#
# ./run.sh bench board builds it first. Needs Chromium; no gateway. The result is printed and kept in APP/board.
# CLUTCH_BENCH_TASKS (1000,5000), CLUTCH_BENCH_MOVES and CLUTCH_BENCH_VISITS make it smaller or larger.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/tools.sh
source scripts/bench.sh

browser_bench board "boards" "six minutes" "${1:?"usage: bench/board.sh APP"}"
