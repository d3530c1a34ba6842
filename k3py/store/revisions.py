"""The cluster's counter of writes.

Revisions are reserved durably in chunks before any is given, and a new writer starts above the ceiling of the last
one. So none is ever given twice, not even to a volatile object that no log knows of, and not across a restored backup.
"""

from k3py.store.keys import CEILING
from k3py.store.log import Put
from k3py.store.rows import number_row


class Revisions:
    """Gives revisions and says when more of them have to be reserved."""

    def __init__(self, chunk: int, ceiling: int) -> None:
        """``ceiling``: the highest revision that an earlier writer may have given, 0 for a new store."""
        self._chunk = chunk
        self._given = ceiling
        self._ceiling = ceiling

    @property
    def given(self) -> int:
        """The last revision that was given."""
        return self._given

    @property
    def next(self) -> int:
        """The revision that is given next."""
        return self._given + 1

    def give(self) -> int:
        """Give the next revision away."""
        self._given += 1
        return self._given

    def reservation(self, last: int) -> Put | None:
        """A row to write together with the batch that ends at revision ``last``; None while enough are reserved.

        More than half a chunk stays reserved beyond any batch, and fewer writes than that may wait, so a revision
        that is given is always reserved by an earlier batch.
        """
        if self._ceiling - last > self._chunk // 2:
            return None
        self._ceiling = last + self._chunk
        return CEILING, number_row(self._ceiling)
