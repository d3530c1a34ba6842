"""Listening, counting and stopping: the part of the HTTP server that is about many connections."""

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final

from k3py.api.http.admission import Bodies, Gate, Handshakes, replaceable
from k3py.api.http.connection import Connection
from k3py.api.http.limits import Limits
from k3py.api.http.messages import Handler
from k3py.api.http.reader import Streams
from k3py.api.http.shared import Shared
from k3py.api.http.turns import Turns
from k3py.base.tasks import Tasks

log = logging.getLogger(__name__)

# Deadlines are looked at this often, all in one go: a timer per request would cost more than the request.
SWEEP_SECONDS: Final = 1.0
# To look through all connections for one that may be replaced takes a millisecond: not again for so long when none was.
LOOK_SECONDS: Final = 0.1
# A handshake is most of a millisecond's work that cannot be cut: while others write, each one is so long after the one
# before, and who writes again within the second of these times is waited for as well.
HANDSHAKE_REST_SECONDS: Final = 0.005
HURRY_SECONDS: Final = 0.005
# Connections that the kernel holds while we are busy.
_BACKLOG: Final = 4096
# Waiting for the peer's half of TLS' closing; most just close the socket.
_TLS_CLOSE_SECONDS: Final = 5.0
# For the event loop to notice that aborted connections are gone.
_ABORT_SECONDS: Final = 1.0
# Without free file descriptors accepting fails at once, again and again.
_ACCEPT_RETRY_SECONDS: Final = 1.0
# A peer that vanished without a word (power cut, cable) is noticed after 30 + 3 * 10 s.
_KEEPALIVE: Final = (
    ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
    if hasattr(socket, "TCP_KEEPIDLE")
    else ()
)
# What the kernel keeps of a connection that nobody reads, and so what it hands us in one go (it doubles this).
# Bodies arrive in such pieces, each when it is its turn; the usual megabytes would take milliseconds.
RECEIVE_BYTES: Final = 64 * 1024


def bind(host: str, port: int) -> socket.socket:
    """A socket with an address (``::`` means IPv4 too) that does not listen yet: nobody can connect.

    Raises:
        OSError: the address cannot be bound.
    """
    is_ipv6 = ":" in host
    bound = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_ipv6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        bound.bind((host, port))
        bound.setblocking(False)
    except BaseException:
        bound.close()
        raise
    return bound


class HttpServer:
    """An HTTP/1.1 server in front of one handler.

    ``handler`` answers a request at once or returns an awaitable. What it raises is answered as a ``Status``.
    ``new_audit_id`` is asked once per request; the id stands in the answer's ``Audit-Id`` field and in the log.
    """

    def __init__(
        self,
        handler: Handler,
        limits: Limits | None = None,
        new_audit_id: Callable[[], str] | None = None,
        streams: Streams | None = None,
    ) -> None:
        """``streams`` tells by method and target which requests get their body as a stream."""
        self._limits = limits or Limits()
        bodies = Bodies(self._limits.bodies_bytes, self._limits.bodies_bytes_per_client)
        self._shared = Shared(handler, self._limits, bodies, time.monotonic, new_audit_id, streams)
        self._gate = Gate(self._limits)
        self._handshakes = Handshakes(self._limits.handshakes_per_client)
        self._handshake_turns = Turns(self._shared.turns.hurry, HANDSHAKE_REST_SECONDS, HURRY_SECONDS)
        self._look_again_at = 0.0  # for connections that may be replaced
        self._accepting = Tasks()
        self._sockets: list[socket.socket] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._shared.connections)

    @property
    def refused_connections(self) -> int:
        """Connections closed at once since the start, because a limit was reached."""
        return self._gate.refused

    def begin(self) -> None:
        """Get ready on the running loop without listening: for transports that the caller brings."""
        self._loop = asyncio.get_running_loop()
        self._shared.now = self._loop.time
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def connection(self) -> Connection:
        """The protocol object for one transport that the caller brings (after ``begin``)."""
        return Connection(self._shared)

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Listen on an address (``::`` means IPv4 too); returns the port bound (useful when ``port`` is 0).

        May be called more than once, for several addresses.

        Raises:
            OSError: the address cannot be bound.
        """
        return self.serve(bind(host, port), ssl_context)

    def serve(self, listener: socket.socket, ssl_context: ssl.SSLContext | None = None) -> int:
        """Listen on a socket of ``bind``, which is ours from now on; returns its port.

        Raises:
            OSError: somebody else has begun to listen there.
        """
        self.begin()
        self._sockets.append(listener)
        listener.listen(_BACKLOG)
        self._accepting.start(self._accept(listener, ssl_context), "accept")
        bound: int = listener.getsockname()[1]
        return bound

    async def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, name = await loop.sock_accept(listener)
                prepare(connected)
            except OSError as error:
                log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(_ACCEPT_RETRY_SECONDS)
                continue
            address = str(name[0]).removeprefix("::ffff:")
            if not self._gate.enter(address) and not self._replaces(address):
                connected.close()
                continue
            task = self._accepting.start(self._welcome(connected, address, context), "handshake")
            if context is not None:
                self._handshakes.begin(address, task)

    def _replaces(self, address: str) -> bool:
        """Whether a new client got the place of an idle connection or the oldest handshake: these lock nobody out."""
        now, crowded = self._shared.now(), self._gate.crowded(address)
        found = replaceable(self._shared.connections, crowded) if now >= self._look_again_at else None
        if found is not None:
            found.abort()
        else:
            if now >= self._look_again_at:
                self._look_again_at = now + LOOK_SECONDS
            if not self._handshakes.give_up_oldest(crowded):
                return False
        self._gate.enter_instead(address)
        return True

    async def _welcome(self, connected: socket.socket, address: str, context: ssl.SSLContext | None) -> None:
        """Do the TLS handshake when it is its turn; counted from before it, so that handshakes are bounded too."""
        connection = Connection(self._shared, lambda: self._gate.leave(address))
        try:
            with contextlib.ExitStack() as unless_it_is_our_turn:
                unless_it_is_our_turn.callback(connected.close)
                await self._handshake_turns.mine()
                unless_it_is_our_turn.pop_all()
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                connected,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_seconds if context else None,
                ssl_shutdown_timeout=_TLS_CLOSE_SECONDS if context else None,
            )
        except BaseException as error:
            if not connection.was_made:
                self._gate.leave(address)  # the loop has closed the socket already
            if not isinstance(error, OSError):
                raise
            log.debug("no TLS session with %s: %s", address, error)
        finally:
            self._handshakes.end(address)

    def _sweep(self) -> None:
        now = self._shared.now()
        for connection in [c for c in self._shared.connections if c.deadline <= now]:
            connection.overdue()
        assert self._loop is not None
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new connections, close idle ones, let running requests end, tell streams, abort after the grace."""
        self._shared.stopping = True
        await self._accepting.stop()
        for listener in self._sockets:
            listener.close()
        self._sockets.clear()
        for connection in list(self._shared.connections):
            connection.stop()
        await self._emptied(grace_seconds)
        if self._shared.connections:
            log.info("%d connections are broken off after the grace period", self.connections)
        for connection in list(self._shared.connections):
            connection.abort()
        await self._shared.tasks.stop()
        await self._emptied(_ABORT_SECONDS)
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    async def _emptied(self, grace_seconds: float) -> None:
        """Wait until all connections are gone, at most so long."""
        gone = asyncio.Event()
        self._shared.on_empty = gone.set
        if self._shared.connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), grace_seconds)


def prepare(connected: socket.socket) -> None:
    """Set the options of a connection that has just been accepted."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    for option, value in _KEEPALIVE:
        connected.setsockopt(socket.IPPROTO_TCP, option, value)
