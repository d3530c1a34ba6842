"""Checks of storage classes. Source: Kubernetes ``pkg/apis/storage/validation``."""

from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1, storage_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.node_labels import DEPRECATED

PARAMETERS_MAX: Final = 512
PARAMETERS_BYTES_MAX: Final = 256 << 10
_RECLAIM_POLICIES: Final = ("Delete", "Retain")
_BINDING_MODES: Final = ("Immediate", "WaitForFirstConsumer")


def storage_class(obj: storage_v1.StorageClass, wrong: Errors) -> None:
    """Who makes the volumes, with which parameters, where."""
    if not obj.provisioner:
        wrong.required("provisioner")
    else:
        provisioner = obj.provisioner.lower()
        wrong.each_invalid("provisioner", provisioner, names.qualified_name(provisioner))
    _parameters(obj.parameters, wrong)
    if obj.reclaim_policy and obj.reclaim_policy not in _RECLAIM_POLICIES:
        wrong.unsupported("reclaimPolicy", obj.reclaim_policy, _RECLAIM_POLICIES)
    if obj.volume_binding_mode is None:
        wrong.required("volumeBindingMode")
    elif obj.volume_binding_mode not in _BINDING_MODES:
        wrong.unsupported("volumeBindingMode", obj.volume_binding_mode, _BINDING_MODES)
    _topologies(obj.allowed_topologies, wrong)


def storage_class_update(new: storage_v1.StorageClass, old: storage_v1.StorageClass, wrong: Errors) -> None:
    """What the volumes of a class have in common stays."""
    wrong.immutable("parameters", new.parameters or None, old.parameters or None)
    wrong.immutable("provisioner", new.provisioner, old.provisioner)
    wrong.immutable("reclaimPolicy", new.reclaim_policy, old.reclaim_policy)
    wrong.immutable("volumeBindingMode", new.volume_binding_mode, old.volume_binding_mode)


def storage_class_warnings(obj: storage_v1.StorageClass) -> list[str]:
    """Labels that are going."""
    return [
        f"allowedTopologies[{index}].matchLabelExpressions[{position}].key: {DEPRECATED[each.key]}"
        for index, term in enumerate(obj.allowed_topologies)
        for position, each in enumerate(term.match_label_expressions)
        if each.key in DEPRECATED
    ]


def _parameters(parameters: dict[str, str], wrong: Errors) -> None:
    if len(parameters) > PARAMETERS_MAX:
        wrong.too_long("parameters", PARAMETERS_MAX)
        return
    if "" in parameters:
        wrong.invalid("parameters", "", "field can not be empty.")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items())
    if size > PARAMETERS_BYTES_MAX:
        wrong.too_long("parameters", PARAMETERS_BYTES_MAX)


def _topologies(terms: list[core_v1.TopologySelectorTerm], wrong: Errors) -> None:
    known: list[dict[str, set[str]]] = []
    for index, term in enumerate(terms):
        path = f"allowedTopologies[{index}].matchLabelExpressions"
        wanted: dict[str, set[str]] = {}
        for position, each in enumerate(term.match_label_expressions):
            place = f"{path}[{position}]"
            _requirement(each, place, wrong)
            if each.key in wanted:
                wrong.duplicate(f"{place}.key", each.key)
            wanted[each.key] = set(each.values)
        if wanted in known:
            wrong.duplicate(path, "")
        known.append(wanted)


def _requirement(each: core_v1.TopologySelectorLabelRequirement, path: str, wrong: Errors) -> None:
    if not each.values:
        wrong.required(f"{path}.values")
    seen: set[str] = set()
    for index, value in enumerate(each.values):
        if value in seen:
            wrong.duplicate(f"{path}.values[{index}]", value)
        seen.add(value)
    wrong.each_invalid(f"{path}.key", each.key, names.qualified_name(each.key))
