"""Binding pods to nodes: one as the API asks for it, many as the scheduler does."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from k3py.base.clock import rfc3339
from k3py.model import codec
from k3py.model.errors import Cause, Problem, conflict, invalid, not_found
from k3py.model.generated import core_v1
from k3py.model.kinds import KINDS
from k3py.model.user import User
from k3py.model.vpc_v1 import DEFAULT_VPC, VPC_LABEL
from k3py.objects.admission import Admission
from k3py.objects.admit.topology import topology_labels
from k3py.objects.changes import Replacement
from k3py.objects.encoding import encoded
from k3py.objects.fields import IMMUTABLE, shown
from k3py.objects.identity import other_uid, other_version
from k3py.objects.problems import Unexplained
from k3py.objects.storing import problem_of, storing
from k3py.objects.vpc_admission import VPC_LABEL_PATH
from k3py.store.records import Record
from k3py.store.store import Store
from k3py.store.writes import Replace

NODE: Final = "Node"
SCHEDULED: Final = "PodScheduled"


def label_with_topology(store: Store, target: core_v1.Binding) -> None:
    """What is bound to a node learns where the node is; the labels of a binding become the pod's."""
    if target.target.kind == NODE:
        target.metadata.labels.update(topology_labels(store, target.target.name))


def decide(current: Record, target: core_v1.Binding, now: float) -> Replacement:
    """The pod as it is once it is bound; ``now`` in seconds since 1970.

    Raises:
        Conflict: it is bound, gated, being deleted, or another one than was meant.
        Invalid: the pod would move to another VPC.
        Unexplained: the target is no node.
    """
    _check_target(target)
    pod = codec.decode(core_v1.Pod, current.raw)
    _check_meant(pod, target)
    _check_free(pod)
    _check_vpc(pod, target)
    pod.spec.node_name = target.target.name
    pod.status.nominated_node_name = ""
    for labels, added in (
        (pod.metadata.annotations, target.metadata.annotations),
        (pod.metadata.labels, target.metadata.labels),
    ):
        labels.update(added)
    _mark_scheduled(pod, now)
    return Replacement(pod)


def _check_target(target: core_v1.Binding) -> None:
    """What Kubernetes checks outside its usual way: what it finds has no reason and no causes."""
    said = []
    if target.target.kind not in ("", NODE):
        said.append(f'target.kind: Unsupported value: "{target.target.kind}": supported values: "Node", "<empty>"')
    if not target.target.name:
        said.append("target.name: Required value")
    if said:
        raise Unexplained(said[0] if len(said) == 1 else f"[{', '.join(said)}]")


def _check_meant(pod: core_v1.Pod, target: core_v1.Binding) -> None:
    kind, found, wanted = KINDS.of(core_v1.Pod), pod.metadata, target.metadata
    if wanted.uid and wanted.uid != found.uid:
        raise other_uid(kind, found.namespace, found.name, wanted.uid, found.uid)
    if wanted.resource_version and wanted.resource_version != found.resource_version:
        raise other_version(kind, found.namespace, found.name, wanted.resource_version, found.resource_version)


def _check_vpc(pod: core_v1.Pod, target: core_v1.Binding) -> None:
    """A binding's labels become the pod's, but for the one that its place in the network hangs on."""
    wanted = target.metadata.labels.get(VPC_LABEL)
    if wanted is not None and (wanted or DEFAULT_VPC) != (pod.metadata.labels.get(VPC_LABEL) or DEFAULT_VPC):
        cause = Cause("FieldValueInvalid", f"Invalid value: {shown(wanted)}: {IMMUTABLE}", VPC_LABEL_PATH)
        raise invalid("Binding", "", pod.metadata.name, [cause])


def _check_free(pod: core_v1.Pod) -> None:
    name, why = pod.metadata.name, ""
    if pod.metadata.deletion_timestamp is not None:
        why = f"pod {name} is being deleted, cannot be assigned to a host"
    elif pod.spec.node_name:
        why = f'pod {name} is already assigned to node "{pod.spec.node_name}"'
    elif pod.spec.scheduling_gates:
        why = f"pod {name} has non-empty .spec.schedulingGates"
    if why:
        raise conflict("pods/binding", "", name, why)


def _mark_scheduled(pod: core_v1.Pod, now: float) -> None:
    """Any earlier condition goes with all that it said; only the time stays when it said the same."""
    fresh = core_v1.PodCondition(type=SCHEDULED, status="True", last_transition_time=rfc3339(now))
    for index, condition in enumerate(pod.status.conditions):
        if condition.type == SCHEDULED:
            if condition.status == fresh.status:
                fresh.last_transition_time = condition.last_transition_time
            pod.status.conditions[index] = fresh
            return
    pod.status.conditions.append(fresh)


async def bind_many(
    store: Store, admission: Admission, targets: Sequence[tuple[str, str, str]], user: User, now: float
) -> Sequence[Record | Problem]:
    """Bind pods, each (namespace, pod, node), in as few batches of the store as possible.

    Returns what each came to, in order: the bound pod's record, or the problem that ``Objects.bind`` would raise.
    """
    admission.check_binding(user)
    kind = KINDS.of(core_v1.Pod)
    outcomes: list[Record | Problem | None] = []
    operations: list[Replace] = []
    for namespace, name, node in targets:
        current = store.latest(kind.plural, namespace, name)
        if current is None:
            outcomes.append(not_found("pods", "", name))
            continue
        target = core_v1.Binding(target=core_v1.ObjectReference(kind=NODE, name=node))
        label_with_topology(store, target)
        try:
            pod = decide(current, target, now).obj
        except Problem as problem:
            outcomes.append(problem)
            continue
        outcomes.append(None)
        operations.append(Replace(kind.plural, namespace, name, current.revision, partial(encoded, kind, pod)))
    if len(operations) < len(targets):
        with storing(None, ""):
            await store.settled()
    results = iter(await store.write_many(operations) if operations else ())
    return [outcome if outcome is not None else _outcome(next(results)) for outcome in outcomes]


def _outcome(result: Any) -> Record | Problem:
    if isinstance(result, Record):
        return result
    return problem_of(KINDS.of(core_v1.Pod), "", result)
