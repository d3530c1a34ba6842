"""What outsiders reach through addresses of the node: node ports and external addresses. Decides."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address

from k3py.vpc.kernel.ruleset import DnatRule
from k3py.vpc.wanted import PodNetwork, ServicePort


def node_port_rules(
    services: Sequence[ServicePort], pods: Mapping[tuple[int, IPv4Address], PodNetwork]
) -> list[DnatRule]:
    """The rules for services that are open to the outside, to their pods on this node.

    Args:
        services: in the order in which they win where two claim the same port.
        pods: of this node, by VPC id and guest IPv4; those without outside address cannot be targets.
    """
    claims = [claim for each in services for claim in _claims(each, pods)]
    rules: dict[object, DnatRule] = {}
    for rule in claims:
        rules.setdefault((rule.protocol, rule.port, rule.host_ip), rule)
    return list(rules.values())


def _claims(service: ServicePort, pods: Mapping[tuple[int, IPv4Address], PodNetwork]) -> Iterator[DnatRule]:
    targets = []
    for each in service.local_backends if service.external_local else service.backends:
        pod = pods.get((service.vpc, each.ipv4))
        if pod is not None and pod.outside_ipv4 is not None:
            targets.append((pod.outside_ipv4, each.port))
    if not targets:
        return
    affinity = service.affinity_seconds > 0
    if service.node_port:
        yield DnatRule(service.protocol, service.node_port, tuple(targets), None, affinity)
    for address in service.addresses[1:]:
        yield DnatRule(service.protocol, service.port, tuple(targets), address, affinity)
