"""One collection in memory: what is committed, what is pending, its past, and who watches.

Nothing here waits. Readers see committed records only; pending ones are seen by writers, to decide.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from k3py.store.collections import Collection
from k3py.store.errors import TooOld
from k3py.store.listing import Key, Listing
from k3py.store.records import Change, Changes, ChangeType, Record
from k3py.store.ring import Ring
from k3py.store.tail import Tail
from k3py.store.watches import Watch

# Changes after which a listing is made anew from all records: it would take as long as to put each in its place.
CHANGED_MAX: Final = 256


class Shelf:
    """The state of one collection.

    ``since``: the store's revision when the collection came; volatile records from before are unknown. ``floor``: all
    changes after this revision are known; ``tail_floor``: all rows of changes after this one are in the log.
    """

    def __init__(self, collection: Collection, since: int, floor: int, tail_floor: int) -> None:
        self.collection = collection
        self.volatile_floor = since
        self.changed_at = since
        self.ring = Ring(collection.ring_entries, collection.ring_bytes, floor)
        self.tail = Tail(collection.name, collection.tail_entries, collection.ring_bytes, tail_floor)
        self.watches: dict[int, Watch] = {}
        self._namespaces: dict[str, dict[str, Record]] = {}
        self._unsorted: set[str] = set()
        self._pending: dict[Key, Change] = {}
        self._listings: dict[str | None, Listing] = {}
        self._changed: dict[str | None, dict[Key, Record | None]] = {}  # since the listing was made

    def __len__(self) -> int:
        return sum(map(len, self._namespaces.values()))

    @property
    def is_empty(self) -> bool:
        """Whether there are no records, and none on their way."""
        return not self._namespaces and not self._pending

    def may_be_volatile(self, namespace: str | None) -> bool:
        """Whether a namespace, or any of them (None), is kept in memory only."""
        if namespace is None:
            return self.collection.has_volatile
        return self.collection.volatile(namespace)

    def restore(self, records: Sequence[Record], changes: Sequence[Change]) -> None:
        """Take in what the log has, changes oldest first."""
        for record in records:
            self.place(record)
        for change in changes:
            self.ring.append(change)
            self.tail.add(change)

    def get(self, namespace: str, name: str) -> Record | None:
        """The committed record."""
        records = self._namespaces.get(namespace)
        return None if records is None else records.get(name)

    def latest(self, namespace: str, name: str) -> Record | None:
        """The record as the last pending write leaves it, else the committed one."""
        change = self._pending.get((namespace, name))
        if change is None:
            return self.get(namespace, name)
        return None if change.type is ChangeType.DELETED else change.record

    def list_latest(self, namespace: str | None) -> Iterator[Record]:
        """The records of one namespace, or of all (None), as the last pending writes leave them, in no order."""
        for record in self.list(namespace):
            if (record.namespace, record.name) not in self._pending:
                yield record
        for change in self._pending.values():
            if change.type is not ChangeType.DELETED and namespace in (None, change.record.namespace):
                yield change.record

    def is_pending(self, namespace: str, name: str) -> bool:
        """Whether a write of this record is not yet durable."""
        return (namespace, name) in self._pending

    def expect(self, change: Change) -> None:
        """A change is on its way: writers see it from now on."""
        self._pending[change.record.namespace, change.record.name] = change

    def apply(self, change: Change) -> None:
        """A change is durable: readers and watches that resume see it from now on."""
        record = change.record
        if change.type is ChangeType.DELETED:
            self._remove(record)
        else:
            self.place(record)
        key = (record.namespace, record.name)
        if self._pending.get(key) is change:  # else a later write of the same key is on its way
            del self._pending[key]
        self.ring.append(change)
        self.changed_at = record.revision
        present = None if change.type is ChangeType.DELETED else record
        self._note(record.namespace, key, present)
        self._note(None, key, present)

    def place(self, record: Record) -> None:
        """Put a committed record where it belongs."""
        records = self._namespaces.get(record.namespace)
        if records is None:
            records = self._namespaces[record.namespace] = {}
        if record.name not in records:
            self._unsorted.add(record.namespace)
        records[record.name] = record

    def list(self, namespace: str | None) -> Listing:
        """Committed records sorted by namespace and name; the same object until something changes."""
        listing = self._listings.get(namespace)
        changed = self._changed.pop(namespace, None)
        if listing is None:
            listing = self._listings[namespace] = self._build_listing(namespace)
        elif changed:
            listing = self._listings[namespace] = listing.changed(changed, self.changed_at)
        return listing

    def _note(self, namespace: str | None, key: Key, record: Record | None) -> None:
        """A listing that was made is no longer as it is. One that nobody asks for any more is forgotten."""
        if namespace not in self._listings:
            return
        changed = self._changed.setdefault(namespace, {})
        changed[key] = record
        if len(changed) > CHANGED_MAX:
            del self._listings[namespace], self._changed[namespace]

    def since(self, namespace: str | None, revision: int) -> Sequence[Change]:
        """The changes after ``revision``, of one namespace or of all (None), oldest first.

        Raises:
            TooOld: some of them are no longer kept.
        """
        if revision < self.volatile_floor and self.may_be_volatile(namespace):
            raise TooOld(f"too old resource version: {revision} ({self.volatile_floor})")
        changes = self.ring.since(revision)
        return changes if namespace is None else [each for each in changes if each.record.namespace == namespace]

    def publish(self, changes: Sequence[Change]) -> None:
        """Deliver the changes of a batch, which all are applied, to those who watch."""
        watches = tuple(self.watches.values())
        if not watches:
            return
        found: dict[str | None, list[Change]] = {watch.namespace: [] for watch in watches}
        for change in changes:
            seen = found.get(change.record.namespace)
            if seen is not None:
                seen.append(change)
        if None in found:
            found[None] = list(changes)
        audiences = {namespace: Changes(seen) for namespace, seen in found.items() if seen}
        for watch in watches:
            for_it = audiences.get(watch.namespace)
            if for_it is not None:
                watch.offer(for_it)
        for change in changes:
            change.forget_frame()

    def _build_listing(self, namespace: str | None) -> Listing:
        if namespace is None:
            found: list[Record] = []
            for each in sorted(self._namespaces):
                found.extend(self._sorted(each).values())
            return Listing(found, self.changed_at)
        return Listing(self._sorted(namespace).values(), self.changed_at)

    def _sorted(self, namespace: str) -> dict[str, Record]:
        """A namespace's records in the order of names. The dict is kept in that order: then only its end is unsorted,
        which sorting notices, and deletions need no care."""
        records = self._namespaces.get(namespace, {})
        if namespace in self._unsorted:
            records = self._namespaces[namespace] = {name: records[name] for name in sorted(records)}
            self._unsorted.discard(namespace)
        return records

    def _remove(self, record: Record) -> None:
        records = self._namespaces[record.namespace]
        del records[record.name]
        if not records:
            del self._namespaces[record.namespace]
            self._unsorted.discard(record.namespace)
