"""Keeps a mirror up to date: list, watch, resume. Acts.

``mirror`` decides what an answer changes; here is only when to ask again. While the server is away nothing changes: the
mirror keeps what it knows and ``on_contact`` says so.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final, Generic, cast

from k3py.base.backoff import Backoff
from k3py.base.clock import Clock
from k3py.client.mirror import Change, Key, Mirror, OlderListing
from k3py.client.port import Client, EventType, T, WatchEvent
from k3py.model.errors import Expired, Problem

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS: Final = 0.25
WAIT_SECONDS_MAX: Final = 15.0
# A watch that the server ended sooner, without an event, counts as a failure: otherwise this would be a hot loop.
WATCH_SECONDS_MIN: Final = 5.0


class Reflector(Generic[T]):
    """Watches the objects of one kind.

    ``on_change`` gets every change, in order and without awaiting; ``on_synced`` is called once, after the first
    complete list; ``on_contact`` whenever the server went away (False) or was heard again (True).
    """

    def __init__(
        self,
        client: Client,
        kind: type[T],
        on_change: Callable[[Change[T]], None],
        clock: Clock,
        source: random.Random,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        on_synced: Callable[[], None] | None = None,
        on_contact: Callable[[bool], None] | None = None,
    ) -> None:
        self._client = client
        self._kind = kind
        self._on_change = on_change
        self._clock = clock
        self._backoff = Backoff(source, FIRST_WAIT_SECONDS, WAIT_SECONDS_MAX)
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._on_synced = on_synced
        self._on_contact = on_contact
        self._mirror: Mirror[T] = Mirror()
        self._must_list = True
        self._in_contact = False
        self.is_synced = False

    @property
    def objects(self) -> Mapping[Key, T]:
        """What is known, by namespace and name. Means nothing before ``is_synced``."""
        return self._mirror.objects

    async def run(self) -> None:
        """Keep up, for ever; cancel it to stop. What ``on_change`` raises ends it."""
        while True:
            try:
                if self._must_list:
                    await self._list()
                if await self._watch():
                    continue
            except Expired as problem:
                log.info("the watch of %s has fallen behind, listing again: %s", self._kind.__name__, problem)
                self._must_list = True
            except (Problem, OlderListing) as problem:
                level = logging.WARNING if self._in_contact else logging.DEBUG
                log.log(level, "cannot watch %s for now: %s", self._kind.__name__, problem)
                self._contact(False)
            await asyncio.sleep(self._backoff.next_seconds())

    async def _list(self) -> None:
        listing = await self._client.list(self._kind, self._namespace, self._label_selector, self._field_selector)
        changes = self._mirror.replace(listing)
        self._must_list = False
        self._contact(True)
        for change in changes:
            self._on_change(change)
        if not self.is_synced:
            self.is_synced = True
            if self._on_synced is not None:
                self._on_synced()

    async def _watch(self) -> bool:
        """Follow one watch to its end; whether it was a useful one."""
        started = self._clock.monotonic()
        useful = False
        watch = self._client.watch(
            self._kind,
            self._mirror.resource_version,
            self._namespace,
            self._label_selector,
            self._field_selector,
        )
        # Every implementation is an async generator; closing it here gives its connection back at once.
        async with contextlib.aclosing(cast(AsyncGenerator[WatchEvent[T], None], watch)) as events:
            async for event in events:
                if event.type is not EventType.BOOKMARK:
                    useful = True
                    self._backoff.reset()
                self._contact(True)
                for change in self._mirror.apply(event):
                    self._on_change(change)
        return useful or self._clock.monotonic() - started >= WATCH_SECONDS_MIN

    def _contact(self, is_there: bool) -> None:
        if is_there != self._in_contact:
            self._in_contact = is_there
            if self._on_contact is not None:
                self._on_contact(is_there)
