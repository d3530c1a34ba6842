"""What a Deployment's status says: counters, Available, Progressing, ReplicaFailure.

Reasons and messages are those of Kubernetes' deployment controller: ``kubectl rollout status`` reads them.
"""

from collections.abc import Sequence
from typing import Final

from k3py.base.clock import parse_rfc3339, rfc3339
from k3py.controllers.rollout import bounds, replicas_of
from k3py.model.generated import apps_v1

AVAILABLE: Final = "Available"
PROGRESSING: Final = "Progressing"
REPLICA_FAILURE: Final = "ReplicaFailure"
TIMED_OUT: Final = "ProgressDeadlineExceeded"
NEW_SET_AVAILABLE: Final = "NewReplicaSetAvailable"
PAUSED: Final = "DeploymentPaused"
RESUMED: Final = "DeploymentResumed"
# Kubernetes' way of saying "no deadline".
NO_DEADLINE: Final = 2**31 - 1

Condition = apps_v1.DeploymentCondition
Status = apps_v1.DeploymentStatus


def find(conditions: Sequence[Condition], kind: str) -> Condition | None:
    """The condition of that type, or None."""
    return next((each for each in conditions if each.type == kind), None)


def with_condition(
    conditions: Sequence[Condition],
    kind: str,
    status: str,
    reason: str,
    message: str,
    now: float,
    *,
    renew: bool = False,
) -> list[Condition]:
    """The conditions with one set. The transition time stays while the status does; one that says the same stays
    untouched unless ``renew`` (progress was made: the deadline starts anew)."""
    known = find(conditions, kind)
    if known is not None and known.status == status and known.reason == reason and not renew:
        return list(conditions)
    stamp = rfc3339(now)
    changed_at = known.last_transition_time if known is not None and known.status == status else stamp
    fresh = Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_update_time=stamp,
        last_transition_time=changed_at,
    )
    return [each for each in conditions if each.type != kind] + [fresh]


def without(conditions: Sequence[Condition], kind: str) -> list[Condition]:
    return [each for each in conditions if each.type != kind]


def has_deadline(wanted: apps_v1.Deployment) -> bool:
    return (wanted.spec.progress_deadline_seconds or NO_DEADLINE) != NO_DEADLINE


def counted(
    wanted: apps_v1.Deployment,
    new: apps_v1.ReplicaSet | None,
    sets: Sequence[apps_v1.ReplicaSet],
    conditions: Sequence[Condition],
    now: float,
) -> Status:
    """Counters and Available from what the sets say of themselves; ``sets`` includes ``new``."""
    available = sum(each.status.available_replicas for each in sets)
    terminating = [each.status.terminating_replicas for each in sets]
    known = [each for each in terminating if each is not None]
    if available >= bounds(wanted).least_available:
        said = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        said = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return Status(
        observed_generation=wanted.metadata.generation,
        replicas=sum(each.status.replicas for each in sets),
        updated_replicas=new.status.replicas if new is not None else 0,
        ready_replicas=sum(each.status.ready_replicas for each in sets),
        available_replicas=available,
        unavailable_replicas=max(0, sum(map(replicas_of, sets)) - available),
        terminating_replicas=sum(known) if len(known) == len(terminating) else None,
        collision_count=wanted.status.collision_count,
        conditions=with_condition(conditions, AVAILABLE, *said, now),
    )


def complete(wanted: apps_v1.Deployment, status: Status) -> bool:
    """Every replica is of the new set and available."""
    replicas = replicas_of(wanted)
    counts = (status.updated_replicas, status.replicas, status.available_replicas)
    return counts == (replicas,) * 3 and status.observed_generation >= wanted.metadata.generation


def with_progress(
    wanted: apps_v1.Deployment,
    new: apps_v1.ReplicaSet | None,
    sets: Sequence[apps_v1.ReplicaSet],
    status: Status,
    now: float,
) -> Status:
    """The status with Progressing and ReplicaFailure brought up to date."""
    conditions = list(status.conditions)
    known = find(conditions, PROGRESSING)
    if not has_deadline(wanted):
        conditions = without(conditions, PROGRESSING)
    settled = status.replicas == status.updated_replicas and known is not None and known.reason == NEW_SET_AVAILABLE
    if has_deadline(wanted) and not settled:
        conditions = _progress(wanted, new, status, conditions, now)
    status.conditions = _with_failure(conditions, new, sets)
    return status


def _progress(
    wanted: apps_v1.Deployment,
    new: apps_v1.ReplicaSet | None,
    status: Status,
    conditions: Sequence[Condition],
    now: float,
) -> list[Condition]:
    who = f'ReplicaSet "{new.metadata.name}"' if new is not None else f'Deployment "{wanted.metadata.name}"'
    if complete(wanted, status):
        message = f"{who} has successfully progressed."
        return with_condition(conditions, PROGRESSING, "True", NEW_SET_AVAILABLE, message, now)
    if _moved(wanted.status, status):
        message = f"{who} is progressing."
        return with_condition(conditions, PROGRESSING, "True", "ReplicaSetUpdated", message, now, renew=True)
    left = deadline_seconds_left(wanted, conditions, now)
    if left is not None and left <= 0:
        message = f"{who} has timed out progressing."
        return with_condition(conditions, PROGRESSING, "False", TIMED_OUT, message, now)
    return list(conditions)


def _moved(old: Status, new: Status) -> bool:
    return (
        new.updated_replicas > old.updated_replicas
        or new.replicas - new.updated_replicas < old.replicas - old.updated_replicas
        or new.ready_replicas > old.ready_replicas
        or new.available_replicas > old.available_replicas
    )


def deadline_seconds_left(wanted: apps_v1.Deployment, conditions: Sequence[Condition], now: float) -> float | None:
    """Seconds until the rollout counts as stuck; None when nothing is being waited for, negative when it is past."""
    known = find(conditions, PROGRESSING)
    if not has_deadline(wanted) or known is None or known.reason in (NEW_SET_AVAILABLE, TIMED_OUT, PAUSED):
        return None
    if not known.last_update_time:
        return None
    return parse_rfc3339(known.last_update_time) + (wanted.spec.progress_deadline_seconds or 0) - now


def _with_failure(
    conditions: Sequence[Condition], new: apps_v1.ReplicaSet | None, sets: Sequence[apps_v1.ReplicaSet]
) -> list[Condition]:
    """The sets' ReplicaFailure is the Deployment's; the new set's goes first."""
    others = without(conditions, REPLICA_FAILURE)
    ordered = [*([new] if new is not None else []), *sets]
    for each in ordered:
        for failure in each.status.conditions:
            if failure.type == REPLICA_FAILURE:
                return [
                    *others,
                    Condition(
                        type=REPLICA_FAILURE,
                        status=failure.status,
                        reason=failure.reason,
                        message=failure.message,
                        last_update_time=failure.last_transition_time,
                        last_transition_time=failure.last_transition_time,
                    ),
                ]
    return others
