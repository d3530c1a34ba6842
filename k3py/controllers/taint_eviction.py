"""Taint eviction: pods leave a node with a NoExecute taint, after as long as they tolerate it.

Kubernetes' behaviour (``pkg/controller/tainteviction``). The time runs from the taint's ``timeAdded``, but never ends
before this process has run for a grace: a server that was down for long must hear of its nodes first.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from k3py.base.clock import parse_rfc3339, rfc3339
from k3py.controllers.actions import NORMAL, Action, Delete, Tell, Update, Wake, reference, target
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.controllers.node_lifecycle import NO_EXECUTE
from k3py.controllers.pods import BY_NODE, by_node, is_finished
from k3py.model.generated import core_v1
from k3py.model.tolerations import tolerates

# Kubernetes' --node-startup-grace-period: agents find a server that is back well within it.
STARTUP_GRACE_SECONDS: Final = 60.0


def reconcile(wanted: core_v1.Pod, taints: Sequence[core_v1.Taint], now: float, not_before: float) -> list[Action]:
    """What to do about one pod.

    Args:
        wanted: a pod that is bound to a node.
        taints: that node's.
        now: seconds since 1970.
        not_before: no eviction earlier than this, seconds since 1970.
    """
    if wanted.metadata.deletion_timestamp is not None or is_finished(wanted):
        return []
    due = due_at(wanted.spec.tolerations, taints, now)
    if due is None:
        return []
    due = max(due, not_before)
    if due > now:
        return [Wake(due - now, "its toleration of a taint ends")]
    names = ", ".join(sorted(each.key for each in taints if each.effect == NO_EXECUTE))
    disrupted = _disrupted(wanted, now)
    if disrupted is not None:
        return [Update(disrupted, f"node {wanted.spec.node_name} is tainted: {names}", "status")]
    about = reference(wanted)
    message = f"Marking for deletion Pod {wanted.metadata.namespace}/{wanted.metadata.name}"
    return [
        Tell(about, NORMAL, "TaintManagerEviction", message),
        Delete(target(wanted), f"node {wanted.spec.node_name} is tainted: {names}"),
    ]


def due_at(tolerations: Sequence[core_v1.Toleration], taints: Sequence[core_v1.Taint], now: float) -> float | None:
    """When the pod has to leave, seconds since 1970; None when it may stay for good.

    Of several taints the earliest end counts, of several tolerations of one taint the shortest that is bounded.
    """
    ends: list[float] = []
    for taint in taints:
        if taint.effect != NO_EXECUTE:
            continue
        matching = [each for each in tolerations if tolerates(each, taint)]
        since = parse_rfc3339(taint.time_added) if taint.time_added else now
        if not matching:
            return min([since, *ends])
        bounded = [each.toleration_seconds for each in matching if each.toleration_seconds is not None]
        if bounded:
            ends.append(since + max(0, min(bounded)))
    return min(ends, default=None)


def _disrupted(pod: core_v1.Pod, now: float) -> core_v1.Pod | None:
    """The pod with the condition that says why it goes; None when it has it."""
    if any(each.type == "DisruptionTarget" and each.status == "True" for each in pod.status.conditions):
        return None
    said = core_v1.PodCondition(
        type="DisruptionTarget",
        status="True",
        reason="DeletionByTaintManager",
        message="Taint manager: deleting due to NoExecute taint",
        last_transition_time=rfc3339(now),
    )
    others = [each for each in pod.status.conditions if each.type != said.type]
    return msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, conditions=[*others, said]))


def _if_tainted(old: core_v1.Pod | None, new: core_v1.Pod | None, caches: Caches) -> Iterable[Key]:
    node = caches.get(core_v1.Node, "", new.spec.node_name) if new is not None and new.spec.node_name else None
    if node is not None and _evicting(node):
        yield from itself(old, new, caches)


def _pods_of_node(old: core_v1.Node | None, new: core_v1.Node | None, caches: Caches) -> Iterable[Key]:
    if new is None or _evicting(new) == (old is not None and _evicting(old)):
        return
    for pod in caches.by(core_v1.Pod, BY_NODE, new.metadata.name):
        yield pod.metadata.namespace, pod.metadata.name


def _evicting(node: core_v1.Node) -> list[tuple[str, str]]:
    return [(each.key, each.value) for each in node.spec.taints if each.effect == NO_EXECUTE]


class TaintEvictionController:
    """Looks at one bound Pod at a time."""

    name = "taint-eviction-controller"
    workers = 2
    reads = (Reads(core_v1.Pod, _if_tainted, {BY_NODE: by_node}), Reads(core_v1.Node, _pods_of_node))
    writes = (core_v1.Pod,)

    def __init__(self, startup_grace_seconds: float = STARTUP_GRACE_SECONDS) -> None:
        self._startup_grace_seconds = startup_grace_seconds

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        pod = caches.get(core_v1.Pod, *key)
        node = caches.get(core_v1.Node, "", pod.spec.node_name) if pod is not None else None
        if pod is None or node is None:
            return []
        grace_left = self._startup_grace_seconds - turn.running_seconds
        return reconcile(pod, node.spec.taints, turn.now, turn.now + grace_left)
