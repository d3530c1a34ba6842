"""Finds out about this host what ``network_checks`` judges. Acts: reads the kernel's files and asks nft."""

import json
import platform
import shutil
import subprocess
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Final

from k3py.base.paths import Paths
from k3py.cli.network_checks import EGRESS, ForwardChain, HostNetwork

SECONDS: Final = 5.0
_SETTINGS: Final = Path("/proc/sys/net/ipv6/conf")
_MANAGER: Final = Path("/run/NetworkManager")
_LEFT_ALONE: Final = ("/usr/lib/udev/rules.d/85-nm-unmanaged.rules", "/etc/NetworkManager/conf.d/k3py.conf")


def gather_host_network(paths: Paths) -> HostNetwork:
    """The facts. What cannot be found out is taken for good."""
    mounts = _text("/proc/self/mounts")
    nft = shutil.which("nft") or ""
    ours = f"k3py-{paths.instance_id}"
    return HostNetwork(
        kernel=platform.release(),
        nft=nft,
        bpffs=" bpf " in mounts or "\tbpf\n" in _text("/proc/filesystems"),
        cgroup2=" cgroup2 " in mounts,
        ipv6=_SETTINGS.exists(),
        ipv6_disabled=[name for name in ("all", "default", "lo") if _setting(name, "disable_ipv6") == "1"],
        deaf=_deaf(),
        forward_chains=forward_chains(_ask([nft, "--json", "list", "chains"]), ours) if nft else [],
        adopts_links=_MANAGER.exists() and not any("veth" in _text(each) for each in _LEFT_ALONE),
        egress_users=egress_users(_ask(["ip", "-json", "-4", "address"]), f"k{paths.instance_id[:4]}"),
    )


def forward_chains(listed: Any, ours: str) -> list[ForwardChain]:
    """The base chains at ``forward`` in what ``nft --json list chains`` says, without tables of k3py (``ours``)."""
    found = []
    entries = listed.get("nftables", ()) if isinstance(listed, dict) else ()
    for each in (entry["chain"] for entry in entries if "chain" in entry):
        if each.get("hook") == "forward" and each["table"] != ours:
            found.append(ForwardChain(each["family"], each["table"], each["name"], each.get("policy") == "drop"))
    return found


def egress_users(listed: Any, prefix: str) -> list[str]:
    """Interfaces with addresses of the egress range in what ``ip -json address`` says; ours begin with ``prefix``."""
    found = []
    for link in listed if isinstance(listed, list) else ():
        addresses = [IPv4Address(each["local"]) for each in link.get("addr_info", ()) if "local" in each]
        name = str(link.get("ifname", ""))
        if not name.startswith(prefix) and any(each in IPv4Network(EGRESS) for each in addresses):
            found.append(name)
    return found


def _deaf() -> list[str]:
    """Interfaces with a link to somewhere that forward, and have the kernel's default for router advertisements."""
    devices = (each.name for each in Path("/sys/class/net").iterdir() if (each / "device").exists())
    return [
        name for name in devices if _setting(name, "forwarding") == "1" and _setting(name, "accept_ra") == "1"
    ]  # fmt: skip


def _setting(interface: str, name: str) -> str:
    return _text(_SETTINGS / interface / name).strip()


def _ask(command: list[str]) -> Any:
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
