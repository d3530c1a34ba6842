"""Events about pods, in kubelet's words: best effort, never in the way of a pod, bounded."""

import asyncio
import logging
from collections import OrderedDict
from typing import Final

import msgspec

from k3py.base.clock import Clock, rfc3339
from k3py.client.port import Client, PatchType
from k3py.model.errors import NotFound, Problem
from k3py.model.generated import core_v1, meta_v1
from k3py.model.generated.core_v1 import Event, Pod

log = logging.getLogger(__name__)

# Minutes of events while the server is away; further ones are dropped.
WAITING_MAX: Final = 1000
KNOWN_MAX: Final = 4096
MESSAGE_LENGTH_MAX: Final = 1024
# kubelet's filter against spam: 25 at once, then one every five minutes, per pod.
BURST: Final = 25
REFILL_SECONDS: Final = 300.0

Key = tuple[str, str, str, str]


class _Sent(msgspec.Struct, frozen=True):
    """An event that the server has: its namespace and name, and how often it happened."""

    namespace: str
    name: str
    count: int


class EventRecorder:
    """Sends events in the order they came; one that repeats counts up instead."""

    def __init__(self, client: Client, clock: Clock, node_name: str) -> None:
        self._client = client
        self._clock = clock
        self._node_name = node_name
        self._queue: asyncio.Queue[tuple[Key, Event]] = asyncio.Queue(WAITING_MAX)
        self._known: OrderedDict[Key, _Sent] = OrderedDict()
        self._budgets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._serial = 0

    def emit(self, pod: Pod, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """Queue an event; dropped when the queue is full or the pod has had too many."""
        if not self._within_budget(pod.metadata.uid):
            return
        message = message[:MESSAGE_LENGTH_MAX]
        stamp = rfc3339(self._clock.now())
        self._serial += 1
        meta = pod.metadata
        event = Event(
            metadata=meta_v1.ObjectMeta(
                name=f"{meta.name}.{int(self._clock.now() * 1e6) + self._serial:x}", namespace=meta.namespace
            ),
            involved_object=core_v1.ObjectReference(
                kind="Pod",
                api_version="v1",
                namespace=meta.namespace,
                name=meta.name,
                uid=meta.uid,
                resource_version=meta.resource_version,
                field_path=_field_path(pod, container),
            ),
            reason=reason,
            message=message,
            source=core_v1.EventSource(component="kubelet", host=self._node_name),
            first_timestamp=stamp,
            last_timestamp=stamp,
            count=1,
            type="Warning" if warning else "Normal",
            reporting_component="kubelet",
            reporting_instance=self._node_name,
        )
        try:
            self._queue.put_nowait(((meta.uid, container, reason, message), event))
        except asyncio.QueueFull:
            log.debug("an event is dropped, %d are waiting: %s %s", WAITING_MAX, reason, message)

    def _within_budget(self, uid: str) -> bool:
        now = self._clock.monotonic()
        left, since = self._budgets.pop(uid, (float(BURST), now))
        left = min(float(BURST), left + (now - since) / REFILL_SECONDS)
        allowed = left >= 1
        self._budgets[uid] = (left - 1 if allowed else left, now)
        if len(self._budgets) > KNOWN_MAX:
            self._budgets.popitem(last=False)
        return allowed

    async def run(self) -> None:
        """Send what is queued, for ever."""
        while True:
            key, event = await self._queue.get()
            try:
                await self._send(key, event)
            except Problem as problem:
                log.debug("cannot record the event %s: %s", event.reason, problem)

    async def _send(self, key: Key, event: Event) -> None:
        known = self._known.pop(key, None)
        if known is not None:
            count = known.count + 1
            body = {"count": count, "lastTimestamp": event.last_timestamp}
            try:
                await self._client.patch(Event, known.name, known.namespace, body, PatchType.MERGE)
                self._known[key] = _Sent(known.namespace, known.name, count)
                return
            except NotFound:
                log.debug("the event %s has expired, a new one is made", event.reason)
        await self._client.create(event)
        self._known[key] = _Sent(event.metadata.namespace, event.metadata.name, 1)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)


def _field_path(pod: Pod, container: str) -> str:
    if not container:
        return ""
    field = "containers"
    if any(each.name == container for each in pod.spec.init_containers):
        field = "initContainers"
    elif any(each.name == container for each in pod.spec.ephemeral_containers):
        field = "ephemeralContainers"
    return f"spec.{field}{{{container}}}"
