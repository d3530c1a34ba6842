"""Who goes when: one after the other per key, many keys at once, nobody beside the one who does it all. Waits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """One at a time for each key."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    def __len__(self) -> int:
        """How many keys somebody holds or waits for."""
        return len(self._locks)

    def __contains__(self, key: str) -> bool:
        return key in self._locks

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
        # Held while somebody comes in, and by the one who waits to be alone or is it.
        self._door = asyncio.Lock()
        self._empty = asyncio.Event()
        self._empty.set()
        self._inside = 0

    @contextlib.asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Beside others, but not beside one who is alone."""
        async with self._door:
            self._inside += 1
            self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Beside nobody."""
        async with self._door:
            await self._empty.wait()
            yield
