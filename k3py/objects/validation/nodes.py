"""Checks of nodes. Source: Kubernetes ``pkg/apis/core/validation`` and the strategy of nodes."""

from collections.abc import Collection
from typing import Final

from k3py.model import names
from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.addresses import Network, check_network
from k3py.objects.validation.amounts import amount_of
from k3py.objects.validation.endpoints import range_warnings
from k3py.objects.validation.go_names import go_names
from k3py.objects.validation.scheduling import EFFECTS

_FAMILIES: Final = 2
_ONCE: Final = 'node updates may not change {} except from "" to valid'


def new_node(obj: core_v1.Node, wrong: Errors) -> None:
    """A node that registers, with its status."""
    _node(obj, (), wrong)


def _node(obj: core_v1.Node, kept: Collection[str], wrong: Errors) -> None:
    if obj.spec.taints:
        _taints(obj.spec.taints, wrong)
    _resources(obj, wrong)
    _ranges(obj.spec.pod_cidrs, kept, wrong)


def _taints(found: list[core_v1.Taint], wrong: Errors) -> None:
    """One per key and effect; the path is Kubernetes'."""
    known: set[tuple[str, str]] = set()
    for index, each in enumerate(found):
        place = f"metadata.taints[{index}]"
        wrong.each_invalid(f"{place}.key", each.key, names.qualified_name(each.key))
        if said := names.label_value(each.value):
            wrong.invalid(f"{place}.value", each.value, ";".join(said))
        if not each.effect:
            wrong.required(f"{place}.effect")
        elif each.effect not in EFFECTS:
            wrong.unsupported(f"{place}.effect", each.effect, EFFECTS)
        if (each.key, each.effect) in known:
            wrong.duplicate(place, go_names(each), "taints must be unique by key and effect pair")
        known.add((each.key, each.effect))


def _resources(obj: core_v1.Node, wrong: Errors) -> None:
    for word, amounts in (("capacity", obj.status.capacity), ("allocatable", obj.status.allocatable)):
        for name in sorted(amounts):
            amount_of(name, amounts[name], f"status.{word}.{name}", wrong)


def _ranges(ranges: list[str], kept: Collection[str], wrong: Errors) -> None:
    """One range of addresses of each family."""
    path = "spec.podCIDRs"
    read: list[Network | None] = []
    for index, each in enumerate(ranges):
        read.append(check_network(f"{path}[{index}]", each, wrong, kept))
    if len(ranges) < 2:
        return
    families = {each.version for each in read if each is not None}
    if None in read:
        bad = next(text for text, each in zip(ranges, read, strict=True) if each is None)
        said = f"invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR address: {bad}"
        wrong.internal(path, said)
    if None in read or len(families) < _FAMILIES or len(ranges) > _FAMILIES:
        wrong.invalid(path, ranges, "may specify no more than one CIDR for each IP family")
    for index, each in enumerate(ranges):
        if each in ranges[:index]:
            wrong.duplicate(f"{path}[{index}]", each)


def node_update(new: core_v1.Node, old: core_v1.Node, wrong: Errors) -> None:
    """What a node is given once stays. Kubernetes looks at the rest twice, and its causes say so."""
    _node(new, old.spec.pod_cidrs, wrong)
    _changes(new, old, wrong)


def node_status(new: core_v1.Node, old: core_v1.Node, wrong: Errors) -> None:
    """What a node says of itself."""
    _changes(new, old, wrong)


def _changes(new: core_v1.Node, old: core_v1.Node, wrong: Errors) -> None:
    _resources(new, wrong)
    known: set[tuple[str, str]] = set()
    for index, address in enumerate(new.status.addresses):
        if (address.type, address.address) in known:
            wrong.duplicate(f"status.addresses[{index}]", go_names(address))
        known.add((address.type, address.address))
    before, after = old.spec, new.spec
    if before.pod_cidrs and len(before.pod_cidrs) != len(after.pod_cidrs):
        wrong.forbidden("spec.podCIDRs", _ONCE.format("podCIDR"))
    elif before.pod_cidrs:
        for was, now in zip(before.pod_cidrs, after.pod_cidrs, strict=True):
            if was != now:
                wrong.forbidden("spec.podCIDRs", _ONCE.format("podCIDR"))
    if before.provider_id and before.provider_id != after.provider_id:
        wrong.forbidden("spec.providerID", _ONCE.format("providerID"))
    if after.config_source is not None:
        _config_source(after.config_source, wrong)
    if after.taints:
        _taints(after.taints, wrong)
    if before.external_id != after.external_id:
        wrong.forbidden("spec.externalID", "may not be updated")


def _config_source(source: core_v1.NodeConfigSource, wrong: Errors) -> None:
    """A field that nothing uses any more."""
    path = "spec.configSource"
    reference = source.config_map
    if reference is None:
        wrong.invalid(path, go_names(source), "exactly one reference subfield must be non-nil")
        return
    path = f"{path}.configMap"
    if reference.uid:
        wrong.forbidden(f"{path}.uid", "uid must not be set in spec")
    if reference.resource_version:
        wrong.forbidden(f"{path}.resourceVersion", "resourceVersion must not be set in spec")
    for word, value, rule in (
        ("namespace", reference.namespace, names.dns_1123_label),
        ("name", reference.name, names.dns_1123_subdomain),
        ("kubeletConfigKey", reference.kubelet_config_key, names.config_key),
    ):
        wrong.needs(f"{path}.{word}", value, rule, f"{word} must be set")


def node_warnings(obj: core_v1.Node) -> list[str]:
    """Fields that nothing uses any more, and addresses that are not in their one form."""
    said, spec = [], obj.spec
    if spec.config_source is not None:
        said.append("spec.configSource: the feature is removed")
    if spec.external_id:
        said.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    for index, each in enumerate(spec.pod_cidrs):
        said += range_warnings(each, f"spec.podCIDRs[{index}]")
    return said
