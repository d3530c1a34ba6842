"""Ends the records whose time is over."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from k3py.base.clock import Clock
from k3py.store.errors import NotOpen, OutcomeUnknown, Overloaded
from k3py.store.expiry import Due, Expiry
from k3py.store.records import Record, restamped
from k3py.store.writes import Delete, Operation, Outcomes

# Records that end within this time end together, in one batch.
STEP_SECONDS: Final = 1.0
# A collection that begins to expire while another one's end is far is noticed after this time.
SLEEP_SECONDS_MAX: Final = 60.0


class Records(Protocol):
    """What it needs of the store."""

    def latest(self, collection: str, namespace: str, name: str) -> Record | None: ...

    async def write_many(self, operations: Sequence[Operation]) -> Outcomes: ...


class Expirer:
    """The loop over all collections that expire."""

    def __init__(self, records: Records, clock: Clock, batch_max: int) -> None:
        self.collections: dict[str, Expiry] = {}
        self._records = records
        self._clock = clock
        self._batch_max = batch_max
        self._wake = asyncio.Event()

    def written(self, record: Record, age: float = 0.0) -> None:
        """A record that may expire was written, ``age`` seconds ago."""
        expiry = self.collections.get(record.collection)
        if expiry is None:
            return
        now = self._clock.monotonic()
        expiry.written(record.collection, record.namespace, record.name, record.revision, now, age)
        self._wake.set()

    async def run(self) -> None:
        """End records for ever; returns when the store takes no more writes."""
        while True:
            moments = [at for at in (e.next_at() for e in self.collections.values()) if at is not None]
            if not moments:
                self._wake.clear()
                await self._wake.wait()
                continue
            delay = min(moments) - self._clock.monotonic()
            if delay > 0:
                await asyncio.sleep(min(max(delay, STEP_SECONDS), SLEEP_SECONDS_MAX))
                continue
            if not await self._step():
                return

    async def _step(self) -> bool:
        now = self._clock.monotonic()
        for expiry in list(self.collections.values()):
            ended = [due for due in expiry.take(now, self._batch_max) if self._is_last_write(due)]
            results = await self._records.write_many([_deletion(self._records, due) for due in ended])
            for due, result in zip(ended, results, strict=True):
                if isinstance(result, Overloaded):
                    expiry.put_back(due)
                elif isinstance(result, NotOpen | OutcomeUnknown):
                    return False
        return True

    def _is_last_write(self, due: Due) -> bool:
        record = self._records.latest(due.collection, due.namespace, due.name)
        return record is not None and record.revision == due.revision


def _deletion(records: Records, due: Due) -> Operation:
    record = records.latest(due.collection, due.namespace, due.name)
    assert record is not None
    raw = record.raw
    return Delete(due.collection, due.namespace, due.name, due.revision, lambda revision: restamped(raw, revision))
