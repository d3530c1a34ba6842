"""What there is on this host, and what of it belongs to the cluster below a root. Reads only.

Of networks, the one that the calling thread is in.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from k3py.base.paths import Paths
from k3py.runtime import cgroups

PROC = Path("/proc")
# That of the calling thread, which may be in another network namespace than its process.
NET = PROC / "thread-self/net"
PINS = Path("/sys/fs/bpf")
# 127.0.0.1 as the kernel writes it.
LOOPBACK = "0100007F"
# Where a cluster without a root would leave its files.
SYSTEM_FOLDERS = [Path(each) for each in ("/etc", "/var/lib", "/var/log", "/run", "/var/tmp", "/tmp", "/dev/shm")]


@dataclass(frozen=True)
class Belongings:
    """What belongs to one cluster, or, of ``on_host``, to anybody. Every set holds readable names."""

    processes: frozenset[str] = frozenset()
    listening: frozenset[str] = frozenset()
    sockets: frozenset[str] = frozenset()
    mounts: frozenset[str] = frozenset()
    cgroups: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    pins: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()

    def __and__(self, other: "Belongings") -> "Belongings":
        return Belongings(**{each.name: getattr(self, each.name) & getattr(other, each.name) for each in fields(self)})

    def __sub__(self, other: "Belongings") -> "Belongings":
        return Belongings(**{each.name: getattr(self, each.name) - getattr(other, each.name) for each in fields(self)})

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))


def of_cluster(root: Path) -> Belongings:
    """All that belongs to the cluster below ``root``, or names its root or its instance id."""
    paths = Paths.below(root)
    mine = {pid: what for pid, what in _processes() if _belongs(pid, what, paths)}
    inodes = {inode for pid in mine for inode in _socket_inodes(pid)}
    return Belongings(
        processes=frozenset(f"{pid} {what}" for pid, what in mine.items()),
        listening=frozenset(name for inode, name in _listening() if inode in inodes),
        sockets=frozenset(
            name
            for inode, name in _unix_sockets()
            if inode in inodes or _below(name, root) or paths.instance_id in name
        ),
        mounts=frozenset(each for each in _mounts() if _below(each, root) or paths.instance_id in each),
        cgroups=frozenset(each for each in _cgroups() if paths.instance_id in each),
        links=frozenset(each for each in _links() if each.startswith(link_prefix(paths))),
        routes=frozenset(each for each in _routes() if f" dev {link_prefix(paths)}" in each),
        rules=frozenset(each for each in _tables() if paths.instance_id in each),
        pins=frozenset(each for each in _pins() if paths.instance_id in each),
        files=frozenset(_files(root)) | {each for each in _system_files() if paths.instance_id in each},
    )


def on_host() -> Belongings:
    """What a cluster could leave on this host outside of its root, whoever made it."""
    return Belongings(
        mounts=frozenset(_mounts()),
        cgroups=frozenset(each for each in _cgroups() if "/k3py-" in each),
        links=frozenset(_links()),
        routes=frozenset(_routes()),
        rules=frozenset(_tables()),
        pins=frozenset(_pins()),
        files=frozenset(_system_files()),
    )


def pids_of_cluster(root: Path) -> list[int]:
    """The processes of the cluster below ``root``."""
    paths = Paths.below(root)
    return [pid for pid, what in _processes() if _belongs(pid, what, paths)]


def _processes() -> Iterator[tuple[int, str]]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if command:  # neither a kernel thread nor one that has ended
                yield int(entry.name), command.strip()


def _belongs(pid: int, command: str, paths: Paths) -> bool:
    """By its cgroup, its environment or its command line. Our own process and its children say the root too."""
    if pid == os.getpid():
        return False
    try:
        groups = (PROC / f"{pid}/cgroup").read_text()
        environment = (PROC / f"{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    if f"/k3py-{paths.instance_id}" in groups:
        return True
    return f"K3PY_ROOT={paths.root}".encode() in environment or f"{paths.root}/" in command


def _socket_inodes(pid: int) -> Iterator[str]:
    try:
        for descriptor in (PROC / f"{pid}/fd").iterdir():
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                yield target[8:-1]
    except OSError:
        return


def _listening() -> Iterator[tuple[str, str]]:
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in (NET / table).read_text().splitlines()[1:]:
            columns = line.split()
            # 0A is LISTEN; 07, of UDP, is a socket that waits for anybody (proc(5)).
            if columns[3] in ("0A", "07"):
                address, _, port = columns[1].rpartition(":")
                at = "" if not address.strip("0") or address == LOOPBACK else f" at {address}"
                yield columns[9], f"{table.rstrip('6')} port {int(port, 16)}{at}"


def _unix_sockets() -> Iterator[tuple[str, str]]:
    for line in (NET / "unix").read_text().splitlines()[1:]:
        columns = line.split(maxsplit=7)
        name = columns[7] if len(columns) > 7 else "unnamed"
        # conmon's name is too long for a socket's address; the one it uses instead means something to itself only.
        yield columns[6], name if name.startswith(("/", "@")) and "/self/" not in name else f"{name} {columns[6]}"


def _mounts() -> Iterator[str]:
    for line in (PROC / "self/mountinfo").read_text().splitlines():
        yield re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), line.split(" ")[4])


def _cgroups() -> Iterator[str]:
    # os.walk passes over folders that vanish while it looks, as those of other clusters' pods do.
    for tree in cgroups.detect().trees:
        yield from (folder for folder, _, _ in os.walk(tree) if "k3py-" in folder)


def _links() -> list[str]:
    listed = subprocess.run(["ip", "-j", "link"], check=True, capture_output=True)
    return [each["ifname"] for each in json.loads(listed.stdout)]


def link_prefix(paths: Paths) -> str:
    """How the names of a cluster's links begin."""
    return f"k{paths.instance_id[:4]}"


def _routes() -> Iterator[str]:
    """Those of all tables, addresses of this host among them."""
    for family in ("-4", "-6"):
        listed = subprocess.run(["ip", family, "route", "show", "table", "all"], check=True, capture_output=True)
        yield from (line.strip() for line in listed.stdout.decode().splitlines())


def _tables() -> Iterator[str]:
    listed = subprocess.run(["nft", "list", "tables"], check=True, capture_output=True)
    yield from listed.stdout.decode().splitlines()


def _pins() -> Iterator[str]:
    for folder, folders, files in os.walk(PINS):
        yield from (f"{folder}/{name}" for name in [*folders, *files])


def _files(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        yield from (f"{folder}/{name}" for name in [*folders, *files])


def _system_files() -> Iterator[str]:
    for folder in SYSTEM_FOLDERS:
        yield from (str(each) for each in folder.iterdir())


def _below(name: str, root: Path) -> bool:
    return name.startswith(f"{root}/")
