"""Clients that write and read, and compare every answer with the truth."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import orjson

from k3py.store.errors import AlreadyExistsInStore, NotOpen, Overloaded, Stale, StoreError, TooOld
from k3py.store.records import Encoded, Record, restamped
from k3py.store.store import Store
from k3py.store.writes import Create, Operation, Replace
from tests.sim.store_servers import EVENTS, LEASES, PODS, SECRETS, VOLATILE_NAMESPACE, Server, Servers
from tests.sim.truth import SELECTED, Place, Truth
from tests.sim.world import Lost, Violation

THINK_SECONDS_MAX = 0.15
NAMES = ("a", "b", "c", "d")
NAMESPACES = dict.fromkeys((PODS, SECRETS, EVENTS), ("blue", "green")) | {LEASES: ("blue", VOLATILE_NAMESPACE)}


class Clients:
    """What they do, and what they were told."""

    def __init__(self, servers: Servers, truth: Truth) -> None:
        self.world = servers.world
        self.servers = servers
        self.truth = truth
        self.operations = 0
        self.acknowledged = 0
        self.unwritten: set[str] = set()

    async def one(self) -> None:
        actions = (
            self._put,
            self._put,
            self._put,
            self._create,
            self._delete,
            self._replace_old,
            self._put_many,
            self._refuse_by_itself,
            self._list,
            self._page,
        )
        while self.servers.chaos:
            await asyncio.sleep(self.world.random.uniform(0, THINK_SECONDS_MAX))
            server = self.servers.some()
            if server is not None:
                await self.world.random.choice(actions)(server)

    async def probe(self, seconds: float) -> None:
        """Writes in fair weather succeed: at the latest when the servers that were overtaken have noticed it."""
        last = None
        until = self.world.loop.time() + seconds
        while self.world.loop.time() < until:
            await asyncio.sleep(1.0)
            server = self.servers.some()
            if server is not None:
                operation, place = self._next_operation(), (PODS, "blue", "probe")
                last = await self._answered(server, operation, self._putting(server.store, place, operation))
        if last is None:
            raise Violation("writes do not succeed in fair weather")

    def _putting(self, store: Store, place: Place, operation: str) -> Callable[[], Awaitable[Record]]:
        """Create or replace, as the server's latest view has it."""
        encode = self._encode(place, operation)

        async def work() -> Record:
            latest = store.latest(*place)
            if latest is None:
                return await store.create(*place, encode)
            return await store.replace(*place, latest.revision, encode)

        return work

    def _some_place(self) -> Place:
        choice = self.world.random.choice
        collection = choice((PODS, PODS, SECRETS, EVENTS, LEASES))
        return collection, choice(NAMESPACES[collection]), choice(NAMES)

    def _next_operation(self) -> str:
        self.operations += 1
        return f"operation-{self.operations}"

    def _encode(self, place: Place, operation: str) -> Callable[[int], Encoded]:
        labels = {SELECTED[0]: self.world.random.choice(("red", "black"))}

        def encode(revision: int) -> Encoded:
            self.truth.give(revision, operation)
            body = {"metadata": {"name": place[2], "resourceVersion": str(revision)}, "operation": operation}
            return Encoded(orjson.dumps(body), f"uid-{place[2]}", labels, (place[2],))

        return encode

    async def _answered(self, server: Server, operation: str, work: Callable[[], Awaitable[Record]]) -> Record | None:
        """The record a write came to; what was refused or is unknown gives None, after a look at what was said."""
        try:
            record = await self.world.call(server, work)
        except (NotOpen, Overloaded):
            self.unwritten.add(operation)
            return None
        except (StoreError, Lost):
            return None
        self.acknowledged += 1
        self.truth.acknowledge(record, operation)
        return record

    async def _put(self, server: Server) -> None:
        place, operation = self._some_place(), self._next_operation()
        await self._answered(server, operation, self._putting(server.store, place, operation))

    async def _create(self, server: Server) -> None:
        place, operation = self._some_place(), self._next_operation()

        async def work() -> Record:
            try:
                return await server.store.create(*place, self._encode(place, operation))
            except AlreadyExistsInStore as refusal:
                self.world.post(self.world.delay(), self.truth.refuse_taken, place, refusal.revision)
                raise

        await self._answered(server, operation, work)

    async def _delete(self, server: Server) -> None:
        place, operation = self._some_place(), self._next_operation()
        store = server.store

        async def work() -> Record:
            latest = store.latest(*place)
            if latest is None:
                raise Stale("there is nothing")

            def tombstone(revision: int) -> bytes:
                self.truth.give(revision, operation)
                return restamped(latest.raw, revision)

            return await store.delete(*place, latest.revision, tombstone)

        await self._answered(server, operation, work)

    async def _replace_old(self, server: Server) -> None:
        """Somebody read, thought for a while, and now writes at the version that he has read."""
        place, operation = self._some_place(), self._next_operation()
        store = server.store

        async def read() -> Record | None:
            return store.get(*place)

        try:
            record = await self.world.call(server, read)
        except Lost:
            return
        if record is None:
            return
        self.truth.observe(record)
        expected = record.revision
        await asyncio.sleep(self.world.random.uniform(0, 0.5))

        async def work() -> Record:
            try:
                return await store.replace(*place, expected, self._encode(place, operation))
            except Stale:
                self.world.post(self.world.delay(), self.truth.refuse_stale, place, expected)
                raise

        await self._answered(server, operation, work)

    async def _put_many(self, server: Server) -> None:
        places = [self._some_place() for _ in range(3)]
        names = [self._next_operation() for _ in places]
        store = server.store

        async def work() -> list[Record | StoreError]:
            operations: list[Operation] = []
            for place, name in zip(places, names, strict=True):
                latest = store.latest(*place)
                encode = self._encode(place, name)
                replace = latest is not None
                operations.append(Replace(*place, latest.revision, encode) if replace else Create(*place, encode))
            return await store.write_many(operations)

        try:
            outcomes = await self.world.call(server, work)
        except Lost:
            return
        for outcome, name in zip(outcomes, names, strict=True):
            if isinstance(outcome, Record):
                self.acknowledged += 1
                self.truth.acknowledge(outcome, name)
            elif isinstance(outcome, NotOpen | Overloaded):
                self.unwritten.add(name)

    async def _refuse_by_itself(self, server: Server) -> None:
        """A layer above looks at the latest version, pending or not, and refuses: after `settled` that must hold."""
        place = self._some_place()
        store = server.store

        async def work() -> int | None:
            latest = store.latest(*place)
            await store.settled()
            return None if latest is None else latest.revision

        try:
            revision = await self.world.call(server, work)
        except (StoreError, Lost):
            return
        if revision is not None:
            self.truth.refuse_taken(place, revision)

    async def _list(self, server: Server) -> None:
        collection = self._some_place()[0]
        namespace = self.world.random.choice((None, *NAMESPACES[collection]))
        await self.listing(server, collection, namespace)

    async def listing(self, server: Server, collection: str, namespace: str | None) -> tuple[int, Sequence[Record]]:
        store = server.store

        async def work() -> tuple[int, Sequence[Record]]:
            return store.snapshot(collection, namespace)

        try:
            revision, records = await self.world.call(server, work)
        except Lost:
            return 0, ()
        for record in records:
            self.truth.observe(record)
        self.truth.check_listing(collection, namespace, revision, records)
        return revision, records

    async def _page(self, server: Server) -> None:
        """A client that lists in pages gets the same listing again, or is told that it has gone."""
        revision, first = await self.listing(server, PODS, None)
        if not revision:
            return
        await asyncio.sleep(self.world.random.uniform(0, 4))

        async def work() -> Sequence[Record]:
            return server.store.list_at(PODS, None, revision)

        try:
            second = await self.world.call(server, work)
        except (Lost, TooOld):
            return
        if tuple(first) != tuple(second):
            raise Violation(f"the listing at {revision} has changed between its pages")
