# shellcheck shell=bash
# Installs what is missing, and only that. Tools lie in $cache/<tool>-<version>; each is made under
# another name and renamed when it is whole, so an interrupted run leaves nothing half done in place.

readonly CARGO_LEPTOS=0.3.10
readonly OPENCLAW=2026.9.6
readonly OPENCLAW_OLD=2026.2.17

# --- the machine ------------------------------------------------------------------------------------

apt_install() { # PACKAGES...
  local sudo=() line="apt-get install -y --no-install-recommends $*"
  command -v apt-get >/dev/null ||
    die "Missing on this machine: $*. There is no apt-get here: install these with the system's own package manager, then run the same command again."
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || die "Missing on this machine: $*. Run this line, then the same command again:

    sudo apt-get update && sudo $line"
    sudo=(sudo -n)
  fi
  stage "Installing $* with apt" into_log "$run_logs/apt.log" apt_now "$@" ||
    die "apt could not install $*; its words are above. Put that right, or run this yourself: sudo apt-get update && sudo $line"
}

apt_now() {
  # A stale list is worth a try: the update may fail for a source that we do not need.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update || true
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

need_machine() {
  local missing=()
  [ "$(uname -s)" = Linux ] || die "run.sh knows Linux only (this is $(uname -s)): use a Linux machine, a container or WSL."
  command -v cc >/dev/null || missing+=(build-essential)
  command -v git >/dev/null || missing+=(git)
  command -v curl >/dev/null || missing+=(curl)
  command -v flock >/dev/null && command -v setsid >/dev/null || missing+=(util-linux)
  [ -n "${SSL_CERT_FILE:-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] ||
    missing+=(ca-certificates)
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

need_rust() {
  local wanted have
  [ -x "$(command -v cargo)" ] || PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  command -v cargo >/dev/null ||
    die "Rust is missing: install it as https://rustup.rs says, open a new shell, then run the same command again."
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
  [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)" = "$wanted" ] ||
    die "Rust $have is too old, OpenClutch needs $wanted or newer: run \"rustup update stable\", then the same command again."
  limit_jobs
}

# One cargo job per 2 GB of memory (of the machine, or of the container's share), at least one.
limit_jobs() {
  local kb limit jobs cores
  kb=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  if [[ $limit =~ ^[0-9]+$ ]] && [ $((limit / 1024)) -lt "$kb" ]; then kb=$((limit / 1024)); fi
  # A machine sold as 8 GB shows a little less: round to the nearest.
  jobs=$(((kb + 1000000) / 2000000))
  cores=$(nproc)
  [ "$jobs" -le "$cores" ] || jobs=$cores
  [ "$jobs" -ge 1 ] || jobs=1
  if [ -z "${CARGO_BUILD_JOBS:-}" ] || [ "$CARGO_BUILD_JOBS" -gt "$jobs" ]; then export CARGO_BUILD_JOBS=$jobs; fi
}

need_wasm_target() {
  local lib
  lib=$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib
  compgen -G "$lib/libcore-*.rlib" >/dev/null && return 0
  command -v rustup >/dev/null ||
    die "Rust's WASM target is missing and there is no rustup to add it: install the package of your distribution that holds wasm32-unknown-unknown for $(rustc --version) (Debian: libstd-rust-dev-wasm32), or use rustup."
  stage "Adding Rust's WASM target" into_log "$run_logs/wasm-target.log" rustup target add wasm32-unknown-unknown ||
    die "rustup could not add wasm32-unknown-unknown; its words are above. Check the network (static.rust-lang.org), then run the same command again."
}

need_rust_components() {
  local missing=()
  cargo fmt --version >/dev/null 2>&1 || missing+=(rustfmt)
  cargo clippy --version >/dev/null 2>&1 || missing+=(clippy)
  [ ${#missing[@]} = 0 ] && return 0
  command -v rustup >/dev/null || die "Missing: ${missing[*]}. Install them beside your Rust, then run the same command again."
  stage "Adding ${missing[*]}" into_log "$run_logs/components.log" rustup component add "${missing[@]}" ||
    die "rustup could not add ${missing[*]}; its words are above. Check the network, then run the same command again."
}

need_npm() {
  command -v node >/dev/null && command -v npm >/dev/null && return 0
  die "Node.js with npm is missing (any version from 20): install it, for example with \"sudo apt-get install nodejs npm\", then run the same command again."
}

# --- cargo's tools ----------------------------------------------------------------------------------

# cargo_tool NAME VERSION PACKAGE BINARY FLAGS...: into $cache/NAME-VERSION/bin/BINARY.
cargo_tool() {
  local name=$1 version=$2 binary=$4
  [ -x "$cache/$name-$version/bin/$binary" ] && return 0
  with_lock "$cache/$name-$version.lock" "installing $name" cargo_tool_now "$@"
}

cargo_tool_now() {
  local name=$1 version=$2 package=$3 binary=$4 home=$cache/$1-$2 building
  shift 4
  [ -x "$home/bin/$binary" ] && return 0 # the other run has made it
  building=$home.building
  rm -rf "$building"
  mkdir -p "$building"
  stage "Installing $name $version (once; all clones share it)" into_log "$run_logs/$name.log" \
    env -C "$cache" CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$building/target" \
    cargo install "$package" --version "=$version" --root "$building/root" "$@" ||
    die "cargo could not install $name $version; its words are above. Check the network (crates.io), then run the same command again."
  rm -rf "$home"
  mv -T "$building/root" "$home"
  rm -rf "$building"
}

need_leptos_tools() {
  local bindgen
  bindgen=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"/\1/p}' Cargo.lock)
  [ -n "$bindgen" ] || die "Cargo.lock names no wasm-bindgen: take Cargo.lock from git again (git checkout Cargo.lock)."
  # The development profile builds cargo-leptos in four minutes; its own release profile takes over twenty.
  # no_downloads: what is not on PATH is an error with a name, not a fetch from somewhere.
  cargo_tool cargo-leptos "$CARGO_LEPTOS" cargo-leptos cargo-leptos --locked --features no_downloads --debug
  # Without --locked: the lock file that 0.2.130 was published with names a withdrawn crate.
  cargo_tool wasm-bindgen "$bindgen" wasm-bindgen-cli wasm-bindgen --debug
  export PATH=$root/end2end/node_modules/.bin:$cache/cargo-leptos-$CARGO_LEPTOS/bin:$cache/wasm-bindgen-$bindgen/bin:$PATH
}

# --- npm's tools ------------------------------------------------------------------------------------

# sass, wasm-opt, Playwright, axe and TypeScript, by end2end's lock file.
npm_dependencies() {
  local stamp file=end2end/node_modules/.openclutch-lock
  stamp=$(sha256sum end2end/package-lock.json | cut -d' ' -f1)
  [ "$(cat "$file" 2>/dev/null)" = "$stamp" ] && return 0
  (cd end2end && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || return 1
  printf '%s\n' "$stamp" >"$file"
}

start_npm_dependencies() {
  need_npm
  [ "$(cat end2end/node_modules/.openclutch-lock 2>/dev/null)" = "$(sha256sum end2end/package-lock.json | cut -d' ' -f1)" ] && return 0
  in_background npm "Downloading sass, wasm-opt and the browser tests' tools with npm" npm_dependencies
}

# What the functions on Convex are checked with and what the bridge runs on, by the lock file of convex/.
convex_dependencies() {
  local stamp file=convex/node_modules/.openclutch-lock
  stamp=$(sha256sum convex/package-lock.json | cut -d' ' -f1)
  [ "$(cat "$file" 2>/dev/null)" = "$stamp" ] && return 0
  (cd convex && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || return 1
  printf '%s\n' "$stamp" >"$file"
}

start_convex_dependencies() {
  need_npm
  [ "$(cat convex/node_modules/.openclutch-lock 2>/dev/null)" = "$(sha256sum convex/package-lock.json | cut -d' ' -f1)" ] && return 0
  in_background convex "Downloading the tools for Convex with npm" convex_dependencies
}

# The private Node and one OpenClaw version, or two (the old one is for one test of the gateway client).
# install.sh decides by itself; the look at its stamp only saves the announcement.
start_openclaw() { # VERSIONS...
  local version prefix source
  need_npm
  for version; do
    prefix=$cache/openclaw-$version source=end2end/gateway/openclaw/$version
    [ "$(cat "$prefix/gw/.complete" 2>/dev/null)" = "$(cat "$source/package-lock.json" "$source/.npmrc" | sha256sum | cut -d' ' -f1)" ] &&
      [ -x "$prefix/node/bin/node" ] && continue
    # One after the other: they share the private Node.
    in_background "openclaw-$version" "Downloading Node and OpenClaw $version with npm" \
      with_lock "$cache/openclaw.lock" "installing OpenClaw" end2end/gateway/install.sh "$prefix" "$version"
  done
}

join_openclaw() { # VERSIONS...
  local version
  for version; do join_background "openclaw-$version"; done
}

# --- a browser --------------------------------------------------------------------------------------

# Ubuntu's apt and /usr/bin carry a script that only starts the snap; a snap's Chromium cannot read
# the folders that the tests work in.
is_snap() {
  local real
  real=$(readlink -f "$1")
  [[ $real == /snap/* || $real == */bin/snap ]] && return 0
  [ "$(head -c 2 "$real")" = '#!' ] && grep -q -e '/snap/bin' -e 'snap install' "$real"
}

need_chromium() {
  local name path candidate
  if [ -n "${CHROMIUM_PATH:-}" ]; then
    [ -x "$CHROMIUM_PATH" ] || die "CHROMIUM_PATH is \"$CHROMIUM_PATH\" and that is no program: correct it or unset it."
    export CHROMIUM_PATH
    return 0
  fi
  for name in chromium google-chrome google-chrome-stable chromium-browser; do
    path=$(command -v "$name") || continue
    if is_snap "$path"; then continue; fi
    export CHROMIUM_PATH=$path
    return 0
  done
  if command -v apt-cache >/dev/null; then
    candidate=$(apt-cache policy chromium 2>/dev/null | sed -n 's/^ *Candidate: //p')
    case $candidate in
      *snap*) die "apt's Chromium is only a snap here, and a snap cannot read the tests' folders. Install Google Chrome instead (https://www.google.com/chrome), or point CHROMIUM_PATH at another Chromium, then run the same command again." ;;
    esac
  fi
  apt_install chromium
  path=$(command -v chromium) || die "apt installed no program called chromium: install a Chromium and point CHROMIUM_PATH at it."
  ! is_snap "$path" ||
    die "apt's Chromium is only a snap here, and a snap cannot read the tests' folders. Install Google Chrome instead (https://www.google.com/chrome), or point CHROMIUM_PATH at another Chromium, then run the same command again."
  export CHROMIUM_PATH=$path
}
