"""Checks of what decides where a pod may run: selectors, tolerations, taints, affinity, spread."""

import re
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1, meta_v1
from k3py.objects.fields import Errors

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_WEIGHT_MAX: Final = 100
_INTEGER: Final = re.compile("[+-]?[0-9]+", re.ASCII)
_IN_VALUES: Final = "must be specified when `operator` is 'In' or 'NotIn'"
_EXISTS_VALUES: Final = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"


def label_selector(selector: meta_v1.LabelSelector, path: str, wrong: Errors) -> None:
    """A label selector as objects carry it."""
    labels(f"{path}.matchLabels", selector.match_labels, wrong)
    for index, each in enumerate(selector.match_expressions):
        place = f"{path}.matchExpressions[{index}]"
        if each.operator in ("In", "NotIn"):
            if not each.values:
                wrong.required(f"{place}.values", _IN_VALUES)
        elif each.operator in ("Exists", "DoesNotExist"):
            if each.values:
                wrong.forbidden(f"{place}.values", _EXISTS_VALUES)
        else:
            wrong.invalid(f"{place}.operator", each.operator, "not a valid selector operator")
        wrong.each_invalid(f"{place}.key", each.key, names.qualified_name(each.key))
        for position, value in enumerate(each.values):
            wrong.each_invalid(f"{place}.values[{position}]", value, names.label_value(value))


def labels(path: str, wanted: dict[str, str], wrong: Errors) -> None:
    """Label pairs that a selector asks for."""
    for key, value in wanted.items():
        if said := names.qualified_name(key):
            wrong.each_invalid(path, key, said)
        if said := names.label_value(value):
            wrong.each_invalid(path, value, said)


def tolerations(found: list[core_v1.Toleration], path: str, wrong: Errors) -> None:
    """Tolerations say what they tolerate without contradiction."""
    for index, each in enumerate(found):
        place = f"{path}[{index}]"
        if each.key:
            wrong.each_invalid(f"{place}.key", each.key, names.qualified_name(each.key))
        elif each.operator != "Exists":
            detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            wrong.invalid(f"{place}.operator", each.operator, detail)
        if each.toleration_seconds is not None and each.effect != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            wrong.invalid(f"{place}.effect", each.effect, detail)
        if each.operator in ("", "Equal"):
            wrong.each_invalid(f"{place}.operator", each.value, names.label_value(each.value))
        elif each.operator == "Exists":
            if each.value:
                wrong.invalid(f"{place}.operator", each.value, "value must be empty when `operator` is 'Exists'")
        else:
            wrong.unsupported(f"{place}.operator", each.operator, ("Equal", "Exists"))
        if each.effect and each.effect not in EFFECTS:
            wrong.unsupported(f"{place}.effect", each.effect, EFFECTS)


def taints(found: list[core_v1.Taint], path: str, wrong: Errors) -> None:
    """Taints of a node: one per key and effect."""
    known: set[tuple[str, str]] = set()
    for index, each in enumerate(found):
        place = f"{path}[{index}]"
        wrong.each_invalid(f"{place}.key", each.key, names.qualified_name(each.key))
        wrong.each_invalid(f"{place}.value", each.value, names.label_value(each.value))
        if not each.effect:
            wrong.required(f"{place}.effect")
        elif each.effect not in EFFECTS:
            wrong.unsupported(f"{place}.effect", each.effect, EFFECTS)
        if (each.key, each.effect) in known:
            wrong.duplicate(place, each)
        known.add((each.key, each.effect))


def affinity(found: core_v1.Affinity, path: str, wrong: Errors) -> None:
    """Node and pod affinity."""
    if found.node_affinity is not None:
        _node_affinity(found.node_affinity, f"{path}.nodeAffinity", wrong)
    for word, each in (("podAffinity", found.pod_affinity), ("podAntiAffinity", found.pod_anti_affinity)):
        if each is not None:
            _pod_affinity(each, f"{path}.{word}", wrong)


def _node_affinity(found: core_v1.NodeAffinity, path: str, wrong: Errors) -> None:
    required = found.required_during_scheduling_ignored_during_execution
    if required is not None:
        place = f"{path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        if not required.node_selector_terms:
            wrong.required(place, "must have at least one node selector term")
        for index, term in enumerate(required.node_selector_terms):
            _node_term(term, f"{place}[{index}]", wrong)
    for index, preferred in enumerate(found.preferred_during_scheduling_ignored_during_execution):
        place = f"{path}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        _weight(preferred.weight, f"{place}.weight", wrong)
        _node_term(preferred.preference, f"{place}.preference", wrong)


def _weight(weight: int, path: str, wrong: Errors) -> None:
    if not 1 <= weight <= _WEIGHT_MAX:
        wrong.invalid(path, weight, f"must be in the range 1-{_WEIGHT_MAX}")


def _node_term(term: core_v1.NodeSelectorTerm, path: str, wrong: Errors) -> None:
    for index, each in enumerate(term.match_expressions):
        place = f"{path}.matchExpressions[{index}]"
        if each.operator in ("In", "NotIn"):
            if not each.values:
                wrong.required(f"{place}.values", _IN_VALUES)
        elif each.operator in ("Exists", "DoesNotExist"):
            if each.values:
                wrong.forbidden(f"{place}.values", _EXISTS_VALUES)
        elif each.operator in ("Gt", "Lt"):
            if len(each.values) != 1:
                wrong.required(f"{place}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
            elif not _INTEGER.fullmatch(each.values[0]):
                wrong.invalid(
                    f"{place}.values[0]", each.values[0], "for 'Gt', 'Lt' operators, the value must be an integer"
                )
        else:
            wrong.invalid(f"{place}.operator", each.operator, "not a valid selector operator")
        wrong.each_invalid(f"{place}.key", each.key, names.qualified_name(each.key))
    for index, each in enumerate(term.match_fields):
        place = f"{path}.matchFields[{index}]"
        if each.operator in ("In", "NotIn"):
            if len(each.values) != 1:
                detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
                wrong.required(f"{place}.values", detail)
        else:
            wrong.invalid(f"{place}.operator", each.operator, "not a valid selector operator")
        if each.key != "metadata.name":
            wrong.invalid(f"{place}.key", each.key, "not a valid field selector key")


def _pod_affinity(found: core_v1.PodAffinity | core_v1.PodAntiAffinity, path: str, wrong: Errors) -> None:
    for index, term in enumerate(found.required_during_scheduling_ignored_during_execution):
        _pod_term(term, f"{path}.requiredDuringSchedulingIgnoredDuringExecution[{index}]", wrong)
    for index, preferred in enumerate(found.preferred_during_scheduling_ignored_during_execution):
        place = f"{path}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        _weight(preferred.weight, f"{place}.weight", wrong)
        _pod_term(preferred.pod_affinity_term, f"{place}.podAffinityTerm", wrong)


def _pod_term(term: core_v1.PodAffinityTerm, path: str, wrong: Errors) -> None:
    if term.label_selector is not None:
        label_selector(term.label_selector, f"{path}.labelSelector", wrong)
    if term.namespace_selector is not None:
        label_selector(term.namespace_selector, f"{path}.namespaceSelector", wrong)
    for name in term.namespaces:
        wrong.each_invalid(f"{path}.namespace", name, names.dns_1123_label(name))
    if not term.topology_key:
        wrong.required(f"{path}.topologyKey", "can not be empty")
    wrong.each_invalid(f"{path}.topologyKey", term.topology_key, names.qualified_name(term.topology_key))


def spread(found: list[core_v1.TopologySpreadConstraint], path: str, wrong: Errors) -> None:
    """Topology spread constraints, unique by key and what to do when they cannot be met."""
    known: set[tuple[str, str]] = set()
    for index, each in enumerate(found):
        place = f"{path}[{index}]"
        if each.max_skew <= 0:
            wrong.invalid(f"{place}.maxSkew", each.max_skew, "must be greater than zero")
        if not each.topology_key:
            wrong.required(f"{place}.topologyKey", "can not be empty")
        else:
            wrong.each_invalid(f"{place}.topologyKey", each.topology_key, names.qualified_name(each.topology_key))
        if each.when_unsatisfiable not in ("DoNotSchedule", "ScheduleAnyway"):
            options = ("DoNotSchedule", "ScheduleAnyway")
            wrong.unsupported(f"{place}.whenUnsatisfiable", each.when_unsatisfiable, options)
        pair = (each.topology_key, each.when_unsatisfiable)
        if pair in known:
            wrong.duplicate(f"{place}.{{topologyKey, whenUnsatisfiable}}", f"{{{pair[0]}, {pair[1]}}}")
        known.add(pair)
        if each.label_selector is not None:
            label_selector(each.label_selector, f"{place}.labelSelector", wrong)


def gates(spec: core_v1.PodSpec, path: str, wrong: Errors) -> None:
    """Scheduling gates are unique, and none is left once a node is named."""
    known: set[str] = set()
    for index, gate in enumerate(spec.scheduling_gates):
        place = f"{path}.schedulingGates[{index}]"
        wrong.each_invalid(place, gate.name, names.qualified_name(gate.name))
        if gate.name in known:
            wrong.duplicate(place, gate.name)
        known.add(gate.name)
    if spec.scheduling_gates and spec.node_name:
        wrong.forbidden(f"{path}.nodeName", "cannot be set until all schedulingGates have been cleared")
