"""Disruption: how many pods of a budget may go now, kept up to date for whoever evicts.

Kubernetes' behaviour (``pkg/controller/disruption``): healthy pods are counted against what the budget wants of those
that are expected; an evicted pod counts as gone until it is, or until two minutes have shown that it stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from k3py.base.clock import parse_rfc3339
from k3py.controllers.actions import NORMAL, WARNING, Action, Tell, Update, Wake, reference
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.controllers.pods import is_ready
from k3py.model import codec
from k3py.model.generated import apps_v1, core_v1, meta_v1, policy_v1
from k3py.model.selectors import Selector, from_struct
from k3py.objects.eviction import DISRUPTION_ALLOWED, SYNC_FAILED, set_condition

# A pod that was evicted and is still there after this long is taken to stay.
DELETION_SECONDS: Final = 120.0
_NOT_SCALABLE: Final = {"DaemonSet": "daemonsets.apps", "Job": "jobs.batch"}

Budget = policy_v1.PodDisruptionBudget
Scalable = apps_v1.Deployment | apps_v1.ReplicaSet | apps_v1.StatefulSet | core_v1.ReplicationController


class CannotCount(Exception):
    """How many pods are expected cannot be known; the message says why."""


@dataclass(frozen=True)
class Seen:
    """What a turn sees beside the budget.

    ``pods``: those that it selects. ``scales``: replicas wanted, by uid of what controls pods; a ReplicaSet of a
    Deployment stands with the Deployment's uid and replicas under its own (``scales[own] = (uid, replicas)``).
    """

    pods: Sequence[core_v1.Pod]
    scales: Mapping[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Count:
    expected: int
    desired_healthy: int
    unmanaged: Sequence[str] = ()


def reconcile(budget: Budget, seen: Seen, now: float) -> list[Action]:
    """What to do about one budget; ``now`` in seconds since 1970."""
    actions: list[Action] = []
    about = reference(budget)
    if not seen.pods:
        actions.append(Tell(about, NORMAL, "NoPods", "No matching pods found"))
    try:
        count = _count(budget, seen)
    except CannotCount as problem:
        message = f"Failed to calculate the number of expected pods: {problem}"
        actions.append(Tell(about, WARNING, "CalculateExpectedPodCountFailed", message))
        return actions + _written(budget, _failed(budget, f"{problem}", now), f"{problem}")
    if count.unmanaged:
        actions.append(Tell(about, WARNING, "UnmanagedPods", _unmanaged(count.unmanaged)))
    disrupted, overdue, recheck = _disrupted(budget, seen.pods, now)
    for pod in overdue:
        message = (
            f"Pod was expected by PDB {budget.metadata.namespace}/{budget.metadata.name} to be deleted but it wasn't"
        )
        actions.append(Tell(reference(pod), WARNING, "NotDeleted", message))
    healthy = sum(_is_healthy(pod, disrupted) for pod in seen.pods)
    status = _status(budget, count, healthy, disrupted, now)
    why = f"{healthy} healthy, {count.desired_healthy} wanted of {count.expected}"
    actions += _written(budget, status, why)
    if recheck is not None:
        actions.append(Wake(recheck, "an evicted pod should be gone"))
    return actions


def _count(budget: Budget, seen: Seen) -> _Count:
    """Pods that are expected, and how many of them should be healthy.

    Raises:
        CannotCount: a pod's controller is not there or has no number of replicas.
    """
    most, least = budget.spec.max_unavailable, budget.spec.min_available
    if most is not None:
        expected, unmanaged = _scale(seen)
        return _Count(expected, max(expected - _scaled(most, expected), 0), unmanaged)
    if isinstance(least, str):
        expected, unmanaged = _scale(seen)
        return _Count(expected, _scaled(least, expected), unmanaged)
    return _Count(len(seen.pods), least or 0)


def _scaled(value: int | str, whole: int) -> int:
    """A count as it is, a percentage of ``whole`` rounded up."""
    if isinstance(value, int):
        return value
    percent = value.removesuffix("%")
    if not (percent.isascii() and percent.isdigit()):
        raise CannotCount(f"invalid value for IntOrString: invalid type: string is not a percentage: {value}")
    return -(-whole * int(percent[:9]) // 100)


def _scale(seen: Seen) -> tuple[int, list[str]]:
    """The replicas that the pods' controllers want together, and names of pods that nothing controls."""
    counted: dict[str, int] = {}
    unmanaged: list[str] = []
    for pod in seen.pods:
        owner = next((each for each in pod.metadata.owner_references if each.controller), None)
        if owner is None:
            unmanaged.append(pod.metadata.name)
            continue
        if owner.kind in _NOT_SCALABLE:
            raise CannotCount(f"{_NOT_SCALABLE[owner.kind]} does not implement the scale subresource")
        found = seen.scales.get(owner.uid)
        if found is None:
            raise CannotCount(f'found no controllers for pod "{pod.metadata.name}"')
        counted[found[0]] = found[1]
    return sum(counted.values()), unmanaged


def _unmanaged(names: Sequence[str]) -> str:
    return (
        f"Pods selected by this PodDisruptionBudget (selector: &LabelSelector) were found to be unmanaged:"
        f" {', '.join(sorted(names))}. As a result, the status of the PDB cannot be calculated correctly, which may"
        ' result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to'
        " an integer value."
    )


def _disrupted(
    budget: Budget, pods: Sequence[core_v1.Pod], now: float
) -> tuple[dict[str, str], list[core_v1.Pod], float | None]:
    """Evicted pods that should go any moment, pods that should have gone, seconds until the next is overdue."""
    kept: dict[str, str] = {}
    overdue: list[core_v1.Pod] = []
    recheck: float | None = None
    for pod in pods:
        moment = budget.status.disrupted_pods.get(pod.metadata.name)
        if moment is None or pod.metadata.deletion_timestamp is not None:
            continue
        left = parse_rfc3339(moment) + DELETION_SECONDS - now
        if left < 0:
            overdue.append(pod)
            continue
        kept[pod.metadata.name] = moment
        recheck = left if recheck is None else min(recheck, left)
    return kept, overdue, recheck


def _is_healthy(pod: core_v1.Pod, disrupted: Mapping[str, str]) -> bool:
    return pod.metadata.deletion_timestamp is None and pod.metadata.name not in disrupted and is_ready(pod)


def _status(
    budget: Budget, count: _Count, healthy: int, disrupted: dict[str, str], now: float
) -> policy_v1.PodDisruptionBudgetStatus:
    allowed = max(healthy - count.desired_healthy, 0) if count.expected > 0 else 0
    changed = codec.decode(Budget, codec.encode(budget))
    changed.status = policy_v1.PodDisruptionBudgetStatus(
        observed_generation=budget.metadata.generation,
        disrupted_pods=disrupted,
        disruptions_allowed=allowed,
        current_healthy=healthy,
        desired_healthy=count.desired_healthy,
        expected_pods=count.expected,
        conditions=changed.status.conditions,
    )
    set_condition(changed, now)
    return changed.status


def _failed(budget: Budget, why: str, now: float) -> policy_v1.PodDisruptionBudgetStatus:
    """Nothing is allowed while nothing is known."""
    changed = codec.decode(Budget, codec.encode(budget))
    changed.status.disruptions_allowed = 0
    changed.status.observed_generation = budget.metadata.generation
    set_condition(changed, now)
    condition: meta_v1.Condition = next(each for each in changed.status.conditions if each.type == DISRUPTION_ALLOWED)
    condition.reason, condition.message = SYNC_FAILED, why
    return changed.status


def _written(budget: Budget, status: policy_v1.PodDisruptionBudgetStatus, why: str) -> list[Action]:
    if status == budget.status:
        return []
    return [Update(msgspec.structs.replace(budget, status=status), why, "status")]


def _selector(budget: Budget) -> Selector | None:
    """What the budget selects; None when that cannot be read."""
    try:
        return from_struct(budget.spec.selector)
    except ValueError:
        return None


def _selecting(namespace: str, labels: Mapping[str, str], caches: Caches) -> Iterable[Key]:
    """Keys of the budgets that select these labels."""
    for budget in caches.list(Budget, namespace):
        selector = _selector(budget)
        if selector is not None and selector.matches(labels):
            yield namespace, budget.metadata.name


def _budgets_of_pod(old: core_v1.Pod | None, new: core_v1.Pod | None, caches: Caches) -> Iterable[Key]:
    for pod in (old, new):
        if pod is not None:
            yield from _selecting(pod.metadata.namespace, pod.metadata.labels, caches)


def _budgets_of_owner(old: Scalable | None, new: Scalable | None, caches: Caches) -> Iterable[Key]:
    """A change of the number of replicas changes what is expected."""
    if old is not None and new is not None and old.spec.replicas == new.spec.replicas:
        return
    for each in (old, new):
        if each is not None and each.spec.template is not None:
            yield from _selecting(each.metadata.namespace, each.spec.template.metadata.labels, caches)


_OWNERS: Final = (apps_v1.Deployment, apps_v1.ReplicaSet, apps_v1.StatefulSet, core_v1.ReplicationController)


def scales(namespace: str, caches: Caches) -> dict[str, tuple[str, int]]:
    """Replicas wanted in a namespace, as ``Seen.scales``."""
    found: dict[str, tuple[str, int]] = {}
    for kind in _OWNERS:
        owners: Sequence[Any] = caches.list(kind, namespace)
        for each in owners:
            replicas = each.spec.replicas if each.spec.replicas is not None else 1
            found[each.metadata.uid] = (each.metadata.uid, replicas)
    for replica_set in caches.list(apps_v1.ReplicaSet, namespace):
        for owner in replica_set.metadata.owner_references:
            if owner.controller and owner.kind == "Deployment" and owner.uid in found:
                found[replica_set.metadata.uid] = found[owner.uid]
    return found


class DisruptionController:
    """Looks at one PodDisruptionBudget at a time."""

    name = "disruption-controller"
    workers = 1
    reads = (
        Reads(Budget, itself),
        Reads(core_v1.Pod, _budgets_of_pod),
        *(Reads(kind, _budgets_of_owner) for kind in _OWNERS),
    )
    writes = (Budget,)

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        budget = caches.get(Budget, *key)
        if budget is None or budget.metadata.deletion_timestamp is not None:
            return []
        selector = _selector(budget)
        pods = [] if selector is None else caches.list(core_v1.Pod, key[0]).matching(selector.matches)
        return reconcile(budget, Seen(pods, scales(key[0], caches)), turn.now)
