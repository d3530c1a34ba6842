"""QoS class, cgroup parent, limits and OOM score of a pod (Kubernetes, "Pod Quality of Service Classes")."""

from collections.abc import Iterable, Mapping
from typing import Final

from k3py.model import quantity
from k3py.model.generated.core_v1 import Container, Pod, PodSpec, ResourceRequirements
from k3py.model.struct import Quantity
from k3py.runtime.port import Resources

GUARANTEED: Final = "Guaranteed"
BURSTABLE: Final = "Burstable"
BEST_EFFORT: Final = "BestEffort"
# kubelet's values (pkg/kubelet/qos): the kernel kills best-effort processes first and guaranteed ones nearly never.
GUARANTEED_OOM_SCORE: Final = -997
BEST_EFFORT_OOM_SCORE: Final = 1000
CRITICAL_PRIORITY: Final = 2_000_000_000


def limit(resources: ResourceRequirements, name: str) -> Quantity | None:
    return resources.limits.get(name)


def request(resources: ResourceRequirements, name: str) -> Quantity | None:
    """The request, which a limit implies when none is given."""
    return resources.requests.get(name, resources.limits.get(name))


def qos_class(spec: PodSpec) -> str:
    """``Guaranteed``: every container has equal CPU and memory limits and requests; ``BestEffort``: none asks."""
    every = [each.resources for each in (*spec.containers, *spec.init_containers)]
    if spec.resources is not None and (spec.resources.requests or spec.resources.limits):
        every = [spec.resources]
    asked = any(_positive(each.requests, name) or _positive(each.limits, name) for each in every for name in _COUNTED)
    if not asked:
        return BEST_EFFORT
    return GUARANTEED if all(_is_fixed(each) for each in every) else BURSTABLE


_COUNTED: Final = ("cpu", "memory")


def _positive(values: Mapping[str, Quantity], name: str) -> bool:
    return name in values and quantity.parse(values[name]) > 0


def _is_fixed(resources: ResourceRequirements) -> bool:
    for name in _COUNTED:
        most, least = limit(resources, name), request(resources, name)
        if most is None or least is None or not quantity.parse(most) or quantity.parse(most) != quantity.parse(least):
            return False
    return True


def container_resources(resources: ResourceRequirements, pids_limit: int | None = None) -> Resources:
    """What the runtime is told of one container."""
    cpu_limit, memory_limit = limit(resources, "cpu"), limit(resources, "memory")
    return Resources(
        cpu_request_milli=quantity.milli(request(resources, "cpu") or 0),
        cpu_limit_milli=None if cpu_limit is None else quantity.milli(cpu_limit),
        memory_request_bytes=quantity.whole(request(resources, "memory") or 0),
        memory_limit_bytes=None if memory_limit is None else quantity.whole(memory_limit),
        pids_limit=pids_limit,
    )


def pod_resources(spec: PodSpec, pids_limit: int | None = None) -> Resources:
    """What the pod's own cgroup is given: the sum of its containers, or the largest init container if that is more.

    A limit holds for the pod only when every container has one.
    """
    if spec.resources is not None and (spec.resources.requests or spec.resources.limits):
        return container_resources(spec.resources, pids_limit)
    sidecars = [each for each in spec.init_containers if each.restart_policy == "Always"]
    others = [each for each in spec.init_containers if each.restart_policy != "Always"]
    beside = [container_resources(each.resources) for each in sidecars]
    main = [container_resources(each.resources) for each in spec.containers] + beside
    alone = [container_resources(each.resources) for each in others]
    return Resources(
        cpu_request_milli=_most((each.cpu_request_milli for each in main), [each.cpu_request_milli for each in alone]),
        cpu_limit_milli=_limit([each.cpu_limit_milli for each in main], [each.cpu_limit_milli for each in alone]),
        memory_request_bytes=_most(
            (each.memory_request_bytes for each in main), [each.memory_request_bytes for each in alone]
        ),
        memory_limit_bytes=_limit(
            [each.memory_limit_bytes for each in main], [each.memory_limit_bytes for each in alone]
        ),
        pids_limit=pids_limit,
    )


def _most(together: Iterable[int], alone: list[int]) -> int:
    return max([sum(together), *alone])


def _limit(together: list[int | None], alone: list[int | None]) -> int | None:
    known = [each for each in together if each is not None]
    known_alone = [each for each in alone if each is not None]
    if len(known) < len(together) or len(known_alone) < len(alone):
        return None
    return max([sum(known), *known_alone])


def cgroup_parent(root: str, pod: Pod) -> str:
    """The pod's cgroup below the agent's root: guaranteed pods directly, others in a folder for their class."""
    quality = qos_class(pod.spec)
    middle = "" if quality == GUARANTEED else f"{quality.lower()}/"
    return f"{root}/pods/{middle}pod{pod.metadata.uid}"


def oom_score_adj(pod: Pod, container: Container, memory_capacity_bytes: int) -> int:
    """Which process the kernel ends first when the host is out of memory (kubelet's formula)."""
    if pod.spec.priority is not None and pod.spec.priority >= CRITICAL_PRIORITY:
        return GUARANTEED_OOM_SCORE
    quality = qos_class(pod.spec)
    if quality == GUARANTEED:
        return GUARANTEED_OOM_SCORE
    if quality == BEST_EFFORT:
        return BEST_EFFORT_OOM_SCORE
    asked = quantity.whole(request(container.resources, "memory") or 0)
    score = 1000 - (1000 * asked) // max(1, memory_capacity_bytes)
    return max(1000 + GUARANTEED_OOM_SCORE, min(score, BEST_EFFORT_OOM_SCORE - 1))
