"""What caches hand out: objects that are decoded when somebody looks at them, and groups of them by an index."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast, overload

from k3py.store.records import Record

T = TypeVar("T")
Key = tuple[str, str]
"""Namespace (empty for cluster-wide) and name of an object."""
Labels = Callable[[Mapping[str, str]], bool]
"""Whether a selector matches these labels."""


class View(Sequence[T], Generic[T]):
    """Objects as they were when they were asked for. Their number, keys and labels cost no decoding."""

    __slots__ = ("_read", "_records")

    def __init__(self, records: Sequence[Record], read: Callable[[Record], Any]) -> None:
        """``read`` decodes a record."""
        self._records = records
        self._read = read

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> "View[T]": ...

    def __getitem__(self, index: int | slice) -> "T | View[T]":
        if isinstance(index, slice):
            return View(self._records[index], self._read)
        return cast("T", self._read(self._records[index]))

    def __iter__(self) -> Iterator[T]:
        return map(self._read, self._records)

    @property
    def keys(self) -> list[Key]:
        """Where they are."""
        return [(each.namespace, each.name) for each in self._records]

    def matching(self, matches: Labels) -> "View[T]":
        """Those whose labels match."""
        return View([each for each in self._records if matches(dict(each.labels))], self._read)


class Groups:
    """Records by the values that an index function names for them.

    A group of one is the record itself: most uids own nothing, or one thing.
    """

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[str, Record | dict[Record, None]] = {}

    def add(self, value: str, record: Record) -> None:
        """The index names ``value`` for the record."""
        known = self._groups.setdefault(value, record)
        if isinstance(known, dict):
            known[record] = None
        elif known is not record:
            self._groups[value] = {known: None, record: None}

    def drop(self, value: str, record: Record) -> None:
        """It does so no longer. A record that is not there is none of its business."""
        known = self._groups.get(value)
        if known is record:
            del self._groups[value]
        elif isinstance(known, dict):
            known.pop(record, None)
            if not known:
                del self._groups[value]

    def of(self, value: str) -> list[Record]:
        """The records of a value, in the order in which they came."""
        known = self._groups.get(value)
        if known is None:
            return []
        return list(known) if isinstance(known, dict) else [known]

    @property
    def values(self) -> Collection[str]:
        """Every value that has records, now and later."""
        return self._groups.keys()
