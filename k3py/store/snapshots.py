"""Listings of earlier revisions, kept for clients that page through them with ``continue``: few, and none that the
collection's ring could not make again.

So they hold no object that is neither current nor held by the ring, whose bound is theirs too.
"""

from collections import OrderedDict

from k3py.store.listing import Listing

SnapshotKey = tuple[str, str | None, int]
"""Collection, namespace (None: all) and revision."""


class Snapshots:
    """Listings by revision; the least recently used one goes first."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._kept: OrderedDict[SnapshotKey, Listing] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: SnapshotKey, listing: Listing) -> None:
        """Keep a listing; the oldest goes when there are too many."""
        self._kept[key] = listing
        self._kept.move_to_end(key)
        while len(self._kept) > self._count_max:
            self._kept.popitem(last=False)

    def find(self, key: SnapshotKey) -> Listing | None:
        """The listing, unless it has gone."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def drop_before(self, collection: str, floor: int) -> None:
        """Forget a collection's listings of revisions before ``floor``: what they hold is no longer reckoned."""
        for key in [each for each in self._kept if each[0] == collection and each[2] < floor]:
            del self._kept[key]
