"""Scheduler and controllers: the part of a server that decides. Only the leader has one."""

import random

from k3py.base.clock import Clock
from k3py.base.tasks import Tasks
from k3py.controllers import all as every
from k3py.controllers.events import EventRecorder
from k3py.controllers.objects_writer import ObjectsWriter
from k3py.model.generated import core_v1
from k3py.model.user import SCHEDULER
from k3py.objects.service import Objects
from k3py.scheduler.loop import NAME, Scheduler


class Control:
    """Runs them over one set of caches."""

    def __init__(self, objects: Objects, clock: Clock, source: random.Random, settings: every.Settings) -> None:
        self.runner = every.runner(objects, clock, source, settings)
        self._events = EventRecorder(NAME, ObjectsWriter(objects, SCHEDULER), clock, source)
        self.scheduler = Scheduler(objects, self._events, clock, source)
        caches = self.runner.caches
        self.scheduler.subscribe(caches.informer(core_v1.Pod), caches.informer(core_v1.Node))
        self._tasks = Tasks()

    def start(self) -> None:
        """Fill the caches and begin to decide."""
        self._tasks.start(self._events.run(), "scheduler events")
        self.runner.start()
        self.scheduler.start()

    async def stop(self) -> None:
        """Decide nothing more."""
        await self.scheduler.stop()
        await self.runner.stop()
        await self._tasks.stop()
