#!/usr/bin/env bash
# Chats: how late words are in the browser, 100 viewers of one stream, 10,000 messages; asserts no time.
#
#   bench/chat.sh APP      APP is the folder of a build: clutch, hash.txt, site/
#
# ./run.sh bench chat builds it first. Needs Chromium and the gateway of the tests. The result is printed
# and kept in APP/chat. CLUTCH_BENCH_ANSWERS and CLUTCH_BENCH_MESSAGES make it smaller or larger.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
source scripts/tools.sh
source scripts/bench.sh

# The gateway's own Node.
PATH=${XDG_CACHE_HOME:-$HOME/.cache}/openclutch/openclaw-$OPENCLAW/node/bin:$PATH
browser_bench chat "chats" "six minutes" "${1:?"usage: bench/chat.sh APP"}"
