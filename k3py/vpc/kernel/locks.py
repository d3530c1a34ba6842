"""Who may work on the kernel at the same time: one on everything, or several on a pod each. Waits; decides nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Locks:
    """Work on one pod excludes other work on it; work on everything excludes all other. Who waits for everything is
    not overtaken by later work on pods.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._nobody = asyncio.Event()
        self._nobody.set()
        self._pods: dict[str, asyncio.Lock] = {}
        self._working: dict[str, int] = {}

    @asynccontextmanager
    async def everything(self) -> AsyncIterator[None]:
        """Work on everything."""
        async with self._turn:
            await self._nobody.wait()
            yield

    @asynccontextmanager
    async def pod(self, uid: str) -> AsyncIterator[None]:
        """Work on one pod."""
        async with self._turn:
            self._working[uid] = self._working.get(uid, 0) + 1
            self._nobody.clear()
        try:
            async with self._pods.setdefault(uid, asyncio.Lock()):
                yield
        finally:
            self._leave(uid)

    def _leave(self, uid: str) -> None:
        self._working[uid] -= 1
        if not self._working[uid]:
            del self._working[uid], self._pods[uid]
        if not self._working:
            self._nobody.set()
