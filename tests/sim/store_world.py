"""Servers with a store, clients that write and watchers that listen, in a world where everything may break.

The story of a seed: a time of chaos in which servers die, are overtaken and come back, while the log fails in all its
ways; then fair weather, in which everything must settle. The truth is read off the log; every answer, listing and
event is compared with it the moment it is seen outside.
"""

import asyncio

from k3py.store.sealing import KeyRing
from k3py.store.store import Store
from tests.sim.log import LogFaults, SharedLog, SimLog
from tests.sim.store_clients import NAMESPACES, Clients
from tests.sim.store_servers import COLLECTIONS, EVENTS, LEASES, PODS, SECRETS, VOLATILE_NAMESPACE, Servers, is_volatile
from tests.sim.store_watchers import Watcher, Watchers
from tests.sim.truth import Truth
from tests.sim.world import FAIR, Violation, Weather, World

CHAOS_SECONDS = 45.0
SETTLING_SECONDS = 60.0
CLIENTS = 10
CHAOS = Weather(slow_call=0.05, kill_per_step=1 / 4_000)
FAULTS = LogFaults(bad_write=0.01, bad_open=0.1)


class StoreWorld:
    """One seed's world. ``store_type`` and ``log_type`` let tests plant bugs."""

    def __init__(self, seed: int, store_type: type[Store] = Store, log_type: type[SimLog] = SimLog) -> None:
        self.world = World(seed, CHAOS)
        keys = KeyRing({"1": b"k" * 32}, "1", lambda size: self.world.random.randbytes(size))
        self.truth = Truth(keys, is_volatile)
        self.shared = SharedLog(self.world, FAULTS, self.truth.applied)
        self.servers = Servers(self.shared, keys, store_type, log_type)
        self.clients = Clients(self.servers, self.truth)
        self.listening = Watchers(self.clients)
        self.watchers = [
            Watcher(PODS, None, selects=False, patience=0.01),
            Watcher(PODS, None, selects=False, patience=0.8),
            Watcher(PODS, "blue", selects=True, patience=0.3),
            Watcher(SECRETS, None, selects=True, patience=0.05),
            Watcher(EVENTS, "green", selects=False, patience=0.05),
            Watcher(LEASES, "blue", selects=False, patience=0.05),
            Watcher(LEASES, VOLATILE_NAMESPACE, selects=False, patience=0.01),
        ]

    def run(self) -> None:
        """Tell the story.

        Raises:
            Violation: what must never happen has happened.
        """
        self.world.run(self._story())

    async def _story(self) -> None:
        watching = map(self.listening.watch_for_ever, self.watchers)
        work = [self.servers.supervise(), *(self.clients.one() for _ in range(CLIENTS)), *watching]
        tasks = [asyncio.ensure_future(each) for each in work]
        await self._run_for(CHAOS_SECONDS, tasks)
        self.servers.chaos = False
        self.world.weather, self.shared.faults = FAIR, LogFaults()
        probing = asyncio.ensure_future(self.clients.probe(SETTLING_SECONDS / 2 - 1))
        await self._run_for(SETTLING_SECONDS / 2, [*tasks, probing])
        await self._run_for(SETTLING_SECONDS / 2, [*tasks, probing])
        self._check_settled()
        for task in tasks:
            task.cancel()

    async def _run_for(self, seconds: float, tasks: list["asyncio.Task[None]"]) -> None:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    def _check_settled(self) -> None:
        server = self.servers.some()
        if server is None:
            raise Violation("no server is ready in fair weather")
        store = server.store
        for collection in COLLECTIONS:
            for namespace in (None, *NAMESPACES[collection.name]):
                records = store.list(collection.name, namespace)
                self.truth.check_listing(collection.name, namespace, store.revision, records)
        if len(store.list(EVENTS, None)):
            raise Violation(f"events have not expired: {store.list(EVENTS, None)}")
        for watcher in self.watchers:
            if watcher.position is None:
                raise Violation(f"{watcher} does not watch in fair weather")
            self.listening.compare(watcher, 1 << 62, None)
        for revision, operation in self.truth.operations.items():
            if operation in self.clients.unwritten:
                raise Violation(f"{operation} was said not to be written, and is, at {revision}")
