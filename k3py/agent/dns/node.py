"""The node's DNS as one thing to run: table, feed, forwarding and server put together. Acts."""

import asyncio
import logging
import random
from pathlib import Path
from typing import Final

from k3py.agent.dns.cache import Server
from k3py.agent.dns.entries import VpcEntry
from k3py.agent.dns.exchange import exchange
from k3py.agent.dns.feed import DnsFeed
from k3py.agent.dns.forwarder import Forwarder
from k3py.agent.dns.server import CannotServe, DnsServer
from k3py.agent.dns.table import Table
from k3py.agent.dns.upstreams import HostResolvConf, servers_of
from k3py.base.clock import Clock
from k3py.client.port import Client
from k3py.model.vpc_v1 import DEFAULT_VPC

log = logging.getLogger(__name__)

FILE: Final = "dns.json"
PORT: Final = 53
RESOLV_CONF: Final = Path("/etc/resolv.conf")
# How often it is seen that the cluster's DNS address is known, or another: once in a cluster's life.
LOOK_SECONDS: Final = 1.0


class NodeDns:
    """Answers the pods of this node.

    Args:
        client: the API; may be away for as long as it likes.
        clock: the time.
        source: spreads the load of watching.
        folder: where the copy of the name table is kept (``dns.json``).
        resolv_conf: whom the node asks; VPCs without name servers of their own ask them too.
        domain: the cluster's domain.
        port: where to answer.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        source: random.Random,
        folder: Path,
        resolv_conf: Path = RESOLV_CONF,
        domain: str = "cluster.local",
        port: int = PORT,
    ) -> None:
        self._clock = clock
        self._domain = domain
        self._port = port
        self._host = HostResolvConf(resolv_conf, clock)
        self._table = Table()
        self._feed = DnsFeed(self._table, client, clock, source, folder / FILE)
        self._server: DnsServer | None = None
        self._addresses: tuple[str, ...] = ()
        self._said = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it answers now: nowhere until a VPC is known, from the server or the copy on disk."""
        return self._addresses

    async def run(self) -> None:
        """Answer, for ever; cancel it to stop."""
        self._feed.load()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed.run(), name="dns feed")
                group.create_task(self._serve(), name="dns server")
        finally:
            await self._stop()

    async def _serve(self) -> None:
        while True:
            wanted = self._table.dns_addresses()
            if wanted and wanted != self._addresses:
                await self._stop()
                await self._start(wanted)
            await asyncio.sleep(LOOK_SECONDS)

    async def _start(self, wanted: tuple[str, ...]) -> None:
        # Ids of queries must not be guessed, so their source is not the one that may be seeded.
        forwarder = Forwarder(exchange, self._clock, random.SystemRandom())
        server = DnsServer(self._table, forwarder, self._servers_of, domain=self._domain)
        try:
            await server.start(wanted, self._port)
        except CannotServe as problem:
            if str(problem) != self._said:
                log.error("%s; it is tried again", problem.strerror)
                self._said = str(problem)
            return
        self._server, self._addresses, self._said = server, wanted, ""
        log.info("DNS answers on %s, port %d", " and ".join(wanted), self._port)

    async def _stop(self) -> None:
        server, self._server, self._addresses = self._server, None, ()
        if server is not None:
            await server.stop()

    def _servers_of(self, vpc: VpcEntry) -> tuple[Server, ...]:
        return servers_of(vpc, self._host.servers(), self._addresses, self._table.vpcs.get(DEFAULT_VPC))
