"""Measures the host: memory, disk, processes, addresses, names."""

import os
import platform
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from k3py.agent.node_status import Measured

# Documentation addresses (RFC 5737, RFC 3849): connecting a datagram socket sends nothing, but chooses a source.
_TOWARDS_V4: Final = ("192.0.2.1", 9)
_TOWARDS_V6: Final = ("2001:db8::1", 9)


def measure(disk: Path, runtime_version: str, addresses: Sequence[str] = ()) -> Measured:
    """What this host says of itself; ``disk`` is a folder on the disk that pods use."""
    memory = _meminfo(_read(Path("/proc/meminfo")))
    space = os.statvfs(_existing(disk))
    system = os.uname()
    return Measured(
        hostname=system.nodename,
        machine=system.machine,
        kernel_version=system.release,
        os_image=_os_image(),
        machine_id=_read(Path("/etc/machine-id")).strip(),
        system_uuid=_read(Path("/sys/class/dmi/id/product_uuid")).strip(),
        boot_id=_read(Path("/proc/sys/kernel/random/boot_id")).strip(),
        runtime_version=runtime_version,
        addresses=tuple(addresses) or host_addresses(),
        cpus=os.cpu_count() or 1,
        memory_bytes=memory.get("MemTotal", 0),
        memory_available_bytes=memory.get("MemAvailable", memory.get("MemFree", 0)),
        disk_bytes=space.f_blocks * space.f_frsize,
        disk_available_bytes=space.f_bavail * space.f_frsize,
        inodes=space.f_files,
        inodes_available=space.f_favail,
        pids_max=_number(Path("/proc/sys/kernel/pid_max"), 32768),
        pids=sum(name.isdigit() for name in os.listdir("/proc")),
    )


def host_addresses() -> tuple[str, ...]:
    """The addresses that this host would speak to others from, IPv4 first; the loopback address if there is none."""
    found = []
    for family, towards in ((socket.AF_INET, _TOWARDS_V4), (socket.AF_INET6, _TOWARDS_V6)):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(towards)
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return tuple(found) or ("127.0.0.1",)


def _existing(path: Path) -> Path:
    return next((each for each in (path, *path.parents) if each.exists()), Path("/"))


def _meminfo(text: str) -> dict[str, int]:
    """Bytes by name out of ``/proc/meminfo`` (proc(5))."""
    return {match[1]: int(match[2]) * 1024 for match in re.finditer(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def _os_image() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _number(path: Path, default: int) -> int:
    text = _read(path).strip()
    return int(text) if text.isdigit() else default


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
