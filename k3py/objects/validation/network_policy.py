"""Checks of network policies. Source: Kubernetes ``pkg/apis/networking/validation``."""

import ipaddress
from collections.abc import Collection, Iterator
from typing import Final

from k3py.model import names
from k3py.model.generated import networking_v1
from k3py.objects.fields import Errors
from k3py.objects.validation.addresses import Network, check_network, parse_network
from k3py.objects.validation.endpoints import range_warnings
from k3py.objects.validation.scheduling import label_selector

PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
TYPES: Final = ("Ingress", "Egress")


def network_policy(obj: networking_v1.NetworkPolicy, wrong: Errors) -> None:
    """Everything that is wrong with a policy."""
    _policy(obj, wrong, ())


def network_policy_update(new: networking_v1.NetworkPolicy, old: networking_v1.NetworkPolicy, wrong: Errors) -> None:
    """Ranges that the stored policy has already may stay as they are written."""
    kept = {text for _, text in _ranges(old)}
    if kept and any(cause.field.startswith("spec") for cause in wrong.causes):
        wrong.causes[:] = [cause for cause in wrong.causes if not cause.field.startswith("spec")]
        _policy(new, wrong, kept)


def network_policy_warnings(obj: networking_v1.NetworkPolicy) -> list[str]:
    """Ranges that are written in an unusual way."""
    return [said for path, text in _ranges(obj) for said in range_warnings(text, path)]


def _policy(obj: networking_v1.NetworkPolicy, wrong: Errors, kept: Collection[str]) -> None:
    spec = obj.spec
    label_selector(spec.pod_selector, "spec.podSelector", wrong)
    for word, side, rules in (
        ("ingress", "from", [(rule.ports, rule.from_) for rule in spec.ingress]),
        ("egress", "to", [(rule.ports, rule.to) for rule in spec.egress]),
    ):
        for index, (ports, peers) in enumerate(rules):
            for position, port in enumerate(ports):
                _port(port, f"spec.{word}[{index}].ports[{position}]", wrong)
            for position, peer in enumerate(peers):
                _peer(peer, f"spec.{word}[{index}].{side}[{position}]", wrong, kept)
    if len(spec.policy_types) > len(TYPES):
        wrong.invalid("spec.policyTypes", spec.policy_types, "may not specify more than two policyTypes")
        return
    for index, each in enumerate(spec.policy_types):
        if each not in TYPES:
            wrong.unsupported(f"spec.policyTypes[{index}]", each, TYPES)


def _port(port: networking_v1.NetworkPolicyPort, path: str, wrong: Errors) -> None:
    if port.protocol is not None and port.protocol not in PROTOCOLS:
        wrong.unsupported(f"{path}.protocol", port.protocol, PROTOCOLS)
    number, last = port.port, port.end_port
    if isinstance(number, int):
        wrong.each_invalid(f"{path}.port", number, names.port_number(number))
        if last is not None:
            if last < number:
                wrong.invalid(f"{path}.endPort", number, "must be greater than or equal to `port`")
            wrong.each_invalid(f"{path}.endPort", last, names.port_number(last))
        return
    if last is not None:
        state = "not specified" if number is None else "non-numeric"
        wrong.invalid(f"{path}.endPort", last, f"may not be specified when `port` is {state}")
    if number is not None:
        wrong.each_invalid(f"{path}.port", number, names.port_name(number))


def _peer(peer: networking_v1.NetworkPolicyPeer, path: str, wrong: Errors, kept: Collection[str]) -> None:
    if peer.pod_selector is not None:
        label_selector(peer.pod_selector, f"{path}.podSelector", wrong)
    if peer.namespace_selector is not None:
        label_selector(peer.namespace_selector, f"{path}.namespaceSelector", wrong)
    if peer.ip_block is not None:
        _block(peer.ip_block, f"{path}.ipBlock", wrong, kept)
    selects = peer.pod_selector is not None or peer.namespace_selector is not None
    if not selects and peer.ip_block is None:
        wrong.required(path, "must specify a peer")
    elif selects and peer.ip_block is not None:
        wrong.forbidden(path, "may not specify both ipBlock and another peer")


def _block(block: networking_v1.IPBlock, path: str, wrong: Errors, kept: Collection[str]) -> None:
    if not block.cidr:
        wrong.required(f"{path}.cidr")
        return
    whole = check_network(f"{path}.cidr", block.cidr, wrong, kept)
    if whole is None:
        return
    for index, text in enumerate(block.except_):
        place = f"{path}.except[{index}]"
        part = check_network(place, text, wrong, kept)
        if part is not None and not _is_strict_subset(part, whole):
            wrong.invalid(place, text, "must be a strict subset of `cidr`")


def _is_strict_subset(part: Network, whole: Network) -> bool:
    if isinstance(part, ipaddress.IPv4Network) != isinstance(whole, ipaddress.IPv4Network):
        return False
    return part.prefixlen > whole.prefixlen and part.network_address in whole


def _ranges(obj: networking_v1.NetworkPolicy) -> Iterator[tuple[str, str]]:
    """Path and text of every range that can be read."""
    sides = [("ingress", "from", [rule.from_ for rule in obj.spec.ingress])]
    sides.append(("egress", "to", [rule.to for rule in obj.spec.egress]))
    for word, side, rules in sides:
        for index, peers in enumerate(rules):
            for position, peer in enumerate(peers):
                if peer.ip_block is None:
                    continue
                path = f"spec.{word}[{index}].{side}[{position}].ipBlock"
                yield f"{path}.cidr", peer.ip_block.cidr
                for number, text in enumerate(peer.ip_block.except_):
                    if parse_network(text) is not None:
                        yield f"{path}.except[{number}]", text
