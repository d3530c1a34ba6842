"""Which nodes a pod fits: one function per question, in Kubernetes' order and words.

A filter returns the reasons for which the node does not do, none when it does. The words end up in the pod's
condition and in ``kubectl describe``.
"""

from collections.abc import Callable, Sequence
from typing import Final

from k3py.model.generated import core_v1
from k3py.model.tolerations import first_untolerated, tolerates
from k3py.scheduler.nodes import Room
from k3py.scheduler.requests import PODS, Request, clashes

UNSCHEDULABLE_TAINT: Final = core_v1.Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
NOT_SCHEDULING: Final = ("NoSchedule", "NoExecute")
NAME_FIELD: Final = "metadata.name"

Reasons = Sequence[str]
Filter = Callable[[Request, Room], Reasons]


def schedulable(request: Request, room: Room) -> Reasons:
    """Cordoned nodes take only pods that tolerate it."""
    if not room.node.spec.unschedulable:
        return ()
    if any(tolerates(each, UNSCHEDULABLE_TAINT) for each in request.demands.tolerations):
        return ()
    return ("node(s) were unschedulable",)


def named(request: Request, room: Room) -> Reasons:
    """The pod asks for a node by name."""
    wanted = request.demands.node_name
    return () if not wanted or wanted == room.name else ("node(s) didn't match the requested node name",)


def tolerated(request: Request, room: Room) -> Reasons:
    """The node's taints."""
    if not room.node.spec.taints:
        return ()
    taint = first_untolerated(room.node.spec.taints, request.demands.tolerations, NOT_SCHEDULING)
    return () if taint is None else (f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}",)


def selected(request: Request, room: Room) -> Reasons:
    """nodeSelector, and the node affinity that is required."""
    demands, labels = request.demands, room.node.metadata.labels
    fits = all(labels.get(key) == value for key, value in demands.node_selector.items())
    affinity = demands.affinity
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    if fits and required is not None:
        fits = any(term_matches(term, room.node) for term in required.node_selector_terms)
    return () if fits else ("node(s) didn't match Pod's node affinity/selector",)


def ports_free(request: Request, room: Room) -> Reasons:
    """Host ports."""
    if not request.demands.taken.ports or not clashes(request.demands.taken.ports, tuple(room.ports)):
        return ()
    return ("node(s) didn't have free ports for the requested pod ports",)


def resources_fit(request: Request, room: Room) -> Reasons:
    """Everything that is counted, and the number of pods."""
    reasons = ["Too many pods"] if room.free(PODS) < 1 else []
    reasons += [f"Insufficient {name}" for name, value in request.demands.taken.amounts if value > room.free(name)]
    return reasons


# A node that one of the first four refuses would refuse the pod also if it were empty.
FILTERS: Final[Sequence[Filter]] = (schedulable, named, tolerated, selected, ports_free, resources_fit)
UNRESOLVABLE: Final[frozenset[Filter]] = frozenset((schedulable, named, tolerated, selected))


def refused(request: Request, room: Room) -> tuple[Filter, Reasons] | None:
    """The first filter that refuses the node, and why; None when the pod fits."""
    for each in FILTERS:
        reasons = each(request, room)
        if reasons:
            return each, reasons
    return None


def term_matches(term: core_v1.NodeSelectorTerm, node: core_v1.Node) -> bool:
    """All expressions of a term match; an empty term matches nothing."""
    if not term.match_expressions and not term.match_fields:
        return False
    labels = node.metadata.labels
    return all(_matches(each, labels.get(each.key)) for each in term.match_expressions) and all(
        _matches(each, node.metadata.name if each.key == NAME_FIELD else None) for each in term.match_fields
    )


def _matches(requirement: core_v1.NodeSelectorRequirement, value: str | None) -> bool:
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(requirement, value)
        case _:
            return False


def _compares(requirement: core_v1.NodeSelectorRequirement, value: str | None) -> bool:
    try:
        there, wanted = int(value or ""), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return there > wanted if requirement.operator == "Gt" else there < wanted
