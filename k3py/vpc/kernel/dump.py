"""All links or routes of the calling thread's network namespace, without pyroute2.

It takes 25 KB and a millisecond for each link or route of a dump; a node has thousands, and memory that was needed once
stays with a process. Here an attribute is a slice of the answer. Layouts: rtnetlink(7), netlink(7).
"""

import errno
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import Final

# Types of requests.
GET_LINK, GET_ROUTE = 18, 26
_ERROR, _DONE = 2, 3
# NLM_F_REQUEST and NLM_F_DUMP.
_FLAGS: Final = 0x1 | 0x300
# The kernel has changed something meanwhile (NLM_F_DUMP_INTR): the list may lack something, so it is asked again;
# after so many times the last list has to do, and the next look sees the rest.
_INTERRUPTED: Final = 0x10
TRIES_MAX: Final = 8
# More than the kernel ever gives at once.
_READ_BYTES: Final = 1 << 17
_SECONDS_MAX: Final = 10.0
_SOL_NETLINK: Final = 270
# NETLINK_GET_STRICT_CHK: dumps are filtered by what the request says.
_STRICT: Final = 12
_CODE_BYTES: Final = 4
# Bits of an attribute's type that say how it is encoded.
_TYPE_MASK: Final = 0x3FFF

_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")


@dataclass
class Dump:
    """An answer as it comes in: the messages without their headers, and whether the list may lack something."""

    messages: list[bytes] = field(default_factory=list)
    interrupted: bool = False
    done: bool = False

    def take(self, data: bytes, sequence: int) -> None:
        """One read's worth. ``sequence``: the request's number; answers to others are left out.

        Raises:
            OSError: the kernel refused, or this is not what it says.
        """
        at = 0
        while at + _HEADER.size <= len(data):
            length, kind, flags, of_request, _ = _HEADER.unpack_from(data, at)
            if not _HEADER.size <= length <= len(data) - at:
                break
            body = data[at + _HEADER.size : at + length]
            at += (length + 3) & ~3
            if of_request != sequence:
                continue
            self.interrupted |= bool(flags & _INTERRUPTED)
            if kind in (_ERROR, _DONE):
                self.done = True
                code = -struct.unpack_from("=i", body)[0] if len(body) >= _CODE_BYTES else 0
                if code:
                    raise OSError(code, os.strerror(code) if code > 0 else "not an error of the kernel")
            else:
                self.messages.append(body)
        if at < len(data):
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))


def dump(kind: int, request: bytes) -> list[bytes]:
    """The messages that answer a dump request, without their headers; ``request`` is what follows its own header.

    Raises:
        OSError: the kernel refused.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as asking:
        asking.settimeout(_SECONDS_MAX)
        asking.setsockopt(_SOL_NETLINK, _STRICT, 1)
        for sequence in range(1, TRIES_MAX + 1):
            asking.send(_HEADER.pack(_HEADER.size + len(request), kind, _FLAGS, sequence, 0) + request)
            answer = Dump()
            while not answer.done:
                answer.take(asking.recv(_READ_BYTES), sequence)
            if not answer.interrupted:
                break
        return answer.messages


def attributes(body: bytes, start: int) -> dict[int, bytes]:
    """The attributes from ``start`` on, by type; a damaged rest is left out."""
    found = {}
    while start + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, start)
        if not _ATTRIBUTE.size <= length <= len(body) - start:
            break
        found[kind & _TYPE_MASK] = body[start + _ATTRIBUTE.size : start + length]
        start += (length + 3) & ~3
    return found


def number(value: bytes | None) -> int:
    """An attribute that is a number of 32 bits; 0: there is none."""
    return int(struct.unpack_from("=I", value)[0]) if value and len(value) >= _CODE_BYTES else 0
