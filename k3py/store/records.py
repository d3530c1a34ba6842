"""One stored object and one change of it: bytes plus the few header fields that reads, selectors and watches need.

The bytes stay as they were encoded at the write; nobody decodes them to answer a get, a list or a watch. 50,000 pods
take 79 MB so, 278 MB as typed objects.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import orjson

Labels = tuple[tuple[str, str], ...]
"""Label pairs sorted by key; equal sets share one tuple."""

# Label sets of pods from one template are equal; beyond this many distinct ones sharing no longer pays.
INTERNED_LABEL_SETS_MAX: Final = 20_000
# Node names, phases, namespaces; likewise.
SHARED_TEXTS_MAX: Final = 20_000

_interned: dict[Labels, Labels] = {}


def intern_labels(labels: Mapping[str, str] | Labels) -> Labels:
    """The sorted tuple of label pairs, shared with earlier equal ones."""
    pairs = tuple(sorted(labels.items())) if isinstance(labels, Mapping) else labels
    if not pairs:
        return ()
    known = _interned.get(pairs)
    if known is not None:
        return known
    if len(_interned) >= INTERNED_LABEL_SETS_MAX:
        _interned.clear()
    _interned[pairs] = pairs
    return pairs


_shared: dict[str, str] = {}


def share(text: str) -> str:
    """The text, as one object with earlier equal ones: namespaces, and values of selectable fields."""
    known = _shared.get(text)
    if known is not None:
        return known
    if len(_shared) >= SHARED_TEXTS_MAX:
        _shared.clear()
    _shared[text] = text
    return text


_shared_fields: dict[tuple[str, ...], tuple[str, ...]] = {}


def share_fields(fields: Iterable[str]) -> tuple[str, ...]:
    """The values of selectable fields, as one tuple with earlier equal ones: waiting pods have the same."""
    values = tuple(map(share, fields))
    if len(_shared_fields) >= SHARED_TEXTS_MAX:
        _shared_fields.clear()
    return _shared_fields.setdefault(values, values)


class Header:
    """What a selector may ask about an object, as it was at ``revision``."""

    __slots__ = ("fields", "labels", "revision")

    def __init__(self, revision: int, labels: Labels, fields: tuple[str, ...]) -> None:
        self.revision = revision
        self.labels = labels
        self.fields = fields

    def __repr__(self) -> str:
        return f"Header({self.revision}, {self.labels}, {self.fields})"


class Record:
    """One object at one revision. Immutable by convention, but for ``cached``.

    ``namespace`` is empty for cluster-wide objects. ``raw`` is the object's JSON including
    ``metadata.resourceVersion``. ``fields`` are the values of the kind's selectable fields in the kind's order.
    ``cached`` belongs to readers, e.g. for the rendered table row.
    """

    __slots__ = ("cached", "collection", "fields", "labels", "name", "namespace", "raw", "revision", "uid")

    def __init__(
        self,
        collection: str,
        namespace: str,
        name: str,
        revision: int,
        uid: str,
        raw: bytes,
        labels: Labels = (),
        fields: tuple[str, ...] = (),
    ) -> None:
        self.collection = collection
        self.namespace = namespace
        self.name = name
        self.revision = revision
        self.uid = uid
        self.raw = raw
        self.labels = labels
        self.fields = fields
        self.cached: Any = None

    def __repr__(self) -> str:
        return f"Record({self.collection} {self.namespace}/{self.name} @{self.revision})"


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a writer's ``encode`` hands the store: the object's bytes at the revision it was given, and its header."""

    raw: bytes
    uid: str
    labels: Mapping[str, str]
    fields: tuple[str, ...] = ()


class ChangeType(Enum):
    """As Kubernetes' watch events name them."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


_FRAME_START: Final = {kind: b'{"type":"' + kind.value.encode() + b'","object":' for kind in ChangeType}


class Change:
    """One durable change.

    ``record`` is the object after the change; for DELETED the last object, re-encoded with the deletion's revision.
    ``previous`` is the record before (None for ADDED), so that a selector can tell leaving from entering and the state
    before can be told; its header alone when the change was read from a log that no longer has the bytes.
    """

    __slots__ = ("_frame", "previous", "record", "type")

    def __init__(self, kind: ChangeType, record: Record, previous: Record | Header | None) -> None:
        self.type = kind
        self.record = record
        self.previous = previous
        self._frame: bytes | None = None

    @property
    def revision(self) -> int:
        """The revision the change was given."""
        return self.record.revision

    def frame(self) -> bytes:
        """The watch event: one line of JSON with its newline. Built once per batch that is being delivered."""
        if self._frame is None:
            self._frame = _FRAME_START[self.type] + self.record.raw + b"}\n"
        return self._frame

    def forget_frame(self) -> None:
        """Let go of the built frame: a ring of frames would keep every object's bytes twice."""
        self._frame = None

    def __repr__(self) -> str:
        return f"Change({self.type.value} {self.record})"


class Changes(tuple[Change, ...]):
    """The changes of one batch that one audience sees: the same object is delivered to all watchers of that audience,
    so that what is derived from it is made once."""

    _joined: bytes | None = None

    def joined(self) -> bytes:
        """All frames joined; made once, for watchers without selectors."""
        if self._joined is None:
            self._joined = b"".join([change.frame() for change in self])
        return self._joined


def restamped(raw: bytes, revision: int) -> bytes:
    """The object's JSON with ``metadata.resourceVersion`` set to ``revision``: a tombstone's bytes.

    Raises:
        ValueError: the bytes are no JSON object.
    """
    body = orjson.loads(raw)
    if not isinstance(body, dict):
        raise ValueError("cannot restamp: the bytes are no JSON object")
    body.setdefault("metadata", {})["resourceVersion"] = str(revision)
    return orjson.dumps(body)
