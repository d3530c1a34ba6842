"""A tunnel's connection without a socket."""

from typing import Any

from k3py.base.clock import SystemClock
from k3py.model.streams import (
    StreamRequest,
)
from k3py.proxy.connection import Connection, TunnelStream
from k3py.proxy.tunnel import End


class Wire:
    """A raw connection to nowhere."""

    def __init__(self) -> None:
        self.on_data: Any = None
        self.on_close: Any = None
        self.written = bytearray()
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        return

    @property
    def buffered(self) -> int:
        return len(self.written)

    def close(self) -> None:
        self.aborted = True

    abort = close


class HandClock(SystemClock):
    time = 0.0

    def monotonic(self) -> float:
        return self.time


def on_wire(wire: Wire, clock: HandClock, lost: list[str]) -> Connection:
    def accept(request: StreamRequest, stream: TunnelStream) -> None:
        raise AssertionError

    connection = Connection(
        wire,
        End.NODE,
        clock,
        on_ready=lambda _: None,
        on_lost=lambda _, reason: lost.append(reason),
        on_accept=accept,
    )
    connection.start()
    return connection
