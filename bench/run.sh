#!/usr/bin/env bash
# bench/run.sh [--quick] [--json FILE] [WORKLOAD…]: build release and measure it. bench/README.md explains.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
deploy/install-deps.sh --build
echo "building (release)" >&2
cmake --preset release >/dev/null
cmake --build --preset release --target reeve-master reeve-worker reeve-bench >/dev/null
cd - >/dev/null
exec "$top/build/release/bin/reeve-bench" --dir "$top/build/release/bench-data" "$@"
