"""Checks of what decides where a pod may run: selectors, tolerations, taints, affinity, spread."""

from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1, meta_v1
from k3py.objects.fields import Errors

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_WEIGHT_MAX: Final = 100
_UNSATISFIABLE: Final = ("DoNotSchedule", "ScheduleAnyway")
_POSITIVE: Final = "must be greater than zero"
_IN_BOTH: Final = "exists in both matchLabelKeys and labelSelector"
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
            if said := names.label_value(each.value):
                wrong.invalid(f"{place}.operator", each.value, ";".join(said))
        elif each.operator == "Exists":
            if each.value:
                wrong.invalid(f"{place}.operator", each.value, "value must be empty when `operator` is 'Exists'")
        else:
            wrong.unsupported(f"{place}.operator", each.operator, ("Equal", "Exists"))
        if each.effect and each.effect not in EFFECTS:
            wrong.unsupported(f"{place}.effect", each.effect, EFFECTS)


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
        node_selector(required, f"{path}.requiredDuringSchedulingIgnoredDuringExecution", wrong)
    for index, preferred in enumerate(found.preferred_during_scheduling_ignored_during_execution):
        place = f"{path}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        _weight(preferred.weight, f"{place}.weight", wrong)
        _node_term(preferred.preference, f"{place}.preference", False, wrong)


def node_selector(selector: core_v1.NodeSelector, path: str, wrong: Errors) -> None:
    """A selector of nodes has terms, each with requirements."""
    place = f"{path}.nodeSelectorTerms"
    if not selector.node_selector_terms:
        wrong.required(place, "must have at least one node selector term")
    for index, term in enumerate(selector.node_selector_terms):
        _node_term(term, f"{place}[{index}]", True, wrong)


def _weight(weight: int, path: str, wrong: Errors) -> None:
    if not 1 <= weight <= _WEIGHT_MAX:
        wrong.invalid(path, weight, f"must be in the range 1-{_WEIGHT_MAX}")


def _node_term(term: core_v1.NodeSelectorTerm, path: str, is_required: bool, wrong: Errors) -> None:
    """Requirements for nodes; values of preferences may be anything, as they always were."""
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
        else:
            wrong.invalid(f"{place}.operator", each.operator, "not a valid selector operator")
        wrong.each_invalid(f"{place}.key", each.key, names.qualified_name(each.key))
        for position, value in enumerate(each.values if is_required else ()):
            wrong.each_invalid(f"{place}.values[{position}]", value, names.label_value(value))
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
            continue
        for position, value in enumerate(each.values):
            wrong.each_invalid(f"{place}.values[{position}]", value, names.dns_1123_subdomain(value))


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
    _label_keys(term.label_selector, term.match_label_keys, term.mismatch_label_keys, path, wrong)
    if not term.topology_key:
        wrong.required(f"{path}.topologyKey", "can not be empty")
    wrong.each_invalid(f"{path}.topologyKey", term.topology_key, names.qualified_name(term.topology_key))


def _label_keys(
    selector: meta_v1.LabelSelector | None, same: list[str], other: list[str], path: str, wrong: Errors
) -> None:
    """Keys whose values come from the pod itself; by now they are in the selector as well."""
    for wire, keys in (("matchLabelKeys", same), ("mismatchLabelKeys", other)):
        if keys and selector is None:
            wrong.forbidden(f"{path}.{wire}", "must not be specified when labelSelector is not set")
        for index, key in enumerate(keys if selector is not None else ()):
            wrong.each_invalid(f"{path}.{wire}[{index}]", key, names.qualified_name(key))
    if selector is not None:
        positions = {key: index for index, key in enumerate(same)}
        seen = set(selector.match_labels)
        for each in selector.match_expressions:
            if each.key in positions and each.key in seen:
                wrong.invalid(f"{path}[{positions[each.key]}]", each.key, _IN_BOTH)
            seen.add(each.key)
    for index, key in enumerate(same):
        if key in other:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            wrong.invalid(f"{path}.matchLabelKeys[{index}]", key, detail)


def spread(found: list[core_v1.TopologySpreadConstraint], path: str, wrong: Errors) -> None:
    """Topology spread constraints, unique by key and what to do when they cannot be met."""
    pairs = [(each.topology_key, each.when_unsatisfiable) for each in found]
    for index, each in enumerate(found):
        place = f"{path}[{index}]"
        if each.max_skew <= 0:
            wrong.invalid(f"{place}.maxSkew", each.max_skew, _POSITIVE)
        if not each.topology_key:
            wrong.required(f"{place}.topologyKey", "can not be empty")
        if each.when_unsatisfiable not in _UNSATISFIABLE:
            wrong.unsupported(f"{place}.whenUnsatisfiable", each.when_unsatisfiable, _UNSATISFIABLE)
        if pairs[index] in pairs[index + 1 :]:
            shown = f"{{{each.topology_key}, {each.when_unsatisfiable}}}"
            wrong.duplicate(f"{place}.{{topologyKey, whenUnsatisfiable}}", shown)
        _domains(each, place, wrong)
        for wire, policy in (
            ("nodeAffinityPolicy", each.node_affinity_policy), ("nodeTaintsPolicy", each.node_taints_policy),
        ):  # fmt: skip
            if policy is not None and policy not in ("Honor", "Ignore"):
                wrong.unsupported(f"{place}.{wire}", policy, ("Honor", "Ignore"))
        _label_keys(each.label_selector, each.match_label_keys, [], place, wrong)
        if each.label_selector is not None:
            label_selector(each.label_selector, f"{place}.labelSelector", wrong)


def _domains(constraint: core_v1.TopologySpreadConstraint, path: str, wrong: Errors) -> None:
    least, action = constraint.min_domains, constraint.when_unsatisfiable
    if least is None:
        return
    if least <= 0:
        wrong.invalid(f"{path}.minDomains", least, _POSITIVE)
    if action != "DoNotSchedule":
        detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        wrong.invalid(f"{path}.minDomains", least, detail)


def gates(found: list[core_v1.PodSchedulingGate], path: str, wrong: Errors) -> None:
    """Scheduling gates are unique."""
    known: set[str] = set()
    for index, gate in enumerate(found):
        place = f"{path}[{index}]"
        wrong.each_invalid(place, gate.name, names.qualified_name(gate.name))
        if gate.name in known:
            wrong.duplicate(place, gate.name)
        known.add(gate.name)
