"""One forwarded connection: bytes between a port of a pod and whatever the client speaks."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from k3py.model.errors import Problem

log = logging.getLogger(__name__)

READ_BYTES: Final = 32 * 1024
# Of one connection, received and not yet taken by the pod; then the client is not read any more.
UNREAD_BYTES_MAX: Final = 256 * 1024
PORT_MAX: Final = 65_535


class Duplex(Protocol):
    """A connection to a port of a pod."""

    async def read(self, size: int) -> bytes:
        """Up to ``size`` bytes as soon as there are any; b"" at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send; waits while the other end is slow."""
        ...

    async def write_eof(self) -> None:
        """Say that no more will be written."""
        ...

    def close(self) -> None:
        """Close both directions."""
        ...


Connect = Callable[[int], Awaitable[Duplex]]


class Outlet(Protocol):
    """The client's end of one forwarded connection."""

    async def write(self, data: bytes) -> None:
        """Send to the client; waits while it is slow."""
        ...

    def consumed(self, size: int) -> None:
        """The pod took so many bytes of what the client sent."""
        ...

    def end(self, problem: str) -> None:
        """The connection is over; ``problem`` is "" when all is well."""
        ...


class Forward:
    """Received bytes wait here for the pod. ``run`` is the connection's whole life."""

    def __init__(self, port: int, outlet: Outlet) -> None:
        self.port = port
        self.unread_bytes = 0
        self._outlet = outlet
        self._unread: deque[bytes] = deque()
        self._ended = False
        self._changed = asyncio.Event()

    def received(self, data: bytes) -> None:
        """Bytes from the client."""
        self._unread.append(data)
        self.unread_bytes += len(data)
        self._changed.set()

    def ended(self) -> None:
        """The client sends no more."""
        self._ended = True
        self._changed.set()

    async def run(self, connect: Connect) -> None:
        """Connect and carry bytes both ways until the pod has ended its side."""
        problem = "the connection was broken off"
        try:
            problem = await self._run(connect)
        finally:
            self._outlet.end(problem)

    async def _run(self, connect: Connect) -> str:
        try:
            duplex = await connect(self.port)
        except (OSError, Problem) as error:
            return f"cannot connect to port {self.port}: {error}"
        except Exception:
            log.exception("forwarding to port %d failed", self.port)
            return f"cannot connect to port {self.port}: the server's log says more"
        sending = asyncio.ensure_future(self._send(duplex))
        try:
            while data := await duplex.read(READ_BYTES):
                await self._outlet.write(data)
            return ""
        except OSError as error:
            return f"the connection to port {self.port} broke: {error}"
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            duplex.close()

    async def _send(self, duplex: Duplex) -> None:
        """To the pod. When that fails, reading from it will say so or end."""
        while self._unread or not self._ended:
            if not self._unread:
                self._changed.clear()
                await self._changed.wait()
                continue
            data = self._unread.popleft()
            await duplex.write(data)
            self.unread_bytes -= len(data)
            self._outlet.consumed(len(data))
        await duplex.write_eof()


def port_number(text: str) -> int | None:
    """A port from a client's header or query, None when it is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return number if 0 < number <= PORT_MAX else None
