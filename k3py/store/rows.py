"""The values of the log's rows: to bytes and back.

A row begins with the version of its format, so that a later release can read what this one wrote. Two kinds exist:
a record (the object as it is) and a change (what happened at one revision). A change has no body of its own while its
object is current; the change that displaces it carries the displaced bytes along. So each write adds one body to the
log, nothing is ever rewritten, and dropping the oldest changes first never drops a body that a later one needs.
"""

from typing import Final

import msgspec

from k3py.store.errors import Corrupt
from k3py.store.keys import change_key, registry_key
from k3py.store.records import Change, ChangeType, Header, Labels, Record, intern_labels, share, share_fields
from k3py.store.sealing import Sealer

ROW_VERSION: Final = b"\x01"
PLAIN: Final = ""

_TYPES: Final = (ChangeType.ADDED, ChangeType.MODIFIED, ChangeType.DELETED)


class _Body(msgspec.Struct, array_like=True):
    """What is encrypted in a sealed collection."""

    labels: Labels
    fields: tuple[str, ...]
    raw: bytes


class _RecordRow(msgspec.Struct, array_like=True):
    revision: int
    collection: str
    namespace: str
    name: str
    uid: str
    written_at: float
    key_id: str
    body: bytes


class _Before(msgspec.Struct, array_like=True):
    revision: int
    labels: Labels
    fields: tuple[str, ...]
    raw: bytes | None


class _ChangeBody(msgspec.Struct, array_like=True):
    labels: Labels
    fields: tuple[str, ...]
    raw: bytes | None
    before: _Before | None


class _ChangeRow(msgspec.Struct, array_like=True):
    kind: int
    revision: int
    collection: str
    namespace: str
    name: str
    uid: str
    key_id: str
    body: bytes


class StoredChange(msgspec.Struct):
    """A change as the tail has it: ``record.raw`` is empty when the bytes lie elsewhere (``has_raw`` is false)."""

    change: Change
    has_raw: bool
    displaced: bytes | None


_encode = msgspec.msgpack.Encoder().encode
_decode_record = msgspec.msgpack.Decoder(_RecordRow).decode
_decode_body = msgspec.msgpack.Decoder(_Body).decode
_decode_change = msgspec.msgpack.Decoder(_ChangeRow).decode
_decode_change_body = msgspec.msgpack.Decoder(_ChangeBody).decode


def record_row(record: Record, written_at: float, sealer: Sealer | None) -> bytes:
    """A record's row. ``written_at``: wall-clock seconds for collections that expire, else 0."""
    key_id, body = PLAIN, _encode(_Body(record.labels, record.fields, record.raw))
    if sealer is not None:
        key = registry_key(record.collection, record.namespace, record.name)
        key_id, body = sealer.seal(body, key, record.uid)
    row = _RecordRow(
        record.revision, record.collection, record.namespace, record.name, record.uid, written_at, key_id, body
    )
    return ROW_VERSION + _encode(row)


def read_record(key: bytes, value: bytes, sealer: Sealer | None) -> tuple[Record, float]:
    """A record and when it was written.

    Raises:
        Corrupt: the bytes are no record of this key.
        CannotOpen: they are sealed and the key is missing or does not fit.
    """
    try:
        row = _decode_record(_versioned(key, value))
        if registry_key(row.collection, row.namespace, row.name) != key:
            raise ValueError(f"it speaks of {row.collection} {row.namespace}/{row.name}")
        body = _decode_body(_plain(row.key_id, row.body, key, row.uid, sealer))
    except (msgspec.MsgspecError, ValueError) as problem:
        raise Corrupt(f"cannot read {key.decode(errors='replace')}: {problem}") from problem
    labels, fields = intern_labels(body.labels), share_fields(body.fields)
    collection, namespace = share(row.collection), share(row.namespace)
    record = Record(collection, namespace, row.name, row.revision, row.uid, body.raw, labels, fields)
    return record, row.written_at


def change_row(change: Change, displaced: bytes | None, sealer: Sealer | None) -> bytes:
    """A change's row. ``displaced``: the bytes before the change, when their own change is still in the tail."""
    record, previous = change.record, change.previous
    before = None
    if previous is not None:
        before = _Before(previous.revision, previous.labels, previous.fields, displaced)
    own = record.raw if change.type is ChangeType.DELETED else None
    key_id, body = PLAIN, _encode(_ChangeBody(record.labels, record.fields, own, before))
    if sealer is not None:
        key_id, body = sealer.seal(body, change_key(record.revision), record.uid)
    row = _ChangeRow(
        _TYPES.index(change.type),
        record.revision,
        record.collection,
        record.namespace,
        record.name,
        record.uid,
        key_id,
        body,
    )
    return ROW_VERSION + _encode(row)


def read_change(key: bytes, value: bytes, sealer: Sealer | None) -> StoredChange:
    """A change of the tail.

    Raises:
        Corrupt: the bytes are no change of this key.
        CannotOpen: they are sealed and the key is missing or does not fit.
    """
    try:
        row = _decode_change(_versioned(key, value))
        if change_key(row.revision) != key or not 0 <= row.kind < len(_TYPES):
            raise ValueError(f"it speaks of revision {row.revision}, type {row.kind}")
        body = _decode_change_body(_plain(row.key_id, row.body, key, row.uid, sealer))
    except (msgspec.MsgspecError, ValueError) as problem:
        raise Corrupt(f"cannot read {key.decode(errors='replace')}: {problem}") from problem
    labels = intern_labels(body.labels)
    fields = share_fields(body.fields)
    collection, namespace = share(row.collection), share(row.namespace)
    record = Record(collection, namespace, row.name, row.revision, row.uid, body.raw or b"", labels, fields)
    before = body.before
    previous = None if before is None else Header(before.revision, intern_labels(before.labels), before.fields)
    change = Change(_TYPES[row.kind], record, previous)
    return StoredChange(change, body.raw is not None, before.raw if before is not None else None)


def number_row(number: int) -> bytes:
    """A revision as a row's value."""
    return b"%d" % number


def read_number(key: bytes, value: bytes) -> int:
    """The revision in a row's value.

    Raises:
        Corrupt: it is none.
    """
    if not value.isdigit() or len(value) > len(str(2**63)):
        raise Corrupt(f"cannot read {key.decode(errors='replace')}: {value[:40]!r} is no revision")
    return int(value)


def _versioned(key: bytes, value: bytes) -> bytes:
    if value[:1] != ROW_VERSION:
        raise ValueError(f"its format {value[:1].hex() or 'is empty'} is not known to this version of k3py")
    return value[1:]


def _plain(key_id: str, body: bytes, key: bytes, uid: str, sealer: Sealer | None) -> bytes:
    if key_id == PLAIN:
        return body
    if sealer is None:
        raise Corrupt(f"cannot read {key.decode(errors='replace')}: it is encrypted, and no key was given")
    return sealer.unseal(key_id, body, key, uid)
