"""A pod in one line: how far it is, said with the most telling reason. Source: ``printers/internalversion``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from k3py.api.columns.column import AGE, NAME, NONE, Column, Columns, age, human_duration
from k3py.api.columns.described import meaning
from k3py.base.clock import parse_rfc3339
from k3py.model.generated import core_v1
from k3py.model.struct import Wire

NODE_LOST = "NodeLost"
_TERMINAL: Final = ("Failed", "Succeeded")


@dataclass(frozen=True)
class _Summary:
    """What a pod's containers come to. ``restarted_at``: when the last one ended, seconds since 1970."""

    word: str
    ready: int
    restarts: int
    restarted_at: float | None


def _condition(pod: core_v1.Pod, kind: str) -> core_v1.PodCondition | None:
    return next((each for each in pod.status.conditions if each.type == kind), None)


def _is_true(pod: core_v1.Pod, kind: str) -> bool:
    found = _condition(pod, kind)
    return found is not None and found.status == "True"


def _ended(state: core_v1.ContainerStateTerminated) -> str:
    if state.reason:
        return state.reason
    return f"Signal:{state.signal}" if state.signal else f"ExitCode:{state.exit_code}"


def _sidecars(pod: core_v1.Pod) -> set[str]:
    return {each.name for each in pod.spec.init_containers if each.restart_policy == "Always"}


def _restarts(statuses: Sequence[core_v1.ContainerStatus]) -> tuple[int, float | None]:
    """How often containers were started again, and when the last one had ended."""
    ends = [each.last_state.terminated.finished_at for each in statuses if each.last_state.terminated is not None]
    return sum(each.restart_count for each in statuses), max(
        (parse_rfc3339(each) for each in ends if each), default=None
    )


def _initializing(pod: core_v1.Pod, sidecars: set[str]) -> tuple[str, int, list[core_v1.ContainerStatus]]:
    """``Init:...`` while an init container is not through, empty when all are; how many sidecars are ready so far, and
    the statuses that were looked at."""
    ready = 0
    seen: list[core_v1.ContainerStatus] = []
    for index, status in enumerate(pod.status.init_container_statuses):
        seen.append(status)
        terminated, waiting = status.state.terminated, status.state.waiting
        if terminated is not None and terminated.exit_code == 0:
            continue
        if status.name in sidecars and status.started:
            ready += status.ready
            continue
        if terminated is not None:
            return f"Init:{_ended(terminated)}", ready, seen
        if waiting is not None and waiting.reason and waiting.reason != "PodInitializing":
            return f"Init:{waiting.reason}", ready, seen
        return f"Init:{index}/{len(pod.spec.init_containers)}", ready, seen
    return "", ready, seen


def _summary(pod: core_v1.Pod) -> _Summary:
    word = pod.status.reason or pod.status.phase
    scheduled = _condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.reason == "SchedulingGated":
        word = "SchedulingGated"
    sidecars = _sidecars(pod)
    initializing, ready, seen = _initializing(pod, sidecars)
    word = initializing or word
    counted: Sequence[core_v1.ContainerStatus] = seen
    if not initializing or _is_true(pod, "Initialized"):
        word, running = _running_word(pod, word)
        ready += running
        counted = [*(each for each in seen if each.name in sidecars), *pod.status.container_statuses]
    if pod.metadata.deletion_timestamp:
        if pod.status.reason == NODE_LOST:
            word = "Unknown"
        elif pod.status.phase not in _TERMINAL:
            word = "Terminating"
    return _Summary(word, ready, *_restarts(counted))


def _running_word(pod: core_v1.Pod, word: str) -> tuple[str, int]:
    """The most telling reason of the containers, the first one's last; how many of them are ready."""
    running = 0
    for status in reversed(pod.status.container_statuses):
        waiting, terminated = status.state.waiting, status.state.terminated
        if waiting is not None and waiting.reason:
            word = waiting.reason
        elif terminated is not None:
            word = _ended(terminated)
        elif status.ready and status.state.running is not None:
            running += 1
    if word == "Completed" and running:
        word = "Running" if _is_true(pod, "Ready") else "NotReady"
    return word, running


def _readiness_gates(pod: core_v1.Pod) -> str:
    if not pod.spec.readiness_gates:
        return NONE
    met = sum(_is_true(pod, gate.condition_type) for gate in pod.spec.readiness_gates)
    return f"{met}/{len(pod.spec.readiness_gates)}"


def _cells(pod: core_v1.Pod, now: float) -> list[Any]:
    summary = _summary(pod)
    restarts = str(summary.restarts)
    if summary.restarts and summary.restarted_at is not None:
        restarts = f"{restarts} ({human_duration(now - summary.restarted_at)} ago)"
    return [
        pod.metadata.name,
        f"{summary.ready}/{len(pod.spec.containers) + len(_sidecars(pod))}",
        summary.word,
        restarts,
        age(pod.metadata, now),
        pod.status.pod_ips[0].ip if pod.status.pod_ips else (pod.status.pod_ip or NONE),
        pod.spec.node_name or NONE,
        pod.status.nominated_node_name or NONE,
        _readiness_gates(pod),
    ]


_OUTCOMES: Final = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


def _conditions(pod: core_v1.Pod) -> list[dict[str, str]]:
    """What a row says of a pod that is over, so that clients can leave it out."""
    phase = pod.status.phase
    if phase not in _OUTCOMES:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _OUTCOMES[phase]}]


PODS = Columns(
    (
        NAME,
        Column("Ready", description="The aggregate readiness state of this pod for accepting traffic."),
        Column("Status", description="The aggregate status of the containers in this pod."),
        Column(
            "Restarts",
            description="The number of times the containers in this pod have been restarted and when the last container"
            " in this pod has restarted.",
        ),
        AGE,
        Column("IP", priority=1, description=meaning(core_v1.PodStatus, "podIP")),
        Column("Node", priority=1, description=meaning(core_v1.PodSpec, "nodeName")),
        Column("Nominated Node", priority=1, description=meaning(core_v1.PodStatus, "nominatedNodeName")),
        Column("Readiness Gates", priority=1, description=meaning(core_v1.PodSpec, "readinessGates")),
    ),
    _cells,
    _conditions,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    core_v1.Pod: PODS,
}
