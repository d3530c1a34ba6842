"""Keeps the caches at the store's state: one list, then each durable batch in the step in which it becomes visible."""

from collections.abc import Callable, Sequence
from typing import Protocol

from k3py.controllers.informer import Caches
from k3py.model.kinds import KINDS
from k3py.model.struct import Wire
from k3py.store.listing import Listing
from k3py.store.records import Change
from k3py.store.watches import Deliver, Watch


class Source(Protocol):
    """What the feed needs of the store."""

    @property
    def revision(self) -> int: ...

    def list(self, collection: str, namespace: str | None) -> Listing: ...

    def watch(self, collection: str, namespace: str | None, since: int | None, deliver: Deliver) -> Watch: ...


def collection_of(kind: type[Wire]) -> str:
    """Name of the store's collection that holds a kind."""
    return KINDS.of(kind).plural


class Feed:
    """Watches every cached kind. ``on_batch`` is called after each delivery, when the caches have it."""

    def __init__(self, source: Source, caches: Caches, on_batch: Callable[[type[Wire]], None]) -> None:
        self._source = source
        self._caches = caches
        self._on_batch = on_batch
        self._watches: list[Watch] = []

    def start(self) -> None:
        """Fill all caches with the state of one revision and follow from there. Does not wait."""
        revision = self._source.revision
        for kind in self._caches.kinds:
            self._caches.informer(kind).replace(self._source.list(collection_of(kind), None), revision)
        for kind in self._caches.kinds:
            self._watches.append(self._source.watch(collection_of(kind), None, revision, self._deliver(kind)))

    def stop(self) -> None:
        """Follow no more."""
        for watch in self._watches:
            watch.close()
        self._watches.clear()

    def _deliver(self, kind: type[Wire]) -> Deliver:
        informer = self._caches.informer(kind)

        def deliver(changes: Sequence[Change]) -> None:
            informer.apply(changes)
            self._on_batch(kind)

        return deliver
