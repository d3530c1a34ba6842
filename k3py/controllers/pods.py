"""What controllers ask of a pod: is it alive, ready, available; and which goes first."""

import math
from collections.abc import Iterable, Mapping
from typing import Final

from k3py.base.clock import parse_rfc3339
from k3py.model.generated import core_v1

SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
RUNNING: Final = "Running"
READY: Final = "Ready"
TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"

_PHASE_RANK: Final = {"Pending": 0, "": 0, "Unknown": 1, "Running": 2}


BY_NODE: Final = "node"
"""Name of the index ``by_node``."""


def by_node(pod: core_v1.Pod) -> Iterable[str]:
    """Index: the node a pod is bound to."""
    return (pod.spec.node_name,) if pod.spec.node_name else ()


def is_finished(pod: core_v1.Pod) -> bool:
    """All its containers ended and none will start again."""
    return pod.status.phase in (SUCCEEDED, FAILED)


def is_active(pod: core_v1.Pod) -> bool:
    """It counts as a replica: neither finished nor being deleted."""
    return not is_finished(pod) and pod.metadata.deletion_timestamp is None


def condition(pod: core_v1.Pod, kind: str) -> core_v1.PodCondition | None:
    """The pod's condition of that type, or None."""
    return next((each for each in pod.status.conditions if each.type == kind), None)


def is_ready(pod: core_v1.Pod) -> bool:
    """Its Ready condition says True."""
    found = condition(pod, READY)
    return found is not None and found.status == TRUE


def seconds_until_available(pod: core_v1.Pod, min_ready_seconds: int, now: float) -> float | None:
    """0 when the pod has been ready for ``min_ready_seconds``, the seconds left while it is ready, None otherwise."""
    found = condition(pod, READY)
    if found is None or found.status != TRUE:
        return None
    if min_ready_seconds <= 0:
        return 0.0
    if not found.last_transition_time:
        return None
    return max(0.0, parse_rfc3339(found.last_transition_time) + min_ready_seconds - now)


def deletion_order(
    pod: core_v1.Pod, doubled_up: Mapping[str, int], now: float
) -> tuple[bool, int, bool, int, int, int, int, int, str]:
    """Sort key: pods that sort first are deleted first, as Kubernetes ranks them (``ActivePodsWithRanks``).

    Unassigned, then phase, not ready, lower deletion cost, more of the family on its node (``doubled_up`` by node
    name), ready or made more recently (in powers of two, so that age alone does not pick one node's pods), more
    restarts.
    """
    ready = is_ready(pod)
    found = condition(pod, READY)
    ready_since = found.last_transition_time if ready and found is not None else None
    restarts = max((s.restart_count for s in pod.status.container_statuses), default=0)
    return (
        bool(pod.spec.node_name),
        _PHASE_RANK.get(pod.status.phase, 2),
        ready,
        _deletion_cost(pod),
        -doubled_up.get(pod.spec.node_name, 0),
        _age_class(ready_since, now),
        -restarts,
        _age_class(pod.metadata.creation_timestamp, now),
        pod.metadata.uid,
    )


def _deletion_cost(pod: core_v1.Pod) -> int:
    try:
        return int(pod.metadata.annotations.get(DELETION_COST, "0"))
    except ValueError:
        return 0


def _age_class(moment: str | None, now: float) -> int:
    """Power of two of the seconds since ``moment``; young things sort first."""
    if not moment:
        return -1
    seconds = now - parse_rfc3339(moment)
    return int(math.log2(seconds)) if seconds >= 1 else 0
