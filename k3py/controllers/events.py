"""Events: what happened, for users. The same one again raises its count instead of making another.

Shape and limits are those of client-go's event correlator: an object and component get a burst of 25 events, then one
per five minutes; events that say the same are one object with a count.
"""

import asyncio
import logging
import random
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final, Protocol

from k3py.base.clock import Clock, rfc3339
from k3py.model.errors import NotFound, Problem
from k3py.model.generated import core_v1, meta_v1

log = logging.getLogger(__name__)

BURST: Final = 25
REFILL_SECONDS: Final = 300.0
# As client-go: enough for what a cluster says within an hour; beyond it the oldest are told anew.
KNOWN_MAX: Final = 4096
# Events are told after the deed; a flood must not hold the deeds in memory. Beyond it new ones are dropped, counted.
WAITING_MAX: Final = 1024
MESSAGE_LENGTH_MAX: Final = 1024


class EventWriter(Protocol):
    """Writes events; both raise ``Problem``."""

    async def create_event(self, event: core_v1.Event) -> None: ...

    async def count_event(self, namespace: str, name: str, count: int, last_timestamp: str) -> None: ...


@dataclass
class _Known:
    name: str
    count: int


@dataclass
class _Budget:
    tokens: float
    filled_at: float


class EventRecorder:
    """Takes events at any time without waiting; ``run`` writes them, best effort, in order."""

    def __init__(self, component: str, writer: EventWriter, clock: Clock, source: random.Random) -> None:
        self.component = component
        self.dropped = 0
        self._writer = writer
        self._clock = clock
        self._source = source
        self._known: OrderedDict[tuple[str, ...], _Known] = OrderedDict()
        self._budgets: OrderedDict[str, _Budget] = OrderedDict()
        self._waiting: deque[tuple[core_v1.ObjectReference, str, str, str]] = deque()
        self._filled = asyncio.Event()

    def tell(self, about: core_v1.ObjectReference, kind: str, reason: str, message: str) -> None:
        """Record an event of type ``Normal`` or ``Warning`` on an object."""
        if len(self._waiting) >= WAITING_MAX or not self._may(about.uid or about.name):
            self.dropped += 1
            return
        self._waiting.append((about, kind, reason, message[:MESSAGE_LENGTH_MAX]))
        self._filled.set()

    async def run(self) -> None:
        """Write what was told, until cancelled."""
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            said = self._waiting.popleft()
            try:
                await self._write(*said)
            except Problem as problem:
                self.dropped += 1
                log.debug("event %s on %s is lost: %s", said[2], said[0].name, problem)

    async def _write(self, about: core_v1.ObjectReference, kind: str, reason: str, message: str) -> None:
        key = (about.kind, about.namespace, about.name, about.uid, about.field_path, kind, reason, message)
        stamp = rfc3339(self._clock.now())
        namespace = about.namespace or "default"
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            known.count += 1
            try:
                await self._writer.count_event(namespace, known.name, known.count, stamp)
                return
            except NotFound:
                del self._known[key]
        name = f"{about.name}.{self._source.getrandbits(64):016x}"
        await self._writer.create_event(self._event(name, namespace, about, kind, reason, message, stamp))
        self._known[key] = _Known(name, 1)
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)

    def _event(
        self,
        name: str,
        namespace: str,
        about: core_v1.ObjectReference,
        kind: str,
        reason: str,
        message: str,
        stamp: str,
    ) -> core_v1.Event:
        return core_v1.Event(
            metadata=meta_v1.ObjectMeta(name=name, namespace=namespace),
            involved_object=about,
            type=kind,
            reason=reason,
            message=message,
            source=core_v1.EventSource(component=self.component),
            reporting_component=self.component,
            first_timestamp=stamp,
            last_timestamp=stamp,
            count=1,
        )

    def _may(self, who: str) -> bool:
        """Whether the object still has an event to spend."""
        now = self._clock.monotonic()
        budget = self._budgets.get(who)
        if budget is None:
            budget = self._budgets[who] = _Budget(BURST, now)
            if len(self._budgets) > KNOWN_MAX:
                self._budgets.popitem(last=False)
        else:
            self._budgets.move_to_end(who)
        budget.tokens = min(BURST, budget.tokens + (now - budget.filled_at) / REFILL_SECONDS)
        budget.filled_at = now
        if budget.tokens < 1:
            return False
        budget.tokens -= 1
        return True
