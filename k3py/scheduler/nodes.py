"""The nodes as the scheduler sees them: what they have, what is taken, by whom.

Counts are kept up to date pod by pod. A pod that was just placed is *assumed* on its node until the store says so;
without that the next pod would be given the same room.
"""

from collections import Counter
from dataclasses import dataclass, field

from k3py.model.generated import core_v1
from k3py.scheduler.requests import PODS, Port, Taken, amounts_from


@dataclass(slots=True)
class Room:
    """One node: what it offers and what its pods have taken."""

    node: core_v1.Node
    allocatable: dict[str, int]
    images: frozenset[str]
    taken: dict[str, int] = field(default_factory=dict)
    scored_cpu: int = 0
    scored_memory: int = 0
    ports: Counter[Port] = field(default_factory=Counter)
    owners: Counter[str] = field(default_factory=Counter)
    pods: int = 0

    @property
    def name(self) -> str:
        return self.node.metadata.name

    def free(self, resource: str) -> int:
        """What is left of a resource; may be negative when the node shrank."""
        if resource == PODS:
            return self.allocatable.get(PODS, 0) - self.pods
        return self.allocatable.get(resource, 0) - self.taken.get(resource, 0)


class Nodes:
    """All nodes and where each pod is. Pods of nodes that are not known yet are remembered for when they come."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self._homeless: dict[str, dict[str, Taken]] = {}
        self._where: dict[str, tuple[str, Taken]] = {}

    def put_node(self, node: core_v1.Node) -> Room:
        """A node is new or has changed; its pods stay counted."""
        name = node.metadata.name
        known = self.rooms.get(name)
        allocatable = amounts_from(node.status.allocatable)
        images = frozenset(each for image in node.status.images for each in image.names)
        if known is not None:
            known.node, known.allocatable, known.images = node, allocatable, images
            return known
        room = self.rooms[name] = Room(node, allocatable, images)
        for taken in self._homeless.pop(name, {}).values():
            _count(room, taken, 1)
        return room

    def drop_node(self, name: str) -> None:
        """A node is gone; its pods may be there for a while yet."""
        if self.rooms.pop(name, None) is not None:
            rest = {uid: taken for uid, (where, taken) in self._where.items() if where == name}
            if rest:
                self._homeless[name] = rest

    def put_pod(self, uid: str, taken: Taken, node: str) -> None:
        """A pod is, or is assumed to be, on a node. Saying it twice counts once."""
        known = self._where.get(uid)
        if known is not None:
            if known == (node, taken):
                return
            self.drop_pod(uid)
        room = self.rooms.get(node)
        if room is None:
            self._homeless.setdefault(node, {})[uid] = taken
        else:
            node = room.name  # one text for all its pods
            _count(room, taken, 1)
        self._where[uid] = (node, taken)

    def drop_pod(self, uid: str) -> str:
        """A pod is gone, has finished, or was not bound after all. Returns the node it was on; empty for none."""
        known = self._where.pop(uid, None)
        if known is None:
            return ""
        node, taken = known
        room = self.rooms.get(node)
        if room is not None:
            _count(room, taken, -1)
        elif node in self._homeless:
            self._homeless[node].pop(uid, None)
            if not self._homeless[node]:
                del self._homeless[node]
        return node

    def __len__(self) -> int:
        return len(self.rooms)


def _count(room: Room, taken: Taken, sign: int) -> None:
    for name, value in taken.amounts:
        room.taken[name] = room.taken.get(name, 0) + sign * value
    room.scored_cpu += sign * taken.scored[0]
    room.scored_memory += sign * taken.scored[1]
    room.pods += sign
    for port in taken.ports:
        room.ports[port] += sign
        if not room.ports[port]:
            del room.ports[port]
    if taken.owner:
        room.owners[taken.owner] += sign
        if not room.owners[taken.owner]:
            del room.owners[taken.owner]
