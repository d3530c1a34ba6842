"""Brings the kernel to what is wanted, each time that VPCs or blocks change, until it works. Acts."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Final

from k3py.base.backoff import Backoff
from k3py.base.turns import Gate
from k3py.model.vpc_socket import INTERNAL, KERNEL_REFUSED
from k3py.vpc.ports import NetworkProblem, Node
from k3py.vpc.wanted import NODE_POD, Wanted

log = logging.getLogger(__name__)

RETRY_FIRST_SECONDS: Final = 0.25
RETRY_SECONDS_MAX: Final = 5.0


class Converger:
    """``wanted`` says what is wanted now (None: not known yet). ``gate`` keeps attaching and detaching pods out.

    ``problems``: pods whose part could not be made, as of the last time. ``trouble``: why nothing could.
    ``made``: what was wanted when it worked last, in this life.
    """

    def __init__(self, node: Node, wanted: Callable[[], Wanted | None], gate: Gate, source: random.Random) -> None:
        self._node, self._wanted, self._gate = node, wanted, gate
        self._backoff = Backoff(source, RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)
        self._asked = asyncio.Event()
        self._version = 0
        self._done_version = 0
        self._tried = asyncio.Condition()
        self._running = False
        self.runs = 0
        self.made: Wanted | None = None
        self.trouble: NetworkProblem | None = None
        self.problems: Mapping[str, NetworkProblem] = {}
        self._told: dict[str, str] = {}

    def ask(self) -> None:
        """Something has changed."""
        self._version += 1
        self._asked.set()

    async def reached(self) -> None:
        """Wait until the kernel is as it was wanted when this was called.

        Raises:
            NetworkProblem: it could not be done, the last time or now; it will be tried again.
        """
        version = self._version
        # A try that is under way may have begun before the change.
        runs = self.runs + self._running
        async with self._tried:
            await self._tried.wait_for(
                lambda: self._done_version >= version or self.runs > runs or (self.trouble and not self._running)
            )
        if self._done_version < version:
            raise self.trouble or NetworkProblem(INTERNAL, "the node's network is not as wanted; try again")

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            if not await self._once():
                self._asked.set()
                await asyncio.sleep(self._backoff.next_seconds())

    async def _once(self) -> bool:
        async with self._gate.alone():
            version, wanted = self._version, self._wanted()
            if wanted is None:
                return True
            self._running = True
            try:
                self.problems = await self._node.converge(wanted)
                self.trouble, self._done_version, self.made = None, version, wanted
                if NODE_POD not in self.problems:
                    self._backoff.reset()
            except NetworkProblem as problem:
                self.trouble = problem
                log.error("cannot make the node's network: %s", problem)
            except OSError as problem:
                self.trouble = NetworkProblem(KERNEL_REFUSED, f"cannot make the node's network: {problem}")
                log.exception("cannot make the node's network")
            finally:
                self._running = False
        self._tell()
        self.runs += 1
        async with self._tried:
            self._tried.notify_all()
        # All pods wait for the node's own link; another pod's is tried again at its next request, or re-check.
        return self.trouble is None and NODE_POD not in self.problems

    def _tell(self) -> None:
        """Each problem once, as long as it is the same."""
        texts = {uid: str(problem) for uid, problem in self.problems.items()}
        for uid, text in texts.items():
            if self._told.get(uid) != text:
                log.warning("the network of pod %s is not as wanted: %s", uid, text)
        self._told = texts
