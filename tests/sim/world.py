"""A world of processes, network and time, from one seed.

A process is a life on the virtual loop: when it is killed its coroutines are held for good (no ``finally`` runs), while
what it has already sent may still arrive. Calls from outside go through ``call``, with delays and lost answers.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from k3py.base.clock import LoopClock
from k3py.base.virtual_loop import Life, VirtualLoop, new_loop

T = TypeVar("T")


class Violation(AssertionError):
    """Something happened that must never happen."""


class Lost(Exception):
    """No answer came: the call may have had its effect or not."""


@dataclass(frozen=True)
class Weather:
    """How bad the world is. Probabilities per event, times in seconds."""

    delay_max: float = 0.05
    slow_call: float = 0.05
    slow_seconds: float = 2.0
    kill_per_step: float = 0.0
    call_seconds_max: float = 8.0

    @property
    def is_fair(self) -> bool:
        return self.slow_call == 0 and self.kill_per_step == 0


FAIR = Weather(slow_call=0.0)


class Process:
    """Something that can be killed. ``number`` grows with the order of starts."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.life = Life(f"{name}-{number}")

    @property
    def is_alive(self) -> bool:
        return not self.life.is_over

    def __repr__(self) -> str:
        return repr(self.life)


class World:
    """Time, chance, network and processes."""

    def __init__(self, seed: int, weather: Weather) -> None:
        self.random = random.Random(seed)
        self.loop: VirtualLoop = new_loop(random.Random(seed + 1))
        self.clock = LoopClock(self.loop)
        self.weather = weather
        self.processes: list[Process] = []
        self.steps = 0
        self.kills = 0
        self._outside: Context = copy_context()
        self.loop.before_step = self._before_step

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the story to its end; what no coroutine caught is a violation too."""
        try:
            result = self.loop.run_until_complete(work)
            for failure in self.loop.failures:
                problem = failure.get("exception")
                raise problem if isinstance(problem, Violation) else Violation(f"caught by nobody: {failure}")
            return result
        finally:
            self.loop.close()

    # --- processes ---

    def start(self, process: Process, work: Coroutine[Any, Any, Any]) -> None:
        """Let a process live."""
        self.processes.append(process)
        self.loop.start_in(process.life, work)

    def kill(self, process: Process) -> None:
        """As ``kill -9`` would."""
        if process.is_alive:
            self.kills += 1
            self.loop.kill(process.life)

    def alive(self) -> list[Process]:
        """Those that live, oldest first."""
        return [process for process in self.processes if process.is_alive]

    def _before_step(self) -> None:
        self.steps += 1
        if self.weather.kill_per_step and self.random.random() < self.weather.kill_per_step:
            living = self.alive()
            if living:
                self.kill(self.random.choice(living))

    # --- chance and network ---

    def chance(self, probability: float) -> bool:
        """True as often as that; no randomness is used up where it cannot happen."""
        return probability > 0 and self.random.random() < probability

    def delay(self) -> float:
        """How long a message travels."""
        if self.chance(self.weather.slow_call):
            return self.random.uniform(0, self.weather.slow_seconds)
        return self.random.uniform(0, self.weather.delay_max)

    def post(self, seconds: float, callback: Callable[..., object], *args: object) -> None:
        """Something that happens in the world, whoever has died by then."""
        self.loop.call_later(seconds, callback, *args, context=self._outside)

    async def call(self, process: Process, work: Callable[[], Awaitable[T]]) -> T:
        """Have a process do something and hear what came of it.

        Raises:
            Lost: no answer came in time.
        """
        answer: asyncio.Future[T] = self.loop.create_future()

        async def serve() -> None:
            await asyncio.sleep(self.delay())
            try:
                result = await work()
            except Exception as problem:
                self.post(self.delay(), _settle, answer, None, problem)
            else:
                self.post(self.delay(), _settle, answer, result, None)

        if not process.is_alive:
            raise Lost
        self.loop.start_in(process.life, serve())
        try:
            async with asyncio.timeout(self.weather.call_seconds_max):
                return await answer
        except TimeoutError:
            raise Lost from None


def _settle(answer: "asyncio.Future[Any]", result: object, problem: Exception | None) -> None:
    if answer.done():
        return
    if problem is None:
        answer.set_result(result)
    else:
        answer.set_exception(problem)
