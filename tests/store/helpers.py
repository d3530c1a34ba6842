"""What the store's tests share: objects as bytes, logs that wait or fail when told to, stores that are open."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import orjson

from k3py.base.clock import Clock, LoopClock
from k3py.store.collections import Collection
from k3py.store.errors import LogFailed
from k3py.store.limits import Limits
from k3py.store.log import Put
from k3py.store.memory_log import MemoryLog, MemoryMedium
from k3py.store.records import Change, Encoded, Record, restamped
from k3py.store.sealing import Sealer
from k3py.store.store import Store

PODS = Collection("pods", ring_entries=100, tail_entries=10)
NODES = Collection("nodes")
LEASES = Collection("leases", volatile=lambda namespace: namespace == "kube-node-lease")
EVENTS = Collection("events", ttl_seconds=3600.0)
SECRETS = Collection("secrets", sealed=True)


def pod(name: str, labels: Mapping[str, str] | None = None, **more: object) -> Callable[[int], Encoded]:
    """Encodes a pod of this name at the revision it is given."""

    def encode(revision: int) -> Encoded:
        body = {"metadata": {"name": name, "resourceVersion": str(revision)}, **more}
        return Encoded(orjson.dumps(body), f"uid-{name}", labels or {}, ("node-1",))

    return encode


def tombstone(record: Record) -> Callable[[int], bytes]:
    return lambda revision: restamped(record.raw, revision)


class GatedLog(MemoryLog):
    """A log whose writes wait at a gate. ``batches``: what was written; ``failure``: what the next write raises."""

    def __init__(self, medium: MemoryMedium | None = None) -> None:
        super().__init__(medium)
        self.gate = asyncio.Event()
        self.gate.set()
        self.batches: list[tuple[dict[bytes, bytes | None], int]] = []
        self.failure: LogFailed | None = None
        self.under_way = 0

    async def write(self, rows: Sequence[Put], sequence: int) -> None:
        self.under_way += 1
        assert self.under_way == 1
        try:
            await self.gate.wait()
            if self.failure is not None:
                raise self.failure
            await super().write(rows, sequence)
            self.batches.append((dict(rows), sequence))
        finally:
            self.under_way -= 1


@asynccontextmanager
async def opened(
    log: MemoryLog | None = None,
    *collections: Collection,
    clock: Clock | None = None,
    sealer: Sealer | None = None,
    limits: Limits | None = None,
    on_fatal: Callable[[str], None] = lambda why: None,
) -> AsyncIterator[Store]:
    """An open store with pods, nodes and leases, or with the collections that are given."""
    store = Store(
        MemoryLog() if log is None else log,
        collections or (PODS, NODES, LEASES),
        clock or LoopClock(asyncio.get_running_loop()),
        sealer,
        limits=limits,
        on_fatal=on_fatal,
    )
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def turns(count: int = 5) -> None:
    """Let everybody who is ready take some steps."""
    for _ in range(count):
        await asyncio.sleep(0)


class Heard(list[tuple[str, str, int]]):
    """A watch's listener: type, name and revision of each change. ``batches``: how many came at once."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.changes: list[Change] = []

    def __call__(self, changes: Sequence[Change]) -> None:
        self.batches.append(len(changes))
        self.changes.extend(changes)
        self.extend((c.type.value, c.record.name, c.revision) for c in changes)
