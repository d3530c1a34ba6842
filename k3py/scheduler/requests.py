"""What a pod asks of a node, reduced to numbers and to a shape: pods of one shape fit the same nodes.

Sums are Kubernetes' (``component-helpers/resource``): containers together with sidecars, or the largest init
container beside the sidecars that run by then, whichever is more, plus the runtime's overhead.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from k3py.model.codec import encode
from k3py.model.generated import core_v1
from k3py.model.quantity import milli, whole
from k3py.model.struct import Quantity

CPU: Final = "cpu"
MEMORY: Final = "memory"
PODS: Final = "pods"
ANY_ADDRESS: Final = "0.0.0.0"
# Pods that ask for nothing are counted so for scores, as in Kubernetes, else they would all land on one node.
SCORED_CPU_MILLI: Final = 100
SCORED_MEMORY_BYTES: Final = 200 << 20

Amounts = Mapping[str, int]
Port = tuple[str, str, int]
"""Host address (``0.0.0.0`` for all), protocol, number."""


# Replicas ask for the same and share what says so. One for each workload of the largest cluster we plan for, with room.
SHARED_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What a pod takes of its node: all that is kept of one that is bound.

    Attributes:
        amounts: resource and amount asked for, by name; cpu in thousandths of a core, all else in its whole unit.
        scored: cpu and memory as scores count them.
        owner: uid of the managing owner, to spread its pods; empty without one.
    """

    amounts: tuple[tuple[str, int], ...]
    scored: tuple[int, int]
    ports: frozenset[Port]
    owner: str


@dataclass(frozen=True, slots=True)
class Demands:
    """Everything that filters and scores ask of a pod.

    Attributes:
        shape: equal for pods of equal demands: they fit the same nodes equally well.
        images: of its containers, each once.
    """

    shape: bytes
    taken: Taken
    node_name: str
    node_selector: Mapping[str, str]
    affinity: core_v1.NodeAffinity | None
    tolerations: Sequence[core_v1.Toleration]
    images: Sequence[str]


@dataclass(frozen=True, slots=True)
class Request:
    """A pod that wants a node, as the scheduler sees it.

    Attributes:
        key: namespace and name.
        version: its ``resourceVersion``.
    """

    key: tuple[str, str]
    uid: str
    version: str
    priority: int
    demands: Demands


def request_of(pod: core_v1.Pod) -> Request:
    """What is to be known of a pod that wants a node."""
    meta = pod.metadata
    return Request(
        (meta.namespace, meta.name), meta.uid, meta.resource_version, pod.spec.priority or 0, demands_of(pod)
    )


_demands: dict[bytes, Demands] = {}


def demands_of(pod: core_v1.Pod) -> Demands:
    """What a pod asks of a node; one object for pods of one shape."""
    spec, taken = pod.spec, taken_by(pod)
    images = sorted({each.image for each in spec.containers})
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    selector = sorted(spec.node_selector.items())
    shape = encode(
        (taken.amounts, sorted(taken.ports), taken.owner, spec.node_name, selector, affinity, spec.tolerations, images)
    )
    known = _demands.get(shape)
    if known is None:
        if len(_demands) >= SHARED_MAX:
            _demands.clear()
        known = Demands(shape, taken, spec.node_name, spec.node_selector, affinity, spec.tolerations, images)
        _demands[shape] = known
    return known


def taken_by(pod: core_v1.Pod) -> Taken:
    """What a pod takes of the node it is on."""
    amounts = amounts_of(pod.spec)
    scored = amounts.get(CPU) or SCORED_CPU_MILLI, amounts.get(MEMORY) or SCORED_MEMORY_BYTES
    owner = next((each.uid for each in pod.metadata.owner_references if each.controller), "")
    return _shared(tuple(sorted(amounts.items())), scored, frozenset(_ports(pod.spec)), owner)


_shared = lru_cache(SHARED_MAX)(Taken)


def amounts_of(spec: core_v1.PodSpec) -> dict[str, int]:
    """What the node has to keep free for the pod."""
    running: dict[str, int] = {}
    for container in spec.containers:
        _add(running, container.resources.requests)
    sidecars: dict[str, int] = {}
    starting: dict[str, int] = {}
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            _add(sidecars, container.resources.requests)
            _add(running, container.resources.requests)
            _raise(starting, sidecars)
        else:
            beside = dict(sidecars)
            _add(beside, container.resources.requests)
            _raise(starting, beside)
    _raise(running, starting)
    if spec.resources is not None:
        running.update({name: amount(name, value) for name, value in spec.resources.requests.items()})
    _add(running, spec.overhead)
    return {name: value for name, value in running.items() if value}


def amount(name: str, value: Quantity) -> int:
    """cpu in thousandths, everything else whole, both rounded up."""
    return milli(value) if name == CPU else whole(value)


def amounts_from(quantities: Mapping[str, Quantity]) -> dict[str, int]:
    """A resource list as numbers."""
    return {name: amount(name, value) for name, value in quantities.items()}


def _add(total: dict[str, int], more: Mapping[str, Quantity]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + amount(name, value)


def _raise(total: dict[str, int], least: Mapping[str, int]) -> None:
    for name, value in least.items():
        total[name] = max(total.get(name, 0), value)


def _ports(spec: core_v1.PodSpec) -> Iterable[Port]:
    sidecars = [each for each in spec.init_containers if each.restart_policy == "Always"]
    for container in (*spec.containers, *sidecars):
        for port in container.ports:
            number = port.host_port or (port.container_port if spec.host_network else 0)
            if number:
                yield port.host_ip or ANY_ADDRESS, port.protocol or "TCP", number


def clashes(wanted: Iterable[Port], taken: Sequence[Port] | frozenset[Port]) -> bool:
    """Whether a port is wanted that is taken: an address clashes with itself and with all addresses."""
    for address, protocol, number in wanted:
        for other, other_protocol, other_number in taken:
            if (protocol, number) != (other_protocol, other_number):
                continue
            if address == other or ANY_ADDRESS in (address, other):
                return True
    return False
