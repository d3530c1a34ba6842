"""The tunnel's bytes: hello first, then frames, over any ordered byte stream.

    hello  = "k3pt" | oldest version u8 | newest version u8 | stream window u32 | streams u16   (each side sends one)
    frame  = type u8 | stream u32 | length u32 | payload                                        (big-endian)

There is no way to find the next frame in a stream that went wrong, and none is needed: the connection is closed with a
reason and made anew.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from k3py.model.streams import MESSAGE_BYTES_MAX, STREAM_REQUEST_BYTES_MAX

MAGIC: Final = b"k3pt"
VERSION: Final = 1
OLDEST_VERSION: Final = 1
REASON_BYTES_MAX: Final = 1024
PING_BYTES: Final = 8
WINDOW_MAX: Final = 2**31 - 1

_HELLO: Final = struct.Struct(">4sBBIH")
_HEADER: Final = struct.Struct(">BII")
_CREDIT: Final = struct.Struct(">I")


class TunnelError(ConnectionError):
    """The connection between server and node cannot go on: it speaks another version, or broke the protocol."""


class Type(IntEnum):
    """What a frame is."""

    OPEN = 1
    DATA = 2
    WINDOW = 3
    CLOSE = 4
    RESET = 5
    PING = 6
    PONG = 7


# Shortest and longest payload of each type. DATA is never empty: an empty message would cost no window.
PAYLOAD_BYTES: Final = {
    Type.OPEN: (1, STREAM_REQUEST_BYTES_MAX),
    Type.DATA: (1, MESSAGE_BYTES_MAX),
    Type.WINDOW: (_CREDIT.size, _CREDIT.size),
    Type.CLOSE: (0, 0),
    Type.RESET: (0, REASON_BYTES_MAX),
    Type.PING: (PING_BYTES, PING_BYTES),
    Type.PONG: (PING_BYTES, PING_BYTES),
}
_BY_CODE: Final = {int(each): each for each in Type}


@dataclass(frozen=True)
class Hello:
    """What one side speaks and grants: versions, bytes in flight per stream, streams at a time."""

    oldest_version: int
    newest_version: int
    window: int
    streams: int


@dataclass(frozen=True)
class Frame:
    """One frame. ``stream`` is 0 for PING and PONG."""

    type: Type
    stream: int
    payload: bytes = b""


def encode_hello(hello: Hello) -> bytes:
    return _HELLO.pack(MAGIC, hello.oldest_version, hello.newest_version, hello.window, hello.streams)


def encode_frame(frame: Frame) -> bytes:
    return _HEADER.pack(frame.type, frame.stream, len(frame.payload)) + frame.payload


def encode_credit(credit: int) -> bytes:
    """The payload of WINDOW."""
    return _CREDIT.pack(credit)


def decode_credit(payload: bytes) -> int:
    """The payload of WINDOW, of a length that the reader has checked."""
    credit: int = _CREDIT.unpack(payload)[0]
    return credit


class FrameReader:
    """Bytes in any pieces to one hello and then frames. Holds at most one unfinished frame and the piece just fed."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._greeted = False

    def feed(self, data: bytes) -> None:
        """Append what arrived. Take everything out with ``next`` before feeding more."""
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next(self) -> Hello | Frame | None:
        """The next whole item, or None until more bytes come.

        Raises:
            TunnelError: the bytes are not this protocol, or a frame is larger than its type allows. A header is
                judged before its payload is awaited.
        """
        if not self._greeted:
            return self._hello()
        if len(self._buffer) - self._start < _HEADER.size:
            return None
        code, stream, length = _HEADER.unpack_from(self._buffer, self._start)
        kind = _BY_CODE.get(code)
        if kind is None:
            raise TunnelError(f"cannot read the tunnel: unknown frame type {code}")
        least, most = PAYLOAD_BYTES[kind]
        if not least <= length <= most:
            raise TunnelError(f"cannot read the tunnel: a {kind.name} frame of {length} bytes")
        if (stream == 0) != (kind in (Type.PING, Type.PONG)):
            raise TunnelError(f"cannot read the tunnel: a {kind.name} frame on stream {stream}")
        end = self._start + _HEADER.size + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[self._start + _HEADER.size : end])
        self._start = end
        return Frame(kind, stream, payload)

    def _hello(self) -> Hello | None:
        known = bytes(self._buffer[: len(MAGIC)])
        if known != MAGIC[: len(known)]:
            raise TunnelError("cannot read the tunnel: the other end does not speak its protocol")
        if len(self._buffer) < _HELLO.size:
            return None
        _, oldest, newest, window, streams = _HELLO.unpack_from(self._buffer)
        self._start = _HELLO.size
        self._greeted = True
        return Hello(oldest, newest, window, streams)
