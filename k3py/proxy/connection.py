"""One end of one tunnel: carries out what ``tunnel`` decides. Acts."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from k3py.base.clock import Clock
from k3py.model.streams import MESSAGE_BYTES_MAX, StreamRequest, StreamReset
from k3py.proxy.keepalive import KeepAlive
from k3py.proxy.tunnel import (
    Abandon,
    Accept,
    Command,
    Consumed,
    Deliver,
    End,
    EndOfStream,
    Event,
    Fail,
    PingWanted,
    Ready,
    Received,
    Resume,
    Send,
    Tunnel,
)

# Writers wait for the socket, so only answers to a peer that asks without reading pile up. No honest peer gets here.
OUTPUT_BYTES_MAX: Final = 8 * 1024 * 1024


class RawConnection(Protocol):
    """The bytes below a tunnel: what the HTTP server hands over after ``101``, or a client's own socket."""

    on_data: Callable[[bytes], None] | None
    on_close: Callable[[], None] | None

    def write(self, data: bytes) -> None:
        """Send bytes. Never blocks; does nothing once closed."""
        ...

    async def drain(self) -> None:
        """Wait until the peer has taken enough of what was written, or is gone."""
        ...

    @property
    def buffered(self) -> int:
        """Bytes written that the socket has not taken yet."""
        ...

    def close(self) -> None:
        """Send what was written, then close."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class TunnelStream:
    """A ``MessageStream`` through a tunnel. As a context manager it resets what has not ended on leaving."""

    def __init__(self, connection: "Connection", number: int) -> None:
        self.on_abandoned: Callable[[], None] | None = None
        self._connection = connection
        self._number = number
        self._messages: deque[bytes] = deque()
        self._ended = False
        self._closed = False
        self._reset: str | None = None
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()

    async def __aenter__(self) -> "TunnelStream":
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.reset("no longer wanted")

    async def read(self) -> bytes | None:
        """See ``MessageStream``."""
        while not self._messages:
            if self._ended:
                return None
            if self._reset is not None:
                raise StreamReset(self._reset)
            self._readable.clear()
            await self._readable.wait()
        message = self._messages.popleft()
        self._connection.on(Consumed(self._number, len(message)))
        return message

    async def write(self, message: bytes) -> None:
        """See ``MessageStream``."""
        if not 0 < len(message) <= MESSAGE_BYTES_MAX:
            raise ValueError(f"cannot send a message of {len(message)} bytes: 1 to {MESSAGE_BYTES_MAX}")
        while True:
            self._check_writable()
            if not self._connection.tunnel.may_send(self._number, len(message)):
                self._writable.clear()
                await self._writable.wait()
            elif await self._connection.send(self._number, message):
                return

    async def close(self) -> None:
        """See ``MessageStream``."""
        self._closed = True
        self._writable.set()
        self._connection.close_stream(self._number)

    def reset(self, reason: str = "") -> None:
        """See ``MessageStream``."""
        self._connection.reset_stream(self._number, reason)
        self._messages.clear()
        self._end(reason or "reset by this end")

    def _check_writable(self) -> None:
        if self._reset is not None:
            raise StreamReset(self._reset)
        if self._closed:
            raise ValueError("cannot write to a stream that this side has closed")

    def _end(self, reason: str) -> None:
        if self._reset is None:
            self._reset = reason
        self._readable.set()
        self._writable.set()

    # What the connection tells the stream.

    def deliver(self, message: bytes) -> None:
        self._messages.append(message)
        self._readable.set()

    def end_of_stream(self) -> None:
        self._ended = True
        self._readable.set()

    def resume(self) -> None:
        self._writable.set()

    def abandon(self, reason: str) -> None:
        """The other end, or the connection, is gone; what was received before can still be read."""
        self._end(reason)
        if self.on_abandoned is not None:
            self.on_abandoned()


class Connection:
    """One tunnel on one raw connection.

    ``on_ready`` is called when streams may be opened, ``on_accept`` for each stream the other end opened, and
    ``on_lost`` once, with the reason, when it is over; all three without awaiting.
    """

    def __init__(
        self,
        raw: RawConnection,
        end: End,
        clock: Clock,
        *,
        on_ready: Callable[["Connection"], None],
        on_lost: Callable[["Connection", str], None],
        on_accept: Callable[[StreamRequest, TunnelStream], None] | None = None,
    ) -> None:
        self.tunnel = Tunnel(end)
        self._raw = raw
        self._clock = clock
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._on_accept = on_accept
        self._streams: dict[int, TunnelStream] = {}
        self._sending = asyncio.Lock()
        self._keepalive = KeepAlive(heard_at=clock.monotonic())
        self._pings = 0
        self.is_lost = False

    def start(self) -> None:
        """Take the raw connection over and say hello. Run ``watch`` beside it."""
        self._raw.on_data = self._received
        self._raw.on_close = lambda: self.lose("the connection was closed")
        self._perform([self.tunnel.hello()])

    async def watch(self) -> None:
        """Ask after the other end while it is quiet, and end the connection when it stays so. Ends with it."""
        while not self.is_lost:
            await asyncio.sleep(self._keepalive.wait_seconds(self._clock.monotonic()))
            now = self._clock.monotonic()
            if self._keepalive.is_dead(now):
                self.lose(f"nothing was heard for {self._keepalive.deadline_seconds:.0f} s")
            elif self._keepalive.wants_ping(now):
                self._keepalive.pinged(now)
                self._pings += 1
                self.on(PingWanted(self._pings.to_bytes(8)))

    def open(self, request: StreamRequest) -> TunnelStream:
        """Open a stream. Ask ``tunnel.may_open`` first.

        Raises:
            BadRequest: the request is too large.
        """
        number, send = self.tunnel.open(request)
        stream = self._streams[number] = TunnelStream(self, number)
        self._perform([send])
        return stream

    def on(self, event: Event) -> None:
        """Tell the tunnel what happened and do what it says."""
        if not self.is_lost:
            self._perform(self.tunnel.on(event))

    async def send(self, number: int, message: bytes) -> bool:
        """Send a message once the socket takes it; False if the stream or its window changed meanwhile.

        One at a time and in turn, so that what waits in memory is one message beyond what the socket buffers.
        """
        async with self._sending:
            await self._raw.drain()
            if self.is_lost or not self.tunnel.may_send(number, len(message)):
                return False
            self._perform([self.tunnel.send(number, message)])
            return True

    def close_stream(self, number: int) -> None:
        self._perform(self.tunnel.close(number))
        self._forget_if_over(number)

    def reset_stream(self, number: int, reason: str) -> None:
        self._perform(self.tunnel.reset(number, reason))
        self._forget_if_over(number)

    def lose(self, reason: str) -> None:
        """The connection is over: end what is left of it and tell every stream. May be repeated."""
        if self.is_lost:
            return
        self.is_lost = True
        self._raw.on_data = None
        self._raw.on_close = None
        self._raw.abort()
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.abandon(reason)
        self._on_lost(self, reason)

    def _received(self, data: bytes) -> None:
        self._keepalive.heard(self._clock.monotonic())
        self.on(Received(data))

    def _perform(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if self.is_lost:
                return
            match command:
                case Send(data):
                    self._raw.write(data)
                    if self._raw.buffered > OUTPUT_BYTES_MAX:
                        self.lose("the other end does not read what it asked for")
                case Deliver(number, message):
                    self._streams[number].deliver(message)
                case Resume(number):
                    self._streams[number].resume()
                case EndOfStream(number):
                    self._streams[number].end_of_stream()
                    self._forget_if_over(number)
                case Abandon(number, reason):
                    self._streams.pop(number).abandon(reason)
                case Accept(number, request):
                    assert self._on_accept is not None
                    stream = self._streams[number] = TunnelStream(self, number)
                    self._on_accept(request, stream)
                case Ready():
                    self._on_ready(self)
                case Fail(reason):
                    self.lose(reason)

    def _forget_if_over(self, number: int) -> None:
        if not self.tunnel.is_live(number):
            self._streams.pop(number, None)
