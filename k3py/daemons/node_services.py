"""What a node serves to its pods at cluster addresses: names, and the way to the API.

Both addresses belong to the system VPC and sit on the node's loopback, where the VPC daemon puts them; the servers here
bind to them whether they are there yet or not, so none of the two has to wait for the other.
"""

import random
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from k3py.agent.api_relay import ApiRelay
from k3py.agent.dns.exchange import exchange
from k3py.agent.dns.feed import DnsFeed
from k3py.agent.dns.forwarder import Forwarder
from k3py.agent.dns.server import DnsServer
from k3py.agent.dns.table import Table
from k3py.agent.dns.upstreams import HostResolvConf, servers_of
from k3py.agent.vpc_network import NetworkFacts, VpcNetwork
from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.client.port import Client
from k3py.model.ghost import SYSTEM_VPC, Ghost
from k3py.model.service_range import api_address, dns_address

RESOLV_CONF: Final = Path("/etc/resolv.conf")
HTTPS_PORT: Final = 443


class NodeServices:
    """DNS and the API's relay of one node. ``snapshot``: the file that keeps the names for when no server answers."""

    def __init__(self, network: VpcNetwork, client: Client, server: str, snapshot: Path, clock: Clock) -> None:
        self._network, self._client, self._clock, self._snapshot = network, client, clock, snapshot
        self._server = server
        self._tasks = Tasks()
        self._dns: DnsServer | None = None
        self._relay: ApiRelay | None = None

    async def run(self) -> None:
        """Serve as soon as the cluster's network is known, until ``stop``.

        Raises:
            OSError, CannotServe: somebody else has an address and port.
        """
        facts = await self._network.known()
        cluster, service_cidr = facts.cluster, IPv4Network(facts.service_cidr)
        await self._serve_names(facts, system_addresses(cluster, dns_address(service_cidr)))
        relay = self._relay = ApiRelay([server_of(self._server)])
        await relay.start(system_addresses(cluster, api_address(service_cidr)), HTTPS_PORT)

    async def _serve_names(self, facts: NetworkFacts, addresses: list[str]) -> None:
        table, source = Table(), random.SystemRandom()
        feed = DnsFeed(table, self._client, self._clock, random.Random(), self._snapshot)
        feed.load()
        upstreams = HostResolvConf(RESOLV_CONF, self._clock)
        own = frozenset((*addresses, str(dns_address(IPv4Network(facts.service_cidr)))))
        dns = self._dns = DnsServer(
            table,
            Forwarder(exchange, self._clock, source),
            lambda vpc: servers_of(vpc, upstreams.servers(), own),
        )
        await dns.start(addresses)
        self._tasks.start(feed.run(), "names of the cluster")

    async def stop(self) -> None:
        """Serve no more."""
        await self._tasks.stop()
        if self._dns is not None:
            await self._dns.stop()
        if self._relay is not None:
            await self._relay.stop()


def system_addresses(cluster: int, ipv4: IPv4Address) -> list[str]:
    """Where pods' packets to an address of the system VPC arrive on their node: from IPv4 sockets, and native ones."""
    return [str(Ghost(cluster, SYSTEM_VPC, ipv4, native)) for native in (False, True)]


def server_of(url: str) -> tuple[str, int]:
    """Host and port of a server's URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or HTTPS_PORT
