"""The server's end of all tunnels: which node is connected, and how to open a stream to it. Acts."""

import asyncio
import logging
from typing import Final

from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.model.errors import TooManyRequests
from k3py.model.streams import NodeUnreachable, StreamRequest
from k3py.proxy.connection import Connection, RawConnection, TunnelStream
from k3py.proxy.tunnel import End

log = logging.getLogger(__name__)

TUNNEL_PATH: Final = "/k3py.io/v1/tunnel"
TUNNEL_PROTOCOL: Final = "k3py-tunnel"
# An agent that was cut off is back in well under a second; a user's request waits this long for it.
OPEN_WAIT_SECONDS: Final = 2.0


class TunnelHub:
    """The tunnels of all nodes that are connected to this server, one per node: the newest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks = Tasks()
        self._ready: dict[str, Connection] = {}
        self._greeting: dict[str, Connection] = {}
        self._arrival: asyncio.Future[None] | None = None

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes that can be reached now, sorted."""
        return sorted(self._ready)

    def accept(self, raw: RawConnection, node: str) -> None:
        """Take over a connection after ``101``. ``node`` is what the verified client certificate says.

        It replaces an older connection of the same node once it has said hello: an agent that connects again knows
        that the old one is no good, the server may not.
        """

        def ready(connection: Connection) -> None:
            self._arrived(node, connection)

        def lost(connection: Connection, reason: str) -> None:
            self._lost(node, connection, reason)

        connection = Connection(raw, End.HUB, self._clock, on_ready=ready, on_lost=lost)
        waiting = self._greeting.get(node)
        self._greeting[node] = connection
        if waiting is not None:
            waiting.lose("the node connected again")
        connection.start()
        self._tasks.start(connection.watch(), f"tunnel of node {node}")

    async def open(self, node: str, request: StreamRequest, wait_seconds: float = OPEN_WAIT_SECONDS) -> TunnelStream:
        """Open a stream to a node, which is given ``wait_seconds`` to be there.

        Raises:
            NodeUnreachable: it is not connected to this server.
            TooManyRequests: as many streams as it takes are open.
            BadRequest: the request is too large.
        """
        connection = await self._connection(node, wait_seconds)
        if not connection.tunnel.may_open():
            raise TooManyRequests(
                f'cannot open another stream to node "{node}": {connection.tunnel.streams} are open; try again later'
            )
        return connection.open(request)

    def cut(self, node: str, reason: str) -> None:
        """End the node's tunnel now, e.g. because the node was deleted."""
        for table in (self._greeting, self._ready):
            connection = table.get(node)
            if connection is not None:
                connection.lose(reason)

    async def stop(self) -> None:
        """End all tunnels."""
        for node in [*self._greeting, *self._ready]:
            self.cut(node, "the server stops")
        await self._tasks.stop()

    async def _connection(self, node: str, wait_seconds: float) -> Connection:
        try:
            async with asyncio.timeout(wait_seconds):
                while node not in self._ready:
                    if self._arrival is None:
                        self._arrival = asyncio.get_running_loop().create_future()
                    # Shielded: the future is shared, one waiter that gives up must not cancel it for the others.
                    await asyncio.shield(self._arrival)
        except TimeoutError:
            raise NodeUnreachable(
                f'cannot reach node "{node}": its agent is not connected to this server; its containers run on'
            ) from None
        return self._ready[node]

    def _arrived(self, node: str, connection: Connection) -> None:
        if self._greeting.get(node) is connection:
            del self._greeting[node]
        older = self._ready.get(node)
        self._ready[node] = connection
        if older is not None:
            older.lose("the node connected again")
        log.info("node %s connected its tunnel", node)
        if self._arrival is not None:
            self._arrival.set_result(None)
            self._arrival = None

    def _lost(self, node: str, connection: Connection, reason: str) -> None:
        for table in (self._greeting, self._ready):
            if table.get(node) is connection:
                del table[node]
                log.info("the tunnel of node %s ended: %s", node, reason)
