"""VPC: each gets its number and prefix; one that is deleted stays until its pods, services and blocks are gone.

A block whose node and pods are gone goes too. Nodes release their empty blocks themselves; when a VPC ends and has no
pod left, its blocks are deleted here, so that no node has to be there for it.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final

import msgspec

from k3py.base.clock import rfc3339
from k3py.controllers import vpc_ids
from k3py.controllers.actions import NORMAL, WARNING, Action, Delete, Patch, Tell, Update, Wake, reference, target
from k3py.controllers.controller import Key, Reads, Turn, itself
from k3py.controllers.informer import Caches
from k3py.controllers.pods import BY_NODE, by_node, is_finished
from k3py.model import ghost
from k3py.model.generated import core_v1, meta_v1
from k3py.model.vpc_v1 import (
    DEFAULT_VPC,
    DEFAULT_VPC_ID,
    FINALIZER,
    PHASE_ACTIVE,
    PHASE_TERMINATING,
    VPC,
    VPCBlock,
    VPCStatus,
    vpc_of,
)

SYSTEM_NAMESPACE: Final = "kube-system"
REMAINING: Final = "ContentRemaining"
# How often the number of pods in the status may follow the pods: it is for people, not for programs.
COUNT_SECONDS: Final = 5.0
# The end of what it waits for wakes it; this is only for what nobody tells it of.
LOOK_AGAIN_SECONDS: Final = 30.0
# Names of what a VPC waits for that a message shows of each kind.
NAMES_SHOWN_MAX: Final = 3
# Network, first and broadcast address of a range are never given.
RESERVED_ADDRESSES: Final = 3


@dataclass(frozen=True)
class Seen:
    """What there is of one VPC, and around it.

    Attributes:
        pods: namespace and name of those in it that have not finished.
        services: namespace and name of those in it.
        blocks: its blocks.
        nodes: names of the nodes with blocks that exist, or have a pod in it that has not finished.
        allocated: how many of the pods have an address.
        default: the VPC ``default``, which keeps the released numbers; None while there is none.
        number: the one that it gets if it has none; 0: none is free.
        cluster: the cluster's id.
        service_cidr: the services' range.
        count_due: the number of pods in the status may be written again.
    """

    pods: Sequence[Key]
    services: Sequence[Key]
    blocks: Sequence[VPCBlock]
    nodes: frozenset[str]
    allocated: int
    default: VPC | None
    number: int
    cluster: int
    service_cidr: str
    count_due: bool = True


def reconcile(vpc: VPC, seen: Seen, now: float) -> list[Action]:
    """What to do about one VPC; ``now`` in seconds since 1970."""
    if vpc.metadata.deletion_timestamp is not None:
        return _end(vpc, seen, now)
    orphans = [each for each in seen.blocks if each.spec.node_name not in seen.nodes]
    actions: list[Action] = [Delete(target(each), f"node {each.spec.node_name} is gone") for each in orphans]
    if FINALIZER not in vpc.metadata.finalizers:
        return [*actions, _finalizers(vpc, [*vpc.metadata.finalizers, FINALIZER], "it waits for its pods")]
    number = vpc.status.vpc_id or seen.number
    if not number:
        told = Tell(
            reference(vpc), WARNING, "NoFreeNumber", f"all {ghost.VPC_ID_MAX} numbers of VPCs are taken or rest"
        )
        return [*actions, told, Wake(vpc_ids.REST_SECONDS, "a number may be free then")]
    status = VPCStatus(
        phase=PHASE_ACTIVE,
        vpc_id=number,
        prefix=vpc.status.prefix or str(ghost.block(seen.cluster, number, IPv4Network("0.0.0.0/0"))),
        service_cidr=seen.service_cidr,
        allocated=seen.allocated,
        capacity=IPv4Network(vpc.spec.cidr).num_addresses - RESERVED_ADDRESSES,
    )
    return actions + _status(vpc, status, seen.count_due, f"number {number}, {status.allocated} pods")


def _end(vpc: VPC, seen: Seen, now: float) -> list[Action]:
    if FINALIZER not in vpc.metadata.finalizers:
        return []
    actions: list[Action] = []
    if not seen.pods:
        actions += [Delete(target(each), f"VPC {vpc.metadata.name} is being deleted") for each in seen.blocks]
    if seen.pods or seen.services or seen.blocks:
        reason, message = _waits_for(seen)
        known = next((each for each in vpc.status.conditions if each.type == REMAINING), None)
        status = msgspec.structs.replace(
            vpc.status,
            phase=PHASE_TERMINATING,
            allocated=seen.allocated,
            conditions=[_condition(known, reason, message, now)],
        )
        actions += _status(vpc, status, seen.count_due, message)
        if known is None or known.reason != reason:
            actions.append(Tell(reference(vpc), NORMAL, reason, f"Deletion {message}"))
        return [*actions, Wake(LOOK_AGAIN_SECONDS, "it waits for what is in it")]
    return _release(vpc, seen, now)


def _release(vpc: VPC, seen: Seen, now: float) -> list[Action]:
    """Note the number first: when the finalizer goes, nobody knows any more whose it was."""
    rest = [each for each in vpc.metadata.finalizers if each != FINALIZER]
    last = _finalizers(vpc, rest, "nothing is left in it")
    number = vpc.status.vpc_id
    if not number:
        return [last]
    if seen.default is None:
        return [Wake(LOOK_AGAIN_SECONDS, f"VPC {DEFAULT_VPC}, which keeps the released numbers, is not there")]
    released = vpc_ids.resting(seen.default.metadata.annotations, now)
    if number in released:
        return [last]
    if len(released) >= vpc_ids.RELEASED_MAX:
        return [Wake(LOOK_AGAIN_SECONDS, f"{len(released)} numbers rest already")]
    annotations = {vpc_ids.RELEASED_ANNOTATION: vpc_ids.written({**released, number: now})}
    return [Patch(target(seen.default), {"metadata": {"annotations": annotations}}, f"number {number} rests"), last]


def _status(vpc: VPC, status: VPCStatus, count_due: bool, why: str) -> list[Action]:
    """Write a status that differs; one that only counts differently waits for its time."""
    if status == vpc.status:
        return []
    if not count_due and _uncounted(status) == _uncounted(vpc.status):
        return [Wake(COUNT_SECONDS, "the number of pods changed")]
    return [Update(msgspec.structs.replace(vpc, status=status), why, "status")]


def _uncounted(status: VPCStatus) -> VPCStatus:
    plain = [msgspec.structs.replace(each, message="") for each in status.conditions]
    return msgspec.structs.replace(status, allocated=0, conditions=plain)


def _finalizers(vpc: VPC, wanted: Sequence[str], why: str) -> Patch:
    return Patch(target(vpc), {"metadata": {"finalizers": list(wanted)}}, why)


def _waits_for(seen: Seen) -> tuple[str, str]:
    """Reason and message: what is still there, with a few names."""
    found = [(word, each) for word, each in (("pod", seen.pods), ("service", seen.services)) if each]
    parts = [f"{len(each)} {word}{'s' if len(each) > 1 else ''} ({_names(each)})" for word, each in found]
    if seen.blocks:
        parts.append(f"{len(seen.blocks)} address block{'s' if len(seen.blocks) > 1 else ''} of nodes")
    reason = f"{found[0][0].capitalize()}sRemain" if found else "BlocksRemain"
    return reason, f"waits for {', '.join(parts)}"


def _names(keys: Sequence[Key]) -> str:
    names = heapq.nsmallest(NAMES_SHOWN_MAX, (f"{namespace}/{name}" for namespace, name in keys))
    return ", ".join([*names, *(["..."] if len(keys) > NAMES_SHOWN_MAX else [])])


def _condition(known: meta_v1.Condition | None, reason: str, message: str, now: float) -> meta_v1.Condition:
    since = known.last_transition_time if known is not None else rfc3339(now)
    return meta_v1.Condition(type=REMAINING, status="True", reason=reason, message=message, last_transition_time=since)


# --- the controller ---

BY_VPC: Final = "vpc"
WITH_ADDRESS: Final = "vpc, with an address"


def _vpc_of_pod(pod: core_v1.Pod) -> Iterable[str]:
    """Index: the VPC of a pod that has not finished."""
    if not pod.spec.host_network and not is_finished(pod):
        yield vpc_of(pod)


def _vpc_of_address(pod: core_v1.Pod) -> Iterable[str]:
    """Index: the VPC of a pod that holds an address of it."""
    if pod.status.pod_ip:
        yield from _vpc_of_pod(pod)


def _vpcs_of_pod(old: core_v1.Pod | None, new: core_v1.Pod | None, caches: Caches) -> Iterable[Key]:
    """Only what the status or the end of a VPC depends on is news."""
    del caches
    if old is not None and new is not None and _shown(old) == _shown(new):
        return
    for name in {vpc_of(each) for each in (old, new) if each is not None and not each.spec.host_network}:
        yield "", name


def _shown(pod: core_v1.Pod) -> tuple[object, ...]:
    return vpc_of(pod), bool(pod.status.pod_ip), is_finished(pod), pod.metadata.uid


def _vpcs_of_service(old: core_v1.Service | None, new: core_v1.Service | None, caches: Caches) -> Iterable[Key]:
    del caches
    if old is None or new is None:
        value = new or old
        assert value is not None
        yield "", vpc_of(value)


def _vpc_of_block(old: VPCBlock | None, new: VPCBlock | None, caches: Caches) -> Iterable[Key]:
    del caches
    value = new or old
    assert value is not None
    yield "", value.spec.vpc


def _vpcs_of_node(old: Any, new: Any, caches: Caches) -> Iterable[Key]:
    if new is None:
        for block in caches.by(VPCBlock, BY_NODE, old.metadata.name):
            yield "", block.spec.vpc


def _vpcs_of_cluster(old: Any, new: Any, caches: Caches) -> Iterable[Key]:
    """The cluster's id comes with its system namespace."""
    if old is None and new.metadata.name == SYSTEM_NAMESPACE:
        for vpc in caches.list(VPC):
            yield "", vpc.metadata.name


def _is_needed(vpc: str, node: str, caches: Caches) -> bool:
    """Whether a node is there, or was and has a pod of the VPC that has not finished."""
    if caches.get(core_v1.Node, "", node) is not None:
        return True
    return any(vpc in _vpc_of_pod(pod) for pod in caches.by(core_v1.Pod, BY_NODE, node))


def _is_settled(vpc: VPC, service_cidr: str) -> bool:
    """Whether nothing but the number of pods can be news."""
    if vpc.metadata.deletion_timestamp is not None or FINALIZER not in vpc.metadata.finalizers:
        return False
    capacity = IPv4Network(vpc.spec.cidr).num_addresses - RESERVED_ADDRESSES
    status = vpc.status
    known = status.vpc_id and status.prefix and (status.capacity, status.service_cidr) == (capacity, service_cidr)
    return status.phase == PHASE_ACTIVE and bool(known)


class VpcController:
    """Looks at one VPC at a time; remembers which numbers are on their way and when it wrote a count."""

    name = "vpc-controller"
    workers = 1
    reads = (
        Reads(VPC, itself),
        Reads(
            VPCBlock,
            _vpc_of_block,
            {BY_VPC: lambda each: (each.spec.vpc,), BY_NODE: lambda each: (each.spec.node_name,)},
        ),
        Reads(core_v1.Pod, _vpcs_of_pod, {BY_VPC: _vpc_of_pod, WITH_ADDRESS: _vpc_of_address, BY_NODE: by_node}),
        Reads(core_v1.Service, _vpcs_of_service, {BY_VPC: lambda each: (vpc_of(each),)}),
        Reads(core_v1.Node, _vpcs_of_node),
        Reads(core_v1.Namespace, _vpcs_of_cluster),
    )
    writes = (VPC, VPCBlock)

    def __init__(self, service_cidr: str) -> None:
        self._service_cidr = service_cidr
        self._promised: dict[str, int] = {}
        self._counted: dict[str, float] = {}

    def plan(self, key: Key, caches: Caches, turn: Turn) -> list[Action]:
        """Gather what ``reconcile`` wants to see."""
        vpc, system = caches.get(VPC, *key), caches.get(core_v1.Namespace, "", SYSTEM_NAMESPACE)
        if vpc is None or system is None:
            return []
        uid, name = vpc.metadata.uid, vpc.metadata.name
        blocks = caches.by(VPCBlock, BY_VPC, name)
        nodes = frozenset(each.spec.node_name for each in blocks if _is_needed(name, each.spec.node_name, caches))
        count_due = turn.monotonic >= self._counted.get(uid, 0.0)
        all_known = all(each.spec.node_name in nodes for each in blocks)
        if all_known and not count_due and _is_settled(vpc, self._service_cidr):
            return [Wake(COUNT_SECONDS, "its pods may be others")]
        default = caches.get(VPC, "", DEFAULT_VPC)
        seen = Seen(
            pods=caches.by(core_v1.Pod, BY_VPC, name).keys,
            services=caches.by(core_v1.Service, BY_VPC, name).keys,
            blocks=blocks,
            nodes=nodes,
            allocated=len(caches.by(core_v1.Pod, WITH_ADDRESS, name)),
            default=default,
            number=self._number(vpc, default, caches, turn.now),
            cluster=ghost.cluster_id_of(system.metadata.uid),
            service_cidr=self._service_cidr,
            count_due=count_due,
        )
        actions = reconcile(vpc, seen, turn.now)
        if count_due or any(isinstance(each, Update) for each in actions):
            self._counted[uid] = turn.monotonic + COUNT_SECONDS
        return actions

    def _number(self, vpc: VPC, default: VPC | None, caches: Caches, now: float) -> int:
        """The number for a VPC that has none; what was given to others may not be in the caches yet."""
        if vpc.status.vpc_id or vpc.metadata.name == DEFAULT_VPC:
            return vpc.status.vpc_id or DEFAULT_VPC_ID
        known = caches.list(VPC)
        living = {each.metadata.uid for each in known}
        self._promised = {uid: number for uid, number in self._promised.items() if uid in living}
        self._counted = {uid: at for uid, at in self._counted.items() if uid in living}
        if vpc.metadata.uid not in self._promised:
            taken = {each.status.vpc_id for each in known} | set(self._promised.values())
            released = vpc_ids.resting(default.metadata.annotations if default is not None else {}, now)
            self._promised[vpc.metadata.uid] = vpc_ids.free(taken, released)
        if not self._promised[vpc.metadata.uid]:
            return self._promised.pop(vpc.metadata.uid)
        return self._promised[vpc.metadata.uid]
