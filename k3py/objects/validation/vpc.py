"""Checks of VPCs and their blocks, as far as an object alone tells."""

import ipaddress
from ipaddress import IPv4Network
from typing import Final

from k3py.model import ghost, names
from k3py.model.ghost import VPC_ID_MAX
from k3py.model.vpc_ranges import network, unfit
from k3py.model.vpc_v1 import EGRESS_MASQUERADE, EGRESS_NONE, VPC, VPCBlock, block_name
from k3py.objects.fields import Errors
from k3py.objects.validation.scheduling import label_selector

# The name is part of its blocks' names and of label values.
NAME_LENGTH_MAX: Final = 40
# As many as a resolver asks (resolv.conf(5), MAXNS).
NAMESERVERS_MAX: Final = 3
# Of a VPC's Ghost addresses: all but the IPv4 address.
PREFIX_LENGTH: Final = 96
EGRESSES: Final = (EGRESS_MASQUERADE, EGRESS_NONE)
_RULE: Final = "must be a valid IPv4 CIDR value, (e.g. 10.9.8.0/24)"


def name(text: str) -> list[str]:
    """A DNS-1123 label that leaves room in its blocks' names."""
    wrong = names.dns_1123_label(text)
    if len(text) > NAME_LENGTH_MAX:
        wrong.append(f"must be no more than {NAME_LENGTH_MAX} characters")
    return wrong


def vpc(obj: VPC, wrong: Errors) -> None:
    """Everything that is wrong with a VPC."""
    spec = obj.spec
    parsed = network(spec.cidr)
    if not spec.cidr:
        wrong.required("spec.cidr")
    elif parsed is None:
        wrong.invalid("spec.cidr", spec.cidr, _canonical(spec.cidr))
    else:
        wrong.each_invalid("spec.cidr", spec.cidr, unfit(parsed))
    if spec.egress == "Gateway":
        detail = "needs gateway nodes, which this version does not have: use Masquerade or None"
        wrong.invalid("spec.egress", spec.egress, detail)
    elif spec.egress not in EGRESSES:
        wrong.unsupported("spec.egress", spec.egress, EGRESSES)
    if spec.allowed_namespaces is not None:
        label_selector(spec.allowed_namespaces, "spec.allowedNamespaces", wrong)
    if spec.dns is not None:
        _nameservers(spec.dns.nameservers, wrong)


def vpc_update(new: VPC, old: VPC, wrong: Errors) -> None:
    """The range stays: addresses of it are in use."""
    wrong.immutable("spec.cidr", new.spec.cidr, old.spec.cidr)


def vpc_status(new: VPC, old: VPC, wrong: Errors) -> None:
    """The number and the prefix fit each other and stay once they are given: addresses are made of them."""
    for path, after, before in (
        ("status.vpcID", new.status.vpc_id, old.status.vpc_id),
        ("status.prefix", new.status.prefix, old.status.prefix),
    ):
        if before and after != before:
            wrong.invalid(path, after, "may not change once set")
    if not 0 <= new.status.vpc_id <= VPC_ID_MAX:
        wrong.invalid("status.vpcID", new.status.vpc_id, f"must be between 1 and {VPC_ID_MAX}, inclusive")
    elif new.status.prefix and not _is_prefix_of(new.status.prefix, new.status.vpc_id):
        detail = f"must be the /96 of the Ghost addresses of VPC {new.status.vpc_id}"
        wrong.invalid("status.prefix", new.status.prefix, detail)


def _is_prefix_of(text: str, number: int) -> bool:
    try:
        prefix = ipaddress.IPv6Network(text)
        parsed = ghost.parse(prefix.network_address)
    except ValueError:
        return False
    return prefix.prefixlen == PREFIX_LENGTH and parsed.vpc == number and not parsed.native


def block(obj: VPCBlock, wrong: Errors) -> None:
    """Everything that is wrong with a block, but for what its VPC says."""
    spec = obj.spec
    for path, text, rule in (
        ("spec.vpc", spec.vpc, name),
        ("spec.nodeName", spec.node_name, names.dns_1123_subdomain),
    ):
        wrong.needs(path, text, rule)
    if not 1 <= spec.vpc_id <= VPC_ID_MAX:
        wrong.invalid("spec.vpcID", spec.vpc_id, f"must be between 1 and {VPC_ID_MAX}, inclusive")
    if not spec.cidr:
        wrong.required("spec.cidr")
    elif network(spec.cidr) is None:
        wrong.invalid("spec.cidr", spec.cidr, _canonical(spec.cidr))
    elif obj.metadata.name and spec.vpc and obj.metadata.name != block_name(spec.vpc, spec.cidr):
        detail = f"must be {block_name(spec.vpc, spec.cidr)}, made of VPC and slice"
        wrong.invalid("metadata.name", obj.metadata.name, detail)


def block_update(new: VPCBlock, old: VPCBlock, wrong: Errors) -> None:
    """A block has one owner from its first to its last day."""
    wrong.immutable("spec", new.spec, old.spec)


def _canonical(text: str) -> str:
    try:
        meant = IPv4Network(text, strict=False)
    except ValueError:
        return _RULE
    return f"must not have bits set beyond the prefix length: {meant} is meant" if "/" in text else _RULE


def _nameservers(servers: list[str], wrong: Errors) -> None:
    path = "spec.dns.nameservers"
    if len(servers) > NAMESERVERS_MAX:
        wrong.too_many(path, len(servers), NAMESERVERS_MAX)
    for index, each in enumerate(servers):
        try:
            ipaddress.ip_address(each)
        except ValueError:
            wrong.invalid(f"{path}[{index}]", each, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
        else:
            if each in servers[:index]:
                wrong.duplicate(f"{path}[{index}]", each)
