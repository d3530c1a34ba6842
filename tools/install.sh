#!/usr/bin/env bash
# Installs what is missing: Debian packages, and a virtual environment in .venv with k3py in it.
# Usage: tools/install.sh run|test|bench
set -euo pipefail
cd -P "$(dirname "$0")/.."

run_packages=(python3-venv runc conmon busybox-static nftables)
test_packages=(crun docker-registry apache2-utils zstd iproute2)
bench_packages=(podman wrk skopeo iperf3 unbound dnsmasq-base)

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
    # Docker's containerd.io brings a runc of its own and conflicts with Debian's.
    if [ "$package" = runc ] && command -v runc >/dev/null; then continue; fi
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    if ! command -v apt-get >/dev/null; then
        echo "cannot install packages without apt-get: install what these are called here: ${missing[*]}" >&2
        exit 1
    fi
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # busybox and busybox-static take each other's place; nothing else may go.
    removed="$(apt-get install -s --no-install-recommends "${missing[@]}" | awk '$1 == "Remv" && $2 != "busybox" {print $2}')"
    if [ -n "$removed" ]; then
        echo "cannot install ${missing[*]}: that would remove" $removed >&2
        exit 1
    fi
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The environment is brought up to date when it is not what pyproject.toml asks for, and made anew when it does not work:
# after an interruption, with a newer Python, in another place.
works() {
    .venv/bin/python -c 'import pip' 2>/dev/null &&
        { [ ! -e .venv/bin/k3py ] || grep -qF "$PWD/.venv/bin/python" .venv/bin/k3py; }
}
stamp=.venv/.installed
# The eBPF programs are compiled by the installation, so their sources count too.
wanted="$(cat pyproject.toml hatch_build.py tools/build_bpf.py bpf/*.c bpf/lib/*.h | sha256sum | cut -d' ' -f1) $extra"
works || rm -f "$stamp"
if ! grep -qsF -- "$wanted" "$stamp"; then
    echo "installing k3py${extra} into .venv"
    works || python3 -m venv --clear .venv
    .venv/bin/python -m pip install -q --disable-pip-version-check -e ".${extra}"
    [ "$1" = run ] || .venv/bin/python tools/clients.py
    echo "$wanted" >"$stamp"
fi
