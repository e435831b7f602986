#!/usr/bin/env bash
# The two ways of building: build.sh for everything, cargo-leptos for `dev`. Both read one table.
source "$(dirname "${BASH_SOURCE[0]}")/begin.sh"
source scripts/common.sh
source scripts/build.sh

# What build.sh reads, what only a watching cargo-leptos needs, and what both get in another way. A name that is
# new in the table belongs into one of the three, and where it matters into build.sh.
read_here="assets-dir bin-package bin-profile-dev browserquery lib-package lib-profile-release name site-pkg-dir style-file wasm-opt-features"
watching="bin-features lib-features lib-profile-dev reload-port site-addr site-root"
otherwise="always-erase-components disable-server-fn-hash server-fn-prefix"
names=$(sed -n '/^\[\[workspace\.metadata\.leptos\]\]/,/^\[[a-z]/{s/^\([a-z-]*\) = .*/\1/p}' Cargo.toml | sort | tr '\n' ' ')
same "the table's names" "$names" "$(tr ' ' '\n' <<<"$read_here $watching $otherwise" | sort | tr '\n' ' ')"
for name in $read_here; do
  grep -q "leptos_setting \"\?$name\|leptos_setting \"${name%-*}-\\\$kind\"" scripts/build.sh || { echo "build.sh does not read $name" >&2; exit 1; }
  [ -n "$(leptos_setting "$name")" ]
done
passed "build.sh and cargo-leptos read the same table"

# Names that do not stand in the table but in the code of both.
same "always-erase-components" "$(leptos_setting always-erase-components)" true
grep -q 'rustflags = \["--cfg", "erase_components"\]' .cargo/config.toml
same "the name of the page's files" "$(sed -n 's/^LEPTOS_OUTPUT_NAME = "\(.*\)"/\1/p' .cargo/config.toml)" "$(leptos_setting name)"
if grep -rhE '^#\[server\(' app/src | grep -v "prefix = \"$(leptos_setting server-fn-prefix)\", endpoint = "; then
  echo "These server functions have an address that depends on how they were compiled." >&2
  exit 1
fi
passed "flags and addresses are the same in both"

# The versions that must fit each other: the compiled page and what is made out of it.
version() { sed -n "/^name = \"$1\"\$/{n;s/^version = \"\\(.*\\)\"/\\1/p}" Cargo.lock; }
same "wasm-bindgen" "$(version wasm-bindgen-cli-support)" "$(version wasm-bindgen)"
same "wasm-split" "$(version wasm_split_cli_support)" "$(version wasm_split_helpers)"
passed "the page's files are made by the versions that it is compiled with"

profile_of() { ( app_profiles "$1"; printf '%s %s' "$program" "$library" ); }
same "fast" "$(profile_of fast)" "fast wasm-release"
same "release" "$(profile_of release)" "release wasm-release"
for name in fast fast-wasm wasm-release; do grep -q "^\[profile\.$name\]" Cargo.toml; done
passed "the profiles of both halves are there"
