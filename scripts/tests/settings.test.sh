#!/usr/bin/env bash
# .env.local as run.sh reads it, by the table that the program's own test reads.
source "$(dirname "${BASH_SOURCE[0]}")/begin.sh"
source scripts/common.sh

tests=$root/scripts/tests
root=$work
cp "$tests/env.local" "$root/.env.local"
while IFS='=' read -r name value; do
  # Nothing of the caller's environment, which goes first.
  same "$name" "$(unset "$name"; setting "$name" '')" "$value"
done <"$tests/env.expected"
passed "run.sh reads .env.local as the program does"

same "the environment" "$(PORT=1; setting PORT 2)" 1
same "an empty variable" "$(PORT=''; setting PORT 2)" 3010
same "the default" "$(unset CLUTCH_URL; setting CLUTCH_URL none)" none
passed "environment, then .env.local, then default"

# Paths and words are a user's own.
odd=$'/home/o\'brien/"work"\\x\n$HOME `id`'
same "a text" "$(json_object path="$odd" equals=a=b | json it.path)" "$odd"
same "an equals sign" "$(json_object path="$odd" equals=a=b | json it.equals)" a=b
same "a value that is no text" "$(json_object on:=true text=true | json 'typeof it.on + typeof it.text')" booleanstring
passed "JSON is made of any text"
