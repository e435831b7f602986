# shellcheck shell=bash
# Builds the program, and keeps compiled registry dependencies for the next clone.
#
# What is run is never the build folder itself but a copy of one build, $target/app/<profile>-<hash of
# the sources>: clutch, beside it hash.txt and roles/, and site/. So a later build cannot pull the pages away from
# under a running server, and nothing is built twice for the same sources.

# Keep that many copies of each profile, and that many sets of dependencies; these only above so many free GB.
readonly KEEP_APPS=3 KEEP_DEPENDENCIES=2 ROOM_FOR_DEPENDENCIES=10

# Everything that ends up in the program or decides how it is compiled.
source_hash() {
  {
    rustc -vV
    printf '%s\n' "${RUSTFLAGS:-}"
    find app frontend server crates roles style public .cargo Cargo.toml Cargo.lock end2end/package-lock.json scripts/build.sh \
      -type f -not -path '*/tests/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-16
}

# build_app fast|release: sets app to the folder of the build.
build_app() {
  local profile=$1
  app=$target/app/$profile-$(source_hash)
  if [ ! -e "$app/clutch" ]; then
    with_lock "$target/.openclutch-build.lock" "building" build_app_now "$profile" "$app"
  fi
  touch "$app"
}

build_app_now() {
  local profile=$1 app=$2 words
  [ -e "$app/clutch" ] && return 0
  seed_dependencies
  words="Building OpenClutch, profile $profile, with $CARGO_BUILD_JOBS cargo jobs"
  stage "$words" leptos_build "$profile" ||
    die "The build failed; the compiler's words are above. If you changed nothing, run \"git status\" and \"rustup update stable\", then the same command again."
  pack_app "$profile" "$app"
  save_dependencies
  print_site_size "$app"
}

# File names carry a hash of the content, so browsers may keep them for ever. Not so in Cargo.toml:
# cargo-leptos hashes only in a first build, and `watch` would go on showing the old page. Names of our
# own for site and hash list, so that a build by hand (target/site) and this one do not mix.
leptos_build() {
  local flags=(--split --lib-features split) # both or neither: see app/src/lazy.rs
  if [ "$1" = release ]; then flags+=(--release --precompress); fi
  LEPTOS_SITE_ROOT=$target/site-$1 LEPTOS_HASH_FILES=true LEPTOS_HASH_FILE_NAME=hash-$1.txt \
    cargo leptos build --cargo-locked "${flags[@]}"
}

pack_app() {
  local profile=$1 app=$2
  rm -rf "$app.building"
  mkdir -p "$app.building"
  cp "$target/$profile/clutch" "$app.building/clutch"
  cp "$target/$profile/hash-$profile.txt" "$app.building/hash.txt"
  cp -R roles "$app.building/roles"
  cp -R "$target/site-$profile" "$app.building/site"
  rm -rf "$app"
  mv -T "$app.building" "$app"
  forget_old "$target/app" "$profile-*" "$KEEP_APPS"
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
    with_lock "$set.lock" "keeping compiled dependencies" save_folder "$target/$folder" "$set/$folder"
    kept=yes
  done < <(build_folders "$target")
  touch "$set"
  forget_old "$cache" 'dependencies-*[0-9a-f]' "$KEEP_DEPENDENCIES"
  [ "$kept" = no ] ||
    say "    compiled dependencies are kept for the next clone: $(size_of "$set") in $set, at most $KEEP_DEPENDENCIES such folders"
}

free_gb() { df --output=avail -B1G "$1" | tail -n 1; }

# Everything but our own crates and the programs linked from them, which have no suffix. Some crates
# (wasm-streams) leave a .wasm beside their library, and cargo misses it when it is gone.
save_folder() {
  local from=$1 to=$2 building=$2.building
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
