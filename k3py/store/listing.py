"""A collection's records in order, shared block by block with the listing before and after it.

A list of 50,000 that has to be made anew after each write took 0.8 ms of everybody's time, and each reader that was
still on its way kept one of its own, through all of which Python looked for cycles again and again: 60 ms at once with
a hundred readers. So a listing is blocks, and a change makes one block anew.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, Final, overload

from k3py.store.records import Record

Key = tuple[str, str]
"""Namespace and name."""
Block = tuple[Record, ...]

# Records of a new block; one that has grown to twice as many is cut. A change copies one, in two microseconds, and the
# list of all blocks: of 50,000 records there are about as many.
BLOCK_RECORDS: Final = 256


def key_of(record: Record) -> Key:
    """What listings are sorted by."""
    return record.namespace, record.name


class Listing(Sequence[Record]):
    """Committed records of a collection (or one namespace of it), sorted by namespace and name; it never changes.

    The same object is handed out until the collection changes, so a reader may keep what it derives in ``cached``.
    ``revision`` is that of the collection's last change: the contents hold from there up to the store's revision at
    the moment of the call.
    """

    __slots__ = ("_blocks", "_ends", "cached", "revision")

    def __init__(self, records: Iterable[Record] = (), revision: int = 0) -> None:
        """``records`` are in order."""
        found = tuple(records)
        self._set([found[start : start + BLOCK_RECORDS] for start in range(0, len(found), BLOCK_RECORDS)], revision)

    def _set(self, blocks: Sequence[Block], revision: int) -> None:
        self._blocks = blocks
        self._ends = list(accumulate(map(len, blocks)))
        self.revision = revision
        self.cached: Any = None

    def changed(self, changes: Mapping[Key, Record | None], revision: int) -> "Listing":
        """The listing after ``changes``: the record that a key has now, None when it is gone.

        Takes time with the number of changes, and a little with that of blocks.
        """
        blocks = list(self._blocks)
        for key, record in changes.items():
            _put(blocks, key, record)
        made = Listing.__new__(Listing)
        made._set(blocks, revision)
        return made

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return self._between(start, stop) if step == 1 else tuple(self)[index]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"no record {index} of {len(self)}")
        block = bisect_right(self._ends, place)
        return self._blocks[block][place - self._ends[block]]

    def _between(self, start: int, stop: int) -> Sequence[Record]:
        found: list[Record] = []
        block = bisect_right(self._ends, start)
        while start < stop:
            records, end = self._blocks[block], self._ends[block]
            begin = end - len(records)
            found += records[start - begin : stop - begin]
            start, block = end, block + 1
        return found

    def __iter__(self) -> Iterator[Record]:
        return chain.from_iterable(self._blocks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_is, self, other))

    __hash__ = object.__hash__


def _is(one: object, other: object) -> bool:
    return one is other


def _put(blocks: list[Block], key: Key, record: Record | None) -> None:
    """Make the block of a key anew, with another record there or without one."""
    place = min(bisect_left(blocks, key, key=lambda block: key_of(block[-1])), len(blocks) - 1)
    if place < 0:
        if record is not None:
            blocks.append((record,))
        return
    records = list(blocks[place])
    position = bisect_left(records, key, key=key_of)
    is_there = position < len(records) and key_of(records[position]) == key
    records[position : position + is_there] = () if record is None else (record,)
    if len(records) >= 2 * BLOCK_RECORDS:
        blocks[place : place + 1] = [tuple(records[:BLOCK_RECORDS]), tuple(records[BLOCK_RECORDS:])]
    elif records:
        blocks[place] = tuple(records)
    else:
        del blocks[place]
