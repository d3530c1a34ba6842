"""Caches of typed objects that all controllers share, fed by the store's changes.

An object is decoded once per version. Kinds that nobody reads in full (the garbage collector and the namespace
controller only look at metadata) are decoded to their metadata alone, a third of the time and memory.

Caches change only inside ``replace`` and ``apply``, which do not wait: between two awaits of a reader all caches
are of one revision.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from k3py.model.codec import decode
from k3py.model.generated import meta_v1
from k3py.model.struct import Wire
from k3py.store.records import Change, ChangeType, Record

T = TypeVar("T", bound=Wire)
Index = Callable[[Any], Iterable[str]]
Handler = Callable[[Any, Any], None]


class Bare(msgspec.Struct, rename="camel"):
    """An object of which only the metadata was read."""

    metadata: meta_v1.ObjectMeta = msgspec.field(default_factory=meta_v1.ObjectMeta)


log = logging.getLogger(__name__)
_bare = msgspec.json.Decoder(Bare)


class Informer:
    """The cache of one kind.

    Attributes:
        kind: the class of the objects.
        bare: objects are ``Bare``.
        revision: that of the last change applied.
    """

    def __init__(self, kind: type[Wire], indexes: Mapping[str, Index], *, bare: bool) -> None:
        self.kind = kind
        self.bare = bare
        self.revision = 0
        self._objects: dict[tuple[str, str], Any] = {}
        self._namespaces: dict[str, dict[str, Any]] = {}
        self._indexes = dict(indexes)
        self._index: dict[str, dict[str, dict[tuple[str, str], Any]]] = {name: {} for name in indexes}
        self._handlers: list[Handler] = []

    def __len__(self) -> int:
        return len(self._objects)

    def subscribe(self, handler: Handler) -> None:
        """Call ``handler(old, new)`` after each change; either is None for a birth or a death."""
        self._handlers.append(handler)

    def get(self, namespace: str, name: str) -> Any:
        """The object, or None."""
        return self._objects.get((namespace, name))

    def objects(self, namespace: str = "") -> list[Any]:
        """All objects, or those of one namespace."""
        return list(self._namespaces.get(namespace, {}).values() if namespace else self._objects.values())

    def by(self, index: str, value: str) -> list[Any]:
        """The objects for which the index function named that value."""
        return list(self._index[index].get(value, {}).values())

    def replace(self, records: Iterable[Record], revision: int) -> None:
        """The state at ``revision``: what is new, changed or gone is told to the handlers as changes."""
        fresh = {(record.namespace, record.name): record for record in records}
        for key in [key for key in self._objects if key not in fresh]:
            self._put(key, None)
        for key, record in fresh.items():
            known = self._objects.get(key)
            if known is None or known.metadata.resource_version != str(record.revision):
                self._put(key, self._decoded(record))
        self.revision = max(self.revision, revision)

    def apply(self, changes: Sequence[Change]) -> None:
        """Durable changes in the order of their revisions. One that is already known does nothing."""
        for change in changes:
            record = change.record
            if record.revision <= self.revision:
                continue
            gone = change.type is ChangeType.DELETED
            self.revision = record.revision
            self._put((record.namespace, record.name), None if gone else self._decoded(record))

    def _decoded(self, record: Record) -> Any:
        """The typed object; None, and so absent, when this version cannot read what another one wrote."""
        try:
            return _bare.decode(record.raw) if self.bare else decode(self.kind, record.raw)
        except msgspec.MsgspecError as problem:
            log.error("cannot read %s, it is left out: %s", record, problem)
            return None

    def _put(self, key: tuple[str, str], new: Any) -> None:
        old = self._objects.pop(key, None)
        if old is not None:
            _drop(self._namespaces, key[0], key[1])
            for name, values in self._indexes.items():
                for value in values(old):
                    _drop(self._index[name], value, key)
        if new is not None:
            self._objects[key] = new
            self._namespaces.setdefault(key[0], {})[key[1]] = new
            for name, values in self._indexes.items():
                for value in values(new):
                    self._index[name].setdefault(value, {})[key] = new
        if old is not None or new is not None:
            for handler in self._handlers:
                handler(old, new)


def _drop(groups: dict[str, dict[Any, Any]], value: str, key: Any) -> None:
    group = groups.get(value)
    if group is not None:
        group.pop(key, None)
        if not group:
            del groups[value]


class Caches:
    """The caches of all kinds that somebody reads."""

    def __init__(self) -> None:
        self._informers: dict[type[Wire], Informer] = {}

    def add(self, kind: type[Wire], indexes: Mapping[str, Index], *, bare: bool) -> None:
        """Somebody reads ``kind``; several readers share the cache and the union of their indexes.

        Raises:
            ValueError: the same index name with another function, or a kind read both bare and in full too late.
        """
        known = self._informers.get(kind)
        if known is None:
            self._informers[kind] = Informer(kind, indexes, bare=bare)
            return
        merged = {**known._indexes}
        for name, function in indexes.items():
            if merged.setdefault(name, function) is not function:
                raise ValueError(f"cannot index {kind.__name__} by {name!r} in two ways")
        replacement = Informer(kind, merged, bare=known.bare and bare)
        replacement._handlers = known._handlers
        self._informers[kind] = replacement

    def informer(self, kind: type[Wire]) -> Informer:
        """The cache of a kind.

        Raises:
            KeyError: nobody declared to read it.
        """
        return self._informers[kind]

    @property
    def kinds(self) -> Sequence[type[Wire]]:
        """Every kind that is cached."""
        return list(self._informers)

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        """The object, or None."""
        return cast("T | None", self._informers[kind].get(namespace, name))

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        """All objects of a kind, or those of one namespace."""
        return cast("list[T]", self._informers[kind].objects(namespace))

    def by(self, kind: type[T], index: str, value: str) -> Sequence[T]:
        """The objects of a kind for which the index names that value."""
        return cast("list[T]", self._informers[kind].by(index, value))
