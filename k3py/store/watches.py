"""Those who want to hear of changes."""

import logging
from collections.abc import Callable, Sequence

from k3py.store.records import Change, Changes

log = logging.getLogger(__name__)

Deliver = Callable[[Sequence[Change]], None]
"""Takes the changes of one batch, oldest first. It must not wait; what it raises closes the watch."""


class Watch:
    """One listener of a collection, or of one namespace of it. Made by ``Store.watch``."""

    def __init__(
        self,
        number: int,
        namespace: str | None,
        position: int,
        deliver: Deliver,
        forget: Callable[[int], object],
    ) -> None:
        self.namespace = namespace
        self._number = number
        self._position = position
        self._deliver = deliver
        self._forget = forget
        self._open = True

    @property
    def is_open(self) -> bool:
        """False after ``close``, also when the watch was closed because ``deliver`` raised."""
        return self._open

    def close(self) -> None:
        """Hear nothing more. May be called at any time, also from ``deliver``."""
        self._open = False
        self._forget(self._number)

    def offer(self, changes: Changes) -> None:
        """Deliver what the listener has not seen yet."""
        if not self._open or changes[-1].revision <= self._position:
            return
        if changes[0].revision <= self._position:
            changes = Changes(change for change in changes if change.revision > self._position)
        self._position = changes[-1].revision
        self.replay(changes)

    def replay(self, changes: Changes) -> None:
        """Deliver these changes, whatever the position is."""
        try:
            self._deliver(changes)
        except Exception:
            log.exception("a watch is closed: its listener failed")
            self.close()
