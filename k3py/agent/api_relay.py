"""Passes the connections that pods make to the API's cluster address on to a server. Acts.

Bytes are passed as they are: TLS goes through from pod to server, so the relay sees nothing and vouches for nothing.
The alternative, an address rewritten by the kernel, would send new connections to a server that is away.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Final

from k3py.base.clock import Clock, SystemClock

log = logging.getLogger(__name__)

# Of one node's pods together, watches too. Each takes at most four buffers, so 64 MiB if all were full.
CONNECTIONS_MAX: Final = 512
# Of one address: an operator that watches dozens of kinds has room, and no pod keeps all others from the API.
CONNECTIONS_PER_SOURCE_MAX: Final = 128
BUFFER_BYTES: Final = 32 * 1024
BACKLOG: Final = 128
# A server on the same network answers in milliseconds; one that is off does not answer at all.
CONNECT_SECONDS: Final = 3.0
# A server that could not be reached is not tried again so soon: until then others are, or the pod is refused at once.
FAILED_SECONDS: Final = 1.0
# Refusals are said so seldom.
REFUSED_SECONDS: Final = 60.0
# A connection without a byte either way for so long is given up. Watches get a bookmark every minute.
IDLE_SECONDS: Final = 3600.0
# When one side has ended and the other says nothing more for so long, that is an end too.
HALF_OPEN_SECONDS: Final = 60.0
# Numbers of Linux' socket options (ip(7), ipv6(7)) that Python does not name: bind before the address is there.
IP_FREEBIND: Final = 15
IPV6_FREEBIND: Final = 78
_KEEP_ALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ApiRelay:
    """Listens on addresses and connects to the first of ``servers`` (host, port) that can be reached.

    The server that answered last is asked first. Times in seconds.
    """

    def __init__(
        self,
        servers: Sequence[tuple[str, int]],
        clock: Clock | None = None,
        *,
        connections_max: int = CONNECTIONS_MAX,
        per_source_max: int = CONNECTIONS_PER_SOURCE_MAX,
        connect_seconds: float = CONNECT_SECONDS,
        failed_seconds: float = FAILED_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        if not servers:
            raise ValueError("cannot relay without a server")
        self._servers = list(servers)
        self._clock = clock or SystemClock()
        self._connections_max = connections_max
        self._per_source_max = per_source_max
        self._connect_seconds = connect_seconds
        self._failed_seconds = failed_seconds
        self._idle_seconds = idle_seconds
        self._first = 0
        self._failed_at: dict[int, float] = {}
        self._listeners: list[asyncio.Server] = []
        self._open: set[asyncio.Task[None]] = set()
        self._sources: Counter[str] = Counter()
        self._refused_again = float("-inf")

    @property
    def listening(self) -> list[tuple[str, int]]:
        """Address and port of every listener."""
        return [each.getsockname()[:2] for listener in self._listeners for each in listener.sockets]

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def start(self, addresses: Sequence[str], port: int = 443) -> None:
        """Listen on all addresses (IPv6 or IPv4), whether this host has them already or not.

        Raises:
            OSError: one of them cannot be listened on; then none is.
        """
        try:
            for address in addresses:
                listener = listening_socket(address, port)
                self._listeners.append(await asyncio.start_server(self._accept, sock=listener, limit=BUFFER_BYTES))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Listen no more and end every connection."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source = str((writer.get_extra_info("peername") or ("",))[0])
        if len(self._open) >= self._connections_max or self._sources[source] >= self._per_source_max:
            self._say_refused(source)
            _reset(writer)
            return
        self._sources[source] += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="connection to the API")
        self._open.add(task)
        task.add_done_callback(lambda ended: self._closed(ended, source))

    def _say_refused(self, source: str) -> None:
        """Now and then: a pod that is refused comes again at once."""
        now = self._clock.monotonic()
        if now >= self._refused_again:
            self._refused_again = now + REFUSED_SECONDS
            mine, all_ = self._sources[source], len(self._open)
            log.warning("refusing %s a connection to the API: it has %d of the %d that are open", source, mine, all_)

    def _closed(self, task: asyncio.Task[None], source: str) -> None:
        self._open.discard(task)
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await self._connect()
            if upstream is None:
                _reset(writer)
                return
            try:
                await self._pass((reader, writer), upstream)
            finally:
                upstream[1].transport.abort()
        finally:
            writer.transport.abort()

    async def _connect(self) -> Streams | None:
        """A connection to a server; None when none can be reached."""
        now = self._clock.monotonic
        for number in order(len(self._servers), self._first, self._failed_at, now() - self._failed_seconds):
            host, port = self._servers[number]
            try:
                async with asyncio.timeout(self._connect_seconds):
                    made = await asyncio.open_connection(host, port, limit=BUFFER_BYTES)
            except OSError as problem:  # TimeoutError is one
                self._failed_at[number] = now()
                log.warning("cannot reach the API server %s port %d: %s", host, port, problem or "timed out")
                continue
            self._first = number
            self._failed_at.pop(number, None)
            return made
        return None

    async def _pass(self, client: Streams, server: Streams) -> None:
        """Pass bytes both ways until both sides have ended, one has failed, or nothing came for too long."""
        for _, writer in (client, server):
            writer.transport.set_write_buffer_limits(high=BUFFER_BYTES)
            for level, option, value in _KEEP_ALIVE:
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(level, option, value)
        loop, seconds = asyncio.get_running_loop(), self._idle_seconds

        async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: asyncio.Timeout) -> None:
            nonlocal seconds
            while data := await reader.read(BUFFER_BYTES):
                idle.reschedule(loop.time() + seconds)
                writer.write(data)
                await writer.drain()
            writer.write_eof()
            seconds = min(seconds, HALF_OPEN_SECONDS)
            idle.reschedule(loop.time() + seconds)

        with contextlib.suppress(OSError, ExceptionGroup):  # whoever broke off is gone; so goes the other
            async with asyncio.timeout(self._idle_seconds) as idle, asyncio.TaskGroup() as both:
                both.create_task(pump(client[0], server[1], idle))
                both.create_task(pump(server[0], client[1], idle))
            for _, writer in (client, server):
                writer.close()  # after what is still to be written
                await asyncio.wait_for(writer.wait_closed(), self._connect_seconds)


def order(count: int, first: int, failed_at: dict[int, float], since: float) -> list[int]:
    """Which servers to try: from ``first`` on, without those that have failed after ``since``."""
    numbers = [(first + step) % count for step in range(count)]
    return [number for number in numbers if failed_at.get(number, since) <= since]


def listening_socket(address: str, port: int) -> socket.socket:
    """A socket that listens on an address, also before this host has it.

    Raises:
        OSError: another one does, or this is no address.
    """
    is_six = ":" in address
    made = socket.socket(socket.AF_INET6 if is_six else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_six:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        made.bind((address, port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset: the client sees at once that it was refused."""
    with contextlib.suppress(OSError):
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
