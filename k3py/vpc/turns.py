"""Who goes when: one after the other per pod, many pods at once, nobody beside the one who does it all. Acts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """One at a time for each key."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @contextlib.asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait for everybody who came earlier with this key."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._users[key] = self._users.get(key, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._locks[key]


class Gate:
    """Many may be inside ``together``, one ``alone``; who waits to be alone goes before those who come later."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._inside = 0
        self._alone = False
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Beside others, but not beside one who is alone."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            await self._tell()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Beside nobody."""
        self._waiting += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._alone and not self._inside)
                self._alone = True
        finally:
            self._waiting -= 1
            if not self._alone:
                await self._tell()
        try:
            yield
        finally:
            self._alone = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
