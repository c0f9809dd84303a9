#!/usr/bin/env bash
# Builds reeve and runs its tests.
#
#   tests/run.sh                 every test
#   tests/run.sh unit            the tests of one label (unit, integration, fault, sim, package, …), or of several
#
# PRESET=dev|release|asan|tsan   what to build (default: dev)
# REEVE_CMAKE_ARGS='…'           further arguments for cmake
# JOBS=N                         how much to do at once (default: the number of cores)
# Ends with a line "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${PRESET:-dev}
jobs=${JOBS:-$(nproc)}
case ${1-} in
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
esac
labels=$(IFS='|'; echo "$*")

case $preset in
  asan | tsan) deploy/install-deps.sh --ci ;;
  *) deploy/install-deps.sh --tests ;;
esac

echo "== building ($preset)"
# shellcheck disable=SC2086  # REEVE_CMAKE_ARGS is several words
cmake --preset "$preset" ${REEVE_CMAKE_ARGS-} >"/tmp/reeve-cmake.$$" </dev/null || {
  cat "/tmp/reeve-cmake.$$"; rm -f "/tmp/reeve-cmake.$$"; echo "0 passed, 1 failed"; exit 1
}
rm -f "/tmp/reeve-cmake.$$"
quiet=(-- --quiet)
[ ! -t 1 ] || quiet=()  # somebody waits for it
cmake --build --preset "$preset" -j "$jobs" "${quiet[@]}" </dev/null || {
  echo "the build failed"; echo "0 passed, 1 failed"; exit 1
}

echo "== testing ($preset${labels:+: $labels})"
results=build/$preset/test-results.xml
rm -f "$results"
select=()
[ -z "$labels" ] || select=(-L "^($labels)\$")
# A log is for what went wrong: of the tests that pass it tells every fiftieth, to show where one is.
told() { awk '/^ *Start +[0-9]+: / { next } / Passed +[0-9.]+ sec *$/ && ++passed % 50 { next } { print; fflush() }'; }
[ ! -t 1 ] || told() { cat; }
status=0
ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --no-tests=error \
  --output-junit test-results.xml "${select[@]}" </dev/null | told || status=$?

count() { grep -c "<testcase .*status=\"$1\"" "$results" || true; }
if [ -f "$results" ]; then
  passed=$(count run)
  failed=$(count fail)
else
  passed=0 failed=1
fi
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
