"""How fast a client is read: small requests at once, large bodies piece by piece, each when it is its turn."""

import asyncio
import socket
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, cast

from k3py.api.http.shared import ssl_object_of
from k3py.api.http.shares import Share
from k3py.api.http.turns import Turns

# Who has sent so much for one request is read on when it is its turn, piece by piece: receiving it is some work.
MUCH_BYTES: Final = 64 * 1024
# Encrypted bytes that wait for their turn; beyond, the socket is not read.
UNDECRYPTED_BYTES_MAX: Final = 16 * 1024

# What the kernel keeps of an upgraded connection that nobody reads (it may allow less): 50 Mbit/s over 100 ms.
STREAM_RECEIVE_BYTES: Final = 512 * 1024

# Who takes much gives way not only while a short request is under way: who writes again and again reads in between.
LATELY_SECONDS: Final = 0.002


class Intake:
    """Whether a socket is read, and when what it brought is looked at.

    ``body_turns`` are for the pieces of large bodies. ``is_full`` tells that enough was received for now; ``look`` goes
    on with the requests that are there.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        turns: Turns,
        body_turns: Turns,
        is_full: Callable[[], bool],
        look: Callable[[], None],
    ) -> None:
        if ssl_object_of(transport) is not None:
            cast(Any, transport).set_read_buffer_limits(high=UNDECRYPTED_BYTES_MAX)
        self._transport = transport
        self._turns = turns
        self._body_turns = body_turns
        self._is_full = is_full
        self._look = look
        self._paused = False
        self._received = 0  # bytes since the last whole request
        self._share = Share()
        self._waits = False  # for a turn to look

    def take_up(self, size: int) -> None:
        """Look at the bytes received: now, or when it is this client's turn if it takes much while others hurry."""
        self._received += size
        begin = perf_counter()
        if self._waits:
            self.pause_if_full()
        elif self._share.is_much(begin) and self._turns.hurry.is_on(LATELY_SECONDS):
            self._waits = True
            self._turns.soon(self._take_up_in_turn)
        else:
            self._look()
            self._share.took(begin, perf_counter())
        if self._received >= MUCH_BYTES:
            self._rest()

    def _take_up_in_turn(self) -> None:
        self._waits = False
        begin = perf_counter()
        self._look()
        self._share.took(begin, perf_counter())
        self._go_on_unless_full()

    def took(self, size: int) -> None:
        """So many bytes were received and looked at by others."""
        self._received += size
        if self._received >= MUCH_BYTES:
            self._rest()

    def _rest(self) -> None:
        """Who has sent much for a request that is not whole yet is not read before it is its turn."""
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()
            self._body_turns.soon(self._go_on_unless_full)

    def whole(self) -> None:
        """All of a request is here: the next one has not begun."""
        self._received = 0

    def pause_if_full(self) -> None:
        """Let TCP slow the client down when it has sent enough."""
        if not self._paused and self._is_full():
            self._paused = True
            self._transport.pause_reading()

    def _go_on_unless_full(self) -> None:
        if not self._is_full():
            self.go_on()

    def widen(self) -> None:
        """What comes from now on is a stream of its own, that a small buffer would slow down over a long way."""
        connected = self._transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STREAM_RECEIVE_BYTES)
        self.go_on()

    def end(self) -> None:
        """The connection is gone. Nothing here holds on to it, or its buffers would wait for the garbage collector."""
        self._is_full, self._look = _always, _nothing

    def go_on(self) -> None:
        """Read again."""
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()


def _always() -> bool:
    return True


def _nothing() -> None:
    return None
