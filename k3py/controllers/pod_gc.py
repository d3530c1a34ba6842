"""Pods that nobody else will remove: of nodes that are gone, finished beyond a count, deleted before they had a node.

Kubernetes' pod garbage collector (``pkg/controller/podgc``).
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any, Final

import msgspec

from k3py.base.clock import rfc3339
from k3py.controllers.actions import Action, Delete, Update, Wake, target
from k3py.controllers.controller import Key, Reads, Turn
from k3py.controllers.informer import Caches
from k3py.controllers.pods import BY_NODE, FAILED, by_node, is_finished
from k3py.model.generated import core_v1

# Kubernetes' --terminated-pod-gc-threshold.
FINISHED_MAX: Final = 12_500
# A pod may be seen bound before its node is seen: a node counts as gone after this long, as in Kubernetes.
QUARANTINE_SECONDS: Final = 40.0
DELETIONS_PER_TURN: Final = 500
EVERYTHING: Final = ("", "all")


def reconcile(
    pods: Sequence[core_v1.Pod], gone: Collection[str], now: float, finished_max: int = FINISHED_MAX
) -> list[Action]:
    """What to do about these pods; ``gone`` are the node names that have been absent long enough.

    ``pods`` are at least those of nodes that are gone, those deleted before they had a node, and, when more have
    finished than are kept, the finished ones.
    """
    actions: list[Action] = []
    for pod in pods:
        if pod.spec.node_name in gone:
            actions += _remove_orphan(pod, now)
        elif pod.metadata.deletion_timestamp is not None and not pod.spec.node_name:
            actions.append(Delete(target(pod), "deleted before it had a node", grace_seconds=0))
    finished = [pod for pod in pods if is_finished(pod) and pod.metadata.deletion_timestamp is None]
    oldest = sorted(finished, key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.name))
    surplus = max(0, len(finished) - finished_max)
    why = f"{len(finished)} pods have finished, {finished_max} are kept"
    actions += [Delete(target(pod), why, grace_seconds=0) for pod in oldest[:surplus] if pod.spec.node_name not in gone]
    return actions[:DELETIONS_PER_TURN]


def _remove_orphan(pod: core_v1.Pod, now: float) -> list[Action]:
    """A pod of a node that is gone is Failed first, so that who counts its end sees one; then it goes."""
    why = f"its node {pod.spec.node_name} is gone"
    if is_finished(pod):
        return [Delete(target(pod), why, grace_seconds=0)]
    disruption = core_v1.PodCondition(
        type="DisruptionTarget",
        status="True",
        reason="DeletionByPodGC",
        message="PodGC: node no longer exists",
        last_transition_time=rfc3339(now),
    )
    others = [each for each in pod.status.conditions if each.type != disruption.type]
    status = msgspec.structs.replace(pod.status, phase=FAILED, conditions=[*others, disruption])
    return [Update(msgspec.structs.replace(pod, status=status), why, "status")]


def _if_lost(old: core_v1.Pod | None, new: core_v1.Pod | None, caches: Caches) -> Iterable[Key]:
    """Finished pods, pods of unknown nodes, and pods deleted without a node are what this controller is about."""
    del old
    if new is None:
        return
    node = new.spec.node_name
    unscheduled = new.metadata.deletion_timestamp is not None and not node
    if unscheduled or is_finished(new) or (node and caches.get(core_v1.Node, "", node) is None):
        yield EVERYTHING


BY_STATE: Final = "garbage"
FINISHED: Final = "finished"
NEVER_PLACED: Final = "never placed"


def _by_state(pod: core_v1.Pod) -> Iterable[str]:
    """Index: what of the pod is this controller's business, whatever its node."""
    if is_finished(pod):
        yield FINISHED
    if pod.metadata.deletion_timestamp is not None and not pod.spec.node_name:
        yield NEVER_PLACED


def _if_gone(old: Any, new: Any, caches: Caches) -> Iterable[Key]:
    del old, caches
    if new is None:
        yield EVERYTHING


class PodGarbageController:
    """Looks at all pods at once; remembers since when it misses a node."""

    name = "pod-garbage-collector"
    workers = 1
    reads = (Reads(core_v1.Pod, _if_lost, {BY_NODE: by_node, BY_STATE: _by_state}), Reads(core_v1.Node, _if_gone))
    writes = (core_v1.Pod,)

    def __init__(self, finished_max: int = FINISHED_MAX) -> None:
        self._finished_max = finished_max
        self._missing_since: dict[str, float] = {}

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        del key
        named = caches.values(core_v1.Pod, BY_NODE)
        missing = {name for name in named if caches.get(core_v1.Node, "", name) is None}
        self._missing_since = {name: self._missing_since.get(name, turn.monotonic) for name in missing}
        due = {name: since + QUARANTINE_SECONDS - turn.monotonic for name, since in self._missing_since.items()}
        gone = [name for name, left in due.items() if left <= 0]
        actions = reconcile(self._pods(gone, caches), gone, turn.now, self._finished_max)
        soonest = min((left for left in due.values() if left > 0), default=None)
        if soonest is not None:
            actions.append(Wake(soonest, "a node may be gone for good"))
        return actions

    def _pods(self, gone: Collection[str], caches: Caches) -> Sequence[core_v1.Pod]:
        """Each pod that ``reconcile`` may have to do with, once."""
        finished = caches.by(core_v1.Pod, BY_STATE, FINISHED)
        surplus = finished if len(finished) > self._finished_max else ()
        lost = caches.by(core_v1.Pod, BY_STATE, NEVER_PLACED), caches.by(core_v1.Pod, BY_NODE, *gone)
        return list({pod.metadata.uid: pod for pod in chain(surplus, *lost)}.values())
