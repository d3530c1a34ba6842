"""Pods that want a node: those to place now, those that wait for the cluster to change, those that back off.

A pod that no node takes is not tried again and again: it waits until a change makes one node fit its shape (a queueing
hint in Kubernetes' words), and is tried once more every five minutes in case a hint was missed.
"""

import heapq
import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from k3py.base.backoff import Backoff
from k3py.scheduler.filters import refused
from k3py.scheduler.nodes import Room
from k3py.scheduler.requests import Request

# kube-scheduler's podInitialBackoffSeconds, podMaxBackoffSeconds and its flush of the unschedulable pool.
BACKOFF_FIRST_SECONDS: Final = 1.0
BACKOFF_SECONDS_MAX: Final = 10.0
FLUSH_SECONDS: Final = 300.0


@dataclass(slots=True)
class _Waiting:
    request: Request
    since: float
    reasons: Collection[str]


class SchedulingQueue:
    """Keys are pod uids. Times are seconds on the caller's monotonic clock."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._active: dict[str, Request] = {}
        self._order: list[tuple[int, int, str]] = []
        self._sequence = 0
        self._unschedulable: dict[str, _Waiting] = {}
        self._delayed: dict[str, tuple[float, Request]] = {}
        self._backoffs: dict[str, Backoff] = {}

    def __len__(self) -> int:
        """Pods to place now."""
        return len(self._active)

    @property
    def waiting(self) -> int:
        """Pods that wait for a change or back off."""
        return len(self._unschedulable) + len(self._delayed)

    def put(self, request: Request) -> None:
        """A pod is new, or changed. One that waits is only tried again when what it asks for changed."""
        known = self._unschedulable.get(request.uid)
        if known is not None and known.request.demands.shape == request.demands.shape:
            known.request = request
            return
        delayed = self._delayed.get(request.uid)
        if delayed is not None and delayed[1].demands.shape == request.demands.shape:
            self._delayed[request.uid] = (delayed[0], request)
            return
        self._unschedulable.pop(request.uid, None)
        self._delayed.pop(request.uid, None)
        self._activate(request)

    def drop(self, uid: str) -> None:
        """The pod is bound or gone."""
        self._active.pop(uid, None)
        self._unschedulable.pop(uid, None)
        self._delayed.pop(uid, None)
        self._backoffs.pop(uid, None)

    def take(self, count: int) -> list[Request]:
        """Up to ``count`` pods, by priority, then in the order in which they came."""
        taken: list[Request] = []
        while self._order and len(taken) < count:
            _, _, uid = heapq.heappop(self._order)
            request = self._active.pop(uid, None)
            if request is not None:
                taken.append(request)
        return taken

    def wait(self, request: Request, now: float, reasons: Collection[str]) -> None:
        """No node fits, for these reasons."""
        self._unschedulable[request.uid] = _Waiting(request, now, reasons)

    def back_off(self, request: Request, now: float) -> float:
        """Binding failed: try again after a while. Returns the moment."""
        known = self._backoffs.setdefault(
            request.uid, Backoff(self._source, BACKOFF_FIRST_SECONDS, BACKOFF_SECONDS_MAX)
        )
        due = now + known.next_seconds()
        self._delayed[request.uid] = (due, request)
        return due

    def node_improved(self, room: Room) -> None:
        """A node is new, changed, or got room: wake the pods that fit it now, or wait for a reason not said yet."""
        refusals: dict[bytes, Collection[str]] = {}
        for uid, each in list(self._unschedulable.items()):
            shape = each.request.demands.shape
            if shape not in refusals:
                found = refused(each.request, room)
                refusals[shape] = found[1] if found is not None else ()
            reasons = refusals[shape]
            if not reasons or any(reason not in each.reasons for reason in reasons):
                del self._unschedulable[uid]
                self._activate(each.request)

    def flush(self, now: float) -> float | None:
        """Wake what is due. Returns when to call again; None while nothing waits."""
        for uid, (due, request) in list(self._delayed.items()):
            if due <= now:
                del self._delayed[uid]
                self._activate(request)
        for uid, each in list(self._unschedulable.items()):
            if each.since + FLUSH_SECONDS <= now:
                del self._unschedulable[uid]
                self._activate(each.request)
        return min(self._dues(), default=None)

    def _dues(self) -> Iterable[float]:
        yield from (due for due, _ in self._delayed.values())
        yield from (each.since + FLUSH_SECONDS for each in self._unschedulable.values())

    def _activate(self, request: Request) -> None:
        fresh = request.uid not in self._active
        self._active[request.uid] = request
        if fresh:
            self._sequence += 1
            heapq.heappush(self._order, (-request.priority, self._sequence, request.uid))
