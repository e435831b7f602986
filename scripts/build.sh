# shellcheck shell=bash
# Builds the program, and keeps compiled registry dependencies for the next clone.
#
# What is run is never the build folder itself but a copy of one build, $target/app/<profile>-<hash of
# the sources>: clutch, beside it hash.txt and roles/, and site/. So a later build cannot pull the pages away from
# under a running server, and nothing is built twice for the same sources.

# Keep that many copies of each profile, and that many sets of dependencies.
readonly KEEP_APPS=3 KEEP_DEPENDENCIES=3

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
  forget_old "$target/app/$profile-*" "$KEEP_APPS"
}

# forget_old GLOB COUNT: keeps the COUNT newest folders and those that a running process came from.
forget_old() {
  local folder
  # shellcheck disable=SC2012,SC2086 # our own names, without blanks in them after the glob
  ls -dt $1 2>/dev/null | tail -n "+$(($2 + 1))" | while IFS= read -r folder; do
    if [ -e "$folder/clutch" ] && find /proc/[0-9]*/exe -maxdepth 0 -lname "$folder/clutch*" 2>/dev/null | grep -q .; then continue; fi
    rm -rf "$folder"
  done
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
  # shellcheck disable=SC2012
  [ -d "$set" ] || set=$(ls -dt "${set%-*}"-*[0-9a-f]/ 2>/dev/null | head -n 1) || true
  [ -n "$set" ] && [ -d "$set" ] || return 0
  mkdir -p "$target"
  while IFS= read -r folder; do
    [ -e "$target/$folder/.fingerprint" ] && continue
    say "    taking compiled dependencies from the tool cache: $folder"
    mkdir -p "$target/$folder"
    cp -a "$set/$folder/." "$target/$folder/"
  done < <(build_folders "$set")
}

save_dependencies() {
  local set folder
  set=$(dependency_set)
  mkdir -p "$set"
  while IFS= read -r folder; do
    [ "$(count_dependencies "$target/$folder")" -gt "$(count_dependencies "$set/$folder")" ] || continue
    say "    keeping compiled dependencies in the tool cache: $folder"
    with_lock "$set.lock" "keeping compiled dependencies" save_folder "$target/$folder" "$set/$folder"
  done < <(build_folders "$target")
  touch "$set"
  forget_old "$cache/dependencies-*[0-9a-f]" "$KEEP_DEPENDENCIES"
}

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
