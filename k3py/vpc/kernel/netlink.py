"""Netlink, and what its refusals mean. Acts."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from pyroute2.iproute import linux
from pyroute2.netlink.exceptions import NetlinkError

__all__ = ["ABSENT", "EXISTS", "Netlink", "NetlinkError", "netlink", "tolerating"]

# A socket of pyroute2, which has no types.
Netlink: TypeAlias = Any

# The kernel's answers to "make what is there" and "take away what is not".
EXISTS: Final = frozenset({errno.EEXIST})
ABSENT: Final = frozenset({errno.ENODEV, errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL})


@contextmanager
def netlink() -> Iterator[Netlink]:
    """A netlink socket of the namespace that the calling thread is in; to be used by this thread alone.

    The kernel filters dumps by what they ask for.
    """
    connect: Any = linux.IPRoute
    with connect(strict_check=True) as socket:
        yield socket


@contextmanager
def tolerating(numbers: frozenset[int]) -> Iterator[None]:
    """What the kernel refuses with one of these errors is as it should be."""
    try:
        yield
    except NetlinkError as error:
        if error.code not in numbers:
            raise
