"""A log in memory: for tests, the simulator and ``--store memory:``."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from k3py.store.errors import Fenced, LogFailed
from k3py.store.log import Put, Row

SCAN_ROWS: Final = 1_000


class MemoryMedium:
    """What outlives a writer: the rows, the last sequence number and who is the writer."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.sequence = 0
        self.writer = 0

    def put(self, rows: Sequence[Put], sequence: int) -> None:
        """Apply a batch.

        Raises:
            LogFailed: the sequence number does not grow.
        """
        if sequence <= self.sequence:
            raise LogFailed(f"cannot write at sequence number {sequence}: {self.sequence} was written already")
        self.sequence = sequence
        for key, value in rows:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value

    def below(self, prefix: bytes) -> list[Row]:
        """All rows whose key begins with ``prefix``, in order."""
        return sorted((key, value) for key, value in self.rows.items() if key.startswith(prefix))


class MemoryLog:
    """A ``Log`` over a medium; several logs over one medium fence each other as servers over one bucket do."""

    def __init__(self, medium: MemoryMedium | None = None) -> None:
        self._medium = medium or MemoryMedium()
        self._writer = 0

    async def open(self) -> None:
        self._medium.writer += 1
        self._writer = self._medium.writer

    async def write(self, rows: Sequence[Put], sequence: int) -> None:
        self._check()
        self._medium.put(rows, sequence)

    async def scan(self, prefix: bytes) -> AsyncIterator[Sequence[Row]]:
        self._check()
        rows = self._medium.below(prefix)
        for start in range(0, len(rows), SCAN_ROWS):
            yield rows[start : start + SCAN_ROWS]

    async def close(self) -> None:
        self._writer = 0

    def _check(self) -> None:
        if not self._writer:
            raise LogFailed("cannot use the log: it is not open")
        if self._writer != self._medium.writer:
            raise Fenced("another writer has opened the log")
