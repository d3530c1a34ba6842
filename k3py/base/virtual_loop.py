"""An asyncio event loop on virtual time: an hour of waiting costs a millisecond, and a run repeats from its seed.

It never blocks. When nothing is ready it jumps to the next timer; when there is none either, everybody waits for
nobody and that is an error. There are no sockets, threads or signals in its world.

It can stop a part of the program as ``kill -9`` would: callbacks run in contexts (``contextvars``), each part has a
life in its context, and what belongs to a life that has ended is held for good: not run, not cancelled, so that no
``finally`` runs that a killed process would not have run.
"""

import asyncio
import heapq
import inspect
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack, cast

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# A callback that makes itself ready again and again without time passing is a hot loop, not work.
STEPS_WITHOUT_TIME_MAX: Final = 1_000_000


class Deadlock(RuntimeError):
    """Everybody waits, and nothing will ever happen."""


class HotLoop(RuntimeError):
    """Callbacks go on without time passing."""


class Life:
    """A part of the program that can be killed: all tasks that were started in its context."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_over = False

    def __repr__(self) -> str:
        return f"Life({self.name}{', over' if self.is_over else ''})"


_life: ContextVar[Life | None] = ContextVar("k3py_virtual_life", default=None)


def current_life() -> Life | None:
    """The life that the running callback belongs to."""
    return _life.get()


class _Timer(asyncio.TimerHandle):
    """A timer; equal moments run in the order in which they were set."""

    order: int = 0

    def __lt__(self, other: object) -> bool:
        assert isinstance(other, _Timer)
        return (self.when(), self.order) < (other.when(), other.order)

    # asyncio takes two cancelled timers of one moment for equal; the heap has to tell them apart.
    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


class VirtualLoop(asyncio.AbstractEventLoop):
    """The loop. ``shuffle``: tasks that are ready at the same time run in an order drawn from it; without it in the
    order in which they became ready, as on every other loop. Plain callbacks always keep their order."""

    def __init__(self, shuffle: random.Random | None = None) -> None:
        self._shuffle = shuffle
        self._time = 0.0
        self._ready: deque[tuple[asyncio.Handle, Life | None]] = deque()
        self._timers: list[tuple[_Timer, Life | None]] = []
        self._timer_count = 0
        self._running = False
        self._stopping = False
        self._closed = False
        self._steps = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self.held: list[asyncio.Handle] = []
        self.before_step: Callable[[], None] | None = None
        self.failures: list[dict[str, Any]] = []
        self._exception_handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None

    # --- lives ---

    def start_in(self, life: Life, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run ``work`` as a task of ``life``; what it starts belongs to that life too."""
        context = copy_context()
        context.run(_life.set, life)
        return self.create_task(work, context=context)

    def kill(self, life: Life) -> None:
        """End a life between two callbacks, as ``kill -9`` would: none of its coroutines goes on, ever."""
        life.is_over = True

    # --- time and callbacks ---

    def time(self) -> float:
        return self._time

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append((handle, context.get(_life)))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._time + max(delay, 0.0), callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        timer = _Timer(when, callback, args, self, context)
        self._timer_count += 1
        timer.order = self._timer_count
        heapq.heappush(self._timers, (timer, context.get(_life)))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio's hook; cancelled timers are skipped when their time comes."""

    # --- running ---

    def run_forever(self) -> None:
        asyncio._set_running_loop(self)
        self._running = True
        try:
            while not self._stopping:
                self._step()
        finally:
            self._stopping = self._running = False
            asyncio._set_running_loop(None)

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        task: asyncio.Future[T] = asyncio.ensure_future(cast("Awaitable[T]", future), loop=self)
        task.add_done_callback(lambda _: self.stop())
        self.run_forever()
        if not task.done():
            raise RuntimeError("the loop was stopped before the future was done")
        return task.result()

    def _step(self) -> None:
        if not self._ready:
            self._jump()
            return
        self._steps += 1
        if self._steps > STEPS_WITHOUT_TIME_MAX:
            raise HotLoop(f"{self._steps} callbacks without time passing; next: {self._ready[0][0]!r}")
        handle, life = self._choose()
        if handle.cancelled():
            return
        if life is not None and life.is_over:
            self.held.append(handle)
            return
        if self.before_step is not None:
            self.before_step()
            if life is not None and life.is_over:
                self.held.append(handle)
                return
        handle._run()

    def _choose(self) -> tuple[asyncio.Handle, Life | None]:
        if self._shuffle is None or len(self._ready) == 1 or not _is_task_step(self._ready[0][0]):
            return self._ready.popleft()
        steps = 1
        while steps < len(self._ready) and _is_task_step(self._ready[steps][0]):
            steps += 1
        chosen = self._shuffle.randrange(steps)
        found = self._ready[chosen]
        del self._ready[chosen]
        return found

    def _jump(self) -> None:
        while self._timers and self._timers[0][0].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            raise Deadlock("everybody waits, and no timer is set")
        self._steps = 0
        self._time = max(self._time, self._timers[0][0].when())
        while self._timers and self._timers[0][0].when() <= self._time:
            self._ready.append(heapq.heappop(self._timers))

    def stop(self) -> None:
        self._stopping = True

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        for task in list(self._tasks):
            _end(task)
        self._tasks.clear()
        self.held.clear()

    async def shutdown_asyncgens(self) -> None:
        """There is nothing to shut down."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    # --- futures and tasks ---

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None, **options: Any
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context, **options)
        self._tasks.add(task)  # one that is held must not be collected: that would run its `finally` blocks
        task.add_done_callback(self._tasks.discard)
        return task

    async def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> T:
        """Run it here and now: there are no threads in virtual time."""
        return func(*args)

    # --- errors ---

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Debugging needs the wall clock; it stays off."""

    def set_exception_handler(
        self, handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None
    ) -> None:
        self._exception_handler = handler

    def get_exception_handler(self) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None:
        return self._exception_handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what no coroutine caught in ``failures``, or hand it to the handler that was set."""
        if self._exception_handler is not None:
            self._exception_handler(self, context)
        else:
            self.default_exception_handler(context)


def _is_task_step(handle: asyncio.Handle) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)  # type: ignore[attr-defined]


def _end(task: "asyncio.Task[Any]") -> None:
    """The world ends before the task does. It is closed from the outside in, one task after the other: the collector
    would close a coroutine while it already closes its inner one, which CPython 3.11 does not survive."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    work = task.get_coro()
    if inspect.iscoroutine(work):
        with suppress(Exception):
            work.close()


def new_loop(shuffle: random.Random | None = None) -> VirtualLoop:
    """A loop. It has no sockets, processes or signals, so it leaves those methods of the interface out."""
    return VirtualLoop(shuffle)  # type: ignore[abstract]


def run(work: Coroutine[Any, Any, T], shuffle: random.Random | None = None) -> T:
    """Run ``work`` to its end on a virtual loop of its own.

    Raises:
        Deadlock: everybody waits for nobody.
        HotLoop: callbacks go on without time passing.
    """
    loop = new_loop(shuffle)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
