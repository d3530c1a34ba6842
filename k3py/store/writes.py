"""What a writer asks for, as values: ``Store.write_many`` takes several at once."""

from collections.abc import Callable
from dataclasses import dataclass

from k3py.store.errors import StoreError
from k3py.store.records import Encoded, Record

Encode = Callable[[int], Encoded]
"""Encodes the object at the revision it is given. Called at once, at most once; must not write to the store."""

EncodeTombstone = Callable[[int], bytes]
"""The last object's bytes with the deletion's revision as its resource version."""


@dataclass(frozen=True, slots=True)
class Create:
    """Store a new record; refused with ``AlreadyExistsInStore``."""

    collection: str
    namespace: str
    name: str
    encode: Encode


@dataclass(frozen=True, slots=True)
class Replace:
    """Store another version of the record that is at ``expected_revision``; refused with ``Stale``."""

    collection: str
    namespace: str
    name: str
    expected_revision: int
    encode: Encode


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the record that is at ``expected_revision``; refused with ``Stale``."""

    collection: str
    namespace: str
    name: str
    expected_revision: int
    encode_tombstone: EncodeTombstone


Operation = Create | Replace | Delete

Outcomes = list[Record | StoreError]
"""What each operation came to: the stored record, or what a single write would have raised."""
