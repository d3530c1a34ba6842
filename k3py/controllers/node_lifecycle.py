"""Node lifecycle: a node that no longer renews its lease becomes Unknown, then gets the taints that move its pods.

Kubernetes' behaviour (``pkg/controller/nodelifecycle``). What counts is when *this process* saw a heartbeat change, on
its own monotonic clock: the clocks of nodes do not matter, and a server that was down, or stood still, has seen nothing
and therefore concludes nothing. While no node at all is ready the server doubts itself and evicts nobody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from k3py.base.clock import rfc3339
from k3py.controllers.actions import NORMAL, Action, Tell, Update, Wake, reference
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.controllers.pods import BY_NODE, FALSE, READY, TRUE, UNKNOWN, by_node, condition
from k3py.model.generated import coordination_v1, core_v1

LEASE_NAMESPACE: Final = "kube-node-lease"
# Kubernetes' --node-monitor-grace-period since 1.32 is 50 s, before 40 s; tunable down to 4 s for fast eviction.
GRACE_SECONDS: Final = 40.0
NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
NO_SCHEDULE: Final = "NoSchedule"
NO_EXECUTE: Final = "NoExecute"
# A wake-up that comes later than this tells that the process stood still; the time is not held against the nodes.
LATE_SECONDS: Final = 1.0

_REPORTED: Final = (READY, "MemoryPressure", "DiskPressure", "PIDPressure")
_PRESSURE_TAINTS: Final = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
_OURS: Final = frozenset((NOT_READY, UNREACHABLE, UNSCHEDULABLE, *_PRESSURE_TAINTS.values()))


@dataclass(frozen=True)
class Seen:
    """What a turn sees beside the node.

    Attributes:
        silent_seconds: how long no heartbeat of the node was seen.
        grace_seconds: how long that may be.
        pods: those bound to the node.
        anybody_ready: some node of the cluster is heard of in time.
    """

    silent_seconds: float
    grace_seconds: float = GRACE_SECONDS
    pods: Sequence[core_v1.Pod] = ()
    anybody_ready: bool = True


def reconcile(wanted: core_v1.Node, seen: Seen, now: float) -> list[Action]:
    """What to do about one node; ``now`` in seconds since 1970."""
    if wanted.metadata.deletion_timestamp is not None:
        return []
    left = seen.grace_seconds - seen.silent_seconds
    actions: list[Action] = [Wake(left, "a heartbeat is due")] if left > 0 else []
    conditions = list(wanted.status.conditions) if left > 0 else _silent(wanted, now)
    if conditions != wanted.status.conditions:
        status = msgspec.structs.replace(wanted.status, conditions=conditions)
        why = f"no heartbeat for {seen.silent_seconds:.0f} s"
        actions.append(Update(msgspec.structs.replace(wanted, status=status), why, "status"))
        message = f"Node {wanted.metadata.name} status is now: NodeNotReady"
        actions.append(Tell(reference(wanted), NORMAL, "NodeNotReady", message))
        return actions
    ready = _status_of(conditions, READY)
    taints = _taints(wanted, conditions, seen.anybody_ready, now)
    if taints != wanted.spec.taints:
        spec = msgspec.structs.replace(wanted.spec, taints=taints)
        names = sorted({f"{each.key}:{each.effect}" for each in taints if each.key in _OURS})
        why = f"Ready is {ready}: taints {', '.join(names) or 'none'}"
        actions.append(Update(msgspec.structs.replace(wanted, spec=spec), why))
    if ready != TRUE:
        actions += _mark_pods(seen.pods, now)
        if not seen.anybody_ready:
            actions.append(Wake(seen.grace_seconds, "nobody is heard of: the fault may be ours"))
    return actions


def _silent(wanted: core_v1.Node, now: float) -> list[core_v1.NodeCondition]:
    """Every condition that the node itself reports becomes Unknown; each that it never reported, too."""
    stamp = rfc3339(now)
    known = {each.type: each for each in wanted.status.conditions}
    result = [each for each in wanted.status.conditions if each.type not in _REPORTED]
    for kind in _REPORTED:
        before = known.get(kind)
        if before is None:
            result.append(
                core_v1.NodeCondition(
                    type=kind,
                    status=UNKNOWN,
                    reason="NodeStatusNeverUpdated",
                    message="Kubelet never posted node status.",
                    last_heartbeat_time=wanted.metadata.creation_timestamp or stamp,
                    last_transition_time=stamp,
                )
            )
        elif before.status == UNKNOWN:
            result.append(before)
        else:
            result.append(
                msgspec.structs.replace(
                    before,
                    status=UNKNOWN,
                    reason="NodeStatusUnknown",
                    message="Kubelet stopped posting node status.",
                    last_transition_time=stamp,
                )
            )
    order = {each.type: number for number, each in enumerate(wanted.status.conditions)}
    return sorted(result, key=lambda each: order.get(each.type, len(order)))


def _taints(
    wanted: core_v1.Node, conditions: Sequence[core_v1.NodeCondition], anybody_ready: bool, now: float
) -> list[core_v1.Taint]:
    """The taints the node should have: others' as they are, ours by its conditions."""
    needed: set[tuple[str, str]] = set()
    ready = _status_of(conditions, READY)
    if ready != TRUE:
        key = UNREACHABLE if ready == UNKNOWN else NOT_READY
        needed.add((key, NO_SCHEDULE))
        if anybody_ready:
            needed.add((key, NO_EXECUTE))
    if wanted.spec.unschedulable:
        needed.add((UNSCHEDULABLE, NO_SCHEDULE))
    for kind, taint in _PRESSURE_TAINTS.items():
        if _status_of(conditions, kind) == TRUE:
            needed.add((taint, NO_SCHEDULE))
    kept = [
        each
        for each in wanted.spec.taints
        if each.key not in _OURS or each.effect not in (NO_SCHEDULE, NO_EXECUTE) or (each.key, each.effect) in needed
    ]
    there = {(each.key, each.effect) for each in kept}
    fresh = [core_v1.Taint(key=key, effect=effect, time_added=rfc3339(now)) for key, effect in sorted(needed - there)]
    return kept + fresh


def _status_of(conditions: Sequence[core_v1.NodeCondition], kind: str) -> str:
    """Status of a condition; a node that never said whether it is ready is Unknown, other conditions False."""
    found = next((each for each in conditions if each.type == kind), None)
    return found.status if found is not None else (UNKNOWN if kind == READY else FALSE)


def _mark_pods(pods: Sequence[core_v1.Pod], now: float) -> list[Action]:
    """Pods of a node that is not ready are not ready either: services must not send to them."""
    actions: list[Action] = []
    for pod in pods:
        ready = condition(pod, READY)
        if ready is None or ready.status != TRUE:
            continue
        marked = msgspec.structs.replace(ready, status=FALSE, last_transition_time=rfc3339(now))
        status = msgspec.structs.replace(
            pod.status, conditions=[marked if each is ready else each for each in pod.status.conditions]
        )
        made = msgspec.structs.replace(pod, status=status)
        actions.append(Update(made, f"its node {pod.spec.node_name} is not ready", "status"))
        actions.append(Tell(reference(pod), "Warning", "NodeNotReady", "Node is not ready"))
    return actions


def _of_lease(old: Any, new: Any, caches: Caches) -> Iterable[Key]:
    del old, caches
    if new is not None and new.metadata.namespace == LEASE_NAMESPACE:
        yield "", new.metadata.name


def _of_pod(old: core_v1.Pod | None, new: core_v1.Pod | None, caches: Caches) -> Iterable[Key]:
    """A pod that says Ready on a node that is not: look at the node."""
    del old
    if new is None or not new.spec.node_name:
        return
    node = caches.get(core_v1.Node, "", new.spec.node_name)
    if node is not None and _status_of(node.status.conditions, READY) != TRUE:
        yield "", new.spec.node_name


class NodeLifecycleController:
    """Looks at one Node at a time; remembers when it saw each node's last heartbeat."""

    name = "node-controller"
    workers = 2
    reads = (
        Reads(core_v1.Node, itself),
        Reads(coordination_v1.Lease, _of_lease),
        Reads(core_v1.Pod, _of_pod, {BY_NODE: by_node}),
    )
    writes = (core_v1.Node, core_v1.Pod)

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds
        self._heartbeats: dict[str, _Heartbeat] = {}

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        node = caches.get(core_v1.Node, *key)
        if node is None:
            self._heartbeats.pop(key[1], None)
            return []
        now = turn.monotonic
        silent = self._silent_seconds(node, caches, now)
        anybody = silent < self._grace_seconds or any(
            self._silent_seconds(each, caches, now) < self._grace_seconds
            and _status_of(each.status.conditions, READY) == TRUE
            for each in caches.list(core_v1.Node)
        )
        pods = caches.by(core_v1.Pod, BY_NODE, key[1])
        return reconcile(node, Seen(silent, self._grace_seconds, pods, anybody), turn.now)

    def _silent_seconds(self, node: core_v1.Node, caches: Caches, now: float) -> float:
        """Seconds since a heartbeat (lease or status) of the node was seen to change."""
        name = node.metadata.name
        lease = caches.get(coordination_v1.Lease, LEASE_NAMESPACE, name)
        ready = next((each for each in node.status.conditions if each.type == READY), None)
        renewed = lease.spec.renew_time if lease is not None else None
        beat = (node.metadata.uid, renewed, ready.last_heartbeat_time if ready is not None else None)
        known = self._heartbeats.get(name)
        if known is None or known.beat != beat:
            self._heartbeats[name] = _Heartbeat(beat, now)
            return 0.0
        silent = now - known.seen_at
        if not known.judged and silent >= self._grace_seconds:
            if silent > self._grace_seconds + LATE_SECONDS:
                # We come late to the deadline: this process stood still, and what was sent meanwhile is not read yet.
                known.seen_at, silent = now, 0.0
            else:
                known.judged = True
        return silent


@dataclass
class _Heartbeat:
    """A heartbeat, when it was seen (monotonic seconds), and whether its silence was judged in time."""

    beat: tuple[str | None, ...]
    seen_at: float
    judged: bool = False
