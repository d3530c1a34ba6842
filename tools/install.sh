#!/usr/bin/env bash
# Installs what is missing: Debian packages, and a virtual environment in .venv with k3py in it.
# Usage: tools/install.sh run|test|bench
set -euo pipefail
cd "$(dirname "$0")/.."

run_packages=(python3-venv runc conmon busybox-static iproute2 e2fsprogs)
test_packages=(crun docker-registry apache2-utils zstd)
bench_packages=(podman wrk skopeo)

case "${1:-}" in
run) packages=("${run_packages[@]}") extra="" ;;
test) packages=("${run_packages[@]}" "${test_packages[@]}") extra="[dev,test]" ;;
bench) packages=("${run_packages[@]}" "${test_packages[@]}" "${bench_packages[@]}") extra="[dev,test]" ;;
*) echo "usage: $0 run|test|bench" >&2; exit 2 ;;
esac

if [ "$(id -u)" != 0 ]; then
    echo "k3py runs containers and has to be root: try 'sudo make ${1}'" >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The environment is made again when what it holds is no longer what pyproject.toml asks for.
stamp=.venv/.installed
wanted="$(sha256sum pyproject.toml | cut -d' ' -f1) $extra"
if ! grep -qsF -- "$wanted" "$stamp"; then
    echo "installing k3py${extra} into .venv"
    [ -x .venv/bin/python ] || python3 -m venv .venv
    .venv/bin/python -m pip install -q --disable-pip-version-check -e ".${extra}"
    [ "$1" = run ] || .venv/bin/python tools/clients.py
    echo "$wanted" >>"$stamp"
fi
