#!/usr/bin/env bash
# Fuzzing (tests/fuzz): builds the targets with libFuzzer and the address and undefined-behaviour sanitizers, and looks for
# inputs that break them, from the corpus on.
#   tests/fuzz.sh --minutes N [TARGET…]     each target for its share of N minutes, all cores busy; default: all targets
#   tests/fuzz.sh --list                    the targets
#
# JOBS=N            how many at once (default: the number of cores)
# FUZZ_DIR=DIR      where new inputs, logs and crashers are kept (default: build/fuzz/found)
# Exit status: 0 nothing was found, 1 something was, with the commands that replay it.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }
list() { sed -n 's/^reeve_fuzz(\([a-z_]*\) SOURCES.*/\1/p' tests/fuzz/CMakeLists.txt; }

minutes=10
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=$2; shift 2 ;;
    --list) list; exit 0 ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 4 ;;
    *) targets+=("$1"); shift ;;
  esac
done
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(list)

jobs=${JOBS:-$(nproc)}
found=${FUZZ_DIR:-build/fuzz/found}
rounds=$(((${#targets[@]} + jobs - 1) / jobs))
seconds=$(awk -v m="$minutes" -v r="$rounds" 'BEGIN { s = int(m * 60 / r); print s < 1 ? 1 : s }')

echo "== building ${#targets[@]} targets"
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$jobs" --target "${targets[@]/#/fuzz_}" -- --quiet

# One target: new inputs go to its folder beside the corpus, which stays as it is.
fuzz_one() {
  local target=$1 folder=$found/$1
  mkdir -p "$folder/inputs" "$folder/crashers"
  echo "== $target for $seconds s (log: $folder/log)"
  if "build/fuzz/bin/fuzz_$target" "$folder/inputs" "tests/fuzz/corpus/$target" -max_total_time="$seconds" \
    -artifact_prefix="$folder/crashers/" -timeout=25 -rss_limit_mb=4096 -close_fd_mask=1 -print_final_stats=1 \
    >"$folder/log" 2>&1; then
    echo "== $target: nothing in $(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log") inputs"
  else
    echo "== $target: FOUND something"
    grep -hE 'ERROR:|SUMMARY|broken invariant|runtime error' "$folder/log" | head -3
    find "$folder/crashers" -type f -printf "   replay: build/fuzz/bin/fuzz_$target %p\n"
    return 1
  fi
}

status=0
running=()
reap() { wait "${running[0]}" || status=1; running=("${running[@]:1}"); }
for target in "${targets[@]}"; do
  [ ${#running[@]} -lt "$jobs" ] || reap
  fuzz_one "$target" &
  running+=($!)
done
while [ ${#running[@]} -gt 0 ]; do reap; done
echo "what was found, and new inputs: $found"
exit "$status"
