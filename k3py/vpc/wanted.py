"""What the node's kernel should look like: values only. The state side says it, the kernel side makes it so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType
from typing import Final

from k3py.model.service_range import api_address, dns_address

# The pod that is the host itself: its link ends in the daemon's own network namespace.
NODE_POD: Final = "node"
# Whom pods see when the node talks to them, and their gateway; in the system VPC.
HOST_IPV4: Final = IPv4Address("169.254.1.1")


@dataclass(frozen=True)
class NodeConfig:
    """What stays the same as long as the daemon runs.

    Attributes:
        instance: 8 hex digits that tell apart the clusters of a host; link names, pins and nft table have it.
        egress_range: where node-unique sources of pods come from; this instance's alone.
        mtu: of the underlay, in bytes; pods get 28 less.
        host_access: the host gets routes to the pods and services of VPC ``default``.
    """

    instance: str
    node_name: str
    egress_range: IPv4Network
    mtu: int = 1500
    host_access: bool = True

    @property
    def link_prefix(self) -> str:
        """Names of our links begin so; people see it, nothing matches by it."""
        return f"k{self.instance[:4]}"

    @property
    def group(self) -> int:
        """The interface group of our links, by which rules match."""
        return 0x6B33_0000 | int(self.instance[:4], 16)

    @property
    def table(self) -> str:
        """The nft table of ours."""
        return f"k3py-{self.instance}"


class Protocol(Enum):
    """Transport protocols that services and host ports know."""

    TCP = 6
    UDP = 17


@dataclass(frozen=True)
class HostPort:
    """A port of the node that leads to one of the pod; ``host_ip`` None is every address of the node."""

    protocol: Protocol
    host_port: int
    container_port: int
    host_ip: IPv4Address | None = None


@dataclass(frozen=True)
class VpcNetwork:
    """A VPC as far as packets are concerned. ``masquerade``: its pods may reach the outside."""

    id: int
    name: str
    cidr: IPv4Network
    masquerade: bool = True


@dataclass(frozen=True)
class PodNetwork:
    """One pod's place in the network.

    ``netns`` is the path of its network namespace, empty for ``NODE_POD`` (the daemon's own) and for virtual machines,
    which have a TAP device ``tap`` with the guest's ``mac`` instead. The two outside addresses are its sources towards
    the outside, for IPv4 sockets and (NAT64) for native IPv6 ones; None where its VPC has no way out.
    """

    uid: str
    vpc: int
    ipv4: IPv4Address
    netns: str = ""
    outside_ipv4: IPv4Address | None = None
    outside_native_ipv4: IPv4Address | None = None
    host_ports: tuple[HostPort, ...] = ()
    tap: str = ""
    mac: str = ""


@dataclass(frozen=True)
class Backend:
    """Where a connection to a service goes: a pod's address and port in the service's VPC, or an outside address."""

    ipv4: IPv4Address
    port: int


@dataclass(frozen=True)
class ServicePort:
    """One port of a service as the socket programs resolve it.

    ``addresses``: cluster IP and external IPs. ``node_port`` 0: none. ``affinity_seconds`` 0: none. ``backends`` empty:
    connections are refused at once. ``local_backends``: those of this node, which an
    ``externalTrafficPolicy: Local`` service uses for what comes from outside.
    """

    vpc: int
    name: str
    protocol: Protocol
    port: int
    addresses: tuple[IPv4Address, ...]
    backends: tuple[Backend, ...] = ()
    node_port: int = 0
    affinity_seconds: int = 0
    local_backends: tuple[Backend, ...] = ()
    external_local: bool = False
    native: bool = False


@dataclass(frozen=True)
class Wanted:
    """Everything. ``blocks`` are this node's slices by VPC id: what is in them and no pod's is unreachable."""

    cluster: int
    service_cidr: IPv4Network
    vpcs: Mapping[int, VpcNetwork] = field(default_factory=lambda: MappingProxyType({}))
    blocks: frozenset[tuple[int, IPv4Network]] = frozenset()
    pods: Mapping[str, PodNetwork] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def api(self) -> IPv4Address:
        """The address of the service ``kubernetes``."""
        return api_address(self.service_cidr)

    @property
    def dns(self) -> IPv4Address:
        """The address of the cluster's DNS."""
        return dns_address(self.service_cidr)
