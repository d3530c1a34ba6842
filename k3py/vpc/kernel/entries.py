"""The entries of the maps that all programs of the node share. Decides."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from k3py.model.ghost import NAT64, SYSTEM_VPC, Ghost
from k3py.vpc.bpf.abi import LocalFlag, LocalKey, LocalPod, RouteKey, RouteKind
from k3py.vpc.bpf.abi import Route as RouteValue
from k3py.vpc.kernel import names
from k3py.vpc.kernel.layout import mac_bytes
from k3py.vpc.wanted import HOST_IPV4, NodeConfig, PodNetwork, VpcNetwork, Wanted

ROUTES: Final = "routes"
LOCAL_PODS: Final = "local_pods"
PEERS: Final = "peers"

EVERYTHING: Final = IPv4Network("0.0.0.0/0")
# RFC 3927, 7: what is link-local is not forwarded; a cloud's metadata service would hand out the node's identity.
LINK_LOCAL: Final = IPv4Network("169.254.0.0/16")


@dataclass(frozen=True)
class Way:
    """Where a VPC's packets to a range go. ``vpc`` counts for kind VPC."""

    destination: IPv4Network
    kind: RouteKind
    vpc: int = SYSTEM_VPC


def vpc_ways(config: NodeConfig, wanted: Wanted, vpc: VpcNetwork) -> list[Way]:
    """Where a VPC's packets go; of those that fit, the longest prefix holds.

    What is left of the service range is denied: cluster IPs are resolved at the socket, so no packet should ask. Of the
    shared address space (RFC 6598) only the egress range is, where an address is another pod; the rest is somebody's
    network outside (Tailscale's, say).
    """
    system = (wanted.dns, wanted.api, HOST_IPV4)
    return [
        Way(vpc.cidr, RouteKind.VPC, vpc.id),
        *(Way(IPv4Network(each), RouteKind.VPC, SYSTEM_VPC) for each in system),
        Way(wanted.service_cidr, RouteKind.DENIED),
        Way(config.egress_range, RouteKind.DENIED),
        Way(LINK_LOCAL, RouteKind.DENIED),
        Way(EVERYTHING, RouteKind.OUTSIDE if vpc.masquerade else RouteKind.DENIED),
    ]


def route_entries(config: NodeConfig, wanted: Wanted, vpc: VpcNetwork) -> dict[bytes, bytes]:
    """A VPC's part of the map ``routes``."""
    return {_route_key(vpc.id, each.destination): _route(wanted, each) for each in vpc_ways(config, wanted, vpc)}


def all_routes(config: NodeConfig, wanted: Wanted) -> dict[bytes, bytes]:
    """The map ``routes``."""
    return {key: value for vpc in wanted.vpcs.values() for key, value in route_entries(config, wanted, vpc).items()}


def local_key(pod: PodNetwork) -> bytes:
    """The key of a pod in the map ``local_pods``."""
    key = LocalKey(vpc=pod.vpc)
    key.ipv4[:] = pod.ipv4.packed
    return bytes(key)


def local_pod(pod: PodNetwork, index: int) -> bytes:
    """How a pod of this node is reached without translation, by the interface number of its device."""
    plain = LocalFlag.PLAIN if names.is_node(pod) or pod.tap else LocalFlag(0)
    native = LocalFlag(0) if names.is_node(pod) else LocalFlag.NATIVE
    value = LocalPod(ifindex=index, flags=plain | native)
    value.mac[:] = mac_bytes(names.pod_mac(pod))
    return bytes(value)


def local_pods(config: NodeConfig, pods: Mapping[str, PodNetwork], indexes: Mapping[str, int]) -> dict[bytes, bytes]:
    """The map ``local_pods``; ``indexes`` by device. Pods without device are left out."""
    return dict(_local_pods(config, pods, indexes))


def index_of(value: bytes) -> int:
    """The interface number in a value of ``local_pods``."""
    return int(LocalPod.from_buffer_copy(value).ifindex)


def _local_pods(
    config: NodeConfig, pods: Mapping[str, PodNetwork], indexes: Mapping[str, int]
) -> Iterator[tuple[bytes, bytes]]:
    for pod in pods.values():
        index = indexes.get(names.device(config, pod), 0)
        if index:
            yield local_key(pod), local_pod(pod, index)


def _route_key(vpc: int, destination: IPv4Network) -> bytes:
    key = RouteKey(prefix_length=32 + destination.prefixlen, vpc=vpc)
    key.destination[:] = destination.network_address.packed
    return bytes(key)


def _route(wanted: Wanted, way: Way) -> bytes:
    value = RouteValue(kind=way.kind, vpc=way.vpc)
    outside = NAT64.network_address.packed[:12]
    inside = Ghost(wanted.cluster, way.vpc, IPv4Address(0)).prefix
    value.prefix[:] = outside if way.kind is RouteKind.OUTSIDE else inside
    return bytes(value)
