"""Gets the host its own address in VPC ``default``, as soon as that is possible. Acts."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from k3py.base.backoff import Backoff
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.state import State
from k3py.vpc.wanted import NODE_POD

log = logging.getLogger(__name__)

RETRY_FIRST_SECONDS: Final = 0.25
# A cluster that is being started waits for this.
RETRY_SECONDS_MAX: Final = 1.0


class NodePod:
    """``allocate`` gives the host its address; ``trouble``: why the host has none yet."""

    def __init__(
        self,
        state: State,
        allocate: Callable[[], Awaitable[None]],
        changed: Callable[[], None],
        source: random.Random,
    ) -> None:
        self._state, self._allocate, self._changed = state, allocate, changed
        self._backoff = Backoff(source, RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)
        self._wake = asyncio.Event()
        self.trouble = ""

    def poke(self) -> None:
        """VPCs have changed."""
        self._wake.set()

    async def run(self) -> None:
        """Try until it works. With ``host_access`` off there is nothing to do."""
        while self._state.config.host_access and NODE_POD not in self._state.allocator.pods:
            await self._wake.wait()
            self._wake.clear()
            if self._state.wanted() is None:
                continue
            try:
                await self._allocate()
            except NetworkProblem as problem:
                if str(problem) != self.trouble:
                    log.info("the node has no address yet: %s", problem)
                self.trouble = str(problem)
                await asyncio.sleep(self._backoff.next_seconds())
                self._wake.set()
        self.trouble = ""
        self._changed()
