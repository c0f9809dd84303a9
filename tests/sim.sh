#!/usr/bin/env bash
# Simulated worlds of masters, workers and clients, with faults (tests/sim): builds what it needs, then
#   tests/sim.sh --seed N [--verbose] [--bug NAME]    one world, told in lines
#   tests/sim.sh --minutes N                          fresh seeds for so long; a night: --minutes 480
set -euo pipefail
for option in "$@"; do
  case $option in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
  esac
done
cd "$(dirname "$0")/.."
cmake --preset dev >/dev/null
cmake --build --preset dev --target simulate >/dev/null
exec build/dev/tests/simulate "$@"
