"""Listings kept for clients that page through them with ``continue``: few, and not for long."""

from collections import OrderedDict

from k3py.store.records import Listing

SnapshotKey = tuple[str, str | None, int]
"""Collection, namespace (None: all) and revision."""


class Snapshots:
    """Recent listings by revision; the least recently used one goes first."""

    def __init__(self, count_max: int, age_seconds_max: float) -> None:
        self._count_max = count_max
        self._age_seconds_max = age_seconds_max
        self._kept: OrderedDict[SnapshotKey, tuple[float, Listing]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: SnapshotKey, listing: Listing, now: float) -> None:
        """Keep a listing from ``now`` (monotonic seconds) on."""
        self._kept[key] = (now, listing)
        self._kept.move_to_end(key)
        while len(self._kept) > self._count_max:
            self._kept.popitem(last=False)

    def find(self, key: SnapshotKey, now: float) -> Listing | None:
        """The listing, unless it has gone."""
        for old in [k for k, (since, _) in self._kept.items() if now - since > self._age_seconds_max]:
            del self._kept[old]
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[1]
