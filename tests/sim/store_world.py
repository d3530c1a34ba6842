"""Servers with a store, clients that write and watchers that listen, in a world where everything may break.

The story of a seed: a time of chaos in which servers die, are overtaken and come back, while the log fails in all its
ways; then fair weather, in which everything must settle. The truth is read off the log; every answer, listing and
event is compared with it the moment it is seen outside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import orjson

from k3py.store.collections import Collection
from k3py.store.errors import (
    AlreadyExistsInStore,
    CannotOpen,
    LogFailed,
    NotOpen,
    Overloaded,
    Stale,
    StoreError,
    TooOld,
)
from k3py.store.limits import Limits
from k3py.store.records import Change, Encoded, Record, restamped
from k3py.store.sealing import KeyRing
from k3py.store.store import Store
from k3py.store.watches import Watch
from k3py.store.writes import Create, Operation, Replace
from tests.sim.log import LogFaults, SharedLog, SimLog
from tests.sim.truth import SELECTED, Place, Truth, transition
from tests.sim.world import FAIR, Lost, Process, Violation, Weather, World

CHAOS_SECONDS = 45.0
SETTLING_SECONDS = 60.0
CLIENTS = 10
THINK_SECONDS_MAX = 0.15
TAIL_ENTRIES = 12
VOLATILE_NAMESPACE = "heartbeats"

PODS, SECRETS, EVENTS, LEASES = "pods", "secrets", "events", "leases"
TTL_SECONDS = 6.0
COLLECTIONS = (
    Collection(PODS, ring_entries=16, tail_entries=TAIL_ENTRIES),
    Collection(SECRETS, ring_entries=40, tail_entries=TAIL_ENTRIES, sealed=True),
    Collection(EVENTS, ring_entries=40, tail_entries=TAIL_ENTRIES, ttl_seconds=TTL_SECONDS),
    Collection(LEASES, ring_entries=40, tail_entries=TAIL_ENTRIES, volatile=lambda ns: ns == VOLATILE_NAMESPACE),
)
NAMES = ("a", "b", "c", "d")
NAMESPACES = dict.fromkeys((PODS, SECRETS, EVENTS), ("blue", "green")) | {LEASES: ("blue", VOLATILE_NAMESPACE)}
LIMITS = Limits(
    revision_chunk=200,
    waiting_writes=40,
    batch_writes=4,
    batch_seconds_max=3.0,
    snapshots=4,
    snapshot_seconds=5.0,
    expiry_batch=3,
)
CHAOS = Weather(slow_call=0.05, kill_per_step=1 / 4_000)
FAULTS = LogFaults(bad_write=0.01, bad_open=0.1)


def is_volatile(place: Place) -> bool:
    return place[0] == LEASES and place[1] == VOLATILE_NAMESPACE


class Server(Process):
    """A process with a store."""

    store: Store

    @property
    def is_ready(self) -> bool:
        return self.is_alive and self.ready

    ready = False


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


class StoreWorld:
    """One seed's world. ``store_type`` and ``log_type`` let tests plant bugs."""

    def __init__(self, seed: int, store_type: type[Store] = Store, log_type: type[SimLog] = SimLog) -> None:
        self.world = World(seed, CHAOS)
        self.store_type = store_type
        self.log_type = log_type
        self.keys = KeyRing({"1": b"k" * 32}, "1", lambda size: self.world.random.randbytes(size))
        self.truth = Truth(self.keys, is_volatile)
        self.shared = SharedLog(self.world, FAULTS, self.truth.applied)
        self.chaos = True
        self.operations = 0
        self.acknowledged = 0
        self.unwritten: set[str] = set()
        self.server_count = 0
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
        work = [self._supervise(), *(self._client() for _ in range(CLIENTS)), *map(self._watch_for_ever, self.watchers)]
        tasks = [asyncio.ensure_future(each) for each in work]
        await self._run_for(CHAOS_SECONDS, tasks)
        self.chaos = False
        self.world.weather, self.shared.faults = FAIR, LogFaults()
        await self._run_for(SETTLING_SECONDS / 2, [*tasks, asyncio.ensure_future(self._probe())])
        await self._run_for(SETTLING_SECONDS / 2, tasks)
        self._check_settled()
        for task in tasks:
            task.cancel()

    async def _run_for(self, seconds: float, tasks: list["asyncio.Task[None]"]) -> None:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    # --- servers ---

    async def _supervise(self) -> None:
        """Somebody always starts a server; in chaos also while another one lives."""
        while True:
            living = self.world.alive()
            if not living or (self.chaos and self.world.chance(0.1)):
                self._start_server()
            if not self.chaos:
                for old in living[:-1]:  # overtaken ones that nobody has noticed
                    self.world.kill(old)
            await asyncio.sleep(self.world.random.uniform(0.2, 3.0))

    def _start_server(self) -> None:
        self.server_count += 1
        server = Server(self.server_count, "server")
        self.world.start(server, self._serve(server))

    async def _serve(self, server: Server) -> None:
        store = self.store_type(
            self.log_type(self.shared),
            COLLECTIONS,
            self.world.clock,
            self.keys,
            limits=LIMITS,
            on_fatal=lambda why: self.world.kill(server),
        )
        try:
            await store.open()
        except (CannotOpen, LogFailed):
            self.world.kill(server)
            return
        server.store, server.ready = store, True
        while self.chaos:
            await asyncio.sleep(self.world.random.uniform(1, 20))
            if self.chaos and self.world.chance(0.2):
                await store.close()
                self.world.kill(server)

    def _some_server(self) -> Server | None:
        ready = [p for p in self.world.alive() if isinstance(p, Server) and p.is_ready]
        if not ready:
            return None
        return self.world.random.choice(ready) if self.world.chance(0.2) else ready[-1]

    # --- clients ---

    async def _client(self) -> None:
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
        while self.chaos:
            await asyncio.sleep(self.world.random.uniform(0, THINK_SECONDS_MAX))
            server = self._some_server()
            if server is not None:
                await self.world.random.choice(actions)(server)

    async def _probe(self) -> None:
        """Writes in fair weather succeed: at the latest when the servers that were overtaken have noticed it."""
        last = None
        until = self.world.loop.time() + SETTLING_SECONDS / 2 - 1
        while self.world.loop.time() < until:
            await asyncio.sleep(1.0)
            server = self._some_server()
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
        await self._listing(server, collection, namespace)

    async def _listing(self, server: Server, collection: str, namespace: str | None) -> tuple[int, Sequence[Record]]:
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
        revision, first = await self._listing(server, PODS, None)
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

    # --- watchers ---

    async def _watch_for_ever(self, watcher: Watcher) -> None:
        while True:
            server = self._some_server()
            if server is None:
                await asyncio.sleep(0.2)
            elif watcher.position is None:
                await self._start_over(watcher, server)
            else:
                await self._listen(watcher, server)

    async def _start_over(self, watcher: Watcher, server: Server) -> None:
        revision, records = await self._listing(server, watcher.collection, watcher.namespace)
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
        while server.is_alive and (world.loop.time() < until or not self.chaos):
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
            self._compare(watcher, record.revision, (record.revision, heard))
        watcher.position = record.revision
        watcher.heard += 1

    def _compare(self, watcher: Watcher, upto: int, last: tuple[int, object] | None) -> None:
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

    # --- the end ---

    def _check_settled(self) -> None:
        server = self._some_server()
        if server is None or server.store is None:
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
            self._compare(watcher, 1 << 62, None)
        for revision, operation in self.truth.operations.items():
            if operation in self.unwritten:
                raise Violation(f"{operation} was said not to be written, and is, at {revision}")
