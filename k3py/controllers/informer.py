"""Caches of objects that all controllers share, fed by the store's changes.

A cache keeps the store's own records and decodes an object when somebody looks at it: that takes some microseconds, and
a decoded pod is four times as large as its record. The last ones that were looked at stay decoded. Kinds that nobody
reads in full (the garbage collector and the namespace controller only look at metadata) are decoded to their metadata.

Caches change only inside ``replace`` and ``apply``, which do not wait: between two awaits of a reader all caches
are of one revision.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

import msgspec

from k3py.controllers.views import Groups, View
from k3py.model.codec import decode
from k3py.model.generated import meta_v1
from k3py.model.struct import Wire
from k3py.store.records import Change, ChangeType, Record

T = TypeVar("T", bound=Wire)
Index = Callable[[Any], Iterable[str]]
Handler = Callable[[Any, Any], None]

# Objects of a kind that stay decoded: what changes is looked at by several controllers in a row. They are a megabyte,
# so that they stay in the processor's cache: with 1,024 of them a pod's creation took the server 8 % longer.
DECODED_MAX: Final = 128


class Bare(msgspec.Struct, rename="camel", gc=False):
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
        self._namespaces: dict[str, dict[str, Record]] = {}
        self._indexes = dict(indexes)
        self._groups = {name: Groups() for name in indexes}
        self._handlers: list[Handler] = []
        self._read = lru_cache(DECODED_MAX)(self._decoded)

    def __len__(self) -> int:
        return sum(map(len, self._namespaces.values()))

    @property
    def decoded(self) -> int:
        """How many objects, of these or earlier versions, are kept decoded now."""
        return self._read.cache_info().currsize

    def subscribe(self, handler: Handler) -> None:
        """Call ``handler(old, new)`` after each change; either is None for a birth or a death."""
        self._handlers.append(handler)

    def get(self, namespace: str, name: str) -> Any:
        """The object, or None."""
        record = self._record(namespace, name)
        return None if record is None else self._read(record)

    def objects(self, namespace: str = "") -> View[Any]:
        """All objects, or those of one namespace."""
        if namespace:
            return View(list(self._namespaces.get(namespace, {}).values()), self._read)
        return View([each for records in self._namespaces.values() for each in records.values()], self._read)

    def by(self, index: str, *values: str) -> View[Any]:
        """The objects for which the index function named one of these values."""
        groups = self._groups[index]
        return View([record for value in values for record in groups.of(value)], self._read)

    def values(self, index: str) -> Collection[str]:
        """Every value that the index function named for an object, now and later."""
        return self._groups[index].values

    def replace(self, records: Iterable[Record], revision: int) -> None:
        """The state at ``revision``: what is new, changed or gone is told to the handlers as changes."""
        fresh = {(record.namespace, record.name): record for record in records}
        for key in self.objects().keys:
            if key not in fresh:
                self._put(key, None)
        for key, record in fresh.items():
            known = self._record(*key)
            if known is None or known.revision != record.revision:
                self._put(key, record)
        self.revision = max(self.revision, revision)

    def apply(self, changes: Sequence[Change]) -> None:
        """Durable changes in the order of their revisions. One that is already known does nothing."""
        for change in changes:
            record = change.record
            if record.revision <= self.revision:
                continue
            gone = change.type is ChangeType.DELETED
            self.revision = record.revision
            self._put((record.namespace, record.name), None if gone else record)

    def _record(self, namespace: str, name: str) -> Record | None:
        records = self._namespaces.get(namespace)
        return None if records is None else records.get(name)

    def _decoded(self, record: Record) -> Any:
        """The typed object; None, and so absent, when this version cannot read what another one wrote."""
        try:
            return _bare.decode(record.raw) if self.bare else decode(self.kind, record.raw)
        except msgspec.MsgspecError as problem:
            log.error("cannot read %s, it is left out: %s", record, problem)
            return None

    def _put(self, key: tuple[str, str], record: Record | None) -> None:
        known = self._record(*key)
        old = None if known is None else self._read(known)
        if known is not None:
            self._forget(known, old)
        new = None if record is None else self._read(record)
        if record is not None and new is not None:
            self._keep(record, new)
        if old is not None or new is not None:
            for handler in self._handlers:
                handler(old, new)

    def _keep(self, record: Record, new: Any) -> None:
        self._namespaces.setdefault(record.namespace, {})[record.name] = record
        for name, values in self._indexes.items():
            groups = self._groups[name]
            for value in values(new):
                groups.add(value, record)

    def _forget(self, record: Record, old: Any) -> None:
        records = self._namespaces[record.namespace]
        del records[record.name]
        if not records:
            del self._namespaces[record.namespace]
        for name, values in self._indexes.items():
            groups = self._groups[name]
            for value in values(old):
                groups.drop(value, record)


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

    def list(self, kind: type[T], namespace: str = "") -> View[T]:
        """All objects of a kind, or those of one namespace."""
        return self._informers[kind].objects(namespace)

    def by(self, kind: type[T], index: str, *values: str) -> View[T]:
        """The objects of a kind for which the index names one of these values."""
        return self._informers[kind].by(index, *values)

    def values(self, kind: type[T], index: str) -> Collection[str]:
        """Every value that the index names for an object of the kind, now and later."""
        return self._informers[kind].values(index)
