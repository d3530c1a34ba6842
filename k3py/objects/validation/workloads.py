"""Checks of Deployments and ReplicaSets. Source: Kubernetes ``pkg/apis/apps/validation``."""

from collections.abc import Iterable
from typing import Final

from k3py.model.generated import apps_v1, core_v1, meta_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.percentages import amount, at_most_all, count_or_percent
from k3py.objects.validation.templates import (
    compiled,
    labels_match,
    name_warnings,
    only_always,
    own_selector,
    pod_template,
    warnings_of,
)

_SHARED_DISK: Final = (
    "must be true for replicated pods > 1; GCE PD can only be mounted on multiple machines if it is read-only"
)
Named = Iterable[tuple[str, int | None]]


def deployment(obj: apps_v1.Deployment, wrong: Errors) -> None:
    """A Deployment's spec."""
    spec = obj.spec
    wrong.not_negative("spec.replicas", spec.replicas)
    _pods(spec.selector, spec.template, spec.replicas, wrong)
    _strategy(spec.strategy, wrong)
    wrong.not_negative("spec.minReadySeconds", spec.min_ready_seconds)
    wrong.not_negative("spec.revisionHistoryLimit", spec.revision_history_limit)
    deadline = spec.progress_deadline_seconds
    wrong.not_negative("spec.progressDeadlineSeconds", deadline)
    if deadline is not None and deadline <= spec.min_ready_seconds:
        wrong.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def deployment_update(new: apps_v1.Deployment, old: apps_v1.Deployment, wrong: Errors) -> None:
    """The selector stays."""
    wrong.immutable("spec.selector", new.spec.selector, old.spec.selector)


def deployment_status(new: apps_v1.Deployment, old: apps_v1.Deployment, wrong: Errors) -> None:
    """Numbers fit together."""
    status = new.status
    none_negative(
        (
            ("observedGeneration", status.observed_generation),
            ("replicas", status.replicas),
            ("updatedReplicas", status.updated_replicas),
            ("readyReplicas", status.ready_replicas),
            ("availableReplicas", status.available_replicas),
            ("unavailableReplicas", status.unavailable_replicas),
            ("terminatingReplicas", status.terminating_replicas),
            ("collisionCount", status.collision_count),
        ),
        wrong,
    )
    not_more("updatedReplicas", status.updated_replicas, "status.replicas", status.replicas, wrong)
    not_more("readyReplicas", status.ready_replicas, "status.replicas", status.replicas, wrong)
    not_more("availableReplicas", status.available_replicas, "status.replicas", status.replicas, wrong)
    not_more("availableReplicas", status.available_replicas, "readyReplicas", status.ready_replicas, wrong)
    not_decremented(status.collision_count, old.status.collision_count, wrong)


def replica_set(obj: apps_v1.ReplicaSet, wrong: Errors) -> None:
    """A ReplicaSet's spec."""
    spec = obj.spec
    wrong.not_negative("spec.replicas", spec.replicas)
    wrong.not_negative("spec.minReadySeconds", spec.min_ready_seconds)
    _pods(spec.selector, spec.template, spec.replicas, wrong)


def replica_set_update(new: apps_v1.ReplicaSet, old: apps_v1.ReplicaSet, wrong: Errors) -> None:
    """The selector stays. Kubernetes looks at the spec twice, and its causes say so."""
    replica_set(new, wrong)
    wrong.immutable("spec.selector", new.spec.selector, old.spec.selector)


def replica_set_status(new: apps_v1.ReplicaSet, old: apps_v1.ReplicaSet, wrong: Errors) -> None:
    """Numbers fit together."""
    del old
    replica_counts(new.status, wrong, ("terminatingReplicas", new.status.terminating_replicas))


def replica_counts(
    status: apps_v1.ReplicaSetStatus | core_v1.ReplicationControllerStatus,
    wrong: Errors,
    *more: tuple[str, int | None],
) -> None:
    """Counts of replicas are not negative, and none is above what it is a part of; ``more`` are further ones."""
    none_negative(
        (
            ("replicas", status.replicas),
            ("fullyLabeledReplicas", status.fully_labeled_replicas),
            ("readyReplicas", status.ready_replicas),
            ("availableReplicas", status.available_replicas),
            *more,
            ("observedGeneration", status.observed_generation),
        ),
        wrong,
    )
    not_more("fullyLabeledReplicas", status.fully_labeled_replicas, "status.replicas", status.replicas, wrong)
    not_more("readyReplicas", status.ready_replicas, "status.replicas", status.replicas, wrong)
    not_more("availableReplicas", status.available_replicas, "status.replicas", status.replicas, wrong)
    not_more("availableReplicas", status.available_replicas, "readyReplicas", status.ready_replicas, wrong)


def warnings(obj: apps_v1.Deployment | apps_v1.ReplicaSet) -> list[str]:
    """What the user should hear of a new Deployment or ReplicaSet."""
    return name_warnings(obj.metadata.name) + warnings_of(obj.spec.template, "spec.template")


def update_warnings(
    new: apps_v1.Deployment | apps_v1.ReplicaSet | apps_v1.DaemonSet,
    old: apps_v1.Deployment | apps_v1.ReplicaSet | apps_v1.DaemonSet,
) -> list[str]:
    """What the user should hear of a change: nothing new while the generation stays."""
    if new.metadata.generation == old.metadata.generation:
        return []
    return warnings_of(new.spec.template, "spec.template")


def none_negative(numbers: Named, wrong: Errors) -> None:
    """Numbers of a status, by JSON name."""
    for name, value in numbers:
        wrong.not_negative(f"status.{name}", value)


def not_more(name: str, value: int, bound: str, maximum: int, wrong: Errors) -> None:
    """A number of a status is no greater than another; ``bound`` is how the message calls that."""
    if value > maximum:
        wrong.invalid(f"status.{name}", value, f"cannot be greater than {bound}")


def not_decremented(new: int | None, old: int | None, wrong: Errors) -> None:
    """The count of hash collisions only grows."""
    if old is not None and (new is None or new < old):
        wrong.invalid("status.collisionCount", new or 0, "cannot be decremented")


def _pods(
    selector: meta_v1.LabelSelector | None, template: core_v1.PodTemplateSpec, replicas: int | None, wrong: Errors
) -> None:
    """Selector and template of a ReplicaSet, or of the ReplicaSets to come."""
    path = "spec.template"
    own_selector(selector, "spec.selector", "deployment", wrong)
    found = compiled(selector)
    if found is None:
        wrong.invalid("spec.selector", selector, "invalid label selector")
        return
    labels_match(found, template, path, wrong)
    pod_template(template, path, wrong)
    if (replicas or 0) > 1:
        _shared_disks(template.spec.volumes, f"{path}.spec.volumes", wrong)
    only_always(template, path, "ReplicaSet", wrong)


def _shared_disks(volumes: list[core_v1.Volume], path: str, wrong: Errors) -> None:
    """Pods on several machines can only read from a disk that they share."""
    for index, volume in enumerate(volumes):
        disk = volume.gce_persistent_disk
        if disk is not None and not disk.read_only:
            wrong.invalid(f"{path}[{index}].gcePersistentDisk.readOnly", False, _SHARED_DISK)


def _strategy(strategy: apps_v1.DeploymentStrategy, wrong: Errors) -> None:
    path = "spec.strategy"
    if strategy.type == "Recreate":
        if strategy.rolling_update is not None:
            wrong.forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif strategy.type == "RollingUpdate":
        rolling = strategy.rolling_update
        if rolling is None:
            wrong.required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")
            return
        unavailable, surge = rolling.max_unavailable, rolling.max_surge
        count_or_percent(f"{path}.rollingUpdate.maxUnavailable", unavailable, wrong)
        count_or_percent(f"{path}.rollingUpdate.maxSurge", surge, wrong)
        if amount(unavailable) == 0 and amount(surge) == 0:
            wrong.invalid(f"{path}.rollingUpdate.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
        at_most_all(f"{path}.rollingUpdate.maxUnavailable", unavailable, wrong)
    else:
        wrong.unsupported(path, go_names(strategy), ("Recreate", "RollingUpdate"))
