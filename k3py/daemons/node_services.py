"""What a node serves to its pods at cluster addresses: names, and the way to the API.

Both addresses belong to the system VPC and sit on the node's loopback, where the VPC daemon puts them; the servers here
bind to them whether they are there yet or not, so none of the two has to wait for the other.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from k3py.agent.api_relay import ApiRelay
from k3py.agent.dns.node import NodeDns
from k3py.agent.vpc_network import VpcNetwork
from k3py.base.backoff import Backoff
from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.client.port import Client
from k3py.model.ghost import SYSTEM_VPC, Ghost
from k3py.model.service_range import api_address

log = logging.getLogger(__name__)

HTTPS_PORT: Final = 443
FIRST_WAIT_SECONDS: Final = 0.25
WAIT_SECONDS_MAX: Final = 10.0


class NodeServices:
    """DNS and the API's relay of one node.

    ``folder`` keeps the names for when no server answers; ``failed`` is told why there are no names any more.
    """

    def __init__(
        self,
        network: VpcNetwork,
        client: Client,
        server: str,
        folder: Path,
        clock: Clock,
        source: random.Random,
        failed: Callable[[str], None],
    ) -> None:
        self._network = network
        self._dns = NodeDns(client, clock, source, folder)
        self._relay = ApiRelay([server_of(server)])
        self._backoff = Backoff(source, FIRST_WAIT_SECONDS, WAIT_SECONDS_MAX)
        self._tasks = Tasks(lambda name, problem: failed(f"{name} failed: {problem!r}"))

    def start(self) -> None:
        """Serve as soon as the cluster's network is known, until ``stop``."""
        self._tasks.start(self._dns.run(), "DNS")
        self._tasks.start(self._lead_to_the_api(), "relay to the API")

    async def _lead_to_the_api(self) -> None:
        facts = await self._network.known()
        address = api_address(IPv4Network(facts.service_cidr))
        addresses = [str(Ghost(facts.cluster, SYSTEM_VPC, address, native)) for native in (False, True)]
        while True:
            try:
                await self._relay.start(addresses, HTTPS_PORT)
                return
            except OSError as problem:
                # The agent before this one may not be gone yet.
                log.warning("cannot lead pods to the API yet: %s", problem)
            await asyncio.sleep(self._backoff.next_seconds())

    async def stop(self) -> None:
        """Serve no more."""
        await self._tasks.stop()
        await self._relay.stop()


def server_of(url: str) -> tuple[str, int]:
    """Host and port of a server's URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or HTTPS_PORT
