#!/usr/bin/env bash
# All tests of the plugin: types, units, and both gateways. Installs what is missing; needs end2end's npm ci for the types.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
gateway=$here/../../../end2end/gateway
for version in 2026.9.6 2026.2.17; do "$gateway/install.sh" "" "$version" >/dev/null; done
node=$("$gateway/install.sh" --node)/bin/node
PATH=$(dirname "$node"):$PATH "$gateway/../node_modules/.bin/tsc" -p "$here/.."
exec "$node" --test "$here"/*.test.mjs
