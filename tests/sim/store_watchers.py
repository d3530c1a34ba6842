"""Watchers that list, then watch for ever: slow ones, choosy ones, all of them cut off again and again."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from k3py.store.errors import StoreError, TooOld
from k3py.store.records import Change
from k3py.store.watches import Watch
from tests.sim.store_clients import Clients
from tests.sim.store_servers import TAIL_ENTRIES, VOLATILE_NAMESPACE, Server, is_volatile
from tests.sim.truth import SELECTED, Place, transition
from tests.sim.world import Lost, Violation


@dataclass
class Watcher:
    """Somebody who lists and then watches for ever, and where in the history he is."""

    collection: str
    namespace: str | None
    selects: bool
    patience: float
    position: int | None = None
    heard: int = 0
    state: dict[Place, int] = field(default_factory=dict)


class Watchers:
    """What they hear, against the truth."""

    def __init__(self, clients: Clients) -> None:
        self.world = clients.world
        self.servers = clients.servers
        self.truth = clients.truth
        self._clients = clients

    async def watch_for_ever(self, watcher: Watcher) -> None:
        while True:
            server = self.servers.some()
            if server is None:
                await asyncio.sleep(0.2)
            elif watcher.position is None:
                await self._start_over(watcher, server)
            else:
                await self._listen(watcher, server)

    async def _start_over(self, watcher: Watcher, server: Server) -> None:
        revision, records = await self._clients.listing(server, watcher.collection, watcher.namespace)
        if revision:
            watcher.position = revision
            shown = [r for r in records if not watcher.selects or SELECTED in r.labels]
            watcher.state = {(r.collection, r.namespace, r.name): r.revision for r in shown}

    async def _listen(self, watcher: Watcher, server: Server) -> None:
        stream: asyncio.Queue[Change] = asyncio.Queue()
        since = watcher.position
        assert since is not None

        def deliver(changes: Sequence[Change]) -> None:
            for change in changes:
                stream.put_nowait(change)

        async def work() -> Watch:
            return server.store.watch(watcher.collection, watcher.namespace, since, deliver)

        try:
            watch = await self.world.call(server, work)
        except TooOld:
            self._check_too_old(watcher, since)
            watcher.position = None
            return
        except (StoreError, Lost):
            return
        await self._hear(watcher, server, stream)
        if server.is_alive:
            watch.close()

    async def _hear(self, watcher: Watcher, server: Server, stream: "asyncio.Queue[Change]") -> None:
        """Take events, slowly, until the connection breaks; what was under way then is lost."""
        world = self.world
        until = world.loop.time() + world.random.uniform(0.5, 8)
        while server.is_alive and (world.loop.time() < until or not self.servers.chaos):
            try:
                async with asyncio.timeout(1.0):
                    change = await stream.get()
            except TimeoutError:
                continue
            await asyncio.sleep(world.random.uniform(0, watcher.patience))
            self._take(watcher, change)

    def _take(self, watcher: Watcher, change: Change) -> None:
        record = change.record
        place = (record.collection, record.namespace, record.name)
        assert watcher.position is not None
        if record.revision <= watcher.position:
            raise Violation(f"{watcher} hears {change} again")
        self.truth.observe(record)
        frame = b'{"type":"%s","object":%s}\n' % (change.type.value.encode(), record.raw)
        if change.frame() != frame:
            raise Violation(f"{change} has the frame {change.frame()!r}")
        before = None if change.previous is None else change.previous.labels
        heard = transition(change.type, record.labels, before) if watcher.selects else change.type
        if not is_volatile(place):
            self.compare(watcher, record.revision, (record.revision, heard))
        watcher.position = record.revision
        watcher.heard += 1

    def compare(self, watcher: Watcher, upto: int, last: tuple[int, object] | None) -> None:
        """Since its position a watcher must have heard of nothing but ``last``."""
        assert watcher.position is not None
        facts = [
            (fact.revision, fact.seen_by(watcher.selects))
            for fact in self.truth.line(watcher.collection).between(watcher.position, upto)
            if watcher.namespace in (None, fact.place[1])
        ]
        if facts != ([] if last is None else [last]):
            raise Violation(f"{watcher} has heard {last} after {watcher.position}, but there was {facts}")

    def _check_too_old(self, watcher: Watcher, since: int) -> None:
        """A watch may be sent away only when more has happened since than the tail holds."""
        if watcher.namespace == VOLATILE_NAMESPACE:
            return
        missed = len(self.truth.line(watcher.collection).between(since, 1 << 62))
        if missed <= TAIL_ENTRIES:
            raise Violation(f"{watcher} is sent away with {missed} changes to hear: {TAIL_ENTRIES} are kept")
