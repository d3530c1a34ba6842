"""The last changes of one collection, for watches that resume: bounded in entries and in bytes."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from k3py.store.errors import TooOld
from k3py.store.records import Change, Record

# What a change costs beside its object's bytes: the objects, their headers, the slot (measured, rounded up).
CHANGE_OVERHEAD_BYTES: Final = 512


class Ring:
    """Changes in the order of their revisions. ``floor``: everything after this revision is here.

    A change holds the record before it, too. Each record is reckoned once: with its own change while that is kept,
    then with the change that displaced it.
    """

    def __init__(self, entries_max: int, bytes_max: int, floor: int = 0) -> None:
        self.floor = floor
        self._entries_max = entries_max
        self._bytes_max = bytes_max
        self._changes: deque[Change] = deque()
        self._displaced: set[int] = set()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._changes)

    @property
    def size_bytes(self) -> int:
        """What the kept changes are reckoned to hold."""
        return self._bytes

    def append(self, change: Change) -> None:
        """Keep a change, newer than all before it; the oldest go when a bound is passed."""
        self._changes.append(change)
        self._bytes += cost(change)
        previous = change.previous
        if isinstance(previous, Record):
            if previous.revision > self.floor:
                self._displaced.add(previous.revision)
            else:
                self._bytes += len(previous.raw)
        while self._changes and (len(self._changes) > self._entries_max or self._bytes > self._bytes_max):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._changes.popleft()
        self._bytes -= cost(oldest)
        if isinstance(oldest.previous, Record):
            self._bytes -= len(oldest.previous.raw)
        if oldest.revision in self._displaced:  # the change that displaced it holds it still
            self._displaced.discard(oldest.revision)
            self._bytes += len(oldest.record.raw)
        self.floor = oldest.revision

    def since(self, revision: int) -> Sequence[Change]:
        """All changes after ``revision``, oldest first; the time it takes goes with their number.

        Raises:
            TooOld: some of them are no longer kept.
        """
        if revision < self.floor:
            raise TooOld(f"too old resource version: {revision} ({self.floor})")
        found = []
        for change in reversed(self._changes):
            if change.revision <= revision:
                break
            found.append(change)
        found.reverse()
        return found


def cost(change: Change) -> int:
    """Bytes a kept change is reckoned with."""
    return len(change.record.raw) + CHANGE_OVERHEAD_BYTES
