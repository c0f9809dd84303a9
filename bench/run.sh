#!/usr/bin/env bash
# bench/run.sh [--quick] [--runs N] [--json FILE] [WORKLOAD…]: builds release and measures it.
#   --quick      fewer runs and fewer tasks: a minute, and rough figures
#   --runs N     how often each figure is taken; the median counts
#   --json FILE  writes the medians there, as one flat object
# Workloads (default: all): ephemeral-round-trips, durable-round-trips, ephemeral-latency, durable-latency,
# ephemeral-puts, durable-puts, processes, ephemeral-memory, durable-memory. bench/README.md tells how to read the figures.
set -euo pipefail
for option in "$@"; do
  case $option in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
  esac
done
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
deploy/install-deps.sh --build
echo "building (release)" >&2
cmake --preset release >/dev/null
cmake --build --preset release --target reeve-master reeve-worker reeve-bench >/dev/null
cd - >/dev/null
exec "$top/build/release/bin/reeve-bench" --dir "$top/build/release/bench-data" "$@"
