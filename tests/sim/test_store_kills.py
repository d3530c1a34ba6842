"""A server is killed at every single step of a short life, one world per step; nothing is lost in any of them."""

import asyncio
from collections.abc import Sequence

from k3py.base.virtual_loop import current_life
from k3py.store.records import Change, Record, restamped
from k3py.store.sealing import KeyRing
from k3py.store.store import Store
from tests.sim.log import LogFaults, SharedLog, SimLog
from tests.sim.store_clients import Clients
from tests.sim.store_servers import COLLECTIONS, LIMITS, PODS, SECRETS, VOLATILE_NAMESPACE, Servers, is_volatile
from tests.sim.truth import Truth
from tests.sim.world import FAIR, Process, World


class ShortLife:
    """One server, which does a few writes and may be killed at its step ``kill_at``; then another one looks."""

    def __init__(self, kill_at: int | None) -> None:
        self.world = World(1, FAIR)
        self.keys = KeyRing({"1": b"k" * 32}, "1", lambda size: self.world.random.randbytes(size))
        self.truth = Truth(self.keys, is_volatile)
        self.shared = SharedLog(self.world, LogFaults(), self.truth.applied)
        self.clients = Clients(Servers(self.shared, self.keys, Store, SimLog), self.truth)
        self.kill_at = kill_at
        self.steps = 0
        self.acknowledged: list[tuple[Record, str]] = []
        self.victim = Process(1, "victim")
        self.world.loop.before_step = self._before_step

    def _before_step(self) -> None:
        self.steps += 1
        if self.steps == self.kill_at:
            self.world.kill(self.victim)

    def _store(self) -> Store:
        log = SimLog(self.shared)
        return Store(log, COLLECTIONS, self.world.clock, self.keys, limits=LIMITS)

    async def _live(self) -> None:
        assert current_life() is self.victim.life
        store = self._store()
        await store.open()
        pod = await self._write(store, PODS, "blue", "a")
        pod = await self._write(store, PODS, "blue", "a")
        await self._write(store, SECRETS, "blue", "s")
        await self._write(store, "leases", VOLATILE_NAMESPACE, "n1")

        def tombstone(revision: int) -> bytes:
            self.truth.give(revision, "deletion")
            return restamped(pod.raw, revision)

        gone = await store.delete(PODS, "blue", "a", pod.revision, tombstone)
        self.acknowledged.append((gone, "deletion"))
        await self._write(store, PODS, "blue", "b")
        await store.close()

    async def _write(self, store: Store, collection: str, namespace: str, name: str) -> Record:
        operation = self.clients._next_operation()
        record = await self.clients._putting(store, (collection, namespace, name), operation)()
        self.acknowledged.append((record, operation))
        return record

    async def _story(self) -> None:
        self.world.start(self.victim, self._live())
        await asyncio.sleep(60)
        lived = self.steps
        self.kill_at = None
        store = self._store()
        await store.open()
        for record, operation in self.acknowledged:
            self.truth.acknowledge(record, operation)
        for collection in COLLECTIONS:
            self.truth.check_listing(collection.name, None, store.revision, store.list(collection.name, None))
        heard: list[Change] = []

        def deliver(changes: Sequence[Change]) -> None:
            heard.extend(changes)

        store.watch(PODS, None, 0, deliver)
        facts = self.truth.line(PODS).facts
        assert [(c.revision, c.type) for c in heard] == [(f.revision, f.type) for f in facts]
        await store.close()
        self.steps = lived

    def run(self) -> None:
        self.world.run(self._story())


def test_a_kill_at_any_step_loses_nothing() -> None:
    whole = ShortLife(None)
    whole.run()
    assert len(whole.acknowledged) == 6
    counts = set()
    for step in range(1, whole.steps):
        life = ShortLife(step)
        life.run()
        counts.add(len(life.acknowledged))
    assert counts == set(range(7)), "it was killed between any two of its writes"
