"""A server without sockets and without a clock: bytes in, bytes out, and time passes when the test says so."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

from k3py.api.http.admission import Bodies
from k3py.api.http.connection import Connection
from k3py.api.http.limits import Limits
from k3py.api.http.messages import Handler
from k3py.api.http.shared import Shared


class FakeTransport(asyncio.Transport):
    """Keeps what is written. ``full`` makes it behave like the socket of a client that reads nothing."""

    def __init__(self, protocol: Connection) -> None:
        super().__init__()
        self._protocol = protocol
        self.sent = b""
        self.writes: list[int] = []
        self.waiting = 0
        self.full = False
        self.high = 64 * 1024
        self.closing = False
        self.aborted = False
        self.reading = True
        self.lost = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("192.0.2.7", 40000) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or self.high

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: bytes) -> None:  # type: ignore[override]
        assert not self.lost
        self.sent += data
        self.writes.append(len(data))
        if self.full:
            before = self.waiting
            self.waiting += len(data)
            if before <= self.high < self.waiting:
                self._protocol.pause_writing()

    def accept_all(self) -> None:
        """The client reads on."""
        was_over = self.waiting > self.high
        self.waiting = 0
        if was_over:
            self._protocol.resume_writing()

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            if not self.waiting:
                asyncio.get_running_loop().call_soon(self.lose)

    def abort(self) -> None:
        self.closing = self.aborted = True
        asyncio.get_running_loop().call_soon(self.lose)

    def lose(self) -> None:
        """The connection is gone."""
        if not self.lost:
            self.closing = self.lost = True
            self._protocol.connection_lost(None)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Client:
    """One connection, seen from outside."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.transport = FakeTransport(connection)
        connection.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        if not self.transport.closing:
            self.connection.data_received(data)

    def take(self) -> bytes:
        """What was received since the last call."""
        got, self.transport.sent = self.transport.sent, b""
        return got

    @property
    def closed(self) -> bool:
        return self.transport.closing


class World:
    """A server and its clock."""

    def __init__(
        self, handler: Handler, limits: Limits | None = None, new_audit_id: Callable[[], str] | None = None
    ) -> None:
        self.time = 1000.0
        self.limits = limits or Limits()
        self.bodies = Bodies(self.limits.bodies_bytes, self.limits.bodies_bytes_per_client)
        self.shared = Shared(handler, self.limits, self.bodies, lambda: self.time, new_audit_id)

    def client(self) -> Client:
        return Client(Connection(self.shared))

    def pass_time(self, seconds: float) -> None:
        """Let time pass and let the server look at its deadlines."""
        self.time += seconds
        for connection in list(self.shared.connections):
            if connection.deadline <= self.time:
                connection.overdue()


async def settle() -> None:
    """Let everything run that can run now."""
    for _ in range(50):
        await asyncio.sleep(0)


def splits(data: bytes, cuts: list[int]) -> list[bytes]:
    """``data`` cut at these positions."""
    at = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(at)]
