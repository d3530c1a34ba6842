"""Finds out about this host what ``vpc.kernel.host_checks`` judges. Acts: reads the kernel's files, asks nft and ip."""

import contextlib
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Collection
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

from k3py.base.paths import Paths
from k3py.cli.checks import Level, Result
from k3py.vpc.egress import SHARED, choose_egress_range
from k3py.vpc.kernel.host_checks import HostFacts, examine_host
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.wanted import NodeConfig

SECONDS: Final = 5.0
_SETTINGS: Final = Path("/proc/sys")
_FORWARDING: Final = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
# What the VPC daemon changes as soon as it runs.
_NOT_YET: Final = frozenset((path, "0") for path in _FORWARDING)
_OF_ALL: Final = (*_FORWARDING, "net/ipv6/conf/all/disable_ipv6", "net/ipv4/conf/all/rp_filter")
_OF_UPLINKS: Final = ("net/ipv6/conf/{}/accept_ra", "net/ipv4/conf/{}/rp_filter")
# Files of services that matter here, while they run.
_RUNNING: Final = {"docker": "/run/docker.sock", "NetworkManager": "/run/NetworkManager", "firewalld": "/run/firewalld"}
# Debian's and Fedora's NetworkManager leave veths alone by rules of udev; others are told.
_UNMANAGED: Final = ("/usr/lib/udev/rules.d/85-nm-unmanaged.rules", "/etc/NetworkManager/conf.d/k3py.conf")
_LOCAL_TYPES: Final = ("local", "broadcast", "multicast", "anycast")


def network_results(paths: Paths, *, daemon_runs: bool) -> list[Result]:
    """What stands in the way of the pod network on this host; one line when nothing does."""
    findings = examine_host(*gather_host_network(paths, daemon_runs=daemon_runs))
    if not findings:
        return [Result("network", Level.OK, "nothing stands in its way")]
    return [Result(each.name, Level(each.severity.value), each.said, each.remedy) for each in findings]


def gather_host_network(paths: Paths, *, daemon_runs: bool) -> tuple[NodeConfig, HostFacts]:
    """The facts. What cannot be found out is taken for good; so is what a daemon that does not run would set."""
    prefix = f"k{paths.instance_id[:4]}"
    uplinks = sorted(each.name for each in Path("/sys/class/net").iterdir() if (each / "device").exists())
    routes = foreign_routes(_ask("ip", "-json", "-4", "route", "show", "table", "all"), prefix)
    chains = _ask("nft", "--json", "list", "chains")
    mounts = _text("/proc/self/mounts")
    services = {name for name, path in _RUNNING.items() if Path(path).exists()}
    if "ENABLED=yes" in _text("/etc/ufw/ufw.conf"):
        services.add("ufw")
    settings = {path: value for path in _paths(uplinks) if (value := _text(_SETTINGS / path).strip())}
    facts = HostFacts(
        kernel=release(platform.release()),
        sysctls={path: value for path, value in settings.items() if daemon_runs or (path, value) not in _NOT_YET},
        uplinks=uplinks,
        routes=routes,
        tools=frozenset(each for each in ("nft",) if shutil.which(each)),
        bpffs=" /sys/fs/bpf bpf " in mounts,
        cgroup2=" cgroup2 " in mounts,
        services=frozenset(services),
        forward_drop=dropping_chains(chains, f"k3py-{paths.instance_id}"),
        unmanaged=any("veth" in _text(each) or prefix in _text(each) for each in _UNMANAGED),
    )
    return NodeConfig(paths.instance_id, "", _egress_range(paths, [each for each, _ in routes])), facts


def release(text: str) -> tuple[int, int]:
    """The first two numbers of a kernel's release; zeros when it has none."""
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def foreign_routes(listed: Any, prefix: str) -> list[tuple[IPv4Network, str]]:
    """Destination and interface in what ``ip -json route`` says; interfaces of ours begin with ``prefix``."""
    found = []
    for each in listed if isinstance(listed, list) else ():
        destination, device = str(each.get("dst", "default")), str(each.get("dev", ""))
        if destination != "default" and each.get("type") not in _LOCAL_TYPES and not device.startswith(prefix):
            found.append((IPv4Network(destination, strict=False), device))
    return found


def dropping_chains(listed: Any, ours: str) -> list[str]:
    """Base chains at ``forward`` that drop, in what ``nft --json list chains`` says; our own table is ``ours``."""
    entries = listed.get("nftables", ()) if isinstance(listed, dict) else ()
    chains = [each["chain"] for each in entries if "chain" in each]
    return [
        f"{each['family']} {each['table']} {each['name']}"
        for each in chains
        if each.get("hook") == "forward" and each.get("policy") == "drop" and each["table"] != ours
    ]


def _egress_range(paths: Paths, taken: Collection[IPv4Network]) -> IPv4Network:
    """The one that the VPC daemon keeps, else the one that it would choose; all of them where none is free."""
    with contextlib.suppress(ValueError):  # there is none, or none that the daemon could use
        return IPv4Network(_text(paths.state / "vpc/egress-range").strip())
    try:
        return choose_egress_range(paths.instance_id, taken)
    except NetworkProblem:
        return SHARED


def _paths(uplinks: Collection[str]) -> list[str]:
    return [*_OF_ALL, *(each.format(uplink) for each in _OF_UPLINKS for uplink in uplinks)]


def _ask(*command: str) -> Any:
    """What a command says in JSON; None when it cannot be asked."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS)
        return json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
