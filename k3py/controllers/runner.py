"""Runs all controllers: feeds their caches, keeps their queues, carries out what they decide.

A key is not looked at again before the caches have seen what its last turn wrote (revisions are cluster-wide, so
"have seen" is a comparison of numbers): this replaces client-go's expectations, and nothing sleeps.
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.controllers.actions import Action, kind_of, said
from k3py.controllers.carry_out import Outcome, Writer, carry_out, namespace_terminating
from k3py.controllers.controller import Controller, Key, Reads, Turn
from k3py.controllers.events import EventRecorder, EventWriter
from k3py.controllers.feed import Feed, Source
from k3py.controllers.informer import Caches
from k3py.controllers.queue import WorkQueue
from k3py.model.struct import Wire

log = logging.getLogger(__name__)

# A safety net behind the watches: every key is looked at this often even when nothing seems to change.
RECHECK_SECONDS: Final = 600.0
# Objects whose keys are added in one go, a millisecond's work: others wait no longer for a look at 50,000 pods.
PIECE: Final = 100


@dataclass
class Counters:
    """What a controller did since the process started."""

    turns: int = 0
    writes: int = 0
    conflicts: int = 0
    failures: int = 0


class _Running:
    """One controller with its queue, counters, events and what its keys wait for."""

    def __init__(self, controller: Controller, queue: WorkQueue[Key], events: EventRecorder) -> None:
        self.controller = controller
        self.queue = queue
        self.events = events
        self.counters = Counters()
        self.expected: dict[Key, dict[type[Wire], int]] = {}
        self.waiting: dict[type[Wire], set[Key]] = {}
        self.failures: dict[Key, str] = {}
        self.writes = frozenset(controller.writes)

    def unseen(self, key: Key, caches: Caches) -> type[Wire] | None:
        """A kind whose cache has not seen what the key's last turn wrote, or None."""
        expected = self.expected.get(key)
        if expected is None:
            return None
        for kind, revision in expected.items():
            if caches.informer(kind).revision < revision:
                return kind
        del self.expected[key]
        return None


class Runner:
    """Owns the caches and the tasks of all controllers.

    ``counters`` are per controller name; ``caches`` may be read by others of the process.
    """

    def __init__(
        self,
        controllers: Sequence[Controller],
        source: Source,
        writer: Writer,
        event_writer: EventWriter,
        clock: Clock,
        randomness: random.Random,
        caches: Caches | None = None,
    ) -> None:
        self.caches = caches or Caches()
        self._clock = clock
        self._writer = writer
        self._source = source
        self._tasks = Tasks()
        self._starting = True
        self._started_at = clock.monotonic()
        self._running = [
            _Running(each, WorkQueue(randomness), EventRecorder(each.name, event_writer, clock, randomness))
            for each in controllers
        ]
        for running in self._running:
            for reads in running.controller.reads:
                self.caches.add(reads.kind, reads.indexes, bare=reads.bare)
        self._feed = Feed(source, self.caches, self._seen)

    @property
    def counters(self) -> dict[str, Counters]:
        """Per controller name."""
        return {each.controller.name: each.counters for each in self._running}

    @property
    def idle(self) -> bool:
        """Everything was looked at once, no key waits, none is worked on; delayed ones do not count."""
        return not self._starting and all(each.queue.idle for each in self._running)

    def start(self) -> None:
        """Fill the caches, look at everything once, follow the changes."""
        self._started_at = self._clock.monotonic()
        self._feed.start()
        for running in self._running:
            for reads in running.controller.reads:
                self._subscribe(running, reads)
        self._tasks.start(self._look_at_all(), "controllers look at everything")
        for running in self._running:
            name = running.controller.name
            for number in range(running.controller.workers):
                self._tasks.start(self._work(running), f"{name} worker {number}")
            self._tasks.start(running.events.run(), f"{name} events")

    async def stop(self) -> None:
        """Decide nothing more; a write under way is abandoned."""
        self._feed.stop()
        await self._tasks.stop()
        for running in self._running:
            running.queue.close()

    def _subscribe(self, running: _Running, reads: Reads) -> None:
        keys, caches, add = reads.keys, self.caches, running.queue.add

        def changed(old: Any, new: Any) -> None:
            for key in keys(old, new, caches):
                add(key)

        self.caches.informer(reads.kind).subscribe(changed)

    def _seen(self, kind: type[Wire]) -> None:
        """The cache of ``kind`` moved on: keys that waited for it may be looked at."""
        for running in self._running:
            waiting = running.waiting.pop(kind, None)
            if waiting:
                running.queue.add_all(waiting)

    async def _work(self, running: _Running) -> None:
        queue = running.queue
        while True:
            key = await queue.get()
            try:
                await self._turn(running, key)
            except Exception:
                running.counters.failures += 1
                log.exception("%s failed at %s", running.controller.name, key)
                queue.add_failed(key)
            finally:
                queue.done(key)
            if queue.overflowed and not len(queue):
                queue.overflowed = False
                await self._look_at([running])

    async def _turn(self, running: _Running, key: Key) -> None:
        behind = running.unseen(key, self.caches)
        if behind is not None:
            running.waiting.setdefault(behind, set()).add(key)
            return
        controller = running.controller
        monotonic = self._clock.monotonic()
        turn = Turn(self._clock.now(), running.failures.get(key, ""), monotonic, monotonic - self._started_at)
        actions = controller.plan(key, self.caches, turn)
        running.counters.turns += 1
        self._check(running, actions)
        outcome = await carry_out(actions, self._writer, running.events.tell)
        self._after(running, key, outcome)

    def _check(self, running: _Running, actions: Sequence[Action]) -> None:
        for action in actions:
            kind = kind_of(action)
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s: %s", running.controller.name, said(action))
            assert kind is None or kind in running.writes, f"{running.controller.name} may not {said(action)}"

    def _after(self, running: _Running, key: Key, outcome: Outcome) -> None:
        queue, counters = running.queue, running.counters
        counters.writes += outcome.writes
        cached = {kind: revision for kind, revision in outcome.revisions.items() if kind in self.caches.kinds}
        if cached:
            running.expected[key] = cached
        if outcome.wake_seconds is not None:
            queue.add_after(key, outcome.wake_seconds)
        problem = outcome.problem
        if problem is None:
            running.failures.pop(key, None)
            queue.succeeded(key)
        elif namespace_terminating(problem):
            queue.succeeded(key)
        elif outcome.stale:
            counters.conflicts += 1
            queue.add_failed(key)
        else:
            counters.failures += 1
            running.failures[key] = problem.message
            seconds = queue.add_failed(key)
            log.info("%s: %s/%s: %s; again in %.3f s", running.controller.name, *key, problem.message, seconds)

    async def _look_at_all(self) -> None:
        await self._look_at(self._running)
        self._starting = False
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await self._look_at(self._running)

    async def _look_at(self, among: Sequence[_Running]) -> None:
        """Add the keys of every object that these controllers read. What changes meanwhile adds its keys itself."""
        for kind in self.caches.kinds:
            readers = [
                (running.queue, reads.keys)
                for running in among
                for reads in running.controller.reads
                if reads.kind is kind
            ]
            for number, each in enumerate(self.caches.list(kind) if readers else (), 1):
                for queue, keys in readers:
                    queue.add_all(keys(None, each, self.caches))
                if number % PIECE == 0:
                    await asyncio.sleep(0)
