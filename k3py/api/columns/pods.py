"""A pod in one line: how far it is, said with the most telling reason."""

from collections.abc import Mapping
from typing import Any, Final

from k3py.api.columns.column import AGE, NAME, NONE, Column, Columns, age, human_duration
from k3py.base.clock import parse_rfc3339
from k3py.model.generated import core_v1
from k3py.model.struct import Wire

NODE_LOST = "NodeLost"


def _condition(pod: core_v1.Pod, kind: str) -> core_v1.PodCondition | None:
    return next((each for each in pod.status.conditions if each.type == kind), None)


def _is_sidecar(container: core_v1.Container) -> bool:
    return container.restart_policy == "Always"


def _ended(state: core_v1.ContainerStateTerminated) -> str:
    if state.reason:
        return state.reason
    return f"Signal:{state.signal}" if state.signal else f"ExitCode:{state.exit_code}"


def _initializing(pod: core_v1.Pod) -> str:
    """``Init:...`` while an init container is not through; empty when all are."""
    by_name = {each.name: each for each in pod.spec.init_containers}
    for index, status in enumerate(pod.status.init_container_statuses):
        terminated, waiting = status.state.terminated, status.state.waiting
        container = by_name.get(status.name)
        if terminated is not None and terminated.exit_code == 0:
            continue
        if container is not None and _is_sidecar(container) and status.started:
            continue
        if terminated is not None:
            return f"Init:{_ended(terminated)}"
        if waiting is not None and waiting.reason and waiting.reason != "PodInitializing":
            return f"Init:{waiting.reason}"
        return f"Init:{index}/{len(pod.spec.init_containers)}"
    return ""


def status_word(pod: core_v1.Pod) -> str:
    """The STATUS column."""
    reason = pod.status.reason or pod.status.phase
    scheduled = _condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.reason == "SchedulingGated":
        reason = "SchedulingGated"
    initializing = _initializing(pod)
    initialized = _condition(pod, "Initialized")
    if initializing:
        reason = initializing
    if not initializing or (initialized is not None and initialized.status == "True"):
        reason = _running_word(pod, reason)
    if pod.metadata.deletion_timestamp:
        if pod.status.reason == NODE_LOST:
            return "Unknown"
        return reason if reason in ("Succeeded", "Failed") else "Terminating"
    return reason


def _running_word(pod: core_v1.Pod, reason: str) -> str:
    running = False
    for status in reversed(pod.status.container_statuses):
        waiting, terminated = status.state.waiting, status.state.terminated
        if waiting is not None and waiting.reason:
            reason = waiting.reason
        elif terminated is not None:
            reason = _ended(terminated)
        elif status.ready and status.state.running is not None:
            running = True
    if reason == "Completed" and running:
        ready = _condition(pod, "Ready")
        return "Running" if ready is not None and ready.status == "True" else "NotReady"
    return reason


def _restarts(pod: core_v1.Pod, now: float) -> str:
    """Restarts of what runs now, with the age of the last one."""
    sidecars = {each.name for each in pod.spec.init_containers if _is_sidecar(each)}
    init = pod.status.init_container_statuses
    if _initializing(pod):
        counted = list(init)
    else:
        counted = [*pod.status.container_statuses, *(each for each in init if each.name in sidecars)]
    count = sum(each.restart_count for each in counted)
    ends = [each.last_state.terminated.finished_at for each in counted if each.last_state.terminated is not None]
    times = [parse_rfc3339(each) for each in ends if each]
    if not count or not times:
        return str(count)
    return f"{count} ({human_duration(now - max(times))} ago)"


def _ready(pod: core_v1.Pod) -> str:
    sidecars = {each.name for each in pod.spec.init_containers if _is_sidecar(each)}
    total = len(pod.spec.containers) + len(sidecars)
    ready = sum(each.ready and each.state.running is not None for each in pod.status.container_statuses)
    ready += sum(
        each.name in sidecars and each.ready and bool(each.started) for each in pod.status.init_container_statuses
    )
    return f"{ready}/{total}"


def _readiness_gates(pod: core_v1.Pod) -> str:
    if not pod.spec.readiness_gates:
        return NONE
    true = {each.type for each in pod.status.conditions if each.status == "True"}
    met = sum(gate.condition_type in true for gate in pod.spec.readiness_gates)
    return f"{met}/{len(pod.spec.readiness_gates)}"


def _cells(pod: core_v1.Pod, now: float) -> list[Any]:
    return [
        pod.metadata.name,
        _ready(pod),
        status_word(pod),
        _restarts(pod, now),
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
        Column("Ready", description="Containers that are ready, of all."),
        Column("Status", description="How far the pod is."),
        Column("Restarts", description="How often its containers were started again."),
        AGE,
        Column("IP", priority=1, description="The pod's address."),
        Column("Node", priority=1, description="The node it is bound to."),
        Column("Nominated Node", priority=1, description="The node that preemption makes room on."),
        Column("Readiness Gates", priority=1, description="Further conditions for readiness that are met."),
    ),
    _cells,
    _conditions,
)

COLUMNS: Mapping[type[Wire], Columns] = {
    core_v1.Pod: PODS,
}
