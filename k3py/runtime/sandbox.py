"""What a pod's containers share, without a process of its own: namespaces and ``/dev/shm``, pinned by mounts.

A thread that ends afterwards unshares net, ipc and uts, sets them up and binds them to files; the last act is the
binding, so a pin that is there is a namespace that is ready. A process namespace cannot be held that way; only pods
that ask for a shared one get a first process (see pause.py).
"""

import asyncio
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from k3py.runtime import kernel
from k3py.runtime.oci_config import SHM_BYTES, Shared
from k3py.runtime.records import SandboxRecord

HOSTNAME_LENGTH_MAX: Final = 63  # what Kubernetes allows; the kernel takes 64
_LOCALHOST: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1
_KINDS: Final = {
    "net": ("network", kernel.CLONE_NEWNET),
    "ipc": ("ipc", kernel.CLONE_NEWIPC),
    "uts": ("uts", kernel.CLONE_NEWUTS),
}


@dataclass(frozen=True)
class Wanted:
    """Which pins to make: a subset of ``net``, ``ipc``, ``uts``; sysctls are paths below /proc/sys with values."""

    kinds: tuple[str, ...]
    hostname: str
    sysctls: Sequence[tuple[str, str]] = ()


def pins_for(host_network: bool, host_ipc: bool, share_process_namespace: bool) -> tuple[str, ...]:
    """The names of a pod's pins. With the host's network a pod also has the host's name (Kubernetes does so)."""
    names = [] if host_network else ["net", "uts"]
    names += [] if host_ipc else ["ipc", "shm"]
    names += ["pid"] if share_process_namespace else []
    return tuple(names)


async def make_pins(folder: Path, wanted: Wanted) -> None:
    """Make the namespaces and pin them in ``folder``. Raises OSError naming what failed."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [kind for kind in wanted.kinds if kind in _KINDS]

    def visit() -> None:
        kernel.unshare(sum(_KINDS[kind][1] for kind in kinds))
        if "uts" in kinds:
            socket.sethostname(wanted.hostname[:HOSTNAME_LENGTH_MAX])
        if "net" in kinds:
            bring_up_loopback()
        for path, value in wanted.sysctls:
            Path("/proc/sys", path).write_text(value)
        for kind in kinds:
            bind_namespace(f"/proc/thread-self/ns/{kind}", folder / kind)

    if kinds:
        await kernel.in_own_thread(visit)
    if "shm" in wanted.kinds:
        (folder / "shm").mkdir(exist_ok=True)
        flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
        kernel.mount("shm", str(folder / "shm"), "tmpfs", flags, f"mode=1777,size={SHM_BYTES}")


def bind_namespace(source: str, pin: Path) -> None:
    """Hold the namespace ``source`` (a file below /proc) at ``pin``."""
    os.close(os.open(pin, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600))
    kernel.mount(source, str(pin), None, kernel.MS_BIND)


def bring_up_loopback() -> None:
    """Let the calling thread's network namespace talk to itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", _IFF_UP, b""))


def pins_are_there(folder: Path, names: Sequence[str], mountinfo: str) -> bool:
    """Whether every pin is mounted. ``mountinfo``: the text of /proc/self/mountinfo."""
    mounted = set(kernel.mount_points_below(folder, mountinfo))
    return all(str(folder / name) in mounted for name in names)


def shared_of(record: SandboxRecord, folder: Path) -> Shared:
    """What a container of the sandbox joins; ``folder`` holds the pins."""
    namespaces = {"pid": ""}
    if record.host_pid:
        del namespaces["pid"]
    for name in record.pins:
        if name in _KINDS:
            namespaces[_KINDS[name][0]] = str(folder / name)
    if "pid" in record.pins:
        namespaces["pid"] = str(folder / "pid")
    shm = Path("/dev/shm") if record.host_ipc else folder / "shm"
    return Shared(namespaces, shm)


async def connect(pin: Path | None, port: int, host: str = "") -> socket.socket:
    """A connected non-blocking TCP socket to ``host:port`` in the network namespace at ``pin`` (None: the host's).

    Raises OSError of the first address tried; without a host these are 127.0.0.1, then ::1.
    """
    loop = asyncio.get_running_loop()
    problem: OSError | None = None
    for family, address in await _addresses(host, port) if host else _LOCALHOST:
        connection = await _socket_in(pin, family)
        try:
            await loop.sock_connect(connection, (address, port))
        except OSError as refused:
            connection.close()
            problem = problem or refused
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    assert problem is not None
    raise problem


async def _addresses(host: str, port: int) -> list[tuple[int, str]]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError as problem:  # no name at all: with an empty label, say
        raise socket.gaierror(socket.EAI_NONAME, f"no such host: {host[:80]!r}") from problem
    return [(family, str(address[0])) for family, _, _, _, address in found]


async def _socket_in(pin: Path | None, family: int) -> socket.socket:
    """A socket stays in the network namespace it was made in, wherever it is used afterwards."""

    def make() -> socket.socket:
        return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    if pin is None:
        return make()

    def visit() -> socket.socket:
        descriptor = os.open(pin, os.O_RDONLY | os.O_CLOEXEC)
        try:
            kernel.setns(descriptor, kernel.CLONE_NEWNET)
        finally:
            os.close(descriptor)
        return make()

    return await kernel.in_own_thread(visit)
