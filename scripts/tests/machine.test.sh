#!/usr/bin/env bash
# The first lines of run.sh on machines that it cannot serve, and without HOME.
source "$(dirname "${BASH_SOURCE[0]}")/begin.sh"

mkdir "$work/bin"
printf '#!/bin/sh\necho Darwin\n' >"$work/bin/uname"
chmod +x "$work/bin/uname"
said=$(PATH=$work/bin:$PATH ./run.sh 2>&1) && exit 1
same "on macOS" "$said" "run.sh knows Linux only (this is Darwin): use a Linux machine, a container or WSL."
passed "another system is refused in one sentence"

# Whatever the version test looks at comes before what an old bash cannot parse.
first=$(grep -n 'BASH_VERSINFO' run.sh | head -n 1 | cut -d: -f1)
[ "$first" -lt "$(grep -n '^source ' run.sh | head -n 1 | cut -d: -f1)" ]
passed "the version of bash is looked at before anything is sourced"

env -u HOME ./run.sh help >/dev/null
passed "without HOME the user's home folder is taken"
