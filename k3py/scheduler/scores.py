"""Which of the nodes that fit is best: parts of 0 to 100 each, weighted and added.

A part depends on the pod and one node only (but for the preferred affinity, whose highest value is the pod's own
doing), so that after a placement one node alone has to be scored again.
"""

from collections.abc import Callable, Mapping
from typing import Final

from k3py.model.tolerations import tolerates
from k3py.scheduler.filters import term_matches
from k3py.scheduler.nodes import Room
from k3py.scheduler.requests import CPU, MEMORY, Request

FULL: Final = 100

Score = Callable[[Request, Room], int]


def room_left(request: Request, room: Room) -> int:
    """Mean share of cpu and memory that stays free (``LeastAllocated``)."""
    shares = [_free_share(wanted, there) for wanted, there in _uses(request, room)]
    return int(FULL * sum(shares) / len(shares))


def balance(request: Request, room: Room) -> int:
    """cpu and memory are used alike (``NodeResourcesBalancedAllocation``)."""
    used = [1 - _free_share(wanted, there) for wanted, there in _uses(request, room)]
    return int(FULL * (1 - abs(used[0] - used[1]) / 2))


def spread(request: Request, room: Room) -> int:
    """Few pods of the same owner are there already."""
    owner = request.demands.taken.owner
    return FULL // (1 + room.owners[owner]) if owner else 0


def preference(request: Request, room: Room) -> int:
    """Weight of the preferred node affinity that the node satisfies, as a share of all of it."""
    affinity = request.demands.affinity
    terms = affinity.preferred_during_scheduling_ignored_during_execution if affinity is not None else []
    total = sum(each.weight for each in terms)
    if not total:
        return 0
    return FULL * sum(each.weight for each in terms if term_matches(each.preference, room.node)) // total


def untainted(request: Request, room: Room) -> int:
    """No ``PreferNoSchedule`` taint that the pod does not tolerate."""
    soft = [each for each in room.node.spec.taints if each.effect == "PreferNoSchedule"]
    bad = sum(not any(tolerates(t, each) for t in request.demands.tolerations) for each in soft)
    return FULL // (1 + bad)


def images(request: Request, room: Room) -> int:
    """Share of the pod's images that are there."""
    wanted = request.demands.images
    if not wanted or not room.images:
        return 0
    return FULL * sum(each in room.images for each in wanted) // len(wanted)


# Name -> weight and function. Taints and preferences outweigh the rest, as in Kubernetes' default profile.
SCORES: Final[Mapping[str, tuple[int, Score]]] = {
    "room": (1, room_left),
    "balance": (1, balance),
    "spread": (2, spread),
    "preference": (2, preference),
    "untainted": (3, untainted),
    "images": (1, images),
}


def scored(request: Request, room: Room) -> dict[str, int]:
    """Weighted parts of a node's score."""
    return {name: weight * function(request, room) for name, (weight, function) in SCORES.items()}


def _uses(request: Request, room: Room) -> tuple[tuple[int, int], tuple[int, int]]:
    """(used with the pod, allocatable) of cpu and memory."""
    cpu, memory = request.demands.taken.scored
    return (
        (room.scored_cpu + cpu, room.allocatable.get(CPU, 0)),
        (room.scored_memory + memory, room.allocatable.get(MEMORY, 0)),
    )


def _free_share(used: int, there: int) -> float:
    return max(0.0, 1 - used / there) if there > 0 else 0.0
