"""Reading objects: lookups of what is committed, and watches."""

from collections.abc import Sequence
from typing import TypeVar

from k3py.model import codec
from k3py.model.errors import not_found
from k3py.model.kinds import KINDS
from k3py.model.registry import Kind
from k3py.model.selectors import FieldSelector, Selector
from k3py.model.struct import Wire
from k3py.objects.collections import collection_name
from k3py.objects.watching import Selected
from k3py.store.records import Record
from k3py.store.store import Store
from k3py.store.watches import Deliver, Watch

T = TypeVar("T", bound=Wire)


class Reads:
    """All objects of a cluster, to read."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, kind: Kind, namespace: str, name: str) -> Record:
        """The committed record; ``namespace`` is empty for cluster-wide kinds.

        Raises:
            NotFound: there is none.
        """
        record = self.store.get(collection_name(kind), namespace, name)
        if record is None:
            raise not_found(kind.plural, kind.group, name)
        return record

    def list(
        self,
        kind: Kind,
        namespace: str | None,
        labels: Selector | None = None,
        fields: FieldSelector | None = None,
    ) -> Sequence[Record]:
        """Committed records of one namespace or of all (None) that the selectors select, by namespace and name.

        Without selectors this is the store's own listing, the same object until something changes.
        """
        listing = self.store.list(collection_name(kind), namespace)
        selected = Selected(labels, fields)
        return listing if selected.everything else [record for record in listing if selected.has(record)]

    def read(self, kind: type[T], namespace: str, name: str) -> T:
        """The committed object, decoded: the caller's own.

        Raises:
            NotFound: there is none.
        """
        return codec.decode(kind, self.get(KINDS.of(kind), namespace, name).raw)

    def watch(
        self,
        kind: Kind,
        namespace: str | None,
        since: int | None,
        deliver: Deliver,
        labels: Selector | None = None,
        fields: FieldSelector | None = None,
    ) -> Watch:
        """Hear of changes of what the selectors select; leaving a selector is DELETED, entering it ADDED.

        Arguments and obligations otherwise as ``Store.watch``.

        Raises:
            TooOld: some of the changes are no longer kept: list again.
        """
        selected = Selected(labels, fields)
        return self.store.watch(
            collection_name(kind), namespace, since, deliver if selected.everything else selected.filtered(deliver)
        )
