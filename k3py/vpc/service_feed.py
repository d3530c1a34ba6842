"""Hands the node's services to the kernel side, a burst of changes at once. Acts."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final, Protocol

from k3py.base.backoff import Backoff
from k3py.base.clock import Clock
from k3py.model.generated.core_v1 import Service
from k3py.model.generated.discovery_v1 import EndpointSlice
from k3py.vpc.ports import NetworkProblem, ServiceTable
from k3py.vpc.state import State
from k3py.vpc.wanted import PodNetwork, ServicePort

log = logging.getLogger(__name__)

# A rollout changes endpoints many times in a row; people do not notice this.
INTERVAL_SECONDS: Final = 0.05
RETRY_SECONDS_MAX: Final = 15.0

Offload = Callable[..., Awaitable[Any]]
"""``asyncio.to_thread``, or something that calls at once."""


class Translate(Protocol):
    """What Services and EndpointSlices mean on this node."""

    def __call__(
        self,
        services: Iterable[Service],
        slices: Iterable[EndpointSlice],
        vpc_ids: Mapping[str, int],
        node_name: str,
        service_cidr: IPv4Network,
    ) -> Sequence[ServicePort]: ...


class ServiceFeed:
    """``ports`` are the services as they were handed over last. ``trouble``: why the last change was not."""

    def __init__(
        self,
        state: State,
        table: ServiceTable,
        translate: Translate,
        node_addresses: Callable[[], Sequence[IPv4Address]],
        clock: Clock,
        source: random.Random,
        offload: Offload,
    ) -> None:
        self._state, self._table, self._translate = state, table, translate
        self._node_addresses, self._clock, self._offload = node_addresses, clock, offload
        self._backoff = Backoff(source, 0.25, RETRY_SECONDS_MAX)
        self._changed = asyncio.Event()
        self.ports: Sequence[ServicePort] = ()
        self.trouble = ""

    def poke(self) -> None:
        """Services, endpoints or pods have changed."""
        self._changed.set()

    async def run(self) -> None:
        """Work for ever, at most once per ``INTERVAL_SECONDS``."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = self._clock.monotonic()
            if await self.hand_over():
                self._backoff.reset()
                wait = INTERVAL_SECONDS - (self._clock.monotonic() - began)
            else:
                self._changed.set()
                wait = self._backoff.next_seconds()
            await asyncio.sleep(max(0.0, wait))

    async def hand_over(self) -> bool:
        """Hand over what is known now; whether that worked."""
        try:
            await self._once()
        except Exception as problem:
            # Whatever it is: pods need the daemon, and one odd object must not end it again and again.
            self.trouble = str(problem) or repr(problem)
            known = isinstance(problem, NetworkProblem | OSError)
            log.error("cannot switch the services: %s", self.trouble, exc_info=None if known else problem)
            return False
        self.trouble = ""
        return True

    async def _once(self) -> None:
        state, wanted = self._state, self._state.wanted()
        if wanted is None:
            return
        service_cidr = wanted.service_cidr
        # Copies: the thread must not see half a change.
        services, slices, vpc_ids = list(state.services.values()), list(state.slices.values()), dict(state.vpc_ids)
        pods: dict[tuple[int, IPv4Address], PodNetwork] = {(pod.vpc, pod.ipv4): pod for pod in state.pods().values()}

        def switch() -> Sequence[ServicePort]:
            ports = self._translate(services, slices, vpc_ids, state.config.node_name, service_cidr)
            self._table.switch(ports, pods, list(self._node_addresses()))
            return ports

        self.ports = await self._offload(switch)
