"""Whether and when an ended container runs again (Kubernetes, "Pod Lifecycle: Container restarts")."""

from typing import Final

from k3py.agent.record import ContainerRecord, Ended
from k3py.model.generated.core_v1 import Container, PodSpec

# Kubernetes' documented back-off: 10 s doubling to five minutes, forgotten after ten good minutes.
BACK_OFF_FIRST_SECONDS: Final = 10.0
BACK_OFF_SECONDS_MAX: Final = 300.0
BACK_OFF_RESET_SECONDS: Final = 600.0


def is_sidecar(container: Container) -> bool:
    """An init container that keeps running beside the others (``restartPolicy: Always``)."""
    return container.restart_policy == "Always"


def restarts(spec: PodSpec, container: Container, ended: Ended, *, init: bool) -> bool:
    """Whether the container runs again after it ended so.

    A container's own rules come first, then its own policy, then the pod's. An init container that succeeded never
    runs again, and with the policy Always it counts as OnFailure.
    """
    for rule in container.restart_policy_rules:
        if rule.action == "Restart" and rule.exit_codes is not None:
            listed = ended.exit_code in rule.exit_codes.values
            if listed == (rule.exit_codes.operator == "In"):
                return True
    policy = container.restart_policy or spec.restart_policy or "Always"
    if init and not is_sidecar(container) and policy == "Always":
        policy = "OnFailure"
    return policy == "Always" or (policy == "OnFailure" and ended.exit_code != 0)


def restart_at(record: ContainerRecord) -> float:
    """When an ended container may run again, in seconds since 1970; a moment in the past means now."""
    ended = record.ended
    if ended is None or record.back_off_seconds == 0.0:
        return 0.0
    if ended.finished_at - record.back_off_at > BACK_OFF_RESET_SECONDS:
        return 0.0
    return ended.finished_at + record.back_off_seconds


def next_back_off(record: ContainerRecord) -> float:
    """The wait, in seconds, that the restart after this one will have to keep."""
    ended = record.ended
    if ended is None:
        return record.back_off_seconds
    if record.back_off_seconds == 0.0 or ended.finished_at - record.back_off_at > BACK_OFF_RESET_SECONDS:
        return BACK_OFF_FIRST_SECONDS
    return min(BACK_OFF_SECONDS_MAX, record.back_off_seconds * 2)


def trouble_wait(previous_wait_seconds: float) -> float:
    """The wait before an image is pulled, or a container made, once more: the same doubling, begun at once."""
    if previous_wait_seconds <= 0:
        return BACK_OFF_FIRST_SECONDS
    return min(BACK_OFF_SECONDS_MAX, previous_wait_seconds * 2)
