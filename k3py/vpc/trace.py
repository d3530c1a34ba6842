"""The last dropped packets, for those who ask why one died. Acts: it waits; the clock is a parameter."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from k3py.base.clock import Clock
from k3py.model.vpc_socket import DropEvent, Traced
from k3py.vpc.drops import read_drop
from k3py.vpc.ports import Node
from k3py.vpc.rows import PodRow

log = logging.getLogger(__name__)

EVENTS_MAX: Final = 1_000
# A longer poll gains nothing and outlives its asker.
WAIT_SECONDS_MAX: Final = 60.0


class Trace:
    """``pods``: those of this node by uid; ``node`` knows their interface numbers."""

    def __init__(self, node: Node, pods: Callable[[], Mapping[str, PodRow]], clock: Clock) -> None:
        self._node, self._pods, self._clock = node, pods, clock
        self._events: deque[DropEvent] = deque(maxlen=EVENTS_MAX)
        self._number = 0
        self._arrived = asyncio.Event()
        self._uids: dict[int, str] | None = None

    def devices_changed(self) -> None:
        """Links were made or removed: interface numbers mean something else now."""
        self._uids = None

    def on_drop(self, record: bytes) -> None:
        """Take one record of the events ring; what is none is left out."""
        drop = read_drop(record)
        if drop is None:
            log.debug("a record of %d bytes in the events ring", len(record))
            return
        uid = self._uid(drop.ifindex)
        row = self._pods().get(uid)
        attachment = row.attachment if row is not None else None
        self._number += 1
        self._events.append(
            DropEvent(
                number=self._number,
                time=self._clock.now() - self._clock.monotonic() + drop.time_ns / 1e9,
                pod_uid=uid,
                direction=drop.direction,
                outcome=drop.outcome,
                meaning=drop.meaning,
                namespace=attachment.namespace if attachment is not None else "",
                name=attachment.name if attachment is not None else "",
                source=drop.head.source,
                destination=drop.head.destination,
                protocol=drop.head.protocol,
                source_port=drop.head.source_port,
                destination_port=drop.head.destination_port,
                length=drop.length,
            )
        )
        self._arrived.set()

    async def after(self, number: int, wait_seconds: float, pod_uid: str = "") -> Traced:
        """Events numbered above ``number``, of one pod or (empty) of all; waits for one, at most so long."""
        deadline = self._clock.monotonic() + min(max(wait_seconds, 0.0), WAIT_SECONDS_MAX)
        # A number from before a restart: everything that is here is new.
        after = number if number <= self._number else 0
        while True:
            found = [e for e in self._events if e.number > after and pod_uid in ("", e.pod_uid)]
            left = deadline - self._clock.monotonic()
            if found or left <= 0:
                oldest = self._events[0].number if self._events else self._number + 1
                return Traced(events=tuple(found), lost=max(0, oldest - 1 - after))
            arrived = self._arrived
            try:
                async with asyncio.timeout(left):
                    await arrived.wait()
            except TimeoutError:
                continue
            if arrived is self._arrived:
                self._arrived = asyncio.Event()

    def _uid(self, ifindex: int) -> str:
        if self._uids is None:
            numbers = {self._node.ifindex(uid): uid for uid in self._pods()}
            numbers.pop(0, None)
            self._uids = numbers
        return self._uids.get(ifindex, "")
