"""A request's body that is handed out while it arrives: for what is only passed on, however large it is."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

# Received and not yet taken; then the client is not read any more.
UNREAD_BYTES_MAX: Final = 256 * 1024


class BodyStream:
    """One reader (``read``); the connection feeds it. ``length`` is the whole body's, None when it is chunked."""

    def __init__(self, length: int | None) -> None:
        self.length = length
        self.complete = False
        self.on_room: Callable[[], None] | None = None
        """Called when the reader has taken so much that more may come."""
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._problem: Exception | None = None
        self._news = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Enough is waiting for the reader."""
        return self._buffered >= UNREAD_BYTES_MAX

    async def read(self) -> bytes:
        """The next piece, b"" at the end.

        Raises:
            Exception: the client broke off (``ConnectionError``) or sent nonsense (a ``Problem``).
        """
        while not self._pieces:
            if self._problem is not None:
                raise self._problem
            if self.complete:
                return b""
            self._news.clear()
            await self._news.wait()
        was_full = self.is_full
        piece = self._pieces.popleft()
        self._buffered -= len(piece)
        if was_full and not self.is_full and self.on_room is not None:
            self.on_room()
        return piece

    def feed(self, data: bytes) -> None:
        """More of the body has come."""
        if data:
            self._pieces.append(data)
            self._buffered += len(data)
            self._news.set()

    def finish(self) -> None:
        """All of it has come."""
        self.complete = True
        self._news.set()

    def fail(self, problem: Exception) -> None:
        """No more will come. Nothing happens when it is complete."""
        if not self.complete and self._problem is None:
            self._problem = problem
            self._news.set()
