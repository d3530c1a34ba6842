"""The log in the simulator: durable state that all processes share, and what can go wrong on the way to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from k3py.store.errors import CannotOpen, Fenced, LogFailed
from k3py.store.log import Put, Row
from k3py.store.memory_log import MemoryMedium
from tests.sim.world import World

SCAN_ROWS = 7


class Fate(Enum):
    """What becomes of one write."""

    GOOD = auto()
    REFUSED = auto()  # reported failed, and it was not applied
    UNKNOWN = auto()  # reported failed, but it was applied
    LATE = auto()  # reported failed, and applied after that, unless somebody fenced it before
    SILENT_APPLIED = auto()  # applied, but no answer ever comes
    SILENT = auto()  # not applied, and no answer ever comes


@dataclass(frozen=True)
class LogFaults:
    """How often a write has another fate than a good one, and how often opening fails."""

    bad_write: float = 0.0
    bad_open: float = 0.0


class SharedLog:
    """What outlives all processes. ``on_applied`` sees each batch in the moment it becomes durable."""

    def __init__(self, world: World, faults: LogFaults, on_applied: Callable[[Sequence[Put], int], None]) -> None:
        self.world = world
        self.faults = faults
        self.medium = MemoryMedium()
        self.on_applied = on_applied

    def apply(self, rows: Sequence[Put], sequence: int) -> None:
        self.medium.put(rows, sequence)
        self.on_applied(rows, sequence)


class SimLog:
    """One process's way to the shared log."""

    def __init__(self, shared: SharedLog) -> None:
        self._shared = shared
        self._world = shared.world
        self._writer = 0

    async def open(self) -> None:
        await asyncio.sleep(self._world.delay())
        if self._world.chance(self._shared.faults.bad_open):
            raise CannotOpen("cannot reach the log")
        self._shared.medium.writer += 1
        self._writer = self._shared.medium.writer
        await asyncio.sleep(self._world.delay())

    async def write(self, rows: Sequence[Put], sequence: int) -> None:
        world, fate = self._world, Fate.GOOD
        if world.chance(self._shared.faults.bad_write):
            fate = world.random.choice([each for each in Fate if each is not Fate.GOOD])
        answer: asyncio.Future[None] = world.loop.create_future()
        world.post(world.delay(), self._land, list(rows), sequence, fate, answer)
        await answer

    def _land(self, rows: Sequence[Put], sequence: int, fate: Fate, answer: "asyncio.Future[None]") -> None:
        problem: LogFailed | None = None
        if self._writer != self._shared.medium.writer:
            problem = Fenced("another writer has opened the log")
        elif fate is Fate.LATE:
            self._world.post(self._world.random.uniform(0, 3), self._land_late, rows, sequence)
        elif fate not in (Fate.REFUSED, Fate.SILENT):
            self._shared.apply(rows, sequence)
        if problem is None and fate in (Fate.REFUSED, Fate.UNKNOWN, Fate.LATE):
            problem = LogFailed("the write failed")
        if problem is not None or fate is Fate.GOOD:
            self._world.post(self._world.delay(), _answer, answer, problem)

    def _land_late(self, rows: Sequence[Put], sequence: int) -> None:
        if self._writer == self._shared.medium.writer and sequence > self._shared.medium.sequence:
            self._shared.apply(rows, sequence)

    async def scan(self, prefix: bytes) -> AsyncIterator[Sequence[Row]]:
        rows = self._shared.medium.below(prefix)
        for start in range(0, len(rows), SCAN_ROWS):
            if self._writer != self._shared.medium.writer:
                raise Fenced("another writer has opened the log")
            await asyncio.sleep(self._world.delay() / 10)
            yield rows[start : start + SCAN_ROWS]

    async def close(self) -> None:
        self._writer = -1


def _answer(answer: "asyncio.Future[None]", problem: LogFailed | None) -> None:
    if answer.done():
        return
    if problem is None:
        answer.set_result(None)
    else:
        answer.set_exception(problem)
