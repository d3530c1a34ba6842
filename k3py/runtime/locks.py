"""One act at a time on a pod, acts on different pods side by side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class PodLocks:
    """A lock per pod that exists while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._locks)

    def busy(self, pod_uid: str) -> bool:
        """Whether an act on the pod goes on."""
        return pod_uid in self._locks

    @asynccontextmanager
    async def one_at_a_time(self, pod_uid: str) -> AsyncIterator[None]:
        """Wait for the acts that came earlier, then keep later ones waiting."""
        lock = self._locks.setdefault(pod_uid, asyncio.Lock())
        self._users[pod_uid] = self._users.get(pod_uid, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[pod_uid] -= 1
            if not self._users[pod_uid]:
                del self._users[pod_uid], self._locks[pod_uid]
