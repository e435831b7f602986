#!/usr/bin/env bash
# Puts the functions, and one that empties everything, on a deployment that tests may empty:
#
#   CONVEX_TEST_URL=http://127.0.0.1:3210 CONVEX_TEST_KEY='<admin key>' end2end/convex-bridge/deploy-test.sh
#   CONVEX_TEST_URL=... CONVEX_TEST_KEY=... ./run.sh test --only convex
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
fail() { printf '%s\n' "$*" >&2; exit 1; }

# shellcheck disable=SC2015 # neither test can fail after the other
[ -n "${CONVEX_TEST_URL:-}" ] && [ -n "${CONVEX_TEST_KEY:-}" ] ||
  fail "Set CONVEX_TEST_URL and CONVEX_TEST_KEY to a deployment whose data may be lost, then run this again."
[ -d "$root/convex/node_modules" ] || fail "Run \"npm ci\" in convex/ first."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$root/convex/functions" "$root/convex/convex.json" "$root/convex/package.json" "$work/"
cp "$root/end2end/convex-bridge/testing.ts" "$work/functions/"
ln -s "$root/convex/node_modules" "$work/node_modules"
cd "$work"
env -u CONVEX_DEPLOYMENT -u CONVEX_DEPLOY_KEY CONVEX_SELF_HOSTED_URL="$CONVEX_TEST_URL" CONVEX_SELF_HOSTED_ADMIN_KEY="$CONVEX_TEST_KEY" \
  node node_modules/convex/bin/main.js deploy --yes --typecheck disable --codegen disable
