"""Checks of nodes."""

import ipaddress
from typing import Final

from k3py.model.generated import core_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.scheduling import taints

_POD_CIDRS_MAX: Final = 2


def node(obj: core_v1.Node, wrong: Errors) -> None:
    """Taints are unique, ranges of addresses are ranges."""
    taints(obj.spec.taints, "spec.taints", wrong)
    ranges = obj.spec.pod_cidrs
    if not ranges:
        return
    for index, each in enumerate(ranges):
        try:
            ipaddress.ip_network(each)
        except ValueError:
            detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            wrong.invalid(f"spec.podCIDRs[{index}]", each, detail)
    if len(ranges) > _POD_CIDRS_MAX:
        wrong.invalid("spec.podCIDRs", ranges, "may specify no more than one CIDR for each IP family")


def node_update(new: core_v1.Node, old: core_v1.Node, wrong: Errors) -> None:
    """What a node is given once stays."""
    if old.spec.pod_cidrs and new.spec.pod_cidrs != old.spec.pod_cidrs:
        wrong.forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')
    if old.spec.provider_id and new.spec.provider_id != old.spec.provider_id:
        wrong.forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid')


def node_status(new: core_v1.Node, old: core_v1.Node, wrong: Errors) -> None:
    """Addresses are unique."""
    del old
    known: set[tuple[str, str]] = set()
    for index, address in enumerate(new.status.addresses):
        if (address.type, address.address) in known:
            wrong.duplicate(f"status.addresses[{index}]", address)
        known.add((address.type, address.address))
