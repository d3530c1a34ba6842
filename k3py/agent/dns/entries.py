"""What the name table keeps of Services, EndpointSlices and VPCs: flat, small, and what is written to disk. Decides."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Final

import msgspec

from k3py.agent.dns.names import LABEL_LENGTH_MAX, BadName, from_text
from k3py.model import ghost, vpc_v1
from k3py.model.generated import core_v1, discovery_v1

SERVICE_NAME: Final = "kubernetes.io/service-name"
HEADLESS: Final = "None"
EXTERNAL_NAME: Final = "ExternalName"
# resolv.conf(5) knows three: they are asked one after the other, and for more nobody waits.
NAMESERVERS_MAX: Final = 3

Key = tuple[str, str]
"""Namespace and name of a Service."""


class Port(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A named port; ``name`` and ``protocol`` in lower case."""

    name: str
    protocol: str
    number: int


class ServiceEntry(msgspec.Struct, frozen=True, array_like=True):
    """A Service. ``addresses``: its cluster IPs as 4 or 16 bytes, none for headless ones. ``external``: the wire name
    that an ExternalName stands for."""

    namespace: str
    name: str
    vpc: str
    headless: bool = False
    addresses: tuple[bytes, ...] = ()
    ipv4: bool = True
    ipv6: bool = False
    publish_not_ready: bool = False
    ports: tuple[Port, ...] = ()
    external: bytes = b""

    @property
    def key(self) -> Key:
        return self.namespace, self.name


class Endpoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One address of a slice, 4 or 16 bytes; ``hostname`` is empty if the endpoint has none."""

    address: bytes
    hostname: str
    ready: bool


class SliceEntry(msgspec.Struct, frozen=True, array_like=True):
    """An EndpointSlice of the Service ``service``."""

    namespace: str
    name: str
    service: str
    vpc: str
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[Port, ...] = ()

    @property
    def key(self) -> Key:
        return self.namespace, self.service


class VpcEntry(msgspec.Struct, frozen=True, array_like=True):
    """A VPC that has its id. ``nameservers``: who is asked for outside names, empty for those of the node."""

    name: str
    cluster: int
    id: int
    network: str
    service_network: str
    nameservers: tuple[str, ...] = ()


def service_entry(service: core_v1.Service) -> ServiceEntry:
    """What a Service says about names. An ExternalName that is no domain name gives a Service without records."""
    meta, spec = service.metadata, service.spec
    vpc = meta.labels.get(vpc_v1.VPC_LABEL) or vpc_v1.DEFAULT_VPC
    if spec.type == EXTERNAL_NAME:
        return ServiceEntry(meta.namespace, meta.name, vpc, external=_external(spec.external_name))
    texts = spec.cluster_ips or ([spec.cluster_ip] if spec.cluster_ip else [])
    headless = HEADLESS in texts
    return ServiceEntry(
        meta.namespace,
        meta.name,
        vpc,
        headless=headless,
        addresses=() if headless else _packed(texts),
        ipv4=not spec.ip_families or "IPv4" in spec.ip_families,
        ipv6="IPv6" in spec.ip_families,
        publish_not_ready=spec.publish_not_ready_addresses,
        ports=tuple(Port(each.name.lower(), (each.protocol or "TCP").lower(), each.port) for each in spec.ports),
    )


def _label(text: str) -> str:
    """A host name as one label of a domain name; empty if it is none."""
    return text.lower() if text.isascii() and "." not in text and len(text) <= LABEL_LENGTH_MAX else ""


def _external(text: str) -> bytes:
    try:
        return from_text(text)
    except BadName:
        return b""


def slice_entry(made: discovery_v1.EndpointSlice) -> SliceEntry | None:
    """What an EndpointSlice says about names; None for one of no Service, and for slices of host names (FQDN)."""
    meta = made.metadata
    service = meta.labels.get(SERVICE_NAME, "")
    if not service or made.address_type not in ("IPv4", "IPv6"):
        return None
    endpoints: list[Endpoint] = []
    for each in made.endpoints:
        # Kubernetes: an unknown readiness counts as ready.
        ready = each.conditions.ready is not False
        hostname = _label(each.hostname or "")
        endpoints += [Endpoint(address, hostname, ready) for address in _packed(each.addresses)]
    return SliceEntry(
        meta.namespace,
        meta.name,
        service,
        meta.labels.get(vpc_v1.VPC_LABEL) or vpc_v1.DEFAULT_VPC,
        tuple(endpoints),
        tuple(
            Port((each.name or "").lower(), (each.protocol or "TCP").lower(), each.port)
            for each in made.ports
            if each.port
        ),
    )


def vpc_entry(vpc: vpc_v1.VPC) -> VpcEntry | None:
    """What a VPC says about names; None while its controller has not given it an id and a prefix."""
    try:
        prefix = ghost.parse(IPv6Network(vpc.status.prefix).network_address)
        network = IPv4Network(vpc.spec.cidr)
        services = str(IPv4Network(vpc.status.service_cidr)) if vpc.status.service_cidr else ""
    except ValueError:
        return None
    if prefix.vpc == ghost.SYSTEM_VPC:
        return None
    asked = vpc.spec.dns.nameservers if vpc.spec.dns is not None else []
    servers = tuple(_nameservers(asked, prefix, network, services))
    return VpcEntry(vpc.metadata.name, prefix.cluster, prefix.vpc, str(network), services, servers)


def _nameservers(asked: Sequence[str], prefix: ghost.Ghost, network: IPv4Network, services: str) -> list[str]:
    """The servers a VPC may name: who is outside, or a pod of its own, which the node reaches at its Ghost address.

    The node asks in the VPC's stead, so everything that only the node can reach is left out: its loopback, its link,
    the cluster's services, and the pods of other VPCs.
    """
    found: list[str] = []
    for text in asked:
        try:
            address = ip_address(text)
        except ValueError:
            continue
        if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
            continue
        if isinstance(address, IPv4Address):
            if services and address in IPv4Network(services):
                continue
            inside = address in network
            found.append(str(ghost.Ghost(prefix.cluster, prefix.vpc, address)) if inside else str(address))
        elif address not in ghost.PREFIX and address.ipv4_mapped is None:
            found.append(str(address))
    return found[:NAMESERVERS_MAX]


def _packed(texts: Sequence[str]) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for text in texts:
        try:
            found.append(ip_address(text).packed)
        except ValueError:
            continue
    return tuple(found)
