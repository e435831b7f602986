# shellcheck shell=bash
# Builds the program, and keeps compiled registry dependencies for the next clone.
#
# Cargo decides what is compiled. What is run is never the build folder itself but a copy of one build,
# $target/app/<profile>-<hash of what was built>: clutch, beside it hash.txt and plugins/, and site/. So a later
# build cannot pull the pages away from under a running server, and a copy is made only of something new.
#
# cargo-leptos can do all this, too; to compile it takes longer than to compile everything here, so only
# `dev` uses it, for its watching. Both ways read [[workspace.metadata.leptos]] in Cargo.toml, and
# scripts/tests/leptos.test.sh holds them together.

# Keep that many copies of each profile, and that many sets of dependencies; these only above so many free GB.
readonly KEEP_APPS=3 KEEP_DEPENDENCIES=2 ROOM_FOR_DEPENDENCIES=10

# leptos_setting NAME: its value in Cargo.toml; of a list, its members.
leptos_setting() {
  sed -n '/^\[\[workspace\.metadata\.leptos\]\]/,/^\[[a-z]/{s/^'"$1"' = //p}' Cargo.toml | tr -d '[]",'
}

# build_app fast|release: sets app to the folder of the build.
build_app() {
  local profile=$1
  with_lock "$target/.openclutch-build.lock" "building" build_app_now "$profile"
  app=$(cat "$target/app/$profile.newest")
  touch "$app"
}

build_app_now() { # PROFILE
  local profile=$1 app
  seed_dependencies
  stage "Building OpenClutch, profile $profile, with $CARGO_BUILD_JOBS cargo jobs" compile_app "$profile" ||
    die "The build failed; the compiler's words are above. If you changed nothing, run \"git status\", then the same command again."
  app=$target/app/$profile-$(app_hash "$profile")
  if [ ! -e "$app/clutch" ]; then
    stage "Making the page's files" pack_app "$profile" "$app" ||
      die "The page's files could not be made; the lines above say why. If you changed nothing, run \"git status\", then the same command again."
    save_dependencies
    print_site_size "$app"
  fi
  printf '%s\n' "$app" >"$target/app/$profile.newest"
}

# Sets program and library: cargo's profiles of the two halves. The page is the one that people get in both: what
# makes it small may break it, and then it is the tests that must see that.
app_profiles() { # fast|release
  library=$(leptos_setting lib-profile-release)
  program=$1
  if [ "$1" = fast ]; then program=$(leptos_setting bin-profile-dev); fi
}

# Program, page and the tool that makes the page's files, side by side: cargo locks a folder for each profile.
# Runs in the subshell of the build's lock, which has no other traps.
compile_app() { # PROFILE
  local program library pids=() pid code=0
  app_profiles "$1"
  export CARGO_TERM_PROGRESS_WHEN=never # three bars would write over each other
  # Where memory is what limits the jobs, the three share them.
  [ "$CARGO_BUILD_JOBS" -ge "$(nproc)" ] || export CARGO_BUILD_JOBS=$((CARGO_BUILD_JOBS / 3 + 1))
  set -m # a process group each, to be ended whole
  cargo build --locked -p "$(leptos_setting bin-package)" --bin clutch --profile "$program" </dev/null &
  pids+=($!)
  # Relocations are what the page is cut into chunks by; as a flag of the last crate they compile no other again.
  cargo rustc --locked -p "$(leptos_setting lib-package)" --lib --crate-type cdylib --target wasm32-unknown-unknown \
    --profile "$library" --features split -- -C link-arg=--emit-relocs </dev/null &
  pids+=($!)
  cargo build --locked -p clutch-site </dev/null &
  pids+=($!)
  set +m
  trap 'for pid in "${pids[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  for pid in "${pids[@]}"; do wait "$pid" || code=1; done
  trap - EXIT INT TERM
  return $code
}

compiled_page() { printf '%s/wasm32-unknown-unknown/%s/%s.wasm' "$target" "$1" "$(leptos_setting lib-package | tr - _)"; } # PROFILE

# Of everything that a copy consists of.
app_hash() { # PROFILE
  local program library
  app_profiles "$1"
  {
    sha256sum <"$target/$program/clutch"
    sha256sum <"$(compiled_page "$library")"
    sha256sum <"$target/debug/clutch-site"
    find style public plugins/openclutch Cargo.toml end2end/package-lock.json scripts/build.sh scripts/style.mjs \
      -type f -not -path '*/node_modules/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-16
}

pack_app() { # PROFILE APP
  local program library work=$2.building
  app_profiles "$1"
  rm -rf "$work"
  mkdir -p "$work/plugins"
  cp "$target/$program/clutch" "$work/clutch" || return 1
  cp -R plugins/openclutch "$work/plugins/openclutch" || return 1
  make_site "$work" || return 1
  rm -rf "$2"
  mv -T "$work" "$2"
  forget_old "$target/app" "$1-*" "$KEEP_APPS"
}

make_site() { # FOLDER
  local flag flags=(--small)
  for flag in $(leptos_setting wasm-opt-features); do flags+=("--wasm-opt-flag=$flag"); done
  node scripts/style.mjs "$(leptos_setting style-file)" "$1/style.css" "$1/later.css" "$(leptos_setting browserquery)" "${flags[@]:0:1}" || return 1
  PATH=$root/end2end/node_modules/.bin:$PATH "$target/debug/clutch-site" --wasm "$(compiled_page "$library")" --css "$1/style.css" --later "$1/later.css" \
    --assets "$(leptos_setting assets-dir)" --out "$1/site" --hashes "$1/hash.txt" \
    --name "$(leptos_setting name)" --pkg "$(leptos_setting site-pkg-dir)" "${flags[@]}" || return 1
  rm "$1/style.css" "$1/later.css"
}

# forget_old FOLDER PATTERN COUNT: of the folders in FOLDER whose name fits, keeps the COUNT newest and those
# that a running process came from.
forget_old() {
  local folder
  while IFS= read -r -d '' folder; do
    folder=${folder#* }
    in_use "$folder" || rm -rf "$folder"
  done < <(find "$1" -mindepth 1 -maxdepth 1 -type d -name "$2" -printf '%T@ %p\0' | sort -zrn | tail -zn "+$(($3 + 1))")
}

# Whether the program in a folder runs, or ran until its file was replaced.
in_use() { # FOLDER
  local exe
  [ -e "$1/clutch" ] || return 1
  for exe in /proc/[0-9]*/exe; do
    case $(readlink "$exe" 2>/dev/null || true) in "$1/clutch" | "$1/clutch (deleted)") return 0 ;; esac
  done
  return 1
}

print_site_size() {
  local wasm
  wasm=$(find "$1/site/pkg" -name '*.wasm' -printf '%s\n' | sort -n | tail -n 1)
  say "    the page's WASM before compression: $((${wasm:-0} / 1000)) kB"
}

# --- compiled dependencies --------------------------------------------------------------------------
#
# A folder that cargo builds in cannot be shared between clones: cargo compares the modification times
# of our sources with those of the results, and two clones would take each other's crates for fresh.
# Crates from the registry are known by version and checksum, so their results can be copied into a
# new clone's folder. Cargo still decides by itself what of it fits (compiler, features, profile,
# flags); whatever does not is compiled as if it were not there.

dependency_set() {
  printf '%s/dependencies-%s-%s' "$cache" \
    "$(rustc -vV | sha256sum | cut -c1-8)" "$(sha256sum Cargo.lock | cut -c1-8)"
}

# The folders below $1 that cargo builds in, one for each profile and target.
build_folders() { (cd "$1" && find . -maxdepth 4 -type d -name .fingerprint -not -path './app/*' -printf '%h\n'); }

count_dependencies() { find "$1/.fingerprint" -mindepth 1 -maxdepth 1 -not -name 'clutch*' 2>/dev/null | wc -l; }

seed_dependencies() {
  local set folder
  set=$(dependency_set)
  # Another lock file of the same compiler still has most of it.
  [ -d "$set" ] || set=$(newest_set "${set%-*}")
  [ -n "$set" ] && [ -d "$set" ] || return 0
  mkdir -p "$target"
  while IFS= read -r folder; do
    [ -e "$target/$folder/.fingerprint" ] && continue
    say "    taking compiled dependencies from the tool cache: $folder, $(size_of "$set/$folder")"
    mkdir -p "$target/$folder"
    cp -a "$set/$folder/." "$target/$folder/"
  done < <(build_folders "$set")
}

newest_set() { # NAME-WITHOUT-LOCK-FILE
  [ -d "$cache" ] || return 0
  find "$cache" -maxdepth 1 -type d -name "${1##*/}-????????" -printf '%T@ %p\n' | sort -rn | head -n 1 | cut -d' ' -f2-
}

size_of() { du -sh "$1" 2>/dev/null | cut -f1; }

# Kept for the next clone only where there is room, and said: these are gigabytes.
save_dependencies() {
  local set folder kept=no
  set=$(dependency_set)
  mkdir -p "$set"
  while IFS= read -r folder; do
    [ "$(count_dependencies "$target/$folder")" -gt "$(count_dependencies "$set/$folder")" ] || continue
    if [ "$(free_gb "$cache")" -lt "$ROOM_FOR_DEPENDENCIES" ]; then
      say "    less than $ROOM_FOR_DEPENDENCIES GB are free at $cache: compiled dependencies are not kept there"
      break
    fi
    with_lock "$set.lock" "keeping compiled dependencies" save_folder "$target/$folder" "$set/$folder" 8<>"$target/$folder/.cargo-lock"
    kept=yes
  done < <(build_folders "$target")
  touch "$set"
  forget_old "$cache" 'dependencies-*[0-9a-f]' "$KEEP_DEPENDENCIES"
  [ "$kept" = no ] ||
    say "    compiled dependencies are kept for the next clone: $(size_of "$set") in $set, at most $KEEP_DEPENDENCIES such folders"
}

free_gb() { df --output=avail -B1G "$1" | tail -n 1; }

# save_folder FROM TO, with FROM's lock as descriptor 8.
# Everything but our own crates and the programs linked from them, which have no suffix. Some crates
# (wasm-streams) leave a .wasm beside their library, and cargo misses it when it is gone.
save_folder() {
  local from=$1 to=$2 building=$2.building
  flock 8 # cargo's own: nothing is copied while it writes there
  rm -rf "$building"
  mkdir -p "$building/deps" "$building/build" "$building/.fingerprint"
  find "$from/deps" -maxdepth 1 -type f \( -name '*.rlib' -o -name '*.rmeta' -o -name '*.so' -o -name '*.wasm' -o -name '*.d' \) \
    -not -name 'clutch*' -not -name 'libclutch*' -exec cp -a -t "$building/deps" {} +
  find "$from/.fingerprint" -mindepth 1 -maxdepth 1 -not -name 'clutch*' -exec cp -a -t "$building/.fingerprint" {} +
  if [ -d "$from/build" ]; then
    find "$from/build" -mindepth 1 -maxdepth 1 -not -name 'clutch*' -exec cp -a -t "$building/build" {} +
  fi
  mkdir -p "$(dirname "$to")"
  rm -rf "$to"
  mv -T "$building" "$to"
}
