"""What the socket programs' maps should say: where a service answers, and where that leads. Decides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from k3py.vpc.wanted import Backend, Protocol, ServicePort

# Node ports are here too, for processes of the node itself.
LOOPBACK: Final = IPv4Address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Frontend:
    """An address and port of a service, as sockets of a VPC name it."""

    vpc: int
    ipv4: IPv4Address
    port: int
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Target:
    """Where a frontend leads. Without backends it refuses. ``native``: it has its native Ghost address too."""

    backends: tuple[Backend, ...]
    native: bool = False
    affinity_seconds: int = 0


def wanted_entries(services: Sequence[ServicePort], node_addresses: Sequence[IPv4Address]) -> dict[Frontend, Target]:
    """The frontends of all services.

    Where two services claim the same, a cluster IP wins over a node port, and that over an external address, so
    nobody's external address takes another's traffic; then the first in the list wins.
    """
    entries: dict[Frontend, Target] = {}
    for claims in (_cluster_ips(services), _node_ports(services, node_addresses), _external(services)):
        for frontend, target in claims:
            entries.setdefault(frontend, target)
    return entries


def lost_backends(
    before: Mapping[Frontend, Sequence[Backend]], after: Mapping[Frontend, Sequence[Backend]]
) -> dict[Frontend, frozenset[Backend]]:
    """By frontend the backends that it no longer leads to; a frontend that is gone has lost all."""
    lost = {frontend: frozenset(backends).difference(after.get(frontend, ())) for frontend, backends in before.items()}
    return {frontend: backends for frontend, backends in lost.items() if backends}


def _target(service: ServicePort, *, native: bool = False) -> Target:
    return Target(service.backends, native, service.affinity_seconds)


def _cluster_ips(services: Sequence[ServicePort]) -> Iterator[tuple[Frontend, Target]]:
    for each in services:
        for address in each.addresses[:1]:
            frontend = Frontend(each.vpc, address, each.port, each.protocol)
            yield frontend, _target(each, native=each.native)


def _node_ports(
    services: Sequence[ServicePort], node_addresses: Sequence[IPv4Address]
) -> Iterator[tuple[Frontend, Target]]:
    for each in services:
        if each.node_port:
            for address in (LOOPBACK, *node_addresses):
                yield Frontend(each.vpc, address, each.node_port, each.protocol), _target(each)


def _external(services: Sequence[ServicePort]) -> Iterator[tuple[Frontend, Target]]:
    for each in services:
        for address in each.addresses[1:]:
            yield Frontend(each.vpc, address, each.port, each.protocol), _target(each)
