"""The tunnel's rules. Events in, commands out; no socket, no clock.

Two ends share one connection: the HUB (a server) opens streams, the NODE answers them. Every stream has a window in
each direction: a sender may have so much under way that the receiver's application has not yet taken. A receiver can
thus never be made to hold more than ``window * streams`` bytes, and a slow stream never holds up another.

A stream's life is the table ``MOVES``. After an end has reset a stream it may still see what the other had under way;
frames of streams that have ended are therefore passed over, frames of streams that never were end the connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from k3py.model.errors import BadRequest
from k3py.model.streams import MESSAGE_BYTES_MAX, StreamRequest, decode_request, encode_request
from k3py.proxy.frames import (
    OLDEST_VERSION,
    REASON_BYTES_MAX,
    VERSION,
    WINDOW_MAX,
    Frame,
    FrameReader,
    Hello,
    TunnelError,
    Type,
    decode_credit,
    encode_credit,
    encode_frame,
    encode_hello,
)

# What a message costs in the window beyond its bytes: keeping a tiny one takes about this much memory too.
MESSAGE_OVERHEAD_BYTES: Final = 64
# 8 largest messages under way: 128 KiB per round trip at half use is 60 MB/s over 2 ms, far more than logs need.
WINDOW_BYTES: Final = 256 * 1024
# With the window above a peer can make us hold 64 MiB at the very most.
STREAMS_MAX: Final = 256
# A peer's window must take the largest message even while credit for half of it is being held back.
WINDOW_BYTES_MIN: Final = 2 * (MESSAGE_BYTES_MAX + MESSAGE_OVERHEAD_BYTES)
STREAM_ID_MAX: Final = 2**32 - 1


class End(Enum):
    """Which end of the tunnel this is."""

    HUB = auto()
    NODE = auto()


class StreamState(Enum):
    OPEN = auto()
    CLOSED_HERE = auto()
    CLOSED_THERE = auto()
    GONE = auto()


class StreamEvent(Enum):
    CLOSE_SENT = auto()
    CLOSE_RECEIVED = auto()
    RESET_SENT = auto()
    RESET_RECEIVED = auto()


_RESETS: Final = {StreamEvent.RESET_SENT: StreamState.GONE, StreamEvent.RESET_RECEIVED: StreamState.GONE}
MOVES: Final[dict[StreamState, dict[StreamEvent, StreamState]]] = {
    StreamState.OPEN: {
        StreamEvent.CLOSE_SENT: StreamState.CLOSED_HERE,
        StreamEvent.CLOSE_RECEIVED: StreamState.CLOSED_THERE,
        **_RESETS,
    },
    StreamState.CLOSED_HERE: {StreamEvent.CLOSE_RECEIVED: StreamState.GONE, **_RESETS},
    StreamState.CLOSED_THERE: {StreamEvent.CLOSE_SENT: StreamState.GONE, **_RESETS},
    StreamState.GONE: {},
}


# What happens to the tunnel, in the past tense.


@dataclass(frozen=True)
class Received:
    """Bytes arrived."""

    data: bytes


@dataclass(frozen=True)
class Consumed:
    """The application took a message of so many bytes from a stream."""

    stream: int
    size: int


@dataclass(frozen=True)
class PingWanted:
    """It has been quiet for long; ``payload`` (8 bytes) comes back in the PONG."""

    payload: bytes


# What is to be done, in the imperative.


@dataclass(frozen=True)
class Send:
    """Write these bytes to the connection."""

    data: bytes


@dataclass(frozen=True)
class Ready:
    """The other end has said hello: streams may be opened."""


@dataclass(frozen=True)
class Accept:
    """The other end opened a stream: start serving it."""

    stream: int
    request: StreamRequest


@dataclass(frozen=True)
class Deliver:
    """Give the message to the stream's reader, and say ``Consumed`` once it was taken."""

    stream: int
    message: bytes


@dataclass(frozen=True)
class EndOfStream:
    """Tell the reader that no more messages will come."""

    stream: int


@dataclass(frozen=True)
class Abandon:
    """The other end reset the stream: tell whoever reads or writes it."""

    stream: int
    reason: str


@dataclass(frozen=True)
class Resume:
    """The stream's window grew: a waiting writer may try again."""

    stream: int


@dataclass(frozen=True)
class Fail:
    """Close the connection; every stream on it is lost. Nothing else follows."""

    reason: str


Event = Received | Consumed | PingWanted
Command = Send | Ready | Accept | Deliver | EndOfStream | Abandon | Resume | Fail


@dataclass
class _Stream:
    """One stream: its state, what may still be sent, what may still come, what was taken and not yet credited."""

    send_window: int
    receive_window: int
    state: StreamState = StreamState.OPEN
    uncredited: int = 0

    @property
    def may_send(self) -> bool:
        return self.state in (StreamState.OPEN, StreamState.CLOSED_THERE)

    @property
    def may_receive(self) -> bool:
        return self.state in (StreamState.OPEN, StreamState.CLOSED_HERE)


def cost(size: int) -> int:
    """What a message of ``size`` bytes takes from the window."""
    return size + MESSAGE_OVERHEAD_BYTES


@dataclass
class Tunnel:
    """One end of one connection.

    ``hello`` is sent first; ``on`` takes events; ``open``, ``send``, ``close`` and ``reset`` are what the application
    wants. All give commands, to be carried out in order. ``window`` and ``streams_max`` are what *this* end accepts.
    """

    end: End
    window: int = WINDOW_BYTES
    streams_max: int = STREAMS_MAX
    failed: str = ""
    _reader: FrameReader = field(default_factory=FrameReader)
    _peer: Hello | None = None
    _streams: dict[int, _Stream] = field(default_factory=dict)
    _last_stream: int = 0

    @property
    def is_ready(self) -> bool:
        """The other end has said hello and nothing has failed."""
        return self._peer is not None and not self.failed

    @property
    def streams(self) -> int:
        """How many streams have not ended."""
        return len(self._streams)

    def is_live(self, stream: int) -> bool:
        """Whether the stream was opened and has not ended."""
        return stream in self._streams

    def hello(self) -> Send:
        """What goes out before anything else."""
        return Send(encode_hello(Hello(OLDEST_VERSION, VERSION, self.window, self.streams_max)))

    def on(self, event: Event) -> Iterator[Command]:
        """Take one event; exhaust the iterator before the next one."""
        if self.failed:
            return
        match event:
            case Received(data):
                yield from self._received(data)
            case Consumed(stream, size):
                yield from self._consumed(stream, size)
            case PingWanted(payload):
                yield Send(encode_frame(Frame(Type.PING, 0, payload)))

    def may_open(self) -> bool:
        """Whether another stream can be opened now: the other end is there and would take one more."""
        peer = self._peer
        return (
            peer is not None
            and not self.failed
            and len(self._streams) < min(self.streams_max, peer.streams)
            and self._last_stream < STREAM_ID_MAX
        )

    def open(self, request: StreamRequest) -> tuple[int, Send]:
        """Open a stream: its number and what to send. Ask ``may_open`` first.

        Raises:
            BadRequest: the request is too large.
        """
        assert self.end is End.HUB
        assert self.may_open()
        payload = encode_request(request)
        self._last_stream += 1
        self._streams[self._last_stream] = self._new_stream()
        return self._last_stream, Send(encode_frame(Frame(Type.OPEN, self._last_stream, payload)))

    def may_send(self, stream: int, size: int) -> bool:
        """Whether a message of ``size`` bytes fits into the stream's window now."""
        known = self._streams.get(stream)
        return known is not None and known.may_send and cost(size) <= known.send_window

    def send(self, stream: int, message: bytes) -> Send:
        """Send one message of 1 to ``MESSAGE_BYTES_MAX`` bytes. Ask ``may_send`` first."""
        assert 0 < len(message) <= MESSAGE_BYTES_MAX
        assert self.may_send(stream, len(message))
        self._streams[stream].send_window -= cost(len(message))
        return Send(encode_frame(Frame(Type.DATA, stream, message)))

    def close(self, stream: int) -> Iterator[Send]:
        """No more will be sent on this stream. Nothing happens when that was said before or the stream has ended."""
        known = self._streams.get(stream)
        if known is not None and known.may_send and not self.failed:
            self._move(stream, known, StreamEvent.CLOSE_SENT)
            yield Send(encode_frame(Frame(Type.CLOSE, stream)))

    def reset(self, stream: int, reason: str) -> Iterator[Send]:
        """Give a stream up. Nothing happens when it has ended."""
        known = self._streams.get(stream)
        if known is not None and not self.failed:
            self._move(stream, known, StreamEvent.RESET_SENT)
            yield _reset_frame(stream, reason)

    def _new_stream(self) -> _Stream:
        assert self._peer is not None
        return _Stream(send_window=self._peer.window, receive_window=self.window)

    def _move(self, number: int, stream: _Stream, event: StreamEvent) -> None:
        stream.state = MOVES[stream.state][event]
        if stream.state is StreamState.GONE:
            del self._streams[number]

    def _received(self, data: bytes) -> Iterator[Command]:
        self._reader.feed(data)
        try:
            while not self.failed and (item := self._reader.next()) is not None:
                yield from self._greeted(item) if isinstance(item, Hello) else self._frame(item)
        except TunnelError as error:
            self.failed = str(error)
            yield Fail(self.failed)

    def _greeted(self, hello: Hello) -> Iterator[Command]:
        if hello.oldest_version > VERSION or hello.newest_version < OLDEST_VERSION:
            raise TunnelError(
                f"the other end speaks tunnel versions {hello.oldest_version} to {hello.newest_version}, "
                f"this one {OLDEST_VERSION} to {VERSION}; upgrade the older of the two"
            )
        if not WINDOW_BYTES_MIN <= hello.window <= WINDOW_MAX:
            raise TunnelError(f"the other end offers a window of {hello.window} bytes")
        self._peer = hello
        yield Ready()

    def _frame(self, frame: Frame) -> Iterator[Command]:
        match frame.type:
            case Type.PING:
                yield Send(encode_frame(Frame(Type.PONG, 0, frame.payload)))
            case Type.PONG:
                pass  # that it came is what counts
            case Type.OPEN:
                yield from self._opened(frame)
            case _:
                stream = self._streams.get(frame.stream)
                if stream is not None:
                    yield from self._on_stream(frame, stream)
                elif frame.stream > self._last_stream:
                    raise TunnelError(f"a {frame.type.name} frame for stream {frame.stream}, which was never opened")

    def _opened(self, frame: Frame) -> Iterator[Command]:
        if self.end is End.HUB:
            raise TunnelError("the node opened a stream; only servers do")
        if frame.stream <= self._last_stream:
            raise TunnelError(f"stream {frame.stream} was opened twice or out of order")
        self._last_stream = frame.stream
        if len(self._streams) >= self.streams_max:
            yield _reset_frame(frame.stream, f"the node serves {self.streams_max} streams already")
            return
        try:
            request = decode_request(frame.payload)
        except BadRequest as error:
            yield _reset_frame(frame.stream, error.message)
            return
        self._streams[frame.stream] = self._new_stream()
        yield Accept(frame.stream, request)

    def _on_stream(self, frame: Frame, stream: _Stream) -> Iterator[Command]:
        number = frame.stream
        match frame.type:
            case Type.DATA:
                if not stream.may_receive:
                    raise TunnelError(f"data on stream {number} after its end")
                stream.receive_window -= cost(len(frame.payload))
                if stream.receive_window < 0:
                    raise TunnelError(f"more data on stream {number} than its window allows")
                yield Deliver(number, frame.payload)
            case Type.WINDOW:
                stream.send_window += decode_credit(frame.payload)
                if stream.send_window > WINDOW_MAX:
                    raise TunnelError(f"the window of stream {number} grew beyond all bounds")
                yield Resume(number)
            case Type.CLOSE:
                if not stream.may_receive:
                    raise TunnelError(f"stream {number} was closed twice")
                self._move(number, stream, StreamEvent.CLOSE_RECEIVED)
                yield EndOfStream(number)
            case Type.RESET:
                self._move(number, stream, StreamEvent.RESET_RECEIVED)
                yield Abandon(number, frame.payload.decode(errors="replace"))

    def _consumed(self, number: int, size: int) -> Iterator[Command]:
        stream = self._streams.get(number)
        if stream is None or not stream.may_receive:
            return
        stream.uncredited += cost(size)
        # Credit for each message would double the number of frames; half a window keeps the sender busy.
        if stream.uncredited * 2 >= self.window:
            credit, stream.uncredited = stream.uncredited, 0
            stream.receive_window += credit
            yield Send(encode_frame(Frame(Type.WINDOW, number, encode_credit(credit))))


def _reset_frame(stream: int, reason: str) -> Send:
    payload = reason.encode(errors="replace")[:REASON_BYTES_MAX]
    return Send(encode_frame(Frame(Type.RESET, stream, payload)))
