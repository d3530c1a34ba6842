"""Acts on placements: binds many pods in one batch, says why others wait, wakes them when the cluster changes."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from k3py.base.clock import Clock, rfc3339
from k3py.base.tasks import Tasks
from k3py.model.errors import Conflict, NotFound, Problem
from k3py.model.generated import core_v1
from k3py.model.kinds import KINDS
from k3py.model.user import SCHEDULER
from k3py.objects.options import Patch, PatchType, WriteOptions
from k3py.objects.service import Objects
from k3py.scheduler.nodes import Nodes
from k3py.scheduler.place import Bind, Wait, place
from k3py.scheduler.queue import SchedulingQueue
from k3py.scheduler.requests import Request, request_of, taken_by
from k3py.store.records import Record

log = logging.getLogger(__name__)

NAME: Final = "default-scheduler"
# Large enough that the store's batches are full, small enough that the loop is held for some milliseconds only.
BATCH_MAX: Final = 256
# What rounding leaves of a deadline would not move the clock.
DELAY_SECONDS_MIN: Final = 0.001
FINISHED: Final = ("Succeeded", "Failed")
GATED: Final = "Scheduling is blocked due to non-empty scheduling gates"


class Informs(Protocol):
    """A cache of one kind that tells of its changes."""

    def get(self, namespace: str, name: str) -> Any: ...

    def subscribe(self, handler: Callable[[Any, Any], None]) -> None: ...


class Tells(Protocol):
    """Takes events for users."""

    def tell(self, about: core_v1.ObjectReference, kind: str, reason: str, message: str) -> None: ...


@dataclass
class Counters:
    """What the scheduler did since the process started."""

    bound: int = 0
    waits: int = 0
    failures: int = 0


class Scheduler:
    """Gives each pod of ``default-scheduler`` a node.

    ``subscribe`` before the caches are filled, then ``start``.
    """

    def __init__(self, objects: Objects, events: Tells, clock: Clock, source: random.Random) -> None:
        self.counters = Counters()
        self._objects = objects
        self._events = events
        self._clock = clock
        self._nodes = Nodes()
        self._queue = SchedulingQueue(source)
        self._wanting: set[str] = set()
        self._pods: Informs | None = None
        self._assumed: set[str] = set()
        self._wake = asyncio.Event()
        self._tasks = Tasks()

    @property
    def idle(self) -> bool:
        """No pod is to be placed now, and the cache knows of every binding."""
        return not len(self._queue) and not self._assumed

    @property
    def waiting(self) -> int:
        """Pods that no node takes now."""
        return self._queue.waiting

    def subscribe(self, pods: Informs, nodes: Informs) -> None:
        """Hear of pods and nodes from these caches."""
        self._pods = pods
        pods.subscribe(self.pod_changed)
        nodes.subscribe(self.node_changed)

    def start(self) -> None:
        """Place pods until ``stop``."""
        self._tasks.start(self._run(), NAME)

    async def stop(self) -> None:
        """Place no more; a batch under way is abandoned."""
        await self._tasks.stop()

    # --- what happens ---

    def pod_changed(self, old: core_v1.Pod | None, new: core_v1.Pod | None) -> None:
        """A pod was born, changed or died."""
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._gone(old)
        if new is None:
            return
        uid = new.metadata.uid
        if new.status.phase in FINISHED:
            self._gone(new)
        elif new.spec.node_name:
            self._wanting.discard(uid)
            self._assumed.discard(uid)
            self._queue.drop(uid)
            self._nodes.put_pod(uid, taken_by(new), new.spec.node_name)
        elif new.metadata.deletion_timestamp is not None or new.spec.scheduler_name not in ("", NAME):
            self._gone(new)
        else:
            self._wants_node(new)

    def _wants_node(self, pod: core_v1.Pod) -> None:
        uid = pod.metadata.uid
        self._wanting.add(uid)
        if pod.spec.scheduling_gates:
            self._queue.drop(uid)
            if _said(pod) is None:
                self._tasks.start(self._say(pod, "SchedulingGated", GATED), f"gate {pod.metadata.name}")
        elif uid not in self._assumed:
            self._queue.put(request_of(pod))
            self._wake.set()

    def _gone(self, pod: core_v1.Pod) -> None:
        uid = pod.metadata.uid
        self._wanting.discard(uid)
        self._assumed.discard(uid)
        self._queue.drop(uid)
        self._improved(self._nodes.drop_pod(uid))

    def node_changed(self, old: core_v1.Node | None, new: core_v1.Node | None) -> None:
        """A node was born, changed or died."""
        if new is None:
            assert old is not None
            self._nodes.drop_node(old.metadata.name)
            return
        self._nodes.put_node(new)
        if old is None or _offers(old) != _offers(new):
            self._improved(new.metadata.name)

    def _improved(self, node: str) -> None:
        room = self._nodes.rooms.get(node)
        if room is not None:
            self._queue.node_improved(room)
            if len(self._queue):
                self._wake.set()

    # --- what is done about it ---

    async def _run(self) -> None:
        while True:
            due = self._queue.flush(self._clock.monotonic())
            if not len(self._queue):
                self._wake.clear()
                timeout = None if due is None else max(DELAY_SECONDS_MIN, due - self._clock.monotonic())
                try:
                    await asyncio.wait_for(self._wake.wait(), timeout)
                except TimeoutError:
                    continue
            await self._batch()

    async def _batch(self) -> None:
        """Place one batch. Everything up to the first await is one step: nothing changes while it decides."""
        placements = place(self._queue.take(BATCH_MAX), self._nodes)
        binds = [each for each in placements if isinstance(each, Bind)]
        waits = [each for each in placements if isinstance(each, Wait)]
        now = self._clock.monotonic()
        for wait in waits:
            self._queue.wait(wait.request, now, wait.reasons)
        self._assumed.update(each.request.uid for each in binds)
        await self._bind(binds)
        await asyncio.gather(*(self._tell_wait(each) for each in waits))

    async def _bind(self, binds: Sequence[Bind]) -> None:
        if not binds:
            return
        targets = [(*each.request.key, each.node) for each in binds]
        results: Sequence[Record | Problem]
        try:
            results = await self._objects.bind_many(targets, SCHEDULER)
        except Problem as problem:
            results = [problem] * len(binds)
        for each, result in zip(binds, results, strict=True):
            if isinstance(result, Problem):
                self._failed(each, result)
            else:
                self._bound(each)

    def _bound(self, each: Bind) -> None:
        self.counters.bound += 1
        name = "/".join(each.request.key)
        about = _reference(each.request)
        self._events.tell(about, "Normal", "Scheduled", f"Successfully assigned {name} to {each.node}")

    def _failed(self, each: Bind, problem: Problem) -> None:
        """The pod is not on the node after all. Should it be (the answer was lost), the cache says so."""
        self.counters.failures += 1
        self._assumed.discard(each.request.uid)
        log.info("cannot bind %s to %s: %s", "/".join(each.request.key), each.node, problem.message)
        known = self._pod(each.request)
        if known is None:
            return  # bound or gone meanwhile, and counted as such
        self._improved(self._nodes.drop_pod(each.request.uid))
        if not known.spec.scheduling_gates:
            self._queue.back_off(request_of(known), self._clock.monotonic())
        self._wake.set()

    def _pod(self, request: Request) -> core_v1.Pod | None:
        """The pod as it is now; None when it wants no node any more."""
        if request.uid not in self._wanting or self._pods is None:
            return None
        found: core_v1.Pod | None = self._pods.get(*request.key)
        return found

    async def _tell_wait(self, wait: Wait) -> None:
        self.counters.waits += 1
        self._events.tell(_reference(wait.request), "Warning", "FailedScheduling", wait.message)
        pod = self._pod(wait.request)
        if pod is not None:
            await self._say(pod, "Unschedulable", wait.message)

    async def _say(self, pod: core_v1.Pod, reason: str, message: str) -> None:
        """Write PodScheduled=False unless the pod says it already."""
        known = _said(pod)
        if known is not None and (known.reason, known.message) == (reason, message):
            return
        said = {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastTransitionTime": (known.last_transition_time if known is not None else None)
            or rfc3339(self._clock.now()),
        }
        body = {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [said]}}
        patch = Patch(PatchType.STRATEGIC, body)
        meta = pod.metadata
        try:
            await self._objects.patch(
                KINDS.of(core_v1.Pod), meta.namespace, meta.name, patch, WriteOptions(), SCHEDULER, "status"
            )
        except (NotFound, Conflict):
            pass  # gone, or another pod of that name
        except Problem as problem:
            log.info("cannot say why %s/%s waits: %s", meta.namespace, meta.name, problem.message)


def _said(pod: core_v1.Pod) -> core_v1.PodCondition | None:
    """The pod's PodScheduled=False condition, or None."""
    return next((c for c in pod.status.conditions if c.type == "PodScheduled" and c.status == "False"), None)


def _offers(node: core_v1.Node) -> tuple[object, ...]:
    """What of a node a waiting pod may have missed; heartbeats and other status are none of it."""
    spec = node.spec
    return node.status.allocatable, node.metadata.labels, spec.taints, spec.unschedulable


def _reference(request: Request) -> core_v1.ObjectReference:
    namespace, name = request.key
    return core_v1.ObjectReference(
        kind="Pod", api_version="v1", namespace=namespace, name=name, uid=request.uid, resource_version=request.version
    )
