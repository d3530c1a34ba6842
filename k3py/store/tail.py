"""Which rows of changes the log keeps, so that watches resume after a restart: bounded per collection.

Each collection has its own bound, so that a storm of Events cannot push out the Pods.
"""

from collections import deque
from typing import Final

from k3py.store.keys import change_key, floor_key
from k3py.store.log import Put
from k3py.store.records import Change
from k3py.store.ring import cost
from k3py.store.rows import number_row

# A tail is trimmed when it is over its bound by this part of it: one deletion per change either way, but the row that
# tells the floor is written once per step instead of once per batch.
TRIM_STEP: Final = 1 / 8


class Tail:
    """Revisions and sizes of one collection's durable changes, oldest first."""

    def __init__(self, collection: str, entries_max: int, bytes_max: int, floor: int = 0) -> None:
        """``floor``: everything after this revision is in the log."""
        self.floor = floor
        self._collection = collection
        self._entries_max = entries_max
        self._entries_trim = entries_max + int(entries_max * TRIM_STEP)
        self._bytes_max = bytes_max
        self._revisions: deque[int] = deque()
        self._sizes: deque[int] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._revisions)

    def keeps(self, revision: int) -> bool:
        """Whether the change of this revision, once made to the collection, is still in the log."""
        return revision > self.floor

    def add(self, change: Change) -> None:
        """A change whose row goes into the log with the next batch."""
        size = cost(change)
        self._revisions.append(change.revision)
        self._sizes.append(size)
        self._bytes += size

    def trim(self) -> list[Put]:
        """What to write so that the tail is within its bounds again; nothing while it is not over them by a step."""
        if len(self) <= self._entries_trim and self._bytes <= self._bytes_max:
            return []
        return self._drop_to(self._entries_max, self._bytes_max - int(self._bytes_max * TRIM_STEP))

    def drop_all(self, floor: int) -> list[Put]:
        """What to write when the collection is no more: no change up to ``floor`` can be resumed from."""
        rows = self._drop_to(0, 0)
        self.floor = floor
        return [*rows, (floor_key(self._collection), number_row(floor))]

    def _drop_to(self, entries: int, size: int) -> list[Put]:
        rows: list[Put] = []
        while self._revisions and (len(self) > entries or self._bytes > size):
            self.floor = self._revisions.popleft()
            self._bytes -= self._sizes.popleft()
            rows.append((change_key(self.floor), None))
        rows.append((floor_key(self._collection), number_row(self.floor)))
        return rows
