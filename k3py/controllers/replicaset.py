"""ReplicaSet: as many pods as asked for.

Kubernetes' behaviour (``pkg/controller/replicaset``): pods are adopted and released by the selector, the ones that
hurt least are deleted first, at most 500 pods are created or deleted per turn, status counts what was seen.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from k3py.base.clock import rfc3339
from k3py.controllers.actions import Action, Create, Delete, Report, Update, Wake, reference, target
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.controllers.owners import BY_OWNER, by_owner, claim, controller_uid, orphans_of, owned_by
from k3py.controllers.pods import deletion_order, is_active, is_finished, is_ready, seconds_until_available
from k3py.model.generated import apps_v1, core_v1, meta_v1
from k3py.model.selectors import from_struct

# What one turn creates or deletes at most, so that one large set does not keep all others waiting.
BURST_REPLICAS: Final = 500
REPLICA_FAILURE: Final = "ReplicaFailure"


def reconcile(
    wanted: apps_v1.ReplicaSet,
    pods: Sequence[core_v1.Pod],
    family: Sequence[core_v1.Pod],
    now: float,
    failure: str = "",
) -> list[Action]:
    """What to do about one ReplicaSet.

    Args:
        wanted: the ReplicaSet.
        pods: those it owns, and orphans of its namespace.
        family: the pods of all sets of the same owner (old and new of one Deployment): a node that has many active ones
            loses one first.
        now: seconds since 1970.
        failure: what went wrong with the last turn's creations or deletions; empty if nothing did.
    """
    selector = from_struct(wanted.spec.selector)
    owned, actions = claim(wanted, lambda meta: selector.matches(meta.labels), pods)
    active = [pod for pod in owned if is_active(pod)]
    terminating = sum(pod.metadata.deletion_timestamp is not None and not is_finished(pod) for pod in owned)
    replicas = 1 if wanted.spec.replicas is None else wanted.spec.replicas
    waits = [seconds_until_available(pod, wanted.spec.min_ready_seconds, now) for pod in active]
    status = _status(wanted, active, terminating, sum(wait == 0 for wait in waits), now, failure)
    if status != wanted.status:
        why = f"{status.ready_replicas} of {replicas} ready, {len(active)} there"
        actions.append(Update(msgspec.structs.replace(wanted, status=status), why, "status"))
    if wanted.metadata.deletion_timestamp is None:
        actions += _resize(wanted, active, replicas, family, now)
    soonest = min((wait for wait in waits if wait), default=None)
    if soonest is not None:
        actions.append(Wake(soonest, "a ready pod becomes available"))
    return actions


def _resize(
    wanted: apps_v1.ReplicaSet,
    active: Sequence[core_v1.Pod],
    replicas: int,
    family: Sequence[core_v1.Pod],
    now: float,
) -> list[Action]:
    missing = replicas - len(active)
    if not missing:
        return []
    about = reference(wanted)
    if missing > 0:
        why = f"{len(active)} of {replicas} replicas there"
        report = Report(about, "SuccessfulCreate", "Created pod: {name}", "FailedCreate", "Error creating: {error}")
        return [Create(_pod(wanted), why, report)] * min(missing, BURST_REPLICAS)
    doubled_up = Counter(pod.spec.node_name for pod in family if pod.spec.node_name and is_active(pod))
    surplus = sorted(active, key=lambda pod: deletion_order(pod, doubled_up, now))[: min(-missing, BURST_REPLICAS)]
    why = f"{len(active)} there, {replicas} wanted"
    report = Report(about, "SuccessfulDelete", "Deleted pod: {name}", "FailedDelete", "Error deleting: {error}")
    return [Delete(target(pod), why, report=report) for pod in surplus]


def _pod(wanted: apps_v1.ReplicaSet) -> core_v1.Pod:
    template = wanted.spec.template
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(
            generate_name=f"{wanted.metadata.name}-",
            namespace=wanted.metadata.namespace,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
            finalizers=template.metadata.finalizers,
            owner_references=[owned_by(wanted)],
        ),
        spec=template.spec,
    )


def _status(
    wanted: apps_v1.ReplicaSet,
    active: Sequence[core_v1.Pod],
    terminating: int,
    available: int,
    now: float,
    failure: str,
) -> apps_v1.ReplicaSetStatus:
    template = wanted.spec.template.metadata.labels.items()
    return apps_v1.ReplicaSetStatus(
        replicas=len(active),
        fully_labeled_replicas=sum(template <= pod.metadata.labels.items() for pod in active),
        ready_replicas=sum(map(is_ready, active)),
        available_replicas=available,
        terminating_replicas=terminating,
        observed_generation=wanted.metadata.generation,
        conditions=_conditions(wanted, len(active), now, failure),
    )


def _conditions(wanted: apps_v1.ReplicaSet, active: int, now: float, failure: str) -> list[apps_v1.ReplicaSetCondition]:
    """ReplicaFailure while creating or deleting fails; the same failure keeps its time."""
    others = [each for each in wanted.status.conditions if each.type != REPLICA_FAILURE]
    if not failure:
        return others
    creating = active < (1 if wanted.spec.replicas is None else wanted.spec.replicas)
    reason = "FailedCreate" if creating else "FailedDelete"
    known = next((each for each in wanted.status.conditions if each.type == REPLICA_FAILURE), None)
    if known is not None and known.reason == reason:
        return list(wanted.status.conditions)
    return [
        *others,
        apps_v1.ReplicaSetCondition(
            type=REPLICA_FAILURE, status="True", reason=reason, message=failure, last_transition_time=rfc3339(now)
        ),
    ]


def _sets_of_pod(old: core_v1.Pod | None, new: core_v1.Pod | None, caches: Caches) -> Iterable[Key]:
    for pod in (old, new):
        if pod is None:
            continue
        owner = next((each for each in pod.metadata.owner_references if each.controller), None)
        if owner is not None:
            if owner.kind == "ReplicaSet":
                yield pod.metadata.namespace, owner.name
            continue
        for each in caches.list(apps_v1.ReplicaSet, pod.metadata.namespace):
            if from_struct(each.spec.selector).matches(pod.metadata.labels):
                yield pod.metadata.namespace, each.metadata.name


class ReplicaSetController:
    """Looks at one ReplicaSet at a time."""

    name = "replicaset-controller"
    workers = 4
    reads = (
        Reads(apps_v1.ReplicaSet, itself, {BY_OWNER: by_owner}),
        Reads(core_v1.Pod, _sets_of_pod, {BY_OWNER: by_owner}),
    )
    writes = (core_v1.Pod, apps_v1.ReplicaSet)

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        wanted = caches.get(apps_v1.ReplicaSet, *key)
        if wanted is None:
            return []
        own = caches.by(core_v1.Pod, BY_OWNER, wanted.metadata.uid)
        matches = from_struct(wanted.spec.selector).matches
        orphans = caches.by(core_v1.Pod, BY_OWNER, orphans_of(key[0])).matching(matches)
        parent = controller_uid(wanted.metadata)
        siblings = caches.by(apps_v1.ReplicaSet, BY_OWNER, parent) if parent else [wanted]
        family = caches.by(core_v1.Pod, BY_OWNER, *(each.metadata.uid for each in siblings))
        return reconcile(wanted, [*own, *orphans], family, turn.now, turn.failure)
