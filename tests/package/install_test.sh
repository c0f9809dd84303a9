#!/usr/bin/env bash
# install_test.sh BUILD_DIR: installs into a prefix of its own, builds somebody else's project against it with
# find_package(reeve), and runs that project's program and plugin with the installed master and worker.
set -euo pipefail
build=$(realpath "$1")
source=$(realpath "$(dirname "$0")/../..")
here=$(mktemp -d "${TMPDIR:-/tmp}/reeve-package.XXXXXX")
pids=()
finish() {
  local status=$? pid
  trap - EXIT
  trap '' PIPE  # whoever read our output may be gone
  set +e
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  [ "$status" -eq 0 ] || tail -n 50 "$here"/*.log
  rm -rf "$here"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

prefix=$here/prefix
cmake --install "$build" --prefix "$prefix" >"$here/install.log"
for file in bin/reeve bin/reeve-master bin/reeve-worker include/reeve/client.h include/reeve/plugin.h \
  share/man/man1/reeve.1 share/man/man8/reeve-master.8 share/man/man8/reeve-worker.8 \
  share/bash-completion/completions/reeve share/reeve/config/master.toml share/reeve/config/worker.toml \
  lib/systemd/system/reeve-master.service lib/systemd/system/reeve-worker.service; do
  [ -s "$prefix/$file" ] || { echo "not installed: $file"; exit 1; }
done

for program in reeve-master reeve-worker; do
  grep -q "^ExecStart=$prefix/bin/$program " "$prefix/lib/systemd/system/$program.service" ||
    { echo "$program.service does not name $prefix/bin/$program"; exit 1; }
done
while IFS= read -r page; do
  while IFS= read -r link; do
    [ -e "$(dirname "$page")/$link" ] || { echo "dead link in $page: $link"; exit 1; }
  done < <(grep -v '^    ' "$page" | sed '/^```/,/^```/d' | grep -oP '\]\(\K(?!https?:)[^)#]+' || true)
done < <(find "$prefix/share/doc" -name '*.md')

cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
cp -r "$source/tests/package/consumer" "$here/consumer"
cp "$source/client/examples/square.cc" "$here/consumer/submit.cc"
cmake -S "$here/consumer" -B "$here/consumer/build" -G "$(cached CMAKE_GENERATOR)" -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_CXX_COMPILER="$(cached CMAKE_CXX_COMPILER)" -DCMAKE_CXX_FLAGS="$(cached CMAKE_CXX_FLAGS)" \
  >"$here/configure.log" 2>&1
cmake --build "$here/consumer/build" >"$here/build.log" 2>&1

wait_until() {
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1  # between looks; what is waited for is the condition
  done
  echo "waited in vain for: $*"
  return 1
}

unset REEVE_AUTHKEY REEVE_CONFIG
export REEVE_AUTHKEY_FILE=$here/authkey
"$prefix/bin/reeve" keygen "$REEVE_AUTHKEY_FILE" >"$here/keygen.log"
"$prefix/bin/reeve-master" --listen 127.0.0.1:0 --managers-listen off --data-dir "$here/state" \
  --ready-file "$here/ready.json" >"$here/master.log" 2>&1 &
pids+=($!)
wait_until test -s "$here/ready.json"
REEVE_MASTER=$(sed -n 's/.*"native": *"\([^"]*\)".*/\1/p' "$here/ready.json")
export REEVE_MASTER
"$prefix/bin/reeve-worker" --plugin "$here/consumer/build/libreverse.so" >"$here/worker.log" 2>&1 &
pids+=($!)

squares=$("$here/consumer/build/submit")
[[ $squares == *"12 * 12 = 144"* ]] || { echo "the program printed: $squares"; exit 1; }
[ "$("$prefix/bin/reeve" call square 12)" = 144 ] || { echo "reeve call square 12 is not 144"; exit 1; }
reversed=$("$prefix/bin/reeve" call reverse '"stressed"')
[ "$reversed" = '"desserts"' ] || { echo "the plugin's function returned: $reversed"; exit 1; }
echo "installed, built against and run from $prefix"
