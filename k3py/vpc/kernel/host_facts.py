"""Finds out about the host what ``host_checks`` judges. Acts; changes nothing."""

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

from k3py.vpc.bpf import kernel
from k3py.vpc.bpf.object_file import MapDefinition
from k3py.vpc.kernel import layout, seen
from k3py.vpc.kernel.host_checks import HostFacts
from k3py.vpc.kernel.netlink import netlink
from k3py.vpc.kernel.sysctls import Sysctls
from k3py.vpc.wanted import NodeConfig

# Each is the pid file or folder that the running service keeps.
_RUNNING: Final = {
    "firewalld": ("/run/firewalld.pid", "/run/firewalld"),
    "docker": ("/run/docker.pid",),
    "NetworkManager": ("/run/NetworkManager/NetworkManager.pid", "/run/NetworkManager"),
}
_UFW: Final = Path("/etc/ufw/ufw.conf")
_NETWORK_MANAGER: Final = (Path("/etc/NetworkManager/conf.d"), Path("/usr/lib/NetworkManager/conf.d"))
_MOUNTS: Final = Path("/proc/self/mounts")
_ONE_NUMBER: Final = MapDefinition("probe", 2, 4, 4, 1, 0, 0, 0)
_TIMEOUT_SECONDS: Final = 10.0


def host_facts(config: NodeConfig) -> HostFacts:
    """The facts of the host that this process is on. Needs root for some; what it cannot see counts as fine."""
    with netlink() as connection:
        links = seen.all_links()
        routes = list(_routes(connection, config, {each.index: each.name for each in links}))
    uplinks = layout.uplinks(links, config)
    mounted = {line.split(" ")[2] for line in _MOUNTS.read_text().splitlines()}
    return HostFacts(
        kernel=release(os.uname().release),
        sysctls=Sysctls(Path("/nonexistent")).read(_settings(uplinks)),
        uplinks=uplinks,
        routes=routes,
        tools=frozenset(each for each in ("nft",) if shutil.which(each)),
        bpffs="bpf" in mounted,
        cgroup2="cgroup2" in mounted,
        bpf=_has_bpf(),
        services=frozenset(_services()),
        forward_drop=tuple(_forward_drop(config)),
        unmanaged=_unmanaged(config),
    )


def release(text: str) -> tuple[int, int]:
    """The first two numbers of a kernel's release; zeros where there are none."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def forward_drops(listed: Any, own: str) -> Iterator[str]:
    """The chains of ``nft -j list chains`` that drop what is forwarded unless a rule takes it; not our own table's."""
    for each in listed.get("nftables", []):
        chain = each.get("chain", {})
        if chain.get("hook") == "forward" and chain.get("policy") == "drop" and chain.get("table") != own:
            yield f"{chain['family']} {chain['table']} {chain['name']}"


def _settings(uplinks: tuple[str, ...]) -> list[str]:
    general = ["net/ipv6/conf/all/disable_ipv6", "net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"]
    each = [(f"net/ipv6/conf/{name}/accept_ra", f"net/ipv4/conf/{name}/rp_filter") for name in ("all", *uplinks)]
    return [*general, *(path for pair in each for path in pair)]


def _routes(connection: Any, config: NodeConfig, names: dict[int, str]) -> Iterator[tuple[IPv4Network, str]]:
    for each in connection.get_routes(family=socket.AF_INET):
        local = each["type"] != 1
        if each["dst_len"] and not local and each.get("priority") != config.group:
            yield IPv4Network(f"{each.get('dst')}/{each['dst_len']}"), names.get(each.get("oif", 0), "?")


def _has_bpf() -> bool:
    try:
        os.close(kernel.map_create(_ONE_NUMBER))
    except OSError:
        return os.geteuid() != 0
    return True


def _services() -> Iterator[str]:
    for name, places in _RUNNING.items():
        if any(Path(each).exists() for each in places):
            yield name
    try:
        if re.search(r"^ENABLED=yes", _UFW.read_text(), re.MULTILINE):
            yield "ufw"
    except OSError:
        return


def _unmanaged(config: NodeConfig) -> bool:
    files = [each for folder in _NETWORK_MANAGER if folder.is_dir() for each in folder.glob("*.conf")]
    return any(f"unmanaged-devices=interface-name:{config.link_prefix}" in each.read_text() for each in files)


def _forward_drop(config: NodeConfig) -> Iterator[str]:
    try:
        command = ["nft", "-j", "list", "chains"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
        listed = json.loads(done.stdout or "{}")
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return
    yield from forward_drops(listed, config.table)
