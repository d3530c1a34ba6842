"""DNS over TCP (RFC 7766): messages after their length, several at a time on one connection. Acts."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from k3py.base.tasks import Tasks

CONNECTIONS_MAX: Final = 256
CONNECTIONS_PER_SOURCE_MAX: Final = 32
# RFC 7766, section 6.2.3: some seconds; the agent has better uses for its file descriptors.
IDLE_SECONDS: Final = 10.0
# Questions of one connection that are worked on at the same time; the next one is read when one is done.
PIPELINE_MAX: Final = 16
# A query has a name, its options and perhaps a signature; whoever sends more wants us to hold it.
QUERY_SIZE_MAX: Final = 4096
BACKLOG: Final = 128
_LENGTH: Final = struct.Struct("!H")

Answer = Callable[[bytes, str], Awaitable[bytes | None]]


class TcpListener:
    """Serves one listening socket. ``answer`` gets a message and its source address, and returns the answer, or None
    for a message that deserves none: the connection ends."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._connections: Counter[str] = Counter()
        self._tasks = Tasks()

    async def start(self, bound: socket.socket) -> None:
        """Listen. The socket belongs to the listener from now on."""
        self._server = await asyncio.start_server(self._accepted, sock=bound, backlog=BACKLOG)

    async def stop(self) -> None:
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
        await self._tasks.stop()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        source = peer[0] if peer else ""
        if (
            not source
            or self._connections.total() >= CONNECTIONS_MAX
            or self._connections[source] >= CONNECTIONS_PER_SOURCE_MAX
        ):
            writer.transport.abort()
            return
        self._connections[source] += 1
        self._tasks.start(self._serve(reader, writer, source), "dns connection")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: str) -> None:
        places = asyncio.Semaphore(PIPELINE_MAX)
        work = Tasks()
        try:
            while True:
                async with asyncio.timeout(IDLE_SECONDS):
                    size = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))[0]
                    if size > QUERY_SIZE_MAX:
                        raise ConnectionAbortedError(f"a query of {size} bytes")
                    message = await reader.readexactly(size)
                    await places.acquire()
                work.start(self._reply(message, source, writer, places), "dns answer by TCP")
        except (asyncio.IncompleteReadError, OSError):
            # The client is done, or silent, or sends what is no query. What it still waits for is answered first.
            with suppress(OSError):
                async with asyncio.timeout(IDLE_SECONDS):
                    for _ in range(PIPELINE_MAX):
                        await places.acquire()
        finally:
            await work.stop()
            writer.transport.abort() if writer.is_closing() else writer.close()
            self._connections[source] -= 1
            if not self._connections[source]:
                del self._connections[source]

    async def _reply(
        self, message: bytes, source: str, writer: asyncio.StreamWriter, places: asyncio.Semaphore
    ) -> None:
        try:
            answer = await self._answer(message, source)
            if answer is None:
                writer.transport.abort()
                return
            writer.write(_LENGTH.pack(len(answer)) + answer)
            with suppress(OSError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await writer.drain()
                    return
            writer.transport.abort()  # it does not read what it asked for
        finally:
            places.release()
