#!/usr/bin/env bash
# Runs master, workers and clients under random faults and watches that nothing is lost and nothing grows.
#
#   tests/soak.sh --minutes N        for how long (default: 60)
#   tests/soak.sh --seed N           the same choices again, as far as real processes allow
#
# PRESET=dev|release|asan|tsan       what to build (default: release)
# JOBS=N                             how much to compile at once (default: the number of cores)
# Ends with a table and "[  PASSED  ]" or "[  FAILED  ]"; the exit code says the same.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=60
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=$2; shift 2 ;;
    --seed) export REEVE_TEST_SEED=$2; shift 2 ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) echo "soak.sh: unknown argument $1 (see --help)" >&2; exit 4 ;;
  esac
done

preset=${PRESET:-release}
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" -j "${JOBS:-$(nproc)}" --target fault_soak -- --quiet
export REEVE_FAULT_MINUTES=$minutes
exec nice -n 5 "build/$preset/tests/fault_soak"
