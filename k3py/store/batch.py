"""What is written together: the writes of one batch, and the rows they come to."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from k3py.store.errors import OutcomeUnknown, StoreError
from k3py.store.keys import change_key, registry_key
from k3py.store.log import Put
from k3py.store.records import Change, ChangeType, Record
from k3py.store.rows import change_row, record_row
from k3py.store.sealing import Sealer
from k3py.store.shelf import Shelf


class Write:
    """One write on its way. ``done`` gets the record when it is durable and visible.

    ``written_at``: wall-clock seconds, 0 for collections that do not expire. ``displaced``: the record before.
    """

    __slots__ = ("change", "displaced", "done", "durable", "shelf", "written_at")

    def __init__(
        self,
        shelf: Shelf,
        change: Change,
        displaced: Record | None,
        written_at: float,
        done: asyncio.Future[Record],
    ) -> None:
        self.shelf = shelf
        self.change = change
        self.displaced = displaced
        self.written_at = written_at
        self.done = done
        self.durable = not shelf.collection.volatile(change.record.namespace)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A write that is not made. When it was decided against pending writes, ``settled`` ends with them."""

    problem: StoreError
    settled: asyncio.Future[None] | None


class Batch:
    """Writes that become durable together. ``waiters`` wait for that, without a write of their own.

    ``extra_rows``: rows that belong to no write (the rest of a collection that was removed).
    """

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.waiters: list[asyncio.Future[None]] = []
        self.extra_rows: list[Put] = []
        self.size_bytes = 0

    def add(self, write: Write) -> None:
        """Take a write in."""
        self.writes.append(write)
        self.size_bytes += len(write.change.record.raw)

    def fail(self, problem: type[StoreError], why: str) -> None:
        """Tell everybody who waits: writers ``problem``, those who only wait that they will never know."""
        for write in self.writes:
            _fail(write.done, problem(why))
        for waiter in self.waiters:
            _fail(waiter, OutcomeUnknown(why))

    def succeed(self) -> None:
        """Hand everybody who waits what they wait for."""
        for write in self.writes:
            if not write.done.done():
                write.done.set_result(write.change.record)
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)


def _fail(future: "asyncio.Future[Any]", problem: StoreError) -> None:
    if not future.done():
        future.set_exception(problem)
        future.exception()  # it has been told, also when nobody listens any more


def rows_of(writes: Sequence[Write], sealer: Sealer | None) -> dict[bytes, bytes | None]:
    """The rows that make the durable ones of the writes durable; empty when all of them are volatile.

    A key that occurs twice has one row, its last; each of its changes has a row of the tail. The tails of the
    collections are trimmed on the way.
    """
    rows: dict[bytes, bytes | None] = {}
    touched: dict[str, Shelf] = {}
    for write in writes:
        if not write.durable:
            continue
        record, shelf = write.change.record, write.shelf
        own_sealer = sealer if shelf.collection.sealed else None
        deleted = write.change.type is ChangeType.DELETED
        rows[registry_key(record.collection, record.namespace, record.name)] = (
            None if deleted else record_row(record, write.written_at, own_sealer)
        )
        displaced = write.displaced
        if displaced is not None and not shelf.tail.keeps(displaced.revision):
            displaced = None
        rows[change_key(record.revision)] = change_row(
            write.change, None if displaced is None else displaced.raw, own_sealer
        )
        shelf.tail.add(write.change)
        touched[shelf.collection.name] = shelf
    for shelf in touched.values():
        rows.update(shelf.tail.trim())
    return rows
