"""A queue of keys to look at: each key once, one worker per key, failures back off per key.

The promises are client-go's workqueue's: a key added while it is being worked on comes back afterwards; a key that
fails waits 5 ms, doubling to 1000 s. Jitter comes from the caller's random source, time from the running loop.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Final, Generic, TypeVar

from k3py.base.backoff import Backoff

K = TypeVar("K", bound=Hashable)

BACKOFF_FIRST_SECONDS: Final = 0.005
BACKOFF_SECONDS_MAX: Final = 1000.0
# What rounding leaves of a deadline would not move the clock: the key would come back in the same instant, for ever.
DELAY_SECONDS_MIN: Final = 0.001
# One key per object of the largest cluster we plan for (100,000 pods) with room; beyond it keys are forgotten and
# `overflowed` asks the owner to add every key again.
KEYS_MAX: Final = 200_000


class WorkQueue(Generic[K]):
    """Keys that wait, keys that are worked on, keys that are due later."""

    def __init__(self, source: random.Random, keys_max: int = KEYS_MAX) -> None:
        self._source = source
        self._keys_max = keys_max
        self._ready: OrderedDict[K, None] = OrderedDict()
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._later: dict[K, asyncio.TimerHandle] = {}
        self._backoffs: dict[K, Backoff] = {}
        self._failures: dict[K, int] = {}
        self._getters: asyncio.Event = asyncio.Event()
        self.overflowed = False

    def __len__(self) -> int:
        """Keys that wait to be worked on now."""
        return len(self._ready)

    @property
    def delayed(self) -> int:
        """Keys that are due later."""
        return len(self._later)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is worked on; delayed keys do not count."""
        return not self._ready and not self._working

    def add(self, key: K) -> None:
        """Look at ``key``, as soon as a worker is free; once, however often it was added meanwhile."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._ready:
            if len(self._ready) >= self._keys_max:
                self.overflowed = True
                return
            self._ready[key] = None
            self._getters.set()

    def add_all(self, keys: Iterable[K]) -> None:
        for key in keys:
            self.add(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Look at ``key`` after ``seconds``; of two delayed adds of a key the earlier counts."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(seconds, DELAY_SECONDS_MIN)
        known = self._later.get(key)
        if known is not None:
            if known.when() <= due:
                return
            known.cancel()
        elif len(self._later) >= self._keys_max:
            self.overflowed = True
            return
        self._later[key] = loop.call_at(due, self._due, key)

    def add_failed(self, key: K) -> float:
        """Look at ``key`` again after its back-off, which grows with each failure; the seconds it waits."""
        known = self._backoffs.get(key)
        if known is None:
            known = self._backoffs[key] = Backoff(self._source, BACKOFF_FIRST_SECONDS, BACKOFF_SECONDS_MAX)
        seconds = known.next_seconds()
        self._failures[key] = self._failures.get(key, 0) + 1
        self.add_after(key, seconds)
        return seconds

    def failures(self, key: K) -> int:
        """How often the key failed since it last succeeded."""
        return self._failures.get(key, 0)

    def succeeded(self, key: K) -> None:
        """The key's next failure waits the first back-off again."""
        self._backoffs.pop(key, None)
        self._failures.pop(key, None)

    async def get(self) -> K:
        """The key that waits longest; it is the caller's until ``done``."""
        while not self._ready:
            self._getters.clear()
            await self._getters.wait()
        key, _ = self._ready.popitem(last=False)
        self._working.add(key)
        return key

    def done(self, key: K) -> None:
        """The caller is through with the key; if it was added meanwhile, it waits again."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def close(self) -> None:
        """Forget everything that is due later."""
        for handle in self._later.values():
            handle.cancel()
        self._later.clear()

    def _due(self, key: K) -> None:
        self._later.pop(key, None)
        self.add(key)
