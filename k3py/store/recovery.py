"""Reading a log back into memory."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from k3py.store.errors import Corrupt
from k3py.store.keys import CEILING, CHANGES, FLOORS, FORMAT, META, REGISTRY
from k3py.store.log import Log
from k3py.store.records import Change, Header, Record
from k3py.store.rows import StoredChange, read_change, read_number, read_record
from k3py.store.sealing import Sealer

log = logging.getLogger(__name__)

FORMAT_VERSION = 1


@dataclass
class Past:
    """What the log has of one collection: records with when they were written, changes oldest first, and the floor
    (everything after that revision is among the changes)."""

    records: list[tuple[Record, float]] = field(default_factory=list)
    changes: list[StoredChange] = field(default_factory=list)
    floor: int = 0


@dataclass
class Found:
    """What the log has: the highest revision that may have been given, and the past of each collection."""

    ceiling: int = 0
    is_new: bool = True
    collections: dict[str, Past] = field(default_factory=dict)

    def past(self, collection: str) -> Past:
        """The past of a collection, empty when there is none."""
        return self.collections.setdefault(collection, Past())


async def read_all(source: Log, sealer: Sealer | None) -> Found:
    """Everything in the log, decoded.

    Raises:
        Corrupt: rows that no version known here has written.
        CannotOpen: sealed rows whose key is missing.
        LogFailed: the log cannot be read.
    """
    found = Found()
    async for rows in source.scan(META):
        for key, value in rows:
            if key == CEILING:
                found.ceiling, found.is_new = read_number(key, value), False
            elif key == FORMAT and read_number(key, value) != FORMAT_VERSION:
                raise Corrupt(f"cannot open the store: its format is {value[:20]!r}, this k3py knows {FORMAT_VERSION}")
    async for rows in source.scan(REGISTRY):
        for key, value in rows:
            record, written_at = read_record(key, value, sealer)
            found.past(record.collection).records.append((record, written_at))
    async for rows in source.scan(CHANGES):
        for key, value in rows:
            stored = read_change(key, value, sealer)
            found.past(stored.change.record.collection).changes.append(stored)
    async for rows in source.scan(FLOORS):
        for key, value in rows:
            found.past(key[len(FLOORS) :].decode()).floor = read_number(key, value)
    return found


def resolve_changes(past: Past) -> tuple[list[Change], int]:
    """The changes with their bytes put back, and the revision after which they are complete.

    A change's bytes are its own (a deletion), or those of the record that still is at that revision, or they travel
    with the later change that displaced them. The record before a change is put back where its bytes are known.
    """
    current = {record.revision: record for record, _ in past.records}
    displaced = {
        stored.change.previous.revision: stored.displaced
        for stored in past.changes
        if stored.change.previous is not None and stored.displaced is not None
    }
    floor = past.floor
    changes: list[Change] = []
    records: dict[int, Record] = {}
    for stored in past.changes:
        change, revision = stored.change, stored.change.revision
        if revision in current:
            change.record = current[revision]
        elif not stored.has_raw:
            raw = displaced.get(revision)
            if raw is None:
                log.warning("change %d of %s has no bytes: watches resume after it", revision, change.record.collection)
                changes.clear()
                floor = revision
                continue
            change.record.raw = raw
        changes.append(change)
        change.previous = _record_before(stored, records)
        records[revision] = change.record
    return changes, floor


def _record_before(stored: StoredChange, known: Mapping[int, Record]) -> Record | Header | None:
    record, header = stored.change.record, stored.change.previous
    if header is None:
        return None
    raw = stored.displaced
    if header.revision in known:
        return known[header.revision]
    if raw is None:
        return header
    return Record(
        record.collection, record.namespace, record.name, header.revision, record.uid, raw, header.labels, header.fields
    )
