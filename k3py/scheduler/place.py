"""Choose a node for each pod of a batch. Pure but for the counts in ``Nodes``, on which it assumes what it places.

Pods of one shape share the work: the nodes that fit are found and scored once, and after each placement only the node
that was chosen is looked at again.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from k3py.scheduler.filters import UNRESOLVABLE, Filter, refused
from k3py.scheduler.nodes import Nodes, Room
from k3py.scheduler.requests import Request
from k3py.scheduler.scores import scored

NO_NODES: Final = "no nodes available to schedule pods"


@dataclass(frozen=True, slots=True)
class Bind:
    """The pod goes to the node; ``score`` says what spoke for it."""

    request: Request
    node: str
    score: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wait:
    """No node fits now. ``reasons`` count nodes."""

    request: Request
    nodes: int
    reasons: Mapping[str, int]
    unresolvable: int = 0

    @property
    def message(self) -> str:
        """What kube-scheduler would say, as users know it from ``kubectl describe``."""
        if not self.nodes:
            return NO_NODES
        counted = ", ".join(sorted(f"{count} {reason}" for reason, count in self.reasons.items()))
        start = f"0/{self.nodes} nodes are available"
        helpless, full = self.unresolvable, self.nodes - self.unresolvable
        said = []
        if full:
            said.append(f"{full} No preemption victims found for incoming pod")
        if helpless:
            said.append(f"{helpless} Preemption is not helpful for scheduling")
        return f"{start}: {counted}. preemption: {start}: {', '.join(sorted(said))}."


Placement = Bind | Wait


def place(requests: Iterable[Request], nodes: Nodes) -> list[Placement]:
    """A placement for each request, in their order; what is bound is assumed in ``nodes``."""
    classes: dict[bytes, _Class] = {}
    placements: list[Placement] = []
    for request in requests:
        known = classes.get(request.demands.shape)
        if known is None:
            known = classes[request.demands.shape] = _Class(request, nodes)
        placement = known.place(request)
        if isinstance(placement, Bind):
            nodes.put_pod(request.uid, request.demands.taken, placement.node)
            for each in classes.values():
                each.changed(nodes.rooms[placement.node])
        placements.append(placement)
    return placements


@dataclass(slots=True)
class _Candidate:
    parts: Mapping[str, int]
    total: int


@dataclass(slots=True)
class _Class:
    """Pods of one shape: the nodes that fit them, best first. ``dirty`` are nodes that changed since."""

    sample: Request
    nodes: Nodes
    candidates: dict[str, _Candidate] = field(default_factory=dict)
    refusals: dict[str, tuple[Filter, Sequence[str]]] = field(default_factory=dict)
    heap: list[tuple[int, int, str]] = field(default_factory=list)
    dirty: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for room in self.nodes.rooms.values():
            self._look(room)

    def changed(self, room: Room) -> None:
        """A pod was placed there."""
        self.dirty.add(room.name)

    def place(self, request: Request) -> Placement:
        for name in self.dirty:
            self._look(self.nodes.rooms[name])
        self.dirty.clear()
        while self.heap:
            negative, _, name = self.heap[0]
            candidate = self.candidates.get(name)
            if candidate is not None and candidate.total == -negative:
                return Bind(request, name, candidate.parts)
            heapq.heappop(self.heap)
        reasons = Counter(reason for _, found in self.refusals.values() for reason in found)
        unresolvable = sum(each in UNRESOLVABLE for each, _ in self.refusals.values())
        return Wait(request, len(self.nodes), reasons, unresolvable)

    def _look(self, room: Room) -> None:
        refusal = refused(self.sample, room)
        if refusal is not None:
            self.refusals[room.name] = refusal
            self.candidates.pop(room.name, None)
            return
        self.refusals.pop(room.name, None)
        parts = scored(self.sample, room)
        total = sum(parts.values())
        self.candidates[room.name] = _Candidate(parts, total)
        # Of equals the emptier node, then the name: the same input always gives the same answer.
        heapq.heappush(self.heap, (-total, room.pods, room.name))
