"""What a collection was: its current listing with later changes taken back."""

from collections.abc import Sequence

from k3py.store.errors import TooOld
from k3py.store.listing import Listing, key_of
from k3py.store.records import Change, Record


def listing_before(current: Listing, changes: Sequence[Change]) -> Listing:
    """The listing as it was before ``changes``: all that made ``current`` out of it, oldest first, at least one.

    Takes time with the length of the listing and the number of changes; the records are shared.

    Raises:
        TooOld: what an object was before is not known (the bytes are no longer in the log that was read).
    """
    before: dict[tuple[str, str], Record | None] = {}
    for change in reversed(changes):
        record, previous = change.record, change.previous
        if previous is not None and not isinstance(previous, Record):
            raise TooOld(f"{record} was something else before, which is no longer kept")
        before[record.namespace, record.name] = previous
    kept = [each for each in current if (each.namespace, each.name) not in before]
    kept.extend(each for each in before.values() if each is not None)
    return Listing(sorted(kept, key=key_of))
