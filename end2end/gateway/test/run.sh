#!/usr/bin/env bash
# All tests of the gateway's tooling and of the scripted model, in both gateway versions. Installs what is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for version in 2026.9.6 2026.2.17; do "$here/../install.sh" "" "$version" >/dev/null; done
exec "$("$here/../install.sh" --node)/bin/node" --test --test-concurrency=1 "$here"/*.test.mjs
