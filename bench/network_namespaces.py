"""Network namespaces that benchmarks need: made in a folder, entered by threads, gone afterwards."""

import ctypes
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pyroute2.iproute.linux import IPRoute

T = TypeVar("T")

CLONE_NEWNET = 0x4000_0000
MS_BIND = 0x1000
MNT_DETACH = 2
SELF = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, doing: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot {doing}: {os.strerror(number)}")


def enter(path: Path) -> None:
    """Bring the calling thread into a namespace."""
    with path.open() as namespace:
        checked(_libc.setns(namespace.fileno(), CLONE_NEWNET), f"enter {path}")


def inside(path: Path, work: Callable[[], T]) -> T:
    """Do something in a namespace, in a thread of its own."""
    with ThreadPoolExecutor(1, initializer=enter, initargs=(path,)) as thread:
        return thread.submit(work).result()


class Namespaces:
    """Makes namespaces, each with its loopback up, and knows them by path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: list[Path] = []

    def make(self, name: str) -> Path:
        """A new one."""
        path = self.folder / name
        path.touch()
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self._unshare, path).result()
        self.paths.append(path)
        return path

    def remove(self, path: Path) -> None:
        """It goes as soon as nobody is in it."""
        checked(_libc.umount2(str(path).encode(), MNT_DETACH), f"unmount {path}")
        path.unlink()
        self.paths.remove(path)

    def _unshare(self, path: Path) -> None:
        checked(_libc.unshare(CLONE_NEWNET), "make a network namespace")
        with netlink() as connection:
            connection.link("set", index=1, state="up")
        checked(_libc.mount(SELF.encode(), str(path).encode(), b"", MS_BIND, None), f"mount {path}")


@contextmanager
def namespaces() -> Iterator[Namespaces]:
    """A folder for them; all that are left go with the block."""
    with tempfile.TemporaryDirectory(prefix="k3py-bench-", dir="/dev/shm") as folder:
        made = Namespaces(Path(folder))
        try:
            yield made
        finally:
            for path in list(made.paths):
                made.remove(path)


def netlink() -> Any:
    """A netlink socket of the calling thread's namespace."""
    connect: Any = IPRoute
    return connect(strict_check=True)


def plain_pair(host_end: str, pod: Path, address: str) -> None:
    """What every container network needs at least: a veth pair, an address, both ends up."""
    with netlink() as connection, pod.open() as namespace:
        peer = {"ifname": "eth0", "net_ns_fd": namespace.fileno()}
        connection.link("add", ifname=host_end, kind="veth", peer=peer)
        connection.link("set", index=socket.if_nametoindex(host_end), state="up")
    inside(pod, lambda: _address(address))


def _address(address: str) -> None:
    number = socket.if_nametoindex("eth0")
    with netlink() as connection:
        connection.addr("add", index=number, address=address, prefixlen=24)
        connection.link("set", index=number, state="up")
