#!/usr/bin/env bash
# A master and two workers on this machine, doing real work, from nothing.
#
#   deploy/quickstart.sh          builds, shows, and leaves nothing behind but the build
#   deploy/quickstart.sh --keep   leaves master and workers running and says how to use and stop them
#
# Installs missing Debian packages (with sudo when not root). PRESET chooses another build than `release`.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

keep=false
for option in "$@"; do
  case $option in
    --keep) keep=true ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) echo "quickstart.sh: no option $option; see --help" >&2; exit 4 ;;
  esac
done

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

preset=${PRESET:-release}
bin=$root/build/$preset/bin

say "Building ($preset)"
deploy/install-deps.sh --tests
echo "configuring (without a cache: up to a minute) …"
cmake --preset "$preset" >/dev/null </dev/null
cmake --build --preset "$preset" --target reeve-master reeve-worker reeve </dev/null

# ---------------------------------------------------------------- what is started here is stopped here

here=$(mktemp -d "${TMPDIR:-/tmp}/reeve-quickstart.XXXXXX")
pids=()

stop() {  # stop PID…: all at once, with ten seconds to end by themselves
  local pid tries
  for pid in "$@"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "$@"; do
    for ((tries = 0; tries < 100; ++tries)); do
      kill -0 "$pid" 2>/dev/null || continue 2
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
}

stop_all() {  # the master last: the workers bring it their last results
  stop "${pids[@]:1}"
  stop "${pids[@]::1}"
  wait 2>/dev/null || true
}

finish() {
  local status=$? log
  trap - EXIT INT TERM HUP
  trap '' PIPE  # whoever read our output may be gone
  set +e
  if [ "$status" -ne 0 ] && [ "$status" -lt 128 ]; then
    echo
    echo "quickstart failed (exit code $status). What the programs logged:"
    for log in "$here"/*.log; do
      [ -s "$log" ] && { echo "--- ${log##*/}"; tail -n 20 "$log"; }
    done
  fi
  if $keep && [ "$status" -eq 0 ]; then exit 0; fi
  stop_all
  rm -rf "$here"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'exit 141' PIPE

# In a session of its own, so that Ctrl-C reaches this script alone, which then stops everything in order.
start() {
  local log=$here/$1.log
  shift
  setsid "$@" >"$log" 2>&1 </dev/null &
  pids+=($!)
}

wait_until() {  # wait_until WHAT COMMAND…: a minute at most, and not for a program that has died
  local what=$1 tries pid
  shift
  for ((tries = 0; tries < 600; ++tries)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    for pid in "${pids[@]}"; do
      kill -0 "$pid" 2>/dev/null || { echo "a program ended while waiting until $what" >&2; return 1; }
    done
    sleep 0.1
  done
  echo "waited a minute in vain until $what" >&2
  return 1
}

# ---------------------------------------------------------------- a master and two workers

say "Starting a durable master and two workers on loopback, with a fresh key"
export REEVE_AUTHKEY_FILE=$here/authkey
run "$bin/reeve" keygen "$REEVE_AUTHKEY_FILE"
start master "$bin/reeve-master" --listen 127.0.0.1:0 --managers-listen 127.0.0.1:0 --data-dir "$here/state" \
  --ready-file "$here/ready.json"
wait_until "the master is ready" test -s "$here/ready.json"
address() { sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p' "$here/ready.json"; }
REEVE_MASTER=$(address native)
export REEVE_MASTER
start worker-1 "$bin/reeve-worker" --name worker-1
start worker-2 "$bin/reeve-worker" --name worker-2
both_connected() { [ "$("$bin/reeve" worker ls -q | wc -l)" -ge 2 ]; }
wait_until "both workers are connected" both_connected
PATH=$bin:$PATH
run reeve worker ls

# ---------------------------------------------------------------- a function over a range

count=10000
say "The classic two-queue example: the squares of 1 … $count"
began=$(date +%s%N)
run reeve map square --range "1-$count" --ordered >"$here/squares"
squares_ms=$((($(date +%s%N) - began) / 1000000))
head -n 3 "$here/squares"
echo "…"
tail -n 1 "$here/squares"
sum=$(awk '{ sum += $1 } END { printf "%.0f", sum }' "$here/squares")
expected=$((count * (count + 1) * (2 * count + 1) / 6))
[ "$sum" = "$expected" ] || { echo "the squares add up to $sum instead of $expected" >&2; exit 1; }

# ---------------------------------------------------------------- programs over files

say "Real programs over real files: sha256sum of every source file of this project"
find master worker common client proto tests docs cmake deploy -type f | LC_ALL=C sort >"$here/files"
files=$(wc -l <"$here/files")
began=$(date +%s%N)
echo "\$ reeve submit -q -n checksums --each-line $here/files --cwd $root -- sha256sum {}     ($files files)"
job=$(reeve submit -q -n checksums --each-line "$here/files" --cwd "$root" -- sha256sum '{}')
echo "$job"
run reeve wait "$job"
commands_ms=$((($(date +%s%N) - began) / 1000000))
echo "\$ reeve result -q $job"
reeve result -q "$job" >"$here/sums"
head -n 3 "$here/sums"
echo "…"
(cd "$root" && xargs -d '\n' sha256sum <"$here/files") | LC_ALL=C sort >"$here/expected"
LC_ALL=C sort "$here/sums" | cmp -s - "$here/expected" || {
  echo "the workers' checksums differ from those made here" >&2
  diff <(LC_ALL=C sort "$here/sums") "$here/expected" | head -n 5 >&2
  exit 1
}

say "Summary"
run reeve ls --all
printf '%s squares in %s ms, as they should be\n' "$count" "$squares_ms"
printf '%s files summed by programs in %s ms, all as sha256sum says here\n' "$files" "$commands_ms"

rm -f "$here"/{squares,files,sums,expected}

end_line() {  # end_line PID…: ends them and waits until they are gone (in some containers a dead process stays listed)
  local pid alive=""
  for pid in "$@"; do alive+="${alive:+ || }kill -0 $pid"; done
  printf "kill %s; timeout 60 sh -c 'while %s; do sleep 0.1; done' 2>/dev/null" "$*" "$alive"
}

if $keep; then
  say "It keeps running"
  cat <<END
In another shell:

    export PATH=$bin:\$PATH
    export REEVE_MASTER=$REEVE_MASTER REEVE_AUTHKEY_FILE=$REEVE_AUTHKEY_FILE
    reeve status
    reeve submit --range 1-20 --wait -- echo 'hello {}'

Python's multiprocessing.managers connects to $(address managers); its authkey is the line in that file.

Logs and state: $here

To stop it and remove what it made:

    $(end_line "${pids[@]:1}")
    $(end_line "${pids[0]}")
    rm -r $here

It waits for the workers: they let running tasks go on for up to 30 seconds (--stop-grace).
END
fi
