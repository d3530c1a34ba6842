"""Other network namespaces than the daemon's: their ids, and work that has to be done inside. Acts."""

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from k3py.vpc.kernel.netlink import Netlink, NetlinkError
from k3py.vpc.kernel.values import Namespace

T = TypeVar("T")

_CLONE_NEWNET: Final = 0x4000_0000
# socket(7): the number of the network namespace that a socket is in, never used twice.
_SO_NETNS_COOKIE: Final = 71

_libc = ctypes.CDLL(None, use_errno=True)


def inside(path: Path, work: Callable[[], T]) -> T:
    """Do something in a network namespace: in a thread of its own, so nobody else ever finds itself there.

    Raises:
        OSError: there is no such namespace; whatever ``work`` raises.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            _enter(path)
            results.append(work())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="inside-namespace")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def cookie() -> int:
    """The number of the calling thread's network namespace; programs see the same."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        (number,) = struct.unpack("=Q", asking.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8))
        return int(number)


def namespace_id(netlink: Netlink, path: str) -> int | Namespace:
    """By which number links of the caller's namespace refer to the one at ``path``."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return Namespace.GONE
    try:
        answer = netlink.get_netnsid(fd=descriptor)
    except NetlinkError:
        return Namespace.GONE
    finally:
        os.close(descriptor)
    number = answer["nsid"]
    return Namespace.UNKNOWN if number is None or number in (-1, 0xFFFF_FFFF) else int(number)


def _enter(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, f"cannot enter {path}: {os.strerror(number)}")
    finally:
        os.close(descriptor)
