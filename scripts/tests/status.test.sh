#!/usr/bin/env bash
# What ./run.sh status makes of /health.
source "$(dirname "${BASH_SOURCE[0]}")/begin.sh"
source scripts/common.sh
source scripts/start.sh

same "all is well" "$(printf '{"status":"ok","version":"0.1.0"}' | parts_down)" ""
same "no JSON" "$(printf 'ok' | parts_down)" ""
same "two parts" "$(printf '{"down":[{"part":"bridge","since":1,"times":2},{"part":"work loop","since":1,"times":9}],"status":"degraded"}' | parts_down)" "bridge, work loop"
passed "parts that are down are named"
