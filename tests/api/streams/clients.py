"""Clients of the older and the odder kinds, without I/O: WebSocket frames and SPDY/3.1 as client-go sends them."""

import struct
import zlib
from collections.abc import Mapping

from k3py.api.streams.spdy import Type
from k3py.api.streams.spdy_dictionary import DICTIONARY
from k3py.model.websocket import Opcode, masked

MASK = b"\x01\x82\x03\x84"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def client_frame(opcode: int, payload: bytes, final: bool = True, mask: bytes = MASK) -> bytes:
    """A masked frame."""
    size = len(payload)
    first = bytes(((0x80 if final else 0) | opcode,))
    if size < 126:
        head = first + bytes((0x80 | size,))
    elif size < 65536:
        head = first + b"\xfe" + struct.pack(">H", size)
    else:
        head = first + b"\xff" + struct.pack(">Q", size)
    return head + mask + masked(payload, mask)


def channel(number: int, data: bytes) -> bytes:
    return client_frame(Opcode.BINARY, bytes((number,)) + data)


def server_frames(data: bytes) -> list[tuple[int, bytes]]:
    """The frames in what a server sent: opcode and payload."""
    frames = []
    while data:
        assert data[0] & 0xF0 == 0x80
        size, at = data[1], 2
        if size == 126:
            size, at = struct.unpack(">H", data[2:4])[0], 4
        elif size == 127:
            size, at = struct.unpack(">Q", data[2:10])[0], 10
        assert len(data) >= at + size
        frames.append((data[0] & 15, data[at : at + size]))
        data = data[at + size :]
    return frames


def websocket_request(path: str, subprotocols: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: {subprotocols}\r\n\r\n"
    ).encode()


def spdy_request(path: str, *protocols: str) -> bytes:
    named = "".join(f"X-Stream-Protocol-Version: {protocol}\r\n" for protocol in protocols)
    return (
        f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        f"{named}Content-Length: 0\r\n\r\n"
    ).encode()


class SpdyClient:
    """Encodes what a client says, decodes what a server says."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, 15, 8, 0, DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._next = 1

    def control(self, kind: int, payload: bytes, flags: int = 0) -> bytes:
        return struct.pack(">HHI", 0x8003, kind, flags << 24 | len(payload)) + payload

    def packed(self, headers: Mapping[str, str]) -> bytes:
        block = struct.pack(">I", len(headers))
        for name, value in headers.items():
            block += struct.pack(">I", len(name)) + name.encode() + struct.pack(">I", len(value)) + value.encode()
        return self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def open(self, headers: Mapping[str, str], flags: int = 0) -> tuple[int, bytes]:
        stream, self._next = self._next, self._next + 2
        return stream, self.control(Type.SYN_STREAM, struct.pack(">IIH", stream, 0, 0) + self.packed(headers), flags)

    def data(self, stream: int, data: bytes, end: bool = False) -> bytes:
        return struct.pack(">II", stream, (0x01000000 if end else 0) | len(data)) + data

    def window(self, stream: int, delta: int) -> bytes:
        return self.control(Type.WINDOW_UPDATE, struct.pack(">II", stream, delta))

    def frames(self, data: bytes) -> list[tuple[object, ...]]:
        """The frames in what a server sent: ``(stream, data, end)`` or ``(type, payload)``; replies as their stream."""
        frames: list[tuple[object, ...]] = []
        while data:
            first, second = struct.unpack(">II", data[:8])
            size = second & 0xFFFFFF
            assert len(data) >= 8 + size
            payload, data = data[8 : 8 + size], data[8 + size :]
            if not first >> 31:
                frames.append((first, payload, bool(second >> 24)))
            elif first & 0xFFFF == Type.SYN_REPLY:
                assert self._inflate.decompress(payload[4:]) == bytes(4)
                frames.append((Type.SYN_REPLY, struct.unpack(">I", payload[:4])[0]))
            else:
                frames.append((Type(first & 0xFFFF), *struct.unpack(f">{size // 4}I", payload)))
        return frames

    def received(self, data: bytes) -> dict[int, bytes]:
        """The data of each stream in what a server sent."""
        streams: dict[int, bytes] = {}
        for frame in self.frames(data):
            if isinstance(frame[1], bytes) and isinstance(frame[0], int):
                streams[frame[0]] = streams.get(frame[0], b"") + frame[1]
        return streams
