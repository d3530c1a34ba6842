"""The server's side of SPDY/3.1, as much of it as Kubernetes' clients speak: bytes in, events out.

The protocol is the SPDY Protocol draft 3.1; the clients are those of client-go, which never heed a window and never
send WINDOW_UPDATE. So a peer's windows are heeded from its first WINDOW_UPDATE or SETTINGS on, and not before:
otherwise nothing larger than 64 KiB would ever reach it. In the other direction windows are granted as data is
consumed, but who goes beyond is not punished; the connection is read no faster than data is consumed.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from k3py.api.streams.spdy_dictionary import DICTIONARY
from k3py.model.websocket import Reply

INITIAL_WINDOW_BYTES: Final = 64 * 1024
# Open streams of one connection: a port-forward uses two per forwarded connection.
STREAMS_MAX: Final = 1024
# A control frame, compressed, and the headers in it, decompressed: names and values of a few hundred bytes.
CONTROL_BYTES_MAX: Final = 32 * 1024
HEADERS_BYTES_MAX: Final = 64 * 1024
# Larger than any connection's unread data; stands for "as much as you like".
UNLIMITED: Final = 1 << 31
_WINDOW_MAX: Final = (1 << 31) - 1
_STREAM_ID: Final = 0x7FFFFFFF
_FIN: Final = 1
_UNIDIRECTIONAL: Final = 2


class Type(IntEnum):
    """Control frames."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


class Reset(IntEnum):
    """Status codes of RST_STREAM."""

    PROTOCOL_ERROR = 1
    REFUSED_STREAM = 3
    CANCEL = 5
    INTERNAL_ERROR = 6


@dataclass(frozen=True)
class StreamOpened:
    """The client opened a stream. Header names are in lower case; it was replied to already."""

    stream: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class StreamData:
    """Bytes of one stream."""

    stream: int
    data: bytes


@dataclass(frozen=True)
class StreamEnded:
    """The client sends no more on this stream."""

    stream: int


@dataclass(frozen=True)
class StreamReset:
    """The client broke the stream off."""

    stream: int


@dataclass(frozen=True)
class RoomGrew:
    """More may be sent than before."""


@dataclass(frozen=True)
class SessionEnded:
    """The client said goodbye, or broke the protocol (``reason``). After a broken protocol nothing follows."""

    reason: str


Event = StreamOpened | StreamData | StreamEnded | StreamReset | RoomGrew | SessionEnded | Reply


class SpdyError(Exception):
    """The peer broke the protocol in a way that ends the session."""


class _Stream:
    __slots__ = ("consumed", "received_end", "sent_end", "window")

    def __init__(self, window: int, received_end: bool, sent_end: bool) -> None:
        self.window = window
        self.consumed = 0
        self.received_end = received_end
        self.sent_end = sent_end


class Spdy:
    """One session."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, 15, 8, 0, DICTIONARY)
        self._streams: dict[int, _Stream] = {}
        self._last_stream = 0
        self._data_stream = 0  # of the data frame being received
        self._data_missing = 0
        self._data_fin = False
        self._in_data = False
        self._heeds_windows = False
        self._initial_window = INITIAL_WINDOW_BYTES
        self._session_window = INITIAL_WINDOW_BYTES
        self._session_consumed = 0
        self._over = False

    # Commands

    def room(self, stream: int) -> int:
        """How many bytes may be sent on a stream now; as many as one likes on one that is gone: they are dropped."""
        known = self._streams.get(stream)
        if known is None or not self._heeds_windows:
            return UNLIMITED
        return max(0, min(known.window, self._session_window))

    def data(self, stream: int, data: bytes, end: bool = False) -> bytes:
        """Data frames; at most ``room`` bytes. ``end`` says that no more will follow. b"" for a stream that is gone."""
        known = self._streams.get(stream)
        if known is None or known.sent_end:
            return b""
        known.window -= len(data)
        self._session_window -= len(data)
        known.sent_end = end
        self._forget_if_done(stream)
        return struct.pack(">II", stream, (end << 24) | len(data)) + data

    def consumed(self, stream: int, size: int) -> bytes:
        """Say that ``size`` bytes received were used up; grants windows anew once half of one is."""
        granted = b""
        self._session_consumed += size
        if self._session_consumed >= INITIAL_WINDOW_BYTES // 2:
            granted += _control(Type.WINDOW_UPDATE, 0, struct.pack(">II", 0, self._session_consumed))
            self._session_consumed = 0
        known = self._streams.get(stream)
        if known is not None and not known.received_end:
            known.consumed += size
            if known.consumed >= INITIAL_WINDOW_BYTES // 2:
                granted += _control(Type.WINDOW_UPDATE, 0, struct.pack(">II", stream, known.consumed))
                known.consumed = 0
        return granted

    def reset(self, stream: int, code: Reset) -> bytes:
        """Break a stream off; b"" when it is gone already."""
        return _reset(stream, code) if self._streams.pop(stream, None) is not None else b""

    def go_away(self) -> bytes:
        """Say that no stream will be accepted any more."""
        return _control(Type.GOAWAY, 0, struct.pack(">II", self._last_stream, 0))

    # Events

    def feed(self, data: bytes) -> list[Event]:
        """What the bytes received mean."""
        events: list[Event] = []
        if self._over:
            return events
        self._buffer += data
        position = 0
        try:
            while (taken := self._step(position, events)) > 0:
                position += taken
        except (SpdyError, zlib.error) as error:
            self._over = True
            events.append(Reply(_control(Type.GOAWAY, 0, struct.pack(">II", self._last_stream, 1))))
            events.append(SessionEnded(f"the peer broke the protocol: {error}"))
        del self._buffer[:position]
        if self._over:
            self._buffer.clear()
        return events

    def _step(self, at: int, events: list[Event]) -> int:
        if self._in_data:
            return self._data_piece(at, events)
        buffer = self._buffer
        if len(buffer) - at < 8:
            return 0
        first = int.from_bytes(buffer[at : at + 4], "big")
        second = int.from_bytes(buffer[at + 4 : at + 8], "big")
        flags, length = second >> 24, second & 0xFFFFFF
        if not first >> 31:
            self._data_stream, self._data_missing, self._data_fin = first, length, bool(flags & _FIN)
            self._in_data = length > 0
            if length == 0:
                self._data_end(events)
            return 8
        if length > CONTROL_BYTES_MAX:
            raise SpdyError("a control frame is too long")
        if len(buffer) - at < 8 + length:
            return 0
        if (first >> 16) & 0x7FFF != 3:
            raise SpdyError("the version is not 3")
        self._control(first & 0xFFFF, flags, bytes(buffer[at + 8 : at + 8 + length]), events)
        return 8 + length

    def _data_piece(self, at: int, events: list[Event]) -> int:
        piece = bytes(self._buffer[at : at + self._data_missing])
        if not piece:
            return 0
        self._data_missing -= len(piece)
        known = self._streams.get(self._data_stream)
        if known is not None and not known.received_end:
            events.append(StreamData(self._data_stream, piece))
        elif granted := self.consumed(0, len(piece)):
            events.append(Reply(granted))
        if self._data_missing == 0:
            self._in_data = False
            self._data_end(events)
        return len(piece)

    def _data_end(self, events: list[Event]) -> None:
        known = self._streams.get(self._data_stream)
        if self._data_fin and known is not None and not known.received_end:
            known.received_end = True
            events.append(StreamEnded(self._data_stream))
            self._forget_if_done(self._data_stream)

    def _forget_if_done(self, stream: int) -> None:
        known = self._streams[stream]
        if known.received_end and known.sent_end:
            del self._streams[stream]

    def _control(self, kind: int, flags: int, payload: bytes, events: list[Event]) -> None:
        if kind == Type.SYN_STREAM:
            self._syn_stream(flags, payload, events)
        elif kind == Type.RST_STREAM:
            stream, _ = _words(payload, "RST_STREAM")
            if self._streams.pop(stream & _STREAM_ID, None) is not None:
                events.append(StreamReset(stream & _STREAM_ID))
                events.append(RoomGrew())
        elif kind == Type.PING:
            if len(payload) != 4:
                raise SpdyError("a PING is not 4 bytes long")
            if payload[3] & 1:  # even ids would answer pings of ours
                events.append(Reply(_control(Type.PING, 0, payload)))
        elif kind == Type.WINDOW_UPDATE:
            self._window_update(*_words(payload, "WINDOW_UPDATE"), events)
        elif kind == Type.SETTINGS:
            self._settings(payload, events)
        elif kind == Type.GOAWAY:
            events.append(SessionEnded(""))
        elif kind in (Type.HEADERS, Type.SYN_REPLY):
            self._headers(payload[4:])  # nobody reads them, but all headers share one compression

    def _syn_stream(self, flags: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) < 10:
            raise SpdyError("a SYN_STREAM is too short")
        stream = int.from_bytes(payload[:4], "big") & _STREAM_ID
        headers = self._headers(payload[10:])
        if stream % 2 == 0 or stream <= self._last_stream:
            raise SpdyError("a stream's number is even or was used before")
        self._last_stream = stream
        if len(self._streams) >= STREAMS_MAX:
            events.append(Reply(_reset(stream, Reset.REFUSED_STREAM)))
            return
        ended = bool(flags & _FIN)
        self._streams[stream] = _Stream(self._initial_window, ended, bool(flags & _UNIDIRECTIONAL))
        nothing = self._deflate.compress(bytes(4)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        events.append(Reply(_control(Type.SYN_REPLY, 0, struct.pack(">I", stream) + nothing)))
        events.append(StreamOpened(stream, headers))
        if ended:
            events.append(StreamEnded(stream))
            self._forget_if_done(stream)

    def _headers(self, packed: bytes) -> dict[str, str]:
        """Inflate and read a block of headers; repeated values (separated by NUL) are joined with commas."""
        raw = self._inflate.decompress(packed, HEADERS_BYTES_MAX)
        if self._inflate.unconsumed_tail or self._inflate.eof:
            raise SpdyError("headers are too long or their compression ends")
        headers: dict[str, str] = {}
        try:
            (count,) = struct.unpack_from(">I", raw)
            at = 4
            for _ in range(min(count, HEADERS_BYTES_MAX)):
                name, at = _text(raw, at)
                value, at = _text(raw, at)
                headers[name.lower()] = value.replace("\0", ",")
        except struct.error:
            raise SpdyError("headers are cut short") from None
        return headers

    def _window_update(self, stream: int, delta: int, events: list[Event]) -> None:
        self._heeds_windows = True
        stream, delta = stream & _STREAM_ID, delta & _STREAM_ID
        if stream == 0:
            self._session_window += delta
            if delta == 0 or self._session_window > _WINDOW_MAX:
                raise SpdyError("the session's window is not within 1 and 2^31-1")
        elif (known := self._streams.get(stream)) is not None:
            known.window += delta
            if delta == 0 or known.window > _WINDOW_MAX:
                del self._streams[stream]
                events.append(Reply(_reset(stream, Reset.PROTOCOL_ERROR)))
                events.append(StreamReset(stream))
        events.append(RoomGrew())

    def _settings(self, payload: bytes, events: list[Event]) -> None:
        count = int.from_bytes(payload[:4], "big")
        if len(payload) != 4 + 8 * count:
            raise SpdyError("SETTINGS are cut short")
        for at in range(4, len(payload), 8):
            setting, value = struct.unpack_from(">II", payload, at)
            if setting & 0xFFFFFF != 7:  # INITIAL_WINDOW_SIZE
                continue
            if value > _WINDOW_MAX:
                raise SpdyError("the initial window is too large")
            self._heeds_windows = True
            for known in self._streams.values():
                known.window += value - self._initial_window
            self._initial_window = value
            events.append(RoomGrew())


def _control(kind: Type, flags: int, payload: bytes) -> bytes:
    return struct.pack(">HHI", 0x8003, kind, (flags << 24) | len(payload)) + payload


def _reset(stream: int, code: Reset) -> bytes:
    return _control(Type.RST_STREAM, 0, struct.pack(">II", stream, code))


def _words(payload: bytes, what: str) -> tuple[int, int]:
    if len(payload) != 8:
        raise SpdyError(f"a {what} is not 8 bytes long")
    return int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:], "big")


def _text(raw: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">I", raw, at)
    end = at + 4 + size
    if end > len(raw):
        raise SpdyError("a header is cut short")
    return raw[at + 4 : end].decode("latin-1"), end
