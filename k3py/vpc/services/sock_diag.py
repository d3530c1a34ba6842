"""The kernel's list of UDP sockets, and the request to end one: netlink messages, both ways. Speaks.

Layouts: ``linux/netlink.h``, ``linux/sock_diag.h``, ``linux/inet_diag.h``; sock_diag(7).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

NETLINK_SOCK_DIAG: Final = 4
AF_INET: Final = 2
AF_INET6: Final = 10
UDP: Final = 17

_ERROR: Final = 2
_DONE: Final = 3
_BY_FAMILY: Final = 20
_DESTROY: Final = 21
_REQUEST: Final = 1
_ACKNOWLEDGE: Final = 4
_DUMP: Final = 0x300
# A connected UDP socket has the state that TCP calls established.
_CONNECTED: Final = 1 << 1

_HEADER = struct.Struct("=IHHII")
_ASK = struct.Struct("=BBBBI")
_SOCKET = struct.Struct("!HH16s16s")
# Interface and cookie follow, in the machine's order.
_IDENTITY_BYTES: Final = _SOCKET.size + 12
_ANSWER_HEAD: Final = 4


class DiagError(OSError):
    """The kernel refused a request; ``errno`` says why."""


@dataclass(frozen=True)
class Socket:
    """A connected socket. ``identity`` is what the kernel calls it; ``cookie`` is that of ``SO_COOKIE``."""

    family: int
    peer: IPv4Address | IPv6Address
    peer_port: int
    cookie: int
    identity: bytes


def list_connected(family: int) -> bytes:
    """The request for all connected UDP sockets of a network namespace."""
    return _request(_BY_FAMILY, _DUMP, family, bytes(_IDENTITY_BYTES))


def destroy(socket: Socket) -> bytes:
    """The request to end a socket: reading gives ECONNABORTED, and it is no longer connected."""
    return _request(_DESTROY, _ACKNOWLEDGE, socket.family, socket.identity)


def parse(data: bytes) -> Iterator[Socket | None]:
    """The sockets in one datagram from the kernel; None at the end of a list, and when a request was done.

    Raises:
        DiagError: the kernel refused.
        ValueError: the datagram is damaged.
    """
    position = 0
    while position < len(data):
        if len(data) - position < _HEADER.size:
            raise ValueError("a netlink message is cut off")
        length, kind, _, _, _ = _HEADER.unpack_from(data, position)
        if not _HEADER.size <= length <= len(data) - position:
            raise ValueError("a netlink message lies about its length")
        body = data[position + _HEADER.size : position + length]
        if kind == _DONE:
            yield None
        elif kind == _ERROR:
            _check(body)
            yield None
        elif kind == _BY_FAMILY:
            yield _socket(body)
        position += length + 3 & ~3


def _request(kind: int, flags: int, family: int, identity: bytes) -> bytes:
    body = _ASK.pack(family, UDP, 0, 0, _CONNECTED) + identity
    return _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, 1, 0) + body


def _check(body: bytes) -> None:
    if len(body) < 4:
        raise ValueError("a netlink error without number")
    number = -int.from_bytes(body[:4], "little", signed=True)
    if number:
        raise DiagError(number, "the kernel refused a question about sockets")


def _socket(body: bytes) -> Socket:
    identity = body[_ANSWER_HEAD : _ANSWER_HEAD + _IDENTITY_BYTES]
    if len(identity) < _IDENTITY_BYTES:
        raise ValueError("a socket's description is cut off")
    _, port, _, destination = _SOCKET.unpack_from(identity)
    family = body[0]
    peer = IPv4Address(destination[:4]) if family == AF_INET else IPv6Address(destination)
    return Socket(family, peer, port, int.from_bytes(identity[-8:], "little"), identity)
