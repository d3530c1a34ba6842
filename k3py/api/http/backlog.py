"""What all slow readers of streams together have not taken yet: each alone is bounded, a thousand of them are not."""

from collections.abc import Callable
from typing import Final, Protocol

# Readers that are less behind are not counted: the socket's own buffers hold as much.
COUNTED_BYTES_MIN: Final = 64 * 1024


class Reader(Protocol):
    """Who reads a stream."""

    def cut_off(self) -> None:
        """Break the connection off. Calls ``Backlog.forget``."""
        ...


class Backlog:
    """Counts unsent bytes; beyond the bound, who is furthest behind is cut off."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._behind: dict[Reader, int] = {}
        self.bytes = 0

    def note(self, reader: Reader, behind: int) -> None:
        """A reader is so many bytes behind now. It may be cut off before this returns."""
        if behind < COUNTED_BYTES_MIN:
            self.forget(reader)
            return
        self.bytes += behind - self._behind.get(reader, 0)
        self._behind[reader] = behind
        while self.bytes > self._limit:
            furthest: Callable[[Reader], int] = self._behind.__getitem__
            max(self._behind, key=furthest).cut_off()

    def forget(self, reader: Reader) -> None:
        """A reader has caught up, or is gone."""
        self.bytes -= self._behind.pop(reader, 0)
