#!/usr/bin/env bash
# Starts a real OpenClaw gateway and the scripted model on loopback, in the foreground, and prints
#   READY ws://127.0.0.1:<port> gateway_pid=<pid> state=<folder> model=<url>
# when the gateway answers. A preload keeps the gateway on loopback (loopback-guard.cjs).
# SIGTERM, SIGINT or SIGHUP end everything; so does the death of this process (lifeline.cjs).
#
#   OC_PORT=18789 OC_STATE=DIR ./start-gateway.sh
#
#   OC_VERSION        gateway version                            (2026.9.6)
#   OC_PREFIX         where install.sh put node/ and gw/         (its default for OC_VERSION)
#   OC_PORT           gateway port, 0 = a free one               (18789)
#   OC_STATE          state folder: config, database, logs       ($OC_PREFIX/state-$OC_PORT)
#   OC_FRESH=1        empty OC_STATE first
#   OC_TOKEN          the gateway's token                        (test-token)
#   OC_WORKSPACE      folder the agents' tools work in           ($OC_STATE/workspace)
#   OC_PLUGIN_PATHS   ":"-separated plugin folders; empty = none (plugins/openclutch of this repository)
#   OC_TOOLS_ALLOW    ","-separated optional tools or plugins    (signal,mark_complete with our plugin)
#   OC_CONFIG_MERGE   JSON file merged over the generated config ()
#   OC_MODEL_PORT     scripted model's port, 0 = a free one      (0)
#   OC_MODEL_URL      use this model server instead of ours      ()
#   OC_MODEL_IDS      ","-separated model ids, the first is the default (lively-1,lively-2)
#   OC_LOG_DIR        gateway.log, model.log, model.jsonl        ($OC_STATE/logs)
#   OC_READY_PATH     probe; /readyz also waits for channels     (/startupz)
#   OC_READY_TIMEOUT  seconds                                    (120)
#   OC_STOP_GRACE     seconds between SIGTERM and SIGKILL        (5)
#   OC_NODE_ARGS      extra node flags for the gateway           ()
# The plugin reads CLUTCH_URL and CLUTCH_TOKEN, the model SCRIPT_PACE; both inherit this environment.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OC_VERSION=${OC_VERSION:-2026.9.6}
export OC_PREFIX=${OC_PREFIX:-${XDG_CACHE_HOME:-$HOME/.cache}/openclutch/openclaw-$OC_VERSION}
if ! [ -x "$OC_PREFIX/node/bin/node" ] || ! [ -f "$OC_PREFIX/gw/node_modules/openclaw/openclaw.mjs" ]; then
  echo "No gateway in $OC_PREFIX: run '$here/install.sh \"$OC_PREFIX\" $OC_VERSION' first." >&2
  exit 2
fi
unset NODE_OPTIONS
exec "$OC_PREFIX/node/bin/node" "$here/start-gateway.mjs"
