"""Listens to the kernel: links, addresses and routes that change. Acts."""

import asyncio
import errno
import logging
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from pyroute2.netlink.rtnl.marshal import MarshalRtnl

_log = logging.getLogger(__name__)

# RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE of rtnetlink(7).
_GROUPS: Final = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
# Some thousand messages may wait; beyond that the kernel says that it dropped some, and everything is looked at.
BUFFER_BYTES: Final = 1024 * 1024
_READ_BYTES: Final = 256 * 1024
# struct nlmsghdr: length and type; messages are aligned to 4 bytes, and those of rtnetlink have such a length anyway.
_HEADER: Final = struct.Struct("=IH10x")
# RTM_NEWLINK, RTM_DELLINK, RTM_DELADDR, RTM_DELROUTE: all that ``notices`` knows.
_KINDS: Final = frozenset({16, 17, 21, 25})


class Watch:
    """Calls ``on_message`` with each message, parsed, and ``on_loss`` when the kernel dropped some."""

    def __init__(self, on_message: Callable[[Any], None], on_loss: Callable[[], None]) -> None:
        self._on_message, self._on_loss = on_message, on_loss
        make: Any = MarshalRtnl
        self._marshal = make()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._socket.bind((0, _GROUPS))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        """Listen no more."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                _log.warning("the kernel's messages cannot be read: %s", error)
            self._on_loss()
            return
        if said := chosen(data):
            for message in self._marshal.parse(said):
                self._on_message(message)


def chosen(data: bytes) -> bytes:
    """Those of the kernel's messages that may say of a change to repair. What is new (our own work, mostly) is none.

    Parsing takes a tenth of a millisecond each, and a pod that comes causes dozens of them.
    """
    found, start = [], 0
    while start + _HEADER.size <= len(data):
        length, kind = _HEADER.unpack_from(data, start)
        length = max(length, _HEADER.size)
        if kind in _KINDS:
            found.append(data[start : start + length])
        start += (length + 3) & ~3
    return b"".join(found)
