"""The kernel side as the state side knows it (``ports.Node``), and the tasks that repair. Acts."""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from k3py.model.vpc_socket import NOT_READY
from k3py.vpc.bpf.abi import Direction, Outcome
from k3py.vpc.bpf.counters import Total
from k3py.vpc.kernel import links, names
from k3py.vpc.kernel.engine import Engine
from k3py.vpc.kernel.events import Events
from k3py.vpc.kernel.locks import Locks
from k3py.vpc.kernel.maps import BPFFS
from k3py.vpc.kernel.notices import Notice, notice
from k3py.vpc.kernel.reset import pins_folder, remove_everything
from k3py.vpc.kernel.ruleset import DnatRule
from k3py.vpc.kernel.runner import Runner
from k3py.vpc.kernel.services_port import NamespaceTable
from k3py.vpc.kernel.watch import Watch
from k3py.vpc.ports import Attached, NetworkProblem, OnDrop
from k3py.vpc.wanted import NODE_POD, NodeConfig, Wanted

T = TypeVar("T")
# What no message tells of (pins, map entries, rules, sysctls) is looked at this often.
RECHECK_SECONDS: Final = 10.0
# Somebody who undoes what we do is not fought with all the machine's power.
REPAIR_PAUSE_SECONDS: Final = 0.05
# Requests that work on the kernel at the same time; more wait.
WORKERS_MAX: Final = 8

_log = logging.getLogger(__name__)


def record_file(state: Path) -> Path:
    """Where the sysctls that we changed are remembered, below the state folder."""
    return state / "vpc" / "sysctls.json"


class KernelNode:
    """``ports.Node`` for the network namespace that the running loop's thread is in.

    ``services``: told which namespace is in which VPC. ``on_drop``: gets the records of dropped packets. ``filters``:
    attach programs as filters (True) or by links (False), whatever the kernel has.
    """

    def __init__(
        self,
        config: NodeConfig,
        state: Path,
        *,
        bpffs: Path = BPFFS,
        services: NamespaceTable | None = None,
        on_drop: OnDrop | None = None,
        filters: bool | None = None,
    ) -> None:
        self._config, self._state, self._bpffs = config, state, bpffs
        self._services, self._on_drop, self._filters = services, on_drop, filters
        self._engine: Engine | None = None
        self._workers: ThreadPoolExecutor | None = None
        self._watch: Watch | None = None
        self._events: Events | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._locks = Locks()
        self._wanted: Wanted | None = None
        self._devices: dict[str, str] = {}
        self._settled = False
        self._node_ports: tuple[DnatRule, ...] = ()
        self._attaching: set[str] = set()
        self._suspects: set[str] = set()
        self._look: Callable[[Wanted], Any] | None = None
        self._wake = asyncio.Event()

    @property
    def runner(self) -> Runner:
        """Carries out what is planned. Raises NetworkProblem: not started."""
        return self._running().runner

    async def start(self) -> None:
        """Take up what an earlier process left, and begin to watch. Raises NetworkProblem."""
        self._workers = ThreadPoolExecutor(WORKERS_MAX, "vpc-kernel")
        folder, record = pins_folder(self._config, self._bpffs), record_file(self._state)
        try:
            self._engine = await self._work(Engine, self._config, folder, record, self._services, self._filters)
        except BaseException:
            self._workers.shutdown(wait=False)
            raise
        self._engine.node_ports = self._node_ports
        if self._on_drop:
            self._events = Events(self._engine.events, self._on_drop)
        self._watch = Watch(self._noticed, self._lost)
        self._tasks = [asyncio.create_task(self._repair()), asyncio.create_task(self._recheck_often())]

    async def stop(self) -> None:
        """Watch no more; the kernel keeps everything, and packets flow on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        async with self._locks.everything():
            for each in (self._watch, self._events):
                if each:
                    each.close()
            if self._engine:
                await self._work(self._engine.close)
            if self._workers:
                self._workers.shutdown()
        self._watch = self._events = self._engine = self._workers = None
        self._tasks = []

    async def converge(self, wanted: Wanted) -> Mapping[str, NetworkProblem]:
        """As the port says."""
        self._learn(wanted)
        async with self._locks.everything():
            problems = await self._work(self._running().converge, wanted)
            self._settled = True
            return problems

    async def attach(self, wanted: Wanted, uid: str) -> Attached:
        """As the port says. The first one makes what the node needs as a whole, unless ``converge`` did."""
        self._learn(wanted)
        if not self._settled:
            await self.recheck()
        async with self._locks.pod(uid):
            self._attaching.add(uid)
            try:
                return await self._work(self._running().attach, wanted, uid)
            finally:
                self._attaching.discard(uid)

    async def detach(self, wanted: Wanted, uid: str) -> None:
        """As the port says."""
        self._learn(wanted)
        async with self._locks.pod(uid):
            await self._work(self._running().detach, wanted, uid)

    def counters(self, uid: str) -> Mapping[Direction, Mapping[Outcome, Total]]:
        """As the port says."""
        return self._running().counters(uid)

    def ifindex(self, uid: str) -> int:
        """As the port says."""
        pod = self._wanted.pods.get(uid) if self._wanted else None
        return links.index(names.device(self._config, pod) if pod else names.host_end(self._config, uid))

    def set_node_ports(self, rules: Sequence[DnatRule]) -> None:
        """These are the services' ports on the node from now on; written soon, without waiting."""
        self._node_ports = tuple(rules)
        if self._engine:
            self._engine.node_ports = self._node_ports
            self._ask(self._engine.write_rules)

    async def recheck(self) -> None:
        """Look at what no message tells of, and repair it. Raises NetworkProblem."""
        wanted, engine = self._wanted, self._running()
        if wanted is None:
            return
        async with self._locks.everything():
            found, more = await self._work(engine.recheck, wanted)
            self._settled = True
        if more:
            await self.converge(self._wanted or wanted)
        self._suspects |= set(found) - self._attaching
        self._wake.set()

    async def remove_all(self) -> None:
        """Everything of this instance away, sysctls as they were; started or not. Raises NetworkProblem."""
        await self.stop()
        self._wanted, self._settled = None, False
        await asyncio.to_thread(remove_everything, self._config, record_file(self._state), self._bpffs)

    def _learn(self, wanted: Wanted) -> None:
        if wanted is self._wanted:
            return
        self._wanted = wanted
        if self._engine:
            self._engine.latest = wanted
        self._devices = {names.device(self._config, each): uid for uid, each in wanted.pods.items()}
        if NODE_POD in wanted.pods:
            self._devices[names.node_end(self._config)] = NODE_POD

    def _running(self) -> Engine:
        if self._engine is None:
            raise NetworkProblem(NOT_READY, "the kernel side is not started")
        return self._engine

    async def _work(self, work: Callable[..., T], *arguments: Any) -> T:
        """In a thread. Who is cancelled waits for it still: the kernel is not left to two at a time."""
        working = asyncio.get_running_loop().run_in_executor(self._workers, work, *arguments)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            while not working.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([working])
            raise

    def _noticed(self, message: Any) -> None:
        found = notice(self._config, self._devices, message)
        if found is None:
            return
        uid = self._devices.get(found.device or _name(found.index))
        if uid is None and found != Notice():
            return
        if uid is None:
            self._ask(self._running().recheck)
        elif uid not in self._attaching:
            self._suspects.add(uid)
            self._wake.set()

    def _lost(self) -> None:
        """Some messages were dropped, so anything may have changed."""
        self._ask(self._running().converge)

    def _ask(self, look: Callable[[Wanted], Any]) -> None:
        """Have this done soon, or what does more and is asked for already."""
        engine = self._running()
        more: list[Callable[[Wanted], Any]] = [engine.write_rules, engine.recheck, engine.converge]
        self._look = max((self._look or look, look), key=lambda each: more.index(each))
        self._wake.set()

    async def _repair(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            look, self._look = self._look, None
            uids, self._suspects = self._suspects, set()
            wanted = self._wanted
            if wanted is None:
                continue
            if look:
                async with self._locks.everything():
                    await self._attempt(look, self._wanted or wanted)
            await asyncio.gather(*(self._repair_pod(uid) for uid in sorted(uids)))
            await asyncio.sleep(REPAIR_PAUSE_SECONDS)

    async def _repair_pod(self, uid: str) -> None:
        async with self._locks.pod(uid):
            wanted = self._wanted
            if wanted and uid in wanted.pods:
                await self._attempt(self._running().attach, wanted, uid)

    async def _attempt(self, work: Callable[..., Any], *arguments: Any) -> None:
        """The next re-check tries again what fails."""
        try:
            await self._work(work, *arguments)
        except NetworkProblem as problem:
            _log.warning("not repaired: %s", problem)
        except Exception:
            _log.exception("not repaired")

    async def _recheck_often(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await self._attempt_all()

    async def _attempt_all(self) -> None:
        try:
            await self.recheck()
        except NetworkProblem as problem:
            _log.warning("not repaired: %s", problem)
        except Exception:
            _log.exception("not repaired")


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index) if index else ""
    except OSError:
        return ""
