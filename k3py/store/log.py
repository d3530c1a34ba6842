"""The store's port to what is durable: a log of batches. Everything else exists once, above it.

Why so low: committer, rings, tombstones and the durable tail then run unchanged on SlateDB, in memory and in the
simulator.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

Row = tuple[bytes, bytes]
"""A key and its value."""

Put = tuple[bytes, bytes | None]
"""A key and its new value; None removes the key."""

Puts = list[Put]
"""Rows that are written together."""


class Log(Protocol):
    """An ordered map of byte strings with exactly one writer. One contract suite tests all implementations."""

    async def open(self) -> None:
        """Become the writer. Every earlier writer is fenced: no ``write`` of it succeeds any more.

        Raises:
            CannotOpen: the log cannot be reached or read.
        """
        ...

    async def write(self, rows: Sequence[Put], sequence: int) -> None:
        """Put or remove all rows at once, or none of them; returns when that is durable.

        When a key occurs twice the last one counts. ``sequence`` grows from batch to batch, also across writers.
        At most one write is under way at a time.

        Raises:
            Fenced: another writer has opened the log; the rows are not durable, or were so before it opened.
            LogFailed: the outcome is unknown.
        """
        ...

    def scan(self, prefix: bytes) -> AsyncIterator[Sequence[Row]]:
        """All rows whose key begins with ``prefix``, in the order of their keys, in batches. Only when open.

        Raises:
            LogFailed: the rows cannot be read.
        """
        ...

    async def close(self) -> None:
        """Let go of resources; what was written stays. May be called twice, and without ``open``."""
        ...
