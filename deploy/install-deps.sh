#!/usr/bin/env bash
# Installs the Debian 12 packages that reeve needs. Quick when they are all there.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy/install-deps.sh [--build] [--tests] [--ci] [--list]

  --build   what a build needs (the default)
  --tests   and what the tests and benchmarks need
  --ci      and clang 19 with sanitizers, clang-tidy and clang-format
  --list    print the packages instead of installing them
END
}

build=(g++ cmake ninja-build ccache pkg-config ca-certificates
  libboost1.81-dev libssl-dev libprotobuf-dev protobuf-compiler libsqlite3-dev
  libspdlog-dev libfmt-dev libcli11-dev libtomlplusplus-dev prometheus-cpp-dev libsystemd-dev)
tests=(libgtest-dev libgmock-dev googletest libbenchmark-dev python3 sqlite3 procps)
ci=(clang-19 clang-tidy-19 clang-format-19 lld-19 libclang-rt-19-dev llvm-19 git)

packages=("${build[@]}")
list=false
for option in "$@"; do
  case $option in
    --build) ;;
    --tests) packages=("${build[@]}" "${tests[@]}") ;;
    --ci) packages=("${build[@]}" "${tests[@]}" "${ci[@]}") ;;
    --list) list=true ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 4 ;;
  esac
done

if $list; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || {
  echo "install-deps.sh knows Debian's packages only; deploy/install-deps.sh --list says which ones to look for" >&2
  exit 1
}

missing=()
for package in "${packages[@]}"; do
  installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "not root, and no sudo. Please install: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

echo "installing ${#missing[@]} packages: ${missing[*]}"
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null; }
apt update || echo "package lists could not be refreshed; trying with those that are here" >&2
# --no-remove: never trade something that is in use for a dependency of ours.
apt install -y --no-install-recommends --no-remove "${missing[@]}" >/dev/null
