# shellcheck shell=bash
# ./run.sh fuzz: the flood of server/tests/attack over the program of profile fast, as long as one likes.

readonly FUZZ_REQUESTS=1000000

command_fuzz() {
  local requests=$FUZZ_REQUESTS seed=$RANDOM minutes='' again='' name=open test=no_nonsense_is_our_fault
  while [ $# -gt 0 ]; do
    case $1 in
      --requests | --seed | --minutes) [[ ${2:-} =~ ^[0-9]+$ ]] || die "$1 is followed by a whole number." ;;
    esac
    case $1 in
      --requests) requests=$2 ;;
      --seed) seed=$2 ;;
      --minutes) minutes=$2 ;;
      --again)
        [ -r "${2:-}" ] || die "--again is followed by a file of cases that can be read."
        again=$(realpath "$2")
        ;;
      --log-in)
        name=log-in test=no_nonsense_is_our_fault_where_people_log_in
        shift
        continue
        ;;
      *) die "\"fuzz $1\" is unknown: it is ./run.sh fuzz [--requests N] [--seed S] [--minutes M] [--log-in] [--again FILE]." ;;
    esac
    shift 2
  done
  need_machine
  need_rust
  need_nextest
  with_lock "$target/.openclutch-build.lock" "building" seed_dependencies
  cargo build --locked -p "$(leptos_setting bin-package)" --bin clutch --profile "$(leptos_setting bin-profile-dev)"
  mkdir -p "$run_logs"
  if [ -n "$again" ]; then
    say "Asking again what $again has."
  else
    say "Asking $requests times with seed $seed${minutes:+, $minutes minutes at most}: at some hundred to some thousand each second."
  fi
  # A program that goes on while it is looked at: its own build, so that the folder may be built anew meanwhile.
  cp "$target/$(leptos_setting bin-profile-dev)/clutch" "$run_logs/fuzzed"
  local code=0
  CLUTCH_BIN=$run_logs/fuzzed CLUTCH_FUZZ=$requests CLUTCH_FUZZ_SEED=$seed CLUTCH_FUZZ_AGAIN=$again \
    CLUTCH_FUZZ_MINUTES=$minutes CLUTCH_FUZZ_CASES=$run_logs/fuzz-$name.jsonl \
    rust_tests run --profile fuzz --no-capture -E "package(clutch) & binary(attack) & test(=fuzz::$test)" || code=$?
  rm -f "$run_logs/fuzzed"
  [ "$code" = 0 ] || die "The flood found something; the lines above say what. With the same seed it is asked again, and with --again FILE what was written down."
  say "The flood found nothing."
}
