"""What stands between a long-lived writer and its socket: back-pressure, bounds, and the news that the peer is gone."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from k3py.api.http.backlog import Backlog
from k3py.api.http.parts import Parts, slices_of
from k3py.api.http.turns import Turns
from k3py.base.tasks import Tasks

# Bytes that an upgraded connection's protocol gets in one go: some thousand of the smallest frames.
RECEIVED_BYTES: Final = 16 * 1024


class Flow:
    """Writing to one transport whose protocol forwards ``pause``, ``resume`` and ``lost``."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.on_close: Callable[[], None] | None = None
        self.on_stop: Callable[[], None] | None = None
        self._transport = transport
        self._closed = False
        self._paused = False
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def buffered(self) -> int:
        """Bytes written that the socket has not taken yet."""
        return 0 if self._closed else self._transport.get_write_buffer_size()

    @property
    def closed(self) -> bool:
        """No more will be sent."""
        return self._closed

    def pause(self) -> None:
        """The socket takes no more for now."""
        self._paused = True

    def resume(self) -> None:
        """The socket takes more again."""
        self._paused = False
        self._wake()

    def lost(self) -> None:
        """The connection is gone. ``on_close`` is called, once."""
        self._closed = True
        self._wake()
        told, self.on_close = self.on_close, None
        if told is not None:
            told()

    async def drain(self) -> None:
        """Wait until the peer has taken enough of what was written, or is gone."""
        while self._paused and not self._closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class ChunkedWriter(Flow):
    """The body of a ``StreamResponse`` (``messages.BodyWriter``)."""

    def __init__(
        self, transport: asyncio.Transport, buffer_bytes: int, chunked: bool, backlog: Backlog, turns: Turns
    ) -> None:
        super().__init__(transport)
        self.turn = turns.mine
        self._buffer_bytes = buffer_bytes
        self._backlog = backlog
        self._chunked = chunked
        self.broken = False  # cut off or gone: the body is incomplete

    def write(self, data: bytes) -> None:
        """Send one chunk; a client that is too far behind is cut off."""
        if self._closed or not data:
            return
        transport = self._transport
        transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        behind = transport.get_write_buffer_size()
        if behind > self._buffer_bytes:
            self.cut_off()
        else:
            self._backlog.note(self, behind)

    def cut_off(self) -> None:
        """The client is too far behind."""
        self.broken = True
        self._transport.abort()
        self.lost()

    def resume(self) -> None:
        self._backlog.forget(self)
        super().resume()

    def lost(self) -> None:
        self._backlog.forget(self)
        if not self._closed:
            self.broken = True
        super().lost()

    def close(self) -> None:
        """End the body properly."""
        if self._closed:
            return
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._backlog.forget(self)
        self._closed = True
        self._wake()


class TakenConnection(Flow):
    """A connection after ``101`` (``messages.RawConnection``)."""

    def __init__(self, transport: asyncio.Transport, end: Callable[[], None], tasks: Tasks, turns: Turns) -> None:
        super().__init__(transport)
        self.on_data: Callable[[bytes], None] | None = None
        self._end = end
        self._tasks = tasks
        self._turns = turns
        self._received = bytearray()  # and not yet handed on
        self._stopped = False  # by who takes the data

    def receive(self, data: bytes) -> None:
        """Bytes from the socket. Many are handed on in pieces, each when it is its turn."""
        if not self._received and len(data) <= RECEIVED_BYTES and not self._stopped:
            self._hand_on(data)
            return
        if not self._received:
            self._transport.pause_reading()
            self._turns.soon(self._next_piece)
        self._received += data

    def _hand_on(self, data: bytes) -> None:
        if self.on_data is not None and not self._closed:
            self.on_data(data)

    def _next_piece(self) -> None:
        if self._stopped or not self._received:
            return
        piece = bytes(self._received[:RECEIVED_BYTES])
        del self._received[:RECEIVED_BYTES]
        self._hand_on(piece)
        if self._received:
            self._turns.soon(self._next_piece)
        elif not self._stopped and not self._transport.is_closing():
            self._transport.resume_reading()

    def lost(self) -> None:
        received, self._received = bytes(self._received), bytearray()
        if received:
            self._hand_on(received)
        super().lost()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if not self._closed and data:
            self._transport.write(data)

    def pause_reading(self) -> None:
        """Let TCP slow the peer down."""
        self._stopped = True
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if not self._stopped:
            return
        self._stopped = False
        if self._received:
            self._turns.soon(self._next_piece)
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run ``work`` in the background."""
        return self._tasks.start(work, name)

    def close(self) -> None:
        """Send what was written, then close."""
        if not self._closed:
            self._closed = True
            self._wake()
            self._end()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()


class SlicedBody:
    """A large body, written slice by slice as the socket takes it, so that TLS never holds all of it twice; each slice
    when it is its turn, for the reader may be as quick as we are."""

    __slots__ = ("_done", "_ended", "_paused", "_slices", "_transport", "_turns", "_waits")

    def __init__(
        self,
        transport: asyncio.Transport,
        body: bytes | Parts,
        slice_bytes: int,
        turns: Turns,
        done: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._slices = slices_of(body, slice_bytes)
        self._turns = turns
        self._paused = self._ended = self._waits = False
        self._done = done

    def send(self) -> None:
        """Write the next slice and ask for another turn, unless the socket is full; ``done`` is called at the end."""
        self._waits = False
        if self._paused or self._ended:
            return
        piece = next(self._slices, None)
        if piece is None:
            self._ended = True
            self._done()
            return
        self._transport.write(piece)
        self._ask()

    def _ask(self) -> None:
        if not (self._paused or self._ended or self._waits):
            self._waits = True
            self._turns.soon(self.send)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._ask()

    def lost(self) -> None:
        self._ended = True
