"""One side of a WebSocket (RFC 6455) after its handshake: bytes in, events out; commands in, bytes out.

Messages are passed on in parts, as they arrive: the protocols above put a channel number in front of a stream of
bytes, and some clients send a whole file as one message. So no message is ever held in memory, and none is too long.
"""

import base64
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

_KEY_SUFFIX: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTROL_BYTES_MAX: Final = 125


class Opcode(IntEnum):
    """RFC 6455, 11.8."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class CloseCode(IntEnum):
    """RFC 6455, 7.4.1: those that we send."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003
    POLICY = 1008
    INTERNAL = 1011


@dataclass(frozen=True)
class Part:
    """Some bytes of a message; ``begins`` and ``ends`` say whether they are its first and its last."""

    data: bytes
    begins: bool
    ends: bool


@dataclass(frozen=True)
class Reply:
    """Bytes to be sent at once."""

    data: bytes


@dataclass(frozen=True)
class Closed:
    """The connection is over: the peer closed it, or broke the protocol. Nothing follows."""

    code: int
    reason: str


Event = Part | Reply | Closed


class WebSocketError(Exception):
    """The peer broke the protocol."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def accept_key(key: bytes) -> str:
    """The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _KEY_SUFFIX, usedforsecurity=False).digest()).decode()


def frame(opcode: Opcode, payload: bytes, mask: bytes = b"") -> bytes:
    """One unfragmented frame: unmasked, as servers send it, or under a 4-byte mask, as clients have to."""
    size = len(payload)
    bit = 0x80 if mask else 0
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, bit | size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, bit | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, bit | 127, size)
    return head + mask + (masked(payload, mask) if mask else payload)


def masked(data: bytes, mask: bytes, offset: int = 0) -> bytes:
    """``data`` under a 4-byte mask (its own inverse), beginning at ``offset`` within the masked payload."""
    shift = offset % 4
    size = len(data)
    key = ((mask[shift:] + mask[:shift]) * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


class _Frame:
    """A frame whose head was read."""

    __slots__ = ("final", "first", "length", "mask", "opcode", "taken")

    def __init__(self, final: bool, opcode: Opcode, length: int, mask: bytes) -> None:
        self.final = final
        self.opcode = opcode
        self.length = length
        self.mask = mask
        self.taken = 0
        self.first = opcode is not Opcode.CONTINUATION  # the next part begins a message


class WebSocket:
    """One connection after its handshake.

    A client gives ``new_mask``, which makes 4 random bytes for each frame it sends; without it this is the server.
    """

    def __init__(self, new_mask: Callable[[], bytes] | None = None) -> None:
        self._new_mask = new_mask
        self._buffer = bytearray()
        self._frame: _Frame | None = None
        self._in_message = False
        self._over = False
        self._close_sent = False

    def message(self, data: bytes) -> bytes:
        """A binary message; b"" after the close frame."""
        return b"" if self._close_sent else self._frame_of(Opcode.BINARY, data)

    def close(self, code: CloseCode = CloseCode.NORMAL, reason: str = "") -> bytes:
        """The close frame; b"" when one was sent before. The peer's own ends the connection."""
        if self._close_sent:
            return b""
        self._close_sent = True
        text = reason.encode()[: CONTROL_BYTES_MAX - 2].decode(errors="ignore")
        return self._frame_of(Opcode.CLOSE, struct.pack(">H", code) + text.encode())

    def _frame_of(self, opcode: Opcode, payload: bytes) -> bytes:
        return frame(opcode, payload, self._new_mask() if self._new_mask else b"")

    def feed(self, data: bytes) -> list[Event]:
        """What the bytes received mean. After ``Closed`` everything is ignored."""
        events: list[Event] = []
        if self._over:
            return events
        self._buffer += data
        try:
            while not self._over and self._step(events):
                pass
        except WebSocketError as error:
            if reply := self.close(error.code, error.reason):
                events.append(Reply(reply))
            self._end(events, error.code, error.reason)
        return events

    def _end(self, events: list[Event], code: int, reason: str) -> None:
        self._over = True
        self._buffer.clear()
        events.append(Closed(code, reason))

    def _step(self, events: list[Event]) -> bool:
        """Take one head, control frame or piece of payload; False when more bytes are needed."""
        if self._frame is None:
            self._frame = self._head()
            if self._frame is None:
                return False
        current = self._frame
        if current.opcode >= Opcode.CLOSE:
            if len(self._buffer) < current.length:
                return False
            self._frame = None
            self._control(current.opcode, self._take(current, current.length), events)
            return True
        missing = current.length - current.taken
        data = self._take(current, min(missing, len(self._buffer)))
        done = current.taken == current.length
        if data or done:
            ends = done and current.final
            if data or ends or current.first:
                events.append(Part(data, current.first, ends))
            current.first = False
            self._in_message = not ends
        if done:
            self._frame = None
        return done

    def _take(self, current: _Frame, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        if current.mask:
            data = masked(data, current.mask, current.taken)
        del self._buffer[:size]
        current.taken += size
        return data

    def _head(self) -> _Frame | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        final, opcode = self._checked_opcode(buffer[0])
        mask_size = 0 if self._new_mask else 4
        if bool(buffer[1] & 0x80) != bool(mask_size):
            side = "a server must not" if self._new_mask else "a client must"
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, f"{side} mask its frames")
        length, at = buffer[1] & 0x7F, 2
        if opcode >= Opcode.CLOSE and (length > CONTROL_BYTES_MAX or not final):
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, "a control frame is too long or fragmented")
        if length >= 126:
            at = 4 if length == 126 else 10
            if len(buffer) < at:
                return None
            length = int.from_bytes(buffer[2:at], "big")
            if length < (126 if at == 4 else 1 << 16) or length >= 1 << 63:
                raise WebSocketError(CloseCode.PROTOCOL_ERROR, "a frame's length is not well-formed")
        if len(buffer) < at + mask_size:
            return None
        mask = bytes(buffer[at : at + mask_size])
        del buffer[: at + mask_size]
        return _Frame(final, opcode, length, mask)

    def _checked_opcode(self, first: int) -> tuple[bool, Opcode]:
        if first & 0x70:
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, "no extension was agreed on")
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, "unknown opcode") from None
        if opcode < Opcode.CLOSE and (opcode is Opcode.CONTINUATION) != self._in_message:
            raise WebSocketError(CloseCode.PROTOCOL_ERROR, "a fragment is out of place")
        return bool(first & 0x80), opcode

    def _control(self, opcode: Opcode, payload: bytes, events: list[Event]) -> None:
        if opcode is Opcode.PING and not self._close_sent:
            events.append(Reply(self._frame_of(Opcode.PONG, payload)))
        elif opcode is Opcode.CLOSE:
            if len(payload) == 1:
                raise WebSocketError(CloseCode.PROTOCOL_ERROR, "a close frame holds half a code")
            code = int.from_bytes(payload[:2], "big") if payload else 1005
            if reply := self.close(CloseCode.NORMAL):
                events.append(Reply(reply))
            self._end(events, code, payload[2:].decode(errors="replace"))
